/* Checkers of progress: an undisturbed majority serves; after healing everything does. */
#include <inttypes.h>

#include "sim/check_inside.h"
#include "sim/member.h"
#include "sim/network.h"
#include "sim/operator.h"
#include "sim/process.h"

enum { SERVED_US = 5000000 }; /* within this some client is served by it */

static bool in_order(const struct node *node)
{
	return node->state == PROCESS_UP && !node->paused && node->busy_us == 0 &&
	       node->away_until_us <= node->world->now_us && node->disk.slow_us == 0 &&
	       !node->disk.chunks.no_space && !node->disk.full &&
	       node->clock.drift_ppm <= SIM_DRIFT_MAX_PPM &&
	       node->clock.drift_ppm >= -SIM_DRIFT_MAX_PPM;
}

static bool is_clique(const struct world *w, unsigned mask)
{
	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned j = i + 1; j < w->n; j++) {
			if ((mask >> i & 1) && (mask >> j & 1) && !network_clean(w, i, j))
				return false;
		}
	}
	return true;
}

static unsigned count(unsigned mask)
{
	return (unsigned)__builtin_popcount(mask);
}

/* A majority of nodes in order that reach each other undisturbed; 0: there is none. */
static unsigned find_clique(const struct world *w, const struct electorate *e, unsigned sound)
{
	unsigned best = 0;

	if (e->hash == 0)
		return 0;

	for (unsigned mask = 1; mask < 1U << w->n; mask++) {
		if ((mask & sound & e->voters) == mask && count(mask) >= e->needed &&
		    count(mask) > count(best) && is_clique(w, mask))
			best = mask;
	}
	return best;
}

static void follow_clique(struct world *w)
{
	struct checks *k = w->checks;
	struct electorate e;
	unsigned sound = 0;

	member_electorate(w, &e);

	for (unsigned i = 0; i < w->n; i++) {
		if (in_order(&w->nodes[i]))
			sound |= 1U << i;
		else
			k->watches[i].disturbed_us = w->now_us;
	}
	if (k->clique != 0 && k->electorate == e.hash && (k->clique & sound) == k->clique &&
	    is_clique(w, k->clique))
		return;
	k->electorate = e.hash;
	k->clique = find_clique(w, &e, sound);
	k->clique_us = w->now_us;
}

static void check_available(struct world *w)
{
	struct checks *k = w->checks;

	if (k->clique == 0 || w->now_us - k->clique_us < SIM_SETTLED_US)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		if ((k->clique >> i & 1) && w->now_us - k->watches[i].ok_us < SERVED_US)
			return;
	}
	world_fail(w, CHECK_AVAILABLE,
	           "nodes of mask %x have been undisturbed for %" PRId64
	           " ms, and no client was served by them for %d ms",
	           k->clique, (w->now_us - k->clique_us) / 1000, SERVED_US / 1000);
}

static void tell_unwell(const struct node *node)
{
	struct world *w = node->world;
	struct cluster_status status = {.why = "not running"};
	struct raft_view raft;

	if (node->state == PROCESS_UP)
		core_status(node->core, &status, &raft);
	world_fail(w, CHECK_HEALS, "%" PRId64 " ms after everything healed %s is %s: %s",
	           (w->now_us - w->healed_us) / 1000, node->name,
	           node->state == PROCESS_UP ? cluster_state_name(status.state) : "down",
	           status.why);
}

static void check_all_serve(struct world *w)
{
	struct electorate e;

	member_electorate(w, &e);
	for (unsigned i = 0; i < w->n; i++) {
		struct node *node = &w->nodes[i];

		if (!member_counts(&e, i) ||
		    (node->state == PROCESS_UP && core_state(node->core) == CLUSTER_SERVING))
			continue;
		w->checks->serving_us = w->now_us;
		if (w->settled_us > 0 || w->now_us - w->healed_us > SIM_HEAL_US)
			tell_unwell(node);
		return;
	}
	if (operator_busy(w)) {
		w->checks->serving_us = w->now_us;
		if (w->now_us - w->healed_us > SIM_HEAL_US)
			world_fail(w, CHECK_HEALS, "a change of the members has not ended");
		return;
	}
	if (w->settled_us == 0 && w->now_us - w->checks->serving_us >= SIM_SERVING_US &&
	    w->now_us - w->healed_us >= SIM_SERVING_US)
		w->settled_us = w->now_us;
}

void check_faulted(struct world *w)
{
	follow_clique(w);
}

void check_disturbed(struct node *node)
{
	struct world *w = node->world;

	if (w->checks->clique >> node->at & 1)
		w->checks->clique_us = w->now_us;
}

void live_time(struct world *w)
{
	follow_clique(w);
	shutdown_time(w);
	check_available(w);
	if (w->healed)
		check_all_serve(w);
}

/* At the end everybody has served clients and holds the same, and all that was told fits. */
void check_end(struct world *w)
{
	struct electorate e;

	member_electorate(w, &e);
	for (unsigned i = 0; i < w->n; i++) {
		const struct watch *watch = &w->checks->watches[i];

		if (!member_counts(&e, i))
			continue;
		if (watch->ops_ok == 0)
			world_fail(w, CHECK_HEALS, "%s has served nobody after healing",
			           w->nodes[i].name);
		if (w->nodes[i].core != NULL &&
		    core_view(w->nodes[i].core)->commit + 64 < w->checks->committed)
			world_fail(w, CHECK_HEALS, "%s is far behind at the end", w->nodes[i].name);
	}
	for (unsigned i = 0; i < w->n; i++) {
		if (w->nodes[i].core != NULL)
			session_end(&w->nodes[i]);
	}
	member_end(w);
	picture_end(w);
	judge_history(w);
}
