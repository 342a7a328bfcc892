/* What a node does to the state unasked, in virtual time: a fake view of consensus, a real store.
 */
#include "node/housekeeping.h"

#include <stdlib.h>
#include <string.h>

#include "session/command.h"
#include "session/objects.h"
#include "testing.h"

enum { SELF = 1, OTHER = 2, THIRD = 3, SECOND_US = 1000000 };
enum { PROCESS = 100 }; /* the process of member n is PROCESS + n */

struct world {
	struct house house;
	struct store *store;
	struct raft_view raft;
	int64_t now_us;
	uint64_t index;
	uint64_t seq;
};

static struct world *world_new(uint32_t version)
{
	struct world *w = calloc(1, sizeof *w);
	unsigned i;

	assert_non_null(w);
	assert_int_equal(store_new(&w->store), ST_OK);
	if (version > STATE_VERSION_1)
		assert_int_equal(store_found(w->store, version), ST_OK);
	house_init(&w->house);
	w->now_us = 1000 * (int64_t)SECOND_US;
	w->index = 1;
	w->raft = (struct raft_view){.started = true,
	                             .role = ROLE_LEADER,
	                             .self_id = SELF,
	                             .leader_id = SELF,
	                             .term = 5,
	                             .term_committed = true,
	                             .config_committed = true,
	                             .n_members = 3,
	                             .n_voters = 3};
	for (i = 0; i < 3; i++)
		w->raft.members[i].id = i + 1;
	return w;
}

static void world_free(struct world *w)
{
	store_free(w->store);
	free(w);
}

static struct house_view view_of(struct world *w)
{
	const struct house_view v = {.now_us = w->now_us,
	                             .wall_ms = w->now_us / 1000,
	                             .raft = &w->raft,
	                             .store = w->store,
	                             .origin = PROCESS + SELF,
	                             .orphan_us = 30 * (int64_t)SECOND_US};

	return v;
}

static struct store_answer apply(struct world *w, const struct buf *b)
{
	struct store_answer answer;
	struct buf result;

	buf_init(&result, STORE_RESULT_MAX);
	assert_int_equal(buf_status(b), ST_OK);
	assert_int_equal(store_apply(w->store, ++w->index, b->base, b->len, &result), ST_OK);
	assert_int_equal(store_result_decode(result.base, result.len, &answer), ST_OK);
	buf_close(&result);
	return answer;
}

static struct command_head head_of(struct world *w)
{
	const struct command_head h = {.origin = {PROCESS + SELF, ++w->seq},
	                               .now_ms = w->now_us / 1000};

	return h;
}

static struct session_id id_of(unsigned n)
{
	struct session_id id = {{0}};

	id.bytes[0] = (uint8_t)(n >> 8);
	id.bytes[15] = (uint8_t)n;
	return id;
}

static void session(struct world *w, unsigned n, uint64_t ttl_ms)
{
	const struct session_attrs a = {.ttl_ms = ttl_ms};
	const struct session_id id = id_of(n);
	const struct command_head h = head_of(w);
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_create(&b, &h, &id, &a);
	assert_int_equal(apply(w, &b).result, RESULT_OK);
	buf_close(&b);
}

static void task(struct world *w, unsigned n, uint64_t owner, enum task_orphan orphan)
{
	const struct command_fields f = {.numbers = {owner, orphan, 0}};
	const struct session_id id = id_of(n);
	const struct command_head h = head_of(w);
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_fields(&b, &h, COMMAND_TASK_CREATE, &id, &f);
	assert_int_equal(apply(w, &b).result, RESULT_OK);
	buf_close(&b);
}

static struct task_view task_at(struct world *w, unsigned n)
{
	const struct session_id id = id_of(n);
	struct task_view v;

	assert_int_equal(store_task(w->store, &id, &v), ST_OK);
	return v;
}

static bool is_there(struct world *w, unsigned n)
{
	const struct session_id id = id_of(n);
	struct session_view v;

	return store_get(w->store, &id, &v) == ST_OK;
}

