/* Carries out what the cluster room decided. */
#include <assert.h>
#include <string.h>

#include "node/core_internal.h"

static void report(struct core *c, enum core_event_type type, const struct cluster_action *a)
{
	const struct core_event ev = {
	    .type = type,
	    .from = a->from,
	    .to = a->to,
	    .up = a->up,
	    .force = a->force,
	    .reachable = a->reachable,
	    .needed = a->needed,
	    .term = a->term,
	    .peer = a->peer == NULL ? "" : a->peer,
	    .text = a->text == NULL ? "" : a->text,
	};

	core_emit(c, &ev);
	if (type == CORE_MEMBER && a->up)
		core_audit_healed(c);
}

static void fatal(struct core *c, const char *text)
{
	const struct core_event ev = {.type = CORE_FATAL, .peer = "", .text = text};

	core_emit(c, &ev);
}

/* What nothing relies on: only other members' boot counters differ from what is on disk. */
static bool only_news_of_peers(const struct identity *id, const struct identity *disk)
{
	return id->state == disk->state && id->cluster_id == disk->cluster_id &&
	       id->raft_id == disk->raft_id && id->boot == disk->boot &&
	       id->logged == disk->logged && id->promise_max_ms == disk->promise_max_ms;
}

bool core_persist(struct core *c)
{
	const struct identity *id = cluster_identity(c->cluster);
	enum status st = c->ops.persist(c->ops.arg, id);

	if (st == ST_OK) {
		c->persisted = *id;
		return true;
	}
	/* A full disk recovers by itself; the counters are written with the next change. */
	if (st == ST_NO_SPACE && only_news_of_peers(id, &c->persisted))
		return true;
	fatal(c, "the node's identity cannot be written: nothing may rely on it");
	return false;
}

static void start(struct core *c, bool bootstrap)
{
	const char *why;

	if (!c->started && core_start_consensus(c, bootstrap, &why) != ST_OK)
		fatal(c, why);
}

static void change_done(void *arg, enum status st)
{
	struct core *c = arg;

	(void)st; /* the cluster room looks at the configuration and asks again where needed */
	c->changing = false;
	c->dirty = true;
}

/* What this leader does about the members is told: an operator asks later why it was done. */
static void tell_change(struct core *c, const struct cluster_action *a)
{
	static const char *const words[] = {
	    [CLUSTER_ADMIT] = "is added as a learner",
	    [CLUSTER_PROMOTE] = "is to vote, once it has caught up",
	    [CLUSTER_DEMOTE] = "is to be a standby",
	    [CLUSTER_EXPEL] = "is removed",
	    [CLUSTER_PLAN] = "a change of the members begins",
	    [CLUSTER_PLAN_END] = "the change of the members ends",
	};
	struct core_event ev = {.type = CORE_CHANGE, .term = c->view.term};
	const char *text = a->text == NULL ? "" : a->text;

	buf_reset(&c->note);
	if (a->type == CLUSTER_PLAN || a->type == CLUSTER_PLAN_END)
		buf_printf(&c->note, "%s: %s", words[a->type], text);
	else
		buf_printf(&c->note, "%s %s", a->peer, words[a->type]);
	ev.peer = a->peer == NULL ? "" : a->peer;
	ev.text = buf_text(&c->note);
	core_emit(c, &ev);
}

/* One change of the configuration at a time. */
static void change(struct core *c, const struct cluster_action *a)
{
	enum status st = ST_INVALID;

	if (c->changing)
		return;
	if (a->type == CLUSTER_ADMIT)
		st = consensus_add_learner(c->consensus, a->raft_id, a->peer, change_done, c);
	else if (a->type == CLUSTER_PROMOTE)
		st = consensus_promote(c->consensus, a->raft_id, change_done, c);
	else if (a->type == CLUSTER_DEMOTE)
		st = consensus_demote(c->consensus, a->raft_id, change_done, c);
	else if (a->type == CLUSTER_PLAN)
		st = consensus_record_plan(c->consensus, &a->plan, change_done, c);
	else
		st = consensus_remove(c->consensus, a->raft_id, change_done, c);
	if (st != ST_OK)
		return;
	c->changing = true;
	tell_change(c, a);
}

static void yield_done(void *arg, enum status st)
{
	(void)arg;
	(void)st; /* leadership is where it is; the cluster room sees it */
}

static void yield(struct core *c, uint64_t raft_id)
{
	cluster_release_lease(c->cluster);
	if (consensus_transfer(c->consensus, raft_id, yield_done, c) != ST_OK)
		c->dirty = true;
}

static void perform_consensus(struct core *c, const struct cluster_action *a)
{
	switch (a->type) {
	case CLUSTER_BOOTSTRAP:
		start(c, true);
		break;
	case CLUSTER_START:
		start(c, false);
		break;
	case CLUSTER_EXPEL:
	case CLUSTER_ADMIT:
	case CLUSTER_PROMOTE:
	case CLUSTER_DEMOTE:
	case CLUSTER_PLAN:
	case CLUSTER_PLAN_END:
		change(c, a);
		break;
	case CLUSTER_YIELD:
		yield(c, a->raft_id);
		break;
	case CLUSTER_CONFIRMED:
		core_confirmed(c, a->term, a->round);
		break;
	default:
		assert(false);
	}
}

static enum core_event_type event_of(enum cluster_action_type type)
{
	switch (type) {
	case CLUSTER_MEMBER:
		return CORE_MEMBER;
	case CLUSTER_COUNTDOWN:
		return CORE_COUNTDOWN;
	case CLUSTER_SHUTDOWN:
		return CORE_SHUTDOWN;
	case CLUSTER_ALARM:
		return CORE_ALARM;
	default:
		assert(type == CLUSTER_STATE);
		return CORE_STATE;
	}
}

/* False: the actions behind this one must not happen. */
static bool perform(struct core *c, const struct cluster_action *a)
{
	switch (a->type) {
	case CLUSTER_SEND:
		core_send(c, a->peer, CHANNEL_CLUSTER, TRAFFIC_URGENT, a->bytes, a->len);
		return true;
	case CLUSTER_PERSIST:
		return core_persist(c);
	case CLUSTER_MEET:
	case CLUSTER_PART:
		if (c->ops.keep != NULL)
			c->ops.keep(c->ops.arg, a->peer, a->type == CLUSTER_MEET);
		return true;
	case CLUSTER_RESET:
		c->ops.reset(c->ops.arg, a->text);
		return false;
	case CLUSTER_STATE:
	case CLUSTER_MEMBER:
	case CLUSTER_COUNTDOWN:
	case CLUSTER_SHUTDOWN:
	case CLUSTER_ALARM:
		report(c, event_of(a->type), a);
		return true;
	default:
		perform_consensus(c, a);
		return true;
	}
}

void core_perform(struct core *c, const struct cluster_actions *actions)
{
	size_t i;

	for (i = 0; i < actions->n; i++) {
		if (!perform(c, &actions->items[i]))
			return;
	}
}

/* Who elected whom is what an incident begins with. */
void core_note_vote(struct core *c)
{
	const struct raft_view *v = &c->view;
	struct core_event ev = {.type = CORE_VOTE, .term = v->term, .peer = "", .text = ""};

	if (v->voted_for == c->noted_vote && v->term == c->noted_vote_term)
		return;
	c->noted_vote = v->voted_for;
	c->noted_vote_term = v->term;
	for (size_t i = 0; i < v->n_members; i++) {
		if (v->members[i].id == v->voted_for)
			ev.peer = v->members[i].name;
	}
	if (v->voted_for != 0)
		core_emit(c, &ev);
}
