#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/conn.h"

#define SECOND ((int64_t)1000000)

/* A connection and what was seen on it, one line an event. */
struct scene {
	struct http_conn c;
	int64_t now_us;
	bool hold; /* requests are not answered */
	struct buf trace;
};

static void scene_open(struct scene *s)
{
	memset(s, 0, sizeof *s);
	http_conn_init(&s->c, 0);
	buf_init(&s->trace, 1 << 20);
}

static void scene_close(struct scene *s)
{
	http_conn_close(&s->c);
	buf_close(&s->trace);
}

/* The first line of each answer in out, which is taken by the peer. */
static void take_out(struct scene *s)
{
	const char *at = (const char *)s->c.out.base;
	size_t left = s->c.out.len;

	while (at != NULL && left >= 9 && memcmp(at, "HTTP/1.1 ", 9) == 0) {
		const char *end = memmem(at, left, "\r\n\r\n", 4);
		const char *length;
		size_t len;

		if (end == NULL)
			break;
		len = (size_t)(end - at) + 4;
		buf_printf(&s->trace, "< %.3s%s\n", at + 9,
		           memmem(at, len, "Connection: close", 17) != NULL ? " close" : "");
		length = memmem(at, len, "Content-Length: ", 16);
		if (length != NULL && left > len && memcmp(at + len, "HTTP/", 5) != 0)
			len += (size_t)strtoul(length + 16, NULL, 10);
		assert_true(len <= left);
		at += len;
		left -= len;
	}
	assert_int_equal(left, 0);
	http_conn_sent(&s->c, s->now_us, s->c.out.len);
}

static void answer(struct scene *s)
{
	const struct http_answer a = {200, "text/plain", NULL, "yes\n", 4, 0};
	const struct http_request *q;

	while ((q = http_conn_next(&s->c, s->now_us)) != NULL) {
		buf_printf(&s->trace, "> %.*s [%.*s]\n", (int)q->head.path.len, q->head.path.at,
		           (int)q->body_len, q->body_len > 0 ? (const char *)q->body : "");
		if (s->hold)
			break;
		http_conn_answer(&s->c, s->now_us, &a);
	}
	take_out(s);
}

static void send_bytes(struct scene *s, const char *bytes, size_t len, size_t step)
{
	for (size_t at = 0; at < len; at += step) {
		http_conn_take(&s->c, s->now_us, (const uint8_t *)bytes + at,
		               len - at < step ? len - at : step);
		answer(s);
	}
}

static void send_text(struct scene *s, const char *text)
{
	send_bytes(s, text, strlen(text), strlen(text));
}

static void assert_trace(struct scene *s, const char *want)
{
	assert_string_equal(s->trace.len == 0 ? "" : buf_text(&s->trace), want);
	buf_reset(&s->trace);
}

#define HOST "Host: a\r\n"

static const struct {
	const char *sent;
	const char *trace;
} stories[] = {
    {"GET /a HTTP/1.1\r\n" HOST "\r\n", "> /a []\n< 200\n"},
    {"GET /a HTTP/1.1\r\n" HOST "\r\nHEAD /b HTTP/1.1\r\n" HOST "\r\n",
     "> /a []\n< 200\n> /b []\n< 200\n"},
    {"\r\nGET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n",
     "> /a []\n< 200 close\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhelloGET /q HTTP/1.1\r\n" HOST "\r\n",
     "> /p [hello]\n< 200\n> /q []\n< 200\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n"
     "\r\nGET /q HTTP/1.1\r\n" HOST "\r\n",
     "> /p [hello!]\n< 200\n> /q []\n< 200\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\n\r\n",
     "< 400 close\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
     "< 400 close\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
     "< 400 close\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: 1\r\n\r\n",
     "< 400 close\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n",
     "< 413 close\n"},
    {"POST /p HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
     "< 400 close\n"},
    {"GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/9.1\r\n" HOST "\r\nGET /c HTTP/1.1\r\n" HOST
     "\r\n",
     "> /a []\n< 200\n< 505 close\n"},
};

TEST(what_is_sent_gets_the_same_answers_in_whatever_pieces_it_comes)
{
	for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
		const size_t len = strlen(stories[i].sent);

		for (size_t step = 1; step <= len; step += step < 8 ? 1 : len - step + 1) {
			struct scene s;

			scene_open(&s);
			send_bytes(&s, stories[i].sent, len, step);
			take_out(&s);
			if (strcmp(buf_text(&s.trace), stories[i].trace) != 0)
				fail_msg("story %zu in pieces of %zu: %s", i, step,
				         buf_text(&s.trace));
			scene_close(&s);
		}
	}
}

