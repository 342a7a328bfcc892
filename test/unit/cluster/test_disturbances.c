/* Short and odd disturbances: blips, flapping, healing that fails, processes that are stopped or
 * restarted, leadership handed over, addresses that change.
 *
 * With seed 1, b leads three and the invariants of sim_cluster.h hold after each step. */
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

static void five_blips_are_nothing(int64_t ms)
{
	struct sim *s = sim_serving(3, NULL);

	for (int i = 0; i < 5; i++) {
		sim_split(s, "ac|b");
		sim_run_ms(s, ms);
		sim_heal(s);
		sim_run_ms(s, 400);
	}
	assert_trace(s, "");
	for (char node = 'a'; node <= 'c'; node++)
		assert_int_equal(sim_state(s, node), CLUSTER_SERVING);
	sim_free(s);
}

TEST(a_blip_of_one_millisecond_is_nothing)
{
	five_blips_are_nothing(1);
}

TEST(a_blip_of_ten_milliseconds_is_nothing)
{
	five_blips_are_nothing(10);
}

TEST(a_blip_of_a_hundred_milliseconds_is_nothing)
{
	five_blips_are_nothing(100);
}

TEST(a_blip_that_costs_the_links_is_reconciled_at_once)
{
	struct sim *s = sim_serving(3, NULL);
	struct cluster_status a;
	struct cluster_status b;

	sim_drop_link(s, 'a', 'b');
	sim_drop_link(s, 'b', 'c');
	sim_run_ms(s, 60); /* redialled after 50 ms */
	assert_trace(s, "");
	sim_status(s, 'a', &a);
	sim_status(s, 'b', &b);
	assert_true(a.view_hash == b.view_hash);
	assert_true(sim_may_serve(s, 'a') && sim_may_serve(s, 'b'));
	sim_free(s);
}

TEST(flapping_at_one_hertz_never_serves_on_both_sides)
{
	struct sim *s = sim_serving(3, NULL);

	for (int i = 0; i < 3; i++) {
		sim_split(s, "ac|b");
		sim_run_ms(s, 500);
		sim_heal(s);
		sim_run_ms(s, 500);
	}
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
	                "[  604] c: syncing -> degraded\n"
	                "[  781] b: a connected\n"
	                "[  781] a: b connected\n"
	                "[  781] c: b connected\n"
	                "[  781] b: c connected\n"
	                "[  782] b: fenced -> syncing\n"
	                "[  782] b: syncing -> degraded\n"
	                "[  782] b: countdown aborted, 2 of 2\n"
	                "[  782] a: degraded -> serving\n"
	                "[  782] c: degraded -> serving\n"
	                "[  782] b: degraded -> serving\n"
	                "[ 1463] b: serving -> fenced\n"
	                "[ 1505] b: a lost\n"
	                "[ 1505] b: c lost\n"
	                "[ 1505] b: countdown begins, 1 of 2\n"
	                "[ 1505] c: b lost\n"
	                "[ 1505] c: serving -> degraded\n"
	                "[ 1506] a: b lost\n"
	                "[ 1506] a: serving -> degraded\n"
	                "[ 1781] b: a connected\n"
	                "[ 1781] a: b connected\n"
	                "[ 1781] c: b connected\n"
	                "[ 1781] b: c connected\n"
	                "[ 1782] b: fenced -> syncing\n"
	                "[ 1782] b: syncing -> degraded\n"
	                "[ 1782] b: countdown aborted, 2 of 2\n"
	                "[ 1782] a: degraded -> serving\n"
	                "[ 1782] c: degraded -> serving\n"
	                "[ 1782] b: degraded -> serving\n"
	                "[ 2463] b: serving -> fenced\n"
	                "[ 2505] b: a lost\n"
	                "[ 2506] a: b lost\n"
	                "[ 2506] a: serving -> degraded\n"
	                "[ 2506] b: c lost\n"
	                "[ 2506] b: countdown begins, 1 of 2\n"
	                "[ 2506] c: b lost\n"
	                "[ 2506] c: serving -> degraded\n"
	                "[ 2781] b: a connected\n"
	                "[ 2781] a: b connected\n"
	                "[ 2781] c: b connected\n"
	                "[ 2781] b: c connected\n"
	                "[ 2782] b: fenced -> syncing\n"
	                "[ 2782] b: syncing -> degraded\n"
	                "[ 2782] b: countdown aborted, 2 of 2\n"
	                "[ 2782] a: degraded -> serving\n"
	                "[ 2782] c: degraded -> serving\n"
	                "[ 2782] b: degraded -> serving\n");
	sim_await(s, "abc", CLUSTER_SERVING, 500);
	sim_free(s);
}

