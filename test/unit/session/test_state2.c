/* Commands of version 2 one by one: each outcome has its name. */
#include <string.h>

#include "session/expiry.h"
#include "session/image.h"
#include "session/limits.h"
#include "session/mark.h"
#include "steps.h"
#include "testing.h"

static const struct session_attrs plain;

TEST(below_version_2_its_commands_do_nothing)
{
	struct store *s = founded(STATE_VERSION_1);
	const struct command_key key = key_of("k");
	struct store_usage usage;
	struct command_head h;
	uint64_t before;

	assert_int_equal(create(s, 1, &plain).result, RESULT_UNSUPPORTED);
	assert_int_equal(put(s, 1, &key).result, RESULT_UNSUPPORTED);
	assert_int_equal(mark(s).result, RESULT_UNSUPPORTED);
	assert_null(store_mark_last(s));
	/* Not even their results are kept: a member that does not know them keeps none. */
	assert_int_equal(upgrade(s, 1).result, RESULT_UNSUPPORTED);
	assert_int_equal(store_beyond(s), 0);
	assert_int_equal(upgrade(s, STATE_VERSION_NEWEST + 1).result, RESULT_UNSUPPORTED);
	/* It stays what it was, and knows that others have gone on. */
	assert_int_equal(store_beyond(s), STATE_VERSION_NEWEST + 1);
	h = head_at(1);
	before = h.origin.seq;
	assert_int_equal(create_head(s, &h, 1, &plain).result, RESULT_UNSUPPORTED);
	assert_int_equal(store_version(s), STATE_VERSION_1);
	store_usage(s, &usage);
	assert_int_equal(usage.sessions_max, SESSIONS_MAX_V1);
	/* From the upgrade on they are understood, the same one too. */
	assert_int_equal(upgrade(s, STATE_VERSION_2).result, RESULT_OK);
	assert_int_equal(store_version(s), STATE_VERSION_2);
	store_usage(s, &usage);
	assert_int_equal(usage.sessions_max, SESSIONS_MAX);
	h.origin.seq = before;
	assert_int_equal(create_head(s, &h, 1, &plain).result, RESULT_OK);
	/* Once more: it is there already. */
	assert_true(upgrade(s, STATE_VERSION_2).detail == STATE_VERSION_2);
	store_free(s);
}

TEST(an_upgrade_keeps_what_was_there)
{
	struct store *s = founded(STATE_VERSION_1);
	struct command_head h = {.now_ms = 1};
	const struct session_id id = id_of(1);
	struct command_key key = key_of("k");
	struct value_view value;
	unsigned i;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command_create(&b, &h, &id, (const uint8_t *)"info", 4);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	command_put(&b, &h, &id, key.bytes, key.len, (const uint8_t *)"old", 3);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	assert_int_equal(upgrade(s, STATE_VERSION_2).result, RESULT_OK);
	for (i = 0; i < STORE_BUCKETS; i++)
		assert_true(store_bucket_digest(s, i) == store_bucket_recount(s, i));
	/* A key of before the upgrade has the first revision, which no command can have. */
	assert_int_equal(store_value_view(s, &id, key.bytes, key.len, &value), ST_OK);
	assert_true(value.revision == 1);
	key.checked = true;
	key.expected = 1;
	assert_int_equal(put(s, 1, &key).result, RESULT_OK);
	assert_true(put(s, 1, &key).detail == store_index(s) - 1);
	/* Commands of version 1 go on, and give keys their revisions now. */
	command_put(&b, &h, &id, key.bytes, key.len, (const uint8_t *)"new", 3);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	assert_int_equal(store_value_view(s, &id, key.bytes, key.len, &value), ST_OK);
	assert_true(value.revision == store_index(s));
	buf_close(&b);
	store_free(s);
}

TEST(a_store_is_founded_at_a_version_only_while_it_is_empty)
{
	struct store *s = founded(STATE_VERSION_2);

	assert_int_equal(store_found(s, STATE_VERSION_NEWEST + 1), ST_UNSUPPORTED);
	assert_int_equal(store_found(s, 0), ST_UNSUPPORTED);
	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	assert_int_equal(store_found(s, STATE_VERSION_1), ST_INVALID);
	store_free(s);
}

