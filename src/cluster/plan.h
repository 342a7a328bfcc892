/* A change of the members, step by step: what comes next, and why it waits.
 *
 * Every step is derived from the configuration alone, which holds the plan itself, too. So a
 * new leader goes on where the old one ended, and each step is taken once: a learner first,
 * a vote when it has caught up, and only then does somebody else go. A step that would leave
 * too few voters up waits (doc/decisions/0007-members.md). */
#ifndef CLUSTER_PLAN_H
#define CLUSTER_PLAN_H

#include <stdint.h>

#include "cluster/cluster.h"

enum plan_step_type {
	STEP_WAIT,    /* for what text says */
	STEP_ADMIT,   /* raft_id as a learner */
	STEP_PROMOTE, /* raft_id */
	STEP_DEMOTE,  /* raft_id */
	STEP_EXPEL,   /* raft_id */
	STEP_YIELD,   /* this leader is the one to go: somebody else leads on */
	STEP_END,     /* of the plan: text says what came of it */
};

struct plan_step {
	enum plan_step_type type;
	uint64_t raft_id;
	char text[STATUS_WHY_MAX];
};

/* The next step of the plan that the configuration holds. Any node may ask; leaders act. */
void plan_next(const struct cluster *c, const struct raft_view *raft, struct plan_step *ret);

/* "replace erlmcp@c by erlmcp@d" */
void plan_describe(const struct cluster *c, const struct raft_view *raft,
                   const struct raft_plan *plan, char ret[STATUS_WHY_MAX]);

#endif
