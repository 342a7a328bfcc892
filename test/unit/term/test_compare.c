#include "term/term.h"
#include "testing.h"

/* One of each kind, in Erlang's order. */
static size_t specimens(struct arena *a, const struct term *ret[32])
{
	const struct term_node_id id = {.node = "n@h", .id = 7, .words = {1, 2, 3}, .n_words = 3};
	const struct term_fun fun = {.kind = TERM_FUN_EXPORT, .module = "m", .function = "f"};
	const struct term *one = term_int(a, 1);
	const struct term *pair[] = {one, one};
	size_t n = 0;

	ret[n++] = term_float(a, -1e300);
	ret[n++] = term_int(a, INT64_MIN);
	ret[n++] = term_int(a, -1);
	ret[n++] = one;
	ret[n++] = term_float(a, 1.5);
	ret[n++] = term_float(a, 1e300);
	ret[n++] = term_atom(a, "a");
	ret[n++] = term_atom(a, "b");
	ret[n++] = term_ref(a, &id);
	ret[n++] = term_fun(a, &fun);
	ret[n++] = term_port(a, &id);
	ret[n++] = term_pid(a, &id);
	ret[n++] = term_tuple(a, NULL, 0);
	ret[n++] = term_tuple(a, pair, 2);
	ret[n++] = term_map(a, pair, pair, 0);
	ret[n++] = term_map(a, pair, pair, 1);
	ret[n++] = term_nil(a);
	ret[n++] = term_list(a, pair, 1);
	ret[n++] = term_list(a, pair, 2);
	ret[n++] = term_binary(a, "", 0);
	ret[n++] = term_bitstring(a, "\x80", 1);
	ret[n++] = term_binary(a, "\x80", 1);
	return n;
}

TEST(the_order_of_kinds_is_erlangs)
{
	const struct term *terms[32];
	struct arena a;
	size_t n;

	arena_init(&a, 1 << 16);
	n = specimens(&a, terms);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int order = term_compare(terms[i], terms[j], false);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
	arena_close(&a);
}

TEST(one_and_one_point_zero_are_equal_but_not_exactly)
{
	struct arena a;
	const struct term *i;
	const struct term *f;

	arena_init(&a, 1 << 16);
	i = term_int(&a, 1);
	f = term_float(&a, 1.0);
	assert_int_equal(term_compare(i, f, false), 0);
	assert_true(term_compare(i, f, true) < 0);
	assert_true(term_compare(term_tuple2(&a, i, i), term_tuple2(&a, f, f), true) != 0);
	assert_int_equal(term_compare(term_tuple2(&a, i, i), term_tuple2(&a, f, f), false), 0);
	arena_close(&a);
}

TEST(keys_of_maps_are_compared_exactly_and_values_are_not)
{
	struct arena a;
	const struct term *i;
	const struct term *f;

	arena_init(&a, 1 << 16);
	i = term_int(&a, 1);
	f = term_float(&a, 1.0);
	assert_int_equal(term_compare(term_map(&a, &i, &i, 1), term_map(&a, &i, &f, 1), false), 0);
	assert_true(term_compare(term_map(&a, &i, &i, 1), term_map(&a, &f, &i, 1), false) < 0);
	arena_close(&a);
}

TEST(large_integers_and_floats_are_compared_without_rounding)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	assert_true(term_compare(term_int(&a, 9007199254740993), term_float(&a, 9007199254740992.0),
	                         false) > 0);
	assert_true(term_compare(term_int(&a, INT64_MAX), term_float(&a, 9223372036854775808.0),
	                         false) < 0);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_order_of_kinds_is_erlangs),
	    cmocka_unit_test(one_and_one_point_zero_are_equal_but_not_exactly),
	    cmocka_unit_test(keys_of_maps_are_compared_exactly_and_values_are_not),
	    cmocka_unit_test(large_integers_and_floats_are_compared_without_rounding),
	};

	return RUN_TESTS(tests);
}
