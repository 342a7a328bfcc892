#include "testing.h"

#include <string.h>

#include "node/metrics.h"
#include "node/metrics_runbook.h"

#define SECOND ((int64_t)1000000)

/* A node that served with all members heard. */
static void begin(struct metrics *m, struct raft_view *raft)
{
	const struct metrics_turn turn = {
	    .now_us = SECOND, .wall_us = 1000 * SECOND, .state = CLUSTER_SERVING, .raft = raft};

	memset(raft, 0, sizeof *raft);
	metrics_init(m);
	metrics_turn(m, &turn);
}

static void turn_in(struct metrics *m, const struct raft_view *raft, int64_t now_us,
                    enum cluster_state state)
{
	const struct metrics_turn turn = {.now_us = now_us,
	                                  .wall_us = now_us + 999 * SECOND,
	                                  .state = state,
	                                  .may_serve =
	                                      state == CLUSTER_SERVING || state == CLUSTER_DEGRADED,
	                                  .raft = raft,
	                                  .guard_us = 10000};

	metrics_turn(m, &turn);
}

TEST(a_time_falls_into_the_first_bucket_that_holds_it)
{
	struct histogram h = {.scale = SCALE_REQUEST};
	const int64_t *bounds = histogram_bounds_us(SCALE_REQUEST);

	histogram_add(&h, bounds[0]);
	histogram_add(&h, bounds[0] + 1);
	histogram_add(&h, bounds[HISTOGRAM_BUCKETS - 1] + 1);
	histogram_add(&h, -5); /* clocks: no time is negative */
	assert_int_equal(h.counts[0], 2);
	assert_int_equal(h.counts[1], 1);
	assert_int_equal(h.counts[HISTOGRAM_BUCKETS], 1);
	assert_int_equal(h.n, 4);
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++)
		assert_true(bounds[i] > bounds[i - 1]);
}

TEST(the_runbooks_targets_are_bounds_of_buckets)
{
	static const int64_t targets[] = {15 * SECOND, 30 * SECOND, 300 * SECOND};
	const int64_t *bounds = histogram_bounds_us(SCALE_INCIDENT);

	for (unsigned t = 0; t < 3; t++) {
		unsigned found = 0;

		for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
			found += bounds[i] == targets[t];
		assert_int_equal(found, 1);
	}
}

TEST(a_partition_that_heals_by_itself_is_one_whoever_is_lost)
{
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	metrics_member(&m, 10 * SECOND, "b", false, SECOND / 4, 100);
	metrics_member(&m, 11 * SECOND, "c", false, SECOND / 2, 100);
	assert_int_equal(m.partitions, 1);
	assert_int_equal(m.detection.n, 1);
	assert_int_equal(m.detection.sum_us, SECOND / 4);
	turn_in(&m, &raft, 20 * SECOND, CLUSTER_FENCED);
	assert_true(m.incident.open);

	metrics_member(&m, 30 * SECOND, "b", true, 0, 120);
	metrics_member(&m, 31 * SECOND, "c", true, 0, 125);
	assert_true(metrics_wants_sync(&m));
	turn_in(&m, &raft, 32 * SECOND, CLUSTER_SERVING);
	assert_false(m.incident.open);
	assert_int_equal(m.heal.sum_us, 2 * SECOND);
	assert_int_equal(m.duration.sum_us, 22 * SECOND + SECOND / 4);
	assert_int_equal(m.automatic, 1);
	assert_int_equal(m.by_hand, 0);
	assert_int_equal(m.in_sync.n, 0);
	metrics_synced(&m, 33 * SECOND, 119);
	assert_int_equal(m.in_sync.n, 0);
	metrics_synced(&m, 34 * SECOND, 120);
	assert_int_equal(m.in_sync.sum_us, 4 * SECOND);
	assert_false(metrics_wants_sync(&m));
}

TEST(a_heal_that_breaks_off_begins_anew)
{
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	metrics_member(&m, 10 * SECOND, "b", false, 0, 1);
	metrics_member(&m, 20 * SECOND, "b", true, 0, 1);
	metrics_member(&m, 21 * SECOND, "b", false, 0, 1);
	metrics_member(&m, 40 * SECOND, "b", true, 0, 1);
	turn_in(&m, &raft, 41 * SECOND, CLUSTER_SERVING);
	assert_int_equal(m.partitions, 1);
	assert_int_equal(m.heal.sum_us, SECOND);
	assert_int_equal(m.duration.sum_us, 31 * SECOND);
	assert_int_equal(m.members[0].losses, 2);
	assert_int_equal(m.members[0].returns, 2);
}

