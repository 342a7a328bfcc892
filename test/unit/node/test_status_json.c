#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "node/metrics_view.h"
#include "node/status_json.h"
#include "testing.h"

static struct cluster_status cluster;
static struct raft_view raft;

/* Three members; this node is a, b leads, c is lost and hears a one way. */
static void set_up(void)
{
	static const char *const names[] = {"erlmcp@a", "erlmcp@b", "erlmcp@c"};

	memset(&cluster, 0, sizeof cluster);
	memset(&raft, 0, sizeof raft);
	cluster.state = CLUSTER_DEGRADED;
	(void)snprintf(cluster.why, sizeof cluster.why, "erlmcp@c is lost");
	cluster.side = SIDE_MAJORITY;
	cluster.reachable = 2;
	cluster.needed = 2;
	cluster.configured = 3;
	cluster.quorum_size = 3;
	cluster.countdown_left_us = -1;
	cluster.state_since_us = 1000000;
	cluster.n_members = 3;
	raft.started = true;
	raft.leader_id = 2;
	raft.term = 7;
	raft.commit = 100;
	raft.last_applied = 99;
	raft.n_voters = raft.n_members = 3;
	for (size_t i = 0; i < 3; i++) {
		struct member_status *m = &cluster.members[i];

		(void)snprintf(m->name, sizeof m->name, "%s", names[i]);
		(void)snprintf(raft.members[i].name, sizeof raft.members[i].name, "%s", names[i]);
		m->raft_id = raft.members[i].id = i + 1;
		m->voter = raft.members[i].voter = true;
		m->member = true;
		m->self = i == 0;
		m->heard = m->linked = m->hears_us = i < 2;
		m->silent_us = i == 2 ? -1 : 1500;
		m->rtt_us = i == 1 ? 300 : -1;
		m->applied = 90;
		m->state = CLUSTER_SERVING;
	}
	cluster.edges[0][2] = (struct edge_status){true, true, 2000};
	cluster.edges[2][0] = (struct edge_status){true, false, 4000};
}

static json_t *made(const struct status_extra *extra)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 1 << 20);
	status_json(extra, &cluster, &raft, &b);
	assert_int_equal(buf_status(&b), ST_OK);
	assert_int_equal(b.base[b.len - 1], '\n');
	j = json_loadb((const char *)b.base, b.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	buf_close(&b);
	return j;
}

static const char *text(json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

TEST(the_verdict_stands_first_and_flat)
{
	const struct status_extra extra = {.node = "erlmcp@a", .now_us = 3000000};
	const char head[] = "{\"version\":1,\"node\":\"erlmcp@a\",\"state\":\"degraded\","
	                    "\"side\":\"majority\",\"serving\":true,\"reachable\":2,\"needed\":2,"
	                    "\"leader\":\"erlmcp@b\",\"why\":\"erlmcp@c is lost\",";
	struct buf b;

	set_up();
	buf_init(&b, 1 << 20);
	status_json(&extra, &cluster, &raft, &b);
	assert_memory_equal(b.base, head, sizeof head - 1);
	buf_close(&b);
}

TEST(members_carry_role_contact_and_lag)
{
	const struct status_extra extra = {.node = "erlmcp@a", .now_us = 3000000};
	json_t *j;
	json_t *m;

	set_up();
	j = made(&extra);
	m = json_array_get(json_object_get(j, "members"), 1);
	assert_string_equal(text(m, "role"), "leader");
	assert_int_equal(json_integer_value(json_object_get(m, "lag")), 10);
	assert_true(json_real_value(json_object_get(m, "last_contact_ms")) > 1.4);
	m = json_array_get(json_object_get(j, "members"), 2);
	assert_string_equal(text(m, "role"), "follower");
	assert_true(json_is_null(json_object_get(m, "last_contact_ms")));
	assert_true(json_is_null(json_object_get(m, "lag")));
	assert_true(json_real_value(json_object_get(j, "state_age_ms")) > 1999);
	json_decref(j);
}

TEST(a_one_way_cut_is_a_disagreement)
{
	const struct status_extra extra = {.node = "erlmcp@a"};
	json_t *j;

	set_up();
	j = made(&extra);
	assert_int_equal(json_array_size(json_object_get(j, "disagreements")), 1);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(j, "disagreements"), 0)),
	    "one-way cut: erlmcp@a does not hear erlmcp@c");
	json_decref(j);
}

TEST(text_that_is_no_utf8_does_not_break_the_status)
{
	const struct status_alarm alarm = {"garbage from \xff\xfe", 1};
	const struct status_extra extra = {.node = "erlmcp@a", .alarms = &alarm, .n_alarms = 1};
	json_t *j;

	set_up();
	j = made(&extra);
	assert_string_equal(text(json_array_get(json_object_get(j, "alarms"), 0), "text"),
	                    "garbage from ?"
	                    "?");
	json_decref(j);
}

TEST(limits_tell_what_is_used_and_what_was_refused)
{
	const struct metrics_limit limits[] = {{"sessions", 3, 100, 1},
	                                       {"value_bytes", NAN, 65536, 7}};
	const struct status_extra extra = {.node = "erlmcp@a", .limits = limits, .n_limits = 2};
	json_t *list;
	json_t *j;

	set_up();
	j = made(&extra);
	list = json_object_get(j, "limits");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(text(json_array_get(list, 0), "name"), "sessions");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "in_use")), 3);
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "in_use")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "limit")),
	                 65536);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "refused")),
	                 7);
	json_decref(j);
}

TEST(a_buffer_too_small_is_told)
{
	const struct status_extra extra = {.node = "erlmcp@a"};
	struct buf b;

	set_up();
	buf_init(&b, 100);
	status_json(&extra, &cluster, &raft, &b);
	assert_int_not_equal(buf_status(&b), ST_OK);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_verdict_stands_first_and_flat),
	    cmocka_unit_test(members_carry_role_contact_and_lag),
	    cmocka_unit_test(a_one_way_cut_is_a_disagreement),
	    cmocka_unit_test(text_that_is_no_utf8_does_not_break_the_status),
	    cmocka_unit_test(limits_tell_what_is_used_and_what_was_refused),
	    cmocka_unit_test(a_buffer_too_small_is_told),
	};

	return RUN_TESTS(tests);
}
