/* What an operator is shown, and the two alarms that come from comparing evidence. */
#include <string.h>

#include "one_room.h"
#include "sim_cluster.h"
#include "testing.h"

TEST(a_serving_cluster_shows_everybody_both_ways)
{
	struct sim *s = sim_serving(3, NULL);
	struct cluster_status status;

	sim_run_ms(s, 200);
	sim_status(s, 'a', &status);
	assert_int_equal(status.state, CLUSTER_SERVING);
	assert_int_equal(status.side, SIDE_MAJORITY);
	assert_int_equal(status.reachable, 3);
	assert_int_equal(status.needed, 2);
	assert_int_equal(status.configured, 3);
	assert_false(status.quorum_mismatch);
	assert_true(status.served);
	assert_in_range(status.lease_left_us, 1, 300000);
	assert_true(status.countdown_left_us == -1);
	assert_string_equal(status.why,
	                    "leader erlmcp@b in term 2 is confirmed; 3 in sight, 2 needed");
	for (size_t i = 0; i < 3; i++) {
		assert_true(status.members[i].linked && status.members[i].heard);
		assert_true(status.members[i].hears_us && status.members[i].voter);
		for (size_t j = 0; j < 3; j++)
			assert_true(status.edges[i][j].known && status.edges[i][j].up);
	}
	assert_in_range(status.members[1].rtt_us, 1000, 3000);
	sim_free(s);
}

TEST(a_one_way_cut_shows_its_direction_on_every_node)
{
	struct sim *s = sim_serving(3, NULL);
	struct cluster_status status;

	sim_cut_way(s, 'a', 'c');
	sim_run_ms(s, 600);
	for (int i = 0; i < 3; i++) {
		sim_status(s, (char)('a' + i), &status);
		assert_true(status.edges[0][2].known && !status.edges[0][2].up);
		assert_true(status.edges[2][0].known && status.edges[2][0].up);
	}
	sim_status(s, 'a', &status);
	assert_true(status.members[2].heard && !status.members[2].hears_us);
	sim_free(s);
}

TEST(a_minority_shows_its_arithmetic_and_its_countdown)
{
	struct sim *s = sim_serving(3, NULL);
	struct cluster_status status;

	sim_split(s, "a|bc");
	sim_run_ms(s, 1250); /* its countdown began 250 ms after the cut */
	sim_status(s, 'a', &status);
	assert_int_equal(status.side, SIDE_MINORITY);
	assert_int_equal(status.reachable, 1);
	assert_int_equal(status.needed, 2);
	assert_true(status.lease_left_us <= 0);
	assert_in_range(status.countdown_left_us, 8900000, 9100000);
	assert_false(status.members[1].heard);
	assert_false(status.edges[0][1].known); /* nobody who would know can tell */
	/* The lease ends 250 ms after the cut, and the guard before that. */
	assert_in_range(sim_doubt_us(s, 'a'), 900000, 1100000);
	assert_int_equal(sim_doubt_us(s, 'b'), 0);
	assert_int_equal(sim_doubt_us(s, 'c'), 0);
	sim_free(s);
}

TEST(a_quorum_size_that_differs_from_the_members_is_shown)
{
	const struct sim_options options = {.quorum_size = 5, .seed = 1};
	struct sim *s = sim_serving(3, &options);
	struct cluster_status status;

	sim_status(s, 'a', &status);
	assert_true(status.quorum_mismatch);
	assert_int_equal(status.needed, 3);
	sim_kill(s, 'c');
	sim_run_ms(s, 600);
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_free(s);
}

/* The link is fine, but Raft on the other side follows nobody. */
TEST(detectors_that_disagree_for_longer_than_elections_raise_an_alarm)
{
	struct one_room r;
	const struct cluster_action *alarm = NULL;

	room_open(&r, 3, 3, true);
	for (int i = 0; i < 60 && alarm == NULL; i++) {
		struct wire_beat beat;

		r.now_us += 25000;
		beat = room_beat(&r, 'b');
		beat.leader_id = 0;
		room_say(&r, 'b', 1, &beat);
		alarm = room_action(&r, CLUSTER_ALARM, 0);
	}
	assert_non_null(alarm);
	assert_true(alarm->up);
	assert_string_equal(alarm->text,
	                    "detectors disagree: its link is heard, but Raft on it does "
	                    "not follow this leader");
	/* Three times the longest promise, counted from the first beat. */
	assert_int_equal(r.now_us - ROOM_START_US, 25000 + 900000 + 25000);
	{
		struct wire_beat beat = room_beat(&r, 'b');

		room_say(&r, 'b', 1, &beat);
	}
	alarm = room_action(&r, CLUSTER_ALARM, 0);
	assert_true(alarm != NULL && !alarm->up);
	room_close(&r);
}

/* Again and again for longer than promises last: a leader pauses, an election splits. */
TEST(detectors_that_agree_again_after_an_election_raise_none)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	for (int i = 0; i < 100; i++) {
		struct wire_beat beat;

		r.now_us += 25000;
		beat = room_beat(&r, 'b');
		beat.leader_id = i % 26 == 25 ? beat.leader_id : 0; /* nobody for 625 ms */
		room_say(&r, 'b', 1, &beat);
		assert_null(room_action(&r, CLUSTER_ALARM, 0));
	}
	room_close(&r);
}

/* For all that is known c's words took 300 ms; what it relays of b may be of now or of then. */
TEST(what_comes_from_far_away_does_not_hide_what_a_member_just_said_itself)
{
	struct cluster_status status;
	struct wire_beat far;
	struct wire_beat near;
	struct one_room r;

	room_open(&r, 3, 3, false);
	r.now_us += 300000;
	near = room_beat(&r, 'b');
	room_say(&r, 'b', 1, &near);
	far = room_beat(&r, 'c');
	far.echo_us = ROOM_START_US;
	far.n = 3;
	far.names[2] = wire_name_hash("erlmcp@b");
	far.rows[2].version = near.rows[0].version + 1;
	far.rows[2].age_ms = 5;
	far.rows[2].edges[1].up = true;
	room_say(&r, 'c', 1, &far);
	cluster_status(r.c, &r.view, r.now_us, &status);
	assert_int_equal(status.reachable, 2);
	assert_true(status.members[1].hears_us);

	/* Known to be newer, it counts. */
	r.now_us += 10000;
	far.echo_us = r.now_us;
	far.sent_us++;
	far.rows[2].version++;
	far.rows[2].edges[1].up = false;
	room_say(&r, 'c', 1, &far);
	cluster_status(r.c, &r.view, r.now_us, &status);
	assert_false(status.members[1].hears_us);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_serving_cluster_shows_everybody_both_ways),
	    cmocka_unit_test(a_one_way_cut_shows_its_direction_on_every_node),
	    cmocka_unit_test(a_minority_shows_its_arithmetic_and_its_countdown),
	    cmocka_unit_test(a_quorum_size_that_differs_from_the_members_is_shown),
	    cmocka_unit_test(detectors_that_disagree_for_longer_than_elections_raise_an_alarm),
	    cmocka_unit_test(detectors_that_agree_again_after_an_election_raise_none),
	    cmocka_unit_test(what_comes_from_far_away_does_not_hide_what_a_member_just_said_itself),
	};

	return RUN_TESTS(tests);
}
