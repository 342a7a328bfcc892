/* Comparing the members, and this node's own memory: when, with whom, and what follows.
 *
 *   idle --asked for, time, heal, call--> marking --the mark is applied--> asking
 *   asking --all answered, or time--> looking (into differing buckets) --> idle
 *
 * What follows from a difference: core_verdict.c. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/core_internal.h"
#include "session/command.h"

enum {
	AUDIT_PATIENCE_US = 30000000,  /* 1 M objects are counted within 2 s; a loaded disk's lag */
	AUDIT_LOOK_US = 1000000,       /* the objects of one bucket: a round trip */
	AUDIT_CALL_US = 3000000,       /* a damaged node asks again: a comparison takes less, */
	AUDIT_CALL_MAX_US = 300000000, /* ... and, in vain, more and more seldom */
	AUDIT_HEAL_US = 3000000,       /* after a heal members catch up first */
	AUDIT_STEP_US = 1000,          /* between steps of a sweep, so that others get their turn */
	AUDIT_STEP_OBJECTS = 1024,     /* counted in one step: a millisecond at most */
	AUDIT_REPORT_MAX = 16384,      /* bytes: digests of all buckets, and found objects */
	AUDIT_MESSAGE_MAX = 512 * 1024 /* bytes: the objects of a bucket */
};

#define DIFFER_SUBJECT "members differ"

void core_send_audit(struct core *c, const char *peer, struct buf *b)
{
	if (buf_status(b) == ST_OK)
		core_send(c, peer, CHANNEL_AUDIT, TRAFFIC_NORMAL, b->base, b->len);
	buf_close(b);
}

void core_audit_told(const struct core *c, uint64_t index, uint64_t digest, uint64_t *ret_index,
                     uint64_t *ret_digest)
{
	const struct store_mark *mark = store_mark(c->store, index);

	*ret_index = mark == NULL ? index : mark->state_index;
	*ret_digest = mark == NULL || mark->digest != digest ? digest : mark->state_digest;
}

/* --- The asked side ------------------------------------------------------------------ */

static void take_ask(struct core *c, const char *peer, const struct audit_message *m)
{
	struct core_audit *a = &c->audit;

	for (size_t i = 0; i < AUDIT_ASKED_MAX; i++) {
		struct audit_asked *asked = &a->asked[i];

		if (asked->used && strcmp(asked->peer, peer) != 0)
			continue;
		*asked = (struct audit_asked){.used = true, .round = m->round, .index = m->index};
		memcpy(asked->peer, peer, strlen(peer) + 1);
		asked->until_us = c->ops.now_us(c->ops.arg) + AUDIT_PATIENCE_US;
		scrub_begin(&a->fast);
		a->fast_us = 0;
		c->dirty = true;
		return;
	}
}

static void take_report(struct core *c, const char *name, const struct audit_message *m)
{
	struct audit_round *r = c->audit.round;

	if (r != NULL && c->audit.stage == AUDIT_ASKING && audit_round_report(r, name, m) == ST_OK)
		c->dirty = true;
}

static void answer(struct core *c, struct audit_asked *asked)
{
	const struct scrub *s = &c->audit.fast;
	struct audit_message m = {.round = asked->round,
	                          .index = asked->index,
	                          .sessions = store_count(c->store),
	                          .n_damaged =
	                              s->damaged < STORE_BUCKETS ? s->damaged : STORE_BUCKETS};
	struct buf b;

	asked->used = false;
	buf_init(&b, AUDIT_REPORT_MAX);
	audit_put_report(&b, &m, s->found, s->n_found, store_mark(c->store, asked->index));
	if (asked->peer[0] != '\0') {
		core_send_audit(c, asked->peer, &b);
		return;
	}
	if (buf_status(&b) == ST_OK && audit_decode(b.base, b.len, &m) == ST_OK)
		take_report(c, c->config.cluster.self, &m);
	buf_close(&b);
}

