#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "http/head.h"

/* What a head comes to, in a line: "verb path?query keep|close none|N|chunked" or "code what". */
static void read_head(const char *text, char *ret, size_t cap)
{
	static const char *const verbs[] = {"get", "head", "post", "delete", "options", "other"};
	const uint8_t *bytes = (const uint8_t *)text;
	struct http_refusal refusal = {0, ""};
	struct http_head h;
	char body[32];
	size_t len = 0;
	enum status st = http_head_length(bytes, strlen(text), 0, &len, &refusal);

	if (st == ST_OK)
		st = http_head_parse(bytes, len, &h, &refusal);
	if (st == ST_AGAIN) {
		(void)snprintf(ret, cap, "more");
		return;
	}
	if (st != ST_OK) {
		(void)snprintf(ret, cap, "%u", refusal.code);
		return;
	}
	(void)snprintf(body, sizeof body, "%llu", (unsigned long long)h.length);
	(void)snprintf(ret, cap, "%s %.*s|%.*s %s %s", verbs[h.verb], (int)h.path.len, h.path.at,
	               (int)h.query.len, h.query.len > 0 ? h.query.at : "",
	               h.keep_alive ? "keep" : "close", h.chunked ? "chunked" : body);
}

static const struct {
	const char *head;
	const char *want;
} heads[] = {
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "get /metrics| keep 0"},
    {"GET /m?a=1&b HTTP/1.1\r\nHost: a\r\n\r\n", "get /m|a=1&b keep 0"},
    {"HEAD /%2e HTTP/1.1\r\nHOST:a\r\nConnection: x , CLOSE\r\n\r\n", "head /%2e| close 0"},
    {"GET / HTTP/1.0\r\n\r\n", "get /| close 0"},
    {"GET http://h:1/p HTTP/1.1\r\nHost: a\r\n\r\n", "get /p| keep 0"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", "post /| keep 12"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "post /| keep chunked"},
    {"PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", "other /| keep 0"},
    {"GET / HTTP/1.1\r\nHost: a\r\n", "more"},
    {"GET / HTTP/1.1\r", "more"},
    {"", "more"},
    /* lines */
    {"GET / HTTP/1.1\nHost: a\n\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "400"},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    /* request line */
    {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"NOSUCH / HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
    {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505"},
    {"GET / HTCPCP/1.0\r\nHost: a\r\n\r\n", "505"},
    {"GET /\r\n\r\n", "505"},
    /* headers */
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX y: 1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", "417"},
    /* framing */
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "413"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
     "\r\n",
     "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "501"},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
};

TEST(heads_are_read_or_refused_by_the_rules)
{
	char got[256];

	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		read_head(heads[i].head, got, sizeof got);
		if (strcmp(got, heads[i].want) != 0)
			fail_msg("%s: %s, wanted %s", heads[i].head, got, heads[i].want);
	}
}

TEST(too_long_a_head_is_refused_by_what_is_too_long)
{
	static char text[HTTP_HEAD_MAX + 100];
	char got[256];
	int n;

	n = snprintf(text, sizeof text, "GET /");
	memset(text + n, 'a', sizeof text - 1 - (size_t)n);
	read_head(text, got, sizeof got);
	assert_string_equal(got, "414");
	n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nX: ");
	memset(text + n, 'a', sizeof text - 1 - (size_t)n);
	read_head(text, got, sizeof got);
	assert_string_equal(got, "431");
	n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_TARGET_MAX,
	             0);
	assert_true(n > HTTP_TARGET_MAX);
	read_head(text, got, sizeof got);
	assert_string_equal(got, "414");
}

TEST(one_header_too_many_is_refused)
{
	char text[8192] = "GET / HTTP/1.1\r\nHost: a\r\n";
	char got[256];
	size_t len = strlen(text);

	for (unsigned i = 1; i < HTTP_HEADERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "X%u: 1\r\n", i);
	memcpy(text + len, "\r\n", 3);
	read_head(text, got, sizeof got);
	assert_string_equal(got, "get /| keep 0");
	memcpy(text + len, "Y: 1\r\n\r\n", 9);
	read_head(text, got, sizeof got);
	assert_string_equal(got, "431");
}

TEST(headers_are_found_in_any_case_and_lists_word_by_word)
{
	const char *text = "GET / HTTP/1.1\r\nHost: a\r\nAccept:  one , Two\t\r\nX:\r\n\r\n";
	struct http_refusal refusal;
	struct http_head h;

	assert_int_equal(http_head_parse((const uint8_t *)text, strlen(text), &h, &refusal), ST_OK);
	assert_true(http_text_is(http_header(&h, "ACCEPT"), "one , Two"));
	assert_true(http_list_holds(http_header(&h, "accept"), "two"));
	assert_false(http_list_holds(http_header(&h, "accept"), "tw"));
	assert_int_equal(http_header(&h, "x")->len, 0);
	assert_null(http_header(&h, "y"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heads_are_read_or_refused_by_the_rules),
	    cmocka_unit_test(too_long_a_head_is_refused_by_what_is_too_long),
	    cmocka_unit_test(one_header_too_many_is_refused),
	    cmocka_unit_test(headers_are_found_in_any_case_and_lists_word_by_word),
	};

	return RUN_TESTS(tests);
}