/* One turn: everything that is wanted is applied at once. Returns how many commands. */
static unsigned turn(struct world *w)
{
	const struct house_view v = view_of(w);
	enum chore chore;
	unsigned n = 0;

	while (house_next(&w->house, &v, &chore)) {
		const struct command_head h = head_of(w);
		struct buf b;

		buf_init(&b, COMMAND_MAX);
		house_command(&w->house, chore, &h, &b);
		assert_int_equal(apply(w, &b).result, RESULT_OK);
		buf_close(&b);
		house_done(&w->house, chore);
		n++;
	}
	return n;
}

static void hear(struct world *w, uint64_t member, uint64_t origin, uint32_t version)
{
	const struct presence p = {.origin = origin, .version = version};

	house_heard(&w->house, member, &p, w->now_us);
}

/* So many seconds in steps of a quarter, with these members telling of themselves (0: not). */
static unsigned pass(struct world *w, unsigned seconds, uint64_t second, uint64_t third)
{
	unsigned n = 0;
	unsigned i;

	for (i = 0; i < 4 * seconds; i++) {
		w->now_us += SECOND_US / 4;
		if (i % 4 == 0 && second != 0)
			hear(w, OTHER, second, STATE_VERSION_NEWEST);
		if (i % 4 == 0 && third != 0)
			hear(w, THIRD, third, STATE_VERSION_NEWEST);
		n += turn(w);
	}
	return n;
}

TEST(a_session_expires_when_it_was_not_used_and_others_stay)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);
	const struct session_id used = id_of(2);
	unsigned i;

	session(w, 1, 10000);
	session(w, 2, 10000);
	session(w, 3, 0);
	for (i = 0; i < 20; i++) {
		assert_true(house_use(&w->house, &used, w->now_us));
		(void)pass(w, 1, PROCESS + OTHER, PROCESS + THIRD);
		if (i < 9)
			assert_true(is_there(w, 1));
	}
	assert_false(is_there(w, 1));
	assert_true(is_there(w, 2));
	(void)pass(w, 20, PROCESS + OTHER, PROCESS + THIRD);
	assert_false(is_there(w, 2));
	assert_true(is_there(w, 3));
	world_free(w);
}

TEST(many_uses_of_many_sessions_are_one_command_a_second)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);
	unsigned i;
	unsigned k;

	for (k = 0; k < 100; k++) {
		for (i = 0; i < 1000; i++) {
			const struct session_id id = id_of(i);

			assert_true(house_use(&w->house, &id, w->now_us));
		}
	}
	assert_int_equal(w->house.n_used, 1000);
	assert_int_equal(turn(w), 0);
	assert_int_equal(pass(w, 1, 0, 0), 1);
	assert_int_equal(pass(w, 5, 0, 0), 0);
	world_free(w);
}

TEST(a_full_batch_does_not_wait)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);
	struct session_id id = id_of(0);
	unsigned i;

	for (i = 0; i < TOUCH_MAX; i++) {
		id = id_of(i);
		assert_true(house_use(&w->house, &id, w->now_us));
	}
	id = id_of(TOUCH_MAX);
	assert_false(house_use(&w->house, &id, w->now_us));
	assert_int_equal(turn(w), 1);
	assert_true(house_use(&w->house, &id, w->now_us));
	world_free(w);
}

TEST(who_does_not_lead_expires_nothing)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);

	session(w, 1, 1000);
	w->raft.role = ROLE_FOLLOWER;
	w->raft.leader_id = OTHER;
	assert_int_equal(pass(w, 60, 0, 0), 0);
	assert_true(is_there(w, 1));
	w->raft.role = ROLE_LEADER;
	w->raft.term_committed = false;
	assert_int_equal(pass(w, 60, 0, 0), 0);
	w->raft.term_committed = true;
	assert_int_equal(pass(w, 5, 0, 0), 1);
	assert_false(is_there(w, 1));
	world_free(w);
}

TEST(more_than_one_command_can_tell_expires_in_several)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);
	unsigned i;

	for (i = 0; i < EXPIRE_MAX + 10; i++)
		session(w, i, 1000);
	assert_true(pass(w, 10, 0, 0) >= 2);
	assert_int_equal(store_count(w->store), 0);
	world_free(w);
}

