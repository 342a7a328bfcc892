/* A bare node for tests between processes: links, EPMD and services, and nothing behind them.
 *
 *     net_echo NAME COOKIE EPMD_PORT LISTEN_MIN LISTEN_MAX [MEMBER ...]
 *
 * Prints one line an event. Answers calls of its module net_echo: echo(X), fail(Reason),
 * throw(Reason), exit(Reason), never(), ping(Node), names(Host), rpc(Node, M, F, Args),
 * flood(Member, Megabytes), latency(), links(), stop(). Pings its members over the urgent
 * class each 10 ms and remembers the longest round trip. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "io/net.h"
#include "term/term.h"

enum { PING_MS = 10, ARENA_MAX = 64 * 1024 * 1024, MEGABYTE = 1024 * 1024 };

struct echo {
	uv_loop_t loop;
	uv_timer_t ping;
	uv_signal_t term;
	struct net *net;
	struct net_config config;
	uint64_t longest_us; /* round trip since it was last asked for */
	uint64_t pongs;
	uint64_t flooded; /* bytes of bulk that came */
};

/* One answer that comes later. */
struct later {
	struct echo *echo;
	uint64_t call;
};

static void say(const char *fmt, ...) PRINTF(1, 2);

static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void member_up(void *arg, const char *node, uint64_t epoch)
{
	(void)arg;
	say("up %s %llu", node, (unsigned long long)epoch);
}

static void member_down(void *arg, const char *node, uint64_t epoch, const char *why)
{
	(void)arg;
	say("down %s %llu %s", node, (unsigned long long)epoch, why);
}

static void foreign(void *arg, const char *node, bool up, const char *why)
{
	(void)arg;
	say("foreign %s %s %s", node, up ? "up" : "down", why);
}

static void refused(void *arg, const char *node, const char *address, const char *why)
{
	(void)arg;
	say("refused '%s' %s %s", node, address, why);
}

static void trace(void *arg, const char *text)
{
	(void)arg;
	say("trace %s", text);
}

/* 'p' time: a ping, answered 'q' time; 'b': bulk. */
static void member_message(void *arg, const char *node, uint64_t epoch, const uint8_t *bytes,
                           size_t len)
{
	struct echo *e = arg;
	struct cursor c = cursor_of(bytes, len);
	uint8_t answer[9];
	uint64_t sent;
	uint8_t kind;

	(void)epoch;
	if (cursor_u8(&c, &kind) != ST_OK)
		return;
	if (kind == 'b')
		e->flooded += len;
	if (kind == 'p' && len == sizeof answer) {
		memcpy(answer, bytes, len);
		answer[0] = 'q';
		if (net_send(e->net, node, NET_URGENT, answer, sizeof answer) != ST_OK)
			say("busy");
	}
	if (kind == 'q' && cursor_u64(&c, &sent) == ST_OK) {
		uint64_t us = uv_hrtime() / 1000 - sent;

		e->pongs++;
		e->longest_us = us > e->longest_us ? us : e->longest_us;
	}
}

static void ping_members(uv_timer_t *timer)
{
	struct echo *e = timer->data;
	uint64_t now = uv_hrtime() / 1000;
	uint8_t ping[9] = {'p'};

	for (unsigned i = 0; i < 8; i++)
		ping[1 + i] = (uint8_t)(now >> (56 - 8 * i));
	for (size_t i = 0; i < e->config.n_members; i++) {
		if (net_send(e->net, e->config.members[i], NET_URGENT, ping, sizeof ping) != ST_OK)
			continue; /* not connected: nothing to measure */
	}
}

static void answer(struct echo *e, uint64_t call, const struct term *value)
{
	enum status st = net_call_reply(e->net, call, value);

	if (st != ST_OK)
		say("unanswered %s", status_text(st));
}

static struct later *later_new(struct echo *e, uint64_t call)
{
	struct later *l = malloc(sizeof *l);

	if (l == NULL)
		abort();
	l->echo = e;
	l->call = call;
	return l;
}

