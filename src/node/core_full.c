/* Full synchronisation, to its end.
 *
 *   idle --asked for--> comparing --all are equal, or nobody can be replaced--> idle
 *   comparing --a member was told to start over--> returning --it votes again--> comparing
 *
 * In the end an operator knows of each member whether it has the state of the majority, at which
 * index, and with which digest; after FULL_PATIENCE_US also who is not back. The first comparison
 * is awaited as long as it takes: it has a bound of its own. */
#include <string.h>

#include "node/core_internal.h"

enum {
	FULL_LOOK_US = 250000,  /* as soon as a person would see it */
	FULL_AGAIN_US = 1000000 /* a comparison could not be made: an election may be under way */
};

static void tell(struct core *c, enum status st)
{
	struct core_full *f = &c->full;
	struct full_waiter waiters[FULL_WAITERS_MAX];
	const struct full_report report = f->report;
	const size_t n = f->n_waiters;

	memcpy(waiters, f->waiters, n * sizeof waiters[0]);
	memset(f, 0, sizeof *f);
	for (size_t i = 0; i < n; i++)
		waiters[i].cb(waiters[i].arg, st, st == ST_OK ? &report : NULL);
}

static struct full_node *node_of(struct full_report *r, const char *name)
{
	struct full_node *node;

	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->nodes[i].name, name) == 0)
			return &r->nodes[i];
	}
	if (r->n == MEMBERS_MAX)
		return NULL;
	node = &r->nodes[r->n++];
	memcpy(node->name, name, strlen(name) + 1);
	return node;
}

static void note(const struct core *c, struct full_node *node, const struct audit_round *r,
                 const struct audit_node *from)
{
	const bool compared = from->outcome >= AUDIT_EQUAL;

	if (node->action == FULL_STARTS_OVER && !compared)
		return; /* still on its way back */
	node->self = from->self;
	node->replaced |= from->replaced;
	node->index = 0;
	node->digest = 0;
	if (compared)
		core_audit_told(c, r->index, from->digest, &node->index, &node->digest);
	if (from->replaced) {
		node->action = FULL_STARTS_OVER;
		node->voter = from->voter;
		node->was = from->raft_id;
	} else if (from->outcome == AUDIT_EQUAL) {
		node->action = node->replaced ? FULL_REPLACED : FULL_VERIFIED;
	} else if (compared) {
		node->action = FULL_DIFFERS;
	} else {
		node->action =
		    from->outcome == AUDIT_UNREACHABLE ? FULL_UNREACHABLE : FULL_NOT_COMPARED;
	}
}

/* Whoever starts over, and is not this node: that one answers while it can. */
static bool is_awaited(const struct full_report *r)
{
	bool awaited = false;

	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].action == FULL_STARTS_OVER && r->nodes[i].self)
			return false;
		awaited |= r->nodes[i].action == FULL_STARTS_OVER;
	}
	return awaited;
}

static void compared(void *arg, enum status st, const struct audit_round *r)
{
	struct core *c = arg;
	struct core_full *f = &c->full;
	const int64_t now_us = c->ops.now_us(c->ops.arg);

	if (f->stage != FULL_COMPARING)
		return; /* it ended meanwhile */
	if (st != ST_OK && (f->report.n == 0 || c->closing)) {
		tell(c, st);
		return;
	}
	for (size_t i = 0; st == ST_OK && i < r->n; i++) {
		struct full_node *node = node_of(&f->report, r->nodes[i].name);

		if (node != NULL)
			note(c, node, r, &r->nodes[i]);
	}
	if (!is_awaited(&f->report)) {
		tell(c, ST_OK);
		return;
	}
	f->stage = FULL_RETURNING;
	f->look_us = now_us + (st == ST_OK ? FULL_LOOK_US : FULL_AGAIN_US);
	c->dirty = true;
}

void core_full(struct core *c, core_full_cb cb, void *arg)
{
	struct core_full *f = &c->full;

	if (c->closing || f->n_waiters == FULL_WAITERS_MAX) {
		cb(arg, c->closing ? ST_CLOSED : ST_BUSY, NULL);
		return;
	}
	f->waiters[f->n_waiters++] = (struct full_waiter){cb, arg};
	if (f->stage != FULL_IDLE)
		return; /* the one under way answers */
	f->stage = FULL_COMPARING;
	f->until_us = c->ops.now_us(c->ops.arg) + FULL_PATIENCE_US;
	core_validate(c, compared, c);
}

/* As another incarnation, in the role that it had, and in sight. */
static bool is_back(const struct core *c, const struct full_node *node)
{
	for (size_t i = 0; i < c->view.n_members; i++) {
		const struct raft_voter *m = &c->view.members[i];

		if (strcmp(m->name, node->name) == 0 && m->id != node->was && !m->spare &&
		    (m->voter || !node->voter))
			return cluster_peer_id(c->cluster, m->name) == m->id;
	}
	return false;
}

static bool all_back(const struct core *c)
{
	const struct full_report *r = &c->full.report;

	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].action == FULL_STARTS_OVER && !is_back(c, &r->nodes[i]))
			return false;
	}
	return true;
}

void core_full_step(struct core *c, int64_t now_us)
{
	struct core_full *f = &c->full;

	if (f->report.n == 0)
		return; /* nothing is under way, or the first comparison */
	if (now_us >= f->until_us) {
		f->report.late = true;
		tell(c, ST_OK);
	} else if (f->stage == FULL_RETURNING && now_us >= f->look_us) {
		f->look_us = now_us + FULL_LOOK_US;
		if (!all_back(c))
			return;
		f->stage = FULL_COMPARING;
		core_validate(c, compared, c);
	}
}

int64_t core_full_deadline_us(const struct core *c)
{
	const struct core_full *f = &c->full;

	if (f->report.n == 0)
		return INT64_MAX;
	return f->stage == FULL_RETURNING && f->look_us < f->until_us ? f->look_us : f->until_us;
}

void core_full_close(struct core *c)
{
	if (c->full.stage != FULL_IDLE)
		tell(c, ST_CLOSED);
}

const char *full_action_name(enum full_action action)
{
	static const char *const names[] = {
	    [FULL_UNREACHABLE] = "unreachable", [FULL_NOT_COMPARED] = "not_compared",
	    [FULL_DIFFERS] = "differs",         [FULL_STARTS_OVER] = "starts_over",
	    [FULL_REPLACED] = "replaced",       [FULL_VERIFIED] = "verified",
	};

	return names[action];
}
