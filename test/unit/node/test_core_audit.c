/* Comparing members over the wire: who is asked, what counts as an answer, and for how long one is
 * awaited; and a full synchronisation to its end: core_audit.c, core_full.c. */
#include <stdlib.h>
#include <string.h>

#include "node/core_internal.h"
#include "one.h"
#include "session/command.h"
#include "testing.h"

enum { PATIENCE_US = 31000 * MS };

static const char *const peers[] = {"erlmcp@b", "erlmcp@c"};

/* How a comparison or a full synchronisation ended. */
struct ended {
	unsigned times;
	enum status st;
	bool equal;
	unsigned differ;
	struct full_report full;
};

static void on_compared(void *arg, enum status st, const struct audit_round *r)
{
	struct ended *e = arg;

	e->times++;
	e->st = st;
	for (size_t i = 0; r != NULL && i < r->n; i++)
		e->differ += r->nodes[i].outcome > AUDIT_EQUAL;
	e->equal = r != NULL && r->equal;
}

static void on_full(void *arg, enum status st, const struct full_report *r)
{
	struct ended *e = arg;

	e->times++;
	e->st = st;
	if (r != NULL)
		e->full = *r;
}

static enum full_action action_of(const struct ended *e, const char *name)
{
	for (size_t i = 0; i < e->full.n; i++) {
		if (strcmp(e->full.nodes[i].name, name) == 0)
			return e->full.nodes[i].action;
	}
	fail_msg("%s is not in the report", name);
	return FULL_UNREACHABLE;
}

/* The mark that waits to be written is applied, and both others are in sight. */
static struct audit_round *marked(struct one *o)
{
	struct requests *all = &o->core->requests;
	struct request *q = CONTAINER_OF(queue_front(&all->done), struct request, link);
	struct command_head head = head_at(1);
	struct audit_round *r = o->core->audit.round;
	struct buf command;
	struct buf result;

	buf_init(&command, COMMAND_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	command2_mark(&command, &head);
	assert_int_equal(store_apply(o->core->store, store_index(o->core->store) + 1, command.base,
	                             command.len, &result),
	                 ST_OK);
	free(q->bytes);
	q->bytes = malloc(result.len);
	assert_non_null(q->bytes);
	memcpy(q->bytes, result.base, result.len);
	q->len = result.len;
	q->st = ST_OK;
	buf_close(&command);
	buf_close(&result);
	requests_deliver(all);
	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].self || !r->nodes[i].voter)
			continue;
		r->nodes[i].outcome = AUDIT_WAITING;
		r->nodes[i].raft_id = 0; /* as is said of a peer that nothing is known of */
	}
	return r;
}

static struct audit_round *begin(struct one *o, struct ended *e)
{
	memset(e, 0, sizeof *e);
	core_validate(o->core, on_compared, e);
	return marked(o);
}

/* That peer reports what this node has; change is added to what it says of round, index, digest. */
struct change {
	uint64_t round;
	uint64_t index;
	uint64_t digest;
};

static void report(struct one *o, const char *peer, struct change change)
{
	const struct audit_round *r = o->core->audit.round;
	struct store_mark mark = *store_mark_last(o->core->store);
	struct audit_message m = {.round = change.round, .index = mark.index + change.index};
	struct buf b;

	if (r != NULL)
		m.round += r->number;
	mark.digest += change.digest;
	buf_init(&b, 65536);
	audit_put_report(&b, &m, NULL, 0, &mark);
	core_take_audit(o->core, peer, b.base, b.len);
	buf_close(&b);
}

static enum audit_outcome outcome_of(struct one *o, const char *name)
{
	return audit_round_node(o->core->audit.round, name)->outcome;
}

/* So much time passes, in steps of a millisecond while memory is looked at, then at once. */
static void pass(struct one *o, int64_t us)
{
	const int64_t end = o->now_us + us;

	for (unsigned i = 0; i < 20; i++) {
		o->now_us += MS;
		core_audit_step(o->core, o->now_us);
	}
	if (end > o->now_us)
		o->now_us = end;
	core_audit_step(o->core, o->now_us);
}

static void start(struct one *o)
{
	(void)open_one(o);
	o->core->started = true;
}

static void stop(struct one *o)
{
	o->core->started = false;
	close_one(o);
}

TEST(all_who_report_the_same_are_equal_at_once)
{
	struct one o;
	struct ended e;

	start(&o);
	(void)begin(&o, &e);
	report(&o, peers[0], (struct change){0});
	report(&o, peers[1], (struct change){0});
	pass(&o, 0);
	assert_int_equal(e.times, 1);
	assert_int_equal(e.st, ST_OK);
	assert_true(e.equal);
	stop(&o);
}

