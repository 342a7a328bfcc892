/* The doors to the API registry that this room opens: the control socket (bin/erlmcp,
 * erlmcp-admin) and calls of other Erlang nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/api.h"
#include "node/core_audit.h"
#include "node/explain.h"
#include "node/metrics_runbook.h"
#include "node/node_internal.h"
#include "node/node_metrics.h"
#include "node/status_json.h"
#include "node/sync_json.h"

enum {
	ANSWER_MAX = 64 << 20, /* as API_MEMORY_MAX: a printed term is of its term's size */
	REMEDY_MAX = 64        /* what is added to an order's refusal */
};

enum { RPC_PARTS = 3 };

/* What an operator typed of the text that is evaluated for `rpc`. */
struct part {
	unsigned begin; /* its first line there; 0: it was not given */
	unsigned lines; /* how many it has */
};

struct answer {
	struct node *node;
	uint64_t id; /* of the control request or of the net call */
	struct part parts[RPC_PARTS];
};

static void reply(struct node *n, uint64_t id, int exit_code, const char *out, const char *err)
{
	control_reply_text(n->control, id, exit_code, out, err);
}

static struct answer *answer_new(struct node *n, uint64_t id)
{
	struct answer *a = malloc(sizeof *a);

	if (a != NULL)
		*a = (struct answer){.node = n, .id = id};
	return a;
}

/* Exit codes of `erlmcp eval`, documented by `erlmcp help exit-codes`. */
enum { EVAL_EXIT_OK = 0, EVAL_EXIT_FAILED = 1 };

/* Places are told in the words of what was typed, not of what was made of it. */
static void print_result(const struct answer *a, const struct eval_result *result, struct buf *b)
{
	static const char *const names[RPC_PARTS] = {"MODULE", "FUNCTION", "ARGS"};
	struct eval_result of_part = *result;
	size_t i = RPC_PARTS;

	while (i > 0 && (a->parts[i - 1].begin == 0 || a->parts[i - 1].begin > result->line))
		i--;
	if (i > 0) {
		of_part.line = result->line - a->parts[i - 1].begin + 1;
		buf_printf(b, "in %s: ", names[i - 1]);
	}
	if (i > 0 && of_part.line > a->parts[i - 1].lines)
		buf_printf(b, "** it ends too soon\n");
	else
		eval_print(&of_part, b);
}

static void evaluated(void *arg, const struct eval_result *result)
{
	struct answer *a = arg;
	const bool ok = result != NULL && result->outcome == EVAL_VALUE;
	struct buf out;
	struct buf err;

	if (result == NULL) {
		free(a);
		return;
	}
	buf_init(&out, ANSWER_MAX);
	buf_init(&err, ANSWER_MAX);
	buf_bytes(&out, result->output, result->output_len);
	print_result(a, result, ok ? &out : &err);
	control_reply(a->node->control, a->id, ok ? EVAL_EXIT_OK : EVAL_EXIT_FAILED, &out, &err);
	buf_close(&out);
	buf_close(&err);
	free(a);
}

static void start_eval(struct node *n, uint64_t id, const struct part parts[RPC_PARTS],
                       const char *text, size_t len)
{
	struct answer *a = answer_new(n, id);
	enum status st = ST_NOMEM;

	if (a != NULL) {
		memcpy(a->parts, parts, sizeof a->parts);
		st = jobs_start(&n->jobs, text, len, evaluated, a);
	}
	if (st == ST_OK)
		return;
	free(a);
	reply(n, id, EVAL_EXIT_FAILED, "",
	      st == ST_BUSY ? "too many evaluations are under way; try again\n"
	                    : "the evaluation cannot be started: out of memory\n");
}

static void on_eval(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	static const struct part no_parts[RPC_PARTS];

	if (n_args == 1)
		start_eval(n, id, no_parts, args[0], strlen(args[0]));
	else
		reply(n, id, EVAL_EXIT_FAILED, "", "eval takes one expression\n");
}

/* Each part begins a line, so that its columns are those that were typed. */
static void put_part(struct buf *text, unsigned *line, const char *typed, struct part *ret)
{
	ret->begin = *line;
	ret->lines = 1;
	for (const char *c = typed; *c != '\0'; c++)
		ret->lines += *c == '\n';
	*line += ret->lines + 1;
	buf_printf(text, "%s\n", typed);
}

