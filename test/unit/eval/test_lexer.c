#include "eval/lexer.h"

#include <string.h>

#include "testing.h"

static struct token nth_token(struct arena *a, const char *text, int n, enum status expected)
{
	struct lexer lx;
	struct token token = {0};

	lexer_init(&lx, a, text, strlen(text));
	for (int i = 0; i < n; i++)
		assert_int_equal(lexer_next(&lx, &token), ST_OK);
	assert_int_equal(lexer_next(&lx, &token), expected);
	return token;
}

TEST(a_dot_ends_an_expression_only_before_space_or_the_end)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	assert_int_equal(nth_token(&a, "1.", 1, ST_OK).kind, TOKEN_DOT);
	assert_int_equal(nth_token(&a, "1.%", 1, ST_OK).kind, TOKEN_DOT);
	assert_int_equal(nth_token(&a, "1.5", 0, ST_OK).kind, TOKEN_FLOAT);
	assert_int_equal(nth_token(&a, "a.b", 1, ST_INVALID).column, 2);
	arena_close(&a);
}

TEST(positions_count_lines_and_characters)
{
	struct arena a;
	struct token t;

	arena_init(&a, 1 << 16);
	t = nth_token(&a, "a\n % comment\n  \"\xce\xb1\" B", 2, ST_OK);
	assert_int_equal(t.kind, TOKEN_VAR);
	assert_int_equal(t.line, 3);
	assert_int_equal(t.column, 7);
	arena_close(&a);
}

TEST(numbers_have_bases_and_underscores)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	assert_int_equal(term_int_value(nth_token(&a, "16#ff_FF", 0, ST_OK).value), 65535);
	assert_int_equal(term_int_value(nth_token(&a, "1_000", 0, ST_OK).value), 1000);
	assert_int_equal(term_int_value(nth_token(&a, "$\\n", 0, ST_OK).value), 10);
	(void)nth_token(&a, "99#1", 0, ST_INVALID);
	(void)nth_token(&a, "16#", 0, ST_INVALID);
	(void)nth_token(&a, "1.0e999", 0, ST_INVALID);
	arena_close(&a);
}

TEST(what_is_not_closed_or_not_text_is_refused)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	(void)nth_token(&a, "\"abc", 0, ST_INVALID);
	(void)nth_token(&a, "'abc", 0, ST_INVALID);
	(void)nth_token(&a, "\xff", 0, ST_INVALID);
	(void)nth_token(&a, "\"\\x{110000}\"", 0, ST_INVALID);
	(void)nth_token(&a, "$", 0, ST_INVALID);
	(void)nth_token(&a, "`", 0, ST_INVALID);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dot_ends_an_expression_only_before_space_or_the_end),
	    cmocka_unit_test(positions_count_lines_and_characters),
	    cmocka_unit_test(numbers_have_bases_and_underscores),
	    cmocka_unit_test(what_is_not_closed_or_not_text_is_refused),
	};

	return RUN_TESTS(tests);
}