static void answer_all(struct core *c, int64_t now_us)
{
	struct core_audit *a = &c->audit;

	for (size_t i = 0; i < AUDIT_ASKED_MAX; i++) {
		struct audit_asked *asked = &a->asked[i];

		if (asked->used && now_us >= asked->until_us)
			asked->used = false;
		if (asked->used && a->fast.left == 0 && store_index(c->store) >= asked->index)
			answer(c, asked);
	}
}

/* The objects of a bucket, for a message. */
struct object_list {
	struct object_digests *items;
	size_t n;
};

static void on_object(void *arg, const struct object_digests *o)
{
	struct object_list *list = arg;

	if (list->n < AUDIT_OBJECTS_MAX)
		list->items[list->n++] = *o;
}

static void answer_objects(struct core *c, const char *peer, const struct audit_message *ask)
{
	struct audit_message m = {.round = ask->round,
	                          .bucket = ask->bucket,
	                          .index = store_index(c->store),
	                          .digest = store_bucket_digest(c->store, ask->bucket)};
	struct object_list list = {0};
	enum status st = ST_NOT_FOUND;
	struct buf b;

	list.items = malloc(AUDIT_OBJECTS_MAX * sizeof *list.items);
	if (list.items == NULL)
		return;
	store_bucket_visit(c->store, ask->bucket, on_object, &list);
	buf_init(&b, AUDIT_MESSAGE_MAX);
	audit_put_objects(&b, &m, list.items, list.n);
	free(list.items);
	if (peer[0] != '\0') {
		core_send_audit(c, peer, &b);
		return;
	}
	if (buf_status(&b) == ST_OK && audit_decode(b.base, b.len, &m) == ST_OK)
		st = audit_round_objects(c->audit.round, c->config.cluster.self, &m);
	(void)st; /* short of memory: the bucket is named, its objects are not */
	buf_close(&b);
}

/* --- The asking side ----------------------------------------------------------------- */

static void tell_unequal(struct core *c, const struct audit_round *r)
{
	buf_reset(&c->note);
	buf_printf(&c->note, DIFFER_SUBJECT ": at index %" PRIu64 ", %u buckets:", r->index,
	           r->differing);
	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].outcome > AUDIT_EQUAL)
			buf_printf(&c->note, " %s %s%s;", r->nodes[i].name,
			           audit_outcome_name(r->nodes[i].outcome),
			           r->nodes[i].replaced ? " and starts over" : "");
	}
	if (r->majority)
		buf_printf(&c->note, " %zu voters agree", r->agreeing);
	else
		buf_printf(&c->note, " no majority agrees, nobody is replaced");
	core_audit_alarm(c, true, buf_text(&c->note));
}

static void conclude(struct core *c, struct audit_round *r)
{
	struct core_audit *a = &c->audit;
	size_t wrong = 0;

	for (size_t i = 0; i < r->n; i++)
		wrong += r->nodes[i].outcome > AUDIT_EQUAL;
	a->totals.rounds++;
	core_audit_told(c, r->index, r->truth == SIZE_MAX ? 0 : r->nodes[r->truth].digest,
	                &a->totals.index, &a->totals.digest);
	a->totals.equal = r->equal;
	a->totals.unequal += !r->equal;
	if (!r->equal && (wrong != a->wrong || r->majority))
		tell_unequal(c, r);
	if (wrong == 0 && a->wrong > 0)
		core_audit_alarm(c, false, DIFFER_SUBJECT);
	a->wrong = wrong;
}

/* Callbacks may ask anew. */
static void tell_waiters(struct core *c, enum status st, const struct audit_round *r)
{
	struct audit_waiter waiters[AUDIT_WAITERS_MAX];
	const size_t n = c->audit.n_waiters;

	memcpy(waiters, c->audit.waiters, n * sizeof waiters[0]);
	c->audit.n_waiters = 0;
	for (size_t i = 0; i < n; i++)
		waiters[i].cb(waiters[i].arg, st, r);
}

