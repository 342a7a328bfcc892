#include "cluster/lifecycle.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/lease.h"
#include "cluster/room.h"
#include "cluster/view.h"
#include "cluster/why.h"

#define BIT(state) (1U << (state))

static const unsigned next_states[CLUSTER_STATES] = {
    [CLUSTER_FORMING] = BIT(CLUSTER_SYNCING) | BIT(CLUSTER_STOPPED),
    [CLUSTER_SYNCING] =
        BIT(CLUSTER_SERVING) | BIT(CLUSTER_DEGRADED) | BIT(CLUSTER_FENCED) | BIT(CLUSTER_STOPPED),
    [CLUSTER_SERVING] = BIT(CLUSTER_DEGRADED) | BIT(CLUSTER_FENCED) | BIT(CLUSTER_STOPPED),
    [CLUSTER_DEGRADED] = BIT(CLUSTER_SERVING) | BIT(CLUSTER_FENCED) | BIT(CLUSTER_STOPPED),
    [CLUSTER_FENCED] = BIT(CLUSTER_SYNCING) | BIT(CLUSTER_STOPPED),
    [CLUSTER_STOPPED] = 0,
};

static void move(struct cluster *c, enum cluster_state next, const char *why)
{
	struct cluster_action *action;

	assert(next_states[c->state] & BIT(next));
	action = outbox_add(&c->out, CLUSTER_STATE);
	action->from = c->state;
	action->to = next;
	action->term = c->term;
	action->reachable = view_reachable(c, c->raft);
	action->needed = view_needed(c, c->raft);
	action->text = outbox_text(&c->out, why);
	c->state = next;
	c->state_since_us = c->now_us;
	c->sync_known = false;
	c->was_confirmed = false;
	c->served |= next == CLUSTER_SERVING || next == CLUSTER_DEGRADED;
}

/* --- Evidence ------------------------------------------------------------------------ */

static bool confirmed(const struct cluster *c)
{
	return lease_confirmed_until_us(c, c->raft) > c->now_us && view_strict_enough(c, c->raft);
}

/* A follower has caught up when it applied what was committed at the leader at a confirmation
 * after syncing began. A leader has when an entry of its own term is committed. */
static bool in_sync(struct cluster *c)
{
	const struct raft_view *raft = c->raft;

	if (raft->role == ROLE_LEADER)
		return raft->term_committed;
	for (size_t i = 0; i < c->n_members && !c->sync_known; i++) {
		const struct member *m = &c->members[i];

		if (m->known && m->head.raft_id == raft->leader_id &&
		    m->arrived_us >= c->state_since_us) {
			c->sync_known = true;
			c->sync_index = m->said.commit;
		}
	}
	return c->sync_known && raft->last_applied >= c->sync_index;
}

/* After a start the first confirmation needs time: promises that a restart made us forget
 * must run out, then an election. */
static int64_t patience_end_us(const struct cluster *c)
{
	return c->state_since_us + c->config.promise_max_us + 2 * c->config.detection_us;
}

/* --- One rule for each state: where does the evidence lead? -------------------------- */

static enum cluster_state serving_or_degraded(const struct cluster *c)
{
	return view_complete(c, c->raft) ? CLUSTER_SERVING : CLUSTER_DEGRADED;
}

static enum cluster_state from_forming(struct cluster *c)
{
	bool ready = c->identity.state != IDENTITY_EMPTY && c->raft->started;

	return ready ? CLUSTER_SYNCING : CLUSTER_FORMING;
}

static enum cluster_state from_syncing(struct cluster *c)
{
	if (confirmed(c)) {
		c->was_confirmed = true;
		return in_sync(c) ? serving_or_degraded(c) : CLUSTER_SYNCING;
	}
	if (c->was_confirmed || c->now_us >= patience_end_us(c))
		return CLUSTER_FENCED;
	return CLUSTER_SYNCING;
}

static enum cluster_state from_serving(struct cluster *c)
{
	return confirmed(c) ? serving_or_degraded(c) : CLUSTER_FENCED;
}

static enum cluster_state from_fenced(struct cluster *c)
{
	return confirmed(c) ? CLUSTER_SYNCING : CLUSTER_FENCED;
}

static enum cluster_state from_stopped(struct cluster *c)
{
	(void)c;
	return CLUSTER_STOPPED;
}

