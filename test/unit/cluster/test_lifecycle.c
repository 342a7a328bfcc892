/* Every edge of the life cycle, with the reason that the node gives for it. */
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

static struct sim *talking(struct sim *s)
{
	s->with_why = true;
	return s;
}

TEST(forming_to_syncing_to_serving_when_three_empty_members_found)
{
	struct sim *s = talking(sim_new(3, NULL));

	sim_start(s, "abc");
	sim_await(s, "abc", CLUSTER_SERVING, 700);
	assert_trace(s, "[    2] b: a connected\n"
	                "[    2] c: a connected\n"
	                "[    2] a: b connected\n"
	                "[    2] c: b connected\n"
	                "[    2] a: c connected\n"
	                "[    2] b: c connected\n"
	                "[    3] a: bootstraps\n"
	                "[    3] a: forming -> syncing: member of cluster bf8c59bb003553c1; "
	                "waiting for a majority to confirm a leader\n"
	                "[    4] b: bootstraps\n"
	                "[    4] b: forming -> syncing: member of cluster bf8c59bb003553c1; "
	                "waiting for a majority to confirm a leader\n"
	                "[    4] c: bootstraps\n"
	                "[    4] c: forming -> syncing: member of cluster bf8c59bb003553c1; "
	                "waiting for a majority to confirm a leader\n"
	                "[  238] b: leads term 2\n"
	                "[  255] b: syncing -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n"
	                "[  280] a: syncing -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n"
	                "[  280] c: syncing -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n");
	sim_free(s);
}

TEST(a_lone_node_founds_and_serves_by_itself)
{
	struct sim *s = talking(sim_new(1, NULL));

	sim_start(s, "a");
	sim_await(s, "a", CLUSTER_SERVING, 100);
	assert_trace(s, "[    1] a: bootstraps\n"
	                "[    2] a: leads term 2\n"
	                "[    2] a: forming -> syncing: leader erlmcp@a in term 2 is confirmed; "
	                "catching up from 2\n"
	                "[    2] a: syncing -> serving: leader erlmcp@a in term 2 is confirmed; 1 "
	                "in sight, 1 needed\n");
	assert_true(sim_round(s, 'a'));
	assert_true(sim_node(s, 'a')->confirmed == 1);
	sim_kill(s, 'a');
	sim_start(s, "a");
	sim_await(s, "a", CLUSTER_SERVING, 100); /* the only voter has promised nobody anything */
	assert_trace(s, "[    2] a: killed\n"
	                "[    3] a: forming -> syncing: back in cluster 71c18690ee42c90b; waiting "
	                "for a majority to confirm a leader\n"
	                "[    4] a: leads term 3\n"
	                "[    4] a: syncing -> serving: leader erlmcp@a in term 3 is confirmed; 1 "
	                "in sight, 1 needed\n");
	sim_free(s);
}

TEST(serving_to_degraded_and_back_when_a_follower_dies_and_returns)
{
	struct sim *s = talking(sim_serving(3, NULL));
	char follower = sim_leader(s) == 'c' ? 'b' : 'c';

	sim_kill(s, follower);
	sim_run_ms(s, 500);
	assert_trace(s, "[  280] c: killed\n"
	                "[  504] b: c lost\n"
	                "[  504] b: serving -> degraded: leader erlmcp@b in term 2 is confirmed; 2 "
	                "in sight, 2 needed; erlmcp@c has been silent for 250 ms\n"
	                "[  528] a: c lost\n"
	                "[  528] a: serving -> degraded: leader erlmcp@b in term 2 is confirmed; 2 "
	                "in sight, 2 needed; erlmcp@c has been silent for 250 ms\n");
	sim_start(s, (char[]){follower, '\0'});
	sim_run_ms(s, 1000);
	assert_trace(s, "[  781] c: forming -> syncing: back in cluster bf8c59bb003553c1; waiting "
	                "for a majority to confirm a leader\n"
	                "[  782] c: a connected\n"
	                "[  782] c: b connected\n"
	                "[  782] a: c connected\n"
	                "[  782] b: c connected\n"
	                "[  783] a: degraded -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n"
	                "[  783] b: degraded -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n"
	                "[  808] c: syncing -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n");
	sim_free(s);
}

