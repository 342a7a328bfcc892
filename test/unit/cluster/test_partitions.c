/* What happens when the network breaks: one story each, as a trace in virtual time.
 *
 * With seed 1, b leads three and the invariants of sim_cluster.h hold after each step. */
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

TEST(an_isolated_leader_is_fenced_before_the_majority_takes_over)
{
	struct sim *s = sim_serving(3, NULL);

	assert_int_equal(sim_leader(s), 'b');
	sim_split(s, "ac|b");
	sim_run_ms(s, 900);
	assert_trace(s, "[  415] b: serving -> fenced\n"
	                "[  423] c: serving -> fenced\n"
	                "[  498] a: serving -> fenced\n"
	                "[  504] b: a lost\n"
	                "[  504] b: c lost\n"
	                "[  504] b: countdown begins, 1 of 2\n"
	                "[  528] a: b lost\n"
	                "[  528] c: b lost\n"
	                "[  567] a: leads term 3\n"
	                "[  580] a: fenced -> syncing\n"
	                "[  580] a: syncing -> degraded\n"
	                "[  604] c: fenced -> syncing\n"
	                "[  604] c: syncing -> degraded\n");
	sim_heal(s);
	sim_run_ms(s, 500);
	assert_trace(s, "[ 1181] b: a connected\n"
	                "[ 1181] a: b connected\n"
	                "[ 1181] c: b connected\n"
	                "[ 1181] b: c connected\n"
	                "[ 1182] b: fenced -> syncing\n"
	                "[ 1182] b: syncing -> degraded\n"
	                "[ 1182] b: countdown aborted, 2 of 2\n"
	                "[ 1182] a: degraded -> serving\n"
	                "[ 1182] c: degraded -> serving\n"
	                "[ 1182] b: degraded -> serving\n");
	sim_free(s);
}

TEST(an_isolated_follower_is_fenced_and_the_others_go_on)
{
	struct sim *s = sim_serving(3, NULL);

	sim_split(s, "ab|c");
	sim_run_ms(s, 900);
	assert_trace(s, "[  423] c: serving -> fenced\n"
	                "[  504] b: c lost\n"
	                "[  504] b: serving -> degraded\n"
	                "[  527] c: a lost\n"
	                "[  528] a: c lost\n"
	                "[  528] a: serving -> degraded\n"
	                "[  528] c: b lost\n"
	                "[  528] c: countdown begins, 1 of 2\n");
	sim_heal(s);
	sim_run_ms(s, 500);
	assert_trace(s, "[ 1181] c: a connected\n"
	                "[ 1181] c: b connected\n"
	                "[ 1181] a: c connected\n"
	                "[ 1181] b: c connected\n"
	                "[ 1182] c: countdown aborted, 2 of 2\n"
	                "[ 1182] c: fenced -> syncing\n"
	                "[ 1182] c: syncing -> degraded\n"
	                "[ 1182] c: degraded -> serving\n"
	                "[ 1182] a: degraded -> serving\n"
	                "[ 1182] b: degraded -> serving\n");
	sim_free(s);
}

TEST(four_split_in_two_halves_serve_nowhere)
{
	struct sim *s = sim_serving(4, NULL);

	sim_split(s, "ab|cd");
	sim_run_ms(s, 2000);
	assert_trace(s, "[  360] c: serving -> fenced\n"
	                "[  360] d: serving -> fenced\n"
	                "[  381] a: serving -> fenced\n"
	                "[  405] b: serving -> fenced\n"
	                "[  505] b: c lost\n"
	                "[  527] d: a lost\n"
	                "[  528] a: c lost\n"
	                "[  528] a: d lost\n"
	                "[  528] a: countdown begins, 2 of 3\n"
	                "[  528] d: b lost\n"
	                "[  528] d: countdown begins, 2 of 3\n"
	                "[  529] b: d lost\n"
	                "[  529] b: countdown begins, 2 of 3\n"
	                "[  529] c: a lost\n"
	                "[  529] c: b lost\n"
	                "[  529] c: countdown begins, 2 of 3\n");
	sim_heal(s);
	sim_await(s, "abcd", CLUSTER_SERVING, 1000);
	assert_trace(s, "[ 2283] c: a connected\n"
	                "[ 2283] d: a connected\n"
	                "[ 2283] c: b connected\n"
	                "[ 2283] d: b connected\n"
	                "[ 2283] a: c connected\n"
	                "[ 2283] b: c connected\n"
	                "[ 2283] a: d connected\n"
	                "[ 2283] b: d connected\n"
	                "[ 2284] c: countdown aborted, 3 of 3\n"
	                "[ 2284] d: countdown aborted, 3 of 3\n"
	                "[ 2284] a: countdown aborted, 3 of 3\n"
	                "[ 2284] b: countdown aborted, 3 of 3\n"
	                "[ 2320] d: leads term 3\n"
	                "[ 2334] d: fenced -> syncing\n"
	                "[ 2334] d: syncing -> serving\n"
	                "[ 2335] a: fenced -> syncing\n"
	                "[ 2346] a: syncing -> serving\n"
	                "[ 2357] c: fenced -> syncing\n"
	                "[ 2357] c: syncing -> serving\n"
	                "[ 2359] b: fenced -> syncing\n"
	                "[ 2359] b: syncing -> serving\n");
	sim_free(s);
}