static enum cluster_state (*const rules[CLUSTER_STATES])(struct cluster *c) = {
    [CLUSTER_FORMING] = from_forming, [CLUSTER_SYNCING] = from_syncing,
    [CLUSTER_SERVING] = from_serving, [CLUSTER_DEGRADED] = from_serving,
    [CLUSTER_FENCED] = from_fenced,   [CLUSTER_STOPPED] = from_stopped,
};

/* --- The minority countdown ---------------------------------------------------------- */

/* A node that never served waits for a start period first: the first one up after a total
 * outage must not stop for being early. */
int64_t lifecycle_countdown_end_us(const struct cluster *c)
{
	int64_t from = c->countdown_since_us;

	if (from < 0)
		return -1;
	if (!c->served && from < c->started_us + c->config.start_period_us)
		from = c->started_us + c->config.start_period_us;
	return from + c->config.shutdown_delay_us;
}

static struct cluster_action *tell_countdown(struct cluster *c, enum cluster_action_type type,
                                             bool up)
{
	struct cluster_action *action = outbox_add(&c->out, type);
	char why[STATUS_WHY_MAX];

	why_describe(c, c->raft, c->now_us, CLUSTER_FENCED, why);
	action->up = up;
	action->force = c->config.force_shutdown;
	action->reachable = view_reachable(c, c->raft);
	action->needed = view_needed(c, c->raft);
	action->text = outbox_text(&c->out, why);
	return action;
}

static void count_down(struct cluster *c)
{
	bool minority =
	    c->state == CLUSTER_FENCED && view_reachable(c, c->raft) < view_needed(c, c->raft);

	if (minority != (c->countdown_since_us >= 0)) {
		c->countdown_since_us = minority ? c->now_us : -1;
		c->shutdown_told = false;
		(void)tell_countdown(c, CLUSTER_COUNTDOWN, minority);
	}
	if (!minority || c->shutdown_told || c->now_us < lifecycle_countdown_end_us(c))
		return;
	c->shutdown_told = true;
	(void)tell_countdown(c, CLUSTER_SHUTDOWN, true);
	if (c->config.force_shutdown)
		move(c, CLUSTER_STOPPED, "minority countdown is over and FORCE_SHUTDOWN is set");
}

/* --- Advancing ----------------------------------------------------------------------- */

static void remember_confirmation(struct cluster *c)
{
	int64_t end = lease_confirmed_until_us(c, c->raft);

	if (end <= c->now_us)
		return;
	c->confirmed_end_us = end;
	c->confirmed_term = c->raft->term;
	c->confirmed_leader = c->raft->role == ROLE_LEADER ? c->raft->self_id : c->raft->leader_id;
}

void lifecycle_advance(struct cluster *c)
{
	enum cluster_state next = rules[c->state](c);
	unsigned moves = 0;

	remember_confirmation(c);
	while (next != c->state) {
		char why[STATUS_WHY_MAX];

		assert(moves++ < CLUSTER_STATES); /* fenced -> syncing -> serving at most */
		why_describe(c, c->raft, c->now_us, next, why);
		move(c, next, why);
		next = rules[c->state](c);
	}
	count_down(c);
}

void lifecycle_stop(struct cluster *c, const char *why)
{
	move(c, CLUSTER_STOPPED, why);
}

void lifecycle_reset(struct cluster *c, const struct member *m, uint64_t boot, uint64_t stored)
{
	char why[STATUS_WHY_MAX];
	struct cluster_action *action;

	(void)snprintf(why, sizeof why,
	               "rolled-back disk: %.100s saw boot %" PRIu64 " and entries up to %" PRIu64
	               " of this node, its disk says boot %" PRIu64 " and %" PRIu64,
	               m->name, boot, stored, c->identity.boot, c->stored);
	move(c, CLUSTER_STOPPED, why);
	action = outbox_add(&c->out, CLUSTER_RESET);
	action->text = outbox_text(&c->out, why);
}

int64_t lifecycle_deadline_us(const struct cluster *c)
{
	int64_t countdown = lifecycle_countdown_end_us(c);
	int64_t end = c->confirmed_end_us;
	int64_t deadline = c->now_us + IDLE_TICK_US;

	if (end > c->now_us && end < deadline)
		deadline = end;
	if (countdown > c->now_us && countdown < deadline)
		deadline = countdown;
	return deadline;
}
