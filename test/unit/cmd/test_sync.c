/* The table of `erlmcp-admin cluster sync`, and the line of --watch. */
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
	assert_string_equal(line, "the only member is in step at index 2403");
}

static void assert_table(const char *report, const char *table)
{
	struct buf json;
	struct buf b;

	buf_init(&json, 4096);
	buf_init(&b, 4096);
	buf_printf(&json, "%s", report);
	assert_int_equal(sync_text(&json, &b), ST_OK);
	assert_string_equal(buf_text(&b), table);
	buf_close(&json);
	buf_close(&b);
}

#define HEAD "Member                   State           Index     Lag Lag MiB   Lag s  Verified\n"

TEST(the_table_shows_how_far_each_member_is)
{
	assert_table(
	    "{\"committed\":9,\"confirmed\":true,\"nodes\":[{\"node\":\"erlmcp@a\",\"state\":"
	    "\"leader\",\"index\":9,\"lag_entries\":0,\"lag_bytes\":0,\"lag_s\":0.0,"
	    "\"verified_index\":7,\"verified_digest\":\"00ff\"},{\"node\":\"erlmcp@b\","
	    "\"state\":\"unreachable\"}]}",
	    HEAD "erlmcp@a                 leader              9       0     0.0     0.0   "
	         "      7\n"
	         "erlmcp@b                 unreachable\n"
	         "Compared at index 7: digest 00ff\n");
}

TEST(a_node_that_is_cut_off_does_not_say_how_far_it_is)
{
	assert_table("{\"committed\":9,\"confirmed\":false,\"unconfirmed_ms\":4200.0,\"nodes\":[{"
	             "\"node\":\"erlmcp@a\",\"state\":\"unknown\",\"index\":9,\"lag_entries\":null,"
	             "\"lag_bytes\":null,\"lag_s\":null}]}",
	             HEAD
	             "erlmcp@a                 unknown             9       -       -       -   "
	             "  never\n"
	             "No majority has confirmed this node for 4.2 s: the others may have\n"
	             "committed more, so how far anybody is cannot be known here.\n");
}

TEST(what_is_no_report_is_refused)
{
	struct buf json;
	struct buf line;

	buf_init(&json, 64);
	buf_init(&line, 64);
	buf_printf(&json, "{\"nodes\":7}");
	assert_int_equal(sync_line(&json, &line), ST_MALFORMED);
	assert_int_equal(sync_text(&json, &line), ST_MALFORMED);
	buf_close(&json);
	buf_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_fetches_a_state_has_a_bar_with_rate_and_time_left),
	    cmocka_unit_test(who_is_behind_or_away_is_named_and_the_others_are_not),
	    cmocka_unit_test(the_table_shows_how_far_each_member_is),
	    cmocka_unit_test(a_node_that_is_cut_off_does_not_say_how_far_it_is),
	    cmocka_unit_test(what_is_no_report_is_refused),
	};

	return RUN_TESTS(tests);
}
