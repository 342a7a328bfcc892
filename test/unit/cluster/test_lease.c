/* The arithmetic of the lease and of the follower's verdict. */
#include "cluster/lease.h"

#include "one_room.h"
#include "testing.h"

/* 200 ms promised, less 1 % drift, less 10 ms guard. */
enum { PROMISE_US = 200000, LEASE_US = 200000 - 2000 - 10000 };

static void promise(struct one_room *r, char peer, int64_t promise_us)
{
	struct wire_beat beat = room_beat(r, peer);

	beat.promise_us = promise_us;
	room_say(r, peer, 1, &beat);
}

static int64_t lease_left(const struct one_room *r)
{
	int64_t end = lease_end_us(r->c, &r->view);

	return end == 0 ? 0 : end - ROOM_START_US;
}

TEST(the_lease_runs_from_the_send_time_over_the_needed_th_best_promise)
{
	struct one_room r;

	room_open(&r, 5, 5, true);
	assert_int_equal(lease_left(&r), 0);
	promise(&r, 'b', PROMISE_US + 50000);
	assert_int_equal(lease_left(&r), 0); /* two of five with ourselves */
	r.now_us += 30000;                   /* c answers late what was sent at the start */
	{
		struct wire_beat beat = room_beat(&r, 'c');

		beat.echo_us = ROOM_START_US;
		beat.promise_us = PROMISE_US;
		room_say(&r, 'c', 1, &beat);
	}
	assert_int_equal(lease_left(&r), LEASE_US);
	r.now_us = ROOM_START_US;
	promise(&r, 'd', PROMISE_US + 20000);
	assert_int_equal(lease_left(&r), LEASE_US + 20000 - 200);
	room_close(&r);
}

TEST(a_promise_of_another_term_leader_or_role_is_none)
{
	struct one_room r;
	struct wire_beat beat;

	room_open(&r, 3, 3, true);
	beat = room_beat(&r, 'b');
	beat.promise_us = PROMISE_US;
	beat.term = 4;
	room_say(&r, 'b', 1, &beat);
	beat.term = 5;
	beat.leader_id = 3;
	room_say(&r, 'b', 1, &beat);
	beat.leader_id = 1;
	beat.role = ROLE_CANDIDATE;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(lease_left(&r), 0);
	beat.role = ROLE_FOLLOWER;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(lease_left(&r), LEASE_US);
	r.view.term = 6;
	assert_int_equal(lease_left(&r), 0);
	room_close(&r);
}

TEST(stepping_down_ends_the_lease_at_that_very_moment)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	promise(&r, 'b', PROMISE_US);
	assert_true(cluster_may_serve(r.c, &r.view, r.now_us));
	assert_true(cluster_may_serve(r.c, &r.view, r.now_us + LEASE_US - 1));
	assert_false(cluster_may_serve(r.c, &r.view, r.now_us + LEASE_US));
	r.view.role = ROLE_FOLLOWER;
	r.view.leader_id = 0;
	assert_false(cluster_may_serve(r.c, &r.view, r.now_us));
	room_close(&r);
}

TEST(a_released_lease_never_comes_back_in_its_term)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	promise(&r, 'b', PROMISE_US);
	cluster_release_lease(r.c);
	assert_int_equal(lease_left(&r), 0);
	r.now_us += 1000;
	promise(&r, 'b', PROMISE_US);
	assert_int_equal(lease_left(&r), 0);
	r.view.term = 6;
	{
		struct wire_beat beat = room_beat(&r, 'b');

		beat.term = 6;
		beat.promise_us = PROMISE_US;
		room_say(&r, 'b', 1, &beat);
	}
	assert_int_equal(lease_left(&r), LEASE_US + 1000);
	room_close(&r);
}

/* libraft may resume after a failed hand-over; its TimeoutNow may still be on the way. */
TEST(a_hand_over_in_progress_releases_the_lease_for_good)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	promise(&r, 'b', PROMISE_US);
	r.view.transferring = true;
	room_tick(&r);
	assert_int_equal(lease_left(&r), 0);
	r.view.transferring = false;
	promise(&r, 'b', PROMISE_US);
	assert_int_equal(lease_left(&r), 0);
	room_close(&r);
}

TEST(learners_do_not_count_and_a_stricter_quorum_does)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	r.view.members[1].voter = false;
	r.view.n_voters = 2;
	promise(&r, 'b', PROMISE_US);
	assert_int_equal(lease_left(&r), 0);
	promise(&r, 'c', PROMISE_US);
	assert_int_equal(lease_left(&r), LEASE_US);
	room_close(&r);
	room_open(&r, 3, 5, true); /* all three are needed */
	promise(&r, 'b', PROMISE_US);
	assert_int_equal(lease_left(&r), 0);
	promise(&r, 'c', PROMISE_US);
	assert_int_equal(lease_left(&r), LEASE_US);
	room_close(&r);
}

TEST(an_echo_from_before_the_link_or_from_the_future_counts_nothing)
{
	struct one_room r;
	struct wire_beat beat;

	room_open(&r, 3, 3, true);
	beat = room_beat(&r, 'b');
	beat.promise_us = PROMISE_US;
	beat.echo_us = ROOM_START_US - 1; /* said to an earlier process */
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(lease_left(&r), 0);
	beat.echo_us = ROOM_START_US + 1;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(lease_left(&r), 0);
	assert_non_null(room_action(&r, CLUSTER_ALARM, 0));
	beat.echo_us = 0;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(lease_left(&r), 0);
	room_close(&r);
}

