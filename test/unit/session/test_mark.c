/* Comparing members, and finding memory that changed by itself. */
#include "session/mark.h"

#include <string.h>

#include "session/limits.h"
#include "steps.h"
#include "testing.h"

static const struct session_attrs plain;

TEST(a_mark_tells_which_bucket_differs)
{
	struct store *a = founded(STATE_VERSION_2);
	struct store *b = founded(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	const struct session_id id = id_of(2);
	unsigned differ = 0;
	uint64_t first;
	uint64_t saved;
	unsigned i;

	for (i = 0; i < 50; i++) {
		saved = steps_seq;
		assert_int_equal(create(a, i, &plain).result, RESULT_OK);
		assert_int_equal(put(a, i, &key).result, RESULT_OK);
		steps_seq = saved;
		assert_int_equal(create(b, i, &plain).result, RESULT_OK);
		assert_int_equal(put(b, i == 2 ? 2 : i, &key).result, RESULT_OK);
	}
	assert_int_equal(mark(a).result, RESULT_OK);
	assert_int_equal(mark(b).result, RESULT_OK);
	first = store_index(a);
	assert_true(store_mark(a, first)->digest == store_mark(b, first)->digest);
	saved = steps_seq;
	assert_int_equal(put(a, 2, &key).result, RESULT_OK);
	steps_seq = saved;
	assert_int_equal(put(b, 3, &key).result, RESULT_OK);
	assert_int_equal(mark(a).result, RESULT_OK);
	assert_int_equal(mark(b).result, RESULT_OK);
	for (i = 0; i < STORE_BUCKETS; i++)
		differ += store_mark_last(a)->buckets[i] != store_mark_last(b)->buckets[i];
	assert_int_equal(differ, 2);
	assert_true(store_mark_last(a)->buckets[store_bucket_of(&id)] !=
	            store_mark_last(b)->buckets[store_bucket_of(&id)]);
	/* Old ones are forgotten, not mistaken. */
	for (i = 0; i < MARKS_MAX; i++)
		assert_int_equal(mark(a).result, RESULT_OK);
	assert_null(store_mark(a, first));
	assert_null(store_mark(a, 0));
	store_free(a);
	store_free(b);
}

TEST(a_mark_names_the_state_before_it_by_index_and_digest)
{
	struct store *s = founded(STATE_VERSION_2);
	uint64_t digest;
	uint64_t index;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	index = store_index(s);
	digest = store_digest(s);
	assert_int_equal(mark(s).result, RESULT_OK);
	assert_true(store_mark_last(s)->state_index == index);
	assert_true(store_mark_last(s)->state_digest == digest);
	assert_true(store_digest(s) != digest);
	store_free(s);
}

TEST(the_digest_covers_the_revisions_of_keys)
{
	static const unsigned orders[2][3] = {{0, 1, 2}, {1, 0, 2}};
	static const char *const names[] = {"x", "y", "z"};
	struct store *stores[2];
	unsigned i;
	unsigned k;

	for (i = 0; i < 2; i++) {
		stores[i] = founded(STATE_VERSION_2);
		steps_seq = 100;
		assert_int_equal(create(stores[i], 1, &plain).result, RESULT_OK);
		for (k = 0; k < 3; k++) {
			const struct command_key key = key_of(names[orders[i][k]]);

			assert_int_equal(put(stores[i], 1, &key).result, RESULT_OK);
		}
	}
	assert_true(store_bytes(stores[0]) == store_bytes(stores[1]));
	assert_true(store_digest(stores[0]) != store_digest(stores[1]));
	store_free(stores[0]);
	store_free(stores[1]);
}

struct found {
	struct session_id id;
	unsigned wrong;
};

static void find_wrong(void *arg, const struct object_digests *object)
{
	struct found *found = arg;

	if (object->digest == object->recounted)
		return;
	found->wrong++;
	found->id = object->id;
}

TEST(a_bit_that_flipped_is_found_and_its_session_named)
{
	struct store *s = founded(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	const struct session_id id = id_of(30);
	struct found found = {.wrong = 0};
	struct value_view value;
	unsigned wrong = 0;
	unsigned i;
	uint8_t *bit;

	for (i = 0; i < 50; i++) {
		assert_int_equal(create(s, i, &plain).result, RESULT_OK);
		assert_int_equal(put(s, i, &key).result, RESULT_OK);
	}
	assert_int_equal(store_value_view(s, &id, key.bytes, key.len, &value), ST_OK);
	memcpy(&bit, &value.bytes, sizeof bit);
	*bit ^= 4;
	for (i = 0; i < STORE_BUCKETS; i++) {
		if (store_bucket_recount(s, i) == store_bucket_digest(s, i))
			continue;
		wrong++;
		store_bucket_visit(s, i, find_wrong, &found);
	}
	assert_int_equal(wrong, 1);
	assert_int_equal(found.wrong, 1);
	assert_memory_equal(&found.id, &id, sizeof id);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mark_tells_which_bucket_differs),
	    cmocka_unit_test(a_mark_names_the_state_before_it_by_index_and_digest),
	    cmocka_unit_test(the_digest_covers_the_revisions_of_keys),
	    cmocka_unit_test(a_bit_that_flipped_is_found_and_its_session_named),
	};

	return RUN_TESTS(tests);
}
