/* Fetching a picture of the state from the leader: chunks that are here already are read from
 * our own disk, the others asked for a few at a time. A broken link costs what was on its way;
 * a new leader or a newer manifest costs what changed. Nothing is believed before its checksum
 * was counted, and the state takes the old one's place only when libraft has the manifest. */
#include "consensus/inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint64_t tag_of(const struct fetch *f, const struct fetch_part *part)
{
	uint64_t place = (uint64_t)(part - f->parts);

	return (f->generation << ASKER_BITS | place) << ASKER_BITS | ASKER_FETCH;
}

/* The part that an answer is about; NULL when it belongs to an earlier fetch. */
static struct fetch_part *part_of(struct fetch *f, uint64_t tag)
{
	if (!f->active || tag >> ASKER_BITS != f->generation)
		return NULL;
	return &f->parts[tag & ((1U << ASKER_BITS) - 1)];
}

static void part_free(struct fetch_part *part)
{
	free(part->bytes);
	memset(part, 0, sizeof *part);
}

void fetch_end(struct consensus *c)
{
	struct fetch *f = &c->fetch;
	uint64_t generation = f->generation + 1;
	unsigned i;

	for (i = 0; i < FETCH_PARTS; i++)
		part_free(&f->parts[i]);
	if (f->loader != NULL)
		image_load_abort(f->loader);
	free(f->manifest);
	free(f->message);
	memset(f, 0, sizeof *f);
	f->generation = generation;
}

static void give_up(struct consensus *c, const char *why)
{
	inside_trace(c, 2, "the state of %s at index %llu is not fetched: %s", c->fetch.name,
	             (unsigned long long)c->fetch.manifest->index, why);
	fetch_end(c);
}

/* True when libraft will not need the state: it knows a newer term, or has the entries. */
static bool unneeded(const struct consensus *c, const struct wire *w)
{
	const struct raft_install_snapshot *m = &w->message.install_snapshot;
	const struct raft_trail *t = &c->raft.trail;

	return m->term < c->raft.current_term || t->snapshot.index >= m->last_index ||
	       trail_term(t, m->last_index) == m->last_term;
}

static enum status copy_message(struct fetch *f, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		return ST_NOMEM;
	memcpy(copy, bytes, len);
	free(f->message);
	f->message = copy;
	f->message_len = len;
	return ST_OK;
}

/* Empty buckets have no chunk. */
static void skip_empty(struct fetch *f)
{
	while (f->next < IMAGE_CHUNKS && f->manifest->chunks[f->next].len == 0) {
		f->next++;
		f->done++;
	}
}

static enum status begin_new(struct consensus *c, struct manifest *m, const uint8_t *bytes,
                             size_t len)
{
	struct fetch *f = &c->fetch;
	enum status st;
	unsigned i;

	fetch_end(c);
	st = copy_message(f, bytes, len);
	if (st == ST_OK)
		st = image_load(m, &f->loader);
	if (st != ST_OK) {
		fetch_end(c);
		free(m);
		return st;
	}
	f->manifest = m;
	f->active = true;
	for (i = 0; i < IMAGE_CHUNKS; i++)
		f->bytes_all += m->chunks[i].len;
	skip_empty(f);
	f->begun_ms = inside_now_ms(c);
	f->patience_ms = FETCH_RETRY_MS;
	f->progress_ms = f->begun_ms;
	return ST_OK;
}

static bool same_manifest(const struct manifest *a, const struct manifest *b)
{
	return a->index == b->index && a->digest == b->digest &&
	       a->state_version == b->state_version &&
	       memcmp(a->chunks, b->chunks, sizeof a->chunks) == 0;
}

