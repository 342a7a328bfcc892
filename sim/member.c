#include "sim/member.h"

#include <string.h>

#include "cluster/quorum.h"
/* An operator's hand reaches the consensus room directly: see member.h. */
#include "node/core_internal.h"
#include "sim/process.h"

static bool at_work(const struct node *node)
{
	return node->state == PROCESS_UP && !node->paused &&
	       node->away_until_us <= node->world->now_us;
}

struct node *member_leader(struct world *w)
{
	struct node *best = NULL;

	for (unsigned i = 0; i < w->n; i++) {
		struct node *node = &w->nodes[i];

		if (at_work(node) && core_view(node->core)->role == ROLE_LEADER &&
		    (best == NULL || core_view(node->core)->term > core_view(best->core)->term))
			best = node;
	}
	return best;
}

static const struct raft_voter *named(const struct raft_view *view, const char *name)
{
	for (size_t i = 0; i < view->n_members; i++) {
		if (strcmp(view->members[i].name, name) == 0)
			return &view->members[i];
	}
	return NULL;
}

static void told(struct node *leader, const struct node *about, const char *what, enum status st)
{
	world_tell(leader->world, leader, "fault", "is asked to %s %s: %s", what, about->name,
	           status_text(st));
	process_wake(leader);
}

void member_add(struct node *standby)
{
	struct world *w = standby->world;
	struct node *leader = member_leader(w);
	const struct disk_image *disk = &standby->disk.image;
	const struct raft_voter *known;

	if (leader == NULL || leader == standby || !at_work(standby) || !disk->has_identity ||
	    !core_may_serve(leader->core)) {
		world_tell(w, standby, "fault", "not now: nobody can add it");
		return;
	}
	known = named(core_view(leader->core), standby->name);
	if (known != NULL && known->id != disk->identity.raft_id)
		told(leader, standby, "forget the lost disk of",
		     consensus_remove(leader->core->consensus, known->id, NULL, NULL));
	else
		told(leader, standby, "add",
		     consensus_add_learner(leader->core->consensus, disk->identity.raft_id,
		                           standby->name, NULL, NULL));
}

static bool knows(const struct world *w, unsigned node, unsigned peer)
{
	const struct node *of = &w->nodes[node];

	return peer < w->plan.nodes ||
	       (of->core != NULL && named(core_view(of->core), w->nodes[peer].name) != NULL);
}

bool member_linked(const struct world *w, unsigned a, unsigned b)
{
	return knows(w, a, b) && knows(w, b, a);
}

/* --- Who leads ----------------------------------------------------------------------- */

/* To the expected ones, and to those that its configuration names: perhaps a lost disk's. */
static bool known_to_all(const struct world *w, const struct node *leader)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (i != leader->at && knows(w, leader->at, i) && !knows(w, i, leader->at))
			return false;
	}
	return true;
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

void member_settle(struct world *w)
{
	struct node *leader = member_leader(w);

	if (leader != NULL && leader->at >= w->plan.nodes && !known_to_all(w, leader))
		member_hand_over(leader);
}

/* --- Who must serve ------------------------------------------------------------------ */

uint64_t member_hash(const struct raft_view *view)
{
	uint64_t hash = 0;

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

void member_electorate(const struct world *w, struct electorate *ret)
{
	const struct raft_view *view = member_view(w);

	memset(ret, 0, sizeof *ret);
	if (view == NULL)
		return;
	ret->hash = member_hash(view);
	ret->needed = quorum_needed(w->nodes[0].config.cluster.quorum_size, view->n_voters);
	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];
		const struct raft_voter *entry = entry_of(view, node);

		if (entry == NULL)
			continue;
		ret->members |= 1U << i;
		ret->voters |= (unsigned)entry->voter << i;
		if (node->state == PROCESS_UP && core_view(node->core)->started &&
		    member_hash(core_view(node->core)) != member_hash(view))
			ret->hash = 0;
	}
}

bool member_counts(const struct world *w, const struct electorate *e, unsigned at)
{
	return at < w->plan.nodes || (e->members >> at & 1);
}

bool member_serves(const struct world *w, unsigned at)
{
	struct electorate e;

	member_electorate(w, &e);
	return member_counts(w, &e, at);
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

/* As the leader's own expelling does: never when too few would remain to serve. */
static bool may_remove(struct node *leader, const struct raft_voter *known, unsigned at)
{
	const struct world *w = leader->world;
	size_t left = core_view(leader->core)->n_voters - known->voter;
	unsigned needed = quorum_needed(leader->config.cluster.quorum_size, left);
	struct electorate e;

	member_electorate(w, &e);
	return left > 0 && left >= needed && member_others(w, &e, at) >= needed;
}

void member_remove(struct node *node)
{
	struct world *w = node->world;
	struct node *leader = member_leader(w);
	const struct raft_voter *known = NULL;

	if (leader != NULL && core_may_serve(leader->core))
		known = named(core_view(leader->core), node->name);
	if (known == NULL || !may_remove(leader, known, node->at)) {
		world_tell(w, node, "fault", "not now: it cannot be removed");
		return;
	}
	told(leader, node, "remove",
	     consensus_remove(leader->core->consensus, known->id, NULL, NULL));
}
