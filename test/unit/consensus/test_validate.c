/* Messages that decode well and make no sense reach a running raft: it must neither abort nor
 * lose what was acknowledged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/limits.h"
#include "consensus/wire.h"
#include "raft_cluster.h"
#include "testing.h"

enum { RUNS = 12, MESSAGES = 3000 };

static struct raft_cluster rc;

static unsigned elect(void)
{
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 5000));
	return (unsigned)rc_leader(&rc);
}

/* Near the truth, so that it gets past the first checks. */
static uint64_t near(uint64_t truth)
{
	switch (prng_range(&rc.prng, 0, 7)) {
	case 0:
		return prng_next(&rc.prng);
	case 1:
		return 0;
	case 2:
		return truth + (uint64_t)prng_range(&rc.prng, 0, 20);
	case 3:
		return truth > 10 ? truth - (uint64_t)prng_range(&rc.prng, 0, 10) : 1;
	default:
		return truth;
	}
}

static size_t make_change(struct raft_entry *entry)
{
	struct raft_configuration conf;
	unsigned i;

	raft_configuration_init(&conf);
	for (i = 0; i < rc.n; i++) {
		char address[64];

		snprintf(address, sizeof address, "%s#%llx", rc.nodes[i].name,
		         (unsigned long long)rc.nodes[i].id);
		assert_int_equal(raft_configuration_add(&conf, rc.nodes[i].id, address, RAFT_VOTER),
		                 0);
	}
	assert_int_equal(raft_configuration_encode(&conf, &entry->buf), 0);
	raft_configuration_close(&conf);
	if (prng_range(&rc.prng, 0, 3) == 0)
		((uint8_t *)entry->buf.base)[prng_next(&rc.prng) % entry->buf.len] ^= 1;
	return entry->buf.len;
}

static void make_entries(struct raft_append_entries *m, const struct raft_view *view)
{
	uint64_t term = m->prev_log_term;
	unsigned i;

	for (i = 0; i < m->n_entries; i++) {
		struct raft_entry *e = &m->entries[i];

		memset(e, 0, sizeof *e);
		e->term = prng_range(&rc.prng, 0, 9) == 0 ? near(view->term) : term;
		e->type = (enum raft_entry_type)prng_range(&rc.prng, 1, 3);
		if (prng_range(&rc.prng, 0, 30) == 0)
			e->type = (enum raft_entry_type)9;
		if (e->type == RAFT_CHANGE) {
			(void)make_change(e);
			continue;
		}
		e->buf.len = prng_range(&rc.prng, 0, 20) == 0 ? 7 : 8;
		e->buf.base = raft_calloc(1, 16);
	}
}

static void make_append(struct raft_message *m, const struct raft_view *view)
{
	struct raft_append_entries *a = &m->append_entries;

	a->term = near(view->term);
	a->prev_log_index =
	    near(prng_range(&rc.prng, 0, 1) == 0 ? view->commit : view->last_stored);
	a->prev_log_term = prng_range(&rc.prng, 0, 3) == 0 ? near(view->term) : view->term;
	if (a->prev_log_index == 0 && prng_range(&rc.prng, 0, 4) != 0)
		a->prev_log_term = 0;
	a->leader_commit = near(view->commit);
	a->n_entries = (unsigned)prng_range(&rc.prng, 0, 5);
	a->entries = calloc(a->n_entries + 1, sizeof *a->entries);
	assert_non_null(a->entries);
	make_entries(a, view);
}

static void free_append(struct raft_message *m)
{
	unsigned i;

	for (i = 0; i < m->append_entries.n_entries; i++)
		raft_free(m->append_entries.entries[i].buf.base);
	free(m->append_entries.entries);
}

static void make_snapshot(struct raft_message *m, const struct raft_view *view, struct buf *data)
{
	struct raft_install_snapshot *s = &m->install_snapshot;
	struct raft_entry change;

	s->term = near(view->term);
	s->last_index = near(view->commit);
	s->last_term = near(view->term);
	s->conf_index = near(1);
	raft_configuration_init(&s->conf);
	memset(&change, 0, sizeof change);
	(void)make_change(&change);
	if (wire_configuration_ok(change.buf.base, change.buf.len) &&
	    raft_configuration_decode(&change.buf, &s->conf) != 0)
		raft_configuration_init(&s->conf);
	raft_free(change.buf.base);
	assert_int_equal(store_snapshot(rc.nodes[0].store, data), ST_OK);
	s->data.base = data->base;
	s->data.len = data->len;
}