static void finish(struct core *c, enum status st)
{
	struct core_audit *a = &c->audit;
	struct audit_round *r = a->round;

	a->stage = AUDIT_IDLE;
	a->round = NULL;
	a->next_us = c->ops.now_us(c->ops.arg) + c->config.audit_us;
	a->heal_us = INT64_MAX;
	if (st == ST_OK) {
		core_tell_verdict(c, r);
		conclude(c, r);
	} else {
		a->totals.failed++;
	}
	tell_waiters(c, st, st == ST_OK ? r : NULL);
	audit_round_free(r);
}

static void ask_objects(struct core *c, unsigned bucket)
{
	struct audit_round *r = c->audit.round;
	struct audit_message m = {.round = r->number, .bucket = bucket};

	for (size_t i = 0; i < r->n; i++) {
		struct buf b;

		if (r->nodes[i].buckets == NULL)
			continue;
		if (r->nodes[i].self) {
			answer_objects(c, "", &m);
			continue;
		}
		buf_init(&b, AUDIT_REPORT_MAX);
		audit_put_ask_objects(&b, r->number, bucket);
		core_send_audit(c, r->nodes[i].name, &b);
	}
	c->audit.until_us = c->ops.now_us(c->ops.arg) + AUDIT_LOOK_US;
}

static bool all_told(const struct audit_round *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].buckets != NULL && r->nodes[i].objects == NULL)
			return false;
	}
	return true;
}

/* A member that went, or is another incarnation now, does not answer any more. */
static void drop_lost(struct core *c, struct audit_round *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct audit_node *node = &r->nodes[i];

		if (node->outcome == AUDIT_WAITING && !node->self &&
		    cluster_peer_id(c->cluster, node->name) != node->raft_id)
			node->outcome = AUDIT_SILENT;
	}
}

static void step_round(struct core *c, int64_t now_us)
{
	struct core_audit *a = &c->audit;
	struct audit_round *r = a->round;

	drop_lost(c, r);
	if (a->stage == AUDIT_ASKING && (!audit_round_waits(r) || now_us >= a->until_us)) {
		audit_round_judge(r);
		a->looking = 0;
		a->stage = AUDIT_LOOKING;
		if (r->n_buckets > 0)
			ask_objects(c, r->buckets[0]);
	} else if (a->stage == AUDIT_LOOKING && a->looking < r->n_buckets &&
	           (all_told(r) || now_us >= a->until_us)) {
		audit_round_compare(r, r->buckets[a->looking++]);
		if (a->looking < r->n_buckets)
			ask_objects(c, r->buckets[a->looking]);
	}
	if (a->stage == AUDIT_LOOKING && a->looking == r->n_buckets)
		finish(c, ST_OK);
}

static const struct member_status *seen(const struct cluster_status *status, const char *name)
{
	for (size_t i = 0; i < status->n_members; i++) {
		if (strcmp(status->members[i].name, name) == 0)
			return &status->members[i];
	}
	return NULL;
}

static void ask_member(struct core *c, const struct raft_voter *member,
                       const struct cluster_status *status)
{
	struct audit_round *r = c->audit.round;
	const struct member_status *m = seen(status, member->name);
	const bool self = member->id == c->view.self_id;
	const struct audit_message ask = {.round = r->number, .index = r->index};
	struct audit_node *node;
	struct buf b;

	if (member->spare || audit_round_node(r, member->name) != NULL)
		return;
	node = audit_round_add(
	    r, member->name,
	    self || (m != NULL && m->heard && m->hears_us && m->raft_id == member->id));
	node->raft_id = member->id;
	node->self = self;
	node->voter = member->voter;
	if (self) {
		take_ask(c, "", &ask);
	} else if (node->outcome == AUDIT_WAITING) {
		buf_init(&b, AUDIT_REPORT_MAX);
		audit_put_ask(&b, r->number, r->index);
		core_send_audit(c, node->name, &b);
	}
}

