/* Recorders of several nodes as one story: clocks that differ by hours, causes before effects. */
#include "cmd/story.h"

#include <stdio.h>
#include <string.h>

#include "testing.h"

static void add(struct story *s, const char *name, const char *text)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_bytes(&b, text, strlen(text));
	assert_true(story_add(s, &b, name, STORY_FILE) >= 0);
	buf_close(&b);
}

/* "a: leads, b: follows ..." of what is shown. */
static void assert_story(struct story *s, const char *expected)
{
	struct buf b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];

		if (!story_shows(s, e))
			continue;
		buf_printf(&b, "%s %s ", s->nodes[e->node].name, story_text_of(e, "event"));
	}
	assert_string_equal(buf_text(&b), expected);
	buf_close(&b);
}

/* b's clock is an hour ahead of a's, by what a's heartbeats measured to within 2 ms; its wall clock
 * is a day behind. */
static const char measured[] =
    "{\"event\":\"clock\",\"boot_us\":1000000,\"wall_ms\":500000000,\"peer\":\"b\","
    "\"offset_us\":3600000000,\"error_us\":2000}\n";

TEST(clocks_that_differ_by_hours_are_put_on_one)
{
	struct story s;

	story_init(&s);
	add(&s, "a",
	    "{\"event\":\"clock\",\"boot_us\":1000000,\"wall_ms\":500000000,\"peer\":\"b\","
	    "\"offset_us\":3600000000,\"error_us\":2000}\n"
	    "{\"event\":\"one\",\"boot_us\":1100000,\"wall_ms\":500000100}\n"
	    "{\"event\":\"three\",\"boot_us\":1300000,\"wall_ms\":500000300}\n");
	add(&s, "b",
	    "{\"event\":\"two\",\"boot_us\":3601200000,\"wall_ms\":413600200}\n"
	    "{\"event\":\"four\",\"boot_us\":3601400000,\"wall_ms\":413600400}\n");
	assert_int_equal(story_order(&s), ST_OK);
	assert_story(&s, "a one b two a three b four ");
	assert_int_equal(s.events[2].at_us, 1200000);
	assert_in_range(s.events[2].error_us, 2000, 2200);
	assert_int_equal(story_wall_ms(&s, s.events[2].at_us), 500000200);
	story_close(&s);
}

/* By the clocks b was elected 1 ms before a voted for it, and c followed it even earlier. */
TEST(a_cause_comes_before_its_effect_whatever_the_clocks_say)
{
	struct story s;

	story_init(&s);
	add(&s, "a", measured);
	add(&s, "a",
	    "{\"event\":\"clock\",\"boot_us\":1000000,\"wall_ms\":500000000,\"peer\":\"c\","
	    "\"offset_us\":0,\"error_us\":1500}\n"
	    "{\"event\":\"vote\",\"boot_us\":2001000,\"wall_ms\":500001001,\"peer\":\"b\","
	    "\"term\":7}\n"
	    "{\"event\":\"leader\",\"boot_us\":2001500,\"wall_ms\":500001002,\"peer\":\"b\","
	    "\"term\":7}\n");
	add(&s, "b",
	    "{\"event\":\"vote\",\"boot_us\":3601990000,\"wall_ms\":1,\"peer\":\"b\",\"term\":7}\n"
	    "{\"event\":\"leader\",\"boot_us\":3602000000,\"wall_ms\":2,\"peer\":\"b\","
	    "\"term\":7}\n"
	    "{\"event\":\"state\",\"boot_us\":3602003000,\"wall_ms\":3,\"from\":\"syncing\","
	    "\"to\":\"degraded\",\"voters\":3,\"leader\":\"b\",\"leader_term\":7}\n");
	add(&s, "c",
	    "{\"event\":\"leader\",\"boot_us\":1999500,\"wall_ms\":500000999,\"peer\":\"b\","
	    "\"term\":7}\n");
	assert_int_equal(story_order(&s), ST_OK);
	assert_story(&s, "b vote a vote b leader c leader a leader b state ");
	for (size_t i = 0; i < s.n_events; i++)
		assert_false(s.events[i].late); /* all within the errors */
	story_close(&s);
}

TEST(a_contradiction_beyond_the_errors_is_told)
{
	struct story s;

	story_init(&s);
	add(&s, "a", measured);
	add(&s, "a",
	    "{\"event\":\"leader\",\"boot_us\":1500000,\"wall_ms\":500000500,\"peer\":\"b\","
	    "\"term\":7}\n");
	add(&s, "b",
	    "{\"event\":\"leader\",\"boot_us\":3602000000,\"wall_ms\":2,\"peer\":\"b\","
	    "\"term\":7}\n");
	assert_int_equal(story_order(&s), ST_OK);
	assert_story(&s, "b leader a leader ");
	assert_true(s.events[2].late);
	story_close(&s);
}

TEST(without_a_measurement_wall_clocks_are_used_and_said_to_be_uncertain)
{
	struct story s;

	story_init(&s);
	add(&s, "a", "{\"event\":\"one\",\"boot_us\":100,\"wall_ms\":500000000}\n");
	add(&s, "b", "{\"event\":\"two\",\"boot_us\":50,\"wall_ms\":500000001}\n");
	assert_int_equal(story_order(&s), ST_OK);
	assert_story(&s, "a one b two ");
	assert_int_equal(s.events[0].error_us, 0);
	assert_int_equal(s.events[1].error_us, -1);
	story_close(&s);
}

