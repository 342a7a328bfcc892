/* Comparing members: what goes over the wire, who is right, and what is named. */
#include "node/audit.h"

#include <string.h>

#include "../session/steps.h"
#include "node/scrub.h"
#include "testing.h"

enum { MEMBERS = 3, SESSIONS = 40, NUMBER = 7 };

static const struct session_attrs plain;
static const char *const names[] = {"erlmcp@a", "erlmcp@b", "erlmcp@c", "erlmcp@d"};

/* As many members with the same sessions; `odd` of them (if any) has one value of its own. */
static void members_new(struct store *stores[MEMBERS], unsigned odd)
{
	const struct command_key key = key_of("k");
	const struct command_key other = key_of("x");

	for (unsigned m = 0; m < MEMBERS; m++) {
		stores[m] = founded(STATE_VERSION_2);
		steps_seq = 1;
		for (unsigned i = 0; i < SESSIONS; i++) {
			assert_int_equal(create(stores[m], i, &plain).result, RESULT_OK);
			assert_int_equal(
			    put(stores[m], i, m == odd && i == 30 ? &other : &key).result,
			    RESULT_OK);
		}
		assert_int_equal(mark(stores[m]).result, RESULT_OK);
	}
}

static void members_free(struct store *stores[MEMBERS])
{
	for (unsigned m = 0; m < MEMBERS; m++)
		store_free(stores[m]);
}

static void flip(struct store *s, unsigned number)
{
	const struct command_key key = key_of("k");
	const struct session_id id = id_of(number);
	struct value_view value;
	uint8_t *bit;

	assert_int_equal(store_value_view(s, &id, key.bytes, key.len, &value), ST_OK);
	memcpy(&bit, &value.bytes, sizeof bit);
	*bit ^= 4;
}

static void sweep(struct scrub *s, const struct store *store)
{
	scrub_begin(s);
	while (!scrub_step(s, store, 64))
		assert_true(s->left < STORE_BUCKETS);
}

/* What that member would answer, over the wire, into the round. */
static void report(struct audit_round *r, const char *name, const struct store *s)
{
	struct scrub found = {0};
	struct audit_message m = {.round = NUMBER, .index = r->index, .sessions = store_count(s)};
	struct buf b;

	sweep(&found, s);
	m.n_damaged = found.damaged;
	buf_init(&b, 1 << 16);
	audit_put_report(&b, &m, found.found, found.n_found, store_mark(s, r->index));
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_OK);
	assert_int_equal(audit_round_report(r, name, &m), ST_OK);
	buf_close(&b);
}

struct list {
	struct object_digests items[SESSIONS];
	size_t n;
};

static void on_object(void *arg, const struct object_digests *o)
{
	struct list *list = arg;

	list->items[list->n++] = *o;
}

static void tell_objects(struct audit_round *r, const char *name, const struct store *s,
                         unsigned bucket)
{
	struct audit_message m = {
	    .round = NUMBER, .bucket = bucket, .digest = store_bucket_digest(s, bucket)};
	struct list list = {.n = 0};
	struct buf b;

	store_bucket_visit(s, bucket, on_object, &list);
	buf_init(&b, 1 << 16);
	audit_put_objects(&b, &m, list.items, list.n);
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_OK);
	assert_int_equal(audit_round_objects(r, name, &m), ST_OK);
	buf_close(&b);
}

/* A round of all members, all voters, before anybody answered. */
static struct audit_round *round_new(struct store *const stores[MEMBERS])
{
	struct audit_round *r = audit_round_new(NUMBER);

	assert_non_null(r);
	r->index = store_mark_last(stores[0])->index;
	for (unsigned m = 0; m < MEMBERS; m++) {
		struct audit_node *node = audit_round_add(r, names[m], true);

		node->voter = true;
		node->raft_id = 100 + m;
	}
	return r;
}

static struct audit_round *compare(struct store *const stores[MEMBERS])
{
	struct audit_round *r = round_new(stores);

	for (unsigned m = 0; m < MEMBERS; m++) {
		assert_true(audit_round_waits(r));
		report(r, names[m], stores[m]);
	}
	assert_false(audit_round_waits(r));
	audit_round_judge(r);
	return r;
}

TEST(equal_members_are_equal_and_nobody_is_condemned)
{
	struct store *stores[MEMBERS];
	struct audit_round *r;
	uint64_t ids[MEMBERS_MAX];

	members_new(stores, MEMBERS);
	r = compare(stores);
	assert_true(r->equal && r->majority);
	assert_int_equal(r->compared, 3);
	assert_int_equal(r->n_buckets + r->n_keys, 0);
	for (unsigned m = 0; m < MEMBERS; m++)
		assert_false(audit_round_condemns(r, &r->nodes[m]));
	assert_int_equal(audit_round_agreeing(r, ids), 3);
	assert_int_equal(ids[2], 102);
	audit_round_free(r);
	members_free(stores);
}

