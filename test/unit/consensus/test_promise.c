/* What followers promised holds through cuts, restarts and changing timeouts: random runs,
 * each from one seed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft_cluster.h"
#include "testing.h"

enum { RUNS = 16, ROUNDS = 300 };

/* What one node promised, and what it was seen to have voted. Survives its restarts. */
struct witness {
	int64_t held_until_us; /* no vote before */
	uint64_t term;         /* the promise's */
	uint64_t vote_term;    /* of the vote below */
	uint64_t vote;
	int64_t unmute_us;
};

static struct raft_cluster rc;
static struct witness witnesses[RC_MAX];
static uint64_t leader_of_term[512];
static uint64_t acknowledged[4096];
static unsigned n_acknowledged;

static void watch_vote(unsigned at)
{
	const struct disk_image *disk = &rc.nodes[at].disk.image;
	struct witness *w = &witnesses[at];

	if (disk->vote == 0 || (disk->vote == w->vote && disk->term == w->vote_term))
		return;
	if (rc.now_us < w->held_until_us && disk->term > w->term)
		fail_msg("node %u voted for %d us too early", at,
		         (int)(w->held_until_us - rc.now_us));
	w->vote = disk->vote;
	w->vote_term = disk->term;
}

static void watch_leader(const struct raft_view *view)
{
	if (view->role != ROLE_LEADER)
		return;
	assert_true(view->term < 512);
	assert_true(leader_of_term[view->term] == 0 || leader_of_term[view->term] == view->self_id);
	leader_of_term[view->term] = view->self_id;
}

static bool watch(struct raft_cluster *c, unsigned arg)
{
	unsigned i;

	(void)arg;
	for (i = 0; i < c->n; i++) {
		struct rc_node *node = &c->nodes[i];
		struct raft_view view;

		if (node->up && node->muted && c->now_us >= witnesses[i].unmute_us)
			node->muted = false;
		watch_vote(i);
		view = rc_view(c, i);
		watch_leader(&view);
		if (view.promise_us == 0)
			continue;
		assert_true(view.promise_us <= (int64_t)c->config.election_max_ms * 1000);
		witnesses[i].held_until_us = c->now_us + view.promise_us;
		witnesses[i].term = view.term;
	}
	return false;
}

static void propose(void)
{
	int leader = rc_leader(&rc);
	enum status st;
	uint64_t tag;

	if (leader < 0)
		return;
	tag = rc_create(&rc, (unsigned)leader, (unsigned)rc.next_tag, &st);
	if (tag != 0 && n_acknowledged < 4096)
		acknowledged[n_acknowledged++] = tag;
}

static void disturb(void)
{
	unsigned at = (unsigned)prng_range(&rc.prng, 0, rc.n - 1);
	unsigned to = (unsigned)prng_range(&rc.prng, 0, rc.n - 1);

	switch (prng_range(&rc.prng, 0, 9)) {
	case 0:
	case 1:
		rc_isolate(&rc, at, true);
		break;
	case 2:
	case 3:
	case 4:
		rc_isolate(&rc, at, false);
		break;
	case 5:
		if (at != to)
			rc.cut[at][to] = !rc.cut[at][to];
		break;
	case 6:
		if (rc.nodes[at].up)
			rc_stop(&rc, at);
		break;
	case 7:
		if (rc.nodes[at].up)
			consensus_set_election(rc.nodes[at].consensus,
			                       (unsigned)prng_range(&rc.prng, 100, 600));
		break;
	default:
		for (to = 0; to < 5; to++)
			propose();
		to = (unsigned)prng_range(&rc.prng, 0, rc.n - 1);
		break;
	}
	if (prng_range(&rc.prng, 0, 1) == 0 && !rc.nodes[to].up) {
		/* A restarted voter has forgotten its promises: it is muted for the longest. */
		rc.nodes[to].muted = true;
		witnesses[to].unmute_us = rc.now_us + (int64_t)rc.config.election_max_ms * 1000;
		rc_start(&rc, to);
	}
}

static bool settled(struct raft_cluster *c, unsigned arg)
{
	int leader = rc_leader(c);
	unsigned i;

	(void)watch(c, arg);
	if (leader < 0 || !rc_view(c, (unsigned)leader).term_committed)
		return false;
	for (i = 0; i < n_acknowledged; i++) {
		if (!c->outcomes[acknowledged[i] % RC_TAGS].told)
			return false;
	}
	for (i = 0; i < c->n; i++) {
		if (rc_view(c, i).last_applied != rc_view(c, (unsigned)leader).commit)
			return false;
	}
	return true;
}

