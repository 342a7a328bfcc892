/* Nets of several nodes in one loop, over real sockets of the loopback. Conditions are awaited;
 * nothing is timed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "io/net.h"
#include "testing.h"

enum { PATIENCE_MS = 10000, NODES_MAX = 4 };

struct node {
	struct net *net;
	unsigned up; /* links of members that came up */
	unsigned down;
	char why_down[128];
	char refused[512]; /* "name why" of the last refusal */
	char heard[4096];  /* letters of what members sent, in order */
	size_t n_heard;
	size_t bytes;
};

struct world {
	uv_loop_t loop;
	uv_timer_t late;
	uint16_t base; /* EPMD's port; the range for listening follows */
	struct node nodes[NODES_MAX];
	bool expired;
	unsigned closed;
};

static void on_up(void *arg, const char *node, uint64_t epoch)
{
	struct node *n = arg;

	(void)node;
	assert_true(epoch > 0);
	n->up++;
}

static void on_down(void *arg, const char *node, uint64_t epoch, const char *why)
{
	struct node *n = arg;

	(void)node;
	(void)epoch;
	n->down++;
	snprintf(n->why_down, sizeof n->why_down, "%s", why);
}

static void on_message(void *arg, const char *node, uint64_t epoch, const uint8_t *bytes,
                       size_t len)
{
	struct node *n = arg;

	(void)node;
	(void)epoch;
	n->bytes += len;
	if (n->n_heard + 1 < sizeof n->heard)
		n->heard[n->n_heard++] = (char)bytes[0];
}

static void on_refused(void *arg, const char *node, const char *address, const char *why)
{
	struct node *n = arg;

	assert_non_null(address);
	snprintf(n->refused, sizeof n->refused, "%s %s", node, why);
}

static void config_for(const struct world *w, char letter, struct net_config *ret)
{
	memset(ret, 0, sizeof *ret);
	snprintf(ret->name, sizeof ret->name, "%c@127.0.0.1", letter);
	snprintf(ret->cookie, sizeof ret->cookie, "cookie");
	snprintf(ret->interface, sizeof ret->interface, "127.0.0.1");
	ret->epmd_port = w->base;
	ret->listen_min = (uint16_t)(w->base + 1);
	ret->listen_max = (uint16_t)(w->base + NODES_MAX);
	ret->ticktime_s = 60;
	ret->member_silence_ms = 2000;
	ret->listen = true;
	ret->epmd = true;
}

static struct net_ops ops_for(struct node *n)
{
	struct net_ops ops = {.arg = n,
	                      .member_up = on_up,
	                      .member_down = on_down,
	                      .member_message = on_message,
	                      .refused = on_refused};

	return ops;
}

/* Start node i, called letter, with the members whose letters are given. */
static void node_start(struct world *w, size_t i, char letter, const char *members,
                       const char *cookie)
{
	struct net_ops ops = ops_for(&w->nodes[i]);
	struct net_config config;
	const char *why = "";

	config_for(w, letter, &config);
	snprintf(config.cookie, sizeof config.cookie, "%s", cookie);
	for (; *members != '\0'; members++)
		snprintf(config.members[config.n_members++], NET_NAME_MAX, "%c@127.0.0.1",
		         *members);
	assert_int_equal(net_open(&w->loop, &config, &ops, &w->nodes[i].net, &why), ST_OK);
}

static void on_closed(void *arg)
{
	unsigned *closed = arg;

	(*closed)++;
}

static void node_stop(struct world *w, size_t i)
{
	unsigned closed = w->closed;

	net_close(w->nodes[i].net, on_closed, &w->closed);
	while (w->closed == closed)
		uv_run(&w->loop, UV_RUN_ONCE);
	net_free(w->nodes[i].net);
	w->nodes[i].net = NULL;
}

static void on_late(uv_timer_t *timer)
{
	struct world *w = timer->data;

	w->expired = true;
}

#define AWAIT(w, condition)                                                               \
	do {                                                                              \
		(w)->expired = false;                                                     \
		assert_int_equal(uv_timer_start(&(w)->late, on_late, PATIENCE_MS, 0), 0); \
		while (!(condition) && !(w)->expired)                                     \
			uv_run(&(w)->loop, UV_RUN_ONCE);                                  \
		assert_true(condition);                                                   \
	} while (0)

