#include "cluster/lease.h"

#include <assert.h>

#include "cluster/quorum.h"
#include "cluster/room.h"
#include "cluster/view.h"

/* What is left of a span measured by another clock, should ours run slower. */
static int64_t less_drift(int64_t span_us)
{
	return span_us - span_us / DRIFT_DIVISOR;
}

/* A promise counts only from a follower of ours, in our term. */
static void take_promise(struct cluster *c, struct member *m, const struct wire_beat *beat)
{
	int64_t end = beat->echo_us + less_drift(beat->promise_us);
	bool fresh = m->promise_term != beat->term || m->promise_id != m->head.raft_id;

	if (fresh || end > m->promise_end_us)
		m->promise_end_us = end;
	m->promise_id = m->head.raft_id;
	m->promise_term = beat->term;
	assert(c->raft->role == ROLE_LEADER);
}

static void take_verdict(struct cluster *c, const struct member *m, const struct wire_beat *beat)
{
	int64_t end = beat->echo_us + less_drift(beat->lease_left_us);
	bool same = c->verdict_term == beat->term && c->verdict_leader == m->head.raft_id;

	if (beat->lease_left_us == 0)
		end = 0; /* the leader gave its lease up: so does who relied on it */
	else if (same && end < c->verdict_end_us)
		return;
	c->verdict_term = beat->term;
	c->verdict_leader = m->head.raft_id;
	c->verdict_end_us = end;
}

void lease_take(struct cluster *c, struct member *m, const struct wire_beat *beat)
{
	const struct raft_view *raft = c->raft;

	if (!raft->started || !beat->started || beat->term != raft->term || m->untrusted)
		return;
	/* An echo from before this link may come from another process of ours. */
	if (beat->echo_us < m->linked_us || beat->echo_us == 0)
		return;
	if (raft->role == ROLE_LEADER && beat->role == ROLE_FOLLOWER &&
	    beat->leader_id == raft->self_id)
		take_promise(c, m, beat);
	else if (raft->role == ROLE_FOLLOWER && beat->role == ROLE_LEADER &&
	         raft->leader_id == m->head.raft_id)
		take_verdict(c, m, beat);
}

int64_t lease_promise_us(const struct cluster *c, const struct raft_view *raft,
                         const struct raft_voter *voter)
{
	if (voter->id == raft->self_id)
		return LEASE_FOREVER_US; /* it leads: stepping down ends the lease first */
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->promise_id == voter->id && m->promise_term == raft->term && !m->untrusted)
			return m->promise_end_us;
	}
	return 0;
}

int64_t lease_end_us(const struct cluster *c, const struct raft_view *raft)
{
	int64_t ends[MEMBERS_MAX];
	size_t n = 0;
	int64_t end;

	if (!raft->started || raft->role != ROLE_LEADER || raft->transferring ||
	    raft->term == c->released_term)
		return 0;
	for (size_t i = 0; i < raft->n_members; i++) {
		if (raft->members[i].voter)
			ends[n++] = lease_promise_us(c, raft, &raft->members[i]);
	}
	end = quorum_reached(ends, n, view_quorum(c, n), 0);
	return end > c->config.lease_guard_us ? end - c->config.lease_guard_us : 0;
}

static int64_t verdict_end(const struct cluster *c, const struct raft_view *raft)
{
	if (!raft->started || raft->role != ROLE_FOLLOWER || raft->leader_id == 0 ||
	    raft->term != c->verdict_term || raft->leader_id != c->verdict_leader)
		return 0;
	return c->verdict_end_us;
}

int64_t lease_confirmed_until_us(const struct cluster *c, const struct raft_view *raft)
{
	return raft->role == ROLE_LEADER ? lease_end_us(c, raft) : verdict_end(c, raft);
}

void cluster_release_lease(struct cluster *c)
{
	c->released_term = c->term;
	/* The hand-over that this is for gets its time first. */
	c->next_yield_us = c->now_us + YIELD_INTERVAL_US;
}
