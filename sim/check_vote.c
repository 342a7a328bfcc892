/* Checkers of votes: once a term, and never while a promise of the voter runs. A promise is what
 * a beat says; it binds the voter's incarnation by its own clock, whatever it remembers, until
 * its leader gives the lease up by a planned hand-over, or has been overtaken. */
#include <inttypes.h>

#include "base/cursor.h"
#include "cluster/wire.h"
#include "sim/check_inside.h"
#include "sim/process.h"

/* Kinds and flags of doc/protocol: consensus/wire.h, version 1. */
enum {
	KIND_REQUEST_VOTE = 3,
	KIND_VOTE_RESULT = 4,
	KIND_HAND_OVER = 7,
	FLAG_GRANTED = 1,
	FLAG_PRE_VOTE = 2,
	REQUEST_FLAGS_AT = 34,
	RESULT_FLAGS_AT = 10,
	BEAT_BEFORE_SENT = 4,     /* bytes of a beat before its send time ... */
	BEAT_BEFORE_PROMISE = 64, /* ... and between that and its promise */
};

static struct vote *vote_place(struct checks *k, uint64_t voter, uint64_t term)
{
	uint64_t at = (voter ^ term * UINT64_C(0x9E3779B97F4A7C15)) % VOTES_MAX;

	for (unsigned i = 0; i < VOTES_MAX; i++) {
		struct vote *v = &k->votes[(at + i) % VOTES_MAX];

		if (v->voter == 0 || (v->voter == voter && v->term == term))
			return v;
	}
	return NULL;
}

uint64_t vote_given(struct checks *k, uint64_t voter, uint64_t term)
{
	const struct vote *v = vote_place(k, voter, term);

	return v == NULL || v->voter == 0 ? 0 : v->candidate;
}

void check_voted(struct node *node, raft_term term, raft_id vote)
{
	struct world *w = node->world;
	uint64_t voter = node->disk.image.identity.raft_id;
	struct vote *v = vote_place(w->checks, voter, term);

	if (vote == 0 || v == NULL)
		return;
	if (v->voter != 0 && v->candidate != vote)
		world_fail(w, CHECK_VOTE, "%s votes twice in term %llu", node->name, term);
	*v = (struct vote){voter, term, vote};
}

void vote_told(struct node *node, uint64_t term)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	if (term <= watch->told_term)
		world_fail(node->world, CHECK_VOTE,
		           "%s tells of its vote in term %" PRIu64 " again", node->name, term);
	watch->told_term = term;
}

void promise_sent(struct node *from, const uint8_t *bytes, size_t len)
{
	struct promise *p = &from->world->checks->watches[from->at].promise;
	const struct raft_view *view = core_view(from->core);
	struct cursor c = cursor_of(bytes, len);
	struct wire_head head;
	const uint8_t *skipped;
	uint64_t sent_us;
	uint64_t promise_us;

	if (wire_get_head(&c, &head) != ST_OK || head.type != WIRE_BEAT ||
	    cursor_bytes(&c, BEAT_BEFORE_SENT, &skipped) != ST_OK ||
	    cursor_u64(&c, &sent_us) != ST_OK ||
	    cursor_bytes(&c, BEAT_BEFORE_PROMISE, &skipped) != ST_OK ||
	    cursor_u64(&c, &promise_us) != ST_OK || promise_us == 0)
		return;
	*p = (struct promise){.voter = head.raft_id,
	                      .leader_id = view->leader_id,
	                      .term = view->term,
	                      .until_us = (int64_t)(sent_us + promise_us)};
}

/* The leader who was promised announced that it hands over to this candidate: that one may win
 * the next term. */
static bool given_back(const struct world *w, const struct promise *p, uint64_t candidate,
                       uint64_t term)
{
	return p->term < SIM_TERMS_MAX && w->checks->handed[p->term] == candidate &&
	       term == p->term + 1;
}