/* A machine that was booted anew: its clock begins again, and the older part has wall clocks. */
TEST(a_restart_of_the_machine_keeps_the_order_of_its_recorder)
{
	struct story s;

	story_init(&s);
	add(&s, "a",
	    "{\"event\":\"before\",\"boot_us\":900000000,\"wall_ms\":500000000}\n"
	    "{\"event\":\"start\",\"boot_us\":5000000,\"wall_ms\":500060000,\"node\":\"a\"}\n"
	    "{\"event\":\"after\",\"boot_us\":6000000,\"wall_ms\":500061000}\n"
	    "{\"event\":\"cut short by a cra");
	assert_int_equal(story_order(&s), ST_OK);
	assert_story(&s, "a before a start a after ");
	assert_int_equal(story_wall_ms(&s, s.events[0].at_us), 500000000);
	story_close(&s);
}

static const char takeover_a[] =
    "{\"event\":\"clock\",\"boot_us\":1000000,\"wall_ms\":500000000,\"peer\":\"b\","
    "\"offset_us\":3600000000,\"error_us\":2000}\n"
    "{\"event\":\"leader\",\"boot_us\":1100000,\"wall_ms\":500000100,\"peer\":\"a\",\"term\":6}\n"
    "{\"event\":\"member\",\"boot_us\":1900000,\"wall_ms\":500000900,\"peer\":\"b\",\"up\":0,"
    "\"why\":\"<silent> & \\\"gone\\\"\"}\n"
    "{\"event\":\"state\",\"boot_us\":2000000,\"wall_ms\":500001000,\"from\":\"degraded\","
    "\"to\":\"fenced\",\"voters\":3,\"leader\":\"a\",\"leader_term\":6,\"why\":\"too few\"}\n";
static const char takeover_b[] =
    "{\"event\":\"leader\",\"boot_us\":3602080000,\"wall_ms\":2,\"peer\":\"b\",\"term\":7}\n";

TEST(the_fence_of_the_old_leader_is_measured_against_the_take_over)
{
	struct story_takeover t;
	struct story s;
	size_t at = 0;

	story_init(&s);
	add(&s, "a", takeover_a);
	add(&s, "b", takeover_b);
	assert_int_equal(story_order(&s), ST_OK);
	assert_true(story_takeover(&s, &at, &t));
	assert_true(t.fenced);
	assert_int_equal(t.term, 7);
	assert_int_equal(t.margin_us, 80000);
	assert_in_range(t.error_us, 2000, 3000);
	assert_false(story_takeover(&s, &at, &t));
	story_close(&s);
}

TEST(text_fits_eighty_columns_and_a_page_escapes_what_it_shows)
{
	struct story s;
	struct buf b;
	size_t column = 0;

	story_init(&s);
	add(&s, "a", takeover_a);
	add(&s, "b", takeover_b);
	assert_int_equal(story_order(&s), ST_OK);
	buf_init(&b, 1 << 20);
	story_print(&s, false, &b);
	assert_non_null(buf_text(&b));
	assert_non_null(strstr(buf_text(&b), "was fenced 80.0 ms (+-2.4) before"));
	for (const char *c = buf_text(&b); *c != '\0'; c++) {
		column = *c == '\n' ? 0 : column + 1;
		assert_true(column <= 80);
	}
	buf_reset(&b);
	story_html(&s, &b);
	assert_non_null(strstr(buf_text(&b), "&lt;silent> &amp; &quot;gone&quot;"));
	assert_null(strstr(buf_text(&b), "<silent>"));
	buf_close(&b);
	story_close(&s);
}

TEST(a_shutdown_that_was_a_dry_run_is_told_as_one)
{
	struct story s;
	struct buf b;

	story_init(&s);
	buf_init(&b, 4096);
	add(&s, "a",
	    "{\"event\":\"shutdown\",\"boot_us\":1,\"wall_ms\":1,\"force\":0,\"why\":\"x\"}\n"
	    "{\"event\":\"shutdown\",\"boot_us\":2,\"wall_ms\":2,\"force\":1,\"why\":\"x\"}\n");
	assert_int_equal(story_order(&s), ST_OK);
	story_describe(&s, &s.events[0], &b);
	assert_string_equal(buf_text(&b), "would shut down, if FORCE_SHUTDOWN were true: x");
	buf_reset(&b);
	story_describe(&s, &s.events[1], &b);
	assert_string_equal(buf_text(&b), "shuts down: x");
	buf_close(&b);
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clocks_that_differ_by_hours_are_put_on_one),
	    cmocka_unit_test(a_cause_comes_before_its_effect_whatever_the_clocks_say),
	    cmocka_unit_test(a_contradiction_beyond_the_errors_is_told),
	    cmocka_unit_test(without_a_measurement_wall_clocks_are_used_and_said_to_be_uncertain),
	    cmocka_unit_test(a_restart_of_the_machine_keeps_the_order_of_its_recorder),
	    cmocka_unit_test(the_fence_of_the_old_leader_is_measured_against_the_take_over),
	    cmocka_unit_test(text_fits_eighty_columns_and_a_page_escapes_what_it_shows),
	    cmocka_unit_test(a_shutdown_that_was_a_dry_run_is_told_as_one),
	};

	return RUN_TESTS(tests);
}
