/* Lost disks, rolled-back disks, newcomers. */
#include <string.h>

#include "one_room.h"
#include "sim_cluster.h"
#include "testing.h"

TEST(a_member_with_an_empty_disk_is_replaced_by_its_new_incarnation)
{
	struct sim *s = sim_serving(3, NULL);
	uint64_t lost = sim_node(s, 'c')->disk.raft_id;

	sim_kill(s, 'c');
	sim_run_ms(s, 1000);
	sim_trace_clear(s);
	sim_wipe(s, 'c');
	sim_start(s, "c");
	sim_await(s, "abc", CLUSTER_SERVING, 5000);
	assert_trace(s, "[ 1282] c: a connected\n"
	                "[ 1282] c: b connected\n"
	                "[ 1282] a: c connected\n"
	                "[ 1282] b: c connected\n"
	                "[ 1283] b: admits c\n"
	                "[ 1286] c: starts as a learner\n"
	                "[ 1286] c: forming -> syncing\n"
	                "[ 1333] c: syncing -> degraded\n"
	                "[ 1383] b: promotes c\n"
	                "[ 1483] b: expels c\n"
	                "[ 1484] b: degraded -> serving\n"
	                "[ 1485] a: degraded -> serving\n"
	                "[ 1485] c: degraded -> serving\n");
	assert_true(sim_node(s, 'c')->disk.raft_id != lost);
	assert_int_equal(sim_node(s, 'c')->disk.state, IDENTITY_ADMITTED);
	assert_true(sim_node(s, 'c')->disk.cluster_id == sim_node(s, 'a')->disk.cluster_id);
	sim_free(s);
}

/* Admitted, but its promises are those of this very process: it need not keep quiet. */
TEST(a_member_admitted_in_this_process_is_not_muted_but_mutes_after_a_restart)
{
	struct sim *s = sim_serving(3, NULL);
	const struct sim_node *c = sim_node(s, 'c');

	sim_kill(s, 'c');
	sim_wipe(s, 'c');
	sim_start(s, "c");
	sim_await(s, "c", CLUSTER_SERVING, 5000);
	assert_false(cluster_votes_muted(c->cluster, sim_clock_us(c)));
	sim_kill(s, 'c');
	sim_start(s, "c");
	assert_true(cluster_votes_muted(c->cluster, sim_clock_us(c)));
	sim_free(s);
}

/* Two of two are needed, so nobody may decide that the lost one is lost. */
TEST(a_lost_disk_in_a_cluster_of_two_is_not_expelled_and_the_reason_is_shown)
{
	const struct sim_options options = {.quorum_size = 2, .seed = 1};
	struct sim *s = sim_serving(2, &options);
	struct cluster_status status;

	sim_kill(s, 'b');
	sim_wipe(s, 'b');
	sim_start(s, "b");
	sim_run_ms(s, 3000);
	assert_trace(s, "[  264] b: killed\n"
	                "[  315] b: a connected\n"
	                "[  315] a: serving -> degraded\n"
	                "[  498] a: degraded -> fenced\n"
	                "[  498] a: countdown begins, 1 of 2\n");
	sim_status(s, 'a', &status);
	assert_string_equal(status.why, "lease of leader erlmcp@b in term 2 ended 2.8 s ago; 1 in "
	                                "sight, 2 needed; erlmcp@b is not admitted yet");
	assert_int_equal(status.side, SIDE_MINORITY);
	sim_free(s);
}

