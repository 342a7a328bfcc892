/* Histories are read as documented, or refused with a reason, and written back the same. */
#include "lin/history.h"

#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "lin/limits.h"

static enum status take(struct history *h, const char *line, const char **why)
{
	struct fault fault = {ST_OK, 0, ""};
	enum status st = history_line(h, line, strlen(line), &fault);

	*why = fault.what;
	return st;
}

static void refused(struct history *h, const char *line, const char *why_expected)
{
	const char *why;
	size_t n = h->n_ops;

	assert_int_equal(take(h, line, &why), ST_MALFORMED);
	assert_string_equal(why, why_expected);
	assert_int_equal(h->n_ops, n);
}

TEST(what_is_written_is_what_was_read)
{
	static const char text[] =
	    "{\"process\":\"a\",\"type\":\"invoke\",\"f\":\"write\",\"key\":\"x\",\"value\":1,"
	    "\"time\":1}\n"
	    "{\"process\":2,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"x\",\"value\":null,"
	    "\"time\":1}\n"
	    "{\"process\":\"a\",\"type\":\"info\",\"f\":\"write\",\"key\":\"x\",\"value\":1,"
	    "\"time\":5}\n"
	    "{\"process\":\"a\",\"type\":\"invoke\",\"f\":\"cas\",\"key\":7,"
	    "\"value\":[null,\"t\\\"\"],\"time\":6}\n"
	    "{\"process\":2,\"type\":\"ok\",\"f\":\"read\",\"key\":\"x\",\"value\":1,"
	    "\"time\":7}\n"
	    "{\"process\":\"a\",\"type\":\"fail\",\"f\":\"cas\",\"key\":7,"
	    "\"value\":[null,\"t\\\"\"],\"time\":8}\n"
	    "{\"process\":2,\"type\":\"invoke\",\"f\":\"delete\",\"key\":\"x\",\"value\":null,"
	    "\"time\":9}\n";
	char copy[sizeof text];
	struct history h;
	struct fault fault;
	size_t lines;
	FILE *file = tmpfile();

	assert_non_null(file);
	(void)fputs(text, file);
	rewind(file);
	assert_int_equal(history_init(&h), ST_OK);
	assert_int_equal(history_load(&h, file, &fault, &lines), ST_OK);
	assert_int_equal(lines, 7);
	assert_int_equal(h.n_ops, 4);
	(void)fclose(file);
	file = fmemopen(copy, sizeof copy, "w");
	assert_non_null(file);
	assert_int_equal(history_save(&h, file), ST_OK);
	(void)fclose(file);
	assert_string_equal(copy, text);
	history_close(&h);
}

TEST(a_wrong_line_is_refused_with_its_reason)
{
	static const struct {
		const char *line;
		const char *why;
	} lines[] = {
	    {"[]", "not one JSON object"},
	    {"{\"type\":\"done\"}", "type must be invoke, ok, fail or info"},
	    {"{\"type\":\"ok\",\"f\":1}", "f must be read, write, cas, create or delete"},
	    {"{\"type\":\"ok\",\"f\":\"read\",\"time\":0.5}", "time must be an integer"},
	    {"{\"type\":\"ok\",\"f\":\"read\",\"time\":1,\"key\":\"x\"}",
	     "process and key must be integers or texts"},
	    {"{\"type\":\"invoke\",\"f\":\"cas\",\"time\":1,\"key\":1,\"process\":1,"
	     "\"value\":[1]}",
	     "a cas has [expected, new]"},
	    {"{\"type\":\"invoke\",\"f\":\"write\",\"time\":1,\"key\":1,\"process\":1,"
	     "\"value\":{}}",
	     "a value must be an integer, a text or null"},
	    {"{\"type\":\"invoke\",\"f\":\"write\",\"time\":1,\"key\":1,\"process\":1}",
	     "null is never written"},
	    {"{\"type\":\"ok\",\"f\":\"write\",\"time\":1,\"key\":1,\"process\":1}",
	     "the process did not ask for this"},
	    {"{\"type\":\"ok\",\"f\":\"read\",\"time\":1,\"key\":1,\"process\":1}",
	     "a read that is ok has a value"},
	};
	struct history h;

	assert_int_equal(history_init(&h), ST_OK);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		refused(&h, lines[i].line, lines[i].why);
	history_close(&h);
}

TEST(a_line_without_end_is_a_limit)
{
	char *line = malloc(HISTORY_LINE_MAX + 2);
	struct history h;
	struct fault fault;
	size_t number;
	FILE *file;

	assert_non_null(line);
	memset(line, ' ', HISTORY_LINE_MAX + 2);
	file = fmemopen(line, HISTORY_LINE_MAX + 2, "r");
	assert_non_null(file);
	assert_int_equal(history_init(&h), ST_OK);
	assert_int_equal(history_load(&h, file, &fault, &number), ST_LIMIT);
	assert_string_equal(fault.what, "the line is too long");
	(void)fclose(file);
	free(line);
	history_close(&h);
	history_close(&h);
}

TEST(a_process_has_one_operation_at_a_time)
{
	struct history_op op = {.f = HISTORY_READ};
	struct history h;

	assert_int_equal(history_init(&h), ST_OK);
	assert_int_equal(history_integer(&h, 1, &op.process), ST_OK);
	assert_int_equal(history_symbol(&h, "\"k\"", &op.key), ST_OK);
	assert_int_equal(history_invoke(&h, &op, 5), ST_OK);
	assert_int_equal(history_invoke(&h, &op, 6), ST_BUSY);
	assert_int_equal(history_return(&h, op.process, HISTORY_OK, op.process, 4), ST_INVALID);
	assert_int_equal(history_return(&h, op.process, HISTORY_OK, op.process, 6), ST_OK);
	assert_int_equal(history_return(&h, op.process, HISTORY_OK, op.process, 6), ST_NOT_FOUND);
	assert_string_equal(history_text(&h, h.ops[0].value), "1");
	history_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_what_was_read),
	    cmocka_unit_test(a_wrong_line_is_refused_with_its_reason),
	    cmocka_unit_test(a_line_without_end_is_a_limit),
	    cmocka_unit_test(a_process_has_one_operation_at_a_time),
	};

	return RUN_TESTS(tests);
}
