/* Checkers of time: the lease inequality and the fence margin.
 *
 * Nobody wins an election while an older leader's lease runs by that leader's clock, nor while
 * a follower of it still relies on it. The fence margin of a take-over is the time from the end
 * of the old side's service to the new leader's election, by the world's clock. */
#include <inttypes.h>

#include "sim/check_inside.h"
#include "sim/member.h"
#include "sim/process.h"

/* Its verdict, by its own clock, at this very moment. */
static bool may_serve(const struct node *node)
{
	return node->state != PROCESS_DOWN && node->core != NULL && core_may_serve(node->core);
}

void lease_turn(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];
	const struct raft_view *view = core_view(node->core);

	if (core_may_serve(node->core)) {
		watch->serve_us = node->world->now_us;
		watch->serve_term = view->term;
		watch->serve_end_us = 0;
	} else if (watch->serve_end_us == 0) {
		watch->serve_end_us = node->world->now_us;
	}
	if (view->transferring)
		watch->released_term = view->term;
}

static bool clocks_trusted(const struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->nodes[i].untrusted_clock)
			return false;
	}
	return true;
}

/* The leader before this one, when it lives and does not know that its time is over; NULL when it
 * does, or when it gave its lease up by plan. */
static const struct node *replaced(const struct node *winner)
{
	const struct world *w = winner->world;
	const uint64_t term = w->checks->newest_term;

	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];
		const struct watch *watch = &w->checks->watches[i];

		if (node != winner && node->state != PROCESS_DOWN && watch->led_term == term &&
		    core_view(node->core)->term == term && watch->released_term != term)
			return node;
	}
	return NULL;
}

/* When this node's service in its term ended: seen in a turn, or, when no turn has come since,
 * as its own clock says. */
static int64_t service_end_us(const struct node *node)
{
	const struct watch *watch = &node->world->checks->watches[node->at];
	struct cluster_status status;
	struct raft_view raft;

	if (watch->serve_end_us != 0)
		return watch->serve_end_us;
	core_status(node->core, &status, &raft);
	if (status.lease_left_us < 0 &&
	    status.lease_left_us > watch->serve_us - node->world->now_us)
		return node->world->now_us + status.lease_left_us;
	return watch->serve_us;
}

/* The old side: who has served in the old leader's term and knows of no newer one. */
static int64_t fence_margin_us(const struct node *winner, uint64_t term)
{
	const struct world *w = winner->world;
	int64_t end_us = INT64_MIN;

	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];
		int64_t at_us;

		if (node == winner || node->state == PROCESS_DOWN ||
		    core_view(node->core)->term != term || w->checks->watches[i].serve_term != term)
			continue;
		at_us = service_end_us(node);
		end_us = at_us > end_us ? at_us : end_us;
	}
	return end_us == INT64_MIN ? -1 : w->now_us - end_us;
}

static void measure(struct world *w, const struct node *winner, const struct node *old)
{
	int64_t margin_us = fence_margin_us(winner, w->checks->newest_term);
	int64_t at = margin_us / SIM_MARGIN_US;

	if (margin_us < 0)
		return; /* nobody has served in that term */
	w->stats.takeovers++;
	w->stats.margins[at < SIM_MARGINS ? at : SIM_MARGINS - 1]++;
	if (margin_us < w->stats.margin_min_us)
		w->stats.margin_min_us = margin_us;
	world_tell(w, winner, "take-over", "of %s, %" PRId64 " ms after its side was fenced",
	           old->name, margin_us / 1000);
}

/* A leader serves by its lease; who follows the leader before this one relies on the same, as
 * long as that one did not step down for a newer term and so gave it up. */
static bool relies(const struct node *node, const struct node *old)
{
	const struct raft_view *view = core_view(node->core);

	return view->role == ROLE_LEADER ||
	       (old != NULL && view->term == core_view(old->core)->term);
}

/* Nobody wins while an older leader's lease runs, unless a clock breaks its bound. */
void lease_won(struct node *winner)
{
	struct world *w = winner->world;
	uint64_t term = core_view(winner->core)->term;
	const struct node *old = replaced(winner);

	if (!clocks_trusted(w))
		return;
	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];

		if (node == winner || !may_serve(node) || core_view(node->core)->term >= term ||
		    !relies(node, old))
			continue;
		world_fail(w, CHECK_LEASE,
		           "%s wins term %" PRIu64 " while %s serves by a lease of term %" PRIu64,
		           winner->name, term, node->name, core_view(node->core)->term);
	}
	if (old != NULL && !w->failed)
		measure(w, winner, old);
}