TEST(compare_and_set_takes_the_expected_revision_only)
{
	struct store *s = founded(STATE_VERSION_2);
	struct command_key key = key_of("k");
	struct store_answer answer;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	key.checked = true;
	key.expected = 5;
	answer = put(s, 1, &key);
	assert_int_equal(answer.result, RESULT_CONFLICT);
	assert_true(answer.detail == 0);
	key.expected = 0;
	answer = put(s, 1, &key);
	assert_int_equal(answer.result, RESULT_OK);
	key.expected = answer.revision;
	answer = put(s, 1, &key);
	assert_int_equal(answer.result, RESULT_OK);
	/* The one before is gone; what there is is told. */
	assert_true(put(s, 1, &key).detail == answer.revision);
	assert_int_equal(unset(s, 1, &key).result, RESULT_CONFLICT);
	key.expected = 0;
	assert_int_equal(put(s, 1, &key).result, RESULT_CONFLICT);
	key.expected = answer.revision;
	assert_int_equal(unset(s, 1, &key).result, RESULT_OK);
	key.expected = 0;
	assert_int_equal(unset(s, 1, &key).result, RESULT_NO_KEY);
	key.checked = false;
	assert_int_equal(unset(s, 1, &key).result, RESULT_NO_KEY);
	assert_int_equal(unset(s, 2, &key).result, RESULT_NOT_FOUND);
	store_free(s);
}

TEST(a_claim_makes_the_epochs_before_it_stale)
{
	struct store *s = founded(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	const struct session_id id = id_of(1);
	struct command_head h = head_at(5);
	struct store_answer answer;
	struct session_view view;
	uint64_t epoch;

	h.guards = GUARD_EPOCH;
	h.epoch = create(s, 1, &plain).epoch;
	answer = claim(s, &h, 1, 44);
	assert_int_equal(answer.result, RESULT_OK);
	assert_true(answer.epoch > h.epoch);
	epoch = answer.epoch;
	/* The same claim once more is the same claim. */
	assert_true(claim(s, &h, 1, 44).epoch == epoch);
	/* Another node, which saw the epoch before, is told. */
	h.origin.seq = ++steps_seq;
	answer = claim(s, &h, 1, 45);
	assert_int_equal(answer.result, RESULT_STALE_EPOCH);
	assert_true(answer.epoch == epoch);
	h.origin.seq = ++steps_seq;
	assert_int_equal(put_head(s, &h, 1, &key).result, RESULT_STALE_EPOCH);
	h.origin.seq = ++steps_seq;
	h.epoch = epoch;
	assert_int_equal(put_head(s, &h, 1, &key).result, RESULT_OK);
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.owner == 44 && view.epoch == epoch);
	h.origin.seq = ++steps_seq;
	assert_int_equal(claim(s, &h, 2, 44).result, RESULT_NOT_FOUND);
	store_free(s);
}

TEST(the_leaders_time_takes_the_place_of_the_proposers)
{
	struct store *s = founded(STATE_VERSION_2);
	const struct command_head h = head_at(5);
	const struct session_id id = id_of(1);
	struct session_view view;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_create(&b, &h, &id, &plain);
	command_stamp_time(b.base, 0x123456789ab);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.created_ms == 0x123456789ab && view.active_ms == view.created_ms);
	buf_close(&b);
	store_free(s);
}

