#include <string.h>

#include "cluster/limits.h"
#include "sim_cluster.h"
#include "testing.h"

enum { LONG_MS = 5000 };

static bool complains(struct sim *s)
{
	return strstr(sim_trace(s), "slow disk: a majority had entries on disk") != NULL;
}

/* One write takes so long; then all is stored for a while. */
static void write_slowly(struct sim *s, char node, int64_t slow_ms, int64_t pause_ms)
{
	sim_node(s, node)->raft.unstored = 1;
	sim_run_ms(s, slow_ms);
	sim_node(s, node)->raft.unstored = 0;
	sim_run_ms(s, pause_ms);
}

TEST(a_leader_with_a_slow_disk_hands_leadership_over_and_says_why)
{
	struct sim *s = sim_serving(3, NULL);
	const char slow = sim_leader(s);

	sim_node(s, slow)->raft.unstored = 1;
	sim_run_ms(s, SLOW_DISK_PATIENCE_US / 1000 - 100);
	assert_int_equal(sim_leader(s), slow);
	sim_run_ms(s, LONG_MS);
	assert_int_not_equal(sim_leader(s), slow);
	assert_true(complains(s));
	sim_await(s, "abc", CLUSTER_SERVING, 500);
	sim_free(s);
}

TEST(a_follower_with_a_slow_disk_changes_nothing)
{
	struct sim *s = sim_serving(3, NULL);
	const char leader = sim_leader(s);

	sim_node(s, leader == 'a' ? 'b' : 'a')->raft.unstored = 1;
	sim_run_ms(s, LONG_MS);
	assert_int_equal(sim_leader(s), leader);
	assert_trace(s, "");
	sim_free(s);
}

TEST(one_slow_write_is_no_slow_disk)
{
	struct sim *s = sim_serving(3, NULL);
	const char leader = sim_leader(s);

	for (unsigned i = 0; i < 5; i++) {
		write_slowly(s, leader, 1000, 200);
		write_slowly(s, leader, 110, 200); /* one that is stored at once */
	}
	assert_int_equal(sim_leader(s), leader);
	assert_trace(s, "");
	sim_free(s);
}

TEST(one_slow_write_with_nothing_after_it_is_no_slow_disk)
{
	struct sim *s = sim_serving(3, NULL);
	const char leader = sim_leader(s);

	for (unsigned i = 0; i < 2; i++)
		write_slowly(s, leader, 2 * SLOW_DISK_US / 1000, LONG_MS);
	assert_int_equal(sim_leader(s), leader);
	assert_trace(s, "");
	sim_free(s);
}

TEST(slow_writes_with_pauses_between_them_are_a_slow_disk)
{
	struct sim *s = sim_serving(3, NULL);
	const char slow = sim_leader(s);

	for (unsigned i = 0; i < LONG_MS / 1000 && sim_leader(s) == slow; i++)
		write_slowly(s, slow, 2 * SLOW_DISK_US / 1000, 600);
	assert_int_not_equal(sim_leader(s), slow);
	assert_true(complains(s));
	sim_free(s);
}

TEST(a_leader_that_nobody_can_relieve_complains_for_as_long_as_its_disk_is_slow)
{
	struct sim *s = sim_serving(1, NULL);

	write_slowly(s, 'a', LONG_MS, 0);
	assert_true(complains(s));
	sim_run_ms(s, SLOW_DISK_TOLD_US / 1000 + 1000);
	assert_non_null(strstr(sim_trace(s), "alarm cleared: slow disk"));
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_leader_with_a_slow_disk_hands_leadership_over_and_says_why),
	    cmocka_unit_test(a_follower_with_a_slow_disk_changes_nothing),
	    cmocka_unit_test(one_slow_write_is_no_slow_disk),
	    cmocka_unit_test(one_slow_write_with_nothing_after_it_is_no_slow_disk),
	    cmocka_unit_test(slow_writes_with_pauses_between_them_are_a_slow_disk),
	    cmocka_unit_test(
	        a_leader_that_nobody_can_relieve_complains_for_as_long_as_its_disk_is_slow),
	};

	return RUN_TESTS(tests);
}
