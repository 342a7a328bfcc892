#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/limits.h"
#include "node/log.h"
#include "testing.h"

static const struct timespec at = {.tv_sec = 1795294319, .tv_nsec = 123456789};

static void assert_line(bool json, const char *text, const char *expected)
{
	struct buf b;

	buf_init(&b, 4096);
	log_format(&b, json, "erlmcp@a", &at, LOG_WARNING, text);
	assert_string_equal(buf_text(&b), expected);
	buf_close(&b);
}

TEST(an_event_is_one_line_with_the_runbook_text_byte_for_byte)
{
	assert_line(false, "⚠️  MINORITY PARTITION DETECTED",
	            "2026-11-21T20:51:59.123Z [warning] ⚠️  MINORITY PARTITION DETECTED\n");
}

TEST(an_event_in_json_carries_the_node)
{
	assert_line(true, "a \"b\" ✅",
	            "{\"time\":\"2026-11-21T20:51:59.123Z\",\"level\":\"warning\","
	            "\"node\":\"erlmcp@a\",\"text\":\"a \\\"b\\\" ✅\"}\n");
}

TEST(what_a_stranger_sends_cannot_forge_a_line_or_move_the_cursor)
{
	assert_line(false, "a\nb\x1b[2J\xff\xc0\x80",
	            "2026-11-21T20:51:59.123Z [warning] a\\nb\\x1b[2J\\xff\\xc0\\x80\n");
	assert_line(true, "\x01\xff",
	            "{\"time\":\"2026-11-21T20:51:59.123Z\",\"level\":\"warning\","
	            "\"node\":\"erlmcp@a\",\"text\":\"\\u0001\\u00ff\"}\n");
}

static struct log *open_in(const char *dir, int64_t bytes, unsigned files)
{
	const struct log_config config = {
	    .level = LOG_INFO, .node = "a@b", .dir = dir, .file_bytes = bytes, .files = files};
	struct log *l;
	char why[256];

	assert_int_equal(log_open(&config, &l, why, sizeof why), ST_OK);
	return l;
}

static bool exists(const char *dir, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void clear(const char *dir)
{
	static const char *const names[] = {"erlmcp.log", "erlmcp.log.1", "erlmcp.log.2"};
	char path[256];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

TEST(the_file_rotates_and_the_oldest_falls_off)
{
	char dir[] = "/tmp/erlmcp-log-XXXXXX";
	struct log *l;

	assert_non_null(mkdtemp(dir));
	l = open_in(dir, 100, 2);
	for (int i = 0; i < 8; i++)
		log_line(l, LOG_INFO, "line %d of a log that is rotated", i);
	log_close(l);
	assert_true(exists(dir, "erlmcp.log"));
	assert_true(exists(dir, "erlmcp.log.1"));
	assert_true(exists(dir, "erlmcp.log.2"));
	assert_false(exists(dir, "erlmcp.log.3"));
	clear(dir);
}

TEST(unimportant_events_are_not_written)
{
	char dir[] = "/tmp/erlmcp-log-XXXXXX";
	struct log *l;

	assert_non_null(mkdtemp(dir));
	l = open_in(dir, 1 << 20, 2);
	assert_false(log_enabled(l, LOG_DEBUG));
	assert_true(log_enabled(l, LOG_ERROR));
	log_close(l);
	clear(dir);
}

TEST(a_directory_that_cannot_be_made_is_named)
{
	const struct log_config config = {.dir = "/proc/none/log", .files = 1, .file_bytes = 100};
	struct log *l;
	char why[256];

	assert_int_equal(log_open(&config, &l, why, sizeof why), ST_IO);
	assert_non_null(strstr(why, "/proc/none/log"));
}

/* The pipe is full: lines are dropped, counted, and the count is told when there is room. */
TEST(a_reader_that_does_not_read_does_not_stop_the_node)
{
	const struct log_config config = {.level = LOG_INFO};
	const int saved = dup(STDOUT_FILENO);
	static char sink[1 << 20];
	struct log *l;
	char why[256];
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	(void)fflush(stdout);
	assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
	assert_int_equal(log_open(&config, &l, why, sizeof why), ST_OK);
	for (int i = 0; i < 4000; i++)
		log_line(l, LOG_INFO, "a line that nobody reads, of a fair length, number %d", i);
	n = read(ends[0], sink, sizeof sink - 1);
	log_line(l, LOG_INFO, "there is room again");
	assert_true(n > 0);
	n = read(ends[0], sink, sizeof sink - 1);
	sink[n < 0 ? 0 : n] = '\0';
	log_close(l);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_non_null(strstr(sink, "log lines could not be written\n"));
	assert_non_null(strstr(sink, "there is room again\n"));
}

TEST(a_line_is_never_longer_than_a_pipe_takes_at_once)
{
	const struct log_config config = {.level = LOG_INFO, .json = true, .node = "a@b"};
	const int saved = dup(STDOUT_FILENO);
	static char text[LOG_LINE_MAX * 2];
	static char line[LOG_LINE_MAX * 4];
	struct log *l;
	char why[256];
	int ends[2];
	ssize_t n;

	memset(text, 0x01, sizeof text - 1);
	assert_int_equal(pipe(ends), 0);
	(void)fflush(stdout);
	assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
	assert_int_equal(log_open(&config, &l, why, sizeof why), ST_OK);
	log_line(l, LOG_INFO, "%s", text);
	n = read(ends[0], line, sizeof line);
	log_close(l);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_in_range(n, 1000, LOG_LINE_MAX);
	assert_memory_equal(line + n - 6, "...\"}\n", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_event_is_one_line_with_the_runbook_text_byte_for_byte),
	    cmocka_unit_test(an_event_in_json_carries_the_node),
	    cmocka_unit_test(what_a_stranger_sends_cannot_forge_a_line_or_move_the_cursor),
	    cmocka_unit_test(the_file_rotates_and_the_oldest_falls_off),
	    cmocka_unit_test(unimportant_events_are_not_written),
	    cmocka_unit_test(a_directory_that_cannot_be_made_is_named),
	    cmocka_unit_test(a_line_is_never_longer_than_a_pipe_takes_at_once),
	    cmocka_unit_test(a_reader_that_does_not_read_does_not_stop_the_node),
	};

	return RUN_TESTS(tests);
}
