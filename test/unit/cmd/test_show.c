#include <string.h>

#include "cmd/show.h"
#include "testing.h"

static const char degraded[] =
    "{\"version\":1,\"node\":\"erlmcp@n1\",\"state\":\"degraded\",\"side\":\"majority\","
    "\"serving\":true,\"reachable\":2,\"needed\":2,\"leader\":\"erlmcp@n2\","
    "\"why\":\"erlmcp@n3 is lost\",\"state_age_ms\":4200.1,\"countdown_left_ms\":null,"
    "\"quorum\":{\"configured\":3,\"size\":3,\"mismatch\":false,\"warning\":null},"
    "\"raft\":{\"term\":5,\"commit\":120,\"stored\":121,\"applied\":120,\"lease_left_ms\":180.3},"
    "\"store\":{\"sessions\":42,\"index\":120,\"digest\":\"00ff00ff00ff00ff\"},"
    "\"members\":["
    "{\"name\":\"erlmcp@n1\",\"role\":\"follower\",\"self\":true,\"heard\":true,"
    "\"state\":\"degraded\",\"last_contact_ms\":null,\"rtt_us\":null,\"lag\":0},"
    "{\"name\":\"erlmcp@n2\",\"role\":\"leader\",\"self\":false,\"heard\":true,"
    "\"state\":\"degraded\",\"last_contact_ms\":12.5,\"rtt_us\":310,\"lag\":0},"
    "{\"name\":\"erlmcp@n3\",\"role\":\"follower\",\"self\":false,\"heard\":false,"
    "\"state\":\"serving\",\"last_contact_ms\":4210,\"rtt_us\":400,\"lag\":17}],"
    "\"edges\":["
    "{\"from\":\"erlmcp@n1\",\"to\":\"erlmcp@n2\",\"up\":true,\"age_ms\":5000},"
    "{\"from\":\"erlmcp@n2\",\"to\":\"erlmcp@n1\",\"up\":true,\"age_ms\":5000},"
    "{\"from\":\"erlmcp@n3\",\"to\":\"erlmcp@n1\",\"up\":false,\"age_ms\":4200},"
    "{\"from\":\"erlmcp@n1\",\"to\":\"erlmcp@n3\",\"up\":null,\"age_ms\":null}],"
    "\"disagreements\":[],\"alarms\":[{\"text\":\"something is odd\",\"since_ms\":1}]}\n";

static enum status render(const char *json, bool colour, bool everything, struct buf *b)
{
	struct buf in;
	enum status st;

	buf_init(&in, 65536);
	buf_init(b, 65536);
	buf_bytes(&in, json, strlen(json));
	st = show_text(&in, colour, everything, b);
	buf_close(&in);
	return st;
}

TEST(a_degraded_cluster_reads_like_this)
{
	struct buf b;

	assert_int_equal(render(degraded, false, true, &b), ST_OK);
	assert_string_equal(buf_text(&b),
	                    "erlmcp@n1: degraded for 4.2 s\n"
	                    "  erlmcp@n3 is lost\n"
	                    "ALARM something is odd\n"
	                    "\n"
	                    "Quorum   2 in sight, 2 needed; 3 voters, quorum size 3; majority\n"
	                    "Leader   erlmcp@n2, term 5; lease left: 180 ms\n"
	                    "Log      stored 121, committed 120, applied 120\n"
	                    "State    42 sessions, index 120, digest 00ff00ff00ff00ff\n"
	                    "\n"
	                    "   Member      Role      State         Silent     Trip    Lag\n"
	                    " 1 erlmcp@n1 * follower  degraded           -        -      0\n"
	                    " 2 erlmcp@n2   leader    degraded       12 ms   0.3 ms      0\n"
	                    " 3 erlmcp@n3   voter     lost           4.2 s        -      -\n"
	                    "\n"
	                    "Reachability: the row's member hears the column's\n"
	                    "     1   2   3\n"
	                    " 1   .  ok CUT\n"
	                    " 2  ok   .   ?\n"
	                    " 3   ?   ?   .\n"
	                    "   seen from erlmcp@n1: erlmcp@n3 has been silent for 4.2 s\n"
	                    "\n"
	                    "Disagreements: none\n");
	buf_close(&b);
}

static const char cut_off[] =
    "{\"node\":\"erlmcp@n1\",\"state\":\"fenced\",\"why\":\"1 in sight\",\"state_age_ms\":4200.1,"
    "\"countdown_left_ms\":0,\"raft\":{\"term\":5,\"lease_left_ms\":0.0},\"members\":["
    "{\"name\":\"erlmcp@n1\",\"role\":\"candidate\",\"self\":true,\"heard\":true,"
    "\"state\":\"fenced\",\"last_contact_ms\":null,\"rtt_us\":null,\"lag\":0},"
    "{\"name\":\"erlmcp@n2\",\"role\":\"follower\",\"self\":false,\"heard\":false,"
    "\"state\":\"serving\",\"last_contact_ms\":4210,\"rtt_us\":400,\"lag\":0},"
    "{\"name\":\"erlmcp@n3\",\"role\":\"follower\",\"self\":false,\"heard\":false,"
    "\"state\":null,\"last_contact_ms\":null,\"rtt_us\":null,\"lag\":null}]}";

