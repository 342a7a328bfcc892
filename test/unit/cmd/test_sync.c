/* The line of `erlmcp-admin cluster sync --watch`. */
#include "cmd/sync.h"

#include <stdio.h>
#include <string.h>

#include "testing.h"

#define STEADY "{\"node\":\"erlmcp@a\",\"state\":\"leader\"}"

static void line_of(const char *nodes, char ret[512])
{
	struct buf json;
	struct buf line;

	buf_init(&json, 4096);
	buf_init(&line, 512);
	buf_printf(&json, "{\"committed\":2403,\"nodes\":[%s]}", nodes);
	assert_int_equal(sync_line(&json, &line), ST_OK);
	(void)snprintf(ret, 512, "%s", buf_text(&line));
	buf_close(&json);
	buf_close(&line);
}

TEST(who_fetches_a_state_has_a_bar_with_rate_and_time_left)
{
	char line[512];

	line_of(STEADY ",{\"node\":\"erlmcp@b\",\"state\":\"fetching\",\"percent\":40.0,"
	               "\"bytes_all\":10485760,\"bytes_done\":4194304,\"rate\":2097152.0,"
	               "\"left_s\":3.0}",
	        line);
	assert_string_equal(line,
	                    "erlmcp@b [############..................]  40 % 4.0 of 10.0 MiB, "
	                    "2.0 MiB/s, 3 s left");
}

TEST(who_is_behind_or_away_is_named_and_the_others_are_not)
{
	char line[512];

	line_of("{\"node\":\"erlmcp@b\",\"state\":\"catching_up\",\"lag_entries\":700}," STEADY
	        ",{\"node\":\"erlmcp@c\",\"state\":\"unreachable\"}",
	        line);
	assert_string_equal(line, "erlmcp@b 700 entries behind; erlmcp@c unreachable");
	line_of(STEADY ",{\"node\":\"erlmcp@b\",\"state\":\"catching_up\",\"lag_entries\":700,"
	               "\"rate\":2097152.0,\"left_s\":4.0}",
	        line);
	assert_string_equal(line, "erlmcp@b 700 entries behind, 2.0 MiB/s, 4 s left");
	line_of(STEADY, line);
	assert_string_equal(line, "all 1 members are in step at index 2403");
}

TEST(what_is_no_report_is_refused)
{
	struct buf json;
	struct buf line;

	buf_init(&json, 64);
	buf_init(&line, 64);
	buf_printf(&json, "{\"nodes\":7}");
	assert_int_equal(sync_line(&json, &line), ST_MALFORMED);
	buf_close(&json);
	buf_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_fetches_a_state_has_a_bar_with_rate_and_time_left),
	    cmocka_unit_test(who_is_behind_or_away_is_named_and_the_others_are_not),
	    cmocka_unit_test(what_is_no_report_is_refused),
	};

	return RUN_TESTS(tests);
}
