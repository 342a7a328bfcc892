/* Lost disks that leave no majority: everybody waits, and everybody says why. */
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

/* What a node tells of `left` disks where two are needed. */
#define RAISED(node, left, names)                                                               \
	node ": alarm raised: majority of disks lost: at most " left                            \
	     " voters still have their disks, 2 are needed; restore 1 of the data directories " \
	     "named last or, if what only they held may be lost, stop all members, move every " \
	     "data directory aside and start again to found anew; came back empty: " names "\n"

static void lose_disk(struct sim *s, char node)
{
	sim_kill(s, node);
	sim_wipe(s, node);
}

TEST(two_disks_lost_while_founding_are_told_by_the_holder_and_by_the_empty)
{
	struct sim *s = sim_new(3, NULL);

	sim_start(s, "abc");
	sim_run_ms(s, 3); /* a holds the record */
	lose_disk(s, 'b');
	lose_disk(s, 'c');
	sim_run_ms(s, 300);
	sim_start(s, "bc");
	sim_run_ms(s, 5000);
	sim_trace_clear(s);
	sim_run_ms(s, 2000);
	/* clang-format off */
	assert_trace(s, "[ 5607] " RAISED("b", "1 of 3", "erlmcp@b, erlmcp@c")
	                "[ 5607] " RAISED("a", "1 of 3", "erlmcp@b, erlmcp@c")
	                "[ 5607] " RAISED("c", "1 of 3", "erlmcp@b, erlmcp@c"));
	/* clang-format on */
	sim_free(s);
}

TEST(a_restored_disk_ends_the_alarm_and_the_other_member_is_replaced)
{
	struct sim *s = sim_serving(3, NULL);
	struct sim_node *b = sim_node(s, 'b');
	struct sim_raft raft;
	struct identity disk;

	sim_kill(s, 'b');
	raft = b->raft;
	disk = b->disk;
	sim_wipe(s, 'b');
	lose_disk(s, 'c');
	sim_start(s, "bc");
	sim_run_ms(s, 7000);
	sim_kill(s, 'b');
	b->raft = raft;
	b->disk = disk;
	sim_trace_clear(s);
	sim_start(s, "b");
	sim_await(s, "abc", CLUSTER_SERVING, 3000);
	assert_trace(s, "[ 7281] b: forming -> syncing\n"
	                "[ 7331] b: a connected\n"
	                "[ 7331] a: countdown aborted, 2 of 2\n"
	                "[ 7331] a: alarm cleared: majority of disks lost\n"
	                "[ 7331] a: countdown begins, 1 of 2\n"
	                "[ 7331] c: alarm cleared: majority of disks lost\n"
	                "[ 7331] b: c connected\n"
	                "[ 7332] a: countdown aborted, 2 of 2\n"
	                "[ 7584] b: leads term 3\n"
	                "[ 7607] b: syncing -> degraded\n"
	                "[ 7607] b: admits c\n"
	                "[ 7608] a: fenced -> syncing\n"
	                "[ 7608] a: syncing -> degraded\n"
	                "[ 7610] c: starts as a learner\n"
	                "[ 7610] c: forming -> syncing\n"
	                "[ 7657] c: syncing -> degraded\n"
	                "[ 7707] b: promotes c\n"
	                "[ 7807] b: expels c\n"
	                "[ 7808] b: degraded -> serving\n"
	                "[ 7809] a: degraded -> serving\n"
	                "[ 7809] c: degraded -> serving\n");
	sim_free(s);
}

TEST(one_of_two_disks_lost_is_told)
{
	const struct sim_options options = {.quorum_size = 2, .seed = 1};
	struct sim *s = sim_serving(2, &options);

	lose_disk(s, 'b');
	sim_start(s, "b");
	sim_run_ms(s, 4000);
	sim_trace_clear(s);
	sim_run_ms(s, 3000);
	/* clang-format off */
	assert_trace(s, "[ 5799] " RAISED("a", "1 of 2", "erlmcp@b")
	                "[ 5817] " RAISED("b", "1 of 2", "erlmcp@b"));
	/* clang-format on */
	sim_free(s);
}

/* c is only away: with it there would be a majority, so nothing is certain. */
TEST(a_lost_disk_and_a_member_out_of_sight_are_no_alarm)
{
	struct sim *s = sim_serving(3, NULL);

	lose_disk(s, 'b');
	sim_kill(s, 'c');
	sim_start(s, "b");
	sim_run_ms(s, 1000);
	sim_trace_clear(s);
	sim_run_ms(s, 9000);
	assert_trace(s, "");
	sim_start(s, "c");
	sim_await(s, "abc", CLUSTER_SERVING, 3000);
	sim_free(s);
}

/* Two of five are replaced in the ordinary way while the others serve. */
TEST(a_minority_of_disks_lost_is_no_alarm)
{
	struct sim *s = sim_serving(5, NULL);

	lose_disk(s, 'd');
	lose_disk(s, 'e');
	sim_start(s, "de");
	sim_await(s, "abcde", CLUSTER_SERVING, 5000);
	assert_null(strstr(sim_trace(s), "alarm"));
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_disks_lost_while_founding_are_told_by_the_holder_and_by_the_empty),
	    cmocka_unit_test(a_restored_disk_ends_the_alarm_and_the_other_member_is_replaced),
	    cmocka_unit_test(one_of_two_disks_lost_is_told),
	    cmocka_unit_test(a_lost_disk_and_a_member_out_of_sight_are_no_alarm),
	    cmocka_unit_test(a_minority_of_disks_lost_is_no_alarm),
	};

	return RUN_TESTS(tests);
}