static void make_result(struct raft_message *m, const struct raft_view *view)
{
	if (m->type == RAFT_APPEND_ENTRIES_RESULT) {
		m->append_entries_result.term = near(view->term);
		m->append_entries_result.rejected =
		    prng_range(&rc.prng, 0, 1) == 0 ? 0 : near(view->last_stored);
		m->append_entries_result.last_log_index = near(view->last_stored);
		m->append_entries_result.features = 1;
		m->append_entries_result.capacity = 60000;
	} else {
		m->request_vote_result.term = near(view->term + 1);
		m->request_vote_result.vote_granted = prng_range(&rc.prng, 0, 1) == 0;
		m->request_vote_result.pre_vote = prng_range(&rc.prng, 0, 1) == 0;
	}
}

static void make_vote(struct raft_message *m, const struct raft_view *view, unsigned from)
{
	m->request_vote.term = near(view->term);
	m->request_vote.candidate_id = near(rc.nodes[from].id);
	m->request_vote.last_log_index = near(view->last_stored);
	m->request_vote.last_log_term = near(view->term);
	m->request_vote.disrupt_leader = prng_range(&rc.prng, 0, 1) == 0;
	m->request_vote.pre_vote = prng_range(&rc.prng, 0, 1) == 0;
}

static void inject(unsigned from, unsigned to)
{
	struct raft_view view = rc_view(&rc, to);
	struct raft_message m = {0};
	struct buf bytes;
	struct buf data;
	unsigned n = 0;

	buf_init(&bytes, 1 << 20);
	buf_init(&data, 1 << 20);
	m.type = (enum raft_message_type)prng_range(&rc.prng, 1, 6);
	switch (m.type) {
	case RAFT_APPEND_ENTRIES:
		make_append(&m, &view);
		n = m.append_entries.n_entries;
		break;
	case RAFT_APPEND_ENTRIES_RESULT:
	case RAFT_REQUEST_VOTE_RESULT:
		make_result(&m, &view);
		break;
	case RAFT_REQUEST_VOTE:
		make_vote(&m, &view, from);
		break;
	case RAFT_INSTALL_SNAPSHOT:
		make_snapshot(&m, &view, &data);
		break;
	case RAFT_TIMEOUT_NOW:
		m.timeout_now.term = near(view.term);
		m.timeout_now.last_log_index = near(view.last_stored);
		m.timeout_now.last_log_term = near(view.term);
		break;
	}
	wire_encode(&bytes, &m, 0, n);
	assert_int_equal(buf_status(&bytes), ST_OK);
	(void)!rc_inject(&rc, from, to, bytes.base, bytes.len);
	if (m.type == RAFT_APPEND_ENTRIES)
		free_append(&m);
	if (m.type == RAFT_INSTALL_SNAPSHOT)
		raft_configuration_close(&m.install_snapshot.conf);
	buf_close(&bytes);
	buf_close(&data);
}

TEST(absurd_messages_never_abort_a_running_node)
{
	const char *env = getenv("SEED");
	uint64_t seed = env != NULL ? strtoull(env, NULL, 10) : 1;
	unsigned run;
	unsigned i;

	for (run = 0; run < (env != NULL ? 1 : RUNS); run++, seed++) {
		print_message("# SEED=%llu\n", (unsigned long long)seed);
		rc_init(&rc, 3, seed);
		rc.config.snapshot_threshold = 16;
		rc.config.snapshot_trailing = 4;
		rc_start_all(&rc);
		(void)elect();
		for (i = 0; i < MESSAGES; i++) {
			int leader = rc_leader(&rc);
			enum status st;

			inject((unsigned)prng_range(&rc.prng, 0, 2),
			       (unsigned)prng_range(&rc.prng, 0, 2));
			if (i % 7 == 0 && leader >= 0)
				(void)rc_create(&rc, (unsigned)leader, i, &st);
			if (prng_range(&rc.prng, 0, 3) == 0)
				rc_run_ms(&rc, prng_range(&rc.prng, 0, 30));
		}
		for (i = 0; i < 3; i++)
			assert_false(rc.nodes[i].fatal);
		rc_close(&rc);
	}
}

