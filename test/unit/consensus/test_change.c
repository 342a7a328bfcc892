#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft_cluster.h"
#include "testing.h"

static struct raft_cluster rc;

static unsigned elect(void)
{
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 5000));
	return (unsigned)rc_leader(&rc);
}

static bool change_told(struct raft_cluster *c, unsigned arg)
{
	(void)arg;
	return c->change_told;
}

static bool caught_up(struct raft_cluster *c, unsigned at)
{
	int leader = rc_leader(c);

	return leader >= 0 && c->nodes[at].up &&
	       rc_view(c, at).last_applied == rc_view(c, (unsigned)leader).last_applied;
}

static void create_many(unsigned leader, unsigned first, unsigned n)
{
	uint64_t tag = 0;
	enum status st;
	unsigned i;

	for (i = 0; i < n; i++) {
		tag = rc_create(&rc, leader, first + i, &st);
		assert_int_equal(st, ST_OK);
		consensus_flush(rc.nodes[leader].consensus);
	}
	assert_true(rc_wait(&rc, tag, 3000));
}

static enum status wait_change(int64_t ms)
{
	assert_true(rc_run_until(&rc, change_told, 0, ms));
	rc.change_told = false;
	return rc.change;
}

TEST(a_learner_is_added_catches_up_and_becomes_a_voter)
{
	struct consensus *c;
	struct rc_node *node;
	unsigned leader;

	rc_init(&rc, 3, 11);
	rc_start_all(&rc);
	leader = elect();
	create_many(leader, 0, 50);
	node = rc_join(&rc);
	rc_start(&rc, node->at);
	c = rc.nodes[leader].consensus;
	assert_int_equal(consensus_add_learner(c, node->id, node->name, rc_change_cb, &rc), ST_OK);
	assert_int_equal(consensus_remove(c, node->id, NULL, NULL), ST_BUSY);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_int_equal(rc_view(&rc, leader).n_members, 4);
	assert_int_equal(rc_view(&rc, leader).n_voters, 3);
	assert_int_equal(consensus_add_learner(c, node->id, node->name, NULL, NULL), ST_EXISTS);
	assert_int_equal(consensus_promote(c, node->id, rc_change_cb, &rc), ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_true(rc_run_until(&rc, caught_up, node->at, 3000));
	assert_int_equal(rc_view(&rc, node->at).n_voters, 4);
	assert_int_equal(store_count(node->store), 50);
	assert_int_equal(consensus_remove(c, rc.nodes[(leader + 1) % 3].id, rc_change_cb, &rc),
	                 ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_int_equal(rc_view(&rc, leader).n_members, 3);
	assert_int_equal(consensus_remove(c, 4711, NULL, NULL), ST_NOT_FOUND);
	rc_close(&rc);
}

TEST(a_voter_becomes_a_learner_but_not_the_leader_and_not_the_last_one)
{
	struct consensus *c;
	unsigned leader;
	unsigned other;

	rc_init(&rc, 3, 21);
	rc_start_all(&rc);
	leader = elect();
	other = (leader + 1) % 3;
	create_many(leader, 0, 10);
	c = rc.nodes[leader].consensus;
	assert_int_equal(consensus_demote(c, 4711, NULL, NULL), ST_NOT_FOUND);
	assert_int_equal(consensus_demote(c, rc.nodes[leader].id, NULL, NULL), ST_INVALID);
	assert_int_equal(consensus_demote(c, rc.nodes[other].id, rc_change_cb, &rc), ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_int_equal(rc_view(&rc, leader).n_voters, 2);
	assert_int_equal(rc_view(&rc, leader).n_members, 3);
	assert_int_equal(consensus_demote(c, rc.nodes[other].id, NULL, NULL), ST_EXISTS);
	create_many(leader, 100, 10);
	assert_true(rc_run_until(&rc, caught_up, other, 3000));
	assert_int_equal(rc_view(&rc, other).n_voters, 2);
	assert_int_equal(consensus_promote(c, rc.nodes[other].id, rc_change_cb, &rc), ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_int_equal(rc_view(&rc, leader).n_voters, 3);
	rc_close(&rc);
}

TEST(a_plan_is_recorded_for_all_and_taken_out_again)
{
	const struct raft_plan plan = {PLAN_REPLACE, 99, 5, 6};
	const struct raft_plan second = {PLAN_LEAVE, 98, 5, 0};
	struct raft_view view;
	struct consensus *c;
	unsigned leader;
	unsigned other;

	rc_init(&rc, 3, 22);
	rc_start_all(&rc);
	leader = elect();
	other = (leader + 1) % 3;
	c = rc.nodes[leader].consensus;
	create_many(leader, 0, 10);
	assert_int_equal(consensus_record_plan(c, &plan, rc_change_cb, &rc), ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	create_many(leader, 100, 10);
	assert_true(rc_run_until(&rc, caught_up, other, 3000));
	view = rc_view(&rc, other);
	assert_int_equal(view.n_members, 3);
	assert_true(view.plan.kind == PLAN_REPLACE && view.plan.id == 99);
	assert_true(view.plan.subject == 5 && view.plan.other == 6);
	assert_int_equal(consensus_record_plan(c, &second, NULL, NULL), ST_EXISTS);
	assert_int_equal(consensus_remove(c, 99, rc_change_cb, &rc), ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_true(rc_view(&rc, leader).plan.id == 0);
	rc_close(&rc);
}

TEST(an_empty_learner_gets_a_snapshot_once)
{
	struct rc_node *node;
	unsigned leader;

	rc_init(&rc, 3, 12);
	rc.config.snapshot_threshold = 50;
	rc.config.snapshot_trailing = 10;
	rc_start_all(&rc);
	leader = elect();
	create_many(leader, 0, 300);
	rc_run_ms(&rc, 100);
	assert_true(rc.nodes[leader].disk.image.has_snapshot);
	node = rc_join(&rc);
	rc_start(&rc, node->at);
	assert_int_equal(consensus_add_learner(rc.nodes[leader].consensus, node->id, node->name,
	                                       rc_change_cb, &rc),
	                 ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_true(rc_run_until(&rc, caught_up, node->at, 3000));
	assert_true(node->disk.image.has_snapshot);
	assert_true(store_digest(node->store) == store_digest(rc.nodes[leader].store));
	assert_int_equal(consensus_promote(rc.nodes[leader].consensus, node->id, rc_change_cb, &rc),
	                 ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	create_many(leader, 1000, 10);
	assert_true(rc_run_until(&rc, caught_up, node->at, 3000));
	rc_close(&rc);
}

TEST(a_restarted_node_has_everything_and_catches_up)
{
	unsigned leader;
	unsigned other;

	rc_init(&rc, 3, 13);
	rc.config.snapshot_threshold = 40;
	rc.config.snapshot_trailing = 10;
	rc_start_all(&rc);
	leader = elect();
	other = (leader + 1) % 3;
	create_many(leader, 0, 100);
	rc_run_ms(&rc, 100);
	rc_stop(&rc, other);
	create_many(leader, 200, 100);
	rc_start(&rc, other);
	assert_true(rc_run_until(&rc, caught_up, other, 3000));
	assert_true(store_digest(rc.nodes[other].store) == store_digest(rc.nodes[leader].store));
	rc_stop(&rc, 0);
	rc_stop(&rc, 1);
	rc_stop(&rc, 2);
	rc_start_all(&rc);
	leader = elect();
	assert_int_equal(store_count(rc.nodes[leader].store), 200);
	rc_close(&rc);
}

TEST(a_restarted_node_knows_which_vote_its_disk_had)
{
	struct raft_view before;
	uint64_t term;
	unsigned at;

	rc_init(&rc, 3, 16);
	rc_start_all(&rc);
	at = (elect() + 1) % 3;
	before = rc_view(&rc, at);
	rc_stop(&rc, at);
	rc_start(&rc, at);
	assert_true(consensus_loaded_vote(rc.nodes[at].consensus, &term) == before.voted_for);
	assert_true(term == before.term && term > 0);
	rc_close(&rc);
}

TEST(a_leader_that_removes_itself_steps_down)
{
	unsigned leader;

	rc_init(&rc, 3, 14);
	rc_start_all(&rc);
	leader = elect();
	assert_int_equal(
	    consensus_remove(rc.nodes[leader].consensus, rc.nodes[leader].id, rc_change_cb, &rc),
	    ST_OK);
	assert_int_equal(wait_change(3000), ST_OK);
	assert_int_equal(rc_view(&rc, leader).role, ROLE_FOLLOWER);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 5000));
	rc_close(&rc);
}

TEST(the_last_voter_stays)
{
	rc_init(&rc, 1, 15);
	rc_start_all(&rc);
	(void)elect();
	assert_int_equal(consensus_remove(rc.nodes[0].consensus, rc.nodes[0].id, NULL, NULL),
	                 ST_INVALID);
	assert_int_equal(consensus_transfer(rc.nodes[0].consensus, 0, NULL, NULL), ST_NOT_FOUND);
	rc_close(&rc);
}

TEST(leadership_is_handed_over_at_once)
{
	int64_t start_us;
	unsigned target;
	unsigned leader;
	unsigned seed;

	for (seed = 0; seed < 50; seed++) {
		rc_init(&rc, seed % 2 == 0 ? 3 : 5, 100 + seed);
		rc_start_all(&rc);
		leader = elect();
		rc_run_ms(&rc, 300);
		target = (leader + 1) % rc.n;
		start_us = rc.now_us;
		assert_int_equal(consensus_transfer(rc.nodes[leader].consensus, rc.nodes[target].id,
		                                    rc_change_cb, &rc),
		                 ST_OK);
		assert_true(rc_view(&rc, leader).transferring);
		assert_int_equal(wait_change(1000), ST_OK);
		assert_true(rc_run_until(&rc, rc_other_leads, leader, 1000));
		assert_int_equal(rc_leader(&rc), target);
		assert_true(rc.now_us - start_us < 50000);
		rc_close(&rc);
	}
}

TEST(a_hand_over_that_is_cut_off_ends_in_a_new_term)
{
	struct raft_view view;
	unsigned target;
	unsigned leader;
	uint64_t term;

	rc_init(&rc, 3, 17);
	rc_start_all(&rc);
	leader = elect();
	rc_run_ms(&rc, 300);
	target = (leader + 1) % 3;
	term = rc_view(&rc, leader).term;
	rc_isolate(&rc, target, true);
	assert_int_equal(
	    consensus_transfer(rc.nodes[leader].consensus, rc.nodes[target].id, rc_change_cb, &rc),
	    ST_OK);
	rc_run_ms(&rc, 5);
	/* The others know of the release: what they promised no longer holds. */
	view = rc_view(&rc, (leader + 2) % 3);
	assert_true(view.promise_us == 0);
	assert_int_equal(wait_change(1000), ST_TIMEOUT);
	assert_int_not_equal(rc_view(&rc, leader).role, ROLE_LEADER);
	(void)elect();
	assert_true(rc_view(&rc, (unsigned)rc_leader(&rc)).term > term);
	rc_isolate(&rc, target, false);
	rc_run_ms(&rc, 1000);
	assert_true(rc_view(&rc, target).leader_id != 0);
	rc_close(&rc);
}

TEST(without_a_word_of_the_leader_nobody_may_disrupt)
{
	unsigned leader;
	unsigned seed;

	/* The announcement is lost on its way to the third node, TimeoutNow is not. */
	for (seed = 0; seed < 20; seed++) {
		unsigned target;
		unsigned third;

		rc_init(&rc, 3, 300 + seed);
		rc_start_all(&rc);
		leader = elect();
		rc_run_ms(&rc, 300);
		leader = (unsigned)rc_leader(&rc);
		target = (leader + 1) % 3;
		third = (leader + 2) % 3;
		rc.cut[leader][third] = true;
		assert_int_equal(consensus_transfer(rc.nodes[leader].consensus, rc.nodes[target].id,
		                                    rc_change_cb, &rc),
		                 ST_OK);
		rc_run_ms(&rc, 3);
		assert_true(rc.nodes[third].disk.image.vote != rc.nodes[target].id);
		rc.cut[leader][third] = false;
		assert_true(rc_run_until(&rc, rc_has_leader, 0, 2000));
		rc_close(&rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_learner_is_added_catches_up_and_becomes_a_voter),
	    cmocka_unit_test(a_voter_becomes_a_learner_but_not_the_leader_and_not_the_last_one),
	    cmocka_unit_test(a_plan_is_recorded_for_all_and_taken_out_again),
	    cmocka_unit_test(an_empty_learner_gets_a_snapshot_once),
	    cmocka_unit_test(a_restarted_node_has_everything_and_catches_up),
	    cmocka_unit_test(a_restarted_node_knows_which_vote_its_disk_had),
	    cmocka_unit_test(a_leader_that_removes_itself_steps_down),
	    cmocka_unit_test(the_last_voter_stays),
	    cmocka_unit_test(leadership_is_handed_over_at_once),
	    cmocka_unit_test(a_hand_over_that_is_cut_off_ends_in_a_new_term),
	    cmocka_unit_test(without_a_word_of_the_leader_nobody_may_disrupt),
	};

	return RUN_TESTS(tests);
}
