#include "testing.h"

#include <jansson.h>
#include <string.h>

#include "node/health.h"

static struct cluster_status cluster;

static struct health_view serving(void)
{
	memset(&cluster, 0, sizeof cluster);
	cluster.state = CLUSTER_SERVING;
	cluster.side = SIDE_MAJORITY;
	cluster.reachable = 3;
	cluster.needed = 2;
	memcpy(cluster.why, "because", 8);
	return (struct health_view){.node = "erlmcp@a", .may_serve = true, .cluster = &cluster};
}

static void assert_verdict(const struct health_view *v, bool ready, const char *reason)
{
	const struct health h = health_of(v);

	assert_string_equal(h.reason, reason);
	assert_int_equal(h.ready, ready);
	assert_true(strlen(h.remedy) > 3 && strlen(h.message) > 3);
}

TEST(a_node_that_serves_is_ready_with_and_without_worries)
{
	struct health_view v = serving();

	assert_verdict(&v, true, "ok");
	v.alarms = 1;
	assert_verdict(&v, true, "alarm");
	cluster.state = CLUSTER_DEGRADED;
	assert_verdict(&v, true, "member_lost");
	v.disk_full = true;
	assert_verdict(&v, true, "disk_full");
}

TEST(a_node_that_does_not_serve_says_why)
{
	struct health_view v = serving();

	v.may_serve = false;
	assert_verdict(&v, false, "no_leader"); /* its lease is over, its state not yet */
	cluster.state = CLUSTER_FENCED;
	assert_verdict(&v, false, "no_leader");
	cluster.reachable = 1;
	assert_verdict(&v, false, "no_majority");
	cluster.state = CLUSTER_SYNCING;
	assert_verdict(&v, false, "syncing");
	cluster.state = CLUSTER_FORMING;
	assert_verdict(&v, false, "forming");
	cluster.state = CLUSTER_STOPPED;
	assert_verdict(&v, false, "removed");
	v.damaged = true;
	assert_verdict(&v, false, "state_damaged");
	v.starting = true;
	assert_verdict(&v, false, "starting");
	v.loading = true;
	assert_verdict(&v, false, "loading");
	v.stopping = true;
	assert_verdict(&v, false, "stopping");
}

TEST(the_verdict_is_one_line_of_json)
{
	const struct health_view v = serving();
	const struct health h = health_of(&v);
	struct buf b;
	json_t *j;

	buf_init(&b, 65536);
	health_json(&v, &h, &b);
	assert_int_equal(buf_status(&b), ST_OK);
	assert_ptr_equal(strchr(buf_text(&b), '\n'), buf_text(&b) + b.len - 1);
	j = json_loads(buf_text(&b), 0, NULL);
	assert_non_null(j);
	assert_true(json_is_true(json_object_get(j, "ready")));
	assert_true(json_is_null(json_object_get(j, "leader")));
	assert_string_equal(json_string_value(json_object_get(j, "message")), "because");
	json_decref(j);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_that_serves_is_ready_with_and_without_worries),
	    cmocka_unit_test(a_node_that_does_not_serve_says_why),
	    cmocka_unit_test(the_verdict_is_one_line_of_json),
	};

	return RUN_TESTS(tests);
}
