/* The state machine glue: commands into log entries, log entries into the store, snapshots.
 *
 * Commands proposed between two flushes share one log entry: one disk write, one message, one
 * commit for all. An entry is
 *
 *   u8 version (1), u8 0, u16 n, n times (u32 length, command), zeros up to a multiple of 8
 *
 * and its commands are applied in order under the entry's index. Outcomes are told after
 * libraft has been left. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "consensus/inside.h"

enum { BATCH_VERSION = 1, BATCH_FRAME = 4, BATCH_ALIGN = 8 };

/* Zeroes for padding an entry. */
static const uint8_t padding[BATCH_ALIGN];

void outcome_add(struct consensus *c, const struct outcome *o, const uint8_t *result)
{
	struct outcomes *all = &c->outcomes;

	if (all->n == all->cap) {
		size_t cap = all->cap == 0 ? 64 : 2 * all->cap;
		struct outcome *items = realloc(all->items, cap * sizeof *items);

		if (items == NULL) {
			inside_fatal(c, "out of memory for outcomes");
			return;
		}
		all->items = items;
		all->cap = cap;
	}
	all->items[all->n] = *o;
	all->items[all->n].at = all->results.len;
	buf_bytes(&all->results, result, o->len);
	if (buf_status(&all->results) != ST_OK) {
		inside_fatal(c, "out of memory for results");
		return;
	}
	all->n++;
}

void outcomes_tell(struct consensus *c)
{
	struct outcomes all = c->outcomes;
	size_t i;

	if (all.n == 0)
		return;
	/* Telling may propose again: the list is ours now, a new one grows meanwhile. */
	memset(&c->outcomes, 0, sizeof c->outcomes);
	buf_init(&c->outcomes.results, INFLIGHT_BYTES_MAX);
	for (i = 0; i < all.n; i++) {
		const struct outcome *o = &all.items[i];

		c->ops.proposed(c->ops.arg, o->tag, o->st, o->index,
		                o->len > 0 ? all.results.base + o->at : NULL, o->len);
	}
	if (c->outcomes.n == 0) {
		buf_close(&c->outcomes.results);
		free(c->outcomes.items);
		all.n = 0;
		buf_reset(&all.results);
		c->outcomes = all;
		return;
	}
	buf_close(&all.results);
	free(all.items);
}

static void tell_tags(struct consensus *c, const uint64_t *tags, size_t n, enum status st)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct outcome o = {.tag = tags[i], .st = st};

		outcome_add(c, &o, NULL);
	}
}

/* libraft may look at the request until it has been left: it goes to the spent ones. */
static void inflight_drop(struct consensus *c, struct inflight *f)
{
	queue_remove(&f->link);
	f->spent = c->spent;
	c->spent = f;
	c->n_inflight--;
	c->inflight_commands -= f->n;
	c->inflight_bytes -= f->size;
}

void inflight_fail(struct consensus *c, enum status st)
{
	struct queue *front;

	while ((front = queue_front(&c->inflights)) != NULL) {
		struct inflight *f = CONTAINER_OF(front, struct inflight, link);

		tell_tags(c, f->tags, f->n, st);
		inflight_drop(c, f);
	}
}

static bool still_ours(const struct consensus *c, const struct inflight *f)
{
	return c->raft.state == RAFT_LEADER && c->raft.current_term == f->term;
}

static void spent_free(struct consensus *c)
{
	struct inflight *f;

	while ((f = c->spent) != NULL) {
		c->spent = f->spent;
		free(f);
	}
}

void inflight_after(struct consensus *c)
{
	struct queue *front = queue_front(&c->inflights);

	if (front != NULL && !still_ours(c, CONTAINER_OF(front, struct inflight, link)))
		inflight_fail(c, ST_UNKNOWN);
	if (c->raft.state != RAFT_LEADER && c->batch.n > 0) {
		tell_tags(c, c->batch.tags, c->batch.n, ST_NOT_LEADER);
		c->batch.n = 0;
	}
	spent_free(c);
}

void machine_beyond(struct consensus *c)
{
	char why[128];

	snprintf(why, sizeof why, "the cluster's state has version %u, this node takes up to %u",
	         store_beyond(c->store), store_newest(c->store));
	inside_fatal(c, why);
}

