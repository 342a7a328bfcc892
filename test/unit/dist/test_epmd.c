#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/epmd.h"
#include "testing.h"

static const struct epmd_node alpha = {.name = "alpha",
                                       .port = 9100,
                                       .node_type = EPMD_NODE_HIDDEN,
                                       .highest = DIST_VERSION_HIGH,
                                       .lowest = DIST_VERSION_LOW};

struct world {
	struct epmd_server server;
	struct buf out;
	enum epmd_after after;
};

static int world_open(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	if (w == NULL)
		return -1;
	epmd_server_init(&w->server, 4369, true);
	buf_init(&w->out, EPMD_ANSWER_MAX);
	*state = w;
	return 0;
}

static int world_close(void **state)
{
	struct world *w = *state;

	buf_close(&w->out);
	free(w);
	return 0;
}

static enum status ask(struct world *w, uint64_t conn, enum epmd_type type,
                       const struct epmd_node *node)
{
	struct epmd_caller caller = {conn, true, 0x01020304};
	struct epmd_request request = {.type = type};

	if (node != NULL)
		request.node = *node;
	buf_reset(&w->out);
	return epmd_server_step(&w->server, &caller, &request, &w->out, &w->after);
}

static void assert_out(const struct world *w, const void *bytes, size_t len)
{
	assert_int_equal(w->out.len, len);
	assert_memory_equal(w->out.base, bytes, len);
}

static void a_registration_is_read_byte_for_byte(void **state)
{
	/* What erl -name one@127.0.0.1 of OTP 25 sends. */
	static const uint8_t bytes[] = {0, 16, 120, 0xa0, 0x0b, 77,  0,   0, 6,
	                                0, 5,  0,   3,    'o',  'n', 'e', 0, 0};
	struct epmd_request request;
	struct buf again;
	size_t used = 0;

	(void)state;
	for (size_t len = 0; len < sizeof bytes; len++)
		assert_int_equal(epmd_request_decode(bytes, len, &used, &request), ST_AGAIN);
	assert_int_equal(epmd_request_decode(bytes, sizeof bytes, &used, &request), ST_OK);
	assert_int_equal(used, sizeof bytes);
	assert_int_equal(request.type, EPMD_ALIVE2);
	assert_string_equal(request.node.name, "one");
	assert_int_equal(request.node.port, 0xa00b);
	assert_int_equal(request.node.node_type, EPMD_NODE_NORMAL);
	buf_init(&again, EPMD_REQUEST_MAX);
	epmd_request_encode(&again, &request);
	assert_int_equal(again.len, sizeof bytes);
	assert_memory_equal(again.base, bytes, sizeof bytes);
	buf_close(&again);
}

static void garbage_is_refused(void **state)
{
	static const uint8_t empty[] = {0, 0};
	static const uint8_t unknown[] = {0, 1, 77};
	static const uint8_t http[] = "GET / HTTP/1.1\r\n\r\n";
	static const uint8_t nul[] = {0, 3, 122, 'a', 0};
	static const uint8_t tail[] = {0, 2, 110, 0};
	struct epmd_request request;
	size_t used;

	(void)state;
	assert_int_equal(epmd_request_decode(empty, sizeof empty, &used, &request), ST_MALFORMED);
	assert_int_equal(epmd_request_decode(unknown, sizeof unknown, &used, &request),
	                 ST_MALFORMED);
	assert_int_equal(epmd_request_decode(http, sizeof http, &used, &request), ST_LIMIT);
	assert_int_equal(epmd_request_decode(nul, sizeof nul, &used, &request), ST_MALFORMED);
	assert_int_equal(epmd_request_decode(tail, sizeof tail, &used, &request), ST_MALFORMED);
}

static void a_name_lives_as_long_as_its_connection(void **state)
{
	static const uint8_t yes[] = {118, 0, 1, 2, 3, 4};
	static const uint8_t port[] = {119, 0, 0x23, 0x8c, 72,  0,   0,   6, 0, 5,
	                               0,   5, 'a',  'l',  'p', 'h', 'a', 0, 0};
	static const uint8_t no[] = {119, 1};
	struct world *w = *state;
	struct epmd_node found;
	uint32_t creation;

	assert_int_equal(ask(w, 7, EPMD_ALIVE2, &alpha), ST_OK);
	assert_out(w, yes, sizeof yes);
	assert_int_equal(w->after, EPMD_AFTER_KEEP);
	assert_int_equal(epmd_alive_decode(w->out.base, w->out.len, &creation), ST_OK);
	assert_int_equal(creation, 0x01020304);
	assert_int_equal(ask(w, 8, EPMD_PORT2, &alpha), ST_OK);
	assert_out(w, port, sizeof port);
	assert_int_equal(w->after, EPMD_AFTER_CLOSE);
	for (size_t len = 0; len < sizeof port; len++)
		assert_int_equal(epmd_port_decode(port, len, &found), ST_AGAIN);
	assert_int_equal(epmd_port_decode(port, sizeof port, &found), ST_OK);
	assert_int_equal(found.port, 9100);
	epmd_server_gone(&w->server, 7);
	assert_int_equal(ask(w, 9, EPMD_PORT2, &alpha), ST_OK);
	assert_out(w, no, sizeof no);
	assert_int_equal(epmd_port_decode(no, sizeof no, &found), ST_NOT_FOUND);
}

