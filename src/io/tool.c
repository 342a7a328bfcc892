#include "io/tool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "term/term.h"

enum {
	RESULT_MAX = 64 * 1024 * 1024, /* a result that needs more is refused */
	TICKTIME_S = 60,
	SILENCE_MS = 5000,
	RPC_MAX_MS = 3600 * 1000, /* "infinity" of a tool */
};

struct tool {
	uv_loop_t loop;
	struct net *net;
	bool done; /* the answer that run() waits for is there, or the network closed */
};

static void ignore_message(void *arg, const char *node, uint64_t epoch, const uint8_t *bytes,
                           size_t len)
{
	(void)arg;
	(void)node;
	(void)epoch;
	(void)bytes;
	(void)len;
}

static void ignore_up(void *arg, const char *node, uint64_t epoch)
{
	(void)arg;
	(void)node;
	(void)epoch;
}

static void ignore_down(void *arg, const char *node, uint64_t epoch, const char *why)
{
	(void)arg;
	(void)node;
	(void)epoch;
	(void)why;
}

/* Nobody may call functions of a tool; the caller's own time limit tells it. */
static void ignore_call(void *arg, const struct net_call *call)
{
	(void)arg;
	(void)call;
}

static void ignore_foreign(void *arg, const char *node, bool up, const char *why)
{
	(void)arg;
	(void)node;
	(void)up;
	(void)why;
}

static void ignore_refused(void *arg, const char *node, const char *address, const char *why)
{
	(void)arg;
	(void)node;
	(void)address;
	(void)why;
}

static void ignore_trace(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* Turn the loop until the answer is there: net.h's calls all end by themselves. */
static void run(struct tool *t)
{
	while (!t->done)
		(void)uv_run(&t->loop, UV_RUN_ONCE);
}

static enum status open_net(struct tool *t, const struct tool_config *config, char *why,
                            size_t why_cap)
{
	const struct net_ops ops = {
	    .arg = t,
	    .member_up = ignore_up,
	    .member_down = ignore_down,
	    .member_message = ignore_message,
	    .call = ignore_call,
	    .foreign = ignore_foreign,
	    .refused = ignore_refused,
	    .trace = ignore_trace,
	};
	struct net_config *net = calloc(1, sizeof *net);
	const char *reason = status_text(ST_NOMEM);
	enum status st = ST_NOMEM;

	if (net != NULL) {
		(void)snprintf(net->name, sizeof net->name, "%s", config->name);
		(void)snprintf(net->cookie, sizeof net->cookie, "%s", config->cookie);
		net->short_names = config->short_names;
		net->epmd_port = config->epmd_port;
		net->ticktime_s = TICKTIME_S;
		net->member_silence_ms = SILENCE_MS;
		st = net_open(&t->loop, net, &ops, &t->net, &reason);
	}
	if (st != ST_OK)
		(void)snprintf(why, why_cap, "%s", reason);
	free(net);
	return st;
}

enum status tool_open(const struct tool_config *config, struct tool **ret, char *why,
                      size_t why_cap)
{
	struct tool *t = calloc(1, sizeof *t);
	enum status st;

	if (t == NULL || uv_loop_init(&t->loop) != 0) {
		free(t);
		(void)snprintf(why, why_cap, "%s", status_text(ST_NOMEM));
		return ST_NOMEM;
	}
	st = open_net(t, config, why, why_cap);
	if (st != ST_OK)
		goto err_loop;
	*ret = t;
	return ST_OK;
err_loop:
	(void)uv_run(&t->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&t->loop);
	free(t);
	return st;
}

static void closed_cb(void *arg)
{
	((struct tool *)arg)->done = true;
}

void tool_close(struct tool *t)
{
	if (t == NULL)
		return;
	t->done = false;
	net_close(t->net, closed_cb, t);
	run(t);
	net_free(t->net);
	(void)uv_run(&t->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&t->loop);
	free(t);
}

struct ping {
	struct tool *tool;
	bool pong;
};

static void ping_cb(void *arg, bool pong)
{
	struct ping *p = arg;

	p->pong = pong;
	p->tool->done = true;
}

bool tool_ping(struct tool *t, const char *node)
{
	struct ping p = {t, false};

	t->done = false;
	net_ping(t->net, node, ping_cb, &p);
	run(t);
	return p.pong;
}

struct rpc {
	struct tool *tool;
	struct buf result; /* encoded: the term lives only during the callback */
	enum status st;
};

static void rpc_cb(void *arg, const struct term *result, const char *why)
{
	struct rpc *r = arg;

	(void)why;
	r->st = result == NULL ? ST_CLOSED : term_encode(result, &r->result);
	r->tool->done = true;
}

enum status tool_rpc(struct tool *t, const struct tool_call *call, struct arena *arena,
                     const struct term **ret)
{
	const unsigned timeout_ms = call->timeout_ms > RPC_MAX_MS ? RPC_MAX_MS : call->timeout_ms;
	struct rpc r = {.tool = t};
	enum status st;
	size_t used;

	buf_init(&r.result, RESULT_MAX);
	t->done = false;
	net_rpc(t->net, call->node, call->module, call->function, call->args, timeout_ms, rpc_cb,
	        &r);
	run(t);
	st = r.st;
	if (st == ST_OK)
		st = term_decode(arena, r.result.base, r.result.len, &used, ret);
	buf_close(&r.result);
	return st;
}

struct names {
	struct tool *tool;
	struct net_name *ret;
	size_t cap;
	size_t n;
	bool answered;
};

static void names_cb(void *arg, const struct net_name *names, size_t n, const char *why)
{
	struct names *q = arg;

	(void)why;
	q->answered = names != NULL;
	q->n = names == NULL ? 0 : n < q->cap ? n : q->cap;
	if (q->n > 0)
		memcpy(q->ret, names, q->n * sizeof *names);
	q->tool->done = true;
}

enum status tool_names(struct tool *t, const char *host, struct net_name *ret, size_t cap,
                       size_t *ret_n)
{
	struct names q = {.tool = t, .ret = ret, .cap = cap};

	t->done = false;
	net_names(t->net, host, names_cb, &q);
	run(t);
	if (!q.answered)
		return ST_NOT_FOUND;
	*ret_n = q.n;
	return ST_OK;
}

size_t tool_nodes(const struct tool *t, char ret[][NET_NAME_MAX], size_t cap)
{
	return net_foreign(t->net, ret, cap);
}