TEST(head_has_no_body_but_tells_its_length)
{
	const struct http_answer a = {200, "text/plain", "X: y\r\n", "yes\n", 4, 784111777};
	struct scene s;

	scene_open(&s);
	s.hold = true;
	send_text(&s, "HEAD /a HTTP/1.1\r\n" HOST "\r\n");
	http_conn_answer(&s.c, 0, &a);
	assert_string_equal(buf_text(&s.c.out),
	                    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	                    "Content-Type: text/plain\r\nContent-Length: 4\r\n"
	                    "Cache-Control: no-store\r\nX: y\r\n\r\n");
	scene_close(&s);
}

TEST(dates_are_right_over_leap_years)
{
	static const struct {
		int64_t wall_s;
		const char *date;
	} dates[] = {
	    {1, "Thu, 01 Jan 1970 00:00:01 GMT"},
	    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
	    {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
	    {1709251200, "Fri, 01 Mar 2024 00:00:00 GMT"},
	    {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
	    {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
	};

	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		const struct http_answer a = {200, "text/plain", NULL, "", 0, dates[i].wall_s};
		struct buf b;

		buf_init(&b, 4096);
		http_answer_put(&b, &a, false, true);
		assert_non_null(strstr(buf_text(&b), dates[i].date));
		buf_close(&b);
	}
}

TEST(who_waits_to_be_asked_for_the_body_is_asked)
{
	struct scene s;

	scene_open(&s);
	send_text(&s,
	          "POST /p HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	assert_trace(&s, "< 100\n");
	send_text(&s, "ok");
	assert_trace(&s, "> /p [ok]\n< 200\n");
	scene_close(&s);
}

TEST(a_head_that_comes_too_slowly_is_answered_and_cut_off)
{
	struct scene s;

	scene_open(&s);
	send_text(&s, "GET / HT");
	for (s.now_us = SECOND; s.now_us < HTTP_HEAD_US; s.now_us += SECOND) {
		send_text(&s, "T");
		http_conn_tick(&s.c, s.now_us);
		take_out(&s);
	}
	assert_trace(&s, "");
	http_conn_tick(&s.c, HTTP_HEAD_US);
	take_out(&s);
	assert_trace(&s, "< 408 close\n");
	assert_int_equal(s.c.state, HTTP_CONN_DRAIN);
	http_conn_tick(&s.c, s.now_us + HTTP_DRAIN_US);
	assert_int_equal(s.c.state, HTTP_CONN_CLOSED);
	scene_close(&s);
}

TEST(a_body_that_comes_too_slowly_is_answered_and_cut_off)
{
	struct scene s;

	scene_open(&s);
	send_text(&s, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nx");
	http_conn_tick(&s.c, HTTP_BODY_US - 1);
	take_out(&s);
	assert_trace(&s, "");
	http_conn_tick(&s.c, HTTP_BODY_US);
	take_out(&s);
	assert_trace(&s, "< 408 close\n");
	scene_close(&s);
}

TEST(an_idle_connection_is_closed_without_a_word)
{
	struct scene s;

	scene_open(&s);
	send_text(&s, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	assert_true(http_conn_idle(&s.c));
	http_conn_tick(&s.c, HTTP_IDLE_US - 1);
	assert_int_equal(s.c.state, HTTP_CONN_HEAD);
	http_conn_tick(&s.c, HTTP_IDLE_US);
	assert_int_equal(s.c.state, HTTP_CONN_CLOSED);
	assert_int_equal(s.c.out.len, 0);
	scene_close(&s);
}

TEST(a_peer_that_takes_nothing_is_closed)
{
	const struct http_answer a = {200, "text/plain", NULL, "yes\n", 4, 0};
	struct scene s;

	scene_open(&s);
	s.hold = true;
	send_text(&s, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	http_conn_answer(&s.c, SECOND, &a);
	http_conn_sent(&s.c, 5 * SECOND, 1);
	http_conn_tick(&s.c, 5 * SECOND + HTTP_SEND_US - 1);
	assert_int_equal(s.c.state, HTTP_CONN_HEAD);
	http_conn_tick(&s.c, 5 * SECOND + HTTP_SEND_US);
	assert_int_equal(s.c.state, HTTP_CONN_CLOSED);
	scene_close(&s);
}

TEST(what_is_sent_ahead_is_bounded)
{
	static char ahead[HTTP_HEAD_MAX];
	struct scene s;

	scene_open(&s);
	s.hold = true;
	send_text(&s, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	assert_true(http_conn_reads(&s.c));
	http_conn_take(&s.c, 0, (const uint8_t *)ahead, sizeof ahead);
	assert_false(http_conn_reads(&s.c));
	scene_close(&s);
}

TEST(an_end_in_the_middle_of_a_request_closes_and_after_it_lets_the_answer_out)
{
	const struct http_answer a = {200, "text/plain", NULL, "yes\n", 4, 0};
	struct scene s;

	scene_open(&s);
	send_text(&s, "GET /a HT");
	http_conn_ended(&s.c, 0);
	assert_int_equal(s.c.state, HTTP_CONN_CLOSED);
	scene_close(&s);

	scene_open(&s);
	s.hold = true;
	send_text(&s, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	http_conn_ended(&s.c, 0);
	http_conn_answer(&s.c, 0, &a);
	buf_reset(&s.trace);
	take_out(&s);
	assert_trace(&s, "< 200 close\n");
	assert_int_equal(s.c.state, HTTP_CONN_DRAIN);
	scene_close(&s);
}

TEST(a_body_that_grows_beyond_its_limit_is_refused)
{
	static char chunk[HTTP_READ_MAX / 4];
	struct scene s;
	char line[32];

	scene_open(&s);
	send_text(&s, "POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	memset(chunk, 'x', sizeof chunk);
	(void)snprintf(line, sizeof line, "%zx\r\n", sizeof chunk);
	for (size_t all = 0; all <= HTTP_BODY_MAX && s.c.state == HTTP_CONN_BODY;
	     all += sizeof chunk) {
		send_text(&s, line);
		send_bytes(&s, chunk, sizeof chunk, sizeof chunk);
		send_text(&s, "\r\n");
	}
	assert_trace(&s, "< 413 close\n");
	scene_close(&s);
}

TEST(who_does_not_take_answers_gets_no_more_of_them_made)
{
	const struct http_answer a = {200, "text/plain", NULL, "yes\n", 4, 0};
	struct scene s;
	size_t sent = 0;

	scene_open(&s);
	for (;;) {
		while (http_conn_reads(&s.c)) {
			http_conn_take(&s.c, 0, (const uint8_t *)"GET / HTTP/1.1\r\n" HOST "\r\n",
			               sizeof "GET / HTTP/1.1\r\n" HOST "\r\n" - 1);
			sent++;
		}
		if (http_conn_next(&s.c, 0) == NULL)
			break;
		http_conn_answer(&s.c, 0, &a);
		assert_true(sent < HTTP_OUT_MAX / sizeof "HTTP/1.1 200");
	}
	assert_int_equal(s.c.state, HTTP_CONN_HEAD);
	assert_in_range(s.c.out.len, HTTP_AHEAD_MAX, 2 * HTTP_AHEAD_MAX);
	http_conn_sent(&s.c, 0, s.c.out.len);
	assert_non_null(http_conn_next(&s.c, 0));
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_sent_gets_the_same_answers_in_whatever_pieces_it_comes),
	    cmocka_unit_test(head_has_no_body_but_tells_its_length),
	    cmocka_unit_test(dates_are_right_over_leap_years),
	    cmocka_unit_test(who_waits_to_be_asked_for_the_body_is_asked),
	    cmocka_unit_test(a_head_that_comes_too_slowly_is_answered_and_cut_off),
	    cmocka_unit_test(a_body_that_comes_too_slowly_is_answered_and_cut_off),
	    cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
	    cmocka_unit_test(a_peer_that_takes_nothing_is_closed),
	    cmocka_unit_test(what_is_sent_ahead_is_bounded),
	    cmocka_unit_test(
	        an_end_in_the_middle_of_a_request_closes_and_after_it_lets_the_answer_out),
	    cmocka_unit_test(a_body_that_grows_beyond_its_limit_is_refused),
	    cmocka_unit_test(who_does_not_take_answers_gets_no_more_of_them_made),
	};

	return RUN_TESTS(tests);
}