/* Somebody has led in a later term than the promise's: a majority was free to vote, so the leader
 * who was promised has no lease that rests on the rest of them. */
static bool overtaken(const struct checks *k, const struct promise *p, uint64_t term)
{
	for (uint64_t t = p->term + 1; t < term && t < SIM_TERMS_MAX; t++) {
		if (k->leaders[t] != 0)
			return true;
	}
	return false;
}

static void check_promise(struct node *voter, uint64_t candidate, uint64_t term)
{
	struct world *w = voter->world;
	struct promise *p = &w->checks->watches[voter->at].promise;
	int64_t left_us = p->until_us - clock_read(voter, process_now(voter));

	if (p->voter != voter->disk.image.identity.raft_id || left_us <= 0 ||
	    candidate == p->leader_id || overtaken(w->checks, p, term))
		return;
	if (given_back(w, p, candidate, term)) {
		p->until_us =
		    0; /* its leader has no lease any more, and never again in that term */
		return;
	}
	world_fail(w, CHECK_PROMISE,
	           "%s votes in term %" PRIu64 ", and its promise of term %" PRIu64
	           " runs for %" PRId64 " us more",
	           voter->name, term, p->term, left_us);
}

/* Any vote, real or preliminary, asked for or given, by a process that started within the
 * longest promise that its predecessor may have given. */
static void check_mute(struct node *from, bool asks)
{
	struct world *w = from->world;
	const struct identity *id = &from->disk.image.identity;
	const struct raft_view *view = core_view(from->core);
	int64_t own_us = clock_read(from, process_now(from)) - from->start_own_us;

	/* A process that was empty when it started had nothing to forget. */
	if (!from->forgot || view->n_voters == 1)
		return;
	if (own_us < (int64_t)id->promise_max_ms * 1000)
		world_fail(w, CHECK_PROMISE, "%s %s a vote %" PRId64 " ms after it started",
		           from->name, asks ? "asks for" : "gives", own_us / 1000);
}

static void note_hand_over(struct node *from, uint64_t term, struct cursor *c)
{
	struct watch *watch = &from->world->checks->watches[from->at];
	uint64_t candidate;

	if (cursor_u64(c, &candidate) != ST_OK)
		return;
	if (term < SIM_TERMS_MAX)
		from->world->checks->handed[term] = candidate;
	watch->released_term = term;
}

static bool is_pre_vote(const uint8_t *bytes, size_t len, bool asks)
{
	size_t at = asks ? REQUEST_FLAGS_AT : RESULT_FLAGS_AT;

	return len > at && (bytes[at] & FLAG_PRE_VOTE) != 0;
}

/* A real vote, given or a candidate's own, is on the voter's disk before anybody hears of it. */
static void check_stored(struct node *from, uint64_t candidate, uint64_t term)
{
	const struct disk_image *m = &from->disk.image;

	if (m->term < term || (m->term == term && m->vote != candidate))
		world_fail(from->world, CHECK_VOTE,
		           "%s tells of a vote in term %" PRIu64 " that its disk does not hold",
		           from->name, term);
}

void vote_sent(struct node *from, const struct node *to, const uint8_t *bytes, size_t len)
{
	struct cursor c = cursor_of(bytes, len);
	const uint8_t *head;
	uint64_t term;
	bool asks;

	if (cursor_bytes(&c, 2, &head) != ST_OK || cursor_u64(&c, &term) != ST_OK)
		return;
	asks = head[1] == KIND_REQUEST_VOTE;
	if (head[1] == KIND_HAND_OVER) {
		note_hand_over(from, term, &c);
	} else if (asks ||
	           (head[1] == KIND_VOTE_RESULT && len > 10 && (bytes[10] & FLAG_GRANTED))) {
		check_mute(from, asks);
		check_promise(from, (asks ? from : to)->disk.image.identity.raft_id, term);
		if (!is_pre_vote(bytes, len, asks))
			check_stored(from, (asks ? from : to)->disk.image.identity.raft_id, term);
	}
}