/* Apply one command of an entry; f is set when its proposer waits on this node. */
static void apply_one(struct consensus *c, raft_index index, const uint8_t *bytes, size_t len,
                      const uint64_t *tag)
{
	struct buf result;
	enum status st;

	buf_init(&result, STORE_RESULT_MAX);
	picture_note_applied(c, len);
	st = store_apply(c->store, index, bytes, len, &result);
	if (st != ST_OK) {
		inside_fatal(c, "out of memory while applying a command");
	} else if (store_beyond(c->store) != 0) {
		machine_beyond(c);
	} else if (tag != NULL) {
		const struct outcome o = {
		    .tag = *tag, .st = ST_OK, .index = index, .len = result.len};

		outcome_add(c, &o, result.base);
	}
	buf_close(&result);
}

/* The proposals that wait for the entry at index, or NULL. */
static struct inflight *inflight_at(struct consensus *c, raft_index index, size_t n)
{
	struct queue *front = queue_front(&c->inflights);
	struct inflight *f;

	if (front == NULL)
		return NULL;
	f = CONTAINER_OF(front, struct inflight, link);
	return f->index == index && f->n == n && still_ours(c, f) ? f : NULL;
}

/* f is committed, its clients are about to be answered. Whoever does not wait for answers goes on
 * while an entry is being committed: then waiting brings nothing, and is left for a while. */
static void gather_note(struct consensus *c, const struct inflight *f)
{
	struct gather *g = &c->gather;
	const int64_t now_us = c->ops.now_us(c->ops.arg);
	int64_t patience_us = now_us - f->since_us;

	g->expected = 0;
	if (f->gathered)
		g->misses = c->batch.n > f->n / GATHER_REST_SHARE ? g->misses + 1 : 0;
	if (g->misses == GATHER_MISSES_MAX) {
		g->misses = 0;
		g->rest = GATHER_REST;
	}
	if (g->rest > 0) {
		g->rest--;
		return;
	}
	if (patience_us > GATHER_MAX_US)
		patience_us = GATHER_MAX_US;
	g->expected = f->n + c->batch.n;
	g->until_us = now_us + patience_us;
}

static int machine_apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
	struct consensus *c = fsm->data;
	struct cursor cur = cursor_of(buf->base, buf->len);
	raft_index index = raft_last_applied(&c->raft) + 1;
	struct inflight *f;
	uint8_t version;
	uint8_t zero;
	uint16_t n;
	uint16_t i;

	*result = NULL;
	if (c->failed)
		return 0;
	if (cursor_u8(&cur, &version) != ST_OK || version != BATCH_VERSION ||
	    cursor_u8(&cur, &zero) != ST_OK || cursor_u16(&cur, &n) != ST_OK) {
		inside_trace(c, 1, "entry %llu is no batch of commands: skipped", index);
		return 0;
	}
	f = inflight_at(c, index, n);
	for (i = 0; i < n; i++) {
		const uint8_t *bytes;
		uint32_t len;

		if (cursor_u32(&cur, &len) != ST_OK || cursor_bytes(&cur, len, &bytes) != ST_OK) {
			inside_trace(c, 1, "entry %llu is cut short", index);
			break;
		}
		apply_one(c, index, bytes, len, f == NULL ? NULL : &f->tags[i]);
	}
	if (f != NULL) {
		gather_note(c, f);
		inflight_drop(c, f);
	}
	return 0;
}

static int machine_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
	struct consensus *c = fsm->data;
	struct raft_buffer *one;
	int rv = RAFT_NOMEM;

	/* While starting: with the next commit. */
	if (!c->started)
		return RAFT_BUSY;
	/* libraft takes a snapshot before it has noted that a configuration among the entries just
	 * applied is committed: the snapshot would carry the one before it, and with the entry gone
	 * this node would count majorities over a past configuration for ever. The next commit
	 * asks again. */
	if (c->raft.configuration_uncommitted_index != 0)
		return RAFT_BUSY;
	one = raft_malloc(sizeof *one);
	if (one == NULL)
		return RAFT_NOMEM;
	/* The content follows when the picture is taken: picture_put(). */
	one->base = calloc(1, 1);
	one->len = 1;
	if (one->base == NULL)
		goto err_one;
	rv = picture_begin(c);
	if (rv != 0)
		goto err_base;
	*bufs = one;
	*n_bufs = 1;
	return 0;
err_base:
	free(one->base);
err_one:
	raft_free(one);
	return rv;
}

static int machine_snapshot_done(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
	unsigned i;

	(void)fsm;
	for (i = 0; i < *n_bufs; i++)
		free((*bufs)[i].base);
	raft_free(*bufs);
	*bufs = NULL;
	*n_bufs = 0;
	return 0;
}