TEST(a_message_of_an_older_link_is_dropped)
{
	struct one_room r;
	struct wire_beat beat;

	room_open(&r, 3, 3, true);
	beat = room_beat(&r, 'b');
	beat.promise_us = PROMISE_US;
	room_say(&r, 'b', 0, &beat);
	room_say(&r, 'b', 2, &beat);
	assert_int_equal(lease_left(&r), 0);
	assert_null(room_action(&r, CLUSTER_MEMBER, 0));
	room_close(&r);
}

/* The same boot counter, announced by another process: its disk went back in time. */
TEST(a_promise_of_a_rolled_back_member_counts_nothing)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	promise(&r, 'b', 0);
	r.run = 2;
	promise(&r, 'b', PROMISE_US);
	assert_int_equal(lease_left(&r), 0);
	assert_non_null(room_action(&r, CLUSTER_ALARM, 0));
	assert_int_equal(cluster_peer_id(r.c, "erlmcp@b"), 0);
	r.run = 1;
	promise(&r, 'c', PROMISE_US);
	assert_int_equal(lease_left(&r), LEASE_US);
	assert_int_equal(cluster_peer_id(r.c, "erlmcp@c"), 3);
	room_close(&r);
}

static void verdict(struct one_room *r, int64_t echo_us, int64_t lease_left_us)
{
	struct wire_beat beat = room_beat(r, 'b');

	beat.echo_us = echo_us;
	beat.lease_left_us = lease_left_us;
	room_say(r, 'b', 1, &beat);
}

TEST(a_follower_is_confirmed_from_its_own_echoed_send_time)
{
	struct one_room r;

	room_open(&r, 3, 3, false);
	r.now_us += 80000; /* the beat sat in a buffer */
	verdict(&r, ROOM_START_US, 100000);
	assert_int_equal(lease_confirmed_until_us(r.c, &r.view), ROOM_START_US + 99000);
	assert_true(cluster_may_serve(r.c, &r.view, r.now_us));
	r.now_us += 19000;
	room_tick(&r);
	assert_int_equal(cluster_state(r.c), CLUSTER_FENCED);
	verdict(&r, ROOM_START_US, 100000); /* nothing new */
	assert_int_equal(cluster_state(r.c), CLUSTER_FENCED);
	room_close(&r);
}

TEST(a_leader_without_a_lease_takes_the_verdict_back)
{
	struct one_room r;

	room_open(&r, 3, 3, false);
	verdict(&r, ROOM_START_US, 100000);
	assert_true(cluster_may_serve(r.c, &r.view, r.now_us));
	verdict(&r, ROOM_START_US, 0);
	assert_false(cluster_may_serve(r.c, &r.view, r.now_us));
	room_close(&r);
}

TEST(a_verdict_ends_with_the_leader_that_gave_it)
{
	struct one_room r;

	room_open(&r, 3, 3, false);
	verdict(&r, ROOM_START_US, 100000);
	r.view.leader_id = 3;
	assert_false(cluster_may_serve(r.c, &r.view, r.now_us));
	r.view.leader_id = 2;
	r.view.term = 6;
	assert_false(cluster_may_serve(r.c, &r.view, r.now_us));
	room_close(&r);
}

/* Its leader may be configured for less. */
TEST(a_follower_with_a_stricter_quorum_also_needs_that_many_in_sight)
{
	struct wire_beat beat;
	struct one_room r;

	room_open(&r, 3, 5, false);
	verdict(&r, ROOM_START_US, 200000);
	assert_int_equal(cluster_state(r.c), CLUSTER_SYNCING);
	beat = room_beat(&r, 'c');
	room_say(&r, 'c', 1, &beat);
	assert_int_equal(cluster_state(r.c), CLUSTER_SERVING);
	r.now_us += 200000;
	verdict(&r, r.now_us, 200000);
	assert_int_equal(cluster_state(r.c), CLUSTER_SERVING);
	r.now_us += 60000; /* c has been silent for longer than the detection time */
	verdict(&r, r.now_us, 200000);
	assert_int_equal(cluster_state(r.c), CLUSTER_FENCED);
	assert_non_null(strstr(room_action(&r, CLUSTER_STATE, 0)->text, "ERLMCP_QUORUM_SIZE=5"));
	room_close(&r);
}

TEST(the_only_voter_needs_nobody)
{
	struct one_room r;

	room_open(&r, 1, 1, true);
	room_tick(&r);
	assert_true(cluster_may_serve(r.c, &r.view, r.now_us + 3600 * INT64_C(1000000)));
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_lease_runs_from_the_send_time_over_the_needed_th_best_promise),
	    cmocka_unit_test(a_promise_of_another_term_leader_or_role_is_none),
	    cmocka_unit_test(stepping_down_ends_the_lease_at_that_very_moment),
	    cmocka_unit_test(a_released_lease_never_comes_back_in_its_term),
	    cmocka_unit_test(a_hand_over_in_progress_releases_the_lease_for_good),
	    cmocka_unit_test(learners_do_not_count_and_a_stricter_quorum_does),
	    cmocka_unit_test(an_echo_from_before_the_link_or_from_the_future_counts_nothing),
	    cmocka_unit_test(a_message_of_an_older_link_is_dropped),
	    cmocka_unit_test(a_promise_of_a_rolled_back_member_counts_nothing),
	    cmocka_unit_test(a_follower_is_confirmed_from_its_own_echoed_send_time),
	    cmocka_unit_test(a_leader_without_a_lease_takes_the_verdict_back),
	    cmocka_unit_test(a_verdict_ends_with_the_leader_that_gave_it),
	    cmocka_unit_test(a_follower_with_a_stricter_quorum_also_needs_that_many_in_sight),
	    cmocka_unit_test(the_only_voter_needs_nobody),
	};

	return RUN_TESTS(tests);
}