TEST(a_second_cut_during_healing_fences_again)
{
	struct sim *s = sim_serving(3, NULL);

	sim_split(s, "a|bc");
	sim_run_ms(s, 3000);
	sim_trace_clear(s);
	sim_heal(s);
	sim_run_ms(s, 10); /* links are up, nothing is confirmed yet */
	sim_split(s, "a|bc");
	sim_run_ms(s, 600);
	assert_trace(s, "[ 3282] b: a connected\n"
	                "[ 3282] c: a connected\n"
	                "[ 3282] a: b connected\n"
	                "[ 3282] a: c connected\n"
	                "[ 3283] b: degraded -> serving\n"
	                "[ 3283] c: degraded -> serving\n"
	                "[ 3283] a: countdown aborted, 2 of 2\n"
	                "[ 3531] b: a lost\n"
	                "[ 3531] b: serving -> degraded\n"
	                "[ 3531] a: b lost\n"
	                "[ 3531] a: c lost\n"
	                "[ 3531] a: countdown begins, 1 of 2\n"
	                "[ 3531] c: a lost\n"
	                "[ 3531] c: serving -> degraded\n");
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 1000);
	assert_trace(s, "[ 3891] b: a connected\n"
	                "[ 3891] c: a connected\n"
	                "[ 3891] a: b connected\n"
	                "[ 3891] a: c connected\n"
	                "[ 3892] b: degraded -> serving\n"
	                "[ 3892] c: degraded -> serving\n"
	                "[ 3892] a: countdown aborted, 2 of 2\n"
	                "[ 3892] a: fenced -> syncing\n"
	                "[ 3892] a: syncing -> degraded\n"
	                "[ 3892] a: degraded -> serving\n");
	sim_free(s);
}

static void slow_ways(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->n; j++)
			s->ways[i][j].delay_us = 20000;
	}
}

/* SIGSTOP of ten lease lengths; the answers of that time wait in the sockets. */
TEST(a_leader_that_was_stopped_refuses_the_first_request_when_it_continues)
{
	struct sim *s = sim_serving(3, NULL);

	assert_int_equal(sim_leader(s), 'b');
	slow_ways(s);
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_pause(s, 'b');
	sim_run_ms(s, 3000);
	sim_resume(s, 'b');
	/* The waiting request is read before any timer fires. */
	assert_false(sim_may_serve(s, 'b'));
	assert_false(sim_round(s, 'b'));
	sim_run_ms(s, 500);
	assert_trace(s, "[  780] b: stopped by a signal\n"
	                "[  942] c: serving -> fenced\n"
	                "[  967] a: serving -> fenced\n"
	                "[ 1009] a: b lost\n"
	                "[ 1009] c: b lost\n"
	                "[ 1162] a: leads term 3\n"
	                "[ 1214] a: fenced -> syncing\n"
	                "[ 1214] a: syncing -> degraded\n"
	                "[ 1244] c: fenced -> syncing\n"
	                "[ 1244] c: syncing -> degraded\n"
	                "[ 3780] b: continues\n"
	                "[ 3781] b: a lost\n"
	                "[ 3781] b: c lost\n"
	                "[ 3781] b: serving -> fenced\n"
	                "[ 3781] b: countdown begins, 1 of 2\n"
	                "[ 3781] b: a connected\n"
	                "[ 3851] a: b connected\n"
	                "[ 3851] a: degraded -> serving\n"
	                "[ 3851] c: b connected\n"
	                "[ 3851] b: c connected\n"
	                "[ 3871] b: fenced -> syncing\n"
	                "[ 3871] b: syncing -> degraded\n"
	                "[ 3871] b: countdown aborted, 2 of 2\n"
	                "[ 3871] c: degraded -> serving\n"
	                "[ 3871] b: degraded -> serving\n");
	sim_free(s);
}

