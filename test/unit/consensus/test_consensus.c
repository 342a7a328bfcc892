#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/limits.h"
#include "raft_cluster.h"
#include "testing.h"

enum { SEEDS = 200 };

static struct raft_cluster rc;

static unsigned elect(void)
{
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 3000));
	return (unsigned)rc_leader(&rc);
}

static bool all_equal(struct raft_cluster *c, unsigned count)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		if (c->nodes[i].up && store_count(c->nodes[i].store) != count)
			return false;
	}
	return true;
}

static void assert_same_digests(void)
{
	uint64_t digest = 0;
	unsigned i;

	for (i = 0; i < rc.n; i++) {
		if (!rc.nodes[i].up)
			continue;
		if (digest == 0)
			digest = store_digest(rc.nodes[i].store);
		assert_true(store_digest(rc.nodes[i].store) == digest);
	}
}

TEST(three_nodes_elect_a_leader_that_settles_its_term)
{
	struct raft_view view;
	unsigned leader;

	rc_init(&rc, 3, 1);
	rc_start_all(&rc);
	leader = elect();
	view = rc_view(&rc, leader);
	assert_true(view.term_committed);
	assert_int_equal(view.n_voters, 3);
	assert_string_equal(view.members[0].name, "n0@test");
	assert_true(view.leader_id == rc.nodes[leader].id);
	assert_true(view.promise_us == 0);
	rc_run_ms(&rc, 100);
	view = rc_view(&rc, (leader + 1) % 3);
	assert_true(view.leader_id == rc.nodes[leader].id);
	assert_true(view.promise_us > 200000 && view.promise_us <= 500000);
	rc_close(&rc);
}

/* Bytes of messages with entries that a member was sent. */
static struct {
	unsigned to;
	size_t bytes;
	unsigned empty; /* messages without */
} heard;

static void listen(unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
	(void)from;
	(void)bytes;
	if (to != heard.to)
		return;
	if (len > 120)
		heard.bytes += len;
	else
		heard.empty++;
}

static bool has_all(struct raft_cluster *c, unsigned at)
{
	return store_count(c->nodes[at].store) == 400;
}

TEST(entries_on_a_slow_line_are_sent_once_and_heartbeats_overtake_them)
{
	struct raft_view view;
	uint64_t tag = 0;
	enum status st;
	unsigned leader;
	unsigned slow;
	size_t all;

	rc_init(&rc, 3, 77);
	rc_start_all(&rc);
	leader = elect();
	slow = (leader + 1) % 3;
	rc_isolate(&rc, slow, true);
	rc_stop(&rc, slow);
	for (unsigned i = 0; i < 400; i++) {
		tag = rc_create(&rc, leader, i, &st);
		if (i % 20 == 0)
			rc_run_ms(&rc, 5);
	}
	assert_true(rc_wait(&rc, tag, 1000));
	view = rc_view(&rc, leader);
	all = 400 * 100;
	rc_isolate(&rc, slow, false);
	rc_start(&rc, slow);
	consensus_link_reset(rc.nodes[leader].consensus, rc.nodes[slow].id);
	heard.to = slow;
	heard.bytes = 0;
	heard.empty = 0;
	rc.spy = listen;
	rc.byte_us = 100; /* three to four seconds for all */
	assert_true(rc_run_until(&rc, has_all, slow, 12000));
	assert_in_range(heard.bytes, all / 3, 2 * all);
	assert_true(heard.empty > 60);
	assert_true(rc_view(&rc, leader).term == view.term);
	assert_true(rc_view(&rc, slow).leader_id == rc.nodes[leader].id);
	rc.spy = NULL;
	rc_close(&rc);
}

TEST(a_leader_that_closes_gives_back_what_still_waits)
{
	enum status st;
	unsigned leader;
	unsigned i;

	rc_init(&rc, 3, 78);
	rc_start_all(&rc);
	leader = elect();
	rc.byte_us = 1000;
	for (i = 0; i < 100; i++) {
		(void)rc_create(&rc, leader, i, &st);
		rc_run_ms(&rc, 2);
	}
	rc_stop(&rc, leader);
	rc_close(&rc);
}

TEST(a_proposal_is_applied_everywhere_and_told_once)
{
	enum status st;
	unsigned leader;
	uint64_t first;
	uint64_t last = 0;
	unsigned i;

	rc_init(&rc, 3, 2);
	rc_start_all(&rc);
	leader = elect();
	(void)rc_create(&rc, (leader + 1) % 3, 1, &st);
	assert_int_equal(st, ST_NOT_LEADER);
	first = rc.next_tag;
	for (i = 0; i < 100; i++)
		last = rc_create(&rc, leader, i, &st);
	assert_true(rc_wait(&rc, last, 1000));
	assert_true(rc_run_until(&rc, all_equal, 100, 1000));
	for (i = 0; i < 100; i++) {
		assert_int_equal(rc.outcomes[first + i].times, 1);
		assert_int_equal(rc.outcomes[first + i].st, ST_OK);
		assert_true(rc.outcomes[first + i].index == rc.outcomes[last].index);
	}
	assert_same_digests();
	rc_close(&rc);
}