TEST(an_order_during_a_partition_makes_its_recovery_manual)
{
	struct runbook_metric all[RUNBOOK_METRICS];
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	metrics_order(&m, 5 * SECOND); /* nothing is wrong: it does not count */
	metrics_member(&m, 10 * SECOND, "b", false, 0, 1);
	metrics_order(&m, 20 * SECOND);
	metrics_order(&m, 25 * SECOND);
	metrics_member(&m, 30 * SECOND, "b", true, 0, 1);
	turn_in(&m, &raft, 32 * SECOND, CLUSTER_SERVING);
	assert_int_equal(m.by_hand, 1);
	assert_int_equal(m.manual.sum_us, 12 * SECOND);
	runbook_metrics(&m, all);
	assert_true(all[1].value < all[1].target);
	assert_true(all[2].value == 12.0 && all[2].target == 300.0 && all[2].worst == 15.0);
}

TEST(an_order_that_is_refused_leaves_a_recovery_automatic)
{
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	metrics_member(&m, 10 * SECOND, "b", false, 0, 1);
	metrics_order(&m, 20 * SECOND);
	metrics_order_refused(&m, 20 * SECOND);
	metrics_member(&m, 30 * SECOND, "b", true, 0, 1);
	turn_in(&m, &raft, 32 * SECOND, CLUSTER_SERVING);
	assert_int_equal(m.by_hand, 0);
	assert_int_equal(m.automatic, 1);

	/* A later refusal takes nothing away from an order that was obeyed. */
	metrics_member(&m, 40 * SECOND, "b", false, 0, 1);
	metrics_order(&m, 41 * SECOND);
	metrics_order(&m, 42 * SECOND);
	metrics_order_refused(&m, 42 * SECOND);
	metrics_member(&m, 43 * SECOND, "b", true, 0, 1);
	turn_in(&m, &raft, 44 * SECOND, CLUSTER_SERVING);
	assert_int_equal(m.by_hand, 1);
}

TEST(who_is_missing_at_the_start_is_not_lost)
{
	struct metrics m;

	metrics_init(&m);
	metrics_member(&m, SECOND, "b", true, 0, 1);
	metrics_member(&m, 2 * SECOND, "b", false, SECOND, 1);
	assert_int_equal(m.partitions, 0);
	assert_int_equal(m.members[0].losses, 1);
}

TEST(a_takeover_is_measured_from_the_old_leaders_last_word)
{
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	metrics_leader(&m, "old");
	metrics_leader(&m, "");
	metrics_leader(&m, "self");
	assert_string_equal(metrics_leader_before(&m, "self"), "old");
	assert_int_equal(m.leader_changes, 1);
	raft.started = true;
	raft.role = ROLE_LEADER;
	raft.term = 3;
	assert_true(metrics_wants_elected(&m, &raft));
	metrics_elected(&m, 10 * SECOND, &raft, SECOND);
	assert_false(metrics_wants_elected(&m, &raft));
	turn_in(&m, &raft, 10 * SECOND, CLUSTER_DEGRADED);
	assert_int_equal(m.takeover.n, 0); /* nothing of its term is committed */
	raft.term_committed = true;
	turn_in(&m, &raft, 11 * SECOND, CLUSTER_DEGRADED);
	turn_in(&m, &raft, 12 * SECOND, CLUSTER_DEGRADED);
	assert_int_equal(m.takeover.n, 1);
	assert_int_equal(m.takeover.sum_us, 2 * SECOND);
	assert_int_equal(m.margin.sum_us, SECOND + 10000);
}

TEST(a_leader_that_follows_itself_takes_nothing_over)
{
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	metrics_leader(&m, "old");
	metrics_leader(&m, "self");
	metrics_leader(&m, "");
	metrics_leader(&m, "self");
	assert_string_equal(metrics_leader_before(&m, "self"), "");
	assert_int_equal(m.leader_changes, 1);
	raft.started = true;
	raft.role = ROLE_LEADER;
	raft.term = 3;
	raft.term_committed = true;
	metrics_elected(&m, 10 * SECOND, &raft, -1);
	turn_in(&m, &raft, 11 * SECOND, CLUSTER_SERVING);
	assert_int_equal(m.takeover.n, 0);
}

