/* How empty members become one cluster, and what keeps them from becoming two. */
#include <stdio.h>
#include <string.h>

#include "sim_cluster.h"
#include "testing.h"

static void expect(struct sim *s, char node, const char *names)
{
	struct cluster_config *config = &sim_node(s, node)->config;

	config->n_expected = strlen(names);
	for (size_t i = 0; i < config->n_expected; i++)
		(void)snprintf(config->expected[i], NODE_NAME_MAX, "erlmcp@%c", names[i]);
}

TEST(two_of_three_wait_for_the_third_before_they_found)
{
	struct sim *s = sim_new(3, NULL);
	struct cluster_status status;

	sim_start(s, "ab");
	sim_run_ms(s, 3000);
	assert_trace(s, "[    2] b: a connected\n"
	                "[    2] a: b connected\n");
	sim_status(s, 'a', &status);
	assert_int_equal(status.state, CLUSTER_FORMING);
	assert_int_equal(status.side, SIDE_UNKNOWN);
	assert_string_equal(status.why, "waiting for all 3 expected members to found a cluster; "
	                                "erlmcp@c was never heard");
	sim_start(s, "c");
	sim_await(s, "abc", CLUSTER_SERVING, 700);
	sim_free(s);
}

TEST(all_founders_hold_the_same_record)
{
	struct sim *s = sim_serving(5, NULL);
	const struct identity *first = &sim_node(s, 'a')->disk;

	for (char node = 'b'; node <= 'e'; node++) {
		const struct identity *id = &sim_node(s, node)->disk;

		assert_int_equal(id->state, IDENTITY_FOUNDER);
		assert_true(id->cluster_id == first->cluster_id);
		assert_int_equal(id->promise_max_ms, first->promise_max_ms);
		assert_int_equal(id->n_members, 5);
		for (size_t i = 0; i < 5; i++)
			assert_true(id->members[i].raft_id == first->members[i].raft_id);
	}
	sim_free(s);
}

/* The record reaches only b; a dies with it. b offers it to c: same id, same members. */
TEST(a_record_is_offered_again_by_whoever_holds_it)
{
	struct sim *s = sim_new(3, NULL);

	sim_start(s, "abc");
	sim_run_ms(s, 3);
	sim_cut(s, 'a', 'c');
	sim_cut(s, 'b', 'c');
	sim_run_ms(s, 2);
	assert_trace(s, "[    2] b: a connected\n"
	                "[    2] c: a connected\n"
	                "[    2] a: b connected\n"
	                "[    2] c: b connected\n"
	                "[    2] a: c connected\n"
	                "[    2] b: c connected\n"
	                "[    3] a: bootstraps\n"
	                "[    3] a: forming -> syncing\n"
	                "[    4] b: bootstraps\n"
	                "[    4] b: forming -> syncing\n");
	sim_kill(s, 'a');
	sim_heal(s);
	sim_await(s, "bc", CLUSTER_DEGRADED, 1500);
	assert_trace(s, "[    5] a: killed\n"
	                "[    6] c: bootstraps\n"
	                "[    6] c: forming -> syncing\n"
	                "[  238] b: leads term 2\n"
	                "[  251] c: a lost\n"
	                "[  252] b: a lost\n"
	                "[  256] b: syncing -> degraded\n"
	                "[  280] c: syncing -> degraded\n");
	assert_true(sim_node(s, 'b')->disk.cluster_id == sim_node(s, 'c')->disk.cluster_id);
	sim_start(s, "a");
	sim_await(s, "abc", CLUSTER_SERVING, 1500);
	sim_free(s);
}

/* c was not reached before the first commit: its incarnation is in the configuration, so the
 * leader lets it in under the same name and incarnation. */