TEST(a_report_of_another_round_or_mark_or_of_a_stranger_is_no_answer)
{
	struct one o;
	struct ended e;

	start(&o);
	(void)begin(&o, &e);
	report(&o, peers[0], (struct change){.round = 1});
	report(&o, peers[0], (struct change){.index = 1});
	report(&o, "erlmcp@z", (struct change){0});
	assert_int_equal(outcome_of(&o, peers[0]), AUDIT_WAITING);
	pass(&o, 0);
	assert_int_equal(e.times, 0);
	stop(&o);
	assert_int_equal(e.st, ST_CLOSED);
}

TEST(a_second_report_of_a_member_does_not_change_the_first)
{
	struct one o;
	struct ended e;

	start(&o);
	(void)begin(&o, &e);
	report(&o, peers[0], (struct change){0});
	report(&o, peers[0], (struct change){.digest = 5});
	report(&o, peers[1], (struct change){0});
	pass(&o, 0);
	assert_true(e.equal);
	stop(&o);
}

TEST(a_report_that_is_cut_short_or_too_long_is_not_looked_at)
{
	struct one o;
	struct ended e;
	struct audit_message m = {0};
	struct buf b;

	start(&o);
	m.round = begin(&o, &e)->number;
	m.index = store_mark_last(o.core->store)->index;
	buf_init(&b, 65536);
	audit_put_report(&b, &m, NULL, 0, store_mark_last(o.core->store));
	for (size_t len = 0; len < b.len; len += len < 64 ? 1 : 61)
		core_take_audit(o.core, peers[0], b.base, len);
	buf_u8(&b, 0);
	core_take_audit(o.core, peers[0], b.base, b.len);
	assert_int_equal(outcome_of(&o, peers[0]), AUDIT_WAITING);
	core_take_audit(o.core, peers[0], b.base, b.len - 1);
	assert_int_equal(outcome_of(&o, peers[0]), AUDIT_EQUAL);
	buf_close(&b);
	stop(&o);
}

TEST(who_does_not_report_is_silent_and_too_late_afterwards)
{
	struct one o;
	struct ended e;

	start(&o);
	(void)begin(&o, &e);
	report(&o, peers[0], (struct change){0});
	pass(&o, PATIENCE_US);
	assert_int_equal(e.times, 1);
	assert_true(e.equal);
	assert_null(o.core->audit.round);
	report(&o, peers[1], (struct change){.round = 1, .digest = 9});
	pass(&o, 0);
	assert_int_equal(e.times, 1);
	assert_int_equal(o.resets, 0);
	stop(&o);
}

TEST(who_differs_is_counted_and_told)
{
	struct one o;
	struct ended e;

	start(&o);
	(void)begin(&o, &e);
	report(&o, peers[0], (struct change){.digest = 5});
	report(&o, peers[1], (struct change){0});
	pass(&o, 2000 * MS);
	assert_int_equal(e.times, 1);
	assert_false(e.equal);
	assert_int_equal(e.differ, 1);
	assert_int_equal(o.alarms, 1);
	stop(&o);
}

/* How many messages of this type went out. */
static unsigned sent(const struct one *o, enum audit_type type)
{
	unsigned n = 0;

	for (size_t i = 0; i < o->n_sent; i++) {
		struct audit_message m;

		n += audit_decode(o->sent[i].bytes + 1, o->sent[i].len - 1 - MESSAGE_SUM_BYTES,
		                  &m) == ST_OK &&
		     m.type == type;
	}
	return n;
}

static void ask(struct one *o, const char *peer, uint64_t round, uint64_t index)
{
	struct buf b;

	buf_init(&b, 256);
	audit_put_ask(&b, round, index);
	core_take_audit(o->core, peer, b.base, b.len);
	buf_close(&b);
}

TEST(a_question_is_answered_once_its_mark_is_applied_and_memory_was_counted)
{
	struct one o;
	uint64_t index;

	start(&o);
	index = store_index(o.core->store);
	ask(&o, peers[0], 7, index);
	assert_int_equal(sent(&o, AUDIT_REPORT), 0);
	pass(&o, 0);
	assert_int_equal(sent(&o, AUDIT_REPORT), 1);
	ask(&o, peers[0], 8, index + 1);
	pass(&o, 0);
	assert_int_equal(sent(&o, AUDIT_REPORT), 1);
	assert_int_equal(mark(o.core->store).result, RESULT_OK);
	pass(&o, 0);
	assert_int_equal(sent(&o, AUDIT_REPORT), 2);
	stop(&o);
}

