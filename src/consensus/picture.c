/* Taking a picture of this node's own state: chunks to the chunk disk, then the manifest to
 * libraft's. Never reported as failed: libraft would abort. A full disk is asked again until it
 * has space; an I/O error stops the node. */
#include "consensus/picture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/inside.h"

struct chunk_name chunk_name_of(const struct manifest *m, unsigned chunk)
{
	const struct chunk_info *info = &m->chunks[chunk];
	const struct chunk_name name = {chunk, info->changed, info->checksum};

	return name;
}

/* A picture costs as much as the state is large: wait until the log has grown by a fair part of
 * it, and while a member fetches the present one. Not for ever: the log is kept until then. */
static bool worth_it(struct consensus *c)
{
	struct picture *p = &c->picture;
	raft_index since = c->raft.commit_index - c->raft.trail.snapshot.index;
	int64_t now_ms = inside_now_ms(c);

	if (p->damaged || since / PICTURE_PATIENCE >= c->config.snapshot_threshold)
		return true;
	if (p->wanted_ms != 0 && now_ms - p->wanted_ms < PICTURE_FETCHED_MS)
		return false;
	return p->applied_bytes >= store_bytes(c->store) / 4;
}

/* As few entries as make a quarter of the bytes between pictures, by their average. */
static unsigned trailing_of(const struct consensus *c)
{
	const raft_index since = c->raft.commit_index - c->raft.trail.snapshot.index;
	const uint64_t average = c->picture.applied_bytes / (since > 0 ? since : 1) + 1;
	const uint64_t fit = c->config.snapshot_bytes / 4 / average + 1;

	if (c->config.snapshot_bytes == 0 || fit >= c->config.snapshot_trailing)
		return c->config.snapshot_trailing;
	return (unsigned)fit;
}

void picture_note_applied(struct consensus *c, size_t bytes)
{
	struct picture *p = &c->picture;
	const uint64_t before = p->applied_bytes;

	p->applied_bytes += bytes;
	p->all_bytes += bytes;
	if (before < c->config.snapshot_bytes && p->applied_bytes >= c->config.snapshot_bytes)
		raft_set_snapshot_threshold(&c->raft, 1);
}

int picture_begin(struct consensus *c)
{
	struct picture *p = &c->picture;

	if (p->state != PICTURE_IDLE || c->fetch.active || !worth_it(c))
		return RAFT_BUSY;
	if (image_begin(c->store, &p->image) != ST_OK)
		return RAFT_NOMEM;
	if (p->last != NULL && !p->damaged)
		image_reuse(p->image, p->last);
	raft_set_snapshot_threshold(&c->raft, c->config.snapshot_threshold);
	raft_set_snapshot_trailing(&c->raft, trailing_of(c));
	p->state = PICTURE_BEGUN;
	p->begun_us = c->ops.now_us(c->ops.arg);
	memset(&p->taking, 0, sizeof p->taking);
	p->encoded = false;
	p->pace_us = p->begun_us;
	p->reached = 0;
	p->applied_bytes = 0;
	return 0;
}

/* libraft takes snapshots when something is committed. */
void picture_renew(struct consensus *c)
{
	struct picture *p = &c->picture;

	if (p->damaged)
		return;
	p->damaged = true;
	raft_set_snapshot_threshold(&c->raft, 1);
	if (c->raft.state != RAFT_LEADER || raft_transferee(&c->raft) != 0)
		return;
	inside_enter(c);
	if (raft_barrier(&c->raft, &p->nudge, NULL) != 0)
		inside_trace(c, 2, "no entry for a new picture: %s", raft_errmsg(&c->raft));
	inside_leave(c);
}

bool picture_is_begun(const struct consensus *c)
{
	return c->picture.state == PICTURE_BEGUN;
}

int picture_put(struct consensus *c, unsigned trailing, struct raft_io_snapshot_put *request,
                const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
	struct picture *p = &c->picture;

	assert(p->state == PICTURE_BEGUN);
	p->state = PICTURE_TAKING;
	p->trailing = trailing;
	p->asked = request;
	p->snapshot = snapshot;
	p->cb = cb;
	return 0;
}

/* No more chunks are on their way or set aside than PICTURE_STORES_MAX. */
static void set_aside(struct consensus *c, unsigned chunk, uint8_t *bytes, size_t len)
{
	struct picture *p = &c->picture;
	const struct stuck_chunk stuck = {chunk, bytes, len};

	assert(p->n_stuck < PICTURE_STORES_MAX);
	p->stuck[p->n_stuck++] = stuck;
	p->retry_ms = inside_now_ms(c) + PICTURE_RETRY_MS;
}

