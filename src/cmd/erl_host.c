#include "cmd/erl_host.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "io/tool.h"

enum {
	NODES_MAX = 64,
	NAMES_MAX = 256,
	SLEEP_MAX_MS =
	    3600 * 1000,       /* an hour: more is a mistake, and there is nothing to wait for */
	EXIT_CODE_MASK = 0xff, /* what the operating system keeps of it */
};

/* One call: its arguments, and where the value or the reason goes. */
struct frame {
	struct erl_host *host;
	const struct term *const *args;
	struct arena *arena;
	const struct term *value;
};

static enum host_answer answer(struct frame *f, const struct term *value)
{
	f->value = value;
	return HOST_VALUE;
}

static enum host_answer atom(struct frame *f, const char *text)
{
	return answer(f, term_atom(f->arena, text));
}

static enum host_answer raise(struct frame *f, const char *reason)
{
	f->value = term_atom(f->arena, reason);
	return HOST_RAISE;
}

static enum host_answer do_ping(struct frame *f)
{
	struct erl_host *h = f->host;

	if (term_type(f->args[0]) != TERM_ATOM)
		return raise(f, "badarg");
	if (h->distributed && strcmp(term_atom_text(f->args[0]), h->name) == 0)
		return atom(f, "pong");
	if (h->tool == NULL || strchr(term_atom_text(f->args[0]), '@') == NULL)
		return atom(f, "pang");
	return atom(f, tool_ping(h->tool, term_atom_text(f->args[0])) ? "pong" : "pang");
}

static enum host_answer names_of(struct frame *f, const char *host)
{
	struct net_name names[NAMES_MAX];
	const struct term *list = term_nil(f->arena);
	enum status st = ST_NOT_FOUND;
	size_t n = 0;

	if (f->host->tool != NULL)
		st = tool_names(f->host->tool, host, names, NAMES_MAX, &n);
	if (st != ST_OK)
		return answer(f, term_tuple2(f->arena, term_atom(f->arena, "error"),
		                             term_atom(f->arena, "address")));
	while (n-- > 0)
		list = term_cons(f->arena,
		                 term_tuple2(f->arena, term_string(f->arena, names[n].name),
		                             term_int(f->arena, names[n].port)),
		                 list);
	return answer(f, term_tuple2(f->arena, term_atom(f->arena, "ok"), list));
}

static enum host_answer do_names(struct frame *f)
{
	const char *at = strchr(f->host->name, '@');

	return names_of(f, at == NULL || !f->host->distributed ? "localhost" : at + 1);
}

static enum host_answer do_names_of(struct frame *f)
{
	char host[NET_NAME_MAX];
	size_t len;

	if (term_text(f->args[0], host, sizeof host, &len) != ST_OK)
		return raise(f, "badarg");
	return names_of(f, host);
}

static enum host_answer do_node(struct frame *f)
{
	return atom(f, f->host->name);
}

static enum host_answer connected(struct frame *f)
{
	char nodes[NODES_MAX][NET_NAME_MAX];
	const struct term *list = term_nil(f->arena);
	size_t n = f->host->tool == NULL ? 0 : tool_nodes(f->host->tool, nodes, NODES_MAX);

	while (n-- > 0)
		list = term_cons(f->arena, term_atom(f->arena, nodes[n]), list);
	return answer(f, list);
}

/* A tool is a hidden node: nodes() is empty, nodes(hidden) and nodes(connected) are not. */
static enum host_answer do_nodes(struct frame *f)
{
	return answer(f, term_nil(f->arena));
}

static enum host_answer do_nodes_of(struct frame *f)
{
	if (term_is_atom(f->args[0], "hidden") || term_is_atom(f->args[0], "connected"))
		return connected(f);
	if (term_is_atom(f->args[0], "this"))
		return answer(
		    f, term_cons(f->arena, term_atom(f->arena, f->host->name), term_nil(f->arena)));
	if (term_is_atom(f->args[0], "visible") || term_is_atom(f->args[0], "known"))
		return do_nodes(f);
	return raise(f, "badarg");
}

static enum host_answer do_cookie(struct frame *f)
{
	return atom(f, f->host->distributed ? f->host->cookie : "nocookie");
}

static enum host_answer do_is_alive(struct frame *f)
{
	return answer(f, term_bool(f->arena, f->host->distributed));
}

/* Waiting for an answer that never comes is how an evaluation ends that nothing may catch. */
static enum host_answer do_halt(struct frame *f)
{
	f->host->halted = true;
	return HOST_WAIT;
}