TEST(a_listed_member_that_missed_the_founding_is_invited_by_the_leader)
{
	struct sim *s = sim_new(3, NULL);

	sim_start(s, "abc");
	sim_run_ms(s, 3);
	sim_cut(s, 'a', 'c');
	sim_cut(s, 'b', 'c');
	sim_await(s, "ab", CLUSTER_DEGRADED, 1000);
	sim_run_ms(s, 1500); /* the links are given up, and the record in them */
	assert_int_equal(sim_state(s, 'c'), CLUSTER_FORMING);
	sim_trace_clear(s);
	sim_heal(s);
	sim_await(s, "abc", CLUSTER_SERVING, 1000);
	assert_trace(s, "[ 1782] c: a connected\n"
	                "[ 1782] c: b connected\n"
	                "[ 1782] a: c connected\n"
	                "[ 1782] b: c connected\n"
	                "[ 1784] c: starts as a learner\n"
	                "[ 1784] c: forming -> syncing\n"
	                "[ 1785] a: degraded -> serving\n"
	                "[ 1785] b: degraded -> serving\n"
	                "[ 1808] c: syncing -> serving\n");
	assert_int_equal(sim_node(s, 'c')->disk.state, IDENTITY_ADMITTED);
	sim_free(s);
}

/* a and b founded and committed without c. Then b's disk is lost: a and c are a majority, but
 * nobody leads who could invite c. */
TEST(a_record_is_offered_again_when_a_founder_lost_its_disk_and_nobody_leads)
{
	struct sim *s = sim_new(3, NULL);
	uint64_t c;

	sim_start(s, "abc");
	sim_run_ms(s, 3);
	sim_cut(s, 'a', 'c');
	sim_cut(s, 'b', 'c');
	sim_await(s, "ab", CLUSTER_DEGRADED, 1000);
	sim_run_ms(s, 1500); /* the links are given up, and the record in them */
	c = sim_node(s, 'c')->disk.raft_id;
	sim_kill(s, 'b');
	sim_wipe(s, 'b');
	sim_run_ms(s, 500);
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_heal(s);
	sim_start(s, "b");
	sim_await(s, "abc", CLUSTER_SERVING, 3000);
	assert_int_equal(sim_node(s, 'c')->disk.state, IDENTITY_FOUNDER);
	assert_true(sim_node(s, 'c')->disk.raft_id == c);
	assert_int_equal(sim_node(s, 'b')->disk.state, IDENTITY_ADMITTED);
	sim_free(s);
}

/* The raft ids that this node's first entry names. */
static void first_entry(struct sim *s, char node, uint64_t *ret_ids)
{
	const struct sim_raft *r = &sim_node(s, node)->raft;
	const struct sim_config *config = &s->configs.list[r->log[1].config];

	assert_true(r->last >= 1 && config->n == s->n);
	for (size_t i = 0; i < config->n; i++)
		ret_ids[i] = config->members[i].id;
}

/* e missed the founding, b was replaced since. Who then gives e the record must not put b's
 * new incarnation into it: everybody's first entry is the same. */
TEST(a_record_that_is_offered_late_names_the_founders_and_not_their_successors)
{
	struct sim *s = sim_new(5, NULL);
	uint64_t founders[5];
	uint64_t ids[5];

	sim_start(s, "abcde");
	sim_run_ms(s, 3);
	sim_split(s, "abcd|e");
	sim_await(s, "abcd", CLUSTER_DEGRADED, 1000);
	sim_run_ms(s, 1500);
	first_entry(s, 'a', founders);
	sim_kill(s, 'b');
	sim_wipe(s, 'b');
	sim_start(s, "b");
	sim_await(s, "abcd", CLUSTER_DEGRADED, 2000);
	for (const char *node = "bcda"; *node != '\0'; node++)
		sim_kill(s, *node);
	sim_start(s, "a");
	sim_heal(s);
	sim_run_ms(s, 1000);
	assert_int_equal(sim_node(s, 'e')->disk.state, IDENTITY_FOUNDER);
	first_entry(s, 'e', ids);
	assert_memory_equal(ids, founders, sizeof ids);
	sim_start(s, "bcd");
	sim_await(s, "abcde", CLUSTER_SERVING, 3000);
	sim_free(s);
}

