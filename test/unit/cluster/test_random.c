/* Random faults, fixed invariants: cuts in any direction, delays, kills, pauses, hand-overs,
 * clocks that drift, in any order. sim_cluster.c checks after every millisecond that no two
 * nodes hold a lease and that no round of an ended leadership is confirmed; in the end everything
 * is healed, and everybody must serve.
 *
 * A failure names its seed: SIM_SEED=n runs that one alone and shows its trace. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_cluster.h"
#include "testing.h"

enum { RUNS = 150, FAULTS = 25, SEED_FIRST = 1000 };

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

static void pause_or_resume(struct sim *s, char node)
{
	if (sim_node(s, node)->paused)
		sim_resume(s, node);
	else if (sim_node(s, node)->running)
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

	switch (prng_range(&s->random, 0, 9)) {
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

static void one_run(uint64_t seed, bool shown)
{
	const struct sim_options options = {.seed = seed};
	size_t n = 3 + seed % 3;
	const char *all = n == 3 ? "abc" : n == 4 ? "abcd" : "abcde";
	struct sim *s = sim_new(n, &options);

	s->quiet = !shown;
	for (size_t i = 0; i < n; i++)
		s->nodes[i].drift_ppm = prng_range(&s->random, -4000, 4000);
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
		print_message("%s", sim_trace(s));
	sim_free(s);
}

TEST(no_schedule_of_faults_gives_two_leases_or_a_dead_end)
{
	const char *only = getenv("SIM_SEED");

	if (only != NULL) {
		one_run(strtoull(only, NULL, 10), true);
		return;
	}
	for (uint64_t seed = SEED_FIRST; seed < SEED_FIRST + RUNS; seed++)
		one_run(seed, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_schedule_of_faults_gives_two_leases_or_a_dead_end),
	};

	return RUN_TESTS(tests);
}
