#include "cluster/rounds.h"

#include <assert.h>

#include "cluster/quorum.h"
#include "cluster/room.h"
#include "cluster/view.h"

void rounds_take(struct cluster *c, struct member *m, const struct wire_beat *beat)
{
	const struct raft_view *raft = c->raft;

	if (!raft->started || !beat->started || beat->term != raft->term || m->untrusted)
		return;
	if (raft->role == ROLE_LEADER && beat->role == ROLE_FOLLOWER &&
	    beat->leader_id == raft->self_id) {
		m->ack_id = m->head.raft_id;
		m->ack_term = beat->term;
		m->ack_round = beat->round;
	} else if (raft->role == ROLE_FOLLOWER && beat->role == ROLE_LEADER &&
	           raft->leader_id == m->head.raft_id) {
		m->round_term = beat->term;
		m->round = beat->round;
	}
}

void rounds_open(struct cluster *c)
{
	assert(c->raft->role == ROLE_LEADER);
	/* What an ended leadership left open is never confirmed. */
	if (c->round_term != c->raft->term)
		c->confirmed_round = c->round;
	c->round_term = c->raft->term;
	c->round++;
}

uint64_t rounds_carried(const struct cluster *c, const struct raft_view *raft)
{
	if (raft->role == ROLE_LEADER)
		return c->round_term == raft->term ? c->round : 0;
	if (raft->role != ROLE_FOLLOWER || raft->leader_id == 0)
		return 0;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->known && m->head.raft_id == raft->leader_id)
			return m->round_term == raft->term ? m->round : 0;
	}
	return 0;
}

/* The newest round of this term that the voter has answered. */
static int64_t answered(const struct cluster *c, const struct raft_voter *voter)
{
	if (voter->id == c->raft->self_id)
		return (int64_t)c->round;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->ack_id == voter->id && m->ack_term == c->raft->term && !m->untrusted)
			/* A number that we never opened is no answer. */
			return m->ack_round <= c->round ? (int64_t)m->ack_round : 0;
	}
	return 0;
}

void rounds_confirm(struct cluster *c)
{
	const struct raft_view *raft = c->raft;
	int64_t answers[MEMBERS_MAX];
	struct cluster_action *action;
	uint64_t round;
	size_t n = 0;

	if (!raft->started || raft->role != ROLE_LEADER || c->round_term != raft->term)
		return;
	for (size_t i = 0; i < raft->n_members; i++) {
		if (raft->members[i].voter)
			answers[n++] = answered(c, &raft->members[i]);
	}
	round = (uint64_t)quorum_reached(answers, n, view_quorum(c, n), 0);
	if (round <= c->confirmed_round)
		return;
	assert(round <= c->round);
	c->confirmed_round = round;
	action = outbox_add(&c->out, CLUSTER_CONFIRMED);
	action->term = raft->term;
	action->round = round;
}