enum status fetch_begin(struct consensus *c, raft_id from, const char *from_name,
                        const uint8_t *bytes, size_t len, const struct wire *w)
{
	struct fetch *f = &c->fetch;
	struct manifest *m;
	struct fault fault;
	enum status st;

	if (unneeded(c, w) || f->installing)
		return ST_NOT_FOUND;
	m = malloc(sizeof *m);
	if (m == NULL)
		return ST_NOMEM;
	st = manifest_decode(w->data, w->data_len, m, &fault);
	if (st == ST_OK)
		store_meet(c->store, m->state_version);
	else if (st == ST_UNSUPPORTED)
		store_meet(c->store, manifest_state_version(w->data, w->data_len));
	if (st == ST_OK && store_beyond(c->store) != 0)
		st = ST_UNSUPPORTED;
	if (st != ST_OK) {
		if (store_beyond(c->store) != 0)
			machine_beyond(c);
		free(m);
		return st;
	}
	if (f->active && same_manifest(m, f->manifest)) {
		free(m);
		st = copy_message(f, bytes, len);
	} else {
		st = begin_new(c, m, bytes, len);
	}
	if (st != ST_OK)
		return st;
	f->from = from;
	memcpy(f->name, from_name, strlen(from_name) + 1);
	return ST_OK;
}

static void ask(struct consensus *c, struct fetch_part *part)
{
	const struct manifest *m = c->fetch.manifest;
	struct chunk_want want = {.name = chunk_name_of(m, part->chunk), .offset = part->got};
	uint64_t left = m->chunks[part->chunk].len - part->got;
	const uint32_t set = c->config.piece_bytes;
	const uint32_t piece = set > 0 && set < PIECE_MAX ? set : PIECE_MAX;

	want.len = left < piece ? (uint32_t)left : piece;
	part->asked_ms = inside_now_ms(c);
	buf_reset(&c->out);
	wire_encode_want(&c->out, &want);
	if (buf_status(&c->out) == ST_OK)
		c->ops.send(c->ops.arg, c->fetch.from, c->fetch.name, c->out.base, c->out.len,
		            TRAFFIC_NORMAL);
}

/* Have a chunk sent. */
static void begin_asking(struct consensus *c, struct fetch_part *part)
{
	part->state = PART_ASKING;
	part->got = 0;
	free(part->bytes);
	part->bytes = malloc(c->fetch.manifest->chunks[part->chunk].len);
	if (part->bytes == NULL) {
		give_up(c, "out of memory");
		return;
	}
	ask(c, part);
}

static void begin_part(struct consensus *c, struct fetch_part *part)
{
	struct fetch *f = &c->fetch;
	struct chunk_name name;

	part->chunk = f->next++;
	skip_empty(f);
	name = chunk_name_of(f->manifest, part->chunk);
	part->state = PART_READING;
	if (!c->chunks->has(c->chunks, &name) ||
	    c->chunks->read(c->chunks, &name, 0, SIZE_MAX, tag_of(f, part)) != ST_OK)
		begin_asking(c, part);
}

static void part_done(struct consensus *c, struct fetch_part *part)
{
	struct fetch *f = &c->fetch;

	f->done++;
	f->bytes_done += f->manifest->chunks[part->chunk].len;
	f->progress_ms = inside_now_ms(c);
	part_free(part);
}

static void store_part(struct consensus *c, struct fetch_part *part)
{
	struct fetch *f = &c->fetch;
	const struct chunk_name name = chunk_name_of(f->manifest, part->chunk);
	uint8_t *bytes = part->bytes;

	part->bytes = NULL;
	part->state = PART_STORING;
	if (c->chunks->store(c->chunks, &name, bytes, f->manifest->chunks[part->chunk].len,
	                     tag_of(f, part)) == ST_OK)
		return;
	part->state = PART_STUCK;
	part->bytes = bytes;
	part->asked_ms = inside_now_ms(c);
}

static void hand_in(struct consensus *c)
{
	struct fetch *f = &c->fetch;
	bool taken;

	/* libraft takes no install while its own snapshot is under way. */
	if (c->raft.legacy.snapshot_taking)
		return;
	f->installing = true;
	inside_enter(c);
	receive_install(c, f->from, f->name, f->message, f->message_len);
	taken = c->raft.snapshot.installing || c->raft.legacy.snapshot_install;
	if (!taken && f->active)
		fetch_end(c);
	inside_leave(c);
}

/* When a part that was asked for counts as lost. Pieces come one after the other: while others
 * come, this one is only waiting for its turn on a slow line. */
static int64_t lost_ms(const struct fetch *f, const struct fetch_part *part)
{
	const int64_t since_ms = part->asked_ms > f->progress_ms ? part->asked_ms : f->progress_ms;

	return since_ms + f->patience_ms;
}