static int world_open(void **state)
{
	static unsigned round;
	struct world *w = calloc(1, sizeof *w);

	if (w == NULL || uv_loop_init(&w->loop) != 0 || uv_timer_init(&w->loop, &w->late) != 0)
		return -1;
	w->late.data = w;
	/* Below the ephemeral ports; of each process and test its own. */
	w->base = (uint16_t)(10000 + (unsigned)getpid() % 2000 * 10 + round++ % 2 * 5);
	*state = w;
	return 0;
}

static int world_close(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < NODES_MAX; i++) {
		if (w->nodes[i].net != NULL)
			node_stop(w, i);
	}
	uv_close((uv_handle_t *)&w->late, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&w->loop) != 0)
		return -1;
	free(w);
	return 0;
}

static void two_members_have_exactly_one_link(void **state)
{
	struct world *w = *state;
	struct net_link_status links[4];

	node_start(w, 0, 'a', "b", "cookie");
	node_start(w, 1, 'b', "a", "cookie");
	AWAIT(w, w->nodes[0].up == 1 && w->nodes[1].up == 1);
	assert_int_equal(w->nodes[0].down + w->nodes[1].down, 0);
	assert_int_equal(net_links(w->nodes[0].net, links, 4), 1);
	assert_true(links[0].up);
	assert_string_equal(links[0].node, "b@127.0.0.1");
}

static void messages_arrive_in_order_and_urgent_ones_first(void **state)
{
	static uint8_t big[3 * 1024 * 1024] = "B";
	struct world *w = *state;

	node_start(w, 0, 'a', "b", "cookie");
	node_start(w, 1, 'b', "a", "cookie");
	AWAIT(w, w->nodes[0].up == 1 && w->nodes[1].up == 1);
	assert_int_equal(net_send(w->nodes[0].net, "b@127.0.0.1", NET_BULK, big, sizeof big),
	                 ST_OK);
	for (char c = '0'; c <= '9'; c++)
		assert_int_equal(
		    net_send(w->nodes[0].net, "b@127.0.0.1", NET_NORMAL, (const uint8_t *)&c, 1),
		    ST_OK);
	assert_int_equal(
	    net_send(w->nodes[0].net, "b@127.0.0.1", NET_URGENT, (const uint8_t *)"!", 1), ST_OK);
	AWAIT(w, w->nodes[1].n_heard == 12);
	assert_memory_equal(w->nodes[1].heard, "!0123456789B", 12);
	assert_int_equal(w->nodes[1].bytes, sizeof big + 11);
	assert_int_equal(net_send(w->nodes[0].net, "c@127.0.0.1", NET_BULK, big, 1), ST_CLOSED);
}

static void three_members_survive_the_death_of_the_one_that_serves_epmd(void **state)
{
	struct world *w = *state;

	node_start(w, 0, 'a', "bc", "cookie");
	node_start(w, 1, 'b', "ac", "cookie");
	node_start(w, 2, 'c', "ab", "cookie");
	AWAIT(w, w->nodes[0].up == 2 && w->nodes[1].up == 2 && w->nodes[2].up == 2);
	node_stop(w, 0);
	AWAIT(w, w->nodes[1].down == 1 && w->nodes[2].down == 1);
	node_start(w, 0, 'a', "bc", "cookie");
	AWAIT(w, w->nodes[0].up == 4 && w->nodes[1].up == 3 && w->nodes[2].up == 3);
}

static void a_wrong_cookie_is_refused_by_name(void **state)
{
	struct world *w = *state;

	node_start(w, 0, 'a', "", "cookie");
	node_start(w, 1, 'b', "a", "other");
	AWAIT(w, w->nodes[0].refused[0] != '\0');
	assert_string_equal(w->nodes[0].refused, "b@127.0.0.1 wrong cookie");
	AWAIT(w, w->nodes[1].refused[0] != '\0');
	assert_non_null(strstr(w->nodes[1].refused, "the cookies differ"));
	assert_int_equal(w->nodes[0].up + w->nodes[1].up, 0);
}

