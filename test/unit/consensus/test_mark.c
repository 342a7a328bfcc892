/* What is known to be committed, from one start to the next. */
#include <string.h>

#include "consensus/mark_format.h"
#include "raft_cluster.h"
#include "session/store.h"
#include "testing.h"

enum { SESSIONS = 30, WAIT_MS = 5000 };

static void begin(struct raft_cluster *rc, unsigned n, uint64_t seed)
{
	unsigned i;

	rc_init(rc, n, seed);
	rc_start_all(rc);
	assert_true(rc_run_until(rc, rc_has_leader, 0, WAIT_MS));
	for (i = 0; i < SESSIONS; i++) {
		enum status st;
		uint64_t tag = rc_create(rc, (unsigned)rc_leader(rc), i, &st);

		assert_int_equal(st, ST_OK);
		assert_true(rc_wait(rc, tag, WAIT_MS));
	}
	rc_run_ms(rc, 500);
}

TEST(a_node_that_starts_again_applies_what_it_knew_to_be_committed)
{
	struct raft_cluster rc;
	struct raft_view before;
	struct raft_view after;
	unsigned at;

	begin(&rc, 3, 1);
	at = rc_follower(&rc);
	before = rc_view(&rc, at);
	rc_stop(&rc, at);
	rc_isolate(&rc, at, true);
	rc_start(&rc, at);
	after = rc_view(&rc, at);
	assert_int_equal(after.commit, before.commit);
	assert_int_equal(after.last_applied, before.last_applied);
	assert_true(rc_in_sync(&rc, at));
	assert_true(after.role == ROLE_FOLLOWER && after.leader_id == 0);
	rc_close(&rc);
}

TEST(without_a_mark_it_waits_for_a_leaders_word)
{
	struct raft_cluster rc;
	unsigned at;

	begin(&rc, 3, 2);
	at = rc_follower(&rc);
	rc_stop(&rc, at);
	rc.nodes[at].disk.chunks.mark.index = 0;
	rc_isolate(&rc, at, true);
	rc_start(&rc, at);
	assert_true(rc_view(&rc, at).last_applied <= 1);
	rc_isolate(&rc, at, false);
	assert_true(rc_run_until(&rc, rc_in_sync, at, WAIT_MS));
	rc_close(&rc);
}

/* An old copy of the log beside it, or a log that was cut off. */
static void starts_with(uint64_t seed, struct commit_mark more)
{
	struct raft_cluster rc;
	unsigned at;

	begin(&rc, 3, seed);
	at = rc_follower(&rc);
	rc_stop(&rc, at);
	rc.nodes[at].disk.chunks.mark.member += more.member;
	rc.nodes[at].disk.chunks.mark.index += more.index;
	rc.nodes[at].disk.chunks.mark.term += more.term;
	rc_isolate(&rc, at, true);
	rc_start(&rc, at);
	assert_true(rc_view(&rc, at).last_applied <= 1);
	rc_isolate(&rc, at, false);
	assert_true(rc_run_until(&rc, rc_in_sync, at, WAIT_MS));
	assert_false(rc.nodes[at].fatal);
	rc_close(&rc);
}

TEST(a_mark_that_the_log_does_not_have_says_nothing)
{
	starts_with(3, (struct commit_mark){.index = 1000});
	starts_with(4, (struct commit_mark){.term = 1});
}

/* What an earlier member left in the directory, of a cluster that is no more. */
TEST(a_mark_of_another_member_says_nothing)
{
	starts_with(8, (struct commit_mark){.member = 1});
}

TEST(nodes_that_all_start_again_elect_a_leader_at_once)
{
	struct raft_cluster rc;
	unsigned i;

	begin(&rc, 3, 5);
	for (i = 0; i < 3; i++)
		rc_stop(&rc, i);
	rc_start_all(&rc);
	/* With a leader in sight they would refuse each other until a timeout has passed. */
	assert_true(rc_run_until(&rc, rc_has_leader, 0, rc.config.election_ms));
	for (i = 0; i < 3; i++)
		assert_true(rc_run_until(&rc, rc_in_sync, i, WAIT_MS));
	rc_close(&rc);
}