/* Whether n2 leads by now, and what was committed without it, it does not know. */
TEST(a_node_that_is_cut_off_says_nothing_that_it_cannot_know)
{
	struct buf b;

	assert_int_equal(render(cut_off, false, false, &b), ST_OK);
	assert_string_equal(buf_text(&b),
	                    "erlmcp@n1: fenced for 4.2 s\n"
	                    "  1 in sight\n"
	                    "  countdown of a minority: over (FORCE_SHUTDOWN=false: a dry run)\n"
	                    "\n"
	                    "   Member      Role      State         Silent     Trip    Lag\n"
	                    " 1 erlmcp@n1 * candidate fenced             -        -      -\n"
	                    " 2 erlmcp@n2   voter     lost           4.2 s        -      -\n"
	                    " 3 erlmcp@n3   voter     never heard        -        -      -\n");
	buf_close(&b);
}

TEST(the_summary_is_the_verdict_and_the_members)
{
	struct buf b;

	assert_int_equal(render(degraded, false, false, &b), ST_OK);
	assert_non_null(strstr(buf_text(&b), "erlmcp@n1: degraded for 4.2 s\n"));
	assert_null(strstr(buf_text(&b), "Reachability"));
	assert_null(strstr(buf_text(&b), "\x1b"));
	buf_close(&b);
}

TEST(colour_only_where_it_is_asked_for)
{
	struct buf b;

	assert_int_equal(render(degraded, true, false, &b), ST_OK);
	assert_non_null(strstr(buf_text(&b), "\x1b[33;1mdegraded\x1b[0m"));
	buf_close(&b);
}

TEST(what_is_no_status_is_told)
{
	static const char *const bad[] = {
	    "", "[]", "{}", "{\"state\":3}", "{\"state\":\"serving\"", "null"};
	struct buf b;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(render(bad[i], false, true, &b), ST_MALFORMED);
		buf_close(&b);
	}
}

TEST(long_sentences_are_broken_at_80_columns)
{
	char text[600] = "{\"node\":\"a@b\",\"state\":\"fenced\",\"why\":\"";
	const char *line;
	struct buf b;

	for (int i = 0; i < 30; i++)
		strcat(text, "fourteen bytes ");
	strcat(text, "\"}");
	assert_int_equal(render(text, false, false, &b), ST_OK);
	line = buf_text(&b);
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		assert_true(end - line <= 80);
	buf_close(&b);
}

/* A node of another version may leave out what this program knows. */
TEST(missing_fields_are_shown_as_unknown)
{
	struct buf b;

	assert_int_equal(render("{\"state\":\"fenced\",\"members\":[{},{}]}", false, true, &b),
	                 ST_OK);
	assert_non_null(strstr(buf_text(&b), "fenced"));
	buf_close(&b);
}

TEST(limits_are_shown_when_they_are_nearly_used_up_or_were_hit)
{
	static const char status[] =
	    "{\"state\":\"serving\",\"limits\":["
	    "{\"name\":\"sessions\",\"in_use\":80,\"limit\":100,\"refused\":0},"
	    "{\"name\":\"tasks\",\"in_use\":81,\"limit\":100,\"refused\":0},"
	    "{\"name\":\"key_bytes\",\"in_use\":null,\"limit\":256,\"refused\":0},"
	    "{\"name\":\"value_bytes\",\"in_use\":null,\"limit\":65536,\"refused\":2}]}";
	static const char shown[] =
	    "\nLimits\n"
	    "   tasks               81 of 100 in use\n"
	    "   value_bytes         at most 65536; refused because of it since the start: 2\n";
	struct buf b;

	assert_int_equal(render(status, false, true, &b), ST_OK);
	assert_non_null(strstr(buf_text(&b), shown));
	assert_null(strstr(buf_text(&b), "key_bytes"));
	buf_close(&b);
	assert_int_equal(render("{\"state\":\"serving\",\"limits\":[]}", false, true, &b), ST_OK);
	assert_null(strstr(buf_text(&b), "Limits"));
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_degraded_cluster_reads_like_this),
	    cmocka_unit_test(a_node_that_is_cut_off_says_nothing_that_it_cannot_know),
	    cmocka_unit_test(the_summary_is_the_verdict_and_the_members),
	    cmocka_unit_test(colour_only_where_it_is_asked_for),
	    cmocka_unit_test(what_is_no_status_is_told),
	    cmocka_unit_test(long_sentences_are_broken_at_80_columns),
	    cmocka_unit_test(missing_fields_are_shown_as_unknown),
	    cmocka_unit_test(limits_are_shown_when_they_are_nearly_used_up_or_were_hit),
	};

	return RUN_TESTS(tests);
}
