#include "cluster/standby.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/detectors.h"
#include "cluster/room.h"
#include "cluster/sums.h"
#include "cluster/view.h"
#include "cluster/why.h"

/* This voter told lately that it hears m, or it is this node. */
static bool is_heard_by(const struct cluster *c, const struct member *m, const struct member *by)
{
	return c->rows[by - c->members].edges[m - c->members].up && by != m &&
	       (is_self(c, by) || view_in_sight(c, by)) && detectors_row_is_fresh(c, by) &&
	       view_is_voter(c, c->raft, by);
}

static bool is_heard_by_any(const struct cluster *c, const struct member *m)
{
	/* What is so nearly always needs no look at the others. */
	if (is_heard_by(c, m, &c->members[c->self]))
		return true;
	for (size_t i = 0; i < c->n_members; i++) {
		if (is_heard_by(c, m, &c->members[i]))
			return true;
	}
	return false;
}

static bool is_voter_by_name(const struct cluster *c, const struct member *m)
{
	const struct raft_voter *entry = config_by_name(c->raft, m->name);

	return entry != NULL && entry->voter;
}

void standby_watch(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		if (is_self(c, m) || is_heard_by_any(c, m) || !is_voter_by_name(c, m))
			m->away_since_us = -1;
		else if (m->away_since_us < 0)
			m->away_since_us = c->now_us;
	}
}

/* The voter that has been away for longest, if for long enough. */
static const struct member *longest_away(const struct cluster *c)
{
	const struct member *found = NULL;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->away_since_us >= 0 &&
		    c->now_us - m->away_since_us >= c->config.standby_after_us &&
		    (found == NULL || m->away_since_us < found->away_since_us))
			found = m;
	}
	return found;
}

/* The standby in sight that has most of the log; NULL: none keeps up. */
static const struct raft_voter *best_standby(const struct cluster *c)
{
	const struct raft_voter *found = NULL;

	for (size_t i = 0; i < c->raft->n_members; i++) {
		const struct raft_voter *v = &c->raft->members[i];
		const struct member *m = view_find(c, v->name);

		if (v->voter || v->spare || m == NULL || m->head.raft_id != v->id ||
		    !sums_is_up(c, c->raft, v->id) || !detectors_keeps_up(c, m))
			continue;
		if (found == NULL || v->match > found->match)
			found = v;
	}
	return found;
}

/* Fewer voters than this are never left by a decision that nobody ordered. */
static size_t floor_of(const struct cluster *c)
{
	return c->config.quorum_size > VOTERS_FLOOR ? c->config.quorum_size : VOTERS_FLOOR;
}

bool standby_choose(const struct cluster *c, struct raft_plan *ret, char why[STATUS_WHY_MAX])
{
	const struct member *away;
	const struct raft_voter *lost;
	const struct raft_voter *standby;
	char span[WHY_SPAN_MAX];
	struct sums s;

	if (c->config.standby_after_us == 0 || !detectors_peace(c))
		return false;
	away = longest_away(c);
	standby = best_standby(c);
	if (away == NULL || standby == NULL)
		return false;
	lost = config_by_name(c->raft, away->name);
	s = sums_after(c, c->raft, 0, standby->id);
	if (!sums_enough(&s))
		return false;
	*ret = (struct raft_plan){.kind = PLAN_TAKEOVER, .subject = standby->id, .other = lost->id};
	if (c->raft->n_voters < floor_of(c)) {
		ret->kind = PLAN_PROMOTE;
		ret->other = 0;
	}
	(void)snprintf(why, STATUS_WHY_MAX,
	               "voter %.80s has been away for %s, standby %.80s is ready", away->name,
	               why_span(c->now_us - away->away_since_us, span), standby->name);
	return true;
}
