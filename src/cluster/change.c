#include "cluster/change.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/detectors.h"
#include "cluster/lease.h"
#include "cluster/plan.h"
#include "cluster/room.h"
#include "cluster/standby.h"
#include "cluster/sums.h"
#include "cluster/view.h"

static void emit(struct cluster *c, enum cluster_action_type type, const struct plan_step *step)
{
	struct cluster_action *action = outbox_add(&c->out, type);

	action->raft_id = step->raft_id;
	action->peer = outbox_text(&c->out, sums_name(c, c->raft, step->raft_id));
	action->text = outbox_text(&c->out, step->text);
	c->next_change_us = c->now_us + CHANGE_INTERVAL_US;
}

/* This leader is the one to go. */
static void give_way(struct cluster *c)
{
	const struct member *to = sums_member(c, c->raft->plan.subject);

	/* Who replaces it is as good as any other; else the best placed. */
	if (to == NULL || c->raft->plan.kind != PLAN_REPLACE || !view_in_sight(c, to) ||
	    !view_is_voter(c, c->raft, to) ||
	    detectors_reach(c, c->raft, to) < view_needed(c, c->raft))
		to = detectors_best_placed(c, view_needed(c, c->raft));
	c->next_change_us = c->now_us + YIELD_INTERVAL_US;
	if (to != NULL)
		detectors_yield_to(c, to);
}

static void follow_plan(struct cluster *c)
{
	static const enum cluster_action_type actions[] = {
	    [STEP_ADMIT] = CLUSTER_ADMIT,   [STEP_PROMOTE] = CLUSTER_PROMOTE,
	    [STEP_DEMOTE] = CLUSTER_DEMOTE, [STEP_EXPEL] = CLUSTER_EXPEL,
	    [STEP_END] = CLUSTER_PLAN_END,
	};
	struct plan_step step;

	plan_next(c, c->raft, &step);
	if (step.type == STEP_YIELD) {
		give_way(c);
		return;
	}
	if (step.type == STEP_WAIT)
		return;
	if (step.type == STEP_END)
		step.raft_id = c->raft->plan.id;
	emit(c, actions[step.type], &step);
}

static void begin_plan(struct cluster *c, const struct raft_plan *plan, const char *why)
{
	struct cluster_action *action = outbox_add(&c->out, CLUSTER_PLAN);

	action->plan = *plan;
	action->plan.id = c->random | 1;
	action->text = outbox_text(&c->out, why);
	c->next_change_us = c->now_us + CHANGE_INTERVAL_US;
}

/* --- Petitions ----------------------------------------------------------------------- */

void change_take_petition(struct cluster *c, struct member *m, const struct wire_petition *petition)
{
	(void)c;
	if (m->head.identity == IDENTITY_EMPTY)
		m->petition = petition->voter ? JOIN_VOTER : JOIN_STANDBY;
}

/* True when a plan has begun. */
static bool grant_petition(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		struct order order = {.type = ORDER_PLAN, .kind = PLAN_STANDBY};
		struct order_verdict verdict;
		char why[STATUS_WHY_MAX];

		if (m->petition == JOIN_NO || view_wanted(c->raft, m))
			continue;
		if (m->petition == JOIN_VOTER)
			order.kind = PLAN_JOIN;
		m->petition = JOIN_NO; /* it asks again */
		memcpy(order.subject, m->name, sizeof order.subject);
		cluster_judge(c, c->raft, c->now_us, &order, &verdict);
		if (verdict.st != ST_OK)
			continue;
		(void)snprintf(why, sizeof why, "%.100s was started to join", m->name);
		begin_plan(c, &verdict.plan, why);
		return true;
	}
	return false;
}

/* --- Advancing ----------------------------------------------------------------------- */

static void flag_two(struct cluster *c)
{
	const struct raft_view *raft = c->raft;

	if (!raft->config_committed || raft->n_members == 0)
		return;
	if (raft->n_voters == 2)
		alarm_raise(c, cluster_self(c), ALARM_TWO_VOTERS,
		            "both are needed, so no failure is survived; add a third with "
		            "`erlmcp-admin cluster join`");
	else
		alarm_clear(c, cluster_self(c), ALARM_TWO_VOTERS);
}

/* A cluster with few of its voters left serves with what it has, and says so, until it has had as
 * many as ERLMCP_QUORUM_SIZE asks for. From then on the setting counts, as everywhere. */
static void flag_regrowing(struct cluster *c)
{
	const struct raft_view *raft = c->raft;

	if (!c->identity.regrowing || !raft->config_committed || raft->n_members == 0)
		return;
	if (raft->n_voters >= c->config.quorum_size) {
		c->identity.regrowing = false;
		(void)outbox_add(&c->out, CLUSTER_PERSIST);
		alarm_clear(c, cluster_self(c), ALARM_REGROWING);
		return;
	}
	alarm_raise(c, cluster_self(c), ALARM_REGROWING,
	            "it serves with the majority of the voters that it has, fewer than "
	            "ERLMCP_QUORUM_SIZE=%u, until it has as many; admit others with "
	            "`erlmcp-admin cluster join`",
	            c->config.quorum_size);
}

void change_advance(struct cluster *c)
{
	const struct raft_view *raft = c->raft;
	struct raft_plan plan;
	char why[STATUS_WHY_MAX];

	if (!raft->started || !c->settled)
		return;
	flag_two(c);
	flag_regrowing(c);
	standby_watch(c);
	if (raft->role != ROLE_LEADER || raft->transferring || !raft->term_committed ||
	    !raft->config_committed || c->next_change_us > c->now_us ||
	    lease_end_us(c, raft) <= c->now_us)
		return;
	if (raft->plan.id != 0)
		follow_plan(c);
	else if (!grant_petition(c) && standby_choose(c, &plan, why))
		begin_plan(c, &plan, why);
}
