#include "term/term.h"

#include <string.h>

#include "testing.h"

enum { ARENA_MAX = 1 << 20 };

static int open_arena(void **state)
{
	static struct arena arena;

	arena_init(&arena, ARENA_MAX);
	*state = &arena;
	return 0;
}

static int close_arena(void **state)
{
	arena_close(*state);
	return 0;
}

static void a_list_knows_its_length_and_an_improper_one_has_none(void **state)
{
	struct arena *a = *state;
	const struct term *items[] = {term_int(a, 1), term_int(a, 2)};
	const struct term *list = term_list(a, items, 2);

	assert_int_equal(term_length(list), 2);
	assert_int_equal(term_int_value(term_head(term_tail(list))), 2);
	assert_int_equal(term_length(term_nil(a)), 0);
	assert_int_equal(term_length(term_cons(a, items[0], items[1])), -1);
	assert_int_equal(term_length(items[0]), -1);
}

static void later_pairs_of_a_map_win_and_keys_are_in_order(void **state)
{
	struct arena *a = *state;
	const struct term *keys[] = {term_atom(a, "b"), term_int(a, 1), term_float(a, 1.0),
	                             term_atom(a, "b")};
	const struct term *values[] = {term_int(a, 10), term_int(a, 11), term_int(a, 12),
	                               term_int(a, 13)};
	const struct term *map = term_map(a, keys, values, 4);

	assert_int_equal(term_map_size(map), 3);
	assert_ptr_equal(term_map_key(map, 0), keys[1]);
	assert_ptr_equal(term_map_key(map, 1), keys[2]);
	assert_int_equal(term_int_value(term_map_get(map, keys[0])), 13);
	assert_int_equal(term_int_value(term_map_get(map, term_float(a, 1.0))), 12);
	assert_null(term_map_get(map, term_int(a, 2)));
}

static void text_comes_from_atoms_binaries_and_strings(void **state)
{
	struct arena *a = *state;
	char text[16];
	size_t len;

	assert_int_equal(term_text(term_atom(a, "abc"), text, sizeof text, &len), ST_OK);
	assert_string_equal(text, "abc");
	assert_int_equal(term_text(term_binary(a, "xyz", 3), text, sizeof text, &len), ST_OK);
	assert_string_equal(text, "xyz");
	assert_int_equal(term_text(term_string(a, "h\xc3\xa9"), text, sizeof text, &len), ST_OK);
	assert_string_equal(text, "h\xc3\xa9");
	assert_int_equal(len, 3);
	assert_int_equal(term_length(term_string(a, "h\xc3\xa9")), 2);
	assert_int_equal(term_text(term_int(a, 1), text, sizeof text, &len), ST_INVALID);
	assert_int_equal(term_text(term_atom(a, "abc"), text, 3, &len), ST_LIMIT);
}

static void null_children_make_null_parents(void **state)
{
	struct arena *a = *state;
	const struct term *items[] = {term_int(a, 1), NULL};

	assert_null(term_cons(a, NULL, term_nil(a)));
	assert_null(term_tuple(a, items, 2));
	assert_null(term_list(a, items, 2));
	assert_null(term_map(a, items, items, 2));
}

static void nothing_is_built_deeper_than_the_limit(void **state)
{
	struct arena *a = *state;
	const struct term *t = term_nil(a);
	unsigned depth = 1;

	while (t != NULL) {
		t = term_cons(a, t, term_nil(a));
		depth += t != NULL;
	}
	assert_int_equal(depth, TERM_DEPTH_MAX);
	assert_true(a->failed);
}

static void sharing_cannot_make_a_term_too_heavy_to_walk(void **state)
{
	struct arena *a = *state;
	const struct term *t = term_atom(a, "x");

	while (t != NULL) {
		assert_true(term_weight(t) <= TERM_WEIGHT_MAX);
		t = term_tuple2(a, t, t);
	}
	assert_true(a->used < 4096);
}

static void a_copy_equals_its_original(void **state)
{
	struct arena *a = *state;
	struct arena other;
	const struct term *key = term_atom(a, "key");
	const struct term *value = term_tuple3(a, term_string(a, "text"), term_float(a, 2.5),
	                                       term_bitstring(a, "\xff", 3));
	const struct term *map = term_map(a, &key, &value, 1);
	const struct term *copy;

	arena_init(&other, ARENA_MAX);
	copy = term_copy(&other, map);
	assert_non_null(copy);
	assert_ptr_not_equal(copy, map);
	assert_int_equal(term_compare(copy, map, true), 0);
	arena_close(&other);
}

static void an_exhausted_arena_gives_null_everywhere(void **state)
{
	(void)state;
	for (size_t max = 1; max < 1500; max += 16) {
		struct arena a;
		const struct term *t;

		arena_init(&a, max);
		t = term_tuple3(&a, term_string(&a, "a string"), term_binary(&a, "bytes", 5),
		                term_atom(&a, "an_atom"));
		assert_true((t == NULL) == a.failed);
		if (t != NULL)
			assert_int_equal(term_tuple_size(t), 3);
		arena_close(&a);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
	const struct CMUnitTest tests[] = {
	    CASE(a_list_knows_its_length_and_an_improper_one_has_none),
	    CASE(later_pairs_of_a_map_win_and_keys_are_in_order),
	    CASE(text_comes_from_atoms_binaries_and_strings),
	    CASE(null_children_make_null_parents),
	    CASE(nothing_is_built_deeper_than_the_limit),
	    CASE(sharing_cannot_make_a_term_too_heavy_to_walk),
	    CASE(a_copy_equals_its_original),
	    CASE(an_exhausted_arena_gives_null_everywhere),
	};

	return RUN_TESTS(tests);
}
