#include "eval/eval.h"

#include "eval_fixture.h"

/* A node as the runbooks see it. */
struct node {
	unsigned asked; /* calls so far */
};

static enum host_answer members(struct arena *a, const struct term **ret)
{
	const struct term *nodes[] = {term_atom(a, "erlmcp@a"), term_atom(a, "erlmcp@b")};

	*ret = term_tuple2(a, term_atom(a, "ok"), term_list(a, nodes, 2));
	return HOST_VALUE;
}

static enum host_answer answer(void *arg, uint32_t call, const char *module, const char *function,
                               const struct term *const args[], size_t n_args, struct arena *a,
                               const struct term **ret)
{
	struct node *node = arg;

	(void)args;
	(void)module;
	(void)n_args;
	assert_int_equal(call, node->asked);
	node->asked++;
	if (strcmp(function, "get_members") == 0)
		return members(a, ret);
	if (strcmp(function, "nodes") == 0) {
		*ret = term_nil(a);
		return HOST_VALUE;
	}
	if (strcmp(function, "ensure_all_started") == 0) {
		*ret = term_tuple2(a, term_atom(a, "ok"), term_nil(a));
		return HOST_VALUE;
	}
	if (strcmp(function, "refuse") == 0) {
		*ret = term_atom(a, "refused");
		return HOST_RAISE;
	}
	return strcmp(function, "slow") == 0 ? HOST_WAIT : HOST_UNDEFINED;
}

static void shows_on_node(const char *text, const char *expected)
{
	struct node node = {0};
	const struct eval_host host = {.arg = &node, .call = answer};
	char shown[2048];

	eval_show(text, &host, NULL, shown, sizeof shown);
	assert_string_equal(shown, expected);
}

TEST(the_health_check_of_the_runbook_binds_in_one_element_what_the_next_one_uses)
{
	shows_on_node("\n[\n"
	              "  {ok, _} = application:ensure_all_started(erlmcp),\n"
	              "  {ok, Members} = erlmcp_cluster_membership:get_members(),\n"
	              "  true = length(Members) >= 2,\n"
	              "  health_check_passed\n"
	              "].\n",
	              "[{ok,[]},{ok,[erlmcp@a,erlmcp@b]},true,health_check_passed]\n");
}

TEST(a_health_check_that_fails_names_the_value)
{
	shows_on_node("[true = length(nodes()) >= 2, health_check_passed].",
	              "** exception error: no match of right hand side value false\n");
}

TEST(functions_without_a_module_that_are_not_ours_are_those_of_the_node)
{
	shows_on_node("[X || X <- nodes()]", "[]\n");
	shows_on_node("nosuch(1, 2)", "** exception error: undefined function nosuch/2\n");
	shows_on_node("mnesia:clear_table(cluster_membership).\nerlmcp:reset().",
	              "** exception error: undefined function mnesia:clear_table/1\n");
	shows_on_node("catch my:refuse()", "{'EXIT',{refused,[]}}\n");
	shows_on_node("try my:refuse() catch error:refused -> seen end", "seen\n");
}

TEST(a_call_that_waits_is_answered_once_and_the_program_runs_to_its_end)
{
	const char *text = "io:format(\"before~n\"), X = my:slow(1), Y = my:slow(2), "
	                   "io:format(\"after~n\"), {X, Y}";
	struct node node = {0};
	const struct eval_host host = {.arg = &node, .call = answer};
	struct eval_result r;
	struct eval *e = NULL;
	struct arena a;

	arena_init(&a, 4096);
	assert_int_equal(eval_new(text, strlen(text), &host, NULL, &e), ST_OK);
	eval_run(e, &r);
	assert_int_equal(r.outcome, EVAL_WAIT);
	eval_run(e, &r);
	assert_int_equal(r.outcome, EVAL_WAIT);
	assert_int_equal(node.asked, 1);
	assert_int_equal(eval_answer(e, 0, true, term_atom(&a, "first")), ST_OK);
	eval_run(e, &r);
	assert_int_equal(r.outcome, EVAL_WAIT);
	assert_int_equal(node.asked, 2);
	assert_int_equal(eval_answer(e, 1, true, term_int(&a, 2)), ST_OK);
	eval_run(e, &r);
	assert_int_equal(r.outcome, EVAL_VALUE);
	assert_string_equal(r.output, "before\nafter\n");
	assert_true(term_is_atom(term_element(r.value, 0), "first"));
	assert_int_equal(node.asked, 2);
	eval_free(e);
	arena_close(&a);
}

TEST(a_pending_call_cannot_be_caught)
{
	struct node node = {0};
	const struct eval_host host = {.arg = &node, .call = answer};
	char shown[64];

	eval_show("try my:slow(1) catch _:_ -> caught after 1 end", &host, NULL, shown,
	          sizeof shown);
	assert_string_equal(shown, "waiting\n");
}

TEST(an_answer_may_be_an_error)
{
	const char *text = "try my:slow() catch error:noproc -> gone end";
	struct node node = {0};
	const struct eval_host host = {.arg = &node, .call = answer};
	struct eval_result r;
	struct eval *e = NULL;
	struct arena a;

	arena_init(&a, 4096);
	assert_int_equal(eval_new(text, strlen(text), &host, NULL, &e), ST_OK);
	eval_run(e, &r);
	assert_int_equal(eval_answer(e, 0, false, term_atom(&a, "noproc")), ST_OK);
	eval_run(e, &r);
	assert_int_equal(r.outcome, EVAL_VALUE);
	assert_true(term_is_atom(r.value, "gone"));
	eval_free(e);
	arena_close(&a);
}

TEST(output_is_kept_apart_from_the_value)
{
	SHOWS("io:format(\"~s is ~p~n\", [\"x\", {a, \"b\"}])", "x is {a,\"b\"}\nok\n");
	SHOWS("io:fwrite(\"a~n\"), io:nl(), io:put_chars(\"z\\n\"), done", "a\n\nz\ndone\n");
}

TEST(tail_calls_do_not_nest)
{
	SHOWS("F = fun F(0) -> done; F(N) -> F(N - 1) end, F(50000)", "done\n");
	SHOWS("F = fun F(N) -> case N of 0 -> done; _ -> begin F(N - 1) end end end, F(50000)",
	      "done\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
	        the_health_check_of_the_runbook_binds_in_one_element_what_the_next_one_uses),
	    cmocka_unit_test(a_health_check_that_fails_names_the_value),
	    cmocka_unit_test(functions_without_a_module_that_are_not_ours_are_those_of_the_node),
	    cmocka_unit_test(a_call_that_waits_is_answered_once_and_the_program_runs_to_its_end),
	    cmocka_unit_test(a_pending_call_cannot_be_caught),
	    cmocka_unit_test(an_answer_may_be_an_error),
	    cmocka_unit_test(output_is_kept_apart_from_the_value),
	    cmocka_unit_test(tail_calls_do_not_nest),
	};

	return RUN_TESTS(tests);
}
