/* Random faults, fixed invariants: cuts in any direction, delays, kills, pauses, hand-overs,
 * clocks that drift, in any order. sim_cluster.c checks after every step that no two
 * nodes hold a lease and that no round of an ended leadership is confirmed; in the end everything
 * is healed, and everybody must serve.
 *
 * A failure names its seed: SIM_SEED=n runs that one alone and shows its trace; SIM_RUNS=n runs
 * more of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_cluster.h"
#include "testing.h"

enum { RUNS = 120, FAULTS = 25 };

static char any(struct sim *s)
{
	return (char)prng_range(&s->random, 'a', 'a' + (int64_t)s->n - 1);
}

static bool is_up(struct sim *s, char node)
{
	return sim_node(s, node)->running && !sim_node(s, node)->paused;
}

static void random_split(struct sim *s)
{
	uint64_t sides = prng_next(&s->random);

	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->n; j++)
			s->ways[i][j].cut = (sides >> i & 1) != (sides >> j & 1);
	}
}

static void kill_or_start(struct sim *s, char node)
{
	if (!sim_node(s, node)->running)
		sim_start(s, (char[]){node, '\0'});
	else
		sim_kill(s, node);
}

static void restart(struct sim *s, char node)
{
	if (sim_node(s, node)->running)
		sim_kill(s, node);
	sim_start(s, (char[]){node, '\0'});
}

static void pause_or_resume(struct sim *s, char node)
{
	if (sim_node(s, node)->paused) {
		sim_resume(s, node);
		(void)sim_round(s, node); /* the request that waited comes first */
	} else if (sim_node(s, node)->running)
		sim_pause(s, node);
}

static void hand_over(struct sim *s)
{
	char leader = sim_leader(s);
	char to = any(s);

	if (leader != '\0' && leader != to && is_up(s, leader))
		sim_transfer(s, to);
}

static void random_fault(struct sim *s)
{
	char a = any(s);
	char b = any(s);

	switch (prng_range(&s->random, 0, 10)) {
	case 0:
		sim_cut_way(s, a, b);
		break;
	case 1:
		sim_cut(s, a, b);
		break;
	case 2:
		random_split(s);
		break;
	case 3:
	case 4:
		sim_heal(s);
		break;
	case 5:
		s->ways[a - 'a'][b - 'a'].delay_us = prng_range(&s->random, 0, 40000);
		break;
	case 6:
		kill_or_start(s, a);
		break;
	case 7:
		pause_or_resume(s, a);
		break;
	case 8:
		restart(s, a);
		break;
	case 9:
		hand_over(s);
		break;
	default:
		sim_drop_link(s, a, b);
	}
}

static void open_rounds(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		char node = (char)('a' + (char)i);

		if (is_up(s, node))
			(void)sim_round(s, node);
	}
}

static void repair(struct sim *s)
{
	sim_heal(s);
	for (size_t i = 0; i < s->n; i++) {
		char node = (char)('a' + (char)i);

		if (!sim_node(s, node)->running)
			sim_start(s, (char[]){node, '\0'});
		if (sim_node(s, node)->paused)
			sim_resume(s, node);
		for (size_t j = 0; j < s->n; j++)
			s->ways[i][j].delay_us = 1000;
	}
}

static void one_run(uint64_t seed, bool broken_clocks, bool shown)
{
	const struct sim_options options = {.seed = seed};
	size_t n = 3 + seed % 3;
	const char *all = n == 3 ? "abc" : n == 4 ? "abcd" : "abcde";
	struct sim *s = sim_new(n, &options);
	const int64_t drift = broken_clocks ? 300000 : 4000;

	s->quiet = !shown;
	s->broken_clocks = broken_clocks;
	for (size_t i = 0; i < n; i++)
		s->nodes[i].drift_ppm = prng_range(&s->random, -drift, drift);
	sim_start(s, all);
	sim_await(s, all, CLUSTER_SERVING, 2000);
	for (int i = 0; i < FAULTS; i++) {
		random_fault(s);
		sim_run_ms(s, prng_range(&s->random, 1, 250));
		open_rounds(s);
	}
	repair(s);
	sim_await(s, all, CLUSTER_SERVING, 5000);
	if (shown)
		(void)fputs(sim_trace(s), stderr);
	sim_free(s);
}

static void many_runs(uint64_t first, bool broken_clocks)
{
	const char *only = getenv("SIM_SEED");
	const char *runs = getenv("SIM_RUNS");
	uint64_t n = runs != NULL ? strtoull(runs, NULL, 10) : RUNS;

	if (only != NULL)
		one_run(strtoull(only, NULL, 10), broken_clocks, true);
	for (uint64_t seed = first; only == NULL && seed < first + n; seed++)
		one_run(seed, broken_clocks, false);
}

TEST(no_schedule_of_faults_gives_two_leases_or_a_dead_end)
{
	many_runs(1000, false);
}

/* Clocks that run 30 % wrong and stop with their node: leases may overlap, replies must not. */
TEST(no_clock_whatsoever_makes_an_ended_leadership_confirm_a_round)
{
	many_runs(5000, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_schedule_of_faults_gives_two_leases_or_a_dead_end),
	    cmocka_unit_test(no_clock_whatsoever_makes_an_ended_leadership_confirm_a_round),
	};

	return RUN_TESTS(tests);
}