TEST(an_epoch_of_an_earlier_life_of_the_id_is_stale)
{
	struct store *s = founded(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	struct command_head h = head_at(5);
	struct command_head last;
	struct buf result;
	uint64_t epoch;
	struct buf b;
	unsigned i;

	epoch = create(s, 1, &plain).epoch;
	buf_init(&b, COMMAND_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	/* Claims, an end and a new life, all in one log entry. */
	for (i = 0; i < 5; i++) {
		const struct session_id id = id_of(1);
		const uint64_t index = store_index(s) + (i == 0);
		struct store_answer answer;

		h.origin.seq = ++steps_seq;
		buf_reset(&b);
		buf_reset(&result);
		if (i < 3)
			command2_claim(&b, &h, &id, 44);
		else if (i == 3)
			command2_delete(&b, &h, &id);
		else
			command2_create(&b, &h, &id, &plain);
		assert_int_equal(store_apply(s, index, b.base, b.len, &result), ST_OK);
		assert_int_equal(store_result_decode(result.base, result.len, &answer), ST_OK);
		assert_int_equal(answer.result, RESULT_OK);
		if (i == 3)
			continue;
		assert_true(answer.epoch > epoch);
		epoch = answer.epoch;
	}
	last = head_at(6);
	last.guards = GUARD_EPOCH;
	last.epoch = epoch - 2; /* of the last claim before the end */
	assert_int_equal(put_head(s, &last, 1, &key).result, RESULT_STALE_EPOCH);
	buf_close(&b);
	buf_close(&result);
	store_free(s);
}

TEST(another_principal_changes_nothing)
{
	const struct session_attrs attrs = {.principal = (const uint8_t *)"alice",
	                                    .principal_len = 5};
	struct store *s = founded(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	struct command_head h = head_at(5);

	assert_int_equal(create(s, 1, &attrs).result, RESULT_OK);
	h.guards = GUARD_PRINCIPAL;
	h.principal = (const uint8_t *)"alicf";
	h.principal_len = 5;
	assert_int_equal(put_head(s, &h, 1, &key).result, RESULT_PRINCIPAL);
	h.origin.seq = ++steps_seq;
	h.principal_len = 0;
	assert_int_equal(put_head(s, &h, 1, &key).result, RESULT_PRINCIPAL);
	h.origin.seq = ++steps_seq;
	h.principal = (const uint8_t *)"alice";
	h.principal_len = 5;
	assert_int_equal(put_head(s, &h, 1, &key).result, RESULT_OK);
	store_free(s);
}

TEST(every_limit_of_version_2_has_its_own_result)
{
	static const uint8_t bytes[SESSION_CAPABILITIES_MAX + 1];
	struct store *s = founded(STATE_VERSION_2);
	static struct session_id ids[TOUCH_MAX];
	struct command_head h = head_at(5);
	struct session_attrs a = plain;
	struct buf b;

	a.protocol = a.capabilities = a.principal = a.info = bytes;
	a.protocol_len = SESSION_PROTOCOL_MAX + 1;
	assert_int_equal(create(s, 1, &a).result, RESULT_PROTOCOL_LIMIT);
	a.protocol_len--;
	a.capabilities_len = SESSION_CAPABILITIES_MAX + 1;
	assert_int_equal(create(s, 1, &a).result, RESULT_CAPABILITIES_LIMIT);
	a.capabilities_len--;
	a.principal_len = SESSION_PRINCIPAL_MAX + 1;
	assert_int_equal(create(s, 1, &a).result, RESULT_PRINCIPAL_LIMIT);
	a.principal_len--;
	a.ttl_ms = SESSION_TTL_MAX_MS + 1;
	assert_int_equal(create(s, 1, &a).result, RESULT_TTL_LIMIT);
	a.ttl_ms--;
	assert_int_equal(create(s, 1, &a).result, RESULT_OK);
	buf_init(&b, COMMAND_MAX);
	command2_limits(&b, &h, (uint64_t)SESSIONS_MAX + 1, 0);
	assert_int_equal(apply(s, &b).result, RESULT_LIMITS_LIMIT);
	h = head_at(5);
	command2_limits(&b, &h, 0, (uint64_t)STORE_BYTES_MAX + 1);
	assert_int_equal(apply(s, &b).result, RESULT_LIMITS_LIMIT);
	h = head_at(5);
	command2_limits(&b, &h, 2, SESSION_OVERHEAD + store_bytes(s));
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	a = plain;
	a.info = bytes;
	a.info_len = 1;
	assert_int_equal(create(s, 2, &a).result, RESULT_STORE_LIMIT);
	assert_int_equal(create(s, 2, &plain).result, RESULT_OK);
	assert_int_equal(create(s, 3, &plain).result, RESULT_SESSIONS_LIMIT);
	/* A list may be longer than the encoder makes it. */
	h = head_at(5);
	command2_touch(&b, &h, ids, TOUCH_MAX);
	b.base[b.len - TOUCH_MAX * SESSION_ID_BYTES - 2] += 1;
	buf_bytes(&b, bytes, 256 * SESSION_ID_BYTES);
	b.base[b.len - 1] = 0;
	assert_int_equal(apply(s, &b).result, RESULT_BATCH_LIMIT);
	buf_close(&b);
	store_free(s);
}

TEST(activity_moves_forward_and_is_no_change_of_the_data)
{
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id ids[] = {id_of(1), id_of(2), id_of(3)};
	struct command_head h = head_at(9000);
	struct session_view view;
	struct buf b;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	assert_int_equal(create(s, 2, &plain).result, RESULT_OK);
	buf_init(&b, COMMAND_MAX);
	command2_touch(&b, &h, ids, 3);
	assert_true(apply(s, &b).detail == 2);
	h = head_at(8000);
	command2_touch(&b, &h, ids, 1);
	assert_true(apply(s, &b).detail == 1);
	assert_int_equal(store_get(s, &ids[0], &view), ST_OK);
	assert_true(view.active_ms == 9000 && view.revision == 1 && view.created_ms == 1000);
	buf_close(&b);
	store_free(s);
}

static struct store_answer expire(struct store *s, int64_t now_ms, const struct expiry *list,
                                  size_t n)
{
	const struct command_head h = head_at(now_ms);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_expire(&b, &h, list, n);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

TEST(what_is_used_after_the_proposer_looked_does_not_expire)
{
	const struct session_attrs brief = {.ttl_ms = 500};
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id ids[] = {id_of(1), id_of(2)};
	struct command_head h = head_at(1600);
	struct expiry_scan scan = {0, 0};
	struct expiry list[8];
	struct buf b;

	assert_true(store_next_expiry(s) == INT64_MAX);
	assert_int_equal(create(s, 1, &brief).result, RESULT_OK);
	assert_int_equal(create(s, 2, &brief).result, RESULT_OK);
	assert_int_equal(create(s, 3, &plain).result, RESULT_OK);
	assert_true(store_next_expiry(s) == 1500);
	assert_int_equal(store_expired(s, &scan, 1499, SIZE_MAX, list, 8), 0);
	assert_int_equal(store_expired(s, &scan, 1500, SIZE_MAX, list, 8), 2);
	/* Between the look and the decision one of them is used. */
	buf_init(&b, COMMAND_MAX);
	command2_touch(&b, &h, ids, 1);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	assert_true(expire(s, 1700, list, 2).detail == 1);
	assert_int_equal(store_count(s), 2);
	/* A list that comes before its time, by the proposer's own clock, does nothing. */
	assert_int_equal(store_expired(s, &scan, 2100, SIZE_MAX, list, 8), 1);
	assert_true(expire(s, 2099, list, 1).detail == 0);
	assert_true(expire(s, 2100, list, 1).detail == 1);
	assert_int_equal(store_expired(s, &scan, 99999, SIZE_MAX, list, 8), 0);
	assert_true(store_next_expiry(s) == INT64_MAX);
	buf_close(&b);
	store_free(s);
}

TEST(a_scan_for_what_expires_is_cut_into_pieces)
{
	const struct session_attrs brief = {.ttl_ms = 500};
	struct store *s = founded(STATE_VERSION_2);
	struct expiry_scan scan = {0, 0};
	struct expiry list[7];
	size_t rounds = 0;
	size_t gone = 0;
	unsigned i;

	for (i = 0; i < 100; i++)
		assert_int_equal(create(s, i, &brief).result, RESULT_OK);
	for (; store_count(s) > 0 && rounds < 1000; rounds++) {
		size_t n = store_expired(s, &scan, 5000, 2000, list, 7);

		gone += expire(s, 5000, list, n).detail;
	}
	assert_int_equal(gone, 100);
	assert_true(rounds > 100 / 7 && rounds < 100);
	store_free(s);
}

static void collect(void *arg, const struct session_view *view)
{
	struct session_id *last = arg;

	assert_true(memcmp(last->bytes, view->id.bytes, SESSION_ID_BYTES) < 0);
	*last = view->id;
}

TEST(pages_follow_one_another)
{
	struct store *s = founded(STATE_VERSION_2);
	struct session_id last = {.bytes = {0}};
	size_t total = 1;
	size_t n;
	unsigned i;

	for (i = 0; i < 300; i++)
		assert_int_equal(create(s, i, &plain).result, RESULT_OK);
	/* The first id is all zeros, behind which the pages begin. */
	do {
		n = store_page(s, &last, 7, collect, &last);
		total += n;
	} while (n == 7);
	assert_int_equal(total, 300);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(below_version_2_its_commands_do_nothing),
	    cmocka_unit_test(an_upgrade_keeps_what_was_there),
	    cmocka_unit_test(a_store_is_founded_at_a_version_only_while_it_is_empty),
	    cmocka_unit_test(compare_and_set_takes_the_expected_revision_only),
	    cmocka_unit_test(a_claim_makes_the_epochs_before_it_stale),
	    cmocka_unit_test(the_leaders_time_takes_the_place_of_the_proposers),
	    cmocka_unit_test(an_epoch_of_an_earlier_life_of_the_id_is_stale),
	    cmocka_unit_test(another_principal_changes_nothing),
	    cmocka_unit_test(every_limit_of_version_2_has_its_own_result),
	    cmocka_unit_test(activity_moves_forward_and_is_no_change_of_the_data),
	    cmocka_unit_test(what_is_used_after_the_proposer_looked_does_not_expire),
	    cmocka_unit_test(a_scan_for_what_expires_is_cut_into_pieces),
	    cmocka_unit_test(pages_follow_one_another),
	};

	return RUN_TESTS(tests);
}
