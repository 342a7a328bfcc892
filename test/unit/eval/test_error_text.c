#include "eval_fixture.h"

TEST(errors_are_worded_as_in_erlangs_shell)
{
	SHOWS("1 = 2", "** exception error: no match of right hand side value 2\n");
	SHOWS("1/0",
	      "** exception error: an error occurred when evaluating an arithmetic expression\n");
	SHOWS("foo:bar()", "** exception error: undefined function foo:bar/0\n");
	SHOWS("bar(1)", "** exception error: undefined function bar/1\n");
	SHOWS("hd([])", "** exception error: bad argument\n");
	SHOWS("case 1 of 2 -> x end", "** exception error: no case clause matching 1\n");
	SHOWS("try 1 of 2 -> x catch _:_ -> y end",
	      "** exception error: no try clause matching 1\n");
	SHOWS("if false -> x end", "** exception error: no true branch found when evaluating an if "
	                           "expression\n");
	SHOWS("(fun(1) -> x end)(2)", "** exception error: no function clause matching\n");
	SHOWS("(fun(X) -> X end)()",
	      "** exception error: interpreted function with arity 1 called with no arguments\n");
	SHOWS("a(1), X = 3, X(1)", "** exception error: undefined function a/1\n");
	SHOWS("X = 3, X(1)", "** exception error: bad function 3\n");
	SHOWS("maps:get(b, #{a => 1})", "** exception error: bad key: b\n");
	SHOWS("maps:keys(a)", "** exception error: bad map: a\n");
	SHOWS("1 andalso true", "** exception error: bad argument: 1\n");
	SHOWS("error({oops, \"x\"})", "** exception error: {oops,\"x\"}\n");
	SHOWS("[X || X <- a]", "** exception error: bad generator a\n");
}

TEST(exits_and_throws_show_their_reason)
{
	SHOWS("exit(normal)", "** exception exit: normal\n");
	SHOWS("throw({a, 1})", "** exception throw: {a,1}\n");
}

TEST(an_unbound_variable_is_shown_with_its_place)
{
	SHOWS("1, Foo + 1", "** 1:4: variable 'Foo' is unbound\n");
	SHOWS("\n  X", "** 2:3: variable 'X' is unbound\n");
	SHOWS("fun(X) -> X end, X", "** 1:18: variable 'X' is unbound\n");
}

TEST(an_exception_from_a_catch_clause_keeps_its_own_words)
{
	SHOWS("try foo:bar() catch throw:_ -> x end",
	      "** exception error: undefined function foo:bar/0\n");
	SHOWS("try foo:bar() after ok end", "** exception error: undefined function foo:bar/0\n");
	SHOWS("try error(a) catch error:a -> error(undef) end",
	      "** exception error: undefined function\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errors_are_worded_as_in_erlangs_shell),
	    cmocka_unit_test(exits_and_throws_show_their_reason),
	    cmocka_unit_test(an_unbound_variable_is_shown_with_its_place),
	    cmocka_unit_test(an_exception_from_a_catch_clause_keeps_its_own_words),
	};

	return RUN_TESTS(tests);
}