/* A backup from before the last restart is put back: boot 2 again, where 3 was announced. */
TEST(a_rolled_back_disk_is_found_by_its_boot_counter_and_starts_over)
{
	struct sim *s = sim_serving(3, NULL);
	struct identity backup;

	backup = sim_node(s, 'c')->disk;
	for (int i = 0; i < 2; i++) {
		sim_kill(s, 'c');
		sim_start(s, "c");
		sim_await(s, "c", CLUSTER_SERVING, 1500);
	}
	sim_kill(s, 'c');
	sim_node(s, 'c')->disk = backup;
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_start(s, "c");
	sim_run_ms(s, 500);
	assert_trace(s, "[  935] c: forming -> syncing\n"
	                "[  936] c: a connected\n"
	                "[  936] c: b connected\n"
	                "[  936] a: alarm raised: rolled-back disk: it says boot 2; boot 3 and "
	                "entries up to 0 were seen; it will start over with an empty disk\n"
	                "[  936] a: c connected\n"
	                "[  936] b: alarm raised: rolled-back disk: it says boot 2; boot 3 and "
	                "entries up to 2 were seen; it will start over with an empty disk\n"
	                "[  936] b: c connected\n"
	                "[  937] c: syncing -> stopped\n"
	                "[  937] c: resets\n"
	                "[ 1185] a: c lost\n"
	                "[ 1185] b: c lost\n");
	assert_true(sim_node(s, 'c')->disk.raft_id != backup.raft_id);
	sim_start(s, "c"); /* the supervisor starts it again: empty, a new incarnation */
	sim_await(s, "abc", CLUSTER_SERVING, 5000);
	sim_free(s);
}

/* The backup is of the last start: the same boot counter, but another process announced it. */
TEST(a_disk_rolled_back_by_one_boot_is_found_by_the_process_that_announced_it)
{
	struct sim *s = sim_serving(3, NULL);
	struct identity backup = sim_node(s, 'c')->disk;

	sim_kill(s, 'c');
	sim_start(s, "c");
	sim_await(s, "c", CLUSTER_SERVING, 1500);
	sim_kill(s, 'c');
	sim_node(s, 'c')->disk = backup;
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_start(s, "c");
	sim_run_ms(s, 500);
	assert_trace(
	    s, "[  858] c: forming -> syncing\n"
	       "[  859] c: a connected\n"
	       "[  859] c: b connected\n"
	       "[  859] a: alarm raised: rolled-back disk: it says boot 2; boot 2 of another "
	       "process and entries up to 0 were seen; it will start over with an empty disk\n"
	       "[  859] a: c connected\n"
	       "[  859] b: alarm raised: rolled-back disk: it says boot 2; boot 2 of another "
	       "process and entries up to 2 were seen; it will start over with an empty disk\n"
	       "[  859] b: c connected\n"
	       "[  860] c: syncing -> stopped\n"
	       "[  860] c: resets\n"
	       "[ 1108] a: c lost\n"
	       "[ 1108] b: c lost\n");
	assert_int_equal(sim_state(s, 'c'), CLUSTER_STOPPED);
	sim_free(s);
}

/* The identity survived, the log did not: the leader knows what was stored there. */
TEST(a_log_that_lost_committed_entries_is_found_by_the_leader)
{
	struct sim *s = sim_serving(3, NULL);
	struct sim_node *leader = sim_node(s, sim_leader(s));

	for (int i = 0; i < 10; i++) {
		assert_true(sim_raft_append(&leader->raft, SIM_PLAIN));
		sim_run_ms(s, 50);
	}
	sim_kill(s, 'c');
	sim_node(s, 'c')->raft.last = 5;
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_start(s, "c");
	sim_run_ms(s, 500);
	assert_trace(s, "[ 1281] c: forming -> syncing\n"
	                "[ 1282] c: a connected\n"
	                "[ 1282] c: b connected\n"
	                "[ 1282] a: c connected\n"
	                "[ 1282] b: alarm raised: rolled-back disk: it says boot 2; boot 1 and "
	                "entries up to 12 were seen; it will start over with an empty disk\n"
	                "[ 1282] b: c connected\n"
	                "[ 1283] c: syncing -> stopped\n"
	                "[ 1283] c: resets\n"
	                "[ 1531] b: c lost\n"
	                "[ 1531] a: c lost\n");
	assert_int_equal(sim_state(s, 'c'), CLUSTER_STOPPED);
	sim_free(s);
}

TEST(what_a_rolled_back_member_says_does_not_count)
{
	struct sim *s = sim_serving(3, NULL);
	struct identity backup = sim_node(s, 'c')->disk;

	sim_kill(s, 'c');
	sim_start(s, "c");
	sim_await(s, "c", CLUSTER_SERVING, 1500);
	sim_kill(s, 'c');
	sim_kill(s, 'a');
	sim_run_ms(s, 500);
	assert_int_equal(sim_state(s, 'b'), CLUSTER_FENCED);
	/* c and b would be a majority, if c could be believed. */
	sim_node(s, 'c')->disk = backup;
	sim_start(s, "c");
	sim_run_ms(s, 1000);
	assert_int_equal(sim_state(s, 'b'), CLUSTER_FENCED);
	assert_true(cluster_peer_id(sim_node(s, 'b')->cluster, "erlmcp@c") == 0);
	sim_free(s);
}

