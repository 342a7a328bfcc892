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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_function_has_names_for_its_arguments_help_and_an_example),
	    cmocka_unit_test(help_fits_eighty_columns),
	    cmocka_unit_test(help_on_what_is_not_there_says_so),
	    cmocka_unit_test(the_reference_is_made_of_the_registry),
	};

	return RUN_TESTS(tests);
}
