#include "cluster/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cluster/quorum.h"
#include "cluster/room.h"
#include "cluster/sums.h"
#include "cluster/view.h"

/* What a plan's rules look at. */
struct planning {
	const struct cluster *c;
	const struct raft_view *raft;
	const struct raft_voter *subject; /* NULL: not in the configuration */
	const struct raft_voter *other;
	const char *subject_name;
	const char *other_name;
	struct plan_step *step;
};

static void take(struct planning *p, enum plan_step_type type, uint64_t raft_id, const char *fmt,
                 ...) PRINTF(4, 5);

static void take(struct planning *p, enum plan_step_type type, uint64_t raft_id, const char *fmt,
                 ...)
{
	va_list args;

	p->step->type = type;
	p->step->raft_id = raft_id;
	va_start(args, fmt);
	(void)vsnprintf(p->step->text, sizeof p->step->text, fmt, args);
	va_end(args);
}

/* A voter that counts as up, but was silent for some beats: it may be dying just now. NULL: all
 * gave a sign of life. */
static const struct member *silent_voter(const struct planning *p, uint64_t less)
{
	for (size_t i = 0; i < p->c->n_members; i++) {
		const struct member *m = &p->c->members[i];

		if (!is_self(p->c, m) && m->head.raft_id != less &&
		    view_is_voter(p->c, p->raft, m) && m->heard &&
		    p->c->now_us - m->heard_us > LATE_BEATS * p->c->config.beat_interval_us)
			return m;
	}
	return NULL;
}

/* False: the step has to wait, and says so. */
static bool enough(struct planning *p, uint64_t less, uint64_t more)
{
	const struct sums s = sums_after(p->c, p->raft, less, more);
	const struct member *silent = less == 0 ? NULL : silent_voter(p, less);

	if (sums_enough(&s) && silent == NULL)
		return true;
	if (silent != NULL) {
		take(p, STEP_WAIT, 0, "waits for a sign of life of %.100s", silent->name);
		return false;
	}
	take(p, STEP_WAIT, 0, "waits: afterwards %u of %u voters would be up, %u needed", s.up,
	     s.voters, s.needed);
	return false;
}

/* True when the subject is a member that gets the log; else the step that brings it there. */
static bool is_learner(struct planning *p)
{
	if (p->subject != NULL && !p->subject->spare)
		return true;
	if (sums_is_up(p->c, p->raft, p->raft->plan.subject))
		take(p, STEP_ADMIT, p->raft->plan.subject, "%.100s becomes a learner",
		     p->subject_name);
	else
		take(p, STEP_WAIT, 0, "waits for %.100s, which is not in sight", p->subject_name);
	return false;
}

/* libraft lets nobody do anything else while it awaits that somebody catches up, so a promotion
 * begins only when it ends soon. */
static bool keeps_up(struct planning *p)
{
	const struct member *m = sums_member(p->c, p->subject->id);
	const uint64_t applied = m == NULL || !m->said.started ? 0 : m->said.applied;
	const uint64_t behind = p->raft->commit > applied ? p->raft->commit - applied : 0;

	if (applied > 0 && behind <= YIELD_LAG)
		return true;
	take(p, STEP_WAIT, 0, "waits for %.100s, which is %" PRIu64 " entries behind",
	     p->subject_name, behind);
	return false;
}

/* True when the subject votes; else the step that brings it there. */
static bool is_voter(struct planning *p)
{
	if (!is_learner(p))
		return false;
	if (p->subject->voter)
		return true;
	if (!sums_is_up(p->c, p->raft, p->subject->id))
		take(p, STEP_WAIT, 0, "waits for %.100s, which is not in sight", p->subject_name);
	else if (keeps_up(p) && enough(p, 0, p->subject->id))
		take(p, STEP_PROMOTE, p->subject->id, "%.100s is about to vote", p->subject_name);
	return false;
}

/* Whoever is to go must not lead. */
static bool leads(struct planning *p, const struct raft_voter *who)
{
	if (who->id != p->raft->leader_id)
		return false;
	take(p, STEP_YIELD, who->id, "%.100s hands leadership over", who->name);
	return true;
}

static void remove_it(struct planning *p, const struct raft_voter *who)
{
	if (!leads(p, who) && (!who->voter || enough(p, who->id, 0)))
		take(p, STEP_EXPEL, who->id, "%.100s is removed", who->name);
}

static void demote_it(struct planning *p, const struct raft_voter *who)
{
	if (!leads(p, who) && enough(p, who->id, 0))
		take(p, STEP_DEMOTE, who->id, "%.100s becomes a standby", who->name);
}

/* --- One rule for each kind ---------------------------------------------------------- */