static enum status send_append(unsigned from, unsigned to, const struct raft_append_entries *a)
{
	struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
	struct buf b;
	enum status st;

	m.append_entries = *a;
	buf_init(&b, 1 << 20);
	wire_encode(&b, &m, 0, a->n_entries);
	st = rc_inject(&rc, from, to, b.base, b.len);
	buf_close(&b);
	return st;
}

TEST(a_second_leader_in_our_term_is_refused)
{
	struct raft_append_entries a = {0};
	unsigned leader;

	rc_init(&rc, 3, 21);
	rc_start_all(&rc);
	leader = elect();
	a.term = rc_view(&rc, leader).term;
	a.prev_log_index = 1;
	a.prev_log_term = 1;
	assert_int_equal(send_append((leader + 1) % 3, leader, &a), ST_INVALID);
	assert_int_equal(rc_view(&rc, leader).role, ROLE_LEADER);
	rc_close(&rc);
}

static struct raft_append_entries_result answer;
static unsigned answers;

static void note_answer(unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
	struct wire w;

	(void)from;
	(void)to;
	if (wire_decode(bytes, len, &w) != ST_OK || w.kind != RAFT_APPEND_ENTRIES_RESULT)
		return;
	answer = w.message.append_entries_result;
	answers++;
}

static void send_snapshot(unsigned from, unsigned to, raft_term term)
{
	struct raft_view view = rc_view(&rc, to);
	struct raft_message m = {.type = RAFT_INSTALL_SNAPSHOT};
	struct buf bytes;
	struct buf data;

	buf_init(&bytes, 1 << 20);
	buf_init(&data, 1 << 20);
	make_snapshot(&m, &view, &data);
	m.install_snapshot.term = term;
	m.install_snapshot.last_index = view.commit;
	m.install_snapshot.last_term = 1;
	m.install_snapshot.conf_index = 1;
	wire_encode(&bytes, &m, 0, 0);
	(void)!rc_inject(&rc, from, to, bytes.base, bytes.len);
	raft_configuration_close(&m.install_snapshot.conf);
	buf_close(&bytes);
	buf_close(&data);
}

static void expect_term_only(unsigned nth, raft_term term)
{
	assert_int_equal(answers, nth);
	assert_true(answer.term == term);
	assert_true(answer.rejected == 0);
	assert_true(answer.last_log_index == 0);
}

TEST(a_leader_of_an_older_term_is_told_the_term_and_nothing_else)
{
	struct raft_append_entries a = {0};
	unsigned leader;
	unsigned other;

	rc_init(&rc, 3, 26);
	rc_start_all(&rc);
	leader = elect();
	rc_isolate(&rc, leader, true);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 3000));
	rc_isolate(&rc, leader, false);
	rc_run_ms(&rc, 500);
	leader = (unsigned)rc_leader(&rc);
	other = (leader + 1) % 3;
	a.term = rc_view(&rc, other).term - 1;
	assert_true(a.term > 0);
	answers = 0;
	rc.spy = note_answer;
	assert_int_equal(send_append(leader, other, &a), ST_OK);
	expect_term_only(1, a.term + 1);
	a.prev_log_index = 1;
	a.prev_log_term = 1;
	assert_int_equal(send_append(leader, other, &a), ST_OK);
	expect_term_only(2, a.term + 1);
	send_snapshot(leader, other, a.term);
	expect_term_only(3, a.term + 1);
	rc_close(&rc);
}

TEST(a_commit_index_is_never_taken_back)
{
	struct raft_append_entries a = {0};
	struct raft_view view;
	unsigned leader;
	unsigned other;
	enum status st;
	uint64_t tag = 0;
	unsigned i;

	rc_init(&rc, 3, 22);
	rc_start_all(&rc);
	leader = elect();
	for (i = 0; i < 20; i++) {
		tag = rc_create(&rc, leader, i, &st);
		consensus_flush(rc.nodes[leader].consensus);
	}
	assert_true(rc_wait(&rc, tag, 1000));
	rc_run_ms(&rc, 100);
	other = (leader + 1) % 3;
	view = rc_view(&rc, other);
	a.term = view.term;
	a.prev_log_index = 1;
	a.prev_log_term = 1;
	a.leader_commit = view.commit + 1;
	assert_int_equal(send_append(leader, other, &a), ST_OK);
	assert_true(rc_view(&rc, other).commit == view.commit);
	rc_close(&rc);
}

