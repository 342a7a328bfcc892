/* The registry of functions: every entry is documented, and the document is made of it. */
#include "node/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/api_help.h"
#include "reference.h"
#include "testing.h"

static unsigned words_of(const char *args)
{
	unsigned n = args[0] != '\0';

	for (const char *c = args; *c != '\0'; c++)
		n += *c == ',';
	return n;
}

TEST(every_function_has_names_for_its_arguments_help_and_an_example)
{
	const struct api_entry *e;

	for (size_t i = 0; (e = api_at(i)) != NULL; i++) {
		const struct api_help *h = api_help_of(e->module, e->function);

		if (h == NULL)
			fail_msg("%s:%s has no help in api_help.c", e->module, e->function);
		if (words_of(e->args) != e->arity)
			fail_msg("%s:%s/%u: arguments are named \"%s\"", e->module, e->function,
			         e->arity, e->args);
		assert_true(e->doc[0] != '\0' && h->more[0] != '\0');
		assert_non_null(strstr(h->example, e->function));
		assert_true(h->example[strlen(h->example) - 1] == '.');
		assert_ptr_equal(api_find(e->module, e->function, e->arity), e);
	}
}

TEST(help_fits_eighty_columns)
{
	const struct api_entry *e;

	for (size_t i = 0; (e = api_at(i)) != NULL; i++) {
		size_t column = 0;
		struct buf b;

		buf_init(&b, 1 << 20);
		assert_true(api_help_text(e->module, e->function, &b));
		for (const char *c = buf_text(&b); *c != '\0'; c++) {
			column = *c == '\n' ? 0 : column + 1;
			if (column > 80)
				fail_msg("%s:%s: %s", e->module, e->function, buf_text(&b));
		}
		buf_close(&b);
	}
}

TEST(help_on_what_is_not_there_says_so)
{
	struct buf b;

	buf_init(&b, 65536);
	assert_false(api_help_text("no_such_module", NULL, &b));
	assert_false(api_help_text("erlmcp_cluster_sync", "no_such_function", &b));
	buf_close(&b);
}

TEST(the_reference_is_made_of_the_registry)
{
	assert_reference("API_REFERENCE", api_help_markdown, "erlmcp functions --markdown");
}

TEST(an_answer_is_counted_as_what_it_is)
{
	static const struct {
		const char *reason;
		enum metric_outcome outcome;
	} errors[] = {
	    {"not_found", OUTCOME_NOT_FOUND}, {"no_stream", OUTCOME_NOT_FOUND},
	    {"fenced", OUTCOME_FENCED},       {"no_leader", OUTCOME_FENCED},
	    {"unknown", OUTCOME_UNKNOWN},     {"timeout", OUTCOME_UNCONFIRMED},
	    {"busy", OUTCOME_BUSY},           {"invalid", OUTCOME_INVALID},
	    {"conflict", OUTCOME_FAILED},
	};
	const struct term *error;
	struct arena a;

	arena_init(&a, 65536);
	error = term_atom(&a, "error");
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		const struct term *reason = term_atom(&a, errors[i].reason);
		const struct term *told = term_tuple2(&a, reason, term_binary(&a, "why", 3));

		assert_int_equal(api_outcome(true, term_tuple2(&a, error, reason)),
		                 errors[i].outcome);
		assert_int_equal(api_outcome(true, term_tuple2(&a, error, told)),
		                 errors[i].outcome);
	}
	assert_int_equal(api_outcome(true, term_atom(&a, "ok")), OUTCOME_OK);
	assert_int_equal(api_outcome(true, term_atom(&a, "busy")), OUTCOME_OK);
	assert_int_equal(api_outcome(true, term_tuple2(&a, term_atom(&a, "ok"), error)),
	                 OUTCOME_OK);
	assert_int_equal(api_outcome(true, NULL), OUTCOME_FAILED);
	assert_int_equal(api_outcome(false, NULL), OUTCOME_FAILED);
	assert_int_equal(api_outcome(false, term_atom(&a, "badarg")), OUTCOME_INVALID);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_function_has_names_for_its_arguments_help_and_an_example),
	    cmocka_unit_test(help_fits_eighty_columns),
	    cmocka_unit_test(help_on_what_is_not_there_says_so),
	    cmocka_unit_test(the_reference_is_made_of_the_registry),
	    cmocka_unit_test(an_answer_is_counted_as_what_it_is),
	};

	return RUN_TESTS(tests);
}