TEST(serving_to_fenced_to_syncing_to_serving_when_a_follower_is_cut_off_and_healed)
{
	struct sim *s = talking(sim_serving(3, NULL));

	assert_int_equal(sim_leader(s), 'b');
	sim_split(s, "a|bc");
	sim_run_ms(s, 500);
	assert_trace(
	    s, "[  498] a: serving -> fenced: lease of leader erlmcp@b in term 2 ended 0 ms ago; 3 "
	       "in sight, 2 needed; erlmcp@b has been silent for 220 ms, erlmcp@c has been silent "
	       "for 220 ms\n"
	       "[  504] b: a lost\n"
	       "[  504] b: serving -> degraded: leader erlmcp@b in term 2 is confirmed; 2 in "
	       "sight, 2 needed; erlmcp@a has been silent for 250 ms\n"
	       "[  527] c: a lost\n"
	       "[  527] c: serving -> degraded: leader erlmcp@b in term 2 is confirmed; 2 in "
	       "sight, 2 needed; erlmcp@a has been silent for 250 ms\n"
	       "[  528] a: b lost\n"
	       "[  528] a: c lost\n"
	       "[  528] a: countdown begins, 1 of 2\n");
	sim_heal(s);
	sim_run_ms(s, 500);
	assert_trace(s, "[  781] b: a connected\n"
	                "[  781] c: a connected\n"
	                "[  781] a: b connected\n"
	                "[  781] a: c connected\n"
	                "[  782] b: degraded -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n"
	                "[  782] c: degraded -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n"
	                "[  782] a: countdown aborted, 2 of 2\n"
	                "[  782] a: fenced -> syncing: leader erlmcp@b in term 2 is confirmed; "
	                "catching up from 2\n"
	                "[  782] a: syncing -> degraded: leader erlmcp@b in term 2 is confirmed; 2 "
	                "in sight, 2 needed; erlmcp@c does not hear this node\n"
	                "[  782] a: degraded -> serving: leader erlmcp@b in term 2 is confirmed; 3 "
	                "in sight, 2 needed\n");
	sim_free(s);
}

TEST(degraded_to_fenced_when_a_second_member_dies)
{
	struct sim *s = talking(sim_serving(3, NULL));

	sim_kill(s, 'a');
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_kill(s, 'c');
	sim_run_ms(s, 500);
	assert_trace(
	    s,
	    "[  780] c: killed\n"
	    "[  885] b: degraded -> fenced: lease of leader erlmcp@b in term 2 ended 0 ms ago; 2 "
	    "in sight, 2 needed; erlmcp@a has been silent for 631 ms, erlmcp@c has been silent for "
	    "131 ms\n"
	    "[ 1004] b: c lost\n"
	    "[ 1004] b: countdown begins, 1 of 2\n");
	sim_free(s);
}

TEST(syncing_to_fenced_when_nobody_answers_after_a_restart)
{
	struct sim *s = sim_serving(3, NULL);

	sim_kill(s, 'a');
	sim_kill(s, 'b');
	sim_kill(s, 'c');
	sim_trace_clear(s);
	(void)talking(s);
	sim_start(s, "a");
	sim_run_ms(s, 2000);
	assert_trace(
	    s, "[  281] a: forming -> syncing: back in cluster bf8c59bb003553c1; waiting for a "
	       "majority to confirm a leader\n"
	       "[ 1081] a: syncing -> fenced: no majority confirmed a leader since the start 801 "
	       "ms ago; 1 in sight, 2 needed; erlmcp@b was never heard, erlmcp@c was never heard\n"
	       "[ 1081] a: countdown begins, 1 of 2\n");
	sim_free(s);
}

TEST(fenced_to_stopped_when_the_countdown_is_over)
{
	const struct sim_options options = {.force_shutdown = true, .seed = 1};
	struct sim *s = talking(sim_serving(3, &options));

	sim_split(s, "a|bc");
	sim_run_ms(s, 9000);
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_run_ms(s, 2000);
	assert_trace(
	    s,
	    "[  498] a: serving -> fenced: lease of leader erlmcp@b in term 2 ended 0 ms ago; 3 in "
	    "sight, 2 needed; erlmcp@b has been silent for 220 ms, erlmcp@c has been silent for "
	    "220 ms\n"
	    "[  504] b: a lost\n"
	    "[  504] b: serving -> degraded: leader erlmcp@b in term 2 is confirmed; 2 in sight, 2 "
	    "needed; erlmcp@a has been silent for 250 ms\n"
	    "[  527] c: a lost\n"
	    "[  527] c: serving -> degraded: leader erlmcp@b in term 2 is confirmed; 2 in sight, 2 "
	    "needed; erlmcp@a has been silent for 250 ms\n"
	    "[  528] a: b lost\n"
	    "[  528] a: c lost\n"
	    "[  528] a: countdown begins, 1 of 2\n"
	    "[10528] a: shutdown\n"
	    "[10528] a: fenced -> stopped: minority countdown is over and FORCE_SHUTDOWN is set\n");
	assert_int_equal(sim_state(s, 'a'), CLUSTER_STOPPED);
	sim_free(s);
}

TEST(the_dry_run_tells_once_and_stays)
{
	struct sim *s = sim_serving(3, NULL);

	sim_split(s, "a|bc");
	sim_run_ms(s, 30000);
	assert_trace(s, "[  498] a: serving -> fenced\n"
	                "[  504] b: a lost\n"
	                "[  504] b: serving -> degraded\n"
	                "[  527] c: a lost\n"
	                "[  527] c: serving -> degraded\n"
	                "[  528] a: b lost\n"
	                "[  528] a: c lost\n"
	                "[  528] a: countdown begins, 1 of 2\n"
	                "[10528] a: shutdown (dry run)\n");
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_free(s);
}