static void check_end(void)
{
	uint64_t digest;
	unsigned i;

	for (i = 0; i < RC_MAX; i++)
		rc_isolate(&rc, i, false);
	for (i = 0; i < rc.n; i++) {
		if (!rc.nodes[i].up)
			rc_start(&rc, i);
		rc.nodes[i].muted = false;
		witnesses[i].held_until_us = 0;
	}
	assert_true(rc_run_until(&rc, settled, 0, 10000));
	digest = store_digest(rc.nodes[0].store);
	for (i = 1; i < rc.n; i++)
		assert_true(store_digest(rc.nodes[i].store) == digest);
	for (i = 0; i < n_acknowledged; i++) {
		unsigned number = (unsigned)acknowledged[i];
		const struct session_id id = rc_session(number);
		const struct rc_outcome *o = &rc.outcomes[number % RC_TAGS];
		struct session_view view;

		assert_int_equal(o->times, 1);
		if (o->st == ST_OK)
			assert_int_equal(store_get(rc.nodes[0].store, &id, &view), ST_OK);
		if (o->st == ST_NOT_LEADER)
			assert_int_equal(store_get(rc.nodes[0].store, &id, &view), ST_NOT_FOUND);
	}
}

TEST(no_vote_is_given_before_a_promise_ends)
{
	const char *from = getenv("SEED");
	uint64_t seed = from != NULL ? strtoull(from, NULL, 10) : 1;
	unsigned run;
	unsigned round;

	for (run = 0; run < (from != NULL ? 1 : RUNS); run++, seed++) {
		memset(witnesses, 0, sizeof witnesses);
		memset(leader_of_term, 0, sizeof leader_of_term);
		n_acknowledged = 0;
		print_message("# SEED=%llu\n", (unsigned long long)seed);
		rc_init(&rc, (unsigned)(2 + seed % 4), seed);
		rc.config.election_ms = 100;
		rc.config.heartbeat_ms = 10;
		rc.config.election_max_ms = 1200;
		rc.config.snapshot_threshold = 8;
		rc.config.snapshot_trailing = 3;
		rc_start_all(&rc);
		for (round = 0; round < ROUNDS; round++) {
			(void)rc_run_until(&rc, watch, 0, prng_range(&rc.prng, 1, 400));
			disturb();
		}
		check_end();
		rc_close(&rc);
	}
}

TEST(a_muted_node_neither_stands_nor_votes)
{
	unsigned i;

	rc_init(&rc, 3, 5);
	rc_start_all(&rc);
	for (i = 0; i < 3; i++)
		rc.nodes[i].muted = true;
	rc_run_ms(&rc, 3000);
	assert_int_equal(rc_leader(&rc), -1);
	for (i = 0; i < 3; i++) {
		assert_true(rc.nodes[i].disk.image.vote == 0);
		assert_true(rc.nodes[i].disk.image.term == 1);
	}
	/* Two of three are enough, the third only follows. */
	rc.nodes[0].muted = false;
	rc.nodes[1].muted = false;
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 3000));
	rc_run_ms(&rc, 100);
	assert_true(rc.nodes[2].disk.image.vote == 0);
	assert_true(rc_view(&rc, 2).leader_id != 0);
	rc_close(&rc);
}

TEST(a_running_promise_is_not_shortened_by_a_new_timeout)
{
	struct raft_view before;
	struct raft_view after;
	unsigned follower;

	rc_init(&rc, 3, 6);
	rc.config.election_ms = 100;
	rc_start_all(&rc);
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 3000));
	follower = ((unsigned)rc_leader(&rc) + 1) % 3;
	consensus_set_election(rc.nodes[follower].consensus, 500);
	rc_run_ms(&rc, 100);
	before = rc_view(&rc, follower);
	assert_true(before.promise_us > 400000);
	assert_true(before.election_us == 500000);
	consensus_set_election(rc.nodes[follower].consensus, 100);
	after = rc_view(&rc, follower);
	assert_true(after.promise_us >= before.promise_us);
	assert_true(after.election_us == 100000);
	rc_close(&rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_vote_is_given_before_a_promise_ends),
	    cmocka_unit_test(a_muted_node_neither_stands_nor_votes),
	    cmocka_unit_test(a_running_promise_is_not_shortened_by_a_new_timeout),
	};

	return RUN_TESTS(tests);
}