static void pinged(void *arg, bool pong)
{
	struct later *l = arg;
	struct arena a;

	arena_init(&a, ARENA_MAX);
	answer(l->echo, l->call, term_atom(&a, pong ? "pong" : "pang"));
	arena_close(&a);
	free(l);
}

static void named(void *arg, const struct net_name *names, size_t n, const char *why)
{
	struct later *l = arg;
	struct arena a;
	const struct term *list;

	arena_init(&a, ARENA_MAX);
	list = term_nil(&a);
	for (size_t i = n; i > 0; i--)
		list = term_cons(&a,
		                 term_tuple2(&a, term_string(&a, names[i - 1].name),
		                             term_int(&a, names[i - 1].port)),
		                 list);
	answer(l->echo, l->call, names == NULL ? term_atom(&a, why) : list);
	arena_close(&a);
	free(l);
}

static void called(void *arg, const struct term *result, const char *why)
{
	struct later *l = arg;
	struct arena a;

	arena_init(&a, ARENA_MAX);
	answer(l->echo, l->call, result != NULL ? result : term_atom(&a, why));
	arena_close(&a);
	free(l);
}

static const char *flood(struct echo *e, const char *node, int64_t megabytes)
{
	uint8_t *bytes = calloc(1, MEGABYTE);
	enum status st = ST_OK;

	if (bytes == NULL)
		abort();
	bytes[0] = 'b';
	for (int64_t i = 0; i < megabytes && st == ST_OK; i++)
		st = net_send(e->net, node, NET_BULK, bytes, MEGABYTE);
	free(bytes);
	return status_text(st);
}

static const struct term *nth(const struct net_call *call, int64_t i)
{
	const struct term *list = call->args;

	while (i-- > 0)
		list = term_tail(list);
	return term_head(list);
}

static void run_later(struct echo *e, const struct net_call *call, int64_t arity)
{
	char text[NET_NAME_MAX] = "";
	size_t len;

	if (arity > 0 && term_text(nth(call, 0), text, sizeof text, &len) != ST_OK)
		text[0] = '\0';
	if (strcmp(call->function, "ping") == 0 && arity == 1)
		net_ping(e->net, text, pinged, later_new(e, call->id));
	else if (strcmp(call->function, "names") == 0 && arity == 1)
		net_names(e->net, text, named, later_new(e, call->id));
	else if (strcmp(call->function, "rpc") == 0 && arity == 4)
		net_rpc(e->net, text, term_atom_text(nth(call, 1)), term_atom_text(nth(call, 2)),
		        nth(call, 3), 5000, called, later_new(e, call->id));
}

static const struct term *links(struct echo *e, struct arena *a)
{
	struct net_link_status status[32];
	size_t n = net_links(e->net, status, 32);
	const struct term *list = term_nil(a);

	for (size_t i = 0; i < n; i++)
		list = term_cons(a,
		                 term_tuple3(a, term_atom(a, status[i].node),
		                             term_bool(a, status[i].up),
		                             term_int(a, (int64_t)status[i].reconnects)),
		                 list);
	return list;
}

static const struct term *run_now(struct echo *e, const struct net_call *call, int64_t arity,
                                  struct arena *a)
{
	char text[NET_NAME_MAX];
	size_t len;

	if (strcmp(call->function, "echo") == 0 && arity == 1)
		return nth(call, 0);
	if (strcmp(call->function, "node") == 0)
		return term_atom(a, e->config.name);
	if (strcmp(call->function, "links") == 0)
		return links(e, a);
	if (strcmp(call->function, "latency") == 0) {
		const struct term *t =
		    term_tuple3(a, term_int(a, (int64_t)e->longest_us),
		                term_int(a, (int64_t)e->pongs), term_int(a, (int64_t)e->flooded));

		e->longest_us = 0;
		return t;
	}
	if (strcmp(call->function, "flood") == 0 && arity == 2 &&
	    term_text(nth(call, 0), text, sizeof text, &len) == ST_OK)
		return term_atom(a, flood(e, text, term_int_value(nth(call, 1))));
	return NULL;
}

static void stop(struct echo *e);