/* c has founded and answered; then its disk went back to the time before. Its incarnation is
 * in the record, but it has forgotten what it voted for. It says hello before it beats. */
TEST(a_member_whose_disk_went_back_to_before_the_founding_is_not_given_the_record)
{
	struct sim *s = sim_new(5, NULL);
	struct identity before;
	struct sim_raft empty;

	sim_start(s, "abcde");
	before = sim_node(s, 'c')->disk;
	empty = sim_node(s, 'c')->raft;
	sim_await(s, "abcde", CLUSTER_SERVING, 1000);
	sim_run_ms(s, 500);
	for (const char *node = "bde"; *node != '\0'; node++)
		sim_kill(s, *node);
	sim_run_ms(s, 1000);
	assert_int_equal(sim_state(s, 'a'), CLUSTER_FENCED);
	sim_kill(s, 'c');
	sim_node(s, 'c')->disk = before;
	sim_node(s, 'c')->raft = empty;
	sim_trace_clear(s);
	sim_start(s, "c");
	sim_run_ms(s, 1000);
	assert_non_null(strstr(sim_trace(s), "c: resets\n"));
	assert_null(strstr(sim_trace(s), "c: bootstraps\n"));
	sim_start(s, "bcde");
	sim_await(s, "abcde", CLUSTER_SERVING, 3000);
	sim_free(s);
}

TEST(a_founder_that_crashed_after_persisting_bootstraps_the_same_entry_again)
{
	struct sim *s = sim_new(3, NULL);

	sim_start(s, "abc");
	sim_run_ms(s, 4);
	sim_kill(s, 'a');
	sim_kill(s, 'b');
	sim_kill(s, 'c');
	assert_int_equal(sim_node(s, 'a')->disk.state, IDENTITY_FOUNDER);
	sim_start(s, "abc");
	sim_await(s, "abc", CLUSTER_SERVING, 1500);
	sim_free(s);
}

TEST(members_that_expect_different_names_say_so_and_do_not_found)
{
	struct sim *s = sim_new(3, NULL);

	expect(s, 'a', "abc");
	expect(s, 'b', "ab");
	expect(s, 'c', "abc");
	sim_start(s, "abc");
	sim_run_ms(s, 2000);
	assert_trace(s, "[    2] b: alarm raised: different expected members: erlmcp@c is expected "
	                "by erlmcp@a only; give every node the same ERLMCP_SEED_NODES\n"
	                "[    2] b: a connected\n"
	                "[    2] c: a connected\n"
	                "[    2] a: alarm raised: different expected members: erlmcp@c is expected "
	                "by erlmcp@a only; give every node the same ERLMCP_SEED_NODES\n"
	                "[    2] a: b connected\n"
	                "[    2] a: c connected\n"
	                "[   54] c: alarm raised: different expected members: erlmcp@c is expected "
	                "by erlmcp@c only; give every node the same ERLMCP_SEED_NODES\n"
	                "[   54] c: b connected\n"
	                "[   54] b: alarm raised: different expected members: erlmcp@c is expected "
	                "by erlmcp@c only; give every node the same ERLMCP_SEED_NODES\n"
	                "[   54] b: c connected\n");
	for (char node = 'a'; node <= 'c'; node++)
		assert_int_equal(sim_state(s, node), CLUSTER_FORMING);
	/* The remedy is followed. */
	sim_kill(s, 'b');
	expect(s, 'b', "abc");
	sim_trace_clear(s);
	sim_start(s, "b");
	sim_await(s, "abc", CLUSTER_SERVING, 1500);
	assert_trace(s, "[ 2051] b: a connected\n"
	                "[ 2051] a: alarm cleared: different expected members\n"
	                "[ 2051] a: bootstraps\n"
	                "[ 2051] a: forming -> syncing\n"
	                "[ 2051] c: alarm cleared: different expected members\n"
	                "[ 2051] b: c connected\n"
	                "[ 2052] b: bootstraps\n"
	                "[ 2052] b: forming -> syncing\n"
	                "[ 2052] c: bootstraps\n"
	                "[ 2052] c: forming -> syncing\n"
	                "[ 2263] b: leads term 2\n"
	                "[ 2277] b: syncing -> serving\n"
	                "[ 2289] a: syncing -> serving\n"
	                "[ 2289] c: syncing -> serving\n");
	sim_free(s);
}

