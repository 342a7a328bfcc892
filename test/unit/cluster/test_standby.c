/* Standbys that take over from voters who stay away, in virtual time. */
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

static const char *said;

/* a, b and c vote; d is a standby. A voter may be away for two seconds. */
static struct sim *with_standby(unsigned quorum_size, int64_t after_us)
{
	const struct sim_options options = {
	    .seed = 1, .founders = 3, .standby_after_us = after_us, .quorum_size = quorum_size};
	struct sim *s = sim_new(4, &options);

	sim_start(s, "abc");
	sim_await(s, "abc", CLUSTER_SERVING, 2000);
	sim_start(s, "d");
	sim_run_ms(s, 1500);
	assert_int_equal(sim_order(s, PLAN_STANDBY, 'd', 0, &said), ST_OK);
	sim_run_ms(s, 1000);
	sim_await(s, "abcd", CLUSTER_SERVING, 2000);
	sim_trace_clear(s);
	return s;
}

static bool votes(struct sim *s, char node)
{
	struct cluster_status status;

	sim_status(s, sim_leader(s), &status);
	for (size_t i = 0; i < status.n_members; i++) {
		if (strcmp(status.members[i].name, sim_node(s, node)->name) == 0)
			return status.members[i].voter;
	}
	return false;
}

TEST(a_standby_takes_over_after_the_set_time_and_the_lost_voter_returns_as_the_standby)
{
	struct sim *s = with_standby(3, 2000000);

	sim_kill(s, 'c');
	sim_run_ms(s, 3500);
	assert_true(votes(s, 'd') && !votes(s, 'c'));
	sim_start(s, "c");
	sim_await(s, "abcd", CLUSTER_SERVING, 3000);
	assert_trace(s, "[ 2780] c: killed\n"
	                "[ 3004] b: c lost\n"
	                "[ 3004] b: serving -> degraded\n"
	                "[ 3011] d: c lost\n"
	                "[ 3011] d: serving -> degraded\n"
	                "[ 3028] a: c lost\n"
	                "[ 3028] a: serving -> degraded\n"
	                "[ 5031] b: plan begins: voter erlmcp@c has been away for 2.0 s, standby "
	                "erlmcp@d is ready\n"
	                "[ 5131] b: promotes d\n"
	                "[ 5231] b: demotes c\n"
	                "[ 5331] b: plan ends: erlmcp@d votes, erlmcp@c is a standby\n"
	                "[ 6281] c: forming -> syncing\n"
	                "[ 6282] c: a connected\n"
	                "[ 6282] c: b connected\n"
	                "[ 6282] a: c connected\n"
	                "[ 6282] b: c connected\n"
	                "[ 6282] d: c connected\n"
	                "[ 6283] c: syncing -> degraded\n"
	                "[ 6283] a: degraded -> serving\n"
	                "[ 6283] b: degraded -> serving\n"
	                "[ 6333] c: d connected\n"
	                "[ 6333] c: degraded -> serving\n"
	                "[ 6334] d: degraded -> serving\n");
	assert_true(votes(s, 'd') && !votes(s, 'c'));
	sim_free(s);
}

TEST(a_short_absence_changes_nothing)
{
	struct sim *s = with_standby(3, 2000000);

	for (int i = 0; i < 3; i++) {
		sim_kill(s, 'c');
		sim_run_ms(s, 1500);
		sim_start(s, "c");
		sim_await(s, "c", CLUSTER_SERVING, 1000);
	}
	assert_true(votes(s, 'c') && !votes(s, 'd'));
	sim_free(s);
}

TEST(zero_turns_it_off)
{
	struct sim *s = with_standby(3, 0);

	sim_kill(s, 'c');
	sim_run_ms(s, 8000);
	assert_true(votes(s, 'c') && !votes(s, 'd'));
	sim_free(s);
}

/* Somebody hears it: it is cut off from the leader, not gone. */
TEST(a_voter_whom_only_the_leader_cannot_hear_keeps_its_vote)
{
	struct sim *s = with_standby(3, 2000000);
	const char leader = sim_leader(s);
	const char victim = leader == 'c' ? 'b' : 'c';

	sim_cut(s, leader, victim);
	sim_run_ms(s, 4500);
	assert_true(votes(s, victim) && !votes(s, 'd'));
	sim_free(s);
}

TEST(below_the_floor_the_standby_is_added_and_nobody_loses_a_vote)
{
	const struct sim_options options = {
	    .seed = 1, .founders = 4, .standby_after_us = 2000000, .quorum_size = 5};
	struct sim *s = sim_new(5, &options);

	sim_start(s, "abcd");
	sim_await(s, "abcd", CLUSTER_SERVING, 2000);
	sim_start(s, "e");
	sim_run_ms(s, 1500);
	assert_int_equal(sim_order(s, PLAN_STANDBY, 'e', 0, &said), ST_OK);
	sim_run_ms(s, 1000);
	sim_kill(s, sim_leader(s) == 'd' ? 'c' : 'd');
	sim_run_ms(s, 4000);
	assert_true(votes(s, 'e') && votes(s, 'c') && votes(s, 'd'));
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        a_standby_takes_over_after_the_set_time_and_the_lost_voter_returns_as_the_standby),
	    cmocka_unit_test(a_short_absence_changes_nothing),
	    cmocka_unit_test(zero_turns_it_off),
	    cmocka_unit_test(a_voter_whom_only_the_leader_cannot_hear_keeps_its_vote),
	    cmocka_unit_test(below_the_floor_the_standby_is_added_and_nobody_loses_a_vote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
