/* Checkers of the minority countdown: it begins, runs and ends as the configuration says, by the
 * node's own clock, and never while the node is in a majority that nothing disturbs. */
#include <inttypes.h>
#include <string.h>

#include "sim/check_inside.h"
#include "sim/member.h"
#include "sim/process.h"
#include "sim/system.h"

/* When a countdown that began then is over, by the node's clock. */
static int64_t due_us(const struct node *node, int64_t began_us)
{
	const struct cluster_config *c = &node->config.cluster;
	const struct watch *watch = &node->world->checks->watches[node->at];

	if (!watch->served && began_us < node->start_own_us + c->start_period_us)
		began_us = node->start_own_us + c->start_period_us;
	return began_us + c->shutdown_delay_us;
}

/* In a majority that has been undisturbed for long enough that every member must see it. */
static bool in_sound_majority(const struct node *node)
{
	const struct checks *k = node->world->checks;

	return (k->clique >> node->at & 1) && node->world->now_us - k->clique_us >= SIM_SETTLED_US;
}

static void countdown_moved(struct node *node, bool up)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	node->countdown = up;
	watch->shutdown_told = false;
	/* It began within this turn: not before it, and not later than now. */
	watch->countdown_from_us = clock_read(node, node->world->now_us);
	watch->countdown_to_us = clock_read(node, process_now(node));
}

static void countdown_over(struct node *node, const struct core_event *ev)
{
	struct world *w = node->world;
	struct watch *watch = &w->checks->watches[node->at];
	int64_t left_us =
	    due_us(node, watch->countdown_from_us) - clock_read(node, process_now(node));

	if (!node->countdown || watch->shutdown_told)
		world_fail(w, CHECK_SHUTDOWN, "%s shuts down without a countdown", node->name);
	if (left_us > 0)
		world_fail(w, CHECK_SHUTDOWN, "%s shuts down %" PRId64 " us before it is due%s",
		           node->name, left_us, watch->served ? "" : ", and it has never served");
	if (ev->force != node->config.cluster.force_shutdown)
		world_fail(w, CHECK_SHUTDOWN, "%s: FORCE_SHUTDOWN is not what is configured",
		           node->name);
	if (in_sound_majority(node))
		world_fail(w, CHECK_SHUTDOWN, "%s shuts down in the majority of mask %x",
		           node->name, w->checks->clique);
	if (w->healed && w->now_us - w->healed_us > SIM_HEAL_US / 2 && member_serves(w, node->at))
		world_fail(w, CHECK_SHUTDOWN,
		           "%s shuts down %" PRId64 " ms after everything healed", node->name,
		           (w->now_us - w->healed_us) / 1000);
	watch->shutdown_told = true;
	watch->stopped = false;
}

/* What the members themselves find when they compare: here no memory changes by itself. */
static void alarm_raised(struct node *node, const char *text)
{
	static const char *const never[] = {"memory changed by itself", "members differ",
	                                    "this node's state differs", "this node's memory"};

	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
		if (strncmp(text, never[i], strlen(never[i])) == 0)
			world_fail(node->world, CHECK_STATE_MACHINE, "%s: %s", node->name, text);
	}
}

void check_event(struct node *node, const struct core_event *ev)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	if (ev->type == CORE_ALARM && ev->up)
		alarm_raised(node, ev->text);
	if (ev->type == CORE_VOTE)
		vote_told(node, ev->term);
	release_refused(node, ev);
	if (ev->type == CORE_COUNTDOWN)
		countdown_moved(node, ev->up);
	else if (ev->type == CORE_SHUTDOWN)
		countdown_over(node, ev);
	if (ev->type != CORE_STATE)
		return;
	watch->served |= ev->to == CLUSTER_SERVING || ev->to == CLUSTER_DEGRADED;
	watch->stopped = ev->to == CLUSTER_STOPPED && !watch->shutdown_told;
	if (!watch->stopped || !system_says_removed(ev->text))
		return;
	member_stopped(node);
	watch->stopped = false;
}

void shutdown_turn(struct node *node)
{
	struct world *w = node->world;
	const struct watch *watch = &w->checks->watches[node->at];

	if (!node->countdown)
		return;
	if (core_state(node->core) == CLUSTER_SERVING || core_state(node->core) == CLUSTER_DEGRADED)
		world_fail(w, CHECK_SHUTDOWN, "%s serves while its countdown runs", node->name);
	if (!watch->shutdown_told &&
	    clock_read(node, w->now_us) > due_us(node, watch->countdown_to_us))
		world_fail(w, CHECK_SHUTDOWN, "%s has not shut down when its countdown was over",
		           node->name);
}

/* A countdown that is not aborted when a majority is there again. */
void shutdown_time(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		const struct node *node = &w->nodes[i];

		if (node->state == PROCESS_UP && node->countdown && in_sound_majority(node))
			world_fail(
			    w, CHECK_SHUTDOWN,
			    "the countdown of %s runs in the majority of mask %x, undisturbed "
			    "for %" PRId64 " ms",
			    node->name, w->checks->clique,
			    (w->now_us - w->checks->clique_us) / 1000);
	}
}

/* The process before this one: only a countdown, its removal, or a disk set aside, ends a node for
 * good. */
void shutdown_started(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	if (watch->stopped)
		world_fail(node->world, CHECK_SHUTDOWN, "%s stopped by itself without a countdown",
		           node->name);
	watch->stopped = false;
	watch->served = false;
	watch->shutdown_told = false;
}