/* c comes back with a disk of another cluster that was founded under the same names. */
TEST(two_clusters_with_the_same_names_refuse_each_other_and_raise_the_alarm)
{
	struct sim *s = sim_serving(3, NULL);
	struct identity *c = &sim_node(s, 'c')->disk;
	struct cluster_status status;

	sim_kill(s, 'c');
	c->cluster_id ^= 0x10;
	sim_run_ms(s, 500);
	sim_trace_clear(s);
	sim_start(s, "c");
	sim_run_ms(s, 1500);
	assert_trace(s, "[  781] c: forming -> syncing\n"
	                "[  782] c: alarm raised: split brain: foreign cluster id: erlmcp@a is in "
	                "cluster bf8c59bb003553c1, this node in bf8c59bb003553d1; "
	                "`erlmcp-admin cluster resolve` shows what differs\n"
	                "[  782] c: alarm raised: split brain: foreign cluster id: erlmcp@b is in "
	                "cluster bf8c59bb003553c1, this node in bf8c59bb003553d1; "
	                "`erlmcp-admin cluster resolve` shows what differs\n"
	                "[  782] a: alarm raised: split brain: foreign cluster id: erlmcp@c is in "
	                "cluster bf8c59bb003553d1, this node in bf8c59bb003553c1; "
	                "`erlmcp-admin cluster resolve` shows what differs\n"
	                "[  782] b: alarm raised: split brain: foreign cluster id: erlmcp@c is in "
	                "cluster bf8c59bb003553d1, this node in bf8c59bb003553c1; "
	                "`erlmcp-admin cluster resolve` shows what differs\n"
	                "[ 1581] c: syncing -> fenced\n"
	                "[ 1581] c: countdown begins, 1 of 2\n");
	sim_status(s, 'a', &status);
	assert_int_equal(status.state, CLUSTER_DEGRADED);
	assert_false(status.members[2].heard);
	sim_kill(s, 'c');
	sim_run_ms(s, 10);
	assert_trace(s, "[ 2280] c: killed\n"
	                "[ 2280] a: alarm cleared: split brain: foreign cluster id\n"
	                "[ 2280] b: alarm cleared: split brain: foreign cluster id\n");
	sim_free(s);
}

TEST(a_node_with_longer_promises_than_the_cluster_allows_is_not_let_in)
{
	struct sim *s = sim_new(3, NULL);

	sim_node(s, 'c')->config.promise_max_us += 1000;
	sim_start(s, "abc");
	sim_run_ms(s, 1000);
	assert_trace(s, "[    2] b: a connected\n"
	                "[    2] c: a connected\n"
	                "[    2] a: b connected\n"
	                "[    2] c: b connected\n"
	                "[    2] a: c connected\n"
	                "[    2] b: c connected\n"
	                "[    3] a: bootstraps\n"
	                "[    3] a: forming -> syncing\n"
	                "[    4] b: bootstraps\n"
	                "[    4] b: forming -> syncing\n"
	                "[    4] c: alarm raised: promise bound does not fit: its cluster allows "
	                "promises of 300 ms, this node is configured for 301 ms; use the same "
	                "election timeouts everywhere\n"
	                "[    5] c: alarm raised: promise bound does not fit: its cluster allows "
	                "promises of 300 ms, this node is configured for 301 ms; use the same "
	                "election timeouts everywhere\n"
	                "[  238] b: leads term 2\n"
	                "[  256] b: syncing -> degraded\n"
	                "[  280] a: syncing -> degraded\n");
	assert_int_equal(sim_state(s, 'c'), CLUSTER_FORMING);
	sim_free(s);
}