TEST(five_split_two_one_two_serve_nowhere)
{
	struct sim *s = sim_serving(5, NULL);

	sim_split(s, "ab|c|de");
	sim_run_ms(s, 2000);
	assert_trace(s, "[  415] b: serving -> fenced\n"
	                "[  418] d: serving -> fenced\n"
	                "[  423] c: serving -> fenced\n"
	                "[  437] e: serving -> fenced\n"
	                "[  463] a: serving -> fenced\n"
	                "[  505] b: c lost\n"
	                "[  505] b: d lost\n"
	                "[  527] e: a lost\n"
	                "[  528] a: c lost\n"
	                "[  528] a: d lost\n"
	                "[  528] a: e lost\n"
	                "[  528] a: countdown begins, 2 of 3\n"
	                "[  528] e: b lost\n"
	                "[  528] e: c lost\n"
	                "[  528] e: countdown begins, 2 of 3\n"
	                "[  529] b: e lost\n"
	                "[  529] b: countdown begins, 2 of 3\n"
	                "[  529] c: a lost\n"
	                "[  529] c: b lost\n"
	                "[  529] c: d lost\n"
	                "[  529] c: e lost\n"
	                "[  529] c: countdown begins, 1 of 3\n"
	                "[  529] d: a lost\n"
	                "[  529] d: b lost\n"
	                "[  529] d: c lost\n"
	                "[  529] d: countdown begins, 2 of 3\n");
	sim_heal(s);
	sim_await(s, "abcde", CLUSTER_SERVING, 1000);
	assert_trace(s, "[ 2283] c: a connected\n"
	                "[ 2283] d: a connected\n"
	                "[ 2283] e: a connected\n"
	                "[ 2283] c: b connected\n"
	                "[ 2283] d: b connected\n"
	                "[ 2283] e: b connected\n"
	                "[ 2283] a: c connected\n"
	                "[ 2283] b: c connected\n"
	                "[ 2283] d: c connected\n"
	                "[ 2283] e: c connected\n"
	                "[ 2283] a: d connected\n"
	                "[ 2283] b: d connected\n"
	                "[ 2283] c: d connected\n"
	                "[ 2283] a: e connected\n"
	                "[ 2283] b: e connected\n"
	                "[ 2283] c: e connected\n"
	                "[ 2284] d: countdown aborted, 3 of 3\n"
	                "[ 2284] e: countdown aborted, 3 of 3\n"
	                "[ 2284] c: countdown aborted, 3 of 3\n"
	                "[ 2284] a: countdown aborted, 3 of 3\n"
	                "[ 2284] b: countdown aborted, 3 of 3\n"
	                "[ 2302] e: leads term 3\n"
	                "[ 2309] e: fenced -> syncing\n"
	                "[ 2309] e: syncing -> serving\n"
	                "[ 2310] a: fenced -> syncing\n"
	                "[ 2310] b: fenced -> syncing\n"
	                "[ 2328] a: syncing -> serving\n"
	                "[ 2328] b: syncing -> serving\n"
	                "[ 2332] d: fenced -> syncing\n"
	                "[ 2332] d: syncing -> serving\n"
	                "[ 2334] c: fenced -> syncing\n"
	                "[ 2334] c: syncing -> serving\n");
	sim_free(s);
}

/* The leader at the bridge reaches everybody; the two ends miss only each other. */
TEST(a_bridge_that_leads_keeps_all_three_serving)
{
	struct sim *s = sim_serving(3, NULL);
	struct cluster_status status;

	sim_cut(s, 'a', 'c');
	sim_run_ms(s, 900);
	assert_trace(s, "[  527] c: a lost\n"
	                "[  527] c: serving -> degraded\n"
	                "[  528] a: c lost\n"
	                "[  528] a: serving -> degraded\n");
	/* Everybody knows the whole graph, also the two who cannot tell each other. */
	sim_status(s, 'a', &status);
	assert_true(status.edges[1][2].known && status.edges[1][2].up);
	assert_true(status.edges[0][2].known && !status.edges[0][2].up);
	/* As old as the silence: it began with the last word, not when that was noticed. */
	assert_in_range(status.edges[0][2].age_us, 900000, 930000);
	assert_int_equal(status.edges[2][0].age_us / 1000, status.members[2].silent_us / 1000);
	sim_free(s);
}

