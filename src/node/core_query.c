/* What the operator's doors ask of a running core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/explain.h"
#include "node/core_internal.h"

void core_status(const struct core *c, struct cluster_status *status, struct raft_view *raft)
{
	memset(raft, 0, sizeof *raft);
	if (c->consensus != NULL && c->started)
		consensus_view(c->consensus, raft);
	cluster_status(c->cluster, raft, c->ops.now_us(c->ops.arg), status);
	if (!c->audit.totals.damaged)
		return;
	status->state = CLUSTER_FENCED;
	(void)snprintf(status->why, sizeof status->why,
	               "this node's state is not that of the others, or its memory changed by "
	               "itself: it starts over once a majority of the others agrees");
}

void core_explain(const struct core *c, struct cluster_explanation *ret)
{
	cluster_explain(c->cluster, &c->view, c->ops.now_us(c->ops.arg), ret);
}

struct clock_offset core_clock(const struct core *c, const char *name)
{
	return cluster_clock(c->cluster, name, c->ops.now_us(c->ops.arg));
}

const struct raft_view *core_view(const struct core *c)
{
	return &c->view;
}

enum cluster_state core_state(const struct core *c)
{
	return cluster_state(c->cluster);
}

bool core_may_serve(const struct core *c)
{
	return cluster_may_serve(c->cluster, &c->view, c->ops.now_us(c->ops.arg));
}

bool core_votes_muted(const struct core *c)
{
	return cluster_votes_muted(c->cluster, c->ops.now_us(c->ops.arg));
}

size_t core_members_in_sight(const struct core *c, char ret[][NODE_NAME_MAX], size_t cap)
{
	struct cluster_status status;
	struct raft_view raft;
	size_t i;
	size_t n = 0;

	core_status(c, &status, &raft);
	for (i = 0; i < status.n_members && n < cap; i++) {
		if (status.members[i].member && (status.members[i].self || status.members[i].heard))
			memcpy(ret[n++], status.members[i].name, NODE_NAME_MAX);
	}
	return n;
}

struct hand_over {
	void (*done_cb)(void *arg);
	void *arg;
};

static void handed_over(void *arg, enum status st)
{
	struct hand_over copy = *(struct hand_over *)arg;

	(void)st; /* a leader that nobody takes over from stops all the same: elections repair it */
	free(arg);
	copy.done_cb(copy.arg);
}

void core_hand_over(struct core *c, void (*done_cb)(void *arg), void *arg)
{
	struct hand_over *h;

	core_sample(c);
	if (c->view.role != ROLE_LEADER || c->view.n_voters < 2)
		goto out;
	h = malloc(sizeof *h);
	if (h == NULL)
		goto out;
	h->done_cb = done_cb;
	h->arg = arg;
	cluster_release_lease(c->cluster);
	if (consensus_transfer(c->consensus, 0, handed_over, h) == ST_OK)
		return;
	free(h);
out:
	done_cb(arg);
}

uint64_t core_refused(const struct core *c)
{
	return c->requests.refused;
}
