/* erlmcp_cluster_membership: orders about the members, and RB-010's resets of the live view. */
#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "node/api.h"
#include "node/node_internal.h"

/* {ok, Text}, also when it is so already; {error, {Reason, Text}}: refused. */
static void ordered(void *arg, enum status st, const char *text)
{
	struct api_call *call = arg;
	struct arena *a = &call->arena;
	const struct term *said = term_binary(a, text, strlen(text));
	char reason[32];
	size_t i;

	if (st == ST_OK || st == ST_EXISTS) {
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), said));
		return;
	}
	for (i = 0; status_name(st)[i] != '\0' && i + 1 < sizeof reason; i++)
		reason[i] = (char)tolower((unsigned char)status_name(st)[i]);
	reason[i] = '\0';
	api_error(call, term_tuple2(a, term_atom(a, reason), said));
}

static bool take_name(const struct term *t, char ret[NODE_NAME_MAX])
{
	size_t len;

	return term_text(t, ret, NODE_NAME_MAX, &len) == ST_OK && strlen(ret) == len &&
	       strchr(ret, '@') != NULL;
}

/* By function and arity: what is ordered, and which argument is whom. */
static const struct order_call {
	const char *function;
	unsigned arity;
	enum order_type type;
	enum plan_kind kind;
	int subject; /* argument; -1: this node, or nobody */
	int other;   /* argument; -1: nobody */
} order_calls[] = {
    {"join", 1, ORDER_PLAN, PLAN_JOIN, 0, -1},
    {"join", 2, ORDER_PLAN, PLAN_JOIN, 0, -1},
    {"leave", 1, ORDER_PLAN, PLAN_LEAVE, 0, -1},
    {"leave", 0, ORDER_PLAN, PLAN_LEAVE, -1, -1},
    {"replace", 2, ORDER_PLAN, PLAN_REPLACE, 1, 0},
    {"promote", 1, ORDER_PLAN, PLAN_PROMOTE, 0, -1},
    {"demote", 1, ORDER_PLAN, PLAN_DEMOTE, 0, -1},
    {"transfer_leader", 1, ORDER_TRANSFER, PLAN_NONE, 0, -1},
    {"cancel", 0, ORDER_CANCEL, PLAN_NONE, -1, -1},
};

static const struct order_call *order_call_of(const struct api_entry *entry)
{
	size_t i = 0;

	while (strcmp(order_calls[i].function, entry->function) != 0 ||
	       order_calls[i].arity != entry->arity) {
		i++;
		assert(i < sizeof order_calls / sizeof order_calls[0]);
	}
	return &order_calls[i];
}

/* join/2 */
static bool take_role(const struct term *t, struct order *order)
{
	if (term_is_atom(t, "standby"))
		order->kind = PLAN_STANDBY;
	return term_is_atom(t, "standby") || term_is_atom(t, "voter");
}

void api_order(struct node *node, struct api_call *call)
{
	const struct order_call *how = order_call_of(call->entry);
	struct order order = {.type = how->type, .kind = how->kind};

	memcpy(order.subject, node->config->node_name, sizeof order.subject);
	if ((how->subject >= 0 && !take_name(call->args[how->subject], order.subject)) ||
	    (how->other >= 0 && !take_name(call->args[how->other], order.other)) ||
	    (call->entry->arity == 2 && how->other < 0 && !take_role(call->args[1], &order)))
		api_badarg(call);
	else
		core_order(node->core, &order, ordered, call);
}

void api_change(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	struct cluster_status *status = arena_alloc(a, sizeof *status);
	struct raft_view raft;

	if (status == NULL) {
		api_raise(call, NULL);
		return;
	}
	core_status(node->core, status, &raft);
	api_reply(call, status->change[0] == '\0'
	                    ? term_atom(a, "none")
	                    : term_binary(a, status->change, strlen(status->change)));
}

void api_found(struct node *node, struct api_call *call)
{
	const int64_t n = term_length(call->args[0]);
	const struct term *rest = call->args[0];
	char text[ORDER_TEXT_MAX] = "";
	char(*names)[NODE_NAME_MAX];
	int64_t i;

	if (n < 1 || n > MEMBERS_MAX) {
		api_badarg(call);
		return;
	}
	names = arena_alloc(&call->arena, MEMBERS_MAX * sizeof *names);
	if (names == NULL) {
		api_raise(call, NULL);
		return;
	}
	for (i = 0; i < n; i++, rest = term_tail(rest)) {
		if (!take_name(term_head(rest), names[i])) {
			api_badarg(call);
			return;
		}
	}
	ordered(call, core_found(node->core, (const char(*)[NODE_NAME_MAX])names, (size_t)n, text),
	        text);
}

static void reset(struct node *node)
{
	log_line(node->log, LOG_INFO,
	         "The live view of the members is cleared, and rebuilt from the committed "
	         "configuration; sessions are untouched");
	core_reset_view(node->core);
}

void api_reset_cluster_state(struct node *node, struct api_call *call)
{
	reset(node);
	api_reply(call, term_atom(&call->arena, "ok"));
}

void api_clear_table(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	const struct term *missing;

	if (term_is_atom(call->args[0], "cluster_membership")) {
		reset(node);
		api_reply(call, term_tuple2(a, term_atom(a, "atomic"), term_atom(a, "ok")));
		return;
	}
	missing = term_tuple2(a, term_atom(a, "no_exists"), call->args[0]);
	api_reply(call, term_tuple2(a, term_atom(a, "aborted"), missing));
}