TEST(a_follower_that_was_stopped_does_not_believe_old_beats_in_its_socket)
{
	struct sim *s = sim_serving(3, NULL);

	slow_ways(s);
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_pause(s, 'c');
	sim_run_ms(s, 900);
	sim_split(s, "ab|c"); /* it continues alone: only old beats are there */
	sim_resume(s, 'c');
	assert_false(sim_may_serve(s, 'c'));
	sim_run_ms(s, 200);
	assert_trace(s, "[  780] c: stopped by a signal\n"
	                "[ 1004] b: c lost\n"
	                "[ 1004] b: serving -> degraded\n"
	                "[ 1009] a: c lost\n"
	                "[ 1009] a: serving -> degraded\n"
	                "[ 1680] c: continues\n"
	                "[ 1681] c: a lost\n"
	                "[ 1681] c: b lost\n"
	                "[ 1681] c: serving -> fenced\n"
	                "[ 1681] c: countdown begins, 1 of 2\n");
	assert_false(sim_may_serve(s, 'c'));
	sim_free(s);
}

TEST(a_restart_in_the_minority_neither_serves_nor_votes)
{
	struct sim *s = sim_serving(3, NULL);

	sim_split(s, "a|bc");
	sim_run_ms(s, 1000);
	sim_kill(s, 'a');
	sim_start(s, "a");
	assert_true(cluster_votes_muted(sim_node(s, 'a')->cluster,
	                                sim_clock_us(sim_node(s, 'a')) + 299999));
	assert_false(cluster_votes_muted(sim_node(s, 'a')->cluster,
	                                 sim_clock_us(sim_node(s, 'a')) + 300000));
	sim_trace_clear(s);
	sim_run_ms(s, 2000);
	assert_trace(s, "[ 1281] a: forming -> syncing\n"
	                "[ 2081] a: syncing -> fenced\n"
	                "[ 2081] a: countdown begins, 1 of 2\n");
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 500);
	assert_trace(s, "[ 3282] b: a connected\n"
	                "[ 3282] c: a connected\n"
	                "[ 3282] a: b connected\n"
	                "[ 3282] a: c connected\n"
	                "[ 3283] b: degraded -> serving\n"
	                "[ 3283] c: degraded -> serving\n"
	                "[ 3283] a: countdown aborted, 2 of 2\n"
	                "[ 3308] a: fenced -> syncing\n"
	                "[ 3308] a: syncing -> serving\n");
	sim_free(s);
}

/* b is stopped and its lease still runs, on a promise of a that a forgets by its restart. */
TEST(a_restarted_voter_keeps_the_promises_that_it_forgot)
{
	struct sim *s = sim_serving(3, NULL);

	sim_pause(s, 'b');
	sim_kill(s, 'a');
	sim_start(s, "a");
	sim_run_ms(s, 900);
	assert_trace(s, "[  280] b: stopped by a signal\n"
	                "[  280] a: killed\n"
	                "[  281] a: forming -> syncing\n"
	                "[  331] c: serving -> degraded\n"
	                "[  331] a: c connected\n"
	                "[  332] c: degraded -> serving\n"
	                "[  423] c: serving -> fenced\n"
	                "[  528] c: b lost\n"
	                "[  584] a: leads term 3\n"
	                "[  590] a: syncing -> degraded\n"
	                "[  614] c: fenced -> syncing\n"
	                "[  614] c: syncing -> degraded\n");
	sim_free(s);
}

TEST(a_leadership_transfer_moves_the_lease_and_everybody_serves_again)
{
	struct sim *s = sim_serving(3, NULL);

	sim_transfer(s, 'c');
	assert_false(sim_may_serve(s, 'b'));
	sim_await(s, "abc", CLUSTER_SERVING, 500);
	sim_run_ms(s, 100);
	assert_trace(s, "[  280] b: hands over to c\n"
	                "[  281] b: serving -> fenced\n"
	                "[  281] c: serving -> fenced\n"
	                "[  282] a: serving -> fenced\n"
	                "[  283] c: leads term 3\n"
	                "[  304] c: fenced -> syncing\n"
	                "[  304] c: syncing -> serving\n"
	                "[  305] a: fenced -> syncing\n"
	                "[  306] b: fenced -> syncing\n"
	                "[  309] a: syncing -> serving\n"
	                "[  309] b: syncing -> serving\n");
	sim_free(s);
}

