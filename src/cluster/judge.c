/* What an operator orders about the members: may it be done, and what would it mean?
 *
 * Every refusal says what is wrong and shows the arithmetic. Nothing is changed here. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/detectors.h"
#include "cluster/lease.h"
#include "cluster/plan.h"
#include "cluster/room.h"
#include "cluster/sums.h"
#include "cluster/view.h"

struct judging {
	const struct cluster *c;
	const struct raft_view *raft;
	const struct order *order;
	const struct raft_voter *subject; /* in the configuration; NULL: not there */
	const struct raft_voter *other;
	const struct member *node; /* the subject in the table; NULL: unknown */
	struct order_verdict *ret;
};

static void say(struct judging *j, const char *fmt, ...) PRINTF(2, 3);

/* Add to the answer. */
static void say(struct judging *j, const char *fmt, ...)
{
	const size_t len = strlen(j->ret->text);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(j->ret->text + len, sizeof j->ret->text - len, fmt, args);
	va_end(args);
}

static bool refuse(struct judging *j, enum status st, const char *fmt, ...) PRINTF(3, 4);

/* Always false, so that a rule can return it. */
static bool refuse(struct judging *j, enum status st, const char *fmt, ...)
{
	va_list args;

	j->ret->st = st;
	va_start(args, fmt);
	(void)vsnprintf(j->ret->text, sizeof j->ret->text, fmt, args);
	va_end(args);
	return false;
}

/* --- The arithmetic ------------------------------------------------------------------ */

static void say_now(struct judging *j)
{
	const struct sums now = sums_after(j->c, j->raft, 0, 0);

	say(j, "%u of %u voters are up, %u needed; ", now.up, now.voters, now.needed);
}

/* Show what it would be afterwards, and refuse when that is too few. */
static bool enough(struct judging *j, const char *after, uint64_t less, uint64_t more)
{
	const struct sums s = sums_after(j->c, j->raft, less, more);

	if (j->ret->text[0] == '\0')
		say_now(j);
	say(j, "%s: %u of %u up, %u needed; ", after, s.up, s.voters, s.needed);
	if (sums_enough(&s))
		return true;
	j->ret->st = ST_REFUSED;
	if (s.voters < s.needed)
		say(j, "ERLMCP_QUORUM_SIZE=%u asks for more voters than there would be",
		    j->c->config.quorum_size);
	else
		say(j, "refused: the cluster would stop serving");
	return false;
}

/* What the number of voters means, once the change is done. */
static void warn(struct judging *j, unsigned voters)
{
	size_t len = strlen(j->ret->text);

	if (len >= 2 && j->ret->text[len - 1] == ' ')
		j->ret->text[len - 2] = '\0';
	if (voters == 2)
		say(j,
		    ". WARNING: two voters: both are needed, no failure is survived; add a third");
	else if (voters == 1)
		say(j, ". WARNING: one voter: no failure is survived");
	else if (voters % 2 == 0)
		say(j, ". Note: %u voters survive no more failures than %u", voters, voters - 1);
}

/* --- Who can be admitted ------------------------------------------------------------- */

static bool is_present(struct judging *j)
{
	const struct member *m = j->node;
	const char *name = j->order->subject;

	/* Its link is being made anew, and what is known of it may be of the process before. */
	if (m != NULL && m->heard && (!m->linked || m->arrived_us < m->linked_us))
		return refuse(j, ST_AGAIN, "%.100s is being connected: try again", name);
	if (m == NULL || (!m->linked && !m->foreign))
		return refuse(j, ST_NOT_FOUND,
		              "%.100s is not connected to leader %.100s: start it with "
		              "ERLMCP_SEED_NODES naming a member, and with the cluster's cookie",
		              name, j->c->config.self);
	if (m->foreign)
		return refuse(j, ST_REFUSED,
		              "%.100s belongs to another cluster: move its data directory aside "
		              "and start it again",
		              name);
	if (!view_in_sight(j->c, m) || m->untrusted)
		return refuse(j, ST_NOT_FOUND,
		              "%.100s is connected, but does not answer leader %.100s; try again",
		              name, j->c->config.self);
	return true;
}

/* A node that is no member yet: empty, and with timeouts that fit. */
static bool is_newcomer(struct judging *j)
{
	const struct member *m = j->node;

	if (!is_present(j))
		return false;
	if (m->head.identity != IDENTITY_EMPTY)
		return refuse(j, ST_REFUSED,
		              "%.100s was a member before and is removed: move its data directory "
		              "aside and start it again, then order this again",
		              m->name);
	if (m->promise_ms > j->c->identity.promise_max_ms)
		return refuse(j, ST_REFUSED,
		              "%.100s is configured for promises of %u ms, this cluster allows %u "
		              "ms: use the same election timeouts everywhere",
		              m->name, m->promise_ms, j->c->identity.promise_max_ms);
	if (m->takes != 0 && m->takes < j->raft->state_version)
		return refuse(j, ST_REFUSED,
		              "%.100s takes the state up to version %u, this cluster's has version "
		              "%u: install a release that takes it there, or remove "
		              "ERLMCP_STATE_VERSION_MAX",
		              m->name, m->takes, j->raft->state_version);
	if (j->raft->n_members + 2 > MEMBERS_MAX)
		return refuse(j, ST_LIMIT, "%zu members are as many as a cluster can have",
		              j->raft->n_members);
	return true;
}

