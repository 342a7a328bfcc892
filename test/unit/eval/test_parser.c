#include "eval_fixture.h"

TEST(a_syntax_error_says_where_and_what_was_found)
{
	SHOWS("1 + ", "** 1:5: syntax error before: the end\n");
	SHOWS("foo(1,\n  bar]).", "** 2:6: syntax error before: ']'\n");
	SHOWS("X = = 2", "** 1:5: syntax error before: '='\n");
	SHOWS("case 1 of 2 -> 3", "** 1:17: syntax error before: the end\n");
	SHOWS("1 2", "** 1:3: syntax error before: 2\n");
	SHOWS("\"abc", "** 1:1: unterminated string\n");
	SHOWS("1 < 2 < 3", "** 1:7: syntax error before: '<'\n");
}

TEST(what_does_not_exist_here_says_so)
{
	SHOWS("receive X -> X end", "** 1:1: receive is not supported: there is no mailbox here\n");
	SHOWS("#rec{a = 1}", "** 1:2: records are not supported\n");
	SHOWS("", "** 1:1: there is no expression\n");
	SHOWS("% nothing", "** 1:10: there is no expression\n");
	SHOWS("<<1/foo>>", "** 1:5: undefined bit type\n");
}

TEST(operators_bind_as_in_erlang)
{
	SHOWS("1 + 2 * 3", "7\n");
	SHOWS("10 - 3 - 2", "5\n");
	SHOWS("[1,2,3] -- [1,2] -- [1]", "[1,3]\n");
	SHOWS("not true orelse true", "true\n");
	SHOWS("- 2 + 5", "3\n");
	SHOWS("1 bsl 2 + 1", "5\n");
	SHOWS("2 * 3 rem 4", "2\n");
	SHOWS("X = Y = 2, X + Y", "4\n");
	SHOWS("1 == 1 andalso 2 > 1", "true\n");
}

TEST(programs_are_expressions_between_commas_and_dots)
{
	SHOWS("1, 2, 3", "3\n");
	SHOWS("1.", "1\n");
	SHOWS("\nX = 1.\nY = X + 1.\nX + Y.\n", "3\n");
	SHOWS("A = 1. % first\nA + 1", "2\n");
}

TEST(nesting_has_a_limit)
{
	char text[2048];
	size_t n = 0;

	while (n < 1000)
		text[n++] = '[';
	text[n] = '\0';
	SHOWS(text, "** 1:301: expression is nested too deeply\n");
}

TEST(variables_are_counted)
{
	char text[4096];
	size_t n = 0;

	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "V%d = 1, ", i);
	(void)snprintf(text + n, sizeof text - n, "ok");
	SHOWS(text, "** 1:2451: too many variables\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_syntax_error_says_where_and_what_was_found),
	    cmocka_unit_test(what_does_not_exist_here_says_so),
	    cmocka_unit_test(operators_bind_as_in_erlang),
	    cmocka_unit_test(programs_are_expressions_between_commas_and_dots),
	    cmocka_unit_test(nesting_has_a_limit),
	    cmocka_unit_test(variables_are_counted),
	};

	return RUN_TESTS(tests);
}