TEST(a_task_outlives_its_owners_silence_for_a_while_and_then_fails)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);

	(void)pass(w, 3, PROCESS + OTHER, PROCESS + THIRD);
	task(w, 1, PROCESS + THIRD, TASK_ORPHAN_FAIL);
	assert_int_equal(pass(w, 60, PROCESS + OTHER, PROCESS + THIRD), 0);
	assert_int_equal(pass(w, 28, PROCESS + OTHER, 0), 0);
	assert_int_equal(task_at(w, 1).state, TASK_WORKING);
	/* It comes back in time. */
	assert_int_equal(pass(w, 5, PROCESS + OTHER, PROCESS + THIRD), 0);
	assert_int_equal(pass(w, 32, PROCESS + OTHER, 0), 1);
	assert_int_equal(task_at(w, 1).state, TASK_FAILED);
	assert_int_equal(pass(w, 60, PROCESS + OTHER, 0), 0);
	world_free(w);
}

TEST(a_task_of_an_earlier_life_of_a_node_is_decided_once_everybody_has_told)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);

	(void)pass(w, 3, PROCESS + OTHER, PROCESS + THIRD);
	task(w, 1, PROCESS + THIRD, TASK_ORPHAN_FAIL);
	task(w, 2, PROCESS + THIRD, TASK_ORPHAN_CLAIM);
	/* The third is started again. */
	assert_int_equal(pass(w, 5, PROCESS + OTHER, PROCESS + 33), 2);
	assert_int_equal(task_at(w, 1).state, TASK_FAILED);
	assert_int_equal(task_at(w, 2).state, TASK_WORKING);
	assert_int_equal(task_at(w, 2).owner, 0);
	/* Nobody's task waits for who claims it. */
	assert_int_equal(pass(w, 60, PROCESS + OTHER, PROCESS + 33), 0);
	world_free(w);
}

TEST(a_task_whose_owner_tells_of_itself_late_goes_on)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);

	task(w, 1, PROCESS + THIRD, TASK_ORPHAN_FAIL);
	assert_int_equal(pass(w, 20, PROCESS + OTHER, 0), 0);
	assert_int_equal(pass(w, 60, PROCESS + OTHER, PROCESS + THIRD), 0);
	assert_int_equal(task_at(w, 1).state, TASK_WORKING);
	world_free(w);
}

TEST(a_new_leader_gives_owners_the_whole_time_again)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);

	task(w, 1, PROCESS + THIRD, TASK_ORPHAN_FAIL);
	assert_int_equal(pass(w, 20, PROCESS + OTHER, 0), 0);
	w->raft.term++;
	assert_int_equal(pass(w, 29, PROCESS + OTHER, 0), 0);
	assert_int_equal(pass(w, 3, PROCESS + OTHER, 0), 1);
	world_free(w);
}

TEST(the_task_of_a_removed_member_is_decided_without_waiting_for_it)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);

	(void)pass(w, 3, PROCESS + OTHER, PROCESS + THIRD);
	task(w, 1, PROCESS + THIRD, TASK_ORPHAN_FAIL);
	w->raft.n_members = 2;
	assert_int_equal(pass(w, 5, PROCESS + OTHER, 0), 1);
	world_free(w);
}

TEST(the_leaders_own_tasks_and_finished_ones_are_left_alone)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);
	const struct session_id id = id_of(2);
	const struct command_fields none = {.numbers = {0}};
	struct command_head h;
	struct buf b;

	task(w, 1, PROCESS + SELF, TASK_ORPHAN_FAIL);
	task(w, 2, PROCESS + 77, TASK_ORPHAN_FAIL);
	buf_init(&b, COMMAND_MAX);
	h = head_of(w);
	command2_fields(&b, &h, COMMAND_TASK_CANCEL, &id, &none);
	assert_int_equal(apply(w, &b).result, RESULT_OK);
	buf_close(&b);
	assert_int_equal(pass(w, 120, PROCESS + OTHER, PROCESS + THIRD), 0);
	world_free(w);
}