/* Not registered, because EPMD does not give the name twice; but it connects. */
static void a_second_node_of_a_members_name_is_refused(void **state)
{
	struct world *w = *state;

	node_start(w, 0, 'a', "b", "cookie");
	node_start(w, 1, 'b', "a", "cookie");
	AWAIT(w, w->nodes[0].up == 1 && w->nodes[1].up == 1);
	node_start(w, 2, 'b', "a", "cookie");
	AWAIT(w, strstr(w->nodes[0].refused, "b@127.0.0.1 duplicate node name") != NULL);
	assert_int_equal(w->nodes[0].down, 0);
	assert_int_equal(w->nodes[2].up, 0);
}

struct stranger {
	uv_tcp_t tcp;
	uv_connect_t connect;
	const char *say;
	bool hung_up;
	char chunk[256];
};

static void stranger_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct stranger *s = handle->data;

	(void)suggested;
	*ret = uv_buf_init(s->chunk, sizeof s->chunk);
}

static void stranger_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct stranger *s = stream->data;

	(void)chunk;
	if (n >= 0)
		return;
	s->hung_up = true;
	uv_close((uv_handle_t *)stream, NULL);
}

static void stranger_connected(uv_connect_t *req, int status)
{
	struct stranger *s = req->data;
	char text[64];
	uv_buf_t bytes;

	assert_int_equal(status, 0);
	snprintf(text, sizeof text, "%s", s->say);
	bytes = uv_buf_init(text, (unsigned)strlen(text));
	if (bytes.len > 0)
		assert_int_equal(uv_try_write((uv_stream_t *)&s->tcp, &bytes, 1), bytes.len);
	assert_int_equal(uv_read_start((uv_stream_t *)&s->tcp, stranger_alloc, stranger_read), 0);
}

static void stranger_come(struct world *w, struct stranger *s, uint16_t port, const char *say)
{
	struct sockaddr_in address;

	memset(s, 0, sizeof *s);
	s->say = say;
	s->tcp.data = s;
	s->connect.data = s;
	assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
	assert_int_equal(uv_tcp_init(&w->loop, &s->tcp), 0);
	assert_int_equal(
	    uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&address, stranger_connected),
	    0);
}

static void garbage_is_refused_and_silence_is_cut_off(void **state)
{
	struct world *w = *state;
	static struct stranger http;
	static struct stranger silent;
	static struct stranger epmd;

	node_start(w, 0, 'a', "", "cookie");
	stranger_come(w, &silent, net_port(w->nodes[0].net), "");
	stranger_come(w, &http, net_port(w->nodes[0].net), "GET / HTTP/1.1\r\n\r\n");
	AWAIT(w, http.hung_up);
	assert_non_null(strstr(w->nodes[0].refused, "malformed handshake"));
	AWAIT(w, silent.hung_up);
	assert_non_null(strstr(w->nodes[0].refused, "did not finish its handshake in time"));
	node_start(w, 1, 'b', "a", "cookie");
	stranger_come(w, &epmd, w->base, "GET / HTTP/1.1\r\n\r\n");
	AWAIT(w, epmd.hung_up);
}

static void strangers_are_limited(void **state)
{
	static struct stranger strangers[90];
	struct world *w = *state;
	unsigned n = 0;

	node_start(w, 0, 'a', "", "cookie");
	for (size_t i = 0; i < 90; i++)
		stranger_come(w, &strangers[i], net_port(w->nodes[0].net), "");
	AWAIT(w, strstr(w->nodes[0].refused, "too many connections") != NULL);
	node_stop(w, 0);
	for (size_t i = 0; i < 90; i++) {
		AWAIT(w, strangers[i].hung_up);
		n++;
	}
	assert_int_equal(n, 90);
}

static void a_busy_port_is_passed_over_and_a_busy_range_explained(void **state)
{
	struct world *w = *state;
	struct net_ops ops = ops_for(&w->nodes[2]);
	struct net_config config;
	struct net *net = NULL;
	const char *why = "";

	node_start(w, 0, 'a', "", "cookie");
	node_start(w, 1, 'b', "", "cookie");
	assert_int_equal(net_port(w->nodes[0].net), w->base + 1);
	assert_int_equal(net_port(w->nodes[1].net), w->base + 2);
	config_for(w, 'c', &config);
	config.listen_max = (uint16_t)(w->base + 2);
	assert_int_equal(net_open(&w->loop, &config, &ops, &net, &why), ST_EXISTS);
	assert_non_null(strstr(why, "inet_dist_listen_min"));
	assert_null(net);
}