/* M F [ARGS]: ARGS is an Erlang list. */
static void on_rpc(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	struct part parts[RPC_PARTS] = {{0}};
	unsigned line = 2;
	struct buf text;

	if (n_args < 2 || n_args > 3) {
		reply(n, id, EVAL_EXIT_FAILED, "", "rpc takes MODULE FUNCTION [ARGUMENT-LIST]\n");
		return;
	}
	buf_init(&text, ANSWER_MAX);
	buf_printf(&text, "erlang:apply(\n");
	for (size_t i = 0; i < n_args; i++) {
		put_part(&text, &line, args[i], &parts[i]);
		buf_printf(&text, i + 1 < n_args ? ",\n" : n_args == 2 ? ", []).\n" : ").\n");
	}
	if (buf_status(&text) == ST_OK)
		start_eval(n, id, parts, (const char *)text.base, text.len);
	else
		reply(n, id, EVAL_EXIT_FAILED, "", "the arguments are too long\n");
	buf_close(&text);
}

static bool is_pair(const struct term *t)
{
	return term_type(t) == TERM_TUPLE && term_tuple_size(t) == 2;
}

/* Reasons that are about this node, not about the order. */
static bool nothing_was_done(const struct term *reason)
{
	return term_is_atom(reason, "fenced") || term_is_atom(reason, "no_leader");
}

/* {ok, Text} or {error, {Reason, Text}} of an order, as text for a person. */
static void order_answered(void *arg, bool ok, const struct term *value)
{
	struct answer *a = arg;
	const struct term *said = ok && is_pair(value) ? term_element(value, 1) : NULL;
	const bool done = said != NULL && term_is_atom(term_element(value, 0), "ok");
	const char *remedy = "";
	char text[ORDER_TEXT_MAX + REMEDY_MAX];
	size_t len = 0;

	if (said != NULL && !done && is_pair(said)) {
		if (nothing_was_done(term_element(said, 0)))
			remedy = "; nothing was changed: ask a node that serves";
		said = term_element(said, 1);
	}
	if (said == NULL || term_text(said, text, ORDER_TEXT_MAX, &len) != ST_OK)
		len = (size_t)snprintf(text, sizeof text, "this order cannot be carried out");
	(void)snprintf(text + len, sizeof text - len, "%s\n", remedy);
	reply(a->node, a->id, done ? EVAL_EXIT_OK : EVAL_EXIT_FAILED, done ? text : "",
	      done ? "" : text);
	free(a);
}

/* Is each word behind the function a node's name, or "standby"? If not, the answer says which. */
static bool names_are_good(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	char text[ORDER_TEXT_MAX];
	const char *why;

	for (size_t i = 1; i < n_args; i++) {
		if (strcmp(args[i], "standby") == 0 || config_is_node_name(args[i], &why))
			continue;
		(void)snprintf(text, sizeof text,
		               "\"%.200s\" %s; `erlmcp-admin cluster status` lists the members\n",
		               args[i], why);
		reply(n, id, EVAL_EXIT_FAILED, "", text);
		return false;
	}
	return true;
}

/* FUNCTION NODE...: of erlmcp_cluster_membership; found takes all its nodes as one list. */
static void on_order(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	const struct term *terms[MEMBERS_MAX];
	const struct api_entry *entry = NULL;
	const struct term *list;
	struct answer *a = NULL;
	struct arena arena;
	size_t i;

	if (!names_are_good(n, id, args, n_args))
		return;
	arena_init(&arena, API_MEMORY_MAX);
	for (i = 1; i < n_args && i <= MEMBERS_MAX; i++)
		terms[i - 1] = term_atom(&arena, args[i]);
	list = term_list(&arena, terms, i - 1);
	if (n_args > 0 && strcmp(args[0], "found") == 0)
		entry = api_find("erlmcp_cluster_membership", "found", 1);
	else if (n_args > 0)
		entry = api_find("erlmcp_cluster_membership", args[0], (unsigned)n_args - 1);
	if (entry != NULL && entry->arity == 1 && strcmp(entry->function, "found") == 0)
		terms[0] = list;
	if (entry != NULL && n_args <= MEMBERS_MAX && !arena.failed)
		a = answer_new(n, id);
	if (a == NULL)
		reply(n, id, EVAL_EXIT_FAILED, "", "there is no such order\n");
	else
		api_call(n, entry, terms, order_answered, a);
	arena_close(&arena);
}