/* Asked for twice, too soon. */
static void be_patient(struct fetch *f)
{
	f->patience_ms *= f->patience_ms < FETCH_RETRY_MAX_MS ? 2 : 1;
}

static void step_parts(struct consensus *c)
{
	struct fetch *f = &c->fetch;
	int64_t now_ms = inside_now_ms(c);
	unsigned i;

	for (i = 0; i < FETCH_PARTS && f->active; i++) {
		struct fetch_part *part = &f->parts[i];

		if (part->state == PART_FREE && f->next < IMAGE_CHUNKS)
			begin_part(c, part);
		else if (part->state == PART_ASKING && now_ms >= lost_ms(f, part))
			ask(c, part);
		else if (part->state == PART_STUCK && now_ms - part->asked_ms >= PICTURE_RETRY_MS)
			store_part(c, part);
	}
}

void fetch_step(struct consensus *c)
{
	struct fetch *f = &c->fetch;

	if (!f->active || f->installing || c->failed)
		return;
	if (f->durable) {
		hand_in(c);
		return;
	}
	if (f->done < IMAGE_CHUNKS) {
		if (inside_now_ms(c) - f->progress_ms >= FETCH_GIVE_UP_MS)
			give_up(c, "no progress");
		else
			step_parts(c);
	} else if (!f->syncing) {
		uint64_t tag = f->generation << (2 * ASKER_BITS) | ASKER_FETCH;

		f->syncing = c->chunks->sync(c->chunks, tag) == ST_OK;
	}
}

int64_t fetch_due_ms(const struct consensus *c)
{
	const struct fetch *f = &c->fetch;
	int64_t due_ms = INT64_MAX;
	unsigned i;

	if (!f->active || f->installing || f->syncing)
		return INT64_MAX;
	if (f->durable)
		return c->last_ms + FETCH_HAND_IN_MS;
	if (f->done == IMAGE_CHUNKS)
		return 0;
	for (i = 0; i < FETCH_PARTS; i++) {
		const struct fetch_part *part = &f->parts[i];
		int64_t at_ms = INT64_MAX;

		if (part->state == PART_FREE && f->next < IMAGE_CHUNKS)
			at_ms = 0;
		else if (part->state == PART_ASKING)
			at_ms = lost_ms(f, part);
		else if (part->state == PART_STUCK)
			at_ms = part->asked_ms + PICTURE_RETRY_MS;
		if (at_ms < due_ms)
			due_ms = at_ms;
	}
	return due_ms;
}

void fetch_stored(struct consensus *c, uint64_t tag, enum status st, uint8_t *bytes, size_t len)
{
	struct fetch_part *part = part_of(&c->fetch, tag);

	(void)len;
	if (st == ST_IO) {
		free(bytes);
		inside_fatal(c, "cannot store a chunk of the state");
		return;
	}
	if (part == NULL || st == ST_OK) {
		free(bytes);
		if (part != NULL)
			part_done(c, part);
		return;
	}
	part->state = PART_STUCK;
	part->bytes = bytes;
	part->asked_ms = inside_now_ms(c);
}

void fetch_synced(struct consensus *c, uint64_t tag, enum status st)
{
	struct fetch *f = &c->fetch;

	if (st != ST_OK) {
		inside_fatal(c, "cannot make the chunks of the state durable");
		return;
	}
	if (!f->active || tag >> ASKER_BITS != f->generation)
		return;
	f->syncing = false;
	f->durable = true;
}

void fetch_read(struct consensus *c, uint64_t tag, enum status st, const uint8_t *bytes, size_t len)
{
	struct fetch *f = &c->fetch;
	struct fetch_part *part = part_of(f, tag);
	struct fault fault;

	if (part == NULL)
		return;
	if (st == ST_IO) {
		inside_fatal(c, "cannot read a chunk of the state");
		return;
	}
	/* Damaged or gone: the leader's takes its place. */
	if (st != ST_OK || image_load_chunk(f->loader, part->chunk, bytes, len, &fault) != ST_OK)
		begin_asking(c, part);
	else
		part_done(c, part);
}

static struct fetch_part *part_asking(struct fetch *f, const struct chunk_name *name)
{
	unsigned i;