TEST(the_state_is_upgraded_when_every_member_knows_the_new_version)
{
	struct world *w = world_new(STATE_VERSION_1);

	assert_int_equal(pass(w, 10, PROCESS + OTHER, 0), 0);
	hear(w, THIRD, PROCESS + THIRD, STATE_VERSION_1);
	hear(w, OTHER, PROCESS + OTHER, STATE_VERSION_NEWEST);
	assert_int_equal(turn(w), 0);
	/* Its release is replaced; what the other one said is too old by then. */
	w->now_us += HOUSE_FRESH_US + 1;
	hear(w, THIRD, PROCESS + 33, STATE_VERSION_NEWEST);
	assert_int_equal(turn(w), 0);
	hear(w, OTHER, PROCESS + OTHER, STATE_VERSION_NEWEST);
	assert_int_equal(turn(w), 1);
	assert_int_equal(store_version(w->store), STATE_VERSION_NEWEST);
	assert_int_equal(pass(w, 10, PROCESS + OTHER, PROCESS + THIRD), 0);
	world_free(w);
}

TEST(the_state_is_upgraded_to_what_all_take_and_no_further)
{
	struct world *w = world_new(STATE_VERSION_1);

	assert_int_equal(turn(w), 0); /* the term begins */
	hear(w, THIRD, PROCESS + THIRD, STATE_VERSION_2);
	hear(w, OTHER, PROCESS + OTHER, STATE_VERSION_NEWEST);
	assert_int_equal(turn(w), 1);
	assert_int_equal(store_version(w->store), STATE_VERSION_2);
	hear(w, THIRD, PROCESS + THIRD, STATE_VERSION_NEWEST);
	/* The leader itself is held back. */
	store_take_up_to(w->store, STATE_VERSION_2);
	assert_int_equal(turn(w), 0);
	store_take_up_to(w->store, STATE_VERSION_NEWEST);
	assert_int_equal(turn(w), 1);
	assert_int_equal(store_version(w->store), STATE_VERSION_NEWEST);
	world_free(w);
}

TEST(the_leader_is_told_once_a_second_and_a_new_one_at_once)
{
	struct world *w = world_new(STATE_VERSION_NEWEST);
	struct house_view v = view_of(w);

	assert_false(house_tells(&w->house, &v)); /* it leads itself */
	w->raft.role = ROLE_FOLLOWER;
	w->raft.leader_id = OTHER;
	assert_true(house_tells(&w->house, &v));
	assert_false(house_tells(&w->house, &v));
	assert_true(house_deadline_us(&w->house, &w->raft) == w->now_us + HOUSE_PRESENT_US);
	v.now_us += HOUSE_PRESENT_US;
	assert_true(house_tells(&w->house, &v));
	w->raft.leader_id = THIRD;
	assert_true(house_tells(&w->house, &v));
	w->raft.leader_id = 0;
	assert_false(house_tells(&w->house, &v));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_session_expires_when_it_was_not_used_and_others_stay),
	    cmocka_unit_test(many_uses_of_many_sessions_are_one_command_a_second),
	    cmocka_unit_test(a_full_batch_does_not_wait),
	    cmocka_unit_test(who_does_not_lead_expires_nothing),
	    cmocka_unit_test(more_than_one_command_can_tell_expires_in_several),
	    cmocka_unit_test(a_task_outlives_its_owners_silence_for_a_while_and_then_fails),
	    cmocka_unit_test(
	        a_task_of_an_earlier_life_of_a_node_is_decided_once_everybody_has_told),
	    cmocka_unit_test(a_task_whose_owner_tells_of_itself_late_goes_on),
	    cmocka_unit_test(a_new_leader_gives_owners_the_whole_time_again),
	    cmocka_unit_test(the_task_of_a_removed_member_is_decided_without_waiting_for_it),
	    cmocka_unit_test(the_leaders_own_tasks_and_finished_ones_are_left_alone),
	    cmocka_unit_test(the_state_is_upgraded_when_every_member_knows_the_new_version),
	    cmocka_unit_test(the_state_is_upgraded_to_what_all_take_and_no_further),
	    cmocka_unit_test(the_leader_is_told_once_a_second_and_a_new_one_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