static bool has_other(struct judging *j)
{
	return j->other != NULL ||
	       refuse(j, ST_NOT_FOUND,
	              "%.100s is no member of this cluster: `cluster status` lists them",
	              j->order->other);
}

static bool is_member(struct judging *j)
{
	return j->subject != NULL ||
	       refuse(j, ST_NOT_FOUND,
	              "%.100s is no member of this cluster: `cluster status` lists them",
	              j->order->subject);
}

/* --- One rule for each order: true when it may be done -------------------------------- */

static bool judge_promote(struct judging *j)
{
	if (!is_member(j))
		return false;
	if (j->subject->voter)
		return refuse(j, ST_EXISTS, "%.100s is a voter already", j->subject->name);
	if (!is_present(j) || !enough(j, "with it as a voter", 0, j->subject->id))
		return false;
	warn(j, (unsigned)j->raft->n_voters + 1);
	return true;
}

static bool judge_join(struct judging *j)
{
	if (j->subject != NULL) {
		j->ret->plan.kind = PLAN_PROMOTE;
		return judge_promote(j);
	}
	if (!is_newcomer(j) || !enough(j, "with it as a voter", 0, j->node->head.raft_id))
		return false;
	warn(j, (unsigned)j->raft->n_voters + 1);
	return true;
}

static bool judge_standby(struct judging *j)
{
	if (j->subject != NULL)
		return refuse(j, ST_EXISTS, "%.100s is a member already, %s", j->subject->name,
		              j->subject->voter ? "and votes: use demote" : "a standby");
	if (!is_newcomer(j))
		return false;
	say(j, "a standby does not count: nothing else changes");
	return true;
}

static bool judge_replace(struct judging *j)
{
	uint64_t id;

	if (!has_other(j))
		return false;
	if (strcmp(j->order->subject, j->order->other) == 0)
		return refuse(j, ST_INVALID,
		              "a member that lost its disk is replaced by itself "
		              "when it comes back; name another node");
	if (j->subject != NULL && j->subject->voter)
		return refuse(j, ST_INVALID, "%.100s is a voter already: remove %.100s with leave",
		              j->subject->name, j->other->name);
	if (j->subject != NULL ? !is_present(j) : !is_newcomer(j))
		return false;
	id = j->node->head.raft_id;
	if (!j->other->voter)
		return true;
	if (!enough(j, "with both", 0, id) || !enough(j, "after the removal", j->other->id, id))
		return false;
	warn(j, (unsigned)j->raft->n_voters);
	return true;
}

static bool is_last(struct judging *j)
{
	return j->raft->n_voters == 1 &&
	       !refuse(j, ST_REFUSED, "%.100s is the only voter: nobody would be left",
	               j->subject->name);
}

static bool judge_demote(struct judging *j)
{
	if (!is_member(j))
		return false;
	if (!j->subject->voter)
		return refuse(j, ST_EXISTS, "%.100s is a standby already", j->subject->name);
	if (is_last(j) || !enough(j, "without its vote", j->subject->id, 0))
		return false;
	warn(j, (unsigned)j->raft->n_voters - 1);
	return true;
}

static bool judge_leave(struct judging *j)
{
	char after[NODE_NAME_MAX + 32];

	if (!is_member(j))
		return false;
	if (!j->subject->voter) {
		say(j, "a standby does not count: nothing else changes");
		return true;
	}
	(void)snprintf(after, sizeof after, "after the removal of %.100s", j->subject->name);
	if (is_last(j) || !enough(j, after, j->subject->id, 0))
		return false;
	warn(j, (unsigned)j->raft->n_voters - 1);
	return true;
}

static bool judge_nothing(struct judging *j)
{
	return refuse(j, ST_INVALID, "there is no such change");
}

static bool (*const rules[PLAN_KINDS])(struct judging *j) = {
    [PLAN_NONE] = judge_nothing,    [PLAN_JOIN] = judge_join,        [PLAN_STANDBY] = judge_standby,
    [PLAN_REPLACE] = judge_replace, [PLAN_PROMOTE] = judge_promote,  [PLAN_DEMOTE] = judge_demote,
    [PLAN_LEAVE] = judge_leave,     [PLAN_TAKEOVER] = judge_nothing,
};

