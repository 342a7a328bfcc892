/* What an operator sees: the present state of the room, with nothing decided here. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cluster/cluster.h"
#include "cluster/lease.h"
#include "cluster/lifecycle.h"
#include "cluster/plan.h"
#include "cluster/room.h"
#include "cluster/view.h"
#include "cluster/why.h"

static const char *const state_names[CLUSTER_STATES] = {
    [CLUSTER_FORMING] = "forming",   [CLUSTER_SYNCING] = "syncing", [CLUSTER_SERVING] = "serving",
    [CLUSTER_DEGRADED] = "degraded", [CLUSTER_FENCED] = "fenced",   [CLUSTER_STOPPED] = "stopped",
};

const char *cluster_state_name(enum cluster_state state)
{
	assert(state < CLUSTER_STATES);
	return state_names[state];
}

bool cluster_in_minority(const struct cluster *c, const struct raft_view *raft)
{
	return view_reachable(c, raft) < view_needed(c, raft);
}

/* Fenced with a majority in sight is an election, not a minority. */
static enum cluster_side side_of(const struct cluster *c, const struct cluster_status *s)
{
	if (c->state == CLUSTER_SERVING || c->state == CLUSTER_DEGRADED)
		return SIDE_MAJORITY;
	if (c->state == CLUSTER_FENCED && s->reachable < s->needed)
		return SIDE_MINORITY;
	return SIDE_UNKNOWN;
}

static void fill_member(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                        size_t at, struct member_status *ret)
{
	const struct member *m = &c->members[at];
	const struct raft_voter *configured = config_by_name(raft, m->name);
	bool self = at == c->self;

	memcpy(ret->name, m->name, sizeof ret->name);
	ret->raft_id = m->known ? m->head.raft_id : configured != NULL ? configured->id : 0;
	if (m->known && config_by_id(raft, m->head.raft_id) != NULL)
		configured = config_by_id(raft, m->head.raft_id);
	ret->member = view_wanted(raft, m);
	ret->self = self;
	ret->voter = configured != NULL && configured->voter;
	ret->linked = self || m->linked;
	ret->heard = self || m->heard;
	ret->hears_us = self || view_in_sight(c, m);
	ret->silent_us = self ? 0 : m->heard_us < 0 ? -1 : now_us - m->heard_us;
	ret->rtt_us = self ? 0 : m->rtt_us;
	ret->clock = cluster_clock(c, m->name, now_us);
	ret->applied = self ? raft->last_applied : m->said.applied;
	ret->state = self ? c->state : m->said.state;
}

static void fill_edge(const struct cluster *c, int64_t now_us, size_t from, size_t to,
                      struct edge_status *ret)
{
	const struct row *row = &c->rows[to];
	bool own = to == c->self;

	ret->known =
	    own || (row->reported_us >= 0 && now_us - row->reported_us < c->config.detection_us);
	ret->up = from == to || row->edges[from].up;
	ret->age_us = now_us - row->edges[from].since_us;
}

/* Who belongs here, or is here all the same. */
static bool is_shown(const struct cluster *c, const struct raft_view *raft, const struct member *m)
{
	return is_self(c, m) || m->heard || m->foreign || view_wanted(raft, m);
}

/* order[] becomes the shown members' indices, sorted by name; returns how many. */
static size_t sort_members(const struct cluster *c, const struct raft_view *raft,
                           size_t order[MEMBERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_members; i++) {
		size_t at = n;

		if (!is_shown(c, raft, &c->members[i]))
			continue;
		n++;

		for (; at > 0; at--) {
			if (strcmp(c->members[order[at - 1]].name, c->members[i].name) < 0)
				break;
			order[at] = order[at - 1];
		}
		order[at] = i;
	}
	return n;
}

/* What an operator ordered, or a standby's take-over, and where it stands. */
static void describe_change(const struct cluster *c, const struct raft_view *raft,
                            char ret[ORDER_TEXT_MAX])
{
	char what[STATUS_WHY_MAX];
	struct plan_step step;

	ret[0] = '\0';
	if (raft->plan.id == 0)
		return;
	plan_describe(c, raft, &raft->plan, what);
	plan_next(c, raft, &step);
	(void)snprintf(ret, ORDER_TEXT_MAX, "%s: %s", what, step.text);
}

int64_t cluster_doubt_us(const struct cluster *c, const struct raft_view *raft, int64_t now_us)
{
	const int64_t until_us = lease_confirmed_until_us(c, raft);
	int64_t ended_us = until_us > c->confirmed_end_us ? until_us : c->confirmed_end_us;

	if (until_us > now_us)
		return 0;
	if (ended_us == 0)
		ended_us = c->started_us;
	/* A leader that is lost or gave its lease up ends it at once. */
	return ended_us < now_us ? now_us - ended_us : 1;
}

void cluster_status(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                    struct cluster_status *ret)
{
	int64_t countdown_end = lifecycle_countdown_end_us(c);
	int64_t lease_left = lease_confirmed_until_us(c, raft) - now_us;
	size_t order[MEMBERS_MAX] = {0};

	memset(ret, 0, sizeof *ret);
	ret->state = c->state;
	ret->reachable = view_reachable(c, raft);
	ret->needed = view_needed(c, raft);
	ret->side = side_of(c, ret);
	ret->configured = (unsigned)(raft->n_members == 0 ? c->config.n_expected : raft->n_voters);
	ret->quorum_size = c->config.quorum_size;
	ret->quorum_mismatch = c->config.quorum_size != ret->configured;
	ret->regrowing = c->identity.regrowing;
	describe_change(c, raft, ret->change);
	/* The only voter's lease has no end: show the longest that any lease can have. */
	ret->lease_left_us =
	    lease_left > c->config.promise_max_us ? c->config.promise_max_us : lease_left;
	ret->state_since_us = c->state_since_us;
	ret->countdown_left_us = countdown_end < 0 ? -1 : 0;
	if (countdown_end > now_us)
		ret->countdown_left_us = countdown_end - now_us;
	ret->served = c->served;
	ret->view_hash = view_hash(c);
	why_describe(c, raft, now_us, c->state, ret->why);
	ret->n_members = sort_members(c, raft, order);
	for (size_t i = 0; i < ret->n_members; i++) {
		fill_member(c, raft, now_us, order[i], &ret->members[i]);
		for (size_t j = 0; j < ret->n_members; j++)
			fill_edge(c, now_us, order[i], order[j], &ret->edges[i][j]);
	}
}
