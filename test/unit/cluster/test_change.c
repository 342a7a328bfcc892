/* Members that come and go, in virtual time: orders, petitions, and changes of leader meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

static const char *said;

/* a, b and c have founded; the others know a only. */
static struct sim *founded(size_t n)
{
	const struct sim_options options = {.seed = 1, .founders = 3};
	struct sim *s = sim_new(n, &options);

	sim_start(s, "abc");
	sim_await(s, "abc", CLUSTER_SERVING, 2000);
	sim_trace_clear(s);
	return s;
}

static bool under_way(struct sim *s)
{
	struct cluster_status status;

	sim_status(s, sim_leader(s), &status);
	return status.change[0] != '\0';
}

static void await_end(struct sim *s)
{
	for (int ms = 0; under_way(s); ms++) {
		if (ms == 10000)
			fail_msg("seed %" PRIu64 ": the change does not end:\n%s", s->seed,
			         sim_trace(s));
		sim_run_ms(s, 1);
	}
}

static unsigned voters(struct sim *s, char node)
{
	struct cluster_status status;

	sim_status(s, node, &status);
	return status.configured;
}

TEST(a_newcomer_is_met_by_all_and_becomes_a_voter_on_order)
{
	struct sim *s = founded(4);

	sim_start(s, "d");
	sim_run_ms(s, 1500);
	assert_int_equal(sim_state(s, 'd'), CLUSTER_FORMING);
	sim_trace_clear(s);
	assert_int_equal(sim_order(s, PLAN_JOIN, 'd', 0, &said), ST_OK);
	assert_string_equal(said,
	                    "3 of 3 voters are up, 2 needed; with it as a voter: 4 of 4 up, 3 "
	                    "needed. Note: 4 voters survive no more failures than 3");
	assert_int_equal(sim_order(s, PLAN_LEAVE, 'c', 0, &said), ST_BUSY);
	await_end(s);
	sim_await(s, "abcd", CLUSTER_SERVING, 2000);
	assert_int_equal(voters(s, 'd'), 4);
	assert_trace(s, "[ 1783] b: admits d\n"
	                "[ 1784] b: serving -> degraded\n"
	                "[ 1785] a: serving -> degraded\n"
	                "[ 1785] c: serving -> degraded\n"
	                "[ 1787] d: starts as a learner\n"
	                "[ 1787] d: forming -> syncing\n"
	                "[ 1788] a: degraded -> serving\n"
	                "[ 1788] b: degraded -> serving\n"
	                "[ 1788] c: degraded -> serving\n"
	                "[ 1813] d: syncing -> serving\n"
	                "[ 1883] b: promotes d\n"
	                "[ 1983] b: plan ends: erlmcp@d votes\n");
	sim_free(s);
}

TEST(a_newcomer_that_was_started_to_join_needs_no_order)
{
	struct sim *s = founded(5);

	sim_node(s, 'd')->config.join = JOIN_VOTER;
	sim_node(s, 'e')->config.join = JOIN_STANDBY;
	sim_start(s, "de");
	sim_await(s, "abcde", CLUSTER_SERVING, 5000);
	sim_run_ms(s, 2000);
	assert_int_equal(voters(s, 'e'), 4);
	sim_free(s);
}

TEST(nodes_that_were_started_to_join_found_nothing)
{
	struct sim *s = sim_new(3, NULL);

	for (char node = 'a'; node <= 'c'; node++)
		sim_node(s, node)->config.join = JOIN_VOTER;
	sim_start(s, "abc");
	sim_run_ms(s, 3000);
	for (char node = 'a'; node <= 'c'; node++)
		assert_int_equal(sim_state(s, node), CLUSTER_FORMING);
	sim_free(s);
}