/* --- What holds for every order ------------------------------------------------------ */

static bool may_lead(struct judging *j, int64_t now_us)
{
	const struct raft_view *raft = j->raft;

	if (j->c->identity.state == IDENTITY_EMPTY || !raft->started)
		return refuse(j, ST_NO_LEADER, "this node belongs to no cluster yet");
	if (raft->role != ROLE_LEADER)
		return refuse(j, ST_NOT_LEADER, "this node does not lead");
	if (lease_end_us(j->c, raft) <= now_us &&
	    view_reachable(j->c, raft) < view_needed(j->c, raft))
		return refuse(j, ST_FENCED,
		              "leader %.100s is not confirmed by a majority: %u of %zu voters in "
		              "sight, %u needed",
		              j->c->config.self, view_reachable(j->c, raft), raft->n_voters,
		              view_needed(j->c, raft));
	/* With a majority in sight it is about to be confirmed, or somebody else. */
	if (lease_end_us(j->c, raft) <= now_us || !raft->term_committed || raft->transferring)
		return refuse(j, ST_AGAIN, "leadership is changing: try again");
	return true;
}

static bool same_plan(const struct judging *j)
{
	const struct raft_plan *plan = &j->raft->plan;
	const struct raft_plan *new = &j->ret->plan;

	return plan->kind == new->kind && plan->subject == new->subject &&
	       plan->other == new->other;
}

static bool is_free(struct judging *j)
{
	char what[STATUS_WHY_MAX];
	struct plan_step step;

	if (j->raft->plan.id == 0)
		return j->raft->config_committed ||
		       refuse(j, ST_AGAIN, "another change is being committed: try again");
	plan_describe(j->c, j->raft, &j->raft->plan, what);
	plan_next(j->c, j->raft, &step);
	if (same_plan(j))
		return refuse(j, ST_EXISTS, "under way: %s; %s", what, step.text);
	return refuse(j, ST_BUSY,
	              "one change at a time: %s (%s); await it, or end it with `cluster cancel`",
	              what, step.text);
}

static void judge_plan(struct judging *j)
{
	struct raft_plan *plan = &j->ret->plan;

	plan->kind = j->order->kind;
	if (j->subject != NULL)
		plan->subject = j->subject->id;
	else if (j->node != NULL && j->node->known)
		plan->subject = j->node->head.raft_id;
	plan->other = j->other == NULL ? 0 : j->other->id;
	if (is_free(j) && rules[j->order->kind](j))
		j->ret->st = ST_OK;
}

static void judge_cancel(struct judging *j)
{
	struct plan_step step;
	char what[STATUS_WHY_MAX];

	if (j->raft->plan.id == 0) {
		(void)refuse(j, ST_NOT_FOUND, "no change of the members is under way");
		return;
	}
	plan_describe(j->c, j->raft, &j->raft->plan, what);
	plan_next(j->c, j->raft, &step);
	j->ret->plan = j->raft->plan;
	j->ret->st = ST_OK;
	say(j,
	    "ended where it stood: %s; next would have been: %s. Members stay as they are now: "
	    "order it again to resume, or `cluster leave` who came to undo",
	    what, step.text);
}

static void judge_transfer(struct judging *j)
{
	const struct raft_voter *to = j->subject;
	unsigned reach;

	if (!is_member(j))
		return;
	if (to->id == j->raft->self_id) {
		(void)refuse(j, ST_EXISTS, "%.100s leads already", to->name);
		return;
	}
	if (!to->voter) {
		(void)refuse(j, ST_REFUSED, "%.100s is a standby: it cannot lead", to->name);
		return;
	}
	if (!is_present(j))
		return;
	reach = detectors_reach(j->c, j->raft, j->node);
	if (reach < view_needed(j->c, j->raft)) {
		(void)refuse(j, ST_REFUSED, "%.100s reaches %u of %zu voters, %u needed", to->name,
		             reach, j->raft->n_voters, view_needed(j->c, j->raft));
		return;
	}
	j->ret->st = ST_OK;
	j->ret->raft_id = to->id;
	say(j, "%.100s takes over", to->name);
}

void cluster_judge(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                   const struct order *order, struct order_verdict *ret)
{
	struct judging j = {
	    .c = c,
	    .raft = raft,
	    .order = order,
	    .subject = config_by_name(raft, order->subject),
	    .other = config_by_name(raft, order->other),
	    .node = view_find(c, order->subject),
	    .ret = ret,
	};

	assert(order->kind < PLAN_KINDS);
	memset(ret, 0, sizeof *ret);
	ret->st = ST_INVALID;
	if (!may_lead(&j, now_us))
		return;
	if (order->type == ORDER_PLAN)
		judge_plan(&j);
	else if (order->type == ORDER_CANCEL)
		judge_cancel(&j);
	else
		judge_transfer(&j);
}