static void store_chunk(struct consensus *c, unsigned chunk, uint8_t *bytes, size_t len)
{
	struct picture *p = &c->picture;
	const struct chunk_name name = chunk_name_of(image_manifest(p->image), chunk);
	uint64_t tag = (uint64_t)chunk << ASKER_BITS | ASKER_PICTURE;

	/* What is there is as good as what would be written, unless something there is damaged. */
	if (!p->damaged && c->chunks->has(c->chunks, &name)) {
		free(bytes);
		return;
	}
	if (c->chunks->store(c->chunks, &name, bytes, len, tag) == ST_OK) {
		p->storing++;
		return;
	}
	set_aside(c, chunk, bytes, len);
}

/* A picture has time, unless the log, which is kept until it is complete, grows faster than it
 * gets along, keeping the state as it was takes too much memory, or a fetched one waits for it. */
static bool in_a_hurry(const struct consensus *c)
{
	const struct picture *p = &c->picture;
	const uint64_t log_bytes = p->applied_bytes;

	if (p->damaged || c->fetch.active ||
	    image_kept_bytes(p->image) > store_bytes(c->store) / PICTURE_KEPT_SHARE)
		return true;
	return c->config.snapshot_bytes > 0 &&
	       log_bytes * IMAGE_CHUNKS > c->config.snapshot_bytes * p->reached;
}

static bool is_paused(const struct consensus *c)
{
	return c->last_ms * 1000 < c->picture.pace_us && !in_a_hurry(c);
}

/* The next chunk begins when this one's bytes are due at the pace that pictures have. */
static void keep_pace(struct consensus *c, size_t len)
{
	struct picture *p = &c->picture;
	const int64_t earliest_us = (inside_now_ms(c) - PICTURE_LAG_MS) * 1000;
	const int64_t cost_us = (int64_t)(len + PICTURE_FILE_BYTES) * 1000 / PICTURE_BYTES_A_MS;

	p->pace_us = (p->pace_us > earliest_us ? p->pace_us : earliest_us) + cost_us;
}

/* Encode and store the next chunk. Returns its bytes. */
static size_t next_chunk(struct consensus *c)
{
	struct picture *p = &c->picture;
	unsigned chunk;
	enum status st;
	struct buf b;

	buf_init(&b, CHUNK_BYTES_MAX);
	st = image_next(p->image, &b, &chunk);
	if (st == ST_OK) {
		p->taking.chunks_new++;
		p->taking.bytes_new += b.len;
		p->reached = chunk + 1;
		keep_pace(c, b.len);
		store_chunk(c, chunk, b.base, b.len);
		return b.len;
	}
	buf_close(&b);
	if (st == ST_NOT_FOUND)
		p->encoded = true;
	else if (st == ST_UNKNOWN || st == ST_CLOSED)
		inside_fatal(c, "memory was too short to keep the state while a picture was taken");
	else
		p->retry_ms = inside_now_ms(c) + PICTURE_RETRY_MS;
	return 0;
}

static void begin_sync(struct consensus *c)
{
	struct picture *p = &c->picture;

	if (c->chunks->sync(c->chunks, ASKER_PICTURE) == ST_OK)
		p->state = PICTURE_SYNCING;
	else
		p->retry_ms = inside_now_ms(c) + PICTURE_RETRY_MS;
}

static void store_more(struct consensus *c)
{
	struct picture *p = &c->picture;
	size_t bytes = 0;

	while (p->n_stuck > 0 && p->storing < PICTURE_STORES_MAX && p->retry_ms == 0) {
		const struct stuck_chunk stuck = p->stuck[--p->n_stuck];

		store_chunk(c, stuck.chunk, stuck.bytes, stuck.len);
	}
	if (image_kept_bytes(p->image) > p->taking.kept_max)
		p->taking.kept_max = image_kept_bytes(p->image);
	while (!p->encoded && !c->failed && p->n_stuck == 0 && p->storing < PICTURE_STORES_MAX &&
	       p->retry_ms == 0 && bytes < PICTURE_STEP_BYTES && !is_paused(c))
		bytes += next_chunk(c);
}

