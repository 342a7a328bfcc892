#include <stdio.h>
#include <string.h>

#include "eval/eval.h"
#include "testing.h"

static enum status consult(const char *text, char *ret, size_t cap, unsigned *line,
                           unsigned *column)
{
	const struct term *t = NULL;
	const char *message = NULL;
	struct arena a;
	struct buf b;
	enum status st;

	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 16);
	st = eval_consult(&a, text, strlen(text), &t, line, column, &message);
	if (st == ST_OK)
		term_print_pretty(&b, t, 0);
	else
		buf_printf(&b, "%s", message);
	(void)snprintf(ret, cap, "%s", buf_text(&b));
	buf_close(&b);
	arena_close(&a);
	return st;
}

TEST(a_configuration_file_is_a_list_of_terms)
{
	unsigned line;
	unsigned column;
	char text[256];

	assert_int_equal(
	    consult("%% comment\n[{kernel, [{net_ticktime, 60}]},\n"
	            " {erlmcp, [{a, \"b\"}, {c, <<\"d\">>}, {e, -1.5}, #{f => g}]}].\n",
	            text, sizeof text, &line, &column),
	    ST_OK);
	assert_string_equal(text, "[[{kernel,[{net_ticktime,60}]},{erlmcp,[{a,\"b\"},{c,<<\"d\">>},"
	                          "{e,-1.5},#{f => g}]}]]");
	assert_int_equal(consult("", text, sizeof text, &line, &column), ST_OK);
	assert_string_equal(text, "[]");
	assert_int_equal(consult("a. b.", text, sizeof text, &line, &column), ST_OK);
	assert_string_equal(text, "[a,b]");
}

TEST(what_is_no_term_is_refused_with_its_place)
{
	unsigned line = 0;
	unsigned column = 0;
	char text[256];

	assert_int_equal(consult("[{a, 1},\n {b, c(1)}].", text, sizeof text, &line, &column),
	                 ST_INVALID);
	assert_string_equal(text, "bad term");
	assert_int_equal(line, 2);
	assert_int_equal(column, 6);
	assert_int_equal(consult("[{a, X}].", text, sizeof text, &line, &column), ST_INVALID);
	assert_int_equal(consult("[{a, 1}]", text, sizeof text, &line, &column), ST_INVALID);
	assert_string_equal(text, "syntax error before: the end");
	assert_int_equal(consult("[{a, 1}", text, sizeof text, &line, &column), ST_INVALID);
	assert_int_equal(consult("a, b.", text, sizeof text, &line, &column), ST_INVALID);
	assert_int_equal(consult("#{}#{a => 1}.", text, sizeof text, &line, &column), ST_INVALID);
	assert_int_equal(consult("-a.", text, sizeof text, &line, &column), ST_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_configuration_file_is_a_list_of_terms),
	    cmocka_unit_test(what_is_no_term_is_refused_with_its_place),
	};

	return RUN_TESTS(tests);
}
