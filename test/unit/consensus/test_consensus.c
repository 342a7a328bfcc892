#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

TEST(a_silent_leader_is_replaced_soon_after_the_last_needed_timer)
{
	measure_take_over(3, 450, 600);
	measure_take_over(5, 450, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(three_nodes_elect_a_leader_that_settles_its_term),
	    cmocka_unit_test(a_proposal_is_applied_everywhere_and_told_once),
	    cmocka_unit_test(a_single_voter_serves_at_once_even_when_muted),
	    cmocka_unit_test(a_silent_leader_is_replaced_soon_after_the_last_needed_timer),
	};

	return RUN_TESTS(tests);
}