/* FILE: as an order, of erlmcp_backup. */
static void on_backup(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	const struct api_entry *entry = api_find("erlmcp_backup", "create", 1);
	struct answer *a = n_args == 1 ? answer_new(n, id) : NULL;
	const struct term *file;
	struct arena arena;

	arena_init(&arena, API_MEMORY_MAX);
	file = n_args == 1 ? term_binary(&arena, args[0], strlen(args[0])) : NULL;
	if (a == NULL || file == NULL) {
		free(a);
		reply(n, id, EVAL_EXIT_FAILED, "", "backup takes one file\n");
	} else {
		api_call(n, entry, &file, order_answered, a);
	}
	arena_close(&arena);
}

static void on_ping(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	(void)args;
	(void)n_args;
	reply(n, id, 0, "pong\n", "");
}

static void on_pid(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	char text[32];

	(void)args;
	(void)n_args;
	(void)snprintf(text, sizeof text, "%ld\n", (long)getpid());
	reply(n, id, 0, text, "");
}

static void on_version(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	(void)args;
	(void)n_args;
	reply(n, id, 0, ERLMCP_VERSION "\n", "");
}

static void on_stop_verb(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	(void)args;
	(void)n_args;
	reply(n, id, 0, "ok\n", "");
	node_stop(n, EXIT_STOPPED, "`erlmcp stop`");
}

static void reply_json(struct node *n, uint64_t id, void (*fill)(struct node *n, struct buf *b))
{
	struct buf b;
	struct buf nothing;

	buf_init(&nothing, 1);
	buf_init(&b, ANSWER_MAX);
	fill(n, &b);
	if (buf_status(&b) == ST_OK)
		control_reply(n->control, id, 0, &b, &nothing);
	else
		reply(n, id, EVAL_EXIT_FAILED, "", "out of memory\n");
	buf_close(&b);
}

static void on_cluster_status(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	(void)args;
	(void)n_args;
	reply_json(n, id, node_status_json);
}

static void on_explain(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	(void)args;
	(void)n_args;
	reply_json(n, id, node_explain_json);
}

/* SINCE: milliseconds since the epoch. */
static void on_flight(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	const int64_t since_ms = n_args == 1 ? strtoll(args[0], NULL, 10) : 0;
	struct buf nothing;
	struct buf b;

	buf_init(&nothing, 1);
	buf_init(&b, ANSWER_MAX);
	if (node_flight_text(n, since_ms, &b))
		control_reply(n->control, id, 0, &b, &nothing);
	else
		reply(n, id, EVAL_EXIT_FAILED, "", "the flight recorder cannot be read\n");
	buf_close(&b);
}

static void sync_polled(void *arg, const struct sync_report *r)
{
	struct answer *a = arg;
	struct buf nothing;
	struct buf b;

	buf_init(&nothing, 1);
	buf_init(&b, ANSWER_MAX);
	if (r != NULL)
		sync_json(r, &b);
	if (r != NULL && buf_status(&b) == ST_OK)
		control_reply(a->node->control, a->id, 0, &b, &nothing);
	else
		reply(a->node, a->id, EVAL_EXIT_FAILED, "",
		      "the members cannot be asked now: try again\n");
	buf_close(&b);
	free(a);
}

static void on_cluster_sync(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	struct answer *a = answer_new(n, id);

	(void)args;
	(void)n_args;
	if (a == NULL)
		reply(n, id, EVAL_EXIT_FAILED, "", "out of memory\n");
	else
		core_sync(n->core, sync_polled, a);
}

/* [runbook | PATTERN] */
static void on_metrics(struct node *n, uint64_t id, const char *const *args, size_t n_args)
{
	const char *what = n_args > 0 ? args[0] : NULL;
	struct buf b;
	struct buf nothing;
	char why[ORDER_TEXT_MAX];

	buf_init(&nothing, 1);
	buf_init(&b, ANSWER_MAX);
	if (what != NULL && strcmp(what, "runbook") == 0)
		runbook_print(&n->metrics, &b);
	else
		node_metrics_text(n, FORMAT_PROMETHEUS, what, &b);
	if (buf_status(&b) != ST_OK) {
		reply(n, id, EVAL_EXIT_FAILED, "", "out of memory\n");
	} else if (b.len == 0) {
		(void)snprintf(why, sizeof why,
		               "no metric has \"%.100s\" in its name, or it is absent now; "
		               "`erlmcp-admin metrics --reference` lists all\n",
		               what == NULL ? "" : what);
		reply(n, id, EVAL_EXIT_FAILED, "", why);
	} else {
		control_reply(n->control, id, 0, &b, &nothing);
	}
	buf_close(&b);
}

