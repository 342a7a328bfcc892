/* The words that a scenario is told with: cuts, waiting, questions, and the invariants. What moves
 * the simulated world is in sim_cluster.c. */
#include "sim_cluster.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/lease.h"
#include "testing.h"

/* --- Cuts --- */

void sim_cut_way(struct sim *s, char from, char to)
{
	s->ways[sim_node(s, from)->at][sim_node(s, to)->at].cut = true;
}

void sim_cut(struct sim *s, char a, char b)
{
	sim_cut_way(s, a, b);
	sim_cut_way(s, b, a);
}

static int group_of(const char *groups, char node)
{
	int group = 0;

	for (; *groups != '\0' && *groups != node; groups++)
		group += *groups == '|';
	return group;
}

void sim_split(struct sim *s, const char *groups)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->n; j++)
			s->ways[i][j].cut = group_of(groups, sim_letter(&s->nodes[i])) !=
			                    group_of(groups, sim_letter(&s->nodes[j]));
	}
}

void sim_heal(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->n; j++)
			s->ways[i][j].cut = false;
	}
}

/* --- Waiting and asking --- */

enum cluster_state sim_state(struct sim *s, char node)
{
	return sim_node(s, node)->running ? cluster_state(sim_node(s, node)->cluster)
	                                  : CLUSTER_STOPPED;
}

void sim_await(struct sim *s, const char *nodes, enum cluster_state state, int64_t max_ms)
{
	for (int64_t ms = 0; *nodes != '\0';) {
		if (sim_state(s, *nodes) == state) {
			nodes++;
			continue;
		}
		if (ms++ == max_ms) {
			(void)fputs(sim_trace(s), stderr);
			fail_msg("seed %" PRIu64 ": %c is not %s after %" PRId64 " ms", s->seed,
			         *nodes, cluster_state_name(state), max_ms);
		}
		sim_run_ms(s, 1);
	}
}

struct sim *sim_serving(size_t n, const struct sim_options *options)
{
	struct sim *s = sim_new(n, options);
	char all[SIM_NODES_MAX + 1] = "abcdefgh";

	all[n] = '\0';
	sim_start(s, all);
	sim_await(s, all, CLUSTER_SERVING, 2000);
	sim_trace_clear(s);
	return s;
}

char sim_leader(const struct sim *s)
{
	const struct sim_node *leader = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct sim_node *node = &s->nodes[i];

		if (node->running && node->raft.role == ROLE_LEADER &&
		    (leader == NULL || node->raft.term > leader->raft.term))
			leader = node;
	}
	return leader == NULL ? '\0' : sim_letter(leader);
}

void sim_status(struct sim *s, char name, struct cluster_status *ret)
{
	struct sim_node *node = sim_node(s, name);
	struct raft_view view;

	sim_raft_view(&node->raft, sim_clock_us(node), &view);
	cluster_status(node->cluster, &view, sim_clock_us(node), ret);
}

int64_t sim_doubt_us(struct sim *s, char name)
{
	struct sim_node *node = sim_node(s, name);
	struct raft_view view;

	sim_raft_view(&node->raft, sim_clock_us(node), &view);
	return cluster_doubt_us(node->cluster, &view, sim_clock_us(node));
}

bool sim_may_serve(struct sim *s, char name)
{
	struct sim_node *node = sim_node(s, name);
	struct raft_view view;

	sim_raft_view(&node->raft, sim_clock_us(node), &view);
	return cluster_may_serve(node->cluster, &view, sim_clock_us(node));
}

/* --- Orders --- */

static enum status judge(struct sim *s, const struct order *order, const char **ret_text)
{
	static struct order_verdict verdict;
	struct sim_node *leader = sim_node(s, sim_leader(s));
	struct sim_config config;
	struct raft_view view;

	sim_raft_view(&leader->raft, sim_clock_us(leader), &view);
	cluster_judge(leader->cluster, &view, sim_clock_us(leader), order, &verdict);
	*ret_text = verdict.text;
	if (verdict.st != ST_OK)
		return verdict.st;
	config = *sim_raft_config(&leader->raft);
	if (order->type == ORDER_CANCEL)
		memset(&verdict.plan, 0, sizeof verdict.plan);
	else
		verdict.plan.id = prng_next(&s->random) | 1;
	config.plan = verdict.plan;
	(void)sim_raft_append(&leader->raft, sim_configs_add(&s->configs, &config));
	return ST_OK;
}

enum status sim_order(struct sim *s, enum plan_kind kind, char subject, char other,
                      const char **ret_text)
{
	struct order order = {.type = ORDER_PLAN, .kind = kind};

	(void)snprintf(order.subject, sizeof order.subject, "erlmcp@%c", subject);
	if (other != 0)
		(void)snprintf(order.other, sizeof order.other, "erlmcp@%c", other);
	return judge(s, &order, ret_text);
}

enum status sim_order_cancel(struct sim *s, const char **ret_text)
{
	const struct order order = {.type = ORDER_CANCEL};

	return judge(s, &order, ret_text);
}

/* --- The trace --- */

const char *sim_trace(struct sim *s)
{
	const char *text = buf_text(&s->trace);

	assert(text != NULL);
	return text;
}

void sim_assert_trace(struct sim *s, const char *expected, const char *file, int line)
{
	if (strcmp(sim_trace(s), expected) != 0) {
		fprintf(stderr, "@@%s:%d\n%s@@\n", file, line, sim_trace(s));
		fail_msg("%s:%d: the trace above is not the expected one", file, line);
	}
	sim_trace_clear(s);
}

void sim_trace_clear(struct sim *s)
{
	buf_reset(&s->trace);
}

/* --- Invariants --- */

static void check_lease(struct sim *s, size_t holder)
{
	const struct sim_node *l = &s->nodes[holder];

	for (size_t i = 0; i < s->n; i++) {
		const struct sim_node *node = &s->nodes[i];
		struct raft_view view;
		const struct sim_node *leader;

		if (!node->running || i == holder)
			continue;
		sim_raft_view(&node->raft, sim_clock_us(node), &view);
		if (lease_confirmed_until_us(node->cluster, &view) <= sim_clock_us(node))
			continue;
		leader = sim_node_by_id(s, view.leader_id);
		/* Followers of a leader that hands over are confirmed a little longer. */
		if (leader == l || (leader != node && leader->released_term == view.term))
			continue;
		(void)fputs(sim_trace(s), stderr);
		fail_msg("seed %" PRIu64 ": at %" PRId64 " ms %c holds the lease of term %" PRIu64
		         ", and %c is still confirmed in term %" PRIu64,
		         s->seed, s->now_us / 1000, sim_letter(l), l->raft.term, sim_letter(node),
		         node->raft.term);
	}
}

void sim_check(struct sim *s)
{
	if (s->broken_clocks)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct sim_node *node = &s->nodes[i];
		struct raft_view view;

		if (!node->running)
			continue;
		sim_raft_view(&node->raft, sim_clock_us(node), &view);
		if (lease_end_us(node->cluster, &view) > sim_clock_us(node))
			check_lease(s, i);
	}
}