static void next_join(struct planning *p)
{
	if (is_voter(p))
		take(p, STEP_END, 0, "%.100s votes", p->subject_name);
}

static void next_standby(struct planning *p)
{
	if (is_learner(p))
		take(p, STEP_END, 0, "%.100s is a standby", p->subject_name);
}

static void next_replace(struct planning *p)
{
	if (p->other == NULL && p->subject == NULL)
		take(p, STEP_END, 0, "%.100s is no member any more", p->subject_name);
	else if (p->other == NULL)
		take(p, STEP_END, 0, "%.100s is in place", p->subject_name);
	else if (p->other->voter ? is_voter(p) : is_learner(p))
		remove_it(p, p->other);
}

static void next_promote(struct planning *p)
{
	if (p->subject == NULL)
		take(p, STEP_END, 0, "%.100s is no member any more", p->subject_name);
	else if (is_voter(p))
		take(p, STEP_END, 0, "%.100s votes", p->subject_name);
}

static void next_demote(struct planning *p)
{
	if (p->subject == NULL)
		take(p, STEP_END, 0, "%.100s is no member any more", p->subject_name);
	else if (!p->subject->voter)
		take(p, STEP_END, 0, "%.100s is a standby", p->subject_name);
	else
		demote_it(p, p->subject);
}

static void next_leave(struct planning *p)
{
	if (p->subject == NULL)
		take(p, STEP_END, 0, "it is removed");
	else
		remove_it(p, p->subject);
}

/* Nobody ordered this: it gives way to whatever happens meanwhile. */
static void next_takeover(struct planning *p)
{
	bool away = p->other != NULL && p->other->voter && !sums_is_up(p->c, p->raft, p->other->id);
	bool ready =
	    p->subject != NULL && !p->subject->spare && sums_is_up(p->c, p->raft, p->subject->id);

	if (p->subject != NULL && p->subject->voter) {
		if (p->other != NULL && p->other->voter)
			demote_it(p, p->other);
		else
			take(p, STEP_END, 0, "%.80s votes, %.80s is a standby", p->subject_name,
			     p->other_name);
	} else if (!away) {
		take(p, STEP_END, 0, "%.100s is back, nothing has changed", p->other_name);
	} else if (!ready) {
		take(p, STEP_END, 0, "%.100s is gone, too", p->subject_name);
	} else {
		(void)is_voter(p);
	}
}

static void next_unknown(struct planning *p)
{
	take(p, STEP_WAIT, 0, "a change of a later version: update this node, or cancel it");
}

static void (*const rules[PLAN_KINDS])(struct planning *p) = {
    [PLAN_NONE] = next_unknown,    [PLAN_JOIN] = next_join,         [PLAN_STANDBY] = next_standby,
    [PLAN_REPLACE] = next_replace, [PLAN_PROMOTE] = next_promote,   [PLAN_DEMOTE] = next_demote,
    [PLAN_LEAVE] = next_leave,     [PLAN_TAKEOVER] = next_takeover,
};

void plan_next(const struct cluster *c, const struct raft_view *raft, struct plan_step *ret)
{
	const struct raft_plan *plan = &raft->plan;
	struct planning p = {
	    .c = c,
	    .raft = raft,
	    .subject = config_by_id(raft, plan->subject),
	    .other = config_by_id(raft, plan->other),
	    .subject_name = sums_name(c, raft, plan->subject),
	    .other_name = sums_name(c, raft, plan->other),
	    .step = ret,
	};

	assert(plan->id != 0);
	rules[plan->kind](&p);
}

void plan_describe(const struct cluster *c, const struct raft_view *raft,
                   const struct raft_plan *plan, char ret[STATUS_WHY_MAX])
{
	/* In front of the subject, behind it, and whether the other one comes last. */
	static const struct {
		const char *before;
		const char *behind;
		bool other;
	} words[PLAN_KINDS] = {
	    [PLAN_NONE] = {"unknown change of ", "", false},
	    [PLAN_JOIN] = {"", " joins", false},
	    [PLAN_STANDBY] = {"", " joins as a standby", false},
	    [PLAN_REPLACE] = {"", " replaces ", true},
	    [PLAN_PROMOTE] = {"", " is promoted", false},
	    [PLAN_DEMOTE] = {"", " is demoted", false},
	    [PLAN_LEAVE] = {"", " leaves", false},
	    [PLAN_TAKEOVER] = {"standby ", " takes over from ", true},
	};

	assert(plan->kind < PLAN_KINDS);
	(void)snprintf(ret, STATUS_WHY_MAX, "%s%.90s%s%.90s", words[plan->kind].before,
	               sums_name(c, raft, plan->subject), words[plan->kind].behind,
	               words[plan->kind].other ? sums_name(c, raft, plan->other) : "");
}