	for (i = 0; i < FETCH_PARTS; i++) {
		struct fetch_part *part = &f->parts[i];
		struct chunk_name mine;

		if (part->state != PART_ASKING || part->chunk != name->chunk)
			continue;
		mine = chunk_name_of(f->manifest, part->chunk);
		if (mine.changed == name->changed && mine.checksum == name->checksum)
			return part;
	}
	return NULL;
}

/* The sender looks at its disk: what it sends for ever must not be damaged for ever. */
static void tell_bad(struct consensus *c, const struct fetch_part *part)
{
	const struct chunk_name name = chunk_name_of(c->fetch.manifest, part->chunk);

	buf_reset(&c->out);
	wire_encode_bad(&c->out, &name);
	if (buf_status(&c->out) == ST_OK)
		c->ops.send(c->ops.arg, c->fetch.from, c->fetch.name, c->out.base, c->out.len,
		            TRAFFIC_NORMAL);
}

static void part_whole(struct consensus *c, struct fetch_part *part)
{
	struct fetch *f = &c->fetch;
	struct fault fault;

	if (image_load_chunk(f->loader, part->chunk, part->bytes,
	                     f->manifest->chunks[part->chunk].len, &fault) != ST_OK) {
		inside_trace(c, 1, "chunk %u of %s: %s (offset %zu)", part->chunk, f->name,
		             fault.what, fault.at);
		tell_bad(c, part);
		give_up(c, "a damaged chunk");
		return;
	}
	store_part(c, part);
}

enum status fetch_piece(struct consensus *c, raft_id from, const struct chunk_piece *piece)
{
	struct fetch *f = &c->fetch;
	struct fetch_part *part;
	uint64_t all;

	if (!f->active || from != f->from)
		return ST_NOT_FOUND;
	part = part_asking(f, &piece->name);
	if (part == NULL) {
		be_patient(f);
		return ST_NOT_FOUND;
	}
	if (piece->total == 0) {
		give_up(c, "it has made a newer one");
		return ST_OK;
	}
	all = f->manifest->chunks[part->chunk].len;
	if (piece->total != all)
		return ST_INVALID;
	if (piece->offset != part->got) {
		be_patient(f);
		return ST_NOT_FOUND;
	}
	memcpy(part->bytes + part->got, piece->bytes, piece->len);
	part->got += piece->len;
	f->bytes_fetched += piece->len;
	f->progress_ms = inside_now_ms(c);
	if (part->got == all)
		part_whole(c, part);
	else
		ask(c, part);
	return ST_OK;
}

enum status fetch_restore(struct consensus *c, const uint8_t *bytes, size_t len)
{
	struct fetch *f = &c->fetch;
	struct manifest *m = malloc(sizeof *m);
	struct image_loader *loader = f->loader;
	struct fault fault;
	enum status st = ST_NOMEM;

	if (m == NULL)
		return ST_NOMEM;
	st = manifest_decode(bytes, len, m, &fault);
	if (st == ST_OK && (!f->active || !same_manifest(m, f->manifest)))
		st = ST_CORRUPT;
	if (st != ST_OK) {
		free(m);
		return st;
	}
	f->loader = NULL;
	st = image_load_finish(loader, c->store, &fault);
	if (st != ST_OK) {
		free(m);
		return st;
	}
	picture_adopt(c, m);
	c->picture.applied_bytes = 0;
	fetch_end(c);
	picture_keep(c);
	return ST_OK;
}

void consensus_sync(const struct consensus *c, struct consensus_sync *ret)
{
	const struct fetch *f = &c->fetch;

	memset(ret, 0, sizeof *ret);
	ret->applied_bytes = c->picture.all_bytes;
	if (!c->started || c->closing || !f->active)
		return;
	ret->fetching = true;
	memcpy(ret->from, f->name, sizeof ret->from);
	ret->index = f->manifest->index;
	ret->bytes_all = f->bytes_all;
	ret->bytes_done = f->bytes_done;
	ret->bytes_sent = f->bytes_fetched;
	ret->elapsed_ms = c->ops.now_us(c->ops.arg) / 1000 - f->begun_ms;
	if (ret->elapsed_ms < 0)
		ret->elapsed_ms = 0;
}