static void run(struct echo *e, const struct net_call *call, struct arena *a)
{
	int64_t arity = term_length(call->args);
	const struct term *value = run_now(e, call, arity, a);
	const char *f = call->function;

	if (value != NULL) {
		answer(e, call->id, value);
	} else if (arity == 1 && (strcmp(f, "throw") == 0 || strcmp(f, "exit") == 0)) {
		if (net_call_fail(e->net, call->id, f, nth(call, 0)) != ST_OK)
			say("unanswered");
	} else if (arity == 1 && strcmp(f, "fail") == 0) {
		if (net_call_fail(e->net, call->id, "error", nth(call, 0)) != ST_OK)
			say("unanswered");
	} else if (strcmp(f, "stop") == 0) {
		answer(e, call->id, term_atom(a, "ok"));
		stop(e);
	} else if (strcmp(f, "ping") == 0 || strcmp(f, "names") == 0 || strcmp(f, "rpc") == 0) {
		run_later(e, call, arity);
	} else if (strcmp(f, "never") != 0) {
		if (net_call_fail(e->net, call->id, "error", term_atom(a, "undef")) != ST_OK)
			say("unanswered");
	}
}

static void on_call(void *arg, const struct net_call *call)
{
	struct echo *e = arg;
	struct arena a;

	say("call %s %s:%s/%d", call->from, call->module, call->function,
	    (int)term_length(call->args));
	arena_init(&a, ARENA_MAX);
	run(e, call, &a);
	arena_close(&a);
}

static void closed(void *arg)
{
	(void)arg;
	say("closed");
}

static void stop(struct echo *e)
{
	if (uv_is_closing((uv_handle_t *)&e->term))
		return;
	net_close(e->net, closed, e);
	uv_close((uv_handle_t *)&e->term, NULL);
	uv_close((uv_handle_t *)&e->ping, NULL);
}

static void terminated(uv_signal_t *handle, int signum)
{
	(void)signum;
	stop(handle->data);
}

static int configure(struct net_config *c, int argc, char **argv)
{
	if (argc < 6 || argc - 6 > NET_MEMBERS_MAX) {
		fprintf(stderr, "usage: net_echo NAME COOKIE EPMD_PORT MIN MAX [MEMBER ...]\n");
		return -1;
	}
	snprintf(c->name, sizeof c->name, "%s", argv[1]);
	snprintf(c->cookie, sizeof c->cookie, "%s", argv[2]);
	c->epmd_port = (uint16_t)atoi(argv[3]);
	c->listen_min = (uint16_t)atoi(argv[4]);
	c->listen_max = (uint16_t)atoi(argv[5]);
	snprintf(c->interface, sizeof c->interface, "%s",
	         strncmp(strchr(argv[1], 64) + 1, "10.", 3) == 0 ? "" : "127.0.0.1");
	for (int i = 6; i < argc; i++)
		snprintf(c->members[c->n_members++], NET_NAME_MAX, "%s", argv[i]);
	c->ticktime_s = 60;
	c->member_silence_ms = 400;
	c->listen = true;
	c->epmd = true;
	return 0;
}

int main(int argc, char **argv)
{
	static struct echo e;
	struct net_ops ops = {&e,      member_up, member_down, member_message, NULL,
	                      on_call, foreign,   refused,     trace};
	const char *why = "";
	enum status st;

	if (configure(&e.config, argc, argv) != 0)
		return 2;
	if (uv_loop_init(&e.loop) != 0)
		return 1;
	st = net_open(&e.loop, &e.config, &ops, &e.net, &why);
	if (st != ST_OK) {
		fprintf(stderr, "net_echo: %s: %s\n", status_text(st), why);
		return 1;
	}
	e.ping.data = &e;
	e.term.data = &e;
	if (uv_timer_init(&e.loop, &e.ping) != 0 || uv_signal_init(&e.loop, &e.term) != 0 ||
	    uv_timer_start(&e.ping, ping_members, PING_MS, PING_MS) != 0 ||
	    uv_signal_start(&e.term, terminated, SIGTERM) != 0)
		return 1;
	say("listening %u", net_port(e.net));
	uv_run(&e.loop, UV_RUN_DEFAULT);
	net_free(e.net);
	return uv_loop_close(&e.loop) == 0 ? 0 : 1;
}
