#include "term/integer.h"

#include <string.h>

#include "testing.h"

static const struct term *parse(struct arena *a, const char *text)
{
	const struct term *t = NULL;

	assert_int_equal(integer_parse(a, text, strlen(text), 10, &t), ST_OK);
	return t;
}

static void check(const char *x, enum integer_op op, const char *y, const char *expected)
{
	const struct term *t = NULL;
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 16);
	assert_int_equal(integer_compute(&a, op, parse(&a, x), parse(&a, y), &t), ST_OK);
	integer_print(&b, t, 10, false);
	assert_string_equal(buf_text(&b), expected);
	assert_int_equal(term_compare(t, parse(&a, expected), true), 0);
	assert_int_equal(term_type(t), term_type(parse(&a, expected)));
	buf_close(&b);
	arena_close(&a);
}

TEST(sums_and_products_grow_beyond_a_machine_word_and_come_back)
{
	check("9223372036854775807", INTEGER_ADD, "1", "9223372036854775808");
	check("9223372036854775808", INTEGER_SUB, "1", "9223372036854775807");
	check("-9223372036854775808", INTEGER_SUB, "1", "-9223372036854775809");
	check("-9223372036854775809", INTEGER_ADD, "1", "-9223372036854775808");
	check("123456789012345678901234567890", INTEGER_MUL, "-987654321",
	      "-121932631124828532112482853211126352690");
}

TEST(division_goes_towards_zero)
{
	check("-7", INTEGER_DIV, "2", "-3");
	check("-7", INTEGER_REM, "2", "-1");
	check("-9223372036854775808", INTEGER_DIV, "-1", "9223372036854775808");
	check("-9223372036854775808", INTEGER_REM, "-1", "0");
	check("-100000000000000000000", INTEGER_REM, "7", "-2");
}

TEST(bits_are_those_of_endless_twos_complement)
{
	check("-1", INTEGER_AND, "18446744073709551615", "18446744073709551615");
	check("-18446744073709551616", INTEGER_OR, "1", "-18446744073709551615");
	check("-1", INTEGER_XOR, "18446744073709551615", "-18446744073709551616");
	check("1", INTEGER_SHIFT_LEFT, "64", "18446744073709551616");
	check("-1", INTEGER_SHIFT_RIGHT, "100", "-1");
	check("18446744073709551616", INTEGER_SHIFT_RIGHT, "64", "1");
	check("18446744073709551616", INTEGER_SHIFT_LEFT, "-64", "1");
	check("5", INTEGER_SHIFT_RIGHT, "18446744073709551616", "0");
	check("0", INTEGER_SHIFT_LEFT, "18446744073709551616", "0");
}

TEST(what_would_be_too_large_is_refused)
{
	struct arena a;
	const struct term *t = NULL;
	const struct term *huge = NULL;

	arena_init(&a, 1 << 20);
	assert_int_equal(integer_compute(&a, INTEGER_SHIFT_LEFT, term_int(&a, 1),
	                                 term_int(&a, INTEGER_BITS_MAX), &t),
	                 ST_LIMIT);
	assert_int_equal(integer_compute(&a, INTEGER_SHIFT_LEFT, term_int(&a, 1),
	                                 term_int(&a, INTEGER_BITS_MAX - 1), &huge),
	                 ST_OK);
	assert_int_equal(integer_compute(&a, INTEGER_MUL, huge, huge, &t), ST_LIMIT);
	assert_int_equal(integer_compute(&a, INTEGER_ADD, huge, huge, &t), ST_LIMIT);
	assert_int_equal(integer_compute(&a, INTEGER_DIV, huge, term_int(&a, 0), &t), ST_INVALID);
	assert_null(t);
	arena_close(&a);
}

TEST(floats_come_out_as_near_as_they_can)
{
	struct arena a;
	double v;

	arena_init(&a, 1 << 20);
	assert_int_equal(integer_to_double(parse(&a, "100000000000000000000"), &v), ST_OK);
	assert_true(v == 1e20);
	assert_int_equal(
	    term_compare(integer_from_double(&a, 1e20), parse(&a, "100000000000000000000"), true),
	    0);
	assert_int_equal(term_int_value(integer_from_double(&a, -3.9)), -3);
	arena_close(&a);
}

TEST(text_in_other_bases)
{
	struct arena a;
	const struct term *t = NULL;
	struct buf b;

	arena_init(&a, 1 << 20);
	buf_init(&b, 1024);
	assert_int_equal(integer_parse(&a, "-FFffFFffFFffFFff0", 18, 16, &t), ST_OK);
	integer_print(&b, t, 16, false);
	assert_string_equal(buf_text(&b), "-FFFFFFFFFFFFFFFF0");
	assert_int_equal(integer_parse(&a, "12", 2, 2, &t), ST_INVALID);
	assert_int_equal(integer_parse(&a, "", 0, 10, &t), ST_INVALID);
	assert_int_equal(integer_parse(&a, "-", 1, 10, &t), ST_INVALID);
	buf_close(&b);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_and_products_grow_beyond_a_machine_word_and_come_back),
	    cmocka_unit_test(division_goes_towards_zero),
	    cmocka_unit_test(bits_are_those_of_endless_twos_complement),
	    cmocka_unit_test(what_would_be_too_large_is_refused),
	    cmocka_unit_test(floats_come_out_as_near_as_they_can),
	    cmocka_unit_test(text_in_other_bases),
	};

	return RUN_TESTS(tests);
}