/* Leadership comes to the newcomer between its promotion and the removal of what it was before:
 * nobody else leads who could do that. */
TEST(a_newcomer_that_leads_removes_its_own_lost_incarnation)
{
	struct sim *s = sim_serving(3, NULL);
	struct sim_node *c = sim_node(s, 'c');
	uint64_t lost = c->disk.raft_id;

	sim_kill(s, 'c');
	sim_run_ms(s, 1000);
	sim_wipe(s, 'c');
	sim_start(s, "c");
	for (int i = 0; i < 500 && strstr(sim_trace(s), "promotes c") == NULL; i++)
		sim_run_ms(s, 1);
	sim_transfer(s, 'c');
	sim_trace_clear(s);
	sim_await(s, "abc", CLUSTER_SERVING, 5000);
	assert_int_equal(sim_leader(s), 'c');
	assert_non_null(strstr(sim_trace(s), "c: expels c\n"));
	assert_true(c->raft.id != lost);
	sim_free(s);
}

/* A leader of four voters, the last of them the lost incarnation of c, which is back. Five are
 * expected, so that three must be in sight, and b, which promises, does not hear this node. */
static void come_back(struct one_room *r)
{
	room_open(r, 3, 5, true);
	r->view.members[3] = (struct raft_voter){.name = "erlmcp@c", .id = 30, .voter = true};
	r->view.n_members = r->view.n_voters = 4;
	r->view.commit = 11;
	for (char peer = 'b'; peer <= 'c'; peer++) {
		struct wire_beat beat = room_beat(r, peer);

		beat.promise_us = 200000;
		beat.rows[0].edges[1].up = peer == 'c';
		room_say(r, peer, 1, &beat);
	}
	for (size_t i = 0; i < r->actions.n; i++) {
		if (r->actions.items[i].type == CLUSTER_ALARM && r->actions.items[i].up &&
		    strstr(r->actions.items[i].text, "lost incarnation") != NULL)
			return;
	}
	fail_msg("no alarm was raised");
}

static void assert_over(const struct one_room *r)
{
	const struct cluster_action *a = room_action(r, CLUSTER_ALARM, 0);

	assert_non_null(a);
	assert_false(a->up);
	assert_string_equal(a->text, "lost incarnation cannot be removed");
	assert_string_equal(a->peer, "erlmcp@c");
}

TEST(the_alarm_about_a_lost_incarnation_ends_when_it_is_gone)
{
	struct one_room r;

	come_back(&r);
	r.view.n_members = r.view.n_voters = 3;
	room_tick(&r);
	assert_over(&r);
	room_close(&r);
}

TEST(the_alarm_about_a_lost_incarnation_ends_on_who_leads_no_more)
{
	struct one_room r;

	come_back(&r);
	r.view.role = ROLE_FOLLOWER;
	room_tick(&r);
	assert_over(&r);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_member_with_an_empty_disk_is_replaced_by_its_new_incarnation),
	    cmocka_unit_test(
	        a_member_admitted_in_this_process_is_not_muted_but_mutes_after_a_restart),
	    cmocka_unit_test(
	        a_lost_disk_in_a_cluster_of_two_is_not_expelled_and_the_reason_is_shown),
	    cmocka_unit_test(a_rolled_back_disk_is_found_by_its_boot_counter_and_starts_over),
	    cmocka_unit_test(
	        a_disk_rolled_back_by_one_boot_is_found_by_the_process_that_announced_it),
	    cmocka_unit_test(a_log_that_lost_committed_entries_is_found_by_the_leader),
	    cmocka_unit_test(what_a_rolled_back_member_says_does_not_count),
	    cmocka_unit_test(a_newcomer_that_leads_removes_its_own_lost_incarnation),
	    cmocka_unit_test(the_alarm_about_a_lost_incarnation_ends_when_it_is_gone),
	    cmocka_unit_test(the_alarm_about_a_lost_incarnation_ends_on_who_leads_no_more),
	};

	return RUN_TESTS(tests);
}