TEST(a_leadership_transfer_that_a_cut_aborts_leaves_no_lease_in_that_term)
{
	struct sim *s = sim_serving(3, NULL);

	sim_cut(s, 'b', 'c');
	sim_transfer(s, 'c');
	sim_run_ms(s, 1000);
	assert_trace(s, "[  280] b: hands over to c\n"
	                "[  281] b: serving -> fenced\n"
	                "[  305] a: serving -> fenced\n"
	                "[  423] c: serving -> fenced\n"
	                "[  430] b: yields to a\n"
	                "[  433] a: leads term 3\n"
	                "[  455] a: fenced -> syncing\n"
	                "[  455] a: syncing -> serving\n"
	                "[  456] b: fenced -> syncing\n"
	                "[  459] b: syncing -> serving\n"
	                "[  479] c: fenced -> syncing\n"
	                "[  479] c: syncing -> serving\n"
	                "[  504] b: c lost\n"
	                "[  504] b: serving -> degraded\n"
	                "[  528] c: b lost\n"
	                "[  528] c: serving -> degraded\n");
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 1500);
	assert_trace(s, "[ 1317] c: b connected\n"
	                "[ 1317] b: c connected\n"
	                "[ 1318] c: degraded -> serving\n"
	                "[ 1318] b: degraded -> serving\n");
	sim_free(s);
}

/* An interface vanishes and returns with another address: links break at once, and names are
 * resolved anew at each attempt. */
TEST(a_changed_address_is_a_cut_with_new_links_afterwards)
{
	struct sim *s = sim_serving(3, NULL);

	sim_split(s, "a|bc");
	sim_drop_link(s, 'a', 'b');
	sim_drop_link(s, 'a', 'c');
	sim_run_ms(s, 2000);
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 500);
	assert_trace(s, "[  498] a: serving -> fenced\n"
	                "[  504] b: a lost\n"
	                "[  504] b: serving -> degraded\n"
	                "[  527] c: a lost\n"
	                "[  527] c: serving -> degraded\n"
	                "[  528] a: b lost\n"
	                "[  528] a: c lost\n"
	                "[  528] a: countdown begins, 1 of 2\n"
	                "[ 2282] b: a connected\n"
	                "[ 2282] c: a connected\n"
	                "[ 2282] a: b connected\n"
	                "[ 2282] a: c connected\n"
	                "[ 2283] b: degraded -> serving\n"
	                "[ 2283] c: degraded -> serving\n"
	                "[ 2283] a: countdown aborted, 2 of 2\n"
	                "[ 2308] a: fenced -> syncing\n"
	                "[ 2308] a: syncing -> serving\n");
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_blip_of_one_millisecond_is_nothing),
	    cmocka_unit_test(a_blip_of_ten_milliseconds_is_nothing),
	    cmocka_unit_test(a_blip_of_a_hundred_milliseconds_is_nothing),
	    cmocka_unit_test(a_blip_that_costs_the_links_is_reconciled_at_once),
	    cmocka_unit_test(flapping_at_one_hertz_never_serves_on_both_sides),
	    cmocka_unit_test(a_second_cut_during_healing_fences_again),
	    cmocka_unit_test(a_leader_that_was_stopped_refuses_the_first_request_when_it_continues),
	    cmocka_unit_test(a_follower_that_was_stopped_does_not_believe_old_beats_in_its_socket),
	    cmocka_unit_test(a_restart_in_the_minority_neither_serves_nor_votes),
	    cmocka_unit_test(a_restarted_voter_keeps_the_promises_that_it_forgot),
	    cmocka_unit_test(a_leadership_transfer_moves_the_lease_and_everybody_serves_again),
	    cmocka_unit_test(a_leadership_transfer_that_a_cut_aborts_leaves_no_lease_in_that_term),
	    cmocka_unit_test(a_changed_address_is_a_cut_with_new_links_afterwards),
	};

	return RUN_TESTS(tests);
}
