#include "cluster/detectors.h"

#include <assert.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/room.h"
#include "cluster/view.h"

/* NULL, or how the link's word and Raft's differ about this member of the configuration. */
static const char *disagreement(const struct cluster *c, const struct member *m)
{
	const struct raft_view *raft = c->raft;
	bool leads_us = raft->role == ROLE_FOLLOWER && raft->leader_id == m->head.raft_id;

	if (m->foreign)
		return NULL;
	if (!m->heard)
		return leads_us && raft->promise_us > 0
		           ? "Raft still hears this leader, its link is silent"
		           : NULL;
	if (!m->said.started || !view_in_sight(c, m))
		return NULL;
	if (raft->role == ROLE_LEADER && m->said.term <= raft->term &&
	    m->said.leader_id != raft->self_id)
		return "its link is heard, but Raft on it does not follow this leader";
	if (m->said.role == ROLE_LEADER && m->said.term >= raft->term && !leads_us)
		return "its link is heard and says that it leads, but Raft does not hear it";
	return NULL;
}

/* Architecture, section 3, says "longer than one detection time". An ordinary election takes
 * longer than that: Raft must wait for a promise to run out that the link need not wait for.
 * An alarm at each of them would be noise, so they must disagree for longer than several. */
static int64_t patience_us(const struct cluster *c)
{
	int64_t unit = c->config.promise_max_us > c->config.detection_us ? c->config.promise_max_us
	                                                                 : c->config.detection_us;

	return DISAGREE_UNITS * unit;
}

void detectors_compare(struct cluster *c)
{
	if (!c->raft->started)
		return;
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		const char *how;

		if (is_self(c, m) || !m->known || config_by_id(c->raft, m->head.raft_id) == NULL)
			continue;
		how = disagreement(c, m);
		if (how == NULL) {
			m->disagree_since_us = -1;
			alarm_clear(c, m, ALARM_DETECTORS);
		} else if (m->disagree_since_us < 0) {
			m->disagree_since_us = c->now_us;
		} else if (c->now_us - m->disagree_since_us > patience_us(c)) {
			alarm_raise(c, m, ALARM_DETECTORS, "%s", how);
		}
	}
}

/* Both ways between two members, as the matrix tells, freshly reported by both. */
static bool edge_both_ways(const struct cluster *c, size_t a, size_t b)
{
	const struct row *rows[2] = {&c->rows[a], &c->rows[b]};

	for (size_t i = 0; i < 2; i++) {
		if (rows[i]->reported_us < 0 ||
		    c->now_us - rows[i]->reported_us >= c->config.detection_us)
			return false;
	}
	return rows[0]->edges[b].up && rows[1]->edges[a].up;
}

/* Voters that member `at` reaches both ways, itself included. */
static unsigned reach_of(const struct cluster *c, size_t at)
{
	unsigned n = 1;

	for (size_t i = 0; i < c->n_members; i++) {
		if (i != at && edge_both_ways(c, at, i) &&
		    (i == c->self || view_is_voter(c, c->raft, &c->members[i])))
			n++;
	}
	return n;
}

/* A leader without a majority in sight, or one that gave its lease up for a hand-over that
 * failed: it leads on in a term that can never have a lease again. */
static bool must_yield(const struct cluster *c)
{
	const struct raft_view *raft = c->raft;

	if (!raft->started || raft->role != ROLE_LEADER || raft->transferring)
		return false;
	return raft->term == c->released_term || cluster_in_minority(c, raft);
}

void detectors_yield(struct cluster *c)
{
	unsigned needed = view_needed(c, c->raft);

	if (!must_yield(c)) {
		c->next_yield_us = c->now_us;
		return;
	}
	if (c->now_us < c->next_yield_us)
		return;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];
		struct cluster_action *action;

		if (is_self(c, m) || m->untrusted || !view_in_sight(c, m) ||
		    !view_is_voter(c, c->raft, m) || reach_of(c, i) < needed)
			continue;
		action = outbox_add(&c->out, CLUSTER_YIELD);
		action->raft_id = m->head.raft_id;
		action->peer = m->name;
		c->next_yield_us = c->now_us + YIELD_INTERVAL_US;
		return;
	}
}