TEST(healing_aborts_the_countdown_and_the_next_one_starts_anew)
{
	const struct sim_options options = {.force_shutdown = true, .seed = 1};
	struct sim *s = sim_serving(3, &options);

	sim_split(s, "a|bc");
	sim_run_ms(s, 9000);
	sim_heal(s);
	sim_run_ms(s, 1000);
	sim_split(s, "a|bc");
	sim_run_ms(s, 9000);
	assert_trace(s, "[  498] a: serving -> fenced\n"
	                "[  504] b: a lost\n"
	                "[  504] b: serving -> degraded\n"
	                "[  527] c: a lost\n"
	                "[  527] c: serving -> degraded\n"
	                "[  528] a: b lost\n"
	                "[  528] a: c lost\n"
	                "[  528] a: countdown begins, 1 of 2\n"
	                "[ 9282] b: a connected\n"
	                "[ 9282] c: a connected\n"
	                "[ 9282] a: b connected\n"
	                "[ 9282] a: c connected\n"
	                "[ 9283] b: degraded -> serving\n"
	                "[ 9283] c: degraded -> serving\n"
	                "[ 9283] a: countdown aborted, 2 of 2\n"
	                "[ 9308] a: fenced -> syncing\n"
	                "[ 9308] a: syncing -> serving\n"
	                "[10360] a: serving -> fenced\n"
	                "[10506] a: b lost\n"
	                "[10506] a: c lost\n"
	                "[10506] a: countdown begins, 1 of 2\n"
	                "[10506] c: a lost\n"
	                "[10506] c: serving -> degraded\n"
	                "[10507] b: a lost\n"
	                "[10507] b: serving -> degraded\n");
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_free(s);
}

/* The first node up after a total outage must not stop itself for being early. */
TEST(a_cold_start_of_one_of_three_waits_for_the_start_period_before_its_countdown)
{
	const struct sim_options options = {.force_shutdown = true, .seed = 1};
	struct sim *s = sim_serving(3, &options);

	sim_kill(s, 'a');
	sim_kill(s, 'b');
	sim_kill(s, 'c');
	sim_run_ms(s, 1000);
	sim_trace_clear(s);
	sim_start(s, "a");
	sim_run_ms(s, 69000);
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_run_ms(s, 2000);
	assert_trace(s, "[ 1281] a: forming -> syncing\n"
	                "[ 2081] a: syncing -> fenced\n"
	                "[ 2081] a: countdown begins, 1 of 2\n"
	                "[71280] a: shutdown\n"
	                "[71280] a: fenced -> stopped\n");
	assert_int_equal(sim_state(s, 'a'), CLUSTER_STOPPED);
	sim_free(s);
}

TEST(a_cold_start_of_one_of_three_serves_when_the_second_comes_in_the_last_second)
{
	const struct sim_options options = {.force_shutdown = true, .seed = 1};
	struct sim *s = sim_serving(3, &options);

	sim_kill(s, 'a');
	sim_kill(s, 'b');
	sim_kill(s, 'c');
	sim_trace_clear(s);
	sim_start(s, "a");
	sim_run_ms(s, 69000);
	sim_start(s, "b");
	sim_await(s, "ab", CLUSTER_DEGRADED, 1500);
	assert_trace(s, "[  281] a: forming -> syncing\n"
	                "[ 1081] a: syncing -> fenced\n"
	                "[ 1081] a: countdown begins, 1 of 2\n"
	                "[69281] b: forming -> syncing\n"
	                "[69282] b: a connected\n"
	                "[69282] a: b connected\n"
	                "[69283] a: countdown aborted, 2 of 2\n"
	                "[69584] b: leads term 3\n"
	                "[69608] b: syncing -> degraded\n"
	                "[69633] a: fenced -> syncing\n"
	                "[69633] a: syncing -> degraded\n");
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forming_to_syncing_to_serving_when_three_empty_members_found),
	    cmocka_unit_test(a_lone_node_founds_and_serves_by_itself),
	    cmocka_unit_test(serving_to_degraded_and_back_when_a_follower_dies_and_returns),
	    cmocka_unit_test(
	        serving_to_fenced_to_syncing_to_serving_when_a_follower_is_cut_off_and_healed),
	    cmocka_unit_test(degraded_to_fenced_when_a_second_member_dies),
	    cmocka_unit_test(syncing_to_fenced_when_nobody_answers_after_a_restart),
	    cmocka_unit_test(fenced_to_stopped_when_the_countdown_is_over),
	    cmocka_unit_test(the_dry_run_tells_once_and_stays),
	    cmocka_unit_test(healing_aborts_the_countdown_and_the_next_one_starts_anew),
	    cmocka_unit_test(
	        a_cold_start_of_one_of_three_waits_for_the_start_period_before_its_countdown),
	    cmocka_unit_test(
	        a_cold_start_of_one_of_three_serves_when_the_second_comes_in_the_last_second),
	};

	return RUN_TESTS(tests);
}