/* Encoding these chunks is the longest time for which taking a picture holds up anything else. */
void picture_step(struct consensus *c)
{
	struct picture *p = &c->picture;
	int64_t begun_us;
	int64_t took_us;

	if (p->state != PICTURE_TAKING || inside_now_ms(c) < p->retry_ms || c->failed)
		return;
	p->retry_ms = 0;
	begun_us = c->ops.now_us(c->ops.arg);
	store_more(c);
	took_us = c->ops.now_us(c->ops.arg) - begun_us;
	if (took_us > p->taking.step_max_us)
		p->taking.step_max_us = took_us;
	if (p->encoded && p->storing == 0 && p->n_stuck == 0)
		begin_sync(c);
}

int64_t picture_due_ms(const struct consensus *c)
{
	const struct picture *p = &c->picture;
	const int64_t pace_ms = (p->pace_us + 999) / 1000;

	if (p->state != PICTURE_TAKING)
		return INT64_MAX;
	if (p->n_stuck > 0 || (p->encoded && p->storing == 0))
		return p->retry_ms;
	if (p->encoded || p->storing == PICTURE_STORES_MAX)
		return INT64_MAX;
	return p->retry_ms < pace_ms && !in_a_hurry(c) ? pace_ms : p->retry_ms;
}

void picture_stored(struct consensus *c, uint64_t tag, enum status st, uint8_t *bytes, size_t len)
{
	struct picture *p = &c->picture;

	assert(p->storing > 0);
	p->storing--;
	if (st == ST_NO_SPACE || st == ST_NOMEM) {
		set_aside(c, (unsigned)tag, bytes, len);
		return;
	}
	free(bytes);
	if (st != ST_OK)
		inside_fatal(c, "cannot store a chunk of the state");
}

static void note_taken(struct consensus *c)
{
	struct picture *p = &c->picture;
	struct consensus_picture *t = &p->taking;
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++) {
		t->chunks += p->last->chunks[i].len > 0;
		t->bytes += p->last->chunks[i].len;
	}
	t->index = p->last->index;
	t->elapsed_ms = (c->ops.now_us(c->ops.arg) - p->begun_us) / 1000;
	t->nth = p->taken.nth + 1;
	p->taken = *t;
}

const struct consensus_picture *consensus_picture(const struct consensus *c)
{
	return &c->picture.taken;
}

static void put_done(struct raft_io_snapshot_put *request, int status)
{
	struct consensus *c = request->data;
	struct picture *p = &c->picture;

	if (status != 0 && !c->closing) {
		char why[sizeof c->why];

		snprintf(why, sizeof why, "cannot store a snapshot: %s", c->disk->errmsg);
		p->state = PICTURE_FAILED;
		free(request);
		inside_fatal(c, why);
		return;
	}
	free(p->buf.base);
	p->buf.base = NULL;
	p->state = PICTURE_IDLE;
	inside_enter(c);
	p->cb(p->asked, c->closing ? RAFT_CANCELED : status);
	free(request);
	if (!c->closing) {
		note_taken(c);
		picture_keep(c);
	}
	inside_leave(c);
}

/* All chunks are durable: the manifest follows. */
static enum status put_manifest(struct consensus *c)
{
	struct picture *p = &c->picture;
	struct raft_io_snapshot_put *request = calloc(1, sizeof *request);
	struct manifest *m = malloc(sizeof *m);
	struct buf b;
	int rv;

	buf_init(&b, MANIFEST_MAX);
	if (request == NULL || m == NULL)
		goto err;
	*m = *image_manifest(p->image);
	manifest_encode(m, &b);
	if (buf_status(&b) != ST_OK)
		goto err;
	p->buf.base = b.base;
	p->buf.len = b.len;
	p->put = *p->snapshot;
	p->put.bufs = &p->buf;
	p->put.n_bufs = 1;
	request->data = c;
	image_end(p->image);
	p->image = NULL;
	picture_adopt(c, m);
	p->damaged = false;
	p->state = PICTURE_PUTTING;
	rv = c->disk->snapshot_put(c->disk, p->trailing, request, &p->put, put_done);
	if (rv != 0) {
		p->state = PICTURE_FAILED;
		free(request);
		inside_fatal(c, "cannot store a snapshot");
	}
	return ST_OK;
err:
	buf_close(&b);
	free(m);
	free(request);
	return ST_NOMEM;
}

void picture_synced(struct consensus *c, enum status st)
{
	struct picture *p = &c->picture;

	assert(p->state == PICTURE_SYNCING);
	if (st != ST_OK) {
		inside_fatal(c, "cannot make the chunks of the state durable");
		return;
	}
	if (put_manifest(c) == ST_OK)
		return;
	/* Short of memory: later. */
	p->state = PICTURE_TAKING;
	p->retry_ms = inside_now_ms(c) + PICTURE_RETRY_MS;
}