TEST(a_bridge_that_follows_keeps_the_leader_and_the_far_end_is_fenced)
{
	struct sim *s = sim_serving(3, NULL);

	sim_cut(s, 'b', 'c'); /* b leads, a is the bridge */
	sim_run_ms(s, 900);
	assert_trace(s, "[  423] c: serving -> fenced\n"
	                "[  504] b: c lost\n"
	                "[  504] b: serving -> degraded\n"
	                "[  528] c: b lost\n");
	sim_heal(s);
	sim_run_ms(s, 1000);
	assert_trace(s, "[ 1181] c: b connected\n"
	                "[ 1181] b: c connected\n"
	                "[ 1182] c: fenced -> syncing\n"
	                "[ 1182] c: syncing -> degraded\n"
	                "[ 1182] c: degraded -> serving\n"
	                "[ 1182] b: degraded -> serving\n");
	sim_free(s);
}

/* The pause of a hand-over lets the far end serve again. */
TEST(a_bridge_that_follows_takes_over_when_the_cut_lasts)
{
	struct sim *s = sim_serving(3, NULL);

	sim_cut(s, 'b', 'c'); /* b leads, a is the bridge */
	sim_run_ms(s, 5000);
	assert_int_equal(sim_leader(s), 'b');
	sim_trace_clear(s);
	sim_run_ms(s, 20000);
	assert_trace(s, "[ 5505] b: yields to a\n"
	                "[ 5506] b: degraded -> fenced\n"
	                "[ 5506] a: serving -> fenced\n"
	                "[ 5508] a: leads term 3\n"
	                "[ 5530] a: fenced -> syncing\n"
	                "[ 5530] a: syncing -> serving\n"
	                "[ 5531] b: fenced -> syncing\n"
	                "[ 5531] c: fenced -> syncing\n"
	                "[ 5534] b: syncing -> degraded\n"
	                "[ 5534] c: syncing -> degraded\n");
	sim_heal(s);
	sim_trace_clear(s);
	sim_run_ms(s, 10000);
	assert_int_equal(sim_leader(s), 'a');
	assert_null(strstr(sim_trace(s), "yields"));
	sim_free(s);
}

/* Each is cut from somebody, none from fewer than the leader. */
TEST(a_leader_that_nobody_outreaches_leads_on)
{
	struct sim *s = sim_serving(5, NULL);

	assert_int_equal(sim_leader(s), 'b');
	sim_cut(s, 'b', 'e');
	sim_cut(s, 'a', 'c');
	sim_cut(s, 'a', 'd');
	sim_run_ms(s, 20000);
	assert_int_equal(sim_leader(s), 'b');
	assert_null(strstr(sim_trace(s), "yields"));
	sim_free(s);
}

/* A link that comes and goes is not worth a hand-over. */
TEST(a_leader_that_is_cut_for_a_while_again_and_again_leads_on)
{
	struct sim *s = sim_serving(3, NULL);

	for (int i = 0; i < 5; i++) {
		sim_cut(s, 'b', 'c');
		sim_run_ms(s, 4000);
		sim_heal(s);
		sim_run_ms(s, 500);
	}
	assert_int_equal(sim_leader(s), 'b');
	assert_null(strstr(sim_trace(s), "yields"));
	sim_free(s);
}

TEST(a_leader_that_is_not_heard_loses_its_lease_to_those_who_hear_each_other)
{
	struct sim *s = sim_serving(3, NULL);

	sim_cut_way(s, 'b', 'a');
	sim_cut_way(s, 'b', 'c');
	sim_run_ms(s, 900);
	assert_trace(s, "[  415] b: serving -> fenced\n"
	                "[  423] c: serving -> fenced\n"
	                "[  498] a: serving -> fenced\n"
	                "[  528] a: b lost\n"
	                "[  528] c: b lost\n"
	                "[  531] b: countdown begins, 1 of 2\n"
	                "[  567] a: leads term 3\n"
	                "[  580] a: fenced -> syncing\n"
	                "[  580] a: syncing -> degraded\n"
	                "[  604] c: fenced -> syncing\n"
	                "[  604] c: syncing -> degraded\n");
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 1500);
	assert_trace(s, "[ 1181] a: b connected\n"
	                "[ 1181] a: degraded -> serving\n"
	                "[ 1181] c: b connected\n"
	                "[ 1181] c: degraded -> serving\n"
	                "[ 1182] b: countdown aborted, 2 of 2\n"
	                "[ 1207] b: fenced -> syncing\n"
	                "[ 1207] b: syncing -> serving\n");
	sim_free(s);
}

