#include "sim/member.h"

#include <string.h>

#include "cluster/quorum.h"
#include "sim/process.h"

struct node *member_leader(struct world *w)
{
	struct node *best = NULL;

	for (unsigned i = 0; i < w->n; i++) {
		struct node *node = &w->nodes[i];

		if (node->state == PROCESS_UP && !node->paused &&
		    node->away_until_us <= w->now_us &&
		    core_view(node->core)->role == ROLE_LEADER &&
		    (best == NULL || core_view(node->core)->term > core_view(best->core)->term))
			best = node;
	}
	return best;
}

bool member_linked(const struct world *w, unsigned a, unsigned b)
{
	return (w->nodes[a].keeps >> b & 1) && (w->nodes[b].keeps >> a & 1);
}

static void handed_over(void *arg)
{
	struct node *node = arg;

	node->hand_over = false;
}

void member_hand_over(struct node *leader)
{
	if (leader->hand_over)
		return;
	leader->hand_over = true;
	core_hand_over(leader->core, handed_over, leader);
	process_wake(leader);
}

uint64_t member_hash(const struct raft_view *view)
{
	uint64_t hash = view->plan.id == 0 ? 0 : disk_member_hash(view->plan.id, false);

	for (size_t i = 0; i < view->n_members; i++)
		hash += disk_member_hash(view->members[i].id, view->members[i].voter);
	return hash;
}

const struct raft_view *member_view(const struct world *w)
{
	const struct raft_view *best = NULL;

	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];
		const struct raft_view *view;

		if (node->state != PROCESS_UP)
			continue;
		view = core_view(node->core);
		if (view->started && (best == NULL || view->commit > best->commit))
			best = view;
	}
	return best;
}

static const struct raft_voter *entry_of(const struct raft_view *view, const struct node *node)
{
	for (size_t i = 0; i < view->n_members; i++) {
		if (node->disk.image.has_identity &&
		    view->members[i].id == node->disk.image.identity.raft_id)
			return &view->members[i];
	}
	return NULL;
}

static bool is_named(const struct raft_view *view, const struct node *node)
{
	for (size_t i = 0; i < view->n_members; i++) {
		if (strcmp(view->members[i].name, node->name) == 0)
			return true;
	}
	return false;
}

void member_electorate(const struct world *w, struct electorate *ret)
{
	const struct raft_view *view = member_view(w);

	memset(ret, 0, sizeof *ret);
	ret->members = (1U << w->plan.nodes) - 1;
	if (view == NULL)
		return;
	ret->members = 0;
	ret->hash = member_hash(view);
	ret->needed = quorum_needed(w->nodes[0].config.cluster.quorum_size, view->n_voters);
	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];
		const struct raft_voter *entry = entry_of(view, node);

		ret->members |= (unsigned)is_named(view, node) << i;
		if (entry == NULL)
			continue;
		ret->voters |= (unsigned)entry->voter << i;
		if (node->state == PROCESS_UP && core_view(node->core)->started &&
		    member_hash(core_view(node->core)) != member_hash(view))
			ret->hash = 0;
	}
}

bool member_counts(const struct electorate *e, unsigned at)
{
	return e->members >> at & 1;
}

bool member_serves(const struct world *w, unsigned at)
{
	struct electorate e;

	member_electorate(w, &e);
	return member_counts(&e, at);
}

unsigned member_others(const struct world *w, const struct electorate *e, unsigned at)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++) {
		const struct node *other = &w->nodes[i];

		if (i != at && (e->voters >> i & 1) && other->state == PROCESS_UP &&
		    !other->paused &&
		    (core_state(other->core) == CLUSTER_SERVING ||
		     core_state(other->core) == CLUSTER_DEGRADED))
			n++;
	}
	return n;
}