TEST(a_member_that_differs_is_named_with_its_bucket_and_its_session)
{
	struct store *stores[MEMBERS];
	const struct session_id id = id_of(30);
	struct audit_round *r;

	members_new(stores, 1);
	r = compare(stores);
	assert_false(r->equal);
	assert_true(r->majority);
	assert_int_equal(r->agreeing, 2);
	assert_int_equal(r->nodes[1].outcome, AUDIT_DIFFERS);
	assert_true(audit_round_condemns(r, &r->nodes[1]));
	assert_false(audit_round_condemns(r, &r->nodes[0]));
	assert_int_equal(r->n_buckets, 1);
	assert_int_equal(r->buckets[0], store_bucket_of(&id));
	for (unsigned m = 0; m < MEMBERS; m++)
		tell_objects(r, names[m], stores[m], r->buckets[0]);
	audit_round_compare(r, r->buckets[0]);
	assert_int_equal(r->n_keys, 1);
	assert_int_equal(r->keys[0].node, 1);
	assert_int_equal(r->keys[0].fault, AUDIT_OTHER);
	assert_memory_equal(&r->keys[0].id, &id, sizeof id);
	audit_round_free(r);
	members_free(stores);
}

TEST(what_changed_since_the_mark_is_not_blamed)
{
	struct store *stores[MEMBERS];
	const struct command_key key = key_of("later");
	struct audit_round *r;

	members_new(stores, 1);
	r = compare(stores);
	assert_int_equal(put(stores[1], 30, &key).result, RESULT_OK);
	for (unsigned m = 0; m < MEMBERS; m++)
		tell_objects(r, names[m], stores[m], r->buckets[0]);
	audit_round_compare(r, r->buckets[0]);
	assert_int_equal(r->n_keys, 0);
	audit_round_free(r);
	members_free(stores);
}

TEST(memory_that_changed_by_itself_is_named_though_all_digests_are_equal)
{
	struct store *stores[MEMBERS];
	const struct session_id id = id_of(11);
	struct audit_round *r;

	members_new(stores, MEMBERS);
	flip(stores[2], 11);
	r = compare(stores);
	assert_false(r->equal);
	assert_int_equal(r->n_buckets, 0);
	assert_int_equal(r->nodes[2].outcome, AUDIT_DAMAGED);
	assert_int_equal(r->nodes[2].n_damaged, 1);
	assert_true(audit_round_condemns(r, &r->nodes[2]));
	assert_int_equal(r->n_keys, 1);
	assert_int_equal(r->keys[0].fault, AUDIT_CHANGED);
	assert_memory_equal(&r->keys[0].id, &id, sizeof id);
	audit_round_free(r);
	members_free(stores);
}

TEST(nobody_is_condemned_where_no_majority_agrees)
{
	struct store *stores[MEMBERS];
	struct audit_round *r;

	/* Two of three are damaged: the third one is no majority. */
	members_new(stores, MEMBERS);
	flip(stores[0], 3);
	flip(stores[1], 4);
	r = compare(stores);
	assert_int_equal(r->agreeing, 1);
	assert_false(r->majority || r->equal);
	for (unsigned m = 0; m < MEMBERS; m++)
		assert_false(audit_round_condemns(r, &r->nodes[m]));
	audit_round_free(r);
	members_free(stores);
}

TEST(a_member_alone_with_one_that_differs_condemns_nobody)
{
	struct store *stores[MEMBERS];
	struct audit_round *r;

	members_new(stores, 1);
	r = round_new(stores);
	report(r, names[0], stores[0]);
	report(r, names[1], stores[1]);
	audit_round_judge(r); /* the third one is silent */
	assert_int_equal(r->nodes[2].outcome, AUDIT_SILENT);
	assert_int_equal(r->compared, 2);
	assert_false(r->majority || r->equal);
	assert_false(audit_round_condemns(r, &r->nodes[1]));
	audit_round_free(r);
	members_free(stores);
}

TEST(a_member_that_took_over_a_later_state_is_not_compared)
{
	struct store *stores[MEMBERS];
	struct audit_round *r;

	members_new(stores, MEMBERS);
	r = round_new(stores);
	r->index++;
	report(r, names[0], stores[0]);
	audit_round_judge(r);
	assert_int_equal(r->nodes[0].outcome, AUDIT_NO_MARK);
	assert_int_equal(r->compared, 0);
	assert_int_equal(r->truth, SIZE_MAX);
	audit_round_free(r);
	members_free(stores);
}

TEST(answers_to_other_questions_and_of_strangers_are_dropped)
{
	struct store *stores[MEMBERS];
	struct audit_message m = {.round = NUMBER + 1, .standing = AUDIT_GONE};
	struct audit_round *r;

	members_new(stores, MEMBERS);
	r = round_new(stores);
	m.index = r->index;
	assert_int_equal(audit_round_report(r, names[0], &m), ST_NOT_FOUND);
	m.round = NUMBER;
	assert_int_equal(audit_round_report(r, names[3], &m), ST_NOT_FOUND);
	assert_int_equal(audit_round_report(r, names[0], &m), ST_OK);
	assert_int_equal(audit_round_report(r, names[0], &m), ST_NOT_FOUND);
	audit_round_free(r);
	members_free(stores);
}