static void marked(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct core *c = arg;
	struct core_audit *a = &c->audit;
	struct cluster_status *status = NULL;
	struct raft_view *raft = NULL;
	struct store_answer said;

	if (st == ST_OK)
		st = store_result_decode(result, len, &said);
	if (st == ST_OK)
		st = store_result_status(said.result);
	if (st == ST_OK) {
		status = malloc(sizeof *status);
		raft = malloc(sizeof *raft);
		st = status == NULL || raft == NULL ? ST_NOMEM : ST_OK;
	}
	if (st == ST_OK) {
		core_status(c, status, raft);
		a->stage = AUDIT_ASKING;
		a->round->index = said.revision;
		a->until_us = c->ops.now_us(c->ops.arg) + AUDIT_PATIENCE_US;
		for (size_t i = 0; i < c->view.n_members; i++)
			ask_member(c, &c->view.members[i], status);
	}
	free(status);
	free(raft);
	if (st != ST_OK)
		finish(c, st);
}

static void begin(struct core *c)
{
	struct command_head head = {0};
	struct buf b;

	c->audit.stage = AUDIT_MARKING;
	core_stamp(c, &head);
	buf_init(&b, COMMAND_MAX);
	command2_mark(&b, &head);
	if (buf_status(&b) == ST_OK)
		core_write(c, &head, b.base, b.len, marked, c);
	else
		finish(c, ST_NOMEM);
	buf_close(&b);
}

void core_validate(struct core *c, core_audit_cb cb, void *arg)
{
	struct core_audit *a = &c->audit;
	struct audit_round *fresh = NULL;
	enum status st = ST_OK;

	if (a->stage == AUDIT_IDLE)
		fresh = audit_round_new(++a->number);
	if (c->closing)
		st = ST_CLOSED;
	else if (a->n_waiters == AUDIT_WAITERS_MAX)
		st = ST_BUSY;
	else if (a->stage == AUDIT_IDLE && fresh == NULL)
		st = ST_NOMEM;
	if (st != ST_OK) {
		audit_round_free(fresh);
		if (cb != NULL)
			cb(arg, st, NULL);
		return;
	}
	if (cb != NULL)
		a->waiters[a->n_waiters++] = (struct audit_waiter){cb, arg};
	if (fresh == NULL)
		return; /* the one under way answers */
	a->round = fresh;
	begin(c);
}

/* --- Messages ------------------------------------------------------------------------ */

void core_take_audit(struct core *c, const char *peer, const uint8_t *bytes, size_t len)
{
	struct audit_message m;
	enum status st = ST_OK;

	if (!c->started || audit_decode(bytes, len, &m) != ST_OK)
		return; /* of a later version, or nonsense */
	switch (m.type) {
	case AUDIT_ASK:
		take_ask(c, peer, &m);
		break;
	case AUDIT_REPORT:
		take_report(c, peer, &m);
		break;
	case AUDIT_ASK_OBJECTS:
		answer_objects(c, peer, &m);
		break;
	case AUDIT_OBJECTS:
		if (c->audit.stage == AUDIT_LOOKING &&
		    c->audit.looking < c->audit.round->n_buckets &&
		    c->audit.round->buckets[c->audit.looking] == m.bucket)
			st = audit_round_objects(c->audit.round, peer, &m);
		c->dirty = st == ST_OK || c->dirty;
		break;
	case AUDIT_VERDICT:
		core_take_verdict(c, &m);
		break;
	case AUDIT_CALL:
		if (c->audit.stage == AUDIT_IDLE)
			core_validate(c, NULL, NULL);
		break;
	case AUDIT_ASK_SYNC:
		core_answer_sync(c, peer, m.round);
		break;
	default:
		core_take_sync(c, peer, &m);
		break;
	}
}

/* --- Time ---------------------------------------------------------------------------- */

static void call_for_help(struct core *c, int64_t now_us)
{
	struct core_audit *a = &c->audit;
	const size_t n = c->view.n_members;
	struct buf b;

	a->patience_us = a->patience_us == 0 ? AUDIT_CALL_US : 2 * a->patience_us;
	if (a->patience_us > AUDIT_CALL_MAX_US)
		a->patience_us = AUDIT_CALL_MAX_US;
	a->call_us = now_us + a->patience_us;
	for (size_t i = 0; i < n; i++) {
		const struct raft_voter *member = &c->view.members[a->called++ % n];

		if (member->id == c->view.self_id || cluster_peer_id(c->cluster, member->name) == 0)
			continue;
		buf_init(&b, AUDIT_REPORT_MAX);
		audit_put_call(&b, ++a->number);
		core_send_audit(c, member->name, &b);
		return;
	}
}

