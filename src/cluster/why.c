#include "cluster/why.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/room.h"
#include "cluster/view.h"

/* What a sentence is made from. */
struct why {
	const struct cluster *c;
	const struct raft_view *raft;
	int64_t now_us;
	enum cause cause;
	char *text; /* STATUS_WHY_MAX bytes, always terminated */
	size_t len;
};

static void add(struct why *w, const char *fmt, ...) PRINTF(2, 3);

static void add(struct why *w, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(w->text + w->len, STATUS_WHY_MAX - w->len, fmt, args);
	va_end(args);
	if (len > 0)
		w->len += (size_t)len;
	if (w->len >= STATUS_WHY_MAX)
		w->len = STATUS_WHY_MAX - 1;
}

const char *why_span(int64_t us, char ret[WHY_SPAN_MAX])
{
	const double s = (double)us / 1e6;

	if (us < 1000000)
		(void)snprintf(ret, WHY_SPAN_MAX, "%" PRId64 " ms", us / 1000);
	else if (s < 60)
		(void)snprintf(ret, WHY_SPAN_MAX, "%.1f s", s);
	else if (s < 3600)
		(void)snprintf(ret, WHY_SPAN_MAX, "%.0f min", s / 60);
	else
		(void)snprintf(ret, WHY_SPAN_MAX, "%.1f h", s / 3600);
	return ret;
}

/* --- Causes -------------------------------------------------------------------------- */

static enum cause forming_cause(const struct cluster *c)
{
	if (c->identity.state != IDENTITY_EMPTY)
		return CAUSE_STARTING;
	for (size_t i = 0; i < c->n_members; i++) {
		if (c->members[i].heard && c->members[i].head.identity != IDENTITY_EMPTY)
			return CAUSE_NOT_ADMITTED;
	}
	return CAUSE_NOT_FOUNDED;
}

static enum cause fenced_cause(const struct cluster *c, const struct raft_view *raft,
                               int64_t now_us)
{
	const bool minority = view_reachable(c, raft) < view_needed(c, raft);

	if (c->confirmed_end_us == 0)
		return CAUSE_NEVER_CONFIRMED;
	if (c->confirmed_end_us <= now_us)
		return minority ? CAUSE_MINORITY : CAUSE_NO_LEADER;
	if (!view_strict_enough(c, raft))
		return CAUSE_TOO_STRICT;
	if (c->confirmed_leader != raft->self_id)
		return CAUSE_LEADER_LOST;
	return c->confirmed_term == c->released_term ? CAUSE_LEASE_GIVEN_UP : CAUSE_LEADS_NO_MORE;
}

enum cause why_cause(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                     enum cluster_state state)
{
	switch (state) {
	case CLUSTER_FORMING:
		return forming_cause(c);
	case CLUSTER_SYNCING:
		return c->confirmed_end_us > now_us ? CAUSE_CATCHING_UP : CAUSE_NOT_CONFIRMED;
	case CLUSTER_SERVING:
		return CAUSE_ALL_HERE;
	case CLUSTER_DEGRADED:
		return CAUSE_SOME_AWAY;
	case CLUSTER_FENCED:
		return fenced_cause(c, raft, now_us);
	default:
		return CAUSE_STOPPED;
	}
}

/* --- Sentences ----------------------------------------------------------------------- */

static const char *name_of(const struct why *w, uint64_t raft_id)
{
	const struct raft_voter *voter = config_by_id(w->raft, raft_id);
	const struct cluster *c = w->c;

	if (voter != NULL)
		return voter->name;
	/* A node that stops has no part in Raft any more, and still knows who was who. */
	for (size_t i = 0; i < c->n_members; i++) {
		if (raft_id != 0 && c->members[i].known && c->members[i].head.raft_id == raft_id)
			return c->members[i].name;
	}
	return "(removed)";
}

/* The members that should be here and are not, or are late. */
static void add_trouble(struct why *w)
{
	const struct cluster *c = w->c;
	const char *before = "; ";
	char span[WHY_SPAN_MAX];

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];
		int64_t silent_us = w->now_us - m->heard_us;
		bool late = silent_us > LATE_BEATS * c->config.beat_interval_us;

		if (i == c->self || !view_wanted(w->raft, m) ||
		    (view_in_sight(c, m) && !late && view_is_member(w->raft, m)))
			continue;
		add(w, "%s%.60s ", before, m->name);
		before = ", ";
		if (m->foreign)
			add(w, "is of another cluster");
		else if (m->heard_us < 0)
			add(w, "was never heard");
		else if (late)
			add(w, "has been silent for %s", why_span(silent_us, span));
		else if (!view_in_sight(c, m))
			add(w, "does not hear this node");
		else
			add(w, "is not admitted yet");
	}
}