TEST(a_single_voter_serves_at_once_even_when_muted)
{
	enum status st;
	uint64_t tag;

	rc_init(&rc, 1, 3);
	rc.nodes[0].muted = true;
	rc_start_all(&rc);
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 100));
	tag = rc_create(&rc, 0, 1, &st);
	assert_int_equal(st, ST_OK);
	assert_true(rc_wait(&rc, tag, 100));
	assert_int_equal(rc.outcomes[tag].st, ST_OK);
	rc_close(&rc);
}

/* Cuts the leader off at a random moment; milliseconds until another one can serve. */
static int64_t take_over_ms(unsigned n, uint64_t seed)
{
	int64_t start_us;
	unsigned leader;

	rc_init(&rc, n, seed);
	rc_start_all(&rc);
	leader = elect();
	rc_run_ms(&rc, prng_range(&rc.prng, 300, 400));
	leader = (unsigned)rc_leader(&rc);
	start_us = rc.now_us;
	rc_isolate(&rc, leader, true);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 5000));
	start_us = rc.now_us - start_us;
	rc_close(&rc);
	return start_us / 1000;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a;
	const int64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure_take_over(unsigned n, int64_t median_ms, int64_t max_ms)
{
	int64_t took[SEEDS];
	unsigned i;

	for (i = 0; i < SEEDS; i++) {
		took[i] = take_over_ms(n, 1000 + i);
		if (took[i] > max_ms)
			print_message("# %u nodes, seed %u: %d ms\n", n, 1000 + i, (int)took[i]);
	}
	qsort(took, SEEDS, sizeof took[0], by_size);
	print_message("# take-over with %u voters: min %d median %d p99 %d max %d ms\n", n,
	              (int)took[0], (int)took[SEEDS / 2], (int)took[SEEDS * 99 / 100],
	              (int)took[SEEDS - 1]);
	assert_true(took[SEEDS / 2] < median_ms);
	assert_true(took[SEEDS - 1] < max_ms);
}

TEST(a_longer_log_with_an_older_term_still_wins)
{
	enum status st;
	unsigned leader;
	unsigned other;

	rc_init(&rc, 3, 31);
	rc_start_all(&rc);
	leader = elect();
	other = (leader + 1) % 3;
	rc_isolate(&rc, leader, true);
	assert_true(rc_create(&rc, leader, 1, &st) != 0);
	rc_run_ms(&rc, 20);
	rc_stop(&rc, 0);
	rc_stop(&rc, 1);
	rc_stop(&rc, 2);
	rc_isolate(&rc, leader, false);
	/* The other one stood for elections that nobody else remembers. */
	rc.nodes[other].disk.image.term += 7;
	rc.nodes[other].disk.image.vote = rc.nodes[other].id;
	rc_start(&rc, leader);
	rc_start(&rc, other);
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 2000));
	assert_int_equal(rc_leader(&rc), leader);
	assert_int_equal(store_count(rc.nodes[leader].store), 1);
	rc_close(&rc);
}

TEST(a_node_that_was_cut_off_comes_back_without_an_election)
{
	struct raft_view before;
	unsigned leader;
	unsigned other;

	rc_init(&rc, 3, 32);
	rc_start_all(&rc);
	leader = elect();
	rc_run_ms(&rc, 300);
	other = (leader + 1) % 3;
	before = rc_view(&rc, leader);
	rc_isolate(&rc, other, true);
	rc_run_ms(&rc, 5000);
	assert_int_equal(rc_view(&rc, other).role, ROLE_CANDIDATE);
	assert_true(rc_view(&rc, other).leader_id == 0);
	rc_isolate(&rc, other, false);
	rc_run_ms(&rc, 60);
	assert_true(rc_view(&rc, other).leader_id == rc.nodes[leader].id);
	assert_true(rc_view(&rc, leader).term == before.term);
	assert_int_equal(rc_view(&rc, leader).role, ROLE_LEADER);
	rc_close(&rc);
}

TEST(a_cut_off_leader_steps_down_and_its_proposals_are_unknown)
{
	enum status st;
	unsigned leader;
	uint64_t tag;

	rc_init(&rc, 3, 33);
	rc_start_all(&rc);
	leader = elect();
	rc_run_ms(&rc, 300);
	rc_isolate(&rc, leader, true);
	tag = rc_create(&rc, leader, 1, &st);
	assert_true(rc_wait(&rc, tag, 1000));
	assert_int_equal(rc.outcomes[tag].st, ST_UNKNOWN);
	assert_int_not_equal(rc_view(&rc, leader).role, ROLE_LEADER);
	rc_close(&rc);
}

