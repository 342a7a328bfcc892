/* Handlers that answer as their namesakes in Erlang/OTP do. */
#include <stdio.h>
#include <string.h>

#include "node/api.h"
#include "node/node_internal.h"

enum { NODES_MAX = MEMBERS_MAX + 256 }; /* members and connected foreign nodes */

void api_node(struct node *node, struct api_call *call)
{
	api_reply(call, term_atom(&call->arena, node->config->node_name));
}

struct name_list {
	struct api_call *call;
	const struct term *items[NODES_MAX];
	size_t n;
};

static void add_name(struct name_list *list, const char *name)
{
	if (list->n < NODES_MAX)
		list->items[list->n++] = term_atom(&list->call->arena, name);
}

static void add_members(struct node *node, struct name_list *list, bool self)
{
	char names[MEMBERS_MAX][NODE_NAME_MAX];
	size_t n = core_members_in_sight(node->core, names, MEMBERS_MAX);
	size_t i;

	for (i = 0; i < n; i++) {
		if (self || strcmp(names[i], node->config->node_name) != 0)
			add_name(list, names[i]);
	}
}

static void add_foreign(struct node *node, struct name_list *list)
{
	static const size_t cap = NODES_MAX - MEMBERS_MAX;
	char(*names)[NET_NAME_MAX] = arena_alloc(&list->call->arena, cap * NET_NAME_MAX);
	size_t n;
	size_t i;

	if (names == NULL)
		return;
	n = net_foreign(node->net, names, cap);
	for (i = 0; i < n; i++)
		add_name(list, names[i]);
}

static void reply_names(struct name_list *list)
{
	api_reply(list->call, term_list(&list->call->arena, list->items, list->n));
}

void api_nodes(struct node *node, struct api_call *call)
{
	struct name_list list = {.call = call};

	add_members(node, &list, false);
	reply_names(&list);
}

/* Foreign nodes are never visible: this node is hidden to them, and they to its cluster. */
void api_nodes_of(struct node *node, struct api_call *call)
{
	const struct term *kind = call->args[0];
	struct name_list list = {.call = call};

	if (term_is_atom(kind, "visible")) {
		add_members(node, &list, false);
	} else if (term_is_atom(kind, "hidden")) {
		add_foreign(node, &list);
	} else if (term_is_atom(kind, "connected")) {
		add_members(node, &list, false);
		add_foreign(node, &list);
	} else if (term_is_atom(kind, "this")) {
		add_name(&list, node->config->node_name);
	} else if (term_is_atom(kind, "known")) {
		add_members(node, &list, true);
		add_foreign(node, &list);
	} else {
		api_badarg(call);
		return;
	}
	reply_names(&list);
}

static void pinged(void *arg, bool pong)
{
	struct api_call *call = arg;

	api_reply(call, term_atom(&call->arena, pong ? "pong" : "pang"));
}

void api_ping(struct node *node, struct api_call *call)
{
	if (term_type(call->args[0]) != TERM_ATOM) {
		api_badarg(call);
		return;
	}
	if (term_is_atom(call->args[0], node->config->node_name))
		pinged(call, true);
	else
		net_ping(node->net, term_atom_text(call->args[0]), pinged, call);
}

static void named(void *arg, const struct net_name *names, size_t n, const char *why)
{
	struct api_call *call = arg;
	struct arena *a = &call->arena;
	const struct term *list = term_nil(a);

	(void)why; /* Erlang says no more than {error, address} */
	if (names == NULL) {
		api_error(call, term_atom(a, "address"));
		return;
	}
	while (n > 0) {
		n--;
		list = term_cons(
		    a, term_tuple2(a, term_string(a, names[n].name), term_int(a, names[n].port)),
		    list);
	}
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), list));
}

void api_names(struct node *node, struct api_call *call)
{
	const char *at = strchr(node->config->node_name, '@');
	char host[NET_NAME_MAX];
	size_t len;

	if (call->entry->arity == 0) {
		net_names(node->net, at == NULL ? "127.0.0.1" : at + 1, named, call);
		return;
	}
	if (term_text(call->args[0], host, sizeof host, &len) != ST_OK)
		api_badarg(call);
	else
		net_names(node->net, host, named, call);
}

void api_ensure_all_started(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	const struct term *file;
	const struct term *reason;
	char name[NODE_NAME_MAX];

	(void)node;
	if (term_type(call->args[0]) != TERM_ATOM || strlen(term_atom_text(call->args[0])) > 200) {
		api_badarg(call);
		return;
	}
	if (term_is_atom(call->args[0], "erlmcp") || term_is_atom(call->args[0], "kernel") ||
	    term_is_atom(call->args[0], "stdlib")) {
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_nil(a)));
		return;
	}
	(void)snprintf(name, sizeof name, "%s.app", term_atom_text(call->args[0]));
	file = term_tuple2(a, term_string(a, "no such file or directory"), term_string(a, name));
	reason = term_tuple2(a, call->args[0], file);
	api_error(call, reason);
}

void api_stop(struct node *node, struct api_call *call)
{
	api_reply(call, term_atom(&call->arena, "ok"));
	node_stop(node, 0, "init:stop/0 was called");
}

void api_get_members(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	struct name_list list = {.call = call};

	add_members(node, &list, true);
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_list(a, list.items, list.n)));
}