TEST(who_asks_twice_is_answered_once_and_who_asks_what_never_comes_is_forgotten)
{
	struct one o;
	uint64_t index;

	start(&o);
	index = store_index(o.core->store);
	ask(&o, peers[0], 7, index);
	ask(&o, peers[0], 8, index);
	pass(&o, 0);
	assert_int_equal(sent(&o, AUDIT_REPORT), 1);
	ask(&o, peers[1], 9, index + 1);
	pass(&o, PATIENCE_US);
	assert_int_equal(mark(o.core->store).result, RESULT_OK);
	pass(&o, 0);
	assert_int_equal(sent(&o, AUDIT_REPORT), 1);
	stop(&o);
}

/* --- How far the members are --------------------------------------------------------- */

TEST(a_node_that_no_majority_confirms_does_not_say_who_is_in_step)
{
	struct sync_report r = {.commit = 9, .n = 1};
	struct sync_node node = {.name = "erlmcp@a", .asked = true, .answered = true};
	struct sync_figures x;

	node.sync.applied = 9;
	sync_figures(&r, &node, &x);
	assert_string_equal(x.state, "in_sync");
	assert_true(x.known);
	r.doubt_us = 1;
	sync_figures(&r, &node, &x);
	assert_string_equal(x.state, "unknown");
	assert_false(x.known);
	node.leader = true;
	sync_figures(&r, &node, &x);
	assert_string_equal(x.state, "unknown");
	/* What it fetches it knows. */
	node.sync.fetching = 7;
	sync_figures(&r, &node, &x);
	assert_string_equal(x.state, "fetching");
	assert_true(x.known);
	node.answered = false;
	sync_figures(&r, &node, &x);
	assert_string_equal(x.state, "silent");
}

/* --- Full synchronisation ------------------------------------------------------------ */

static void begin_full(struct one *o, struct ended *e, uint64_t digest)
{
	memset(e, 0, sizeof *e);
	core_full(o->core, on_full, e);
	(void)marked(o);
	report(o, peers[0], (struct change){.digest = digest});
	report(o, peers[1], (struct change){0});
	pass(o, 2000 * MS);
}

TEST(a_full_synchronisation_of_equals_ends_with_the_first_comparison)
{
	struct one o;
	struct ended e;

	start(&o);
	begin_full(&o, &e, 0);
	assert_int_equal(e.times, 1);
	assert_int_equal(action_of(&e, peers[0]), FULL_VERIFIED);
	assert_int_equal(action_of(&e, "erlmcp@a"), FULL_VERIFIED);
	assert_int_equal(action_of(&e, "erlmcp@d"), FULL_UNREACHABLE);
	stop(&o);
}

TEST(who_starts_over_is_awaited_and_in_the_end_given_up)
{
	struct one o;
	struct ended e;

	start(&o);
	begin_full(&o, &e, 5);
	assert_int_equal(e.times, 0);
	pass(&o, FULL_PATIENCE_US / 2);
	assert_int_equal(e.times, 0);
	pass(&o, FULL_PATIENCE_US);
	assert_int_equal(e.times, 1);
	assert_int_equal(e.st, ST_OK);
	assert_true(e.full.late);
	assert_int_equal(action_of(&e, peers[0]), FULL_STARTS_OVER);
	assert_int_equal(action_of(&e, peers[1]), FULL_VERIFIED);
	stop(&o);
}

TEST(who_waits_for_the_end_is_told_when_the_node_stops)
{
	struct one o;
	struct ended e;

	start(&o);
	begin_full(&o, &e, 5);
	assert_int_equal(e.times, 0);
	stop(&o);
	assert_int_equal(e.times, 1);
	assert_int_equal(e.st, ST_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_who_report_the_same_are_equal_at_once),
	    cmocka_unit_test(a_report_of_another_round_or_mark_or_of_a_stranger_is_no_answer),
	    cmocka_unit_test(a_second_report_of_a_member_does_not_change_the_first),
	    cmocka_unit_test(a_report_that_is_cut_short_or_too_long_is_not_looked_at),
	    cmocka_unit_test(who_does_not_report_is_silent_and_too_late_afterwards),
	    cmocka_unit_test(who_differs_is_counted_and_told),
	    cmocka_unit_test(
	        a_question_is_answered_once_its_mark_is_applied_and_memory_was_counted),
	    cmocka_unit_test(
	        who_asks_twice_is_answered_once_and_who_asks_what_never_comes_is_forgotten),
	    cmocka_unit_test(a_node_that_no_majority_confirms_does_not_say_who_is_in_step),
	    cmocka_unit_test(a_full_synchronisation_of_equals_ends_with_the_first_comparison),
	    cmocka_unit_test(who_starts_over_is_awaited_and_in_the_end_given_up),
	    cmocka_unit_test(who_waits_for_the_end_is_told_when_the_node_stops),
	};

	return RUN_TESTS(tests);
}
