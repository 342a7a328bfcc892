#include "cluster/explain.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cluster/lease.h"
#include "cluster/lifecycle.h"
#include "cluster/room.h"
#include "cluster/sums.h"
#include "cluster/view.h"
#include "cluster/why.h"

static const struct cause_text texts[CAUSES] = {
#define CAUSE_TEXT(name, word, rule, section, remedy) {word, rule, section, remedy},
    CAUSE_MAP(CAUSE_TEXT)
#undef CAUSE_TEXT
};

const struct cause_text *cause_text(enum cause cause)
{
	assert(cause < CAUSES);
	return &texts[cause];
}

static void take_name(const struct cluster *c, const struct raft_view *raft, uint64_t raft_id,
                      char ret[NODE_NAME_MAX])
{
	if (raft_id != 0)
		(void)snprintf(ret, NODE_NAME_MAX, "%s", sums_name(c, raft, raft_id));
}

static void take_vote(const struct cluster *c, const struct raft_view *raft,
                      const struct raft_voter *voter, int64_t now_us, struct explain_vote *ret)
{
	const struct member *m = sums_member(c, voter->id);
	const int64_t promise = lease_promise_us(c, raft, voter);

	memcpy(ret->name, voter->name, sizeof ret->name);
	ret->self = voter->id == raft->self_id;
	ret->in_sight = sums_is_up(c, raft, voter->id);
	ret->silent_us = ret->self ? 0 : -1;
	if (m != NULL && !ret->self && m->heard_us >= 0)
		ret->silent_us = now_us - m->heard_us;
	ret->promise_us = -1;
	if (raft->role == ROLE_LEADER && !ret->self && promise > 0)
		ret->promise_us = promise > now_us ? promise - now_us : 0;
	ret->counts = raft->role == ROLE_LEADER ? promise > now_us : ret->in_sight;
}

/* Before the founding there are no voters: who is expected. */
static void take_expected(const struct cluster *c, const struct member *m, int64_t now_us,
                          struct explain_vote *ret)
{
	memcpy(ret->name, m->name, sizeof ret->name);
	ret->self = is_self(c, m);
	ret->in_sight = ret->self || view_in_sight(c, m);
	ret->counts = ret->in_sight;
	ret->promise_us = -1;
	ret->silent_us = ret->self ? 0 : m->heard_us < 0 ? -1 : now_us - m->heard_us;
}

static void take_votes(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                       struct cluster_explanation *ret)
{
	for (size_t i = 0; i < raft->n_members; i++) {
		if (raft->members[i].voter)
			take_vote(c, raft, &raft->members[i], now_us, &ret->votes[ret->n_votes++]);
	}
	for (size_t i = 0; raft->n_members == 0 && i < c->n_members; i++) {
		if (c->members[i].expected)
			take_expected(c, &c->members[i], now_us, &ret->votes[ret->n_votes++]);
	}
	for (size_t i = 0; i < ret->n_votes; i++)
		ret->counted += ret->votes[i].counts;
	ret->majority = (unsigned)ret->n_votes / 2 + 1;
}

void cluster_explain(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                     struct cluster_explanation *ret)
{
	const int64_t countdown = lifecycle_countdown_end_us(c);
	int64_t lease = lease_confirmed_until_us(c, raft);

	memset(ret, 0, sizeof *ret);
	ret->state = c->state;
	ret->cause = why_cause(c, raft, now_us, c->state);
	why_describe(c, raft, now_us, c->state, ret->why);
	ret->role = raft->role;
	ret->term = raft->term;
	take_name(c, raft, raft->leader_id, ret->leader);
	take_name(c, raft, c->confirmed_leader, ret->confirmed);
	ret->confirmed_term = c->confirmed_term;
	lease = lease > 0 ? lease : c->confirmed_end_us;
	ret->lease_left_us = lease > 0 ? lease - now_us : INT64_MIN;
	if (ret->lease_left_us > c->config.promise_max_us)
		ret->lease_left_us = c->config.promise_max_us; /* the only voter's has no end */
	ret->muted = cluster_votes_muted(c, now_us);
	ret->reachable = view_reachable(c, raft);
	ret->needed = view_needed(c, raft);
	ret->countdown_left_us = countdown < 0 ? -1 : countdown > now_us ? countdown - now_us : 0;
	take_votes(c, raft, now_us, ret);
}