TEST(a_leader_that_does_not_hear_loses_its_lease_though_the_others_hear_it)
{
	struct sim *s = sim_serving(3, NULL);

	sim_cut_way(s, 'a', 'b');
	sim_cut_way(s, 'c', 'b');
	sim_run_ms(s, 900);
	assert_trace(s, "[  415] b: serving -> fenced\n"
	                "[  498] a: serving -> fenced\n"
	                "[  498] c: serving -> fenced\n"
	                "[  504] b: a lost\n"
	                "[  504] b: c lost\n"
	                "[  504] b: countdown begins, 1 of 2\n"
	                "[  717] a: leads term 3\n"
	                "[  730] a: fenced -> syncing\n"
	                "[  730] a: syncing -> degraded\n"
	                "[  754] c: fenced -> syncing\n"
	                "[  754] c: syncing -> degraded\n");
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 1500);
	assert_trace(s, "[ 1181] b: a connected\n"
	                "[ 1181] b: countdown aborted, 2 of 2\n"
	                "[ 1181] b: fenced -> syncing\n"
	                "[ 1181] b: syncing -> degraded\n"
	                "[ 1181] b: c connected\n"
	                "[ 1181] b: degraded -> serving\n"
	                "[ 1205] a: degraded -> serving\n"
	                "[ 1205] c: degraded -> serving\n");
	sim_free(s);
}

TEST(a_one_way_cut_between_followers_only_degrades)
{
	struct sim *s = sim_serving(3, NULL);

	sim_cut_way(s, 'a', 'c');
	sim_run_ms(s, 900);
	assert_trace(s, "[  527] c: a lost\n"
	                "[  527] c: serving -> degraded\n"
	                "[  530] a: serving -> degraded\n");
	sim_free(s);
}

/* Five with one-way cuts: the leader is heard by all, but hears only one. Raft alone would wait
 * for its check of contact, and then for an election timeout; the leader knows better. */
TEST(a_leader_that_few_answer_yields_to_one_who_reaches_a_majority)
{
	const struct sim_options options = {.detection_us = 75000, .seed = 1};
	struct sim *s = sim_serving(5, &options);
	char leader = sim_leader(s);
	char friend = leader == 'a' ? 'b' : 'a';

	for (char node = 'a'; node <= 'e'; node++) {
		if (node != leader && node != friend)
			sim_cut_way(s, node, leader);
	}
	sim_run_ms(s, 900);
	assert_trace(s, "[  330] b: c lost\n"
	                "[  330] b: d lost\n"
	                "[  330] b: serving -> degraded\n"
	                "[  331] c: serving -> degraded\n"
	                "[  331] d: serving -> degraded\n"
	                "[  354] b: e lost\n"
	                "[  354] b: yields to a\n"
	                "[  355] a: serving -> fenced\n"
	                "[  355] e: serving -> degraded\n"
	                "[  355] b: degraded -> fenced\n"
	                "[  355] b: countdown begins, 2 of 3\n"
	                "[  356] c: degraded -> fenced\n"
	                "[  356] d: degraded -> fenced\n"
	                "[  356] e: degraded -> fenced\n"
	                "[  357] a: leads term 3\n"
	                "[  380] a: fenced -> syncing\n"
	                "[  380] a: syncing -> serving\n"
	                "[  404] e: fenced -> syncing\n"
	                "[  404] e: syncing -> degraded\n"
	                "[  406] b: fenced -> syncing\n"
	                "[  406] b: syncing -> degraded\n"
	                "[  406] b: countdown aborted, 2 of 3\n"
	                "[  406] c: fenced -> syncing\n"
	                "[  406] c: syncing -> degraded\n"
	                "[  406] d: fenced -> syncing\n"
	                "[  406] d: syncing -> degraded\n");
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_isolated_leader_is_fenced_before_the_majority_takes_over),
	    cmocka_unit_test(an_isolated_follower_is_fenced_and_the_others_go_on),
	    cmocka_unit_test(four_split_in_two_halves_serve_nowhere),
	    cmocka_unit_test(five_split_two_one_two_serve_nowhere),
	    cmocka_unit_test(a_bridge_that_leads_keeps_all_three_serving),
	    cmocka_unit_test(a_bridge_that_follows_keeps_the_leader_and_the_far_end_is_fenced),
	    cmocka_unit_test(a_bridge_that_follows_takes_over_when_the_cut_lasts),
	    cmocka_unit_test(a_leader_that_nobody_outreaches_leads_on),
	    cmocka_unit_test(a_leader_that_is_cut_for_a_while_again_and_again_leads_on),
	    cmocka_unit_test(
	        a_leader_that_is_not_heard_loses_its_lease_to_those_who_hear_each_other),
	    cmocka_unit_test(a_leader_that_does_not_hear_loses_its_lease_though_the_others_hear_it),
	    cmocka_unit_test(a_one_way_cut_between_followers_only_degrades),
	    cmocka_unit_test(a_leader_that_few_answer_yields_to_one_who_reaches_a_majority),
	};

	return RUN_TESTS(tests);
}