static void cut_everywhere(struct buf *b, enum audit_type type)
{
	struct audit_message m;

	assert_int_equal(buf_status(b), ST_OK);
	assert_int_equal(audit_decode(b->base, b->len, &m), ST_OK);
	assert_int_equal(m.type, type);
	assert_int_equal(m.round, NUMBER);
	for (size_t len = 0; len < b->len; len++)
		assert_int_equal(audit_decode(b->base, len, &m), ST_MALFORMED);
	buf_u8(b, 0);
	assert_int_equal(audit_decode(b->base, b->len, &m), ST_MALFORMED);
	b->base[0] = 2;
	assert_int_equal(audit_decode(b->base, b->len, &m), ST_UNSUPPORTED);
	buf_reset(b);
}

TEST(each_message_comes_back_and_is_refused_when_cut_short)
{
	const struct audit_sync sync = {.applied = 9, .bytes_all = 100, .bytes_done = 40};
	const struct object_digests object = {.kind = 1, .digest = 5, .recounted = 6};
	struct audit_message m = {.round = NUMBER, .index = 12, .digest = 3, .bucket = 1023};
	const uint64_t ids[] = {4, 5};
	struct buf b;

	buf_init(&b, 1 << 16);
	audit_put_ask(&b, NUMBER, 12);
	cut_everywhere(&b, AUDIT_ASK);
	audit_put_call(&b, NUMBER);
	cut_everywhere(&b, AUDIT_CALL);
	audit_put_ask_objects(&b, NUMBER, 1023);
	cut_everywhere(&b, AUDIT_ASK_OBJECTS);
	audit_put_objects(&b, &m, &object, 1);
	cut_everywhere(&b, AUDIT_OBJECTS);
	audit_put_report(&b, &m, &object, 1, NULL);
	cut_everywhere(&b, AUDIT_REPORT);
	audit_put_verdict(&b, &m, ids, 2);
	cut_everywhere(&b, AUDIT_VERDICT);
	audit_put_ask_sync(&b, NUMBER);
	cut_everywhere(&b, AUDIT_ASK_SYNC);
	audit_put_sync(&b, NUMBER, &sync);
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_OK);
	assert_true(m.sync.applied == 9 && m.sync.bytes_done == 40);
	cut_everywhere(&b, AUDIT_SYNC);
	buf_close(&b);
}

TEST(impossible_numbers_are_refused)
{
	const struct audit_sync more = {.bytes_all = 1, .bytes_done = 2};
	struct audit_message m;
	struct buf b;

	buf_init(&b, 1 << 10);
	audit_put_sync(&b, NUMBER, &more);
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_MALFORMED);
	buf_reset(&b);
	audit_put_ask_objects(&b, NUMBER, STORE_BUCKETS);
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_MALFORMED);
	b.base[1] = AUDIT_TYPES; /* of a later release */
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_UNSUPPORTED);
	b.base[1] = 0;
	assert_int_equal(audit_decode(b.base, b.len, &m), ST_MALFORMED);
	buf_close(&b);
}

TEST(a_sweep_looks_at_everything_a_little_at_a_time)
{
	struct store *stores[MEMBERS];
	struct scrub s = {0};

	members_new(stores, MEMBERS);
	sweep(&s, stores[0]);
	assert_int_equal(s.looked, SESSIONS);
	assert_int_equal(s.sweeps, 1);
	assert_int_equal(s.damaged + s.n_found, 0);
	for (unsigned i = 0; i < SESSIONS; i++)
		flip(stores[0], i);
	sweep(&s, stores[0]);
	assert_int_equal(s.n_found, AUDIT_FOUND_MAX);
	members_free(stores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_members_are_equal_and_nobody_is_condemned),
	    cmocka_unit_test(a_member_that_differs_is_named_with_its_bucket_and_its_session),
	    cmocka_unit_test(what_changed_since_the_mark_is_not_blamed),
	    cmocka_unit_test(memory_that_changed_by_itself_is_named_though_all_digests_are_equal),
	    cmocka_unit_test(nobody_is_condemned_where_no_majority_agrees),
	    cmocka_unit_test(a_member_alone_with_one_that_differs_condemns_nobody),
	    cmocka_unit_test(a_member_that_took_over_a_later_state_is_not_compared),
	    cmocka_unit_test(answers_to_other_questions_and_of_strangers_are_dropped),
	    cmocka_unit_test(each_message_comes_back_and_is_refused_when_cut_short),
	    cmocka_unit_test(impossible_numbers_are_refused),
	    cmocka_unit_test(a_sweep_looks_at_everything_a_little_at_a_time),
	};

	return RUN_TESTS(tests);
}
