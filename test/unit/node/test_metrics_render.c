#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "node/metrics_render.h"

enum { TEXT_MAX = 4 << 20 };

static struct metrics metrics;
static struct metrics_view view;
static struct cluster_status status;
static struct raft_view raft;

/* n members, the first one this node, the last one lost. */
static void scene(size_t n)
{
	memset(&status, 0, sizeof status);
	memset(&raft, 0, sizeof raft);
	metrics_init(&metrics);
	metrics_view_init(&view, &metrics);
	status.state = CLUSTER_DEGRADED;
	status.quorum_size = (unsigned)n;
	status.reachable = (unsigned)n - 1;
	status.needed = (unsigned)n / 2 + 1;
	status.countdown_left_us = -1;
	status.n_members = n;
	raft.started = true;
	raft.role = ROLE_LEADER;
	raft.self_id = 1;
	raft.leader_id = 1;
	raft.commit = 90;
	raft.last_applied = 90;
	raft.n_members = n;
	for (size_t i = 0; i < n; i++) {
		struct member_status *m = &status.members[i];

		(void)snprintf(m->name, sizeof m->name, "erlmcp@n%zu", i);
		m->raft_id = i + 1;
		m->self = i == 0;
		m->voter = true;
		m->member = true;
		m->heard = i + 1 < n;
		m->hears_us = true;
		m->silent_us = 20000;
		m->rtt_us = i == 1 ? 250 : -1;
		m->applied = 80;
		raft.members[i].id = i + 1;
		raft.members[i].match = 85;
	}
	metrics_view_cluster(&view, &status, &raft, 1000000);
}

static void assert_rendered(const char *pattern, enum exposition_format format, const char *want)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	metrics_render(&view, format, pattern, &b);
	assert_string_equal(b.len == 0 ? "" : buf_text(&b), want);
	buf_close(&b);
}

TEST(the_lost_member_is_down_and_counted_out)
{
	scene(3);
	assert_rendered("erlang_up", FORMAT_PROMETHEUS,
	                "# HELP erlang_up 1: this node hears that member, or is it; 0: it does "
	                "not. For every expected member.\n# TYPE erlang_up gauge\n"
	                "erlang_up{node=\"erlmcp@n0\"} 1\nerlang_up{node=\"erlmcp@n1\"} 1\n"
	                "erlang_up{node=\"erlmcp@n2\"} 0\n");
	assert_true(view.erlang_cluster_members == 2 && view.erlang_expected_members == 3);
	assert_true(view.spare_members == 0);
}

TEST(a_quorum_size_above_the_members_is_what_is_expected)
{
	scene(3);
	status.quorum_size = 5;
	view.n_peers = 0;
	metrics_view_cluster(&view, &status, &raft, 0);
	assert_true(view.erlang_expected_members == 5);
}

TEST(what_is_not_known_is_absent)
{
	scene(3);
	assert_rendered("shutdown_countdown_seconds", FORMAT_PROMETHEUS, "");
	assert_rendered("link_rtt", FORMAT_PROMETHEUS,
	                "# HELP erlmcp_link_rtt_seconds Smoothed round trip of heartbeats. Absent: "
	                "not measured yet.\n# TYPE erlmcp_link_rtt_seconds gauge\n"
	                "erlmcp_link_rtt_seconds{node=\"erlmcp@n1\"} 0.00025\n");
}

TEST(only_the_leader_tells_what_the_others_have_stored)
{
	scene(3);
	assert_true(view.peers[1].raft_match_index == 85);
	raft.role = ROLE_FOLLOWER;
	view.n_peers = 0;
	metrics_view_cluster(&view, &status, &raft, 0);
	assert_rendered("raft_match_index", FORMAT_PROMETHEUS, "");
}

TEST(openmetrics_names_families_without_total_and_ends)
{
	scene(1);
	view.process_cpu_seconds = 1.5;
	assert_rendered("process_cpu", FORMAT_OPENMETRICS,
	                "# HELP process_cpu_seconds User and system time.\n"
	                "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n"
	                "process_cpu_seconds_total 1.5\n# EOF\n");
	assert_rendered(
	    "process_cpu", FORMAT_PROMETHEUS,
	    "# HELP process_cpu_seconds_total User and system time.\n"
	    "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n");
}

TEST(label_values_are_escaped)
{
	scene(1);
	view.node = "a\"b\\c\nd";
	assert_rendered(
	    "cluster_info", FORMAT_PROMETHEUS,
	    "# HELP erlmcp_cluster_info Always 1: this node's name and its cluster. Two "
	    "ids in one network are a split brain.\n# TYPE erlmcp_cluster_info gauge\n"
	    "erlmcp_cluster_info{node=\"a\\\"b\\\\c\\nd\",cluster_id=\"\"} 1\n");
}

TEST(buckets_grow_and_the_last_one_is_the_count)
{
	struct buf b;

	scene(1);
	histogram_add(&metrics.heal, 2000000);
	histogram_add(&metrics.heal, 900000000);
	buf_init(&b, TEXT_MAX);
	metrics_render(&view, FORMAT_PROMETHEUS, "erlmcp_heal_seconds", &b);
	assert_non_null(strstr(buf_text(&b), "_bucket{le=\"1.0\"} 0\n"));
	assert_non_null(strstr(buf_text(&b), "_bucket{le=\"2.5\"} 1\n"));
	assert_non_null(strstr(buf_text(&b), "_bucket{le=\"600.0\"} 1\n"));
	assert_non_null(strstr(buf_text(&b), "_bucket{le=\"+Inf\"} 2\nerlmcp_heal_seconds_sum 902\n"
	                                     "erlmcp_heal_seconds_count 2\n"));
	buf_close(&b);
}

TEST(each_metric_of_the_table_can_be_told)
{
	struct buf b;

	scene(MEMBERS_MAX);
	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < metrics_n; i++)
		metrics_render(&view, FORMAT_OPENMETRICS, metrics_table[i].name, &b);
	metrics_render(&view, FORMAT_OPENMETRICS, NULL, &b);
	assert_int_equal(buf_status(&b), ST_OK);
	buf_reset(&b);
	metrics_render(&view, FORMAT_PROMETHEUS, NULL, &b);
	assert_in_range(b.len, 20000, 200000);
	assert_null(strstr(buf_text(&b), "nan"));
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_lost_member_is_down_and_counted_out),
	    cmocka_unit_test(a_quorum_size_above_the_members_is_what_is_expected),
	    cmocka_unit_test(what_is_not_known_is_absent),
	    cmocka_unit_test(only_the_leader_tells_what_the_others_have_stored),
	    cmocka_unit_test(openmetrics_names_families_without_total_and_ends),
	    cmocka_unit_test(label_values_are_escaped),
	    cmocka_unit_test(buckets_grow_and_the_last_one_is_the_count),
	    cmocka_unit_test(each_metric_of_the_table_can_be_told),
	};

	return RUN_TESTS(tests);
}