TEST(a_great_backlog_is_cut_into_messages_and_entries)
{
	static uint8_t value[60000];
	enum status st = ST_OK;
	unsigned leader;
	unsigned behind;
	uint64_t tag;
	uint64_t last = 0;
	unsigned i;

	rc_init(&rc, 3, 34);
	rc_start_all(&rc);
	leader = elect();
	behind = (leader + 1) % 3;
	rc_isolate(&rc, behind, true);
	tag = rc_create(&rc, leader, 1, &st);
	assert_true(rc_wait(&rc, tag, 1000));
	for (i = 0; i < 100; i++) {
		const struct command_head head = {.origin = {77, i + 1}, .now_ms = 1};
		const struct session_id id = {.bytes = {0, 0, 0, 1}};
		struct buf b;

		buf_init(&b, 1 << 20);
		value[0] = (uint8_t)i;
		command_put(&b, &head, &id, value, 1 + i % 10, value, sizeof value);
		last = rc.next_tag++;
		st = consensus_propose(rc.nodes[leader].consensus, last, b.base, b.len);
		assert_int_equal(st, ST_OK);
		buf_close(&b);
	}
	assert_true(rc_wait(&rc, last, 1000));
	rc_isolate(&rc, behind, false);
	rc_run_ms(&rc, 500);
	assert_same_digests();
	rc_close(&rc);
}

TEST(too_many_proposals_are_refused_and_each_is_told_once)
{
	enum status st = ST_OK;
	unsigned leader;
	uint64_t first;
	uint64_t tag;
	unsigned n = 0;

	rc_init(&rc, 3, 35);
	rc_start_all(&rc);
	leader = elect();
	rc_isolate(&rc, leader, true);
	first = rc.next_tag;
	while (n < RC_TAGS - 1 && rc_create(&rc, leader, n, &st) != 0) {
		consensus_flush(rc.nodes[leader].consensus);
		n++;
	}
	assert_true(n == RC_TAGS - 1 || st == ST_BUSY);
	rc_run_ms(&rc, 1000);
	for (tag = first; tag < first + n; tag++) {
		assert_int_equal(rc.outcomes[tag % RC_TAGS].times, 1);
		assert_int_equal(rc.outcomes[tag % RC_TAGS].st, ST_UNKNOWN);
	}
	rc_close(&rc);
}

TEST(a_silent_leader_is_replaced_soon_after_the_last_needed_timer)
{
	measure_take_over(3, 450, 600);
	measure_take_over(5, 450, 600);
}

TEST(while_an_entry_is_on_its_way_commands_gather_but_not_for_long)
{
	struct consensus *c;
	unsigned leader;
	uint64_t first;
	uint64_t tag;
	enum status st;
	unsigned i;

	rc_init(&rc, 3, 36);
	rc_start_all(&rc);
	leader = elect();
	rc_isolate(&rc, leader, true);
	c = rc.nodes[leader].consensus;
	first = rc.next_tag;
	for (i = 0; i < 10; i++) {
		assert_true(rc_create(&rc, leader, i, &st) != 0);
		consensus_flush_gathered(c);
		/* The first one left at once; the others wait, each no longer than the next. */
		assert_true(i == 0 || (consensus_deadline_us(c) > rc.now_us &&
		                       consensus_deadline_us(c) <= rc.now_us + GATHER_MAX_US));
	}
	rc.now_us += GATHER_MAX_US;
	assert_true(consensus_deadline_us(c) <= rc.now_us);
	consensus_flush_gathered(c);
	rc_isolate(&rc, leader, false);
	rc_run_ms(&rc, 1000);
	for (tag = first; tag < first + 10; tag++)
		assert_true(rc.outcomes[tag % RC_TAGS].told &&
		            rc.outcomes[tag % RC_TAGS].st == ST_OK);
	/* The nine that waited share an entry. */
	assert_true(rc.outcomes[(first + 1) % RC_TAGS].index > rc.outcomes[first % RC_TAGS].index);
	assert_true(rc.outcomes[(first + 9) % RC_TAGS].index ==
	            rc.outcomes[(first + 1) % RC_TAGS].index);
	rc_close(&rc);
}

/* n commands, as a turn of the loop brings them: those that may leave do. Returns the first tag. */
static uint64_t turn_with(unsigned leader, unsigned n)
{
	uint64_t first = rc.next_tag;
	enum status st;
	unsigned i;

	for (i = 0; i < n; i++)
		assert_true(rc_create(&rc, leader, 0, &st) != 0);
	consensus_flush_gathered(rc.nodes[leader].consensus);
	return first;
}