static void sweep(struct core *c, int64_t now_us)
{
	struct core_audit *a = &c->audit;

	if (a->fast.left > 0 && now_us >= a->fast_us) {
		a->fast_us = now_us + AUDIT_STEP_US;
		(void)scrub_step(&a->fast, c->store, AUDIT_STEP_OBJECTS);
		if (a->fast.damaged > 0)
			core_note_damage(c, &a->fast);
	}
	if (c->config.scrub_us == 0 || now_us < a->slow_us)
		return;
	a->slow_us = now_us + c->config.scrub_us / STORE_BUCKETS;
	if (a->slow.left == 0)
		scrub_begin(&a->slow);
	(void)scrub_step(&a->slow, c->store, 1);
	if (a->slow.damaged > 0)
		core_note_damage(c, &a->slow);
}

/* The leader compares by itself, once the state knows marks. */
static bool is_time(const struct core *c, int64_t now_us)
{
	const struct core_audit *a = &c->audit;

	return c->config.audit_us > 0 && a->stage == AUDIT_IDLE && c->view.role == ROLE_LEADER &&
	       c->view.term_committed && store_version(c->store) >= STATE_VERSION_2 &&
	       (now_us >= a->next_us || now_us >= a->heal_us);
}

void core_audit_step(struct core *c, int64_t now_us)
{
	struct core_audit *a = &c->audit;

	if (a->next_us == 0) {
		a->next_us = now_us + c->config.audit_us;
		a->heal_us = INT64_MAX;
	}
	sweep(c, now_us);
	answer_all(c, now_us);
	if (is_time(c, now_us)) {
		a->next_us = now_us + c->config.audit_us;
		a->heal_us = INT64_MAX;
		core_validate(c, NULL, NULL);
	}
	if (a->stage >= AUDIT_ASKING)
		step_round(c, now_us);
	if (a->totals.damaged && !a->resetting && now_us >= a->call_us)
		call_for_help(c, now_us);
	core_full_step(c, now_us);
}

int64_t core_audit_deadline_us(const struct core *c)
{
	const struct core_audit *a = &c->audit;
	const int64_t full = core_full_deadline_us(c);
	int64_t at = core_sync_deadline_us(c);

	if (full < at)
		at = full;
	if (a->fast.left > 0 && a->fast_us < at)
		at = a->fast_us;
	if (c->config.scrub_us > 0 && a->slow_us < at)
		at = a->slow_us;
	if (a->stage >= AUDIT_ASKING && a->until_us < at)
		at = a->until_us;
	if (a->totals.damaged && !a->resetting && a->call_us < at)
		at = a->call_us;
	if (is_time(c, INT64_MAX)) {
		at = a->next_us < at ? a->next_us : at;
		at = a->heal_us < at ? a->heal_us : at;
	}
	return at;
}

void core_audit_healed(struct core *c)
{
	c->audit.heal_us = c->ops.now_us(c->ops.arg) + AUDIT_HEAL_US;
}

void core_audit_totals(const struct core *c, struct audit_totals *ret)
{
	*ret = c->audit.totals;
	ret->sweeps = c->audit.slow.sweeps + c->audit.fast.sweeps;
	ret->looked = c->audit.slow.looked + c->audit.fast.looked;
}

void core_audit_close(struct core *c)
{
	tell_waiters(c, ST_CLOSED, NULL);
	core_full_close(c);
	core_sync_close(c);
}

void core_audit_free(struct core *c)
{
	audit_round_free(c->audit.round);
	free(c->audit.poll);
	c->audit.round = NULL;
	c->audit.poll = NULL;
}
