/* Checkers of membership: nobody stops as removed who is a member, whoever wins was elected by
 * voters of its configuration, and every change of the members ends. */
#include <inttypes.h>
#include <string.h>

#include "sim/check_inside.h"
#include "sim/member.h"
#include "sim/process.h"

static struct incarnations members_of(const struct raft_view *view)
{
	struct incarnations all = {.n = view->n_members};

	for (size_t i = 0; i < view->n_members; i++)
		all.ids[i] = view->members[i].id;
	return all;
}

/* The newest configuration that anybody knew to be committed, and that of who led last: a
 * configuration may be committed and followed by the next one within one turn. */
void member_turn(struct node *node)
{
	struct checks *k = node->world->checks;
	const struct raft_view *view = core_view(node->core);

	if (view->role == ROLE_LEADER && view->term >= k->newest_term)
		k->led = members_of(view);
	if (!view->config_committed || view->commit <= k->config_commit)
		return;
	k->config_commit = view->commit;
	k->config = members_of(view);
}

static bool has(const struct incarnations *all, uint64_t id)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->ids[i] == id)
			return true;
	}
	return false;
}

/* It stops, as somebody told it that it was removed. */
void member_stopped(struct node *node)
{
	struct world *w = node->world;
	const struct checks *k = w->checks;
	const uint64_t id = node->disk.image.identity.raft_id;

	w->stats.removals++;
	if (has(&k->config, id) && has(&k->led, id))
		world_fail(w, CHECK_SHUTDOWN,
		           "%s stops as removed, and is a member at entry %" PRIu64, node->name,
		           k->config_commit);
}

/* More than half of the voters of its configuration (an only one asks nobody) gave it their votes,
 * on their disks. */
void member_won(struct node *winner)
{
	struct world *w = winner->world;
	const struct raft_view *view = core_view(winner->core);
	unsigned votes = 0;

	for (size_t i = 0; i < view->n_members; i++) {
		if (view->members[i].voter &&
		    vote_given(w->checks, view->members[i].id, view->term) == view->self_id)
			votes++;
	}
	if (view->n_voters > 1 && votes <= view->n_voters / 2)
		world_fail(w, CHECK_VOTE,
		           "%s wins term %" PRIu64 " with the votes of %u of %zu voters",
		           winner->name, view->term, votes, view->n_voters);
}

/* Healed for long: who is no member any more and can hear the leader has stopped. */
void member_end(struct world *w)
{
	const struct node *leader = member_leader(w);
	const struct raft_view *view = leader == NULL ? NULL : core_view(leader->core);

	if (view == NULL)
		return;
	if (view->plan.id != 0)
		world_fail(w, CHECK_HEALS, "a change of the members has not ended");
	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];
		bool member = false;

		for (size_t j = 0; j < view->n_members; j++)
			member |= view->members[j].id == node->disk.image.identity.raft_id;
		if (!member && node->state == PROCESS_UP && core_view(node->core)->started &&
		    member_linked(w, i, leader->at) && w->now_us - node->start_us > SIM_SERVING_US)
			world_fail(w, CHECK_HEALS, "%s is no member any more and runs on",
			           node->name);
	}
}
