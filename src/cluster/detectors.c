#include "cluster/detectors.h"

#include <assert.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/lease.h"
#include "cluster/room.h"
#include "cluster/slow_disk.h"
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

/* What member `at` hears was told within the detection time; what we hear is always fresh. */
static bool row_is_fresh(const struct cluster *c, size_t at)
{
	const struct row *row = &c->rows[at];

	return at == c->self ||
	       (row->reported_us >= 0 && c->now_us - row->reported_us < c->config.detection_us);
}

/* Both ways between two members, as the matrix tells. */
static bool edge_both_ways(const struct cluster *c, size_t a, size_t b)
{
	return row_is_fresh(c, a) && row_is_fresh(c, b) && c->rows[a].edges[b].up &&
	       c->rows[b].edges[a].up;
}

/* Voters that member `at` reaches both ways, itself included. */
static unsigned reach_of(const struct cluster *c, const struct raft_view *raft, size_t at)
{
	unsigned n = 1;

	for (size_t i = 0; i < c->n_members; i++) {
		if (i != at && edge_both_ways(c, at, i) && view_is_voter(c, raft, &c->members[i]))
			n++;
	}
	return n;
}

unsigned detectors_reach(const struct cluster *c, const struct raft_view *raft,
                         const struct member *m)
{
	return reach_of(c, raft, (size_t)(m - c->members));
}

bool detectors_row_is_fresh(const struct cluster *c, const struct member *m)
{
	return row_is_fresh(c, (size_t)(m - c->members));
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

const struct member *detectors_best_placed(const struct cluster *c, unsigned least)
{
	const struct member *best = NULL;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];
		unsigned reach;

		if (is_self(c, m) || m->untrusted || !view_in_sight(c, m) ||
		    !view_is_voter(c, c->raft, m))
			continue;
		reach = reach_of(c, c->raft, i);
		if (reach < least)
			continue;
		best = m;
		least = reach + 1;
	}
	return best;
}

/* It leads with a lease, and neither a hand-over nor a change of the members is under way. */
bool detectors_peace(const struct cluster *c)
{
	const struct raft_view *raft = c->raft;

	return raft->started && raft->role == ROLE_LEADER && raft->term_committed &&
	       !raft->transferring && raft->config_committed && raft->plan.id == 0 &&
	       c->next_change_us <= c->now_us && lease_end_us(c, raft) > c->now_us;
}

/* A hand-over to it would be quick. */
bool detectors_keeps_up(const struct cluster *c, const struct member *m)
{
	const struct raft_view *raft = c->raft;

	return m->said.started && m->said.term == raft->term &&
	       m->said.leader_id == raft->self_id && m->said.applied + YIELD_LAG >= raft->commit;
}

/* A follower that reaches strictly more voters than this leader and has done so for long: who
 * is cut off from here alone could serve again. Reach grows with each such hand-over, so
 * leadership cannot go round. */
static const struct member *better_placed(struct cluster *c)
{
	const bool peace = detectors_peace(c);
	const unsigned needed = peace ? view_needed(c, c->raft) : 0;
	const unsigned more = peace ? view_reachable(c, c->raft) + 1 : 0;
	const struct member *m = NULL;

	if (peace && more <= c->raft->n_voters)
		m = detectors_best_placed(c, more > needed ? more : needed);
	if (m == NULL || !detectors_keeps_up(c, m)) {
		c->better_since_us = -1;
		return NULL;
	}
	if (c->better_since_us < 0)
		c->better_since_us = c->now_us;
	return c->now_us - c->better_since_us > YIELD_PATIENCE_US ? m : NULL;
}

void detectors_yield_to(struct cluster *c, const struct member *to)
{
	struct cluster_action *action = outbox_add(&c->out, CLUSTER_YIELD);

	action->raft_id = to->head.raft_id;
	action->peer = to->name;
	c->next_yield_us = c->now_us + YIELD_INTERVAL_US;
}

void detectors_yield(struct cluster *c)
{
	const struct member *to = better_placed(c);
	const struct member *faster = slow_disk_advance(c);

	if (to == NULL)
		to = faster;
	if (must_yield(c))
		to = detectors_best_placed(c, view_needed(c, c->raft));
	else if (to == NULL)
		c->next_yield_us = c->now_us;
	if (to == NULL || c->now_us < c->next_yield_us)
		return;
	detectors_yield_to(c, to);
}