TEST(a_wall_clock_that_jumps_is_noticed_and_one_that_is_slewed_is_not)
{
	struct metrics_turn turn = {.state = CLUSTER_SERVING};
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	turn.raft = &raft;
	turn.now_us = 2 * SECOND;
	turn.wall_us = 1001 * SECOND + 400000;
	metrics_turn(&m, &turn);
	assert_int_equal(m.clock_jumps, 0);
	turn.now_us = 3 * SECOND;
	turn.wall_us = 992 * SECOND + 400000;
	metrics_turn(&m, &turn);
	assert_int_equal(m.clock_jumps, 1);
	assert_int_equal(m.clock_jump_us, -10 * SECOND);
}

TEST(a_late_turn_is_a_stall)
{
	struct raft_view raft;
	struct metrics m;

	begin(&m, &raft);
	m.due_us = 2 * SECOND;
	turn_in(&m, &raft, 2 * SECOND + 9000, CLUSTER_SERVING);
	assert_int_equal(m.stall.n, 0);
	m.due_us = 3 * SECOND;
	turn_in(&m, &raft, 4 * SECOND, CLUSTER_SERVING);
	assert_int_equal(m.stall.sum_us, SECOND);
}

TEST(alarms_are_told_apart_by_how_they_begin)
{
	assert_int_equal(metric_alarm_of("split brain: foreign cluster id: 12"),
	                 METRIC_ALARM_FOREIGN);
	assert_int_equal(metric_alarm_of("disk full: a majority"), METRIC_ALARM_DISK_FULL);
	assert_int_equal(metric_alarm_of("what nobody thought of"), METRIC_ALARM_OTHER);
	assert_string_equal(metric_alarm_word(METRIC_ALARM_DIFFER), "members_differ");
}

TEST(a_status_code_without_a_place_of_its_own_is_among_the_others)
{
	struct metrics m;

	metrics_init(&m);
	metrics_http(&m, 200);
	metrics_http(&m, 418);
	assert_int_equal(m.http[0], 1);
	assert_int_equal(m.http[METRIC_HTTP_CODES - 1], 1);
}

TEST(the_runbook_table_says_what_was_met)
{
	struct metrics m;
	struct buf b;

	metrics_init(&m);
	histogram_add(&m.detection, 40 * SECOND);
	m.automatic = 98;
	m.by_hand = 2;
	buf_init(&b, 4096);
	runbook_print(&m, &b);
	assert_string_equal(
	    buf_text(&b),
	    "Metric                    Target    Current      Worst       Count  Met\n"
	    "Partition Detection Time  < 30 sec  40.000 sec   <= 60 s         1  NO\n"
	    "Auto-Recovery Success     > 95%     98.0%        -             100  yes\n"
	    "Manual Recovery Time      < 5 min   none yet     -               0  -\n\n"
	    "As this node saw it since its process started; current is the mean.\n");
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_time_falls_into_the_first_bucket_that_holds_it),
	    cmocka_unit_test(the_runbooks_targets_are_bounds_of_buckets),
	    cmocka_unit_test(a_partition_that_heals_by_itself_is_one_whoever_is_lost),
	    cmocka_unit_test(a_heal_that_breaks_off_begins_anew),
	    cmocka_unit_test(an_order_during_a_partition_makes_its_recovery_manual),
	    cmocka_unit_test(an_order_that_is_refused_leaves_a_recovery_automatic),
	    cmocka_unit_test(who_is_missing_at_the_start_is_not_lost),
	    cmocka_unit_test(a_takeover_is_measured_from_the_old_leaders_last_word),
	    cmocka_unit_test(a_leader_that_follows_itself_takes_nothing_over),
	    cmocka_unit_test(a_wall_clock_that_jumps_is_noticed_and_one_that_is_slewed_is_not),
	    cmocka_unit_test(a_late_turn_is_a_stall),
	    cmocka_unit_test(alarms_are_told_apart_by_how_they_begin),
	    cmocka_unit_test(a_status_code_without_a_place_of_its_own_is_among_the_others),
	    cmocka_unit_test(the_runbook_table_says_what_was_met),
	};

	return RUN_TESTS(tests);
}