static void a_live_name_is_not_given_twice(void **state)
{
	struct world *w = *state;
	uint32_t creation;

	assert_int_equal(ask(w, 1, EPMD_ALIVE2, &alpha), ST_OK);
	assert_int_equal(ask(w, 2, EPMD_ALIVE2, &alpha), ST_OK);
	assert_int_equal(w->after, EPMD_AFTER_CLOSE);
	assert_int_equal(epmd_alive_decode(w->out.base, w->out.len, &creation), ST_REFUSED);
	epmd_server_gone(&w->server, 2);
	assert_int_equal(epmd_server_names(&w->server), 1);
}

static void an_old_node_gets_the_old_answer(void **state)
{
	struct world *w = *state;
	struct epmd_node old = alpha;

	old.highest = 5;
	assert_int_equal(ask(w, 1, EPMD_ALIVE2, &old), ST_OK);
	assert_int_equal(w->out.len, 4);
	assert_int_equal(w->out.base[0], EPMD_ALIVE2_RESP);
	assert_int_equal(w->out.base[1], 0);
}

static void names_and_dump_are_lines_of_text(void **state)
{
	struct world *w = *state;
	struct epmd_node beta = alpha;
	struct epmd_node found;
	size_t at = 0;

	snprintf(beta.name, sizeof beta.name, "beta");
	beta.port = 9101;
	assert_int_equal(ask(w, 1, EPMD_ALIVE2, &alpha), ST_OK);
	assert_int_equal(ask(w, 2, EPMD_ALIVE2, &beta), ST_OK);
	assert_int_equal(ask(w, 3, EPMD_NAMES, NULL), ST_OK);
	assert_memory_equal(w->out.base, "\0\0\x11\x11", 4);
	assert_string_equal(buf_text(&w->out) + 4,
	                    "name alpha at port 9100\nname beta at port 9101\n");
	assert_int_equal(epmd_names_next(w->out.base, w->out.len, &at, &found), ST_OK);
	assert_string_equal(found.name, "alpha");
	assert_int_equal(epmd_names_next(w->out.base, w->out.len, &at, &found), ST_OK);
	assert_string_equal(found.name, "beta");
	assert_int_equal(found.port, 9101);
	assert_int_equal(epmd_names_next(w->out.base, w->out.len, &at, &found), ST_NOT_FOUND);
	assert_int_equal(ask(w, 3, EPMD_DUMP, NULL), ST_OK);
	assert_string_equal(buf_text(&w->out) + 4, "active name     <alpha> at port 9100, fd = 1\n"
	                                           "active name     <beta> at port 9101, fd = 2\n");
}

static void kill_is_obeyed_only_without_names_and_from_this_host(void **state)
{
	struct world *w = *state;
	struct epmd_caller far = {5, false, 0};
	struct epmd_request kill_it = {.type = EPMD_KILL};

	assert_int_equal(ask(w, 1, EPMD_ALIVE2, &alpha), ST_OK);
	assert_int_equal(ask(w, 2, EPMD_KILL, NULL), ST_OK);
	assert_out(w, "NO", 2);
	epmd_server_gone(&w->server, 1);
	buf_reset(&w->out);
	assert_int_equal(epmd_server_step(&w->server, &far, &kill_it, &w->out, &w->after), ST_OK);
	assert_out(w, "NO", 2);
	assert_int_equal(ask(w, 2, EPMD_KILL, NULL), ST_OK);
	assert_out(w, "OK", 2);
	assert_int_equal(w->after, EPMD_AFTER_QUIT);
	assert_int_equal(ask(w, 2, EPMD_STOP, &alpha), ST_OK);
	assert_out(w, "NOEXIST", 7);
}

static void only_this_host_may_register(void **state)
{
	struct world *w = *state;
	struct epmd_caller far = {5, false, 0};
	struct epmd_request request = {.type = EPMD_ALIVE2, .node = alpha};

	assert_int_equal(epmd_server_step(&w->server, &far, &request, &w->out, &w->after),
	                 ST_REFUSED);
}

static void a_full_table_refuses_and_stays_whole(void **state)
{
	struct world *w = *state;
	struct epmd_node node = alpha;
	uint32_t creation;

	for (unsigned i = 0; i < EPMD_ENTRIES_MAX; i++) {
		snprintf(node.name, sizeof node.name, "n%u", i);
		assert_int_equal(ask(w, 10 + i, EPMD_ALIVE2, &node), ST_OK);
		assert_int_equal(epmd_alive_decode(w->out.base, w->out.len, &creation), ST_OK);
	}
	assert_int_equal(ask(w, 9, EPMD_ALIVE2, &alpha), ST_OK);
	assert_int_equal(epmd_alive_decode(w->out.base, w->out.len, &creation), ST_REFUSED);
	assert_int_equal(epmd_server_names(&w->server), EPMD_ENTRIES_MAX);
	assert_int_equal(ask(w, 9, EPMD_NAMES, NULL), ST_OK);
	assert_int_equal(buf_status(&w->out), ST_OK);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_registration_is_read_byte_for_byte),
	    cmocka_unit_test(garbage_is_refused),
	    WORLD_TEST(a_name_lives_as_long_as_its_connection),
	    WORLD_TEST(a_live_name_is_not_given_twice),
	    WORLD_TEST(an_old_node_gets_the_old_answer),
	    WORLD_TEST(names_and_dump_are_lines_of_text),
	    WORLD_TEST(kill_is_obeyed_only_without_names_and_from_this_host),
	    WORLD_TEST(only_this_host_may_register),
	    WORLD_TEST(a_full_table_refuses_and_stays_whole),
	};

	return RUN_TESTS(tests);
}