static uint64_t index_of(uint64_t tag)
{
	assert_true(rc.outcomes[tag % RC_TAGS].told);
	return rc.outcomes[tag % RC_TAGS].index;
}

static bool is_told(struct raft_cluster *c, unsigned tag)
{
	return c->outcomes[tag % RC_TAGS].told;
}

static void run_until_told(uint64_t tag)
{
	assert_true(rc_run_until(&rc, is_told, (unsigned)tag, 1000));
}

static unsigned start_three(uint64_t seed)
{
	unsigned leader;

	rc_init(&rc, 3, seed);
	rc_start_all(&rc);
	leader = elect();
	run_until_told(turn_with(leader, 1));
	/* A commit takes less than GATHER_MAX_US. */
	rc.latency_us = 50;
	return leader;
}

TEST(who_was_answered_is_waited_for_and_then_one_entry_has_the_commands_of_all)
{
	unsigned leader = start_three(37);
	uint64_t first = turn_with(leader, 2);
	uint64_t second = turn_with(leader, 2);
	uint64_t third;

	run_until_told(first);
	assert_false(is_told(&rc, (unsigned)second));
	third = turn_with(leader, 1);
	assert_true(consensus_deadline_us(rc.nodes[leader].consensus) > rc.now_us);
	(void)turn_with(leader, 1);
	run_until_told(third + 1);
	assert_true(index_of(second) > index_of(first));
	assert_true(index_of(third) == index_of(second));
	assert_true(index_of(third + 1) == index_of(second));
	rc_close(&rc);
}

TEST(who_does_not_come_back_is_waited_for_no_longer_than_a_commit_took)
{
	unsigned leader = start_three(38);
	int64_t before_us = rc.now_us;
	uint64_t first = turn_with(leader, 2);
	uint64_t second = turn_with(leader, 1);
	const struct consensus *c = rc.nodes[leader].consensus;
	int64_t took_us;

	run_until_told(first);
	took_us = rc.now_us - before_us;
	assert_true(consensus_deadline_us(c) > rc.now_us);
	assert_true(consensus_deadline_us(c) <= rc.now_us + took_us);
	rc.now_us += took_us;
	assert_true(consensus_deadline_us(c) <= rc.now_us);
	(void)turn_with(leader, 0);
	run_until_told(second);
	rc_close(&rc);
}

/* As many come while an entry is committed as it has, whatever it waited for. */
TEST(commands_that_wait_for_no_answer_are_soon_not_waited_for)
{
	unsigned leader = start_three(39);
	const struct consensus *c = rc.nodes[leader].consensus;
	uint64_t under_way = turn_with(leader, 2);
	unsigned waits = 0;
	unsigned i;

	for (i = 0; i < GATHER_REST; i++) {
		uint64_t next = turn_with(leader, 2);

		run_until_told(under_way);
		waits += consensus_deadline_us(c) > rc.now_us;
		rc.now_us += GATHER_MAX_US;
		(void)turn_with(leader, 0);
		under_way = next;
	}
	assert_in_range(waits, 1, GATHER_MISSES_MAX);
	run_until_told(under_way);
	rc_close(&rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(three_nodes_elect_a_leader_that_settles_its_term),
	    cmocka_unit_test(entries_on_a_slow_line_are_sent_once_and_heartbeats_overtake_them),
	    cmocka_unit_test(a_leader_that_closes_gives_back_what_still_waits),
	    cmocka_unit_test(a_proposal_is_applied_everywhere_and_told_once),
	    cmocka_unit_test(a_single_voter_serves_at_once_even_when_muted),
	    cmocka_unit_test(a_longer_log_with_an_older_term_still_wins),
	    cmocka_unit_test(a_node_that_was_cut_off_comes_back_without_an_election),
	    cmocka_unit_test(a_cut_off_leader_steps_down_and_its_proposals_are_unknown),
	    cmocka_unit_test(a_great_backlog_is_cut_into_messages_and_entries),
	    cmocka_unit_test(too_many_proposals_are_refused_and_each_is_told_once),
	    cmocka_unit_test(while_an_entry_is_on_its_way_commands_gather_but_not_for_long),
	    cmocka_unit_test(
	        who_was_answered_is_waited_for_and_then_one_entry_has_the_commands_of_all),
	    cmocka_unit_test(who_does_not_come_back_is_waited_for_no_longer_than_a_commit_took),
	    cmocka_unit_test(commands_that_wait_for_no_answer_are_soon_not_waited_for),
	    cmocka_unit_test(a_silent_leader_is_replaced_soon_after_the_last_needed_timer),
	};

	return RUN_TESTS(tests);
}