/* A snapshot of an earlier release is the whole state; later ones are manifests. */
static enum status restore(struct consensus *c, const struct raft_buffer *buf)
{
	struct fault fault = {ST_MALFORMED, 0, "its state is newer than its index"};
	enum status st;

	if (manifest_is(buf->base, buf->len))
		return c->started ? fetch_restore(c, buf->base, buf->len)
		                  : picture_load(c, buf->base, buf->len);
	st = store_restore(c->store, buf->base, buf->len, &fault);
	if (st != ST_OK)
		snprintf(c->why, sizeof c->why, "snapshot-%llu-%llu: %s", c->loaded_term,
		         c->loaded_index, fault.what);
	return st;
}

/* On success the buffer is ours to release. */
static int machine_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
	struct consensus *c = fsm->data;
	enum status st = restore(c, buf);

	if (st == ST_UNSUPPORTED)
		store_meet(c->store, manifest_state_version(buf->base, buf->len));
	if (st == ST_OK && store_beyond(c->store) != 0)
		st = ST_UNSUPPORTED;
	if (c->started && st == ST_UNSUPPORTED)
		machine_beyond(c);
	if (!c->started && st == ST_OK && store_index(c->store) > c->loaded_index) {
		snprintf(c->why, sizeof c->why,
		         "snapshot-%llu-%llu: its state is newer than its index", c->loaded_term,
		         c->loaded_index);
		st = ST_CORRUPT;
	}
	if (!c->started && st != ST_OK)
		return st == ST_NOMEM ? RAFT_NOMEM : RAFT_CORRUPT;
	if (st != ST_OK)
		inside_fatal(c, "the leader's snapshot cannot be restored");
	raft_free(buf->base);
	return 0;
}

void machine_init(struct consensus *c)
{
	c->fsm.version = 2;
	c->fsm.data = c;
	c->fsm.apply = machine_apply;
	c->fsm.snapshot = machine_snapshot;
	c->fsm.snapshot_finalize = machine_snapshot_done;
	c->fsm.restore = machine_restore;
	queue_init(&c->inflights);
	buf_init(&c->batch.bytes, BATCH_MAX);
	buf_init(&c->outcomes.results, INFLIGHT_BYTES_MAX);
}

void machine_close(struct consensus *c)
{
	assert(queue_empty(&c->inflights));
	spent_free(c);
	buf_close(&c->batch.bytes);
	free(c->batch.tags);
	buf_close(&c->outcomes.results);
	free(c->outcomes.items);
}

bool consensus_disk_full(const struct consensus *c)
{
	const struct raft_configuration *conf = &c->raft.configuration;
	unsigned reporting = 0;
	unsigned healthy = 0;
	unsigned voters = 0;
	unsigned i;
	unsigned j;

	for (i = 0; i < conf->n; i++) {
		unsigned capacity = 0;
		bool known = false;

		if (conf->servers[i].role != RAFT_VOTER)
			continue;
		voters++;
		if (conf->servers[i].id == c->raft.id) {
			known = true;
			capacity = c->disk->capacity;
		}
		for (j = 0; j < MEMBERS_MAX && !known; j++) {
			known = c->peers[j].id == conf->servers[i].id && c->peers[j].features != 0;
			capacity = c->peers[j].capacity;
		}
		reporting += known;
		healthy += known && capacity >= CAPACITY_MIN_KIB;
	}
	/* Too few have reported: draw no bad conclusion. */
	return reporting > voters / 2 && healthy <= voters / 2 &&
	       reporting - healthy > (voters - 1) / 2;
}

bool consensus_disk_short(const struct consensus *c)
{
	return c->disk->capacity < CAPACITY_MIN_KIB;
}

static enum status propose_refused(const struct consensus *c, size_t len)
{
	if (c->failed || c->closing)
		return ST_CLOSED;
	if (!c->started || c->raft.state != RAFT_LEADER || raft_transferee(&c->raft) != 0)
		return ST_NOT_LEADER;
	if (len == 0 || len > COMMAND_MAX)
		return ST_INVALID;
	if (c->n_inflight >= INFLIGHT_ENTRIES_MAX ||
	    c->inflight_commands + c->batch.n >= INFLIGHT_COMMANDS_MAX ||
	    c->inflight_bytes >= INFLIGHT_BYTES_MAX)
		return ST_BUSY;
	return consensus_disk_full(c) ? ST_NO_SPACE : ST_OK;
}

enum status consensus_propose(struct consensus *c, uint64_t tag, const uint8_t *bytes, size_t len)
{
	struct batch *b = &c->batch;
	enum status st;
	size_t before;