static const struct verb {
	const char *name;
	void (*run)(struct node *n, uint64_t id, const char *const *args, size_t n_args);
} verbs[] = {
    {"eval", on_eval},
    {"rpc", on_rpc},
    {"ping", on_ping},
    {"pid", on_pid},
    {"version", on_version},
    {"stop", on_stop_verb},
    {"cluster-status", on_cluster_status},
    {"cluster-sync", on_cluster_sync},
    {"explain", on_explain},
    {"metrics", on_metrics},
    {"flight", on_flight},
    {"order", on_order},
    {"backup", on_backup},
};

void node_on_control(void *arg, uint64_t id, const char *verb, const char *const *args,
                     size_t n_args)
{
	struct node *n = arg;
	size_t i;

	for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(verbs[i].name, verb) == 0) {
			verbs[i].run(n, id, args, n_args);
			return;
		}
	}
	reply(n, id, EVAL_EXIT_FAILED, "",
	      "the running node does not know this command: it may be of another version\n");
}

/* klass NULL: a value. What cannot travel (too deep, too large) is told as such; a caller that is
 * gone wants no answer any more. */
static void answer_call(struct answer *a, const char *klass, const struct term *value)
{
	struct net *net = a->node->net;
	struct arena arena;
	enum status st = ST_LIMIT;

	if (value != NULL)
		st = klass == NULL ? net_call_reply(net, a->id, value)
		                   : net_call_fail(net, a->id, klass, value);
	if (st != ST_OK && st != ST_CLOSED && st != ST_NOT_FOUND) {
		arena_init(&arena, 1024);
		(void)!net_call_fail(net, a->id, "error", term_atom(&arena, "system_limit"));
		arena_close(&arena);
	}
	free(a);
}

static void call_answered(void *arg, bool ok, const struct term *value)
{
	struct answer *a = arg;
	answer_call(a, ok ? NULL : "error", value);
}

static void call_evaluated(void *arg, const struct eval_result *result)
{
	struct answer *a = arg;

	if (result == NULL)
		free(a); /* the node stops */
	else if (result->outcome == EVAL_VALUE)
		answer_call(a, NULL, result->value);
	else
		answer_call(a, result->klass == NULL ? "error" : result->klass, result->reason);
}

/* Not in the registry: perhaps one of the evaluator's pure functions. */
static void evaluate_call(struct node *n, const struct net_call *call, struct answer *a)
{
	struct arena arena;
	struct buf text;
	enum status st = ST_LIMIT;

	arena_init(&arena, API_MEMORY_MAX);
	buf_init(&text, ANSWER_MAX);
	buf_bytes(&text, "erlang:apply(", 13);
	term_print(&text, term_atom(&arena, call->module));
	buf_bytes(&text, ", ", 2);
	term_print(&text, term_atom(&arena, call->function));
	buf_bytes(&text, ", ", 2);
	term_print(&text, call->args);
	buf_bytes(&text, ").", 2);
	if (buf_status(&text) == ST_OK && !arena.failed)
		st = jobs_start(&n->jobs, (const char *)text.base, text.len, call_evaluated, a);
	if (st != ST_OK) {
		(void)!net_call_fail(n->net, call->id, "error", term_atom(&arena, "system_limit"));
		free(a);
	}
	buf_close(&text);
	arena_close(&arena);
}

void node_on_call(void *arg, const struct net_call *call)
{
	struct node *n = arg;
	const struct term *args[API_ARGS_MAX];
	const struct api_entry *entry = NULL;
	const struct term *rest = call->args;
	struct answer *a = answer_new(n, call->id);
	const int64_t arity = term_length(call->args);
	int64_t i;

	if (a == NULL)
		return; /* the caller's own time limit tells it */
	if (arity >= 0 && arity <= API_ARGS_MAX)
		entry = api_find(call->module, call->function, (unsigned)arity);
	if (entry == NULL) {
		evaluate_call(n, call, a);
		return;
	}
	for (i = 0; i < arity; i++) {
		args[i] = term_head(rest);
		rest = term_tail(rest);
	}
	api_call(n, entry, args, call_answered, a);
}
