#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "node/limits.h"
#include "node/vmargs.h"
#include "testing.h"

static char printed[4096];

/* Split and print one flag a line, its values in brackets; or line:column of the fault. */
static const char *split(const char *text)
{
	struct vmargs_fault fault;
	struct vmargs v;
	struct arena a;
	size_t used = 0;

	arena_init(&a, 1 << 20);
	printed[0] = '\0';
	if (vmargs_parse(&a, text, strlen(text), &v, &fault) != ST_OK) {
		(void)snprintf(printed, sizeof printed, "%u:%u %.24s", fault.line, fault.column,
		               fault.what);
	} else {
		for (size_t i = 0; i < v.n; i++)
			used +=
			    (size_t)snprintf(printed + used, sizeof printed - used,
			                     v.words[i].flag ? "%s%s" : "%s[%s]",
			                     v.words[i].flag && i > 0 ? "\n" : "", v.words[i].text);
	}
	arena_close(&a);
	return printed;
}

/* The same text given to `erl -args_file` of OTP 25 has the same flags and values. */
TEST(words_are_split_as_erlexec_splits_them)
{
	assert_string_equal(split("-a x#y \"q # r\"\n-b one two"), "-a[x]\n-b[one][two]");
	assert_string_equal(split("-b b\\ c # comment\n-z # only"), "-b[b c]\n-z");
	assert_string_equal(split("-b \"multi\nline\" e\\\nf"), "-b[multi\nline][e\nf]");
	assert_string_equal(split("-b 's \" t' \"it's\""), "-b[s \" t][it's]");
	assert_string_equal(split("-d \"a\\\"b\\n \"c\""), "-d[a\\bn][c]");
	assert_string_equal(split("## -c no\n#-d\n"), "");
	assert_string_equal(split(""), "");
}

TEST(a_number_and_a_quoted_dash_are_values)
{
	assert_string_equal(split("-a -1 \"-b\" +A 64"), "-a[-1][-b]\n+A[64]");
}

TEST(nonsense_is_named_with_line_and_column)
{
	assert_string_equal(split("# fine\n  hello world"), "2:3 a value stands where a f");
	assert_string_equal(split("-a b\n-name \"x"), "2:7 a quote is opened here a");
}

TEST(more_words_than_the_limit_are_refused)
{
	static char text[(VMARGS_WORDS_MAX + 1) * 3 + 1];

	for (size_t i = 0; i <= VMARGS_WORDS_MAX; i++)
		memcpy(text + i * 3, "-a ", 3);
	assert_memory_equal(split(text), "1:", 2);
	assert_non_null(strstr(split(text), "more words"));
}

TEST(a_nul_byte_is_no_text)
{
	struct vmargs_fault fault;
	struct vmargs v;
	struct arena a;

	arena_init(&a, 1 << 20);
	assert_int_equal(vmargs_parse(&a, "-a\n\0-b", 6, &v, &fault), ST_MALFORMED);
	assert_int_equal(fault.line, 2);
	assert_int_equal(fault.column, 1);
	arena_close(&a);
}

TEST(running_out_of_memory_is_told_at_every_allocation)
{
	struct vmargs_fault fault;
	struct vmargs v;
	struct arena a;
	size_t max = 1;
	enum status st = ST_NOMEM;

	for (; st != ST_OK; max += 4096) {
		arena_init(&a, max);
		st = vmargs_parse(&a, "-a b", 4, &v, &fault);
		assert_true(st == ST_OK || st == ST_NOMEM);
		arena_close(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_split_as_erlexec_splits_them),
	    cmocka_unit_test(a_number_and_a_quoted_dash_are_values),
	    cmocka_unit_test(nonsense_is_named_with_line_and_column),
	    cmocka_unit_test(more_words_than_the_limit_are_refused),
	    cmocka_unit_test(a_nul_byte_is_no_text),
	    cmocka_unit_test(running_out_of_memory_is_told_at_every_allocation),
	};

	return RUN_TESTS(tests);
}