TEST(the_leader_is_removed_and_stops_and_its_old_disk_stops_again)
{
	struct sim *s = founded(3);
	const char leader = sim_leader(s);

	assert_int_equal(sim_order(s, PLAN_LEAVE, leader, 0, &said), ST_OK);
	assert_non_null(strstr(said, "WARNING: two voters"));
	sim_run_ms(s, 2500);
	assert_trace(s, "[  283] b: yields to a\n"
	                "[  284] a: serving -> fenced\n"
	                "[  284] b: serving -> fenced\n"
	                "[  285] c: serving -> fenced\n"
	                "[  286] a: leads term 3\n"
	                "[  305] a: fenced -> syncing\n"
	                "[  305] a: syncing -> serving\n"
	                "[  305] a: expels b\n"
	                "[  306] b: fenced -> syncing\n"
	                "[  307] a: alarm raised: two voters: both are needed, so no failure is "
	                "survived; add a third with `erlmcp-admin cluster join`\n"
	                "[  308] b: syncing -> stopped\n"
	                "[  329] c: fenced -> syncing\n"
	                "[  331] c: syncing -> serving\n"
	                "[  331] c: alarm raised: two voters: both are needed, so no failure is "
	                "survived; add a third with `erlmcp-admin cluster join`\n"
	                "[  405] a: plan ends: it is removed\n"
	                "[  553] c: b lost\n"
	                "[  555] a: b lost\n");
	assert_int_equal(sim_state(s, leader), CLUSTER_STOPPED);
	sim_start(s, (char[]){leader, '\0'});
	sim_run_ms(s, 1500);
	assert_int_equal(sim_state(s, leader), CLUSTER_STOPPED);
	assert_int_equal(voters(s, sim_leader(s)), 2);
	sim_free(s);
}

/* The plan is in the log: whoever leads next goes on. */
TEST(a_replacement_goes_on_when_its_leader_dies_in_the_midst)
{
	for (int64_t ms = 1; ms < 400; ms += 7) {
		struct sim *s = founded(4);
		char leader;
		char old;

		sim_start(s, "d");
		sim_run_ms(s, 1500);
		leader = sim_leader(s);
		old = leader == 'c' ? 'b' : 'c';
		assert_int_equal(sim_order(s, PLAN_REPLACE, 'd', old, &said), ST_OK);
		sim_run_ms(s, ms);
		sim_kill(s, leader);
		sim_run_ms(s, 1500);
		sim_start(s, (char[]){leader, '\0'});
		sim_run_ms(s, 2000);
		await_end(s);
		/* The order may have died with its leader; then nothing has begun. */
		if (sim_state(s, old) != CLUSTER_STOPPED)
			assert_int_equal(sim_order(s, PLAN_REPLACE, 'd', old, &said), ST_OK);
		await_end(s);
		sim_await(s, "d", CLUSTER_SERVING, 2000);
		assert_int_equal(voters(s, 'd'), 3);
		sim_run_ms(s, 1000);
		assert_int_equal(sim_state(s, old), CLUSTER_STOPPED);
		sim_free(s);
	}
}

TEST(a_change_that_waits_is_cancelled)
{
	struct sim *s = founded(4);

	sim_start(s, "d");
	sim_run_ms(s, 1500);
	assert_int_equal(sim_order_cancel(s, &said), ST_NOT_FOUND);
	assert_int_equal(sim_order(s, PLAN_JOIN, 'd', 0, &said), ST_OK);
	sim_kill(s, 'd');
	sim_run_ms(s, 3000);
	assert_true(under_way(s));
	assert_int_equal(sim_order_cancel(s, &said), ST_OK);
	assert_non_null(strstr(said, "waits for erlmcp@d, which is not in sight"));
	sim_run_ms(s, 100);
	assert_false(under_way(s));
	assert_int_equal(voters(s, 'a'), 3);
	sim_free(s);
}

TEST(two_voters_are_an_alarm_until_there_is_a_third)
{
	const struct sim_options options = {.seed = 1, .founders = 2, .quorum_size = 2};
	struct sim *s = sim_new(3, &options);

	sim_start(s, "ab");
	sim_await(s, "ab", CLUSTER_SERVING, 2000);
	sim_run_ms(s, 100);
	assert_non_null(strstr(sim_trace(s), "a: alarm raised: two voters: both are needed"));
	sim_start(s, "c");
	sim_run_ms(s, 1500);
	sim_trace_clear(s);
	assert_int_equal(sim_order(s, PLAN_JOIN, 'c', 0, &said), ST_OK);
	sim_run_ms(s, 1000);
	assert_non_null(strstr(sim_trace(s), "a: alarm cleared: two voters"));
	sim_free(s);
}