static void add_sight(struct why *w)
{
	add(w, "%u in sight, %u needed", view_reachable(w->c, w->raft), view_needed(w->c, w->raft));
	add_trouble(w);
}

static void forming(struct why *w)
{
	const struct cluster *c = w->c;
	size_t i = 0;

	if (w->cause == CAUSE_STARTING) {
		add(w, "cluster %016" PRIx64 ": consensus is starting", c->identity.cluster_id);
	} else if (w->cause == CAUSE_NOT_ADMITTED) {
		while (!c->members[i].heard || c->members[i].head.identity == IDENTITY_EMPTY)
			i++;
		add(w,
		    "%.60s belongs to a cluster; waiting to be admitted by its leader (a "
		    "new node: `erlmcp-admin cluster join %.60s`)",
		    c->members[i].name, c->config.self);
	} else {
		add(w, "waiting for all %zu expected members to found a cluster",
		    c->config.n_expected);
		add_trouble(w);
	}
}

static void syncing(struct why *w)
{
	const struct cluster *c = w->c;

	if (w->cause == CAUSE_CATCHING_UP)
		add(w, "leader %.60s in term %" PRIu64 " is confirmed; catching up from %" PRIu64,
		    name_of(w, c->confirmed_leader), c->confirmed_term, w->raft->last_applied);
	else
		add(w, "%s cluster %016" PRIx64 "; waiting for a majority to confirm a leader",
		    c->restarted ? "back in" : "member of", c->identity.cluster_id);
}

static void serving(struct why *w)
{
	add(w, "leader %.60s in term %" PRIu64 " is confirmed; ",
	    name_of(w, w->c->confirmed_leader), w->c->confirmed_term);
	add_sight(w);
}

static void fenced(struct why *w)
{
	const struct cluster *c = w->c;
	const char *leader = name_of(w, c->confirmed_leader);
	char span[WHY_SPAN_MAX];

	if (w->cause == CAUSE_NEVER_CONFIRMED)
		add(w, "no majority confirmed a leader since the start %s ago; ",
		    why_span(w->now_us - c->started_us, span));
	else if (w->cause == CAUSE_MINORITY || w->cause == CAUSE_NO_LEADER)
		add(w, "lease of leader %.60s in term %" PRIu64 " ended %s ago; ", leader,
		    c->confirmed_term, why_span(w->now_us - c->confirmed_end_us, span));
	else if (w->cause == CAUSE_TOO_STRICT)
		add(w, "ERLMCP_QUORUM_SIZE=%u asks for more members than are in sight; ",
		    c->config.quorum_size);
	else if (w->cause == CAUSE_LEADER_LOST)
		add(w, "leader %.60s in term %" PRIu64 " is lost or gave its lease up; ", leader,
		    c->confirmed_term);
	else if (w->cause == CAUSE_LEASE_GIVEN_UP)
		add(w, "this node gave its lease of term %" PRIu64 " up; ", c->confirmed_term);
	else
		add(w, "this node leads term %" PRIu64 " no more; ", c->confirmed_term);
	add_sight(w);
}

static void stopped(struct why *w)
{
	add(w, "stopped; this process serves no more");
}

static void (*const sentences[CLUSTER_STATES])(struct why *w) = {
    [CLUSTER_FORMING] = forming,  [CLUSTER_SYNCING] = syncing, [CLUSTER_SERVING] = serving,
    [CLUSTER_DEGRADED] = serving, [CLUSTER_FENCED] = fenced,   [CLUSTER_STOPPED] = stopped,
};

void why_describe(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                  enum cluster_state state, char ret[STATUS_WHY_MAX])
{
	struct why w = {.c = c,
	                .raft = raft,
	                .now_us = now_us,
	                .cause = why_cause(c, raft, now_us, state),
	                .text = ret};

	ret[0] = '\0';
	sentences[state](&w);
}
