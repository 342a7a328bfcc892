/* Confirmation rounds: what confirms one, and what never does. */
#include "one_room.h"
#include "testing.h"

static enum status open_round(struct one_room *r, uint64_t *round)
{
	const struct cluster_event ev = {
	    .type = CLUSTER_TICK, .now_us = r->now_us, .raft = &r->view, .random = 1};

	return cluster_open_round(r->c, &ev, round, &r->actions);
}

/* peer follows and has promised enough for a lease; it repeats this round. */
static void answer(struct one_room *r, char peer, uint64_t round)
{
	struct wire_beat beat = room_beat(r, peer);

	beat.promise_us = 200000;
	beat.round = round;
	room_say(r, peer, 1, &beat);
}

static uint64_t confirmed(const struct one_room *r)
{
	const struct cluster_action *a = room_action(r, CLUSTER_CONFIRMED, 0);

	return a == NULL ? 0 : a->round;
}

TEST(a_round_is_asked_at_once_and_confirmed_by_the_needed_th_answer)
{
	struct one_room r;
	uint64_t round;

	room_open(&r, 5, 5, true);
	for (char peer = 'b'; peer <= 'e'; peer++)
		answer(&r, peer, 0);
	assert_int_equal(open_round(&r, &round), ST_OK);
	assert_int_equal(round, 1);
	for (char peer = 'b'; peer <= 'e'; peer++) {
		assert_int_equal(room_sent(&r, peer).round, 1);
		assert_true(room_sent(&r, peer).ask);
	}
	answer(&r, 'b', 1);
	assert_int_equal(confirmed(&r), 0);
	answer(&r, 'b', 1); /* once more is not one more */
	assert_int_equal(confirmed(&r), 0);
	answer(&r, 'e', 1);
	assert_int_equal(confirmed(&r), 1);
	answer(&r, 'c', 1); /* told once */
	assert_int_equal(confirmed(&r), 0);
	room_close(&r);
}

TEST(one_confirmation_covers_all_rounds_before_it)
{
	struct one_room r;
	uint64_t round;

	room_open(&r, 3, 3, true);
	answer(&r, 'b', 0);
	assert_int_equal(open_round(&r, &round), ST_OK);
	assert_int_equal(open_round(&r, &round), ST_OK);
	assert_int_equal(open_round(&r, &round), ST_OK);
	answer(&r, 'c', 2);
	assert_int_equal(confirmed(&r), 2);
	answer(&r, 'b', 3);
	assert_int_equal(confirmed(&r), 3);
	room_close(&r);
}

TEST(a_round_of_an_ended_leadership_is_never_confirmed)
{
	struct one_room r;
	struct wire_beat beat;
	uint64_t round;

	room_open(&r, 3, 3, true);
	answer(&r, 'b', 0);
	assert_int_equal(open_round(&r, &round), ST_OK);
	r.view.term = 7; /* lost, and won again */
	beat = room_beat(&r, 'b');
	beat.term = 7;
	beat.promise_us = 200000;
	beat.round = 1;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(confirmed(&r), 0);
	assert_int_equal(open_round(&r, &round), ST_OK);
	assert_int_equal(round, 2);
	answer(&r, 'b', 2); /* of term 5 */
	assert_int_equal(confirmed(&r), 0);
	beat.round = 2;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(confirmed(&r), 2);
	room_close(&r);
}

TEST(a_number_that_was_never_opened_is_no_answer)
{
	struct one_room r;
	uint64_t round;

	room_open(&r, 3, 3, true);
	answer(&r, 'b', 0);
	assert_int_equal(open_round(&r, &round), ST_OK);
	answer(&r, 'b', UINT64_MAX);
	answer(&r, 'c', 2);
	assert_int_equal(confirmed(&r), 0);
	room_close(&r);
}

TEST(only_a_leader_with_a_lease_opens_rounds)
{
	struct one_room r;
	uint64_t round;

	room_open(&r, 3, 3, true);
	assert_int_equal(open_round(&r, &round), ST_FENCED);
	answer(&r, 'b', 0);
	assert_int_equal(open_round(&r, &round), ST_OK);
	r.now_us += 200000;
	assert_int_equal(open_round(&r, &round), ST_FENCED);
	r.view.role = ROLE_FOLLOWER;
	assert_int_equal(open_round(&r, &round), ST_NOT_LEADER);
	room_close(&r);
}

TEST(the_only_voter_confirms_at_once)
{
	struct one_room r;
	uint64_t round;

	room_open(&r, 1, 1, true);
	room_tick(&r);
	assert_int_equal(open_round(&r, &round), ST_OK);
	assert_int_equal(confirmed(&r), round);
	room_close(&r);
}

TEST(a_follower_repeats_the_round_of_its_leader_only_in_that_term)
{
	struct one_room r;
	struct wire_beat beat;

	room_open(&r, 3, 3, false);
	beat = room_beat(&r, 'b');
	beat.ask = true;
	beat.round = 9;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(room_sent(&r, 'b').round, 9);
	assert_false(room_sent(&r, 'b').ask); /* answers never ask */
	r.view.term = 6;                      /* it voted since */
	r.view.leader_id = 0;
	room_say(&r, 'b', 1, &beat);
	assert_int_equal(room_sent(&r, 'b').round, 0);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_round_is_asked_at_once_and_confirmed_by_the_needed_th_answer),
	    cmocka_unit_test(one_confirmation_covers_all_rounds_before_it),
	    cmocka_unit_test(a_round_of_an_ended_leadership_is_never_confirmed),
	    cmocka_unit_test(a_number_that_was_never_opened_is_no_answer),
	    cmocka_unit_test(only_a_leader_with_a_lease_opens_rounds),
	    cmocka_unit_test(the_only_voter_confirms_at_once),
	    cmocka_unit_test(a_follower_repeats_the_round_of_its_leader_only_in_that_term),
	};

	return RUN_TESTS(tests);
}