TEST(a_follower_learns_a_change_in_the_middle_of_a_message)
{
	struct rc_node *node;
	unsigned leader;
	unsigned behind;
	enum status st;
	unsigned i;

	rc_init(&rc, 3, 23);
	rc_start_all(&rc);
	leader = elect();
	behind = (leader + 1) % 3;
	rc_isolate(&rc, behind, true);
	for (i = 0; i < 5; i++) {
		(void)rc_create(&rc, leader, i, &st);
		consensus_flush(rc.nodes[leader].consensus);
	}
	node = rc_join(&rc);
	assert_int_equal(consensus_add_learner(rc.nodes[leader].consensus, node->id, node->name,
	                                       rc_change_cb, &rc),
	                 ST_OK);
	rc_run_ms(&rc, 300);
	for (i = 5; i < 10; i++) {
		(void)rc_create(&rc, leader, i, &st);
		consensus_flush(rc.nodes[leader].consensus);
	}
	rc_run_ms(&rc, 100);
	rc_isolate(&rc, behind, false);
	rc_run_ms(&rc, 1000);
	/* It leads now, and can change the membership: it knows that the last change is done. */
	assert_int_equal(consensus_transfer(rc.nodes[(unsigned)rc_leader(&rc)].consensus,
	                                    rc.nodes[behind].id, rc_change_cb, &rc),
	                 ST_OK);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 2000));
	assert_int_equal(rc_leader(&rc), behind);
	assert_int_equal(consensus_remove(rc.nodes[behind].consensus, node->id, rc_change_cb, &rc),
	                 ST_OK);
	rc_close(&rc);
}

/* A configuration of the first n members that ever were. */
static struct raft_entry configuration_of(unsigned n, raft_term term)
{
	struct raft_entry entry = {.term = term, .type = RAFT_CHANGE};
	struct raft_configuration conf;
	unsigned i;

	raft_configuration_init(&conf);
	for (i = 0; i < n; i++) {
		char address[64];

		snprintf(address, sizeof address, "%s#%llx", rc.nodes[i].name,
		         (unsigned long long)rc.nodes[i].id);
		assert_int_equal(raft_configuration_add(&conf, rc.nodes[i].id, address,
		                                        i < 3 ? RAFT_VOTER : RAFT_STANDBY),
		                 0);
	}
	assert_int_equal(raft_configuration_encode(&conf, &entry.buf), 0);
	raft_configuration_close(&conf);
	return entry;
}

/* A follower that hears nobody else: it and its leader, whose words the test invents. */
static unsigned lonely_follower(uint64_t seed, unsigned *ret_leader)
{
	unsigned other;

	rc_init(&rc, 3, seed);
	rc_start_all(&rc);
	(void)rc_join(&rc);
	(void)rc_join(&rc);
	*ret_leader = elect();
	rc_run_ms(&rc, 200);
	other = (*ret_leader + 1) % 3;
	rc_isolate(&rc, other, true);
	return other;
}

/* The leader of a later term has another entry at this index, and all before it. */
static void contradict(unsigned from, unsigned to, raft_index index, raft_term prev_term)
{
	uint64_t nothing = 0;
	struct raft_entry barrier = {.type = RAFT_BARRIER};
	struct raft_append_entries a = {.prev_log_index = index - 1, .prev_log_term = prev_term};

	a.term = rc_view(&rc, to).term + 1;
	a.entries = &barrier;
	a.n_entries = 1;
	barrier.term = a.term;
	barrier.buf.base = &nothing;
	barrier.buf.len = sizeof nothing;
	assert_int_equal(send_append(from, to, &a), ST_OK);
	assert_true(rc_view(&rc, to).last_stored < index);
}

/* Two changes of configuration behind what this follower knows to be committed: in one message,
 * as a leader sends them that has restarted since; or in two, and the second brings the news
 * that the first is committed. The first one stays when the second is cut off: whoever made
 * the second had seen it committed. */
