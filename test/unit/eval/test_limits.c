/* Every bound is hit by a program that would otherwise hang or bloat the node. */
#include "eval_fixture.h"

#define LIMIT(text, which) \
	SHOWS(text, "** exception error: a system limit has been reached (" which ")\n")

TEST(endless_programs_run_out_of_steps)
{
	LIMIT("F = fun F() -> F() end, F()", "too many steps");
	LIMIT("F = fun F(N) -> try F(N + 1) of X -> X catch _:_ -> F(N) end end, F(0)",
	      "calls or expressions are nested too deeply");
	LIMIT("[{X, Y, Z} || X <- lists:seq(1, 10000), Y <- lists:seq(1, 10000), "
	      "Z <- lists:seq(1, 10000), X + Y + Z < 0]",
	      "too many steps");
}

TEST(recursion_runs_out_of_depth)
{
	LIMIT("F = fun F(N) -> 1 + F(N + 1) end, F(0)",
	      "calls or expressions are nested too deeply");
}

TEST(huge_values_are_refused_before_they_are_made)
{
	LIMIT("lists:seq(1, 100000000)", "a list is too long");
	LIMIT("lists:duplicate(100000000, x)", "a list is too long");
	LIMIT("string:pad(\"x\", 100000000)", "a pad is too long");
	LIMIT("string:copies(\"abc\", 100000000)", "a list is too long");
	LIMIT("binary:copy(<<\"abc\">>, 100000000)", "a binary is too large");
	LIMIT("<<1:100000000000>>", "a binary is too large");
	SHOWS("1 bsl 100000000", "** exception error: a system limit has been reached\n");
	SHOWS("erlang:make_tuple(100000000, x)",
	      "** exception error: a system limit has been reached\n");
	SHOWS("F = fun F(0, X) -> X; F(N, X) -> F(N - 1, X * X) end, F(100, 3)",
	      "** exception error: a system limit has been reached\n");
}

TEST(what_grows_runs_out_of_memory_or_of_terms)
{
	LIMIT("F = fun F(X) -> F([X, X]) end, F([])",
	      "too much memory, or a term that is too large or too deep");
	LIMIT("F = fun F(X) -> F(<<X/binary, X/binary>>) end, F(<<\"abcdefgh\">>)",
	      "too much memory, or a term that is too large or too deep");
	LIMIT("F = fun F(X) -> F(X ++ X) end, F([1])",
	      "too much memory, or a term that is too large or too deep");
}

TEST(output_has_an_end)
{
	LIMIT("[io:format(\"~100000s\", [\"x\"]) || _ <- lists:seq(1, 1000)]", "too much output");
	SHOWS("io:format(\"~1000000000s\", [\"x\"])", "** exception error: bad argument\n");
}

TEST(a_limit_cannot_be_caught)
{
	LIMIT("try lists:seq(1, 100000000) catch _:_ -> caught end", "a list is too long");
	LIMIT("catch lists:seq(1, 100000000)", "a list is too long");
	LIMIT("try (fun F() -> F() end)() after ok end", "too many steps");
}

static enum host_answer always(void *arg, uint32_t call, const char *module, const char *function,
                               const struct term *const args[], size_t n_args, struct arena *a,
                               const struct term **ret)
{
	(void)arg;
	(void)call;
	(void)module;
	(void)function;
	(void)args;
	(void)n_args;
	*ret = term_nil(a);
	return HOST_VALUE;
}

TEST(calls_of_the_node_are_counted)
{
	const struct eval_host host = {.call = always};
	const struct eval_limits limits = {
	    .steps = 10000, .memory = 1 << 20, .depth = 100, .calls = 10};
	char shown[256];

	eval_show("[my:call(X) || X <- lists:seq(1, 10)], ok", &host, &limits, shown, sizeof shown);
	assert_string_equal(shown, "ok\n");
	eval_show("[my:call(X) || X <- lists:seq(1, 11)], ok", &host, &limits, shown, sizeof shown);
	assert_string_equal(shown, "** exception error: a system limit has been reached "
	                           "(too many calls of the node's functions)\n");
}

TEST(any_amount_of_memory_gives_a_value_or_a_clean_limit)
{
	const char *text = "M = maps:from_list([{X, integer_to_list(X)} || X <- lists:seq(1, 30)]),"
	                   "io:format(\"~p~n\", [M]), lists:sort(maps:values(M)), "
	                   "string:split(\"a,b,c\", \",\", all), <<A:4, _/bits>> = <<16#1234:16>>, "
	                   "try error(A) catch error:E -> E end";

	for (size_t memory = 64; memory < 200000; memory = memory * 9 / 8) {
		const struct eval_limits limits = {
		    .steps = 1000000, .memory = memory, .depth = 1000, .calls = 10};
		char shown[4096];

		eval_show(text, NULL, &limits, shown, sizeof shown);
		assert_true(strstr(shown, "system limit") != NULL ||
		            strcmp(shown + strlen(shown) - 2, "1\n") == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(endless_programs_run_out_of_steps),
	    cmocka_unit_test(recursion_runs_out_of_depth),
	    cmocka_unit_test(huge_values_are_refused_before_they_are_made),
	    cmocka_unit_test(what_grows_runs_out_of_memory_or_of_terms),
	    cmocka_unit_test(output_has_an_end),
	    cmocka_unit_test(a_limit_cannot_be_caught),
	    cmocka_unit_test(calls_of_the_node_are_counted),
	    cmocka_unit_test(any_amount_of_memory_gives_a_value_or_a_clean_limit),
	};

	return RUN_TESTS(tests);
}
