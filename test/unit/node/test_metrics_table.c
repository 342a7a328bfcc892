#include "reference.h"
#include "testing.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/metrics_table.h"

static bool ends_in(const char *s, const char *end)
{
	const size_t n = strlen(s);
	const size_t m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

TEST(names_follow_the_conventions)
{
	for (size_t i = 0; i < metrics_n; i++) {
		const struct metric *m = &metrics_table[i];

		for (const char *c = m->name; *c != '\0'; c++)
			assert_true(islower((unsigned char)*c) || *c == '_' ||
			            (c > m->name && isdigit((unsigned char)*c)));
		assert_int_equal(ends_in(m->name, "_total"), m->type == METRIC_COUNTER);
		assert_false(ends_in(m->name, "_count") || ends_in(m->name, "_sum") ||
		             ends_in(m->name, "_bucket"));
	}
}

TEST(units_are_base_units_and_end_the_name)
{
	for (size_t i = 0; i < metrics_n; i++) {
		const struct metric *m = &metrics_table[i];
		char end[64];

		assert_true(m->unit[0] == '\0' || strcmp(m->unit, "seconds") == 0 ||
		            strcmp(m->unit, "bytes") == 0 || strcmp(m->unit, "ratio") == 0);
		(void)snprintf(end, sizeof end, "_%s%s", m->unit,
		               m->type == METRIC_COUNTER ? "_total" : "");
		if (m->unit[0] != '\0')
			assert_true(ends_in(m->name, end));
	}
}

TEST(no_name_stands_twice_and_each_has_its_sentence)
{
	for (size_t i = 0; i < metrics_n; i++) {
		const char *help = metrics_table[i].help;

		assert_true(strlen(help) > 10);
		assert_true(ends_in(help, "."));
		assert_null(strchr(help, '\n'));
		assert_null(strchr(help, '|'));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(metrics_table[i].name, metrics_table[j].name);
	}
}

TEST(what_the_runbooks_alerts_name_is_there)
{
	static const char *const wanted[] = {"erlang_up", "erlang_cluster_members",
	                                     "erlang_expected_members",
	                                     "node_network_receive_errors_total"};
	size_t found = 0;

	for (size_t i = 0; i < metrics_n; i++) {
		for (size_t j = 0; j < sizeof wanted / sizeof wanted[0]; j++)
			found += strcmp(metrics_table[i].name, wanted[j]) == 0;
	}
	assert_int_equal(found, sizeof wanted / sizeof wanted[0]);
}

TEST(the_reference_in_doc_is_what_the_table_says)
{
	assert_reference("METRICS_REFERENCE", metrics_reference,
	                 "erlmcp-admin metrics --reference");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_follow_the_conventions),
	    cmocka_unit_test(units_are_base_units_and_end_the_name),
	    cmocka_unit_test(no_name_stands_twice_and_each_has_its_sentence),
	    cmocka_unit_test(what_the_runbooks_alerts_name_is_there),
	    cmocka_unit_test(the_reference_in_doc_is_what_the_table_says),
	};

	return RUN_TESTS(tests);
}