static enum host_answer do_halt_with(struct frame *f)
{
	if (term_type(f->args[0]) == TERM_INT && term_int_value(f->args[0]) >= 0)
		f->host->exit_code = (int)(term_int_value(f->args[0]) & EXIT_CODE_MASK);
	else if (term_is_list(f->args[0]) || term_is_atom(f->args[0], "abort"))
		f->host->exit_code = 1;
	else
		return raise(f, "badarg");
	return do_halt(f);
}

static enum host_answer do_stop(struct frame *f)
{
	f->host->stopping = true;
	return atom(f, "ok");
}

static enum host_answer do_stop_with(struct frame *f)
{
	if (term_type(f->args[0]) != TERM_INT || term_int_value(f->args[0]) < 0)
		return raise(f, "badarg");
	f->host->exit_code = (int)(term_int_value(f->args[0]) & EXIT_CODE_MASK);
	return do_stop(f);
}

static enum host_answer do_sleep(struct frame *f)
{
	int64_t ms;
	struct timespec ts;

	if (term_type(f->args[0]) != TERM_INT || term_int_value(f->args[0]) < 0)
		return raise(f, "badarg");
	ms = term_int_value(f->args[0]);
	ms = ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : ms;
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = (ms % 1000) * 1000000L;
	(void)nanosleep(&ts, NULL);
	return atom(f, "ok");
}

static enum host_answer call_remote(struct frame *f, unsigned timeout_ms)
{
	const struct term *value = NULL;
	struct tool_call call;
	enum status st = ST_CLOSED;

	for (size_t i = 0; i < 3; i++) {
		if (term_type(f->args[i]) != TERM_ATOM)
			return raise(f, "badarg");
	}
	if (term_length(f->args[3]) < 0)
		return raise(f, "badarg");
	call = (struct tool_call){term_atom_text(f->args[0]), term_atom_text(f->args[1]),
	                          term_atom_text(f->args[2]), f->args[3], timeout_ms};
	if (f->host->tool != NULL)
		st = tool_rpc(f->host->tool, &call, f->arena, &value);
	if (st != ST_OK)
		value = term_tuple2(f->arena, term_atom(f->arena, "badrpc"),
		                    term_atom(f->arena, "nodedown"));
	return answer(f, value);
}

static enum host_answer do_rpc(struct frame *f)
{
	return call_remote(f, SLEEP_MAX_MS);
}

static enum host_answer do_rpc_within(struct frame *f)
{
	if (term_is_atom(f->args[4], "infinity"))
		return do_rpc(f);
	if (term_type(f->args[4]) != TERM_INT || term_int_value(f->args[4]) < 0 ||
	    term_int_value(f->args[4]) > SLEEP_MAX_MS)
		return raise(f, "badarg");
	return call_remote(f, (unsigned)term_int_value(f->args[4]));
}

static const struct {
	const char *module;
	const char *function;
	size_t arity;
	enum host_answer (*run)(struct frame *f);
} functions[] = {
    {"net_adm", "ping", 1, do_ping},
    {"net_adm", "names", 0, do_names},
    {"net_adm", "names", 1, do_names_of},
    {"erlang", "node", 0, do_node},
    {"erlang", "nodes", 0, do_nodes},
    {"erlang", "nodes", 1, do_nodes_of},
    {"erlang", "get_cookie", 0, do_cookie},
    {"erlang", "is_alive", 0, do_is_alive},
    {"erlang", "halt", 0, do_halt},
    {"erlang", "halt", 1, do_halt_with},
    {"erlang", "halt", 2, do_halt_with},
    {"init", "stop", 0, do_stop},
    {"init", "stop", 1, do_stop_with},
    {"timer", "sleep", 1, do_sleep},
    {"rpc", "call", 4, do_rpc},
    {"rpc", "call", 5, do_rpc_within},
};

/* NOLINTNEXTLINE(readability-function-size): the evaluator's callback has this shape */
enum host_answer erl_host_call(void *arg, uint32_t call, const char *module, const char *function,
                               const struct term *const args[], size_t n_args, struct arena *arena,
                               const struct term **ret)
{
	struct frame f = {arg, args, arena, NULL};
	enum host_answer a;

	(void)call;
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		if (functions[i].arity != n_args || strcmp(functions[i].module, module) != 0 ||
		    strcmp(functions[i].function, function) != 0)
			continue;
		a = functions[i].run(&f);
		*ret = f.value;
		return a;
	}
	return HOST_UNDEFINED;
}

enum status erl_host_open(struct erl_host *h, char *why, size_t why_cap)
{
	const struct tool_config config = {h->name, strpbrk(h->name, ".:") == NULL, h->cookie,
	                                   h->epmd_port};

	if (!h->distributed)
		return ST_OK;
	return tool_open(&config, &h->tool, why, why_cap);
}

void erl_host_close(struct erl_host *h)
{
	tool_close(h->tool);
	h->tool = NULL;
}