void picture_adopt(struct consensus *c, struct manifest *m)
{
	struct picture *p = &c->picture;

	free(p->before);
	p->before = p->last;
	p->last = m;
}

static bool in_manifest(const struct manifest *m, const struct chunk_name *name)
{
	return m != NULL && m->chunks[name->chunk].changed == name->changed &&
	       m->chunks[name->chunk].checksum == name->checksum;
}

static bool wanted(void *arg, const struct chunk_name *name)
{
	const struct consensus *c = arg;

	return in_manifest(c->picture.last, name) || in_manifest(c->picture.before, name) ||
	       in_manifest(c->fetch.manifest, name);
}

void picture_keep(struct consensus *c)
{
	c->chunks->keep(c->chunks, wanted, c);
}

/* b: room for its bytes, the same for all chunks. */
static enum status load_chunk(struct consensus *c, struct image_loader *l, const struct manifest *m,
                              unsigned chunk, struct buf *b)
{
	const struct chunk_name name = chunk_name_of(m, chunk);
	struct fault fault = {ST_OK, 0, "it is missing"};
	char text[CHUNK_TEXT];
	enum status st;

	buf_reset(b);
	st = c->chunks->load(c->chunks, &name, b);
	if (st == ST_OK)
		st = image_load_chunk(l, chunk, b->base, b->len, &fault);
	if (st == ST_OK)
		return ST_OK;
	chunk_name_text(&name, text);
	snprintf(c->why, sizeof c->why, "%s: %s (offset %zu)", text, fault.what, fault.at);
	return st == ST_NOMEM ? ST_NOMEM : ST_CORRUPT;
}

static enum status load_chunks(struct consensus *c, struct image_loader *l,
                               const struct manifest *m, struct buf *b)
{
	enum status st = ST_OK;
	uint64_t done = 0;
	uint64_t all = 0;
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++)
		all += m->chunks[i].len;
	for (i = 0; st == ST_OK && i < IMAGE_CHUNKS; i++) {
		if (c->ops.loading != NULL)
			c->ops.loading(c->ops.arg, done, all);
		if (m->chunks[i].len > 0)
			st = load_chunk(c, l, m, i, b);
		done += m->chunks[i].len;
	}
	return st;
}

enum status picture_load(struct consensus *c, const uint8_t *bytes, size_t len)
{
	struct manifest *m = malloc(sizeof *m);
	struct image_loader *loader;
	struct fault fault;
	enum status st = ST_NOMEM;
	struct buf b;

	if (m == NULL)
		return ST_NOMEM;
	st = manifest_decode(bytes, len, m, &fault);
	if (st != ST_OK) {
		snprintf(c->why, sizeof c->why, "snapshot-%llu-%llu: %s (offset %zu)",
		         c->loaded_term, c->loaded_index, fault.what, fault.at);
		goto err_manifest;
	}
	st = image_load(m, &loader);
	if (st != ST_OK)
		goto err_manifest;
	buf_init(&b, CHUNK_BYTES_MAX);
	st = load_chunks(c, loader, m, &b);
	buf_close(&b);
	if (st != ST_OK)
		goto err_loader;
	st = image_load_finish(loader, c->store, &fault);
	if (st != ST_OK) {
		snprintf(c->why, sizeof c->why, "the chunks of snapshot-%llu-%llu: %s",
		         c->loaded_term, c->loaded_index, fault.what);
		goto err_manifest;
	}
	picture_adopt(c, m);
	return ST_OK;
err_loader:
	image_load_abort(loader);
err_manifest:
	free(m);
	return st;
}

/* libraft gets its request back. One that is on its way to libraft's disk comes back from
 * there. */
void picture_close(struct consensus *c)
{
	struct picture *p = &c->picture;

	if (p->state == PICTURE_TAKING || p->state == PICTURE_SYNCING || p->state == PICTURE_FAILED)
		p->cb(p->asked, RAFT_CANCELED);
	if (p->state != PICTURE_PUTTING) {
		p->state = PICTURE_IDLE;
		free(p->buf.base);
		p->buf.base = NULL;
	}
	if (p->image != NULL)
		image_end(p->image);
	p->image = NULL;
	while (p->n_stuck > 0)
		free(p->stuck[--p->n_stuck].bytes);
	free(p->last);
	free(p->before);
	p->last = NULL;
	p->before = NULL;
}