/* Whoever starts it closes it; libraft is in the middle of nothing then. */
TEST(what_is_applied_while_it_starts_can_end_the_start_and_tells_nobody_else)
{
	struct raft_cluster rc;
	enum status st;
	uint64_t tag;
	unsigned at;

	begin(&rc, 3, 9);
	tag = rc_upgrade(&rc, (unsigned)rc_leader(&rc), STATE_VERSION_NEWEST, &st);
	assert_true(st == ST_OK && rc_wait(&rc, tag, WAIT_MS));
	rc_run_ms(&rc, 500);
	at = rc_follower(&rc);
	rc_stop(&rc, at);
	rc.nodes[at].takes = STATE_VERSION_NEWEST - 1;
	rc_start(&rc, at);
	assert_int_equal(rc.nodes[at].begun, ST_IO);
	assert_int_equal(store_beyond(rc.nodes[at].store), STATE_VERSION_NEWEST);
	assert_false(rc.nodes[at].fatal);
	rc_stop(&rc, at);

	/* Nothing was changed: with the release of the others it goes on. */
	rc.nodes[at].takes = 0;
	rc_start(&rc, at);
	assert_true(rc_run_until(&rc, rc_in_sync, at, WAIT_MS));
	rc_close(&rc);
}

TEST(a_single_voter_needs_no_mark)
{
	struct raft_cluster rc;

	begin(&rc, 1, 6);
	rc_stop(&rc, 0);
	rc_start(&rc, 0);
	assert_true(rc_run_until(&rc, rc_has_leader, 0, WAIT_MS));
	assert_int_equal(rc_view(&rc, 0).last_applied, rc_view(&rc, 0).commit);
	rc_close(&rc);
}

TEST(it_is_noted_anew_after_so_many_bytes)
{
	struct raft_cluster rc;
	const struct commit_mark *mark = &rc.nodes[0].disk.chunks.mark;
	uint64_t first;
	enum status st;
	uint64_t tag;
	unsigned i;

	rc_init(&rc, 1, 7);
	rc.config.mark_bytes = 500;
	rc_start_all(&rc);
	assert_true(rc_run_until(&rc, rc_has_leader, 0, WAIT_MS));
	tag = rc_create(&rc, 0, 1, &st);
	assert_true(st == ST_OK && rc_wait(&rc, tag, WAIT_MS));
	assert_int_equal(mark->index, 0);
	for (first = 0, i = 2; i < 100 && (first == 0 || mark->index == first); i++) {
		tag = rc_create(&rc, 0, i, &st);
		assert_true(st == ST_OK && rc_wait(&rc, tag, WAIT_MS));
		first = first == 0 ? mark->index : first;
	}
	assert_true(first > 1 && mark->index > first + 1);
	assert_true(mark->index <= rc_view(&rc, 0).commit);
	rc_close(&rc);
}

TEST(a_mark_is_read_as_it_was_written_and_only_whole)
{
	static const uint8_t golden[MARK_BYTES - 8] = {
	    'E', 'L', 'R', 'M',  'A',  'R',  'K', '1', 0x34, 0x12, 0, 0, 0,
	    0,   0,   0,   0xef, 0xcd, 0xab, 0,   0,   0,    0,    0, 7,
	};
	const struct commit_mark mark = {.member = 0x1234, .index = 0xabcdef, .term = 7};
	const struct commit_mark impossible[] = {{1, 0, 1}, {1, 1, 0}};
	struct commit_mark again;
	uint8_t bytes[MARK_BYTES];
	struct crc crc;
	unsigned i;

	crc_init(&crc);
	mark_encode(&crc, &mark, bytes);
	assert_memory_equal(bytes, golden, sizeof golden);
	assert_int_equal(mark_decode(&crc, bytes, MARK_BYTES, &again), ST_OK);
	assert_true(again.index == mark.index && again.term == mark.term);
	assert_int_equal(again.member, mark.member);
	assert_int_equal(mark_decode(&crc, bytes, MARK_BYTES - 1, &again), ST_NOT_FOUND);
	for (i = 0; i < MARK_BYTES; i++) {
		bytes[i] ^= 1;
		assert_int_equal(mark_decode(&crc, bytes, MARK_BYTES, &again), ST_NOT_FOUND);
		bytes[i] ^= 1;
	}
	for (i = 0; i < 2; i++) {
		mark_encode(&crc, &impossible[i], bytes);
		assert_int_equal(mark_decode(&crc, bytes, MARK_BYTES, &again), ST_NOT_FOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_that_starts_again_applies_what_it_knew_to_be_committed),
	    cmocka_unit_test(without_a_mark_it_waits_for_a_leaders_word),
	    cmocka_unit_test(a_mark_that_the_log_does_not_have_says_nothing),
	    cmocka_unit_test(a_mark_of_another_member_says_nothing),
	    cmocka_unit_test(nodes_that_all_start_again_elect_a_leader_at_once),
	    cmocka_unit_test(
	        what_is_applied_while_it_starts_can_end_the_start_and_tells_nobody_else),
	    cmocka_unit_test(a_single_voter_needs_no_mark),
	    cmocka_unit_test(it_is_noted_anew_after_so_many_bytes),
	    cmocka_unit_test(a_mark_is_read_as_it_was_written_and_only_whole),
	};

	return RUN_TESTS(tests);
}
