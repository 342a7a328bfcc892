/* Checkers of time: the lease inequality, and shutdowns of minorities only. */
#include <inttypes.h>

#include "sim/check_inside.h"
#include "sim/member.h"
#include "sim/process.h"

/* Its lease as leader, by its own clock, at this very moment. */
static bool holds_lease(struct node *node)
{
	return node->state != PROCESS_DOWN && node->core != NULL &&
	       core_view(node->core)->role == ROLE_LEADER && core_may_serve(node->core);
}

void lease_turn(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	if (holds_lease(node))
		watch->lease_us = node->world->now_us;
	if (node->countdown && (core_state(node->core) == CLUSTER_SERVING ||
	                        core_state(node->core) == CLUSTER_DEGRADED))
		world_fail(node->world, "shutdown", "%s serves while its countdown runs",
		           node->name);
	if (core_view(node->core)->transferring)
		watch->released_term = core_view(node->core)->term;
}

/* Nobody wins while an older leader's lease runs, unless a clock breaks its bound. */
void lease_won(struct node *winner)
{
	struct world *w = winner->world;
	uint64_t term = core_view(winner->core)->term;

	for (unsigned i = 0; i < w->n; i++) {
		if (w->nodes[i].untrusted_clock)
			return;
	}
	for (unsigned i = 0; i < w->n; i++) {
		struct node *old = &w->nodes[i];

		if (old == winner || !holds_lease(old) || core_view(old->core)->term >= term)
			continue;
		world_fail(w, "lease",
		           "%s wins term %" PRIu64 " while the lease of %s in term %" PRIu64
		           " runs",
		           winner->name, term, old->name, core_view(old->core)->term);
	}
}

void check_event(struct node *node, const struct core_event *ev)
{
	struct world *w = node->world;

	if (ev->type == CORE_COUNTDOWN)
		node->countdown = ev->up;
	if (ev->type == CORE_SHUTDOWN && w->healed && w->now_us - w->healed_us > SIM_HEAL_US / 2 &&
	    member_serves(w, node->at))
		world_fail(w, "shutdown", "%s shuts down %" PRId64 " ms after everything healed",
		           node->name, (w->now_us - w->healed_us) / 1000);
}