static void wrong_settings_are_explained(void **state)
{
	struct world *w = *state;
	struct net_ops ops = ops_for(&w->nodes[0]);
	struct net_config config;
	struct net *net = NULL;
	const char *why = "";

	config_for(w, 'a', &config);
	snprintf(config.interface, sizeof config.interface, "192.0.2.1");
	assert_int_equal(net_open(&w->loop, &config, &ops, &net, &why), ST_INVALID);
	assert_non_null(strstr(why, "not an address of this host"));
	config_for(w, 'a', &config);
	config.listen_min = (uint16_t)(config.listen_max + 1);
	assert_int_equal(net_open(&w->loop, &config, &ops, &net, &why), ST_INVALID);
	assert_non_null(strstr(why, "exchange them"));
	config_for(w, 'a', &config);
	snprintf(config.name, sizeof config.name, "nohost");
	assert_int_equal(net_open(&w->loop, &config, &ops, &net, &why), ST_INVALID);
	assert_non_null(strstr(why, "name@host"));
}

struct answers {
	int pong; /* -1: not yet */
	bool named;
	size_t names;
};

static void on_pong(void *arg, bool pong)
{
	struct answers *a = arg;

	a->pong = pong;
}

static void on_names(void *arg, const struct net_name *names, size_t n, const char *why)
{
	struct answers *a = arg;

	assert_non_null(names);
	assert_null(why);
	a->named = true;
	a->names = n;
}

static void pings_and_names_are_answered(void **state)
{
	struct world *w = *state;
	struct answers a = {-1, false, 0};

	node_start(w, 0, 'a', "b", "cookie");
	node_start(w, 1, 'b', "a", "cookie");
	node_start(w, 2, 'c', "", "cookie");
	AWAIT(w, w->nodes[0].up == 1 && w->nodes[1].up == 1);
	net_ping(w->nodes[0].net, "b@127.0.0.1", on_pong, &a);
	AWAIT(w, a.pong == 1);
	a.pong = -1;
	net_ping(w->nodes[0].net, "z@127.0.0.1", on_pong, &a);
	AWAIT(w, a.pong == 0);
	/* Registration takes its time. */
	while (a.names < 3) {
		a.named = false;
		net_names(w->nodes[0].net, "127.0.0.1", on_names, &a);
		AWAIT(w, a.named);
	}
	a.pong = -1;
	net_ping(w->nodes[2].net, "a@127.0.0.1", on_pong, &a);
	AWAIT(w, a.pong == 1);
}

static void a_removed_member_is_disconnected_and_a_new_one_connected(void **state)
{
	struct world *w = *state;

	node_start(w, 0, 'a', "b", "cookie");
	node_start(w, 1, 'b', "a", "cookie");
	AWAIT(w, w->nodes[0].up == 1 && w->nodes[1].up == 1);
	net_member_remove(w->nodes[1].net, "a@127.0.0.1");
	net_member_remove(w->nodes[0].net, "b@127.0.0.1");
	AWAIT(w, w->nodes[0].down == 1 && w->nodes[1].down == 1);
	assert_int_equal(net_member_add(w->nodes[0].net, "b@127.0.0.1"), ST_OK);
	assert_int_equal(net_member_add(w->nodes[1].net, "a@127.0.0.1"), ST_OK);
	AWAIT(w, w->nodes[0].up >= 2 && w->nodes[1].up >= 2);
	assert_int_equal(net_member_add(w->nodes[0].net, "a@127.0.0.1"), ST_INVALID);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(two_members_have_exactly_one_link),
	    WORLD_TEST(messages_arrive_in_order_and_urgent_ones_first),
	    WORLD_TEST(three_members_survive_the_death_of_the_one_that_serves_epmd),
	    WORLD_TEST(a_wrong_cookie_is_refused_by_name),
	    WORLD_TEST(a_second_node_of_a_members_name_is_refused),
	    WORLD_TEST(garbage_is_refused_and_silence_is_cut_off),
	    WORLD_TEST(strangers_are_limited),
	    WORLD_TEST(a_busy_port_is_passed_over_and_a_busy_range_explained),
	    WORLD_TEST(wrong_settings_are_explained),
	    WORLD_TEST(pings_and_names_are_answered),
	    WORLD_TEST(a_removed_member_is_disconnected_and_a_new_one_connected),
	};

	return RUN_TESTS(tests);
}
