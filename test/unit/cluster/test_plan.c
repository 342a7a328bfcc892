/* What a plan does next, by the configuration alone; and its name there. */
#include <stdio.h>
#include <string.h>

#include "cluster/plan.h"
#include "cluster/plan_name.h"
#include "one_room.h"
#include "testing.h"

static struct one_room r;
static struct plan_step step;

/* Three voters a, b and c (1, 2, 3), all in sight; a leads. The fourth is d, with id 4. */
static void open_room(size_t n_up)
{
	room_open(&r, 3, 3, true);
	r.view.config_committed = true;
	r.view.commit = 10;
	for (size_t i = 0; i < n_up; i++) {
		struct wire_beat beat = room_beat(&r, (char)('b' + i));

		beat.applied = 10;
		room_say(&r, (char)('b' + i), 1, &beat);
	}
}

static void plan(enum plan_kind kind, uint64_t subject, uint64_t other)
{
	r.view.plan = (struct raft_plan){kind, 99, subject, other};
}

static void add(uint64_t id, const char *name, bool voter)
{
	struct raft_voter *v = &r.view.members[r.view.n_members++];

	memset(v, 0, sizeof *v);
	v->id = id;
	(void)snprintf(v->name, sizeof v->name, "%s", name);
	v->voter = voter;
	r.view.n_voters += voter;
}

static void expect(enum plan_step_type type, uint64_t raft_id)
{
	plan_next(r.c, &r.view, &step);
	if (step.type != type || step.raft_id != raft_id)
		fail_msg("step %d of %llu: %s", step.type, (unsigned long long)step.raft_id,
		         step.text);
}

TEST(a_plan_has_a_name_that_no_node_can_have)
{
	const struct raft_plan written = {PLAN_REPLACE, 0, 0x1f2e, UINT64_MAX};
	struct raft_plan read = {.id = 7};
	char name[PLAN_NAME_MAX];

	plan_name_write(&written, name);
	assert_string_equal(name, "=replace.1f2e.ffffffffffffffff");
	assert_null(strchr(name, '@'));
	assert_true(plan_name_read(name, &read));
	assert_int_equal(read.kind, PLAN_REPLACE);
	assert_true(read.subject == 0x1f2e && read.other == UINT64_MAX);
	assert_true(plan_name_read("=conquer.1.2", &read));
	assert_int_equal(read.kind, PLAN_NONE);
}

TEST(what_is_no_plan_is_not_taken_for_one)
{
	static const char *const names[] = {
	    "",           "erlmcp@a",   "=",
	    "=leave",     "=leave.",    "=leave.1",
	    "=leave.1.",  "=leave..1",  "=leave.1.2.3",
	    "=leave.1.x", "=leave.1.F", "=leave.11111111111111111.1"};
	struct raft_plan read = {.id = 7, .subject = 5};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_false(plan_name_read(names[i], &read));
	assert_true(read.id == 7 && read.subject == 5);
}

TEST(who_leaves_is_removed_unless_too_few_would_be_up)
{
	open_room(2);
	plan(PLAN_LEAVE, 3, 0);
	expect(STEP_EXPEL, 3);
	room_close(&r);
	open_room(1); /* c is dead: that one may go, b may not */
	plan(PLAN_LEAVE, 3, 0);
	expect(STEP_EXPEL, 3);
	plan(PLAN_LEAVE, 2, 0);
	expect(STEP_WAIT, 0);
	assert_string_equal(step.text, "waits: afterwards 1 of 2 voters would be up, 2 needed");
	room_close(&r);
}

TEST(a_leader_that_is_to_go_hands_over_first)
{
	open_room(2);
	plan(PLAN_LEAVE, 1, 0);
	expect(STEP_YIELD, 1);
	plan(PLAN_DEMOTE, 1, 0);
	expect(STEP_YIELD, 1);
	/* As the next leader sees it. */
	r.view.leader_id = 2;
	expect(STEP_DEMOTE, 1);
	room_close(&r);
}

TEST(a_newcomer_learns_before_it_votes)
{
	open_room(2);
	plan(PLAN_JOIN, 4, 0);
	expect(STEP_WAIT, 0);
	assert_string_equal(step.text, "waits for (gone), which is not in sight");
	/* c is what the newcomer is made of. */
	r.view.n_members = 2;
	r.view.n_voters = 2;
	plan(PLAN_JOIN, 3, 0);
	expect(STEP_ADMIT, 3);
	add(3, "erlmcp@c", false);
	r.view.members[2].spare = true;
	expect(STEP_ADMIT, 3);
	r.view.members[2].spare = false;
	r.view.commit = 100000;
	expect(STEP_WAIT, 0);
	assert_string_equal(step.text, "waits for erlmcp@c, which is 99990 entries behind");
	r.view.commit = 20;
	expect(STEP_PROMOTE, 3);
	plan(PLAN_STANDBY, 3, 0);
	expect(STEP_END, 0);
	plan(PLAN_JOIN, 3, 0);
	r.view.members[2].voter = true;
	r.view.n_voters = 3;
	expect(STEP_END, 0);
	room_close(&r);
}

TEST(a_replacement_ends_with_the_old_one_gone)
{
	open_room(2);
	r.view.members[2].voter = false;
	r.view.n_voters = 2;
	plan(PLAN_REPLACE, 3, 2);
	expect(STEP_PROMOTE, 3);
	r.view.members[2].voter = true;
	r.view.n_voters = 3;
	expect(STEP_EXPEL, 2);
	r.view.members[1] = r.view.members[2];
	r.view.n_members = r.view.n_voters = 2;
	expect(STEP_END, 0);
	assert_string_equal(step.text, "erlmcp@c is in place");
	room_close(&r);
}

TEST(a_takeover_gives_way_when_the_voter_is_back)
{
	open_room(2);
	add(4, "erlmcp@d", true); /* away */
	r.view.members[2].voter = false;
	r.view.n_voters = 3;
	plan(PLAN_TAKEOVER, 3, 4);
	expect(STEP_PROMOTE, 3);
	r.view.members[2].voter = true;
	r.view.n_voters = 4;
	expect(STEP_DEMOTE, 4);
	r.view.members[3].voter = false;
	r.view.n_voters = 3;
	expect(STEP_END, 0);
	plan(PLAN_TAKEOVER, 4, 2); /* b is here, and d is not */
	expect(STEP_END, 0);
	assert_string_equal(step.text, "erlmcp@b is back, nothing has changed");
	room_close(&r);
}

TEST(a_plan_of_a_later_version_waits)
{
	char text[STATUS_WHY_MAX];

	open_room(2);
	plan(PLAN_NONE, 3, 0);
	expect(STEP_WAIT, 0);
	plan_describe(r.c, &r.view, &r.view.plan, text);
	assert_string_equal(text, "unknown change of erlmcp@c");
	plan(PLAN_REPLACE, 3, 2);
	plan_describe(r.c, &r.view, &r.view.plan, text);
	assert_string_equal(text, "erlmcp@c replaces erlmcp@b");
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plan_has_a_name_that_no_node_can_have),
	    cmocka_unit_test(what_is_no_plan_is_not_taken_for_one),
	    cmocka_unit_test(who_leaves_is_removed_unless_too_few_would_be_up),
	    cmocka_unit_test(a_leader_that_is_to_go_hands_over_first),
	    cmocka_unit_test(a_newcomer_learns_before_it_votes),
	    cmocka_unit_test(a_replacement_ends_with_the_old_one_gone),
	    cmocka_unit_test(a_takeover_gives_way_when_the_voter_is_back),
	    cmocka_unit_test(a_plan_of_a_later_version_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
