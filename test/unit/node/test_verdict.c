/* What a member does about a verdict over its state, and how verdicts are given: core_verdict.c. */
#include <string.h>

#include "node/core_internal.h"
#include "one.h"
#include "testing.h"

/* A verdict of these voters; change is added to the digest that this node has there. */
static void judge(struct one *o, uint64_t index, uint64_t change, const uint64_t *ids, size_t n)
{
	const struct store_mark *mine = store_mark(o->core->store, index);
	struct audit_message m = {.round = 1, .index = index, .digest = change};
	struct buf b;

	if (mine != NULL) {
		m.digest += mine->digest;
		m.rest = mine->rest;
	}
	buf_init(&b, 1024);
	audit_put_verdict(&b, &m, ids, n);
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_OK);
	core_take_verdict(o->core, &m);
	buf_close(&b);
}

static void damage(struct one *o)
{
	struct scrub s = {.damaged = 1, .n_found = 1};

	s.found[0].id = id_of(3);
	core_note_damage(o->core, &s);
}

static const uint64_t all[] = {SELF, SECOND, THIRD};
static const uint64_t others[] = {SECOND, THIRD};

TEST(a_state_that_a_majority_shares_is_noted_as_verified)
{
	struct one o;
	const uint64_t index = open_one(&o);
	struct audit_totals t;

	judge(&o, index, 0, all, 3);
	core_audit_totals(o.core, &t);
	assert_true(t.verified == store_mark(o.core->store, index)->state_index);
	assert_true(t.verified_digest == store_mark(o.core->store, index)->state_digest);
	assert_false(t.damaged);
	assert_int_equal(o.resets, 0);
	close_one(&o);
}

TEST(a_minority_that_agrees_verifies_nothing)
{
	struct one o;
	const uint64_t index = open_one(&o);
	const uint64_t alone[] = {SELF, LEARNER, 99};
	struct audit_totals t;

	judge(&o, index, 0, alone, 3);
	core_audit_totals(o.core, &t);
	assert_true(t.verified == 0);
	close_one(&o);
}

TEST(who_differs_from_a_majority_of_others_is_fenced_and_starts_over_once)
{
	struct one o;
	const uint64_t index = open_one(&o);
	enum status why;

	assert_true(!core_refuses(o.core, &why) || why != ST_FENCED);
	judge(&o, index, 1, others, 2);
	assert_int_equal(o.resets, 1);
	assert_non_null(strstr(o.why, "differs from that of 2 voters who agree"));
	assert_string_equal(o.why, o.alarm);
	assert_true(core_refuses(o.core, &why));
	assert_int_equal(why, ST_FENCED);
	judge(&o, index, 1, others, 2);
	assert_int_equal(o.resets, 1);
	close_one(&o);
}

TEST(nobody_starts_over_on_the_word_of_one_or_of_who_does_not_vote)
{
	struct one o;
	const uint64_t index = open_one(&o);
	const uint64_t one_other[] = {SELF, SECOND};
	const uint64_t no_voters[] = {SECOND, LEARNER, 99};

	judge(&o, index, 1, one_other, 2);
	judge(&o, index, 1, no_voters, 3);
	damage(&o);
	judge(&o, index, 0, one_other, 2);
	assert_int_equal(o.resets, 0);
	close_one(&o);
}

TEST(what_is_said_of_an_index_without_a_mark_is_not_believed)
{
	struct one o;
	const uint64_t index = open_one(&o);
	struct audit_totals t;

	judge(&o, index + 5, 1, others, 2);
	core_audit_totals(o.core, &t);
	assert_int_equal(o.resets, 0);
	assert_true(t.verified == 0);
	close_one(&o);
}

TEST(damaged_memory_fences_at_once_names_the_object_and_starts_over_by_a_verdict)
{
	struct one o;
	const uint64_t index = open_one(&o);
	char id[SESSION_ID_TEXT];
	const struct session_id three = id_of(3);
	enum status why;

	damage(&o);
	session_id_text(&three, id);
	assert_true(core_refuses(o.core, &why));
	assert_int_equal(why, ST_FENCED);
	assert_int_equal(o.alarms, 1);
	assert_non_null(strstr(o.alarm, id));
	damage(&o);
	assert_int_equal(o.alarms, 1);
	assert_int_equal(o.resets, 0);
	judge(&o, index, 0, others, 2);
	assert_int_equal(o.resets, 1);
	assert_non_null(strstr(o.why, "memory is damaged"));
	close_one(&o);
}

static struct audit_node *add(struct audit_round *r, const char *name, uint64_t id,
                              enum audit_outcome outcome)
{
	struct audit_node *node = audit_round_add(r, name, true);

	assert_non_null(node);
	node->raft_id = id;
	node->voter = true;
	node->self = id == SELF;
	node->outcome = outcome;
	return node;
}

TEST(one_member_a_round_is_told_to_start_over_and_the_judge_last)
{
	struct one o;
	struct audit_round *r = audit_round_new(1);
	const struct audit_node *self;
	struct audit_totals t;

	(void)open_one(&o);
	assert_non_null(r);
	self = add(r, "erlmcp@a", SELF, AUDIT_DAMAGED);
	(void)add(r, "erlmcp@b", SECOND, AUDIT_DIFFERS);
	(void)add(r, "erlmcp@c", THIRD, AUDIT_EQUAL);
	r->truth = 2;
	r->majority = true;
	core_tell_verdict(o.core, r);
	core_audit_totals(o.core, &t);
	assert_true(t.condemned == 1);
	assert_false(self->replaced);
	assert_true(audit_round_node(r, "erlmcp@b")->replaced);
	assert_int_equal(o.resets, 0);
	assert_int_equal(o.n_sent, 2);
	assert_string_equal(o.sent[0].peer, "erlmcp@c");
	assert_string_equal(o.sent[1].peer, "erlmcp@b");
	audit_round_free(r);
	close_one(&o);
}

TEST(without_a_majority_nobody_is_told_anything)
{
	struct one o;
	struct audit_round *r = audit_round_new(1);

	(void)open_one(&o);
	assert_non_null(r);
	(void)add(r, "erlmcp@a", SELF, AUDIT_EQUAL);
	(void)add(r, "erlmcp@b", SECOND, AUDIT_DIFFERS);
	r->truth = 0;
	core_tell_verdict(o.core, r);
	assert_int_equal(o.n_sent, 0);
	audit_round_free(r);
	close_one(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_state_that_a_majority_shares_is_noted_as_verified),
	    cmocka_unit_test(a_minority_that_agrees_verifies_nothing),
	    cmocka_unit_test(who_differs_from_a_majority_of_others_is_fenced_and_starts_over_once),
	    cmocka_unit_test(nobody_starts_over_on_the_word_of_one_or_of_who_does_not_vote),
	    cmocka_unit_test(what_is_said_of_an_index_without_a_mark_is_not_believed),
	    cmocka_unit_test(
	        damaged_memory_fences_at_once_names_the_object_and_starts_over_by_a_verdict),
	    cmocka_unit_test(one_member_a_round_is_told_to_start_over_and_the_judge_last),
	    cmocka_unit_test(without_a_majority_nobody_is_told_anything),
	};

	return RUN_TESTS(tests);
}
