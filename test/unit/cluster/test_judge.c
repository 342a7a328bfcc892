/* Orders, and each way to refuse one, with its arithmetic. */
#include <stdio.h>
#include <string.h>

#include "one_room.h"
#include "testing.h"

static struct one_room r;
static struct order_verdict verdict;

/* n voters, of whom this leader a and the next n_up are in sight. */
static void open_room(size_t n, size_t n_up, unsigned quorum_size)
{
	room_open(&r, n, quorum_size, true);
	r.view.config_committed = true;
	for (int twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < n_up; i++) {
			struct wire_beat beat = room_beat(&r, (char)('b' + i));

			beat.promise_us = 200000;
			room_say(&r, (char)('b' + i), 1, &beat);
		}
	}
}

static enum status judge(enum order_type type, enum plan_kind kind, const char *subject,
                         const char *other)
{
	struct order order = {.type = type, .kind = kind};

	(void)snprintf(order.subject, sizeof order.subject, "%s", subject);
	(void)snprintf(order.other, sizeof order.other, "%s", other);
	cluster_judge(r.c, &r.view, r.now_us, &order, &verdict);
	return verdict.st;
}

static enum status plan(enum plan_kind kind, const char *subject)
{
	return judge(ORDER_PLAN, kind, subject, "");
}

TEST(a_removal_that_would_stop_the_cluster_is_refused_with_the_arithmetic)
{
	open_room(3, 1, 3); /* c is dead */
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_REFUSED);
	assert_string_equal(verdict.text,
	                    "2 of 3 voters are up, 2 needed; after the removal of erlmcp@b: 1 of 2 "
	                    "up, 2 needed; refused: the cluster would stop serving");
	assert_int_equal(plan(PLAN_DEMOTE, "erlmcp@b"), ST_REFUSED);
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@c"), ST_OK);
	assert_string_equal(verdict.text,
	                    "2 of 3 voters are up, 2 needed; after the removal of erlmcp@c: 2 of 2 "
	                    "up, 2 needed. WARNING: two voters: both are needed, no failure is "
	                    "survived; add a third");
	assert_true(verdict.plan.subject == 3 && verdict.plan.other == 0);
	room_close(&r);
}

TEST(the_quorum_size_makes_it_stricter)
{
	open_room(5, 4, 9);
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_REFUSED);
	assert_non_null(strstr(verdict.text, "4 of 4 up, 5 needed; ERLMCP_QUORUM_SIZE=9 asks for "
	                                     "more voters than there would be"));
	room_close(&r);
}

TEST(the_only_voter_stays)
{
	open_room(1, 0, 1);
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@a"), ST_REFUSED);
	assert_string_equal(verdict.text, "erlmcp@a is the only voter: nobody would be left");
	room_close(&r);
}

TEST(what_is_so_already_is_no_error)
{
	open_room(3, 2, 3);
	assert_int_equal(plan(PLAN_JOIN, "erlmcp@b"), ST_EXISTS);
	assert_int_equal(plan(PLAN_STANDBY, "erlmcp@b"), ST_EXISTS);
	assert_int_equal(plan(PLAN_PROMOTE, "erlmcp@b"), ST_EXISTS);
	assert_int_equal(judge(ORDER_TRANSFER, PLAN_NONE, "erlmcp@a", ""), ST_EXISTS);
	r.view.plan = (struct raft_plan){PLAN_LEAVE, 99, 3, 0};
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@c"), ST_EXISTS);
	assert_string_equal(verdict.text, "under way: erlmcp@c leaves; erlmcp@c is removed");
	room_close(&r);
}

TEST(one_change_at_a_time)
{
	open_room(3, 2, 3);
	r.view.config_committed = false;
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_AGAIN);
	r.view.config_committed = true;
	r.view.plan = (struct raft_plan){PLAN_LEAVE, 99, 3, 0};
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_BUSY);
	assert_string_equal(
	    verdict.text, "one change at a time: erlmcp@c leaves (erlmcp@c is removed); await it, "
	                  "or end it with `cluster cancel`");
	assert_int_equal(judge(ORDER_CANCEL, PLAN_NONE, "", ""), ST_OK);
	assert_true(verdict.plan.id == 99);
	r.view.plan.id = 0;
	assert_int_equal(judge(ORDER_CANCEL, PLAN_NONE, "", ""), ST_NOT_FOUND);
	room_close(&r);
}

TEST(nobody_unknown_is_ordered_about)
{
	open_room(3, 2, 3);
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@x"), ST_NOT_FOUND);
	assert_int_equal(plan(PLAN_JOIN, "erlmcp@x"), ST_NOT_FOUND);
	assert_non_null(strstr(verdict.text, "erlmcp@x is not connected to leader erlmcp@a"));
	assert_int_equal(judge(ORDER_PLAN, PLAN_REPLACE, "erlmcp@x", "erlmcp@y"), ST_NOT_FOUND);
	assert_int_equal(judge(ORDER_PLAN, PLAN_REPLACE, "erlmcp@b", "erlmcp@b"), ST_INVALID);
	assert_int_equal(judge(ORDER_PLAN, PLAN_REPLACE, "erlmcp@b", "erlmcp@c"), ST_INVALID);
	assert_int_equal(plan(PLAN_TAKEOVER, "erlmcp@b"), ST_INVALID);
	assert_int_equal(plan(PLAN_NONE, "erlmcp@b"), ST_INVALID);
	room_close(&r);
}

TEST(only_a_confirmed_leader_judges)
{
	open_room(3, 2, 3);
	r.view.role = ROLE_FOLLOWER;
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_NOT_LEADER);
	r.view.role = ROLE_LEADER;
	r.now_us += 3600000000;
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_FENCED);
	room_close(&r);
	open_room(3, 0, 3);
	assert_int_equal(plan(PLAN_LEAVE, "erlmcp@b"), ST_FENCED);
	assert_string_equal(verdict.text, "leader erlmcp@a is not confirmed by a majority: 1 of 3 "
	                                  "voters in sight, 2 needed");
	room_close(&r);
}

TEST(a_standby_and_who_does_not_reach_a_majority_cannot_lead)
{
	open_room(3, 2, 3);
	r.view.members[2].voter = false;
	r.view.n_voters = 2;
	assert_int_equal(judge(ORDER_TRANSFER, PLAN_NONE, "erlmcp@c", ""), ST_REFUSED);
	assert_string_equal(verdict.text, "erlmcp@c is a standby: it cannot lead");
	assert_int_equal(judge(ORDER_TRANSFER, PLAN_NONE, "erlmcp@b", ""), ST_OK);
	assert_true(verdict.raft_id == 2);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_removal_that_would_stop_the_cluster_is_refused_with_the_arithmetic),
	    cmocka_unit_test(the_quorum_size_makes_it_stricter),
	    cmocka_unit_test(the_only_voter_stays),
	    cmocka_unit_test(what_is_so_already_is_no_error),
	    cmocka_unit_test(one_change_at_a_time),
	    cmocka_unit_test(nobody_unknown_is_ordered_about),
	    cmocka_unit_test(only_a_confirmed_leader_judges),
	    cmocka_unit_test(a_standby_and_who_does_not_reach_a_majority_cannot_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