	assert(c->depth == 0);
	st = propose_refused(c, len);
	if (st != ST_OK)
		return st;
	if (b->n == BATCH_COMMANDS_MAX ||
	    (b->n > 0 && b->bytes.len + BATCH_FRAME + len + BATCH_ALIGN > BATCH_MAX)) {
		consensus_flush(c);
		st = propose_refused(c, len);
		if (st != ST_OK)
			return st;
	}
	if (b->tags == NULL) {
		b->tags = malloc(BATCH_COMMANDS_MAX * sizeof *b->tags);
		if (b->tags == NULL)
			return ST_NOMEM;
	}
	if (b->n == 0) {
		b->since_us = c->ops.now_us(c->ops.arg);
		buf_reset(&b->bytes);
		buf_u32(&b->bytes, (uint32_t)BATCH_VERSION << 24);
	}
	before = b->bytes.len;
	buf_u32(&b->bytes, (uint32_t)len);
	buf_bytes(&b->bytes, bytes, len);
	if (buf_status(&b->bytes) != ST_OK) {
		st = buf_status(&b->bytes);
		b->bytes.st = ST_OK;
		b->bytes.len = before;
		return st;
	}
	b->tags[b->n++] = tag;
	return ST_OK;
}

/* The collected commands as one entry in libraft's memory. */
static enum status batch_entry(struct batch *b, struct raft_buffer *ret)
{
	struct raft_buffer entry;

	buf_bytes(&b->bytes, padding, (BATCH_ALIGN - b->bytes.len % BATCH_ALIGN) % BATCH_ALIGN);
	if (buf_status(&b->bytes) != ST_OK)
		return buf_status(&b->bytes);
	entry.len = b->bytes.len;
	entry.base = raft_malloc(entry.len);
	if (entry.base == NULL)
		return ST_NOMEM;
	memcpy(entry.base, b->bytes.base, entry.len);
	((uint8_t *)entry.base)[2] = (uint8_t)(b->n >> 8);
	((uint8_t *)entry.base)[3] = (uint8_t)b->n;
	*ret = entry;
	return ST_OK;
}

static enum status batch_submit(struct consensus *c)
{
	struct batch *b = &c->batch;
	struct raft_buffer entry;
	struct inflight *f;
	enum status st;
	int rv;

	f = calloc(1, sizeof *f + b->n * sizeof f->tags[0]);
	if (f == NULL)
		return ST_NOMEM;
	st = batch_entry(b, &entry);
	if (st != ST_OK)
		goto err_inflight;
	f->size = entry.len;
	rv = raft_apply(&c->raft, &f->apply, &entry, 1, NULL);
	if (rv != 0) {
		st = inside_status(rv);
		goto err_entry;
	}
	f->index = f->apply.index;
	f->term = c->raft.current_term;
	f->since_us = c->ops.now_us(c->ops.arg);
	f->gathered = c->gather.expected > 0;
	c->gather.expected = 0;
	f->n = b->n;
	memcpy(f->tags, b->tags, b->n * sizeof f->tags[0]);
	queue_push(&c->inflights, &f->link);
	c->n_inflight++;
	c->inflight_commands += f->n;
	c->inflight_bytes += f->size;
	return ST_OK;
err_entry:
	/* Out of memory libraft may have kept the entry: rather lose it than free it twice. */
	if (rv != RAFT_NOMEM)
		raft_free(entry.base);
err_inflight:
	free(f);
	return st;
}

void consensus_flush(struct consensus *c)
{
	enum status st;

	assert(c->depth == 0);
	if (c->batch.n == 0 || c->closing)
		return;
	inside_enter(c);
	st = c->failed ? ST_UNKNOWN : batch_submit(c);
	if (st == ST_NOMEM)
		inside_fatal(c, "out of memory while proposing");
	if (st != ST_OK)
		tell_tags(c, c->batch.tags, c->batch.n,
		          st == ST_NOMEM ? ST_UNKNOWN : ST_NOT_LEADER);
	c->batch.n = 0;
	inside_leave(c);
}

int64_t batch_due_us(const struct consensus *c)
{
	const struct batch *b = &c->batch;

	if (b->n == 0)
		return INT64_MAX;
	if (c->raft.state != RAFT_LEADER)
		return 0;
	if (c->n_inflight < GATHER_ENTRIES)
		return b->n < c->gather.expected ? c->gather.until_us : 0;
	return b->since_us + GATHER_MAX_US;
}

void consensus_flush_gathered(struct consensus *c)
{
	if (batch_due_us(c) <= c->ops.now_us(c->ops.arg))
		consensus_flush(c);
}