static void two_changes_then_a_cut(bool together)
{
	struct raft_entry changes[2];
	struct raft_append_entries a = {0};
	struct raft_view before;
	unsigned leader;
	unsigned other = lonely_follower(27, &leader);

	before = rc_view(&rc, other);
	assert_int_equal(before.n_members, 3);
	a.term = before.term;
	a.prev_log_index = before.last_stored;
	a.prev_log_term = before.term;
	a.leader_commit = before.commit;
	changes[0] = configuration_of(4, before.term);
	changes[1] = configuration_of(5, before.term);
	a.entries = changes;
	a.n_entries = together ? 2 : 1;
	assert_int_equal(send_append(leader, other, &a), ST_OK);
	if (!together) {
		assert_int_equal(rc_view(&rc, other).n_members, 4);
		a.prev_log_index++;
		a.leader_commit++;
		a.entries = &changes[1];
		assert_int_equal(send_append(leader, other, &a), ST_OK);
	}
	assert_int_equal(rc_view(&rc, other).n_members, 5);
	contradict((other + 1) % 3 == leader ? (other + 2) % 3 : (other + 1) % 3, other,
	           before.last_stored + 2, before.term);
	assert_int_equal(rc_view(&rc, other).n_members, 4);
	raft_free(changes[0].buf.base);
	raft_free(changes[1].buf.base);
	rc_close(&rc);
}

TEST(of_two_changes_in_one_message_the_first_stays_when_the_second_is_cut_off)
{
	two_changes_then_a_cut(true);
}

TEST(a_change_that_the_next_one_confirms_stays_when_that_is_cut_off)
{
	two_changes_then_a_cut(false);
}

TEST(a_failing_disk_is_told_and_silences_the_node)
{
	struct raft_view view;
	unsigned leader;
	enum status st;

	rc_init(&rc, 3, 24);
	rc_start_all(&rc);
	leader = elect();
	rc.nodes[leader].disk.failures = DISK_APPEND;
	(void)rc_create(&rc, leader, 1, &st);
	consensus_flush(rc.nodes[leader].consensus);
	assert_true(rc.nodes[leader].fatal);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 3000));
	rc_create(&rc, leader, 2, &st);
	assert_int_equal(st, ST_CLOSED);
	leader = (unsigned)rc_leader(&rc);
	rc.nodes[(leader + 1) % 3].disk.failures = DISK_META;
	rc_isolate(&rc, leader, true);
	rc_run_ms(&rc, 2000);
	view = rc_view(&rc, (leader + 1) % 3);
	assert_true(view.promise_us == 0 || !rc.nodes[(leader + 1) % 3].fatal);
	rc_close(&rc);
}

TEST(full_disks_refuse_writes_and_recover)
{
	unsigned leader;
	enum status st;
	uint64_t tag;
	unsigned i;

	rc_init(&rc, 3, 25);
	rc_start_all(&rc);
	leader = elect();
	rc_run_ms(&rc, 100);
	for (i = 0; i < 3; i++)
		rc.nodes[i].disk.full = true;
	rc_run_ms(&rc, 200);
	for (i = 0; i < 3; i++)
		assert_true(consensus_disk_short(rc.nodes[i].consensus));
	(void)rc_create(&rc, leader, 1, &st);
	assert_int_equal(st, ST_NO_SPACE);
	/* A full disk does not keep anybody from leading. */
	rc_isolate(&rc, leader, true);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 3000));
	rc_isolate(&rc, leader, false);
	for (i = 0; i < 3; i++)
		rc.nodes[i].disk.full = false;
	rc_run_ms(&rc, 500);
	leader = (unsigned)rc_leader(&rc);
	assert_false(consensus_disk_short(rc.nodes[leader].consensus));
	tag = rc_create(&rc, leader, 2, &st);
	assert_int_equal(st, ST_OK);
	assert_true(rc_wait(&rc, tag, 1000));
	rc_close(&rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(absurd_messages_never_abort_a_running_node),
	    cmocka_unit_test(a_second_leader_in_our_term_is_refused),
	    cmocka_unit_test(a_leader_of_an_older_term_is_told_the_term_and_nothing_else),
	    cmocka_unit_test(a_commit_index_is_never_taken_back),
	    cmocka_unit_test(a_follower_learns_a_change_in_the_middle_of_a_message),
	    cmocka_unit_test(
	        of_two_changes_in_one_message_the_first_stays_when_the_second_is_cut_off),
	    cmocka_unit_test(a_change_that_the_next_one_confirms_stays_when_that_is_cut_off),
	    cmocka_unit_test(a_failing_disk_is_told_and_silences_the_node),
	    cmocka_unit_test(full_disks_refuse_writes_and_recover),
	};

	return RUN_TESTS(tests);
}
