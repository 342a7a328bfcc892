/* Checkers of votes: once a term, and never by a process that has forgotten its promises. */
#include <inttypes.h>

#include "base/cursor.h"
#include "sim/check_inside.h"
#include "sim/process.h"

/* Kinds and flags of doc/protocol: consensus/wire.h, version 1. */
enum {
	KIND_REQUEST_VOTE = 3,
	KIND_VOTE_RESULT = 4,
	FLAG_GRANTED = 1,
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

void check_voted(struct node *node, raft_term term, raft_id vote)
{
	struct world *w = node->world;
	uint64_t voter = node->disk.image.identity.raft_id;
	struct vote *v = vote_place(w->checks, voter, term);

	if (vote == 0 || v == NULL)
		return;
	if (v->voter != 0 && v->candidate != vote)
		world_fail(w, "vote", "%s votes twice in term %llu", node->name, term);
	*v = (struct vote){voter, term, vote};
}

/* Any vote, real or preliminary, asked for or given, by a process that started within the
 * longest promise that its predecessor may have given. */
void vote_sent(struct node *from, const uint8_t *bytes, size_t len)
{
	struct world *w = from->world;
	const struct identity *id = &from->disk.image.identity;
	const struct raft_view *view = core_view(from->core);
	int64_t own_us = clock_read(from, process_now(from)) - from->start_own_us;
	bool asks = len > 1 && bytes[1] == KIND_REQUEST_VOTE;
	bool gives = len > 10 && bytes[1] == KIND_VOTE_RESULT && (bytes[10] & FLAG_GRANTED);

	if (!asks && !gives)
		return;
	/* A process that was empty when it started had nothing to forget. */
	if (!from->forgot || view->n_voters == 1)
		return;
	if (own_us < (int64_t)id->promise_max_ms * 1000)
		world_fail(w, "vote", "%s %s a vote %" PRId64 " ms after it started", from->name,
		           asks ? "asks for" : "gives", own_us / 1000);
}