/* What peers send before there is a link, from an older link, or from nowhere, is dropped. */
TEST(garbage_raises_one_alarm_and_changes_nothing)
{
	struct sim *s = sim_serving(3, NULL);

	sim_inject(s, 'a', 'b', (const uint8_t *)"hello", 5);
	sim_inject(s, 'a', 'b', (const uint8_t *)"\x01\x01", 2);
	sim_inject(s, 'a', 'b', (const uint8_t *)"", 0);
	sim_run_ms(s, 500);
	assert_trace(s, "[  281] b: alarm raised: malformed message: erlmcp@a speaks a newer "
	                "protocol; update this node\n");
	sim_inject(s, 'a', 'c', (const uint8_t *)"\x02", 1);
	sim_run_ms(s, 500);
	assert_trace(s, "[  781] c: alarm raised: malformed message: erlmcp@a speaks a newer "
	                "protocol; update this node\n");
	sim_drop_link(s, 'a', 'b');
	sim_run_ms(s, 100);
	assert_trace(s, "[ 1280] b: alarm cleared: malformed message\n");
	assert_int_equal(sim_state(s, 'b'), CLUSTER_SERVING);
	sim_free(s);
}

TEST(a_configuration_that_breaks_a_rule_is_refused_with_the_rule)
{
	struct sim *s = sim_new(3, NULL);
	struct sim_node *a = sim_node(s, 'a');
	struct cluster_config config = a->config;
	struct cluster *c;
	struct fault fault;

	config.quorum_size = 0;
	assert_int_equal(cluster_new(&config, &a->disk, 1, &fault, &c), ST_INVALID);
	assert_string_equal(fault.what, "the quorum size must be from 1 to 1000");
	config = a->config;
	memcpy(config.expected[1], config.expected[0], NODE_NAME_MAX);
	assert_int_equal(cluster_new(&config, &a->disk, 1, &fault, &c), ST_INVALID);
	config = a->config;
	config.detection_us = config.beat_interval_us;
	assert_int_equal(cluster_new(&config, &a->disk, 1, &fault, &c), ST_INVALID);
	config = a->config;
	a->disk.state = IDENTITY_FOUNDER;
	assert_int_equal(cluster_new(&config, &a->disk, 1, &fault, &c), ST_INVALID);
	a->disk.cluster_id = 1;
	a->disk.promise_max_ms = 299;
	assert_int_equal(cluster_new(&config, &a->disk, 1, &fault, &c), ST_INVALID);
	assert_string_equal(
	    fault.what, "election timeouts exceed the bound that this cluster was founded with");
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_of_three_wait_for_the_third_before_they_found),
	    cmocka_unit_test(all_founders_hold_the_same_record),
	    cmocka_unit_test(a_record_is_offered_again_by_whoever_holds_it),
	    cmocka_unit_test(a_listed_member_that_missed_the_founding_is_invited_by_the_leader),
	    cmocka_unit_test(
	        a_record_is_offered_again_when_a_founder_lost_its_disk_and_nobody_leads),
	    cmocka_unit_test(
	        a_record_that_is_offered_late_names_the_founders_and_not_their_successors),
	    cmocka_unit_test(
	        a_member_whose_disk_went_back_to_before_the_founding_is_not_given_the_record),
	    cmocka_unit_test(
	        a_founder_that_crashed_after_persisting_bootstraps_the_same_entry_again),
	    cmocka_unit_test(members_that_expect_different_names_say_so_and_do_not_found),
	    cmocka_unit_test(
	        two_clusters_with_the_same_names_refuse_each_other_and_raise_the_alarm),
	    cmocka_unit_test(a_node_with_longer_promises_than_the_cluster_allows_is_not_let_in),
	    cmocka_unit_test(garbage_raises_one_alarm_and_changes_nothing),
	    cmocka_unit_test(a_configuration_that_breaks_a_rule_is_refused_with_the_rule),
	};

	return RUN_TESTS(tests);
}