static bool leader_serves(struct sim *s)
{
	const char leader = sim_leader(s);

	return leader != '\0' && (sim_state(s, leader) == CLUSTER_SERVING ||
	                          sim_state(s, leader) == CLUSTER_DEGRADED);
}

/* Orders and faults at random; sim_check() looks after every step, and in the end the leader
 * serves, and still does when all that was under way has had its time. */
static void random_story(uint64_t seed)
{
	static const enum plan_kind kinds[] = {PLAN_JOIN,    PLAN_STANDBY, PLAN_LEAVE,
	                                       PLAN_PROMOTE, PLAN_DEMOTE,  PLAN_REPLACE};
	const struct sim_options options = {
	    .seed = seed, .founders = 3, .standby_after_us = 1000000};
	struct sim *s = sim_new(6, &options);

	s->quiet = getenv("SIM_SEED") == NULL;
	sim_start(s, "abc");
	sim_await(s, "abc", CLUSTER_SERVING, 2000);
	sim_start(s, "def");
	for (int i = 0; i < 30; i++) {
		const char node = (char)prng_range(&s->random, 'a', 'f');
		const char other = (char)prng_range(&s->random, 'a', 'f');
		const int64_t dice = prng_range(&s->random, 0, 9);

		if (dice < 5 && sim_leader(s) != '\0')
			(void)sim_order(s, kinds[prng_range(&s->random, 0, 5)], node, other, &said);
		else if (dice < 6)
			sim_cut(s, node, other == node ? (node == 'a' ? 'b' : 'a') : other);
		else if (dice < 8)
			sim_heal(s);
		else if (sim_node(s, node)->running && dice == 8)
			sim_kill(s, node);
		for (char up = 'a'; up <= 'f'; up++) {
			if (!sim_node(s, up)->running && prng_range(&s->random, 0, 2) == 0)
				sim_start(s, (char[]){up, '\0'});
		}
		sim_run_ms(s, prng_range(&s->random, 1, 600));
	}
	sim_heal(s);
	for (char node = 'a'; node <= 'f'; node++) {
		if (!sim_node(s, node)->running)
			sim_start(s, (char[]){node, '\0'}); /* one that is no member stops again */
	}
	for (int ms = 0; ms < 20000 && !leader_serves(s); ms += 100)
		sim_run_ms(s, 100);
	sim_run_ms(s, 5000);
	if (!leader_serves(s)) {
		(void)fputs(sim_trace(s), stderr);
		fail_msg("seed %" PRIu64 ": nobody leads and serves in the end", seed);
	}
	sim_free(s);
}

TEST(orders_and_faults_at_random_end_in_a_cluster_that_serves)
{
	const char *one = getenv("SIM_SEED");
	const char *runs = getenv("SIM_RUNS");
	const uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
	const uint64_t n = one != NULL ? 1 : runs != NULL ? strtoull(runs, NULL, 10) : 25;

	for (uint64_t seed = first; seed < first + n; seed++)
		random_story(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_newcomer_is_met_by_all_and_becomes_a_voter_on_order),
	    cmocka_unit_test(a_newcomer_that_was_started_to_join_needs_no_order),
	    cmocka_unit_test(nodes_that_were_started_to_join_found_nothing),
	    cmocka_unit_test(the_leader_is_removed_and_stops_and_its_old_disk_stops_again),
	    cmocka_unit_test(a_replacement_goes_on_when_its_leader_dies_in_the_midst),
	    cmocka_unit_test(a_change_that_waits_is_cancelled),
	    cmocka_unit_test(two_voters_are_an_alarm_until_there_is_a_third),
	    cmocka_unit_test(orders_and_faults_at_random_end_in_a_cluster_that_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
