/* erlmcp_recovery: what one side of a split knows, told without asking anybody else, so that an
 * operator can compare both; and giving this node's side up. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/api.h"
#include "node/node_internal.h"
#include "session/content.h"

enum {
	PAGE_MAX = 500, /* things in one answer: a heartbeat waits no longer than for a read */
	HEX_TEXT = 17,  /* 64 bits and the end */
};

static const struct term *hex(struct arena *a, uint64_t v)
{
	char text[HEX_TEXT];

	(void)snprintf(text, sizeof text, "%016" PRIx64, v);
	return term_binary(a, text, HEX_TEXT - 1);
}

static const struct term *members_of(struct node *node, struct arena *a)
{
	struct cluster_status *status = arena_alloc(a, sizeof *status);
	const struct term *names[MEMBERS_MAX];
	struct raft_view raft;
	size_t n = 0;
	size_t i;

	if (status == NULL)
		return NULL;
	core_status(node->core, status, &raft);
	for (i = 0; i < status->n_members; i++) {
		if (status->members[i].member)
			names[n++] = term_atom(a, status->members[i].name);
	}
	return term_list(a, names, n);
}

void api_summary(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	const struct store *s = core_store(node->core);
	const struct term *parts[5];

	parts[0] = hex(a, core_identity(node->core)->cluster_id);
	parts[1] = term_int(a, (int64_t)store_index(s));
	parts[2] = term_int(a, (int64_t)store_count(s));
	parts[3] = hex(a, store_digest(s));
	parts[4] = members_of(node, a);
	if (parts[4] == NULL)
		api_raise(call, NULL);
	else
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_tuple(a, parts, 5)));
}

/* Things of one kind being listed. */
struct page {
	struct arena *arena;
	const struct term *items[PAGE_MAX];
	size_t n;
};

static void add_item(void *arg, const struct session_id *id, uint64_t content)
{
	struct page *p = arg;
	char text[SESSION_ID_TEXT];

	assert(p->n < PAGE_MAX);
	session_id_text(id, text);
	p->items[p->n++] = term_tuple2(p->arena, term_binary(p->arena, text, SESSION_ID_TEXT - 1),
	                               hex(p->arena, content));
}

static bool take_kind(const struct term *t, enum content_kind *ret)
{
	for (unsigned i = 0; i < CONTENT_KINDS; i++) {
		if (!term_is_atom(t, content_kind_text((enum content_kind)i)))
			continue;
		*ret = (enum content_kind)i;
		return true;
	}
	return false;
}

void api_contents_here(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	struct session_id after;
	const bool first = term_is_atom(call->args[1], "first");
	struct page *p = arena_alloc(a, sizeof *p);
	char text[SESSION_ID_TEXT];
	enum content_kind kind;
	size_t len;

	if (p == NULL) {
		api_raise(call, NULL);
		return;
	}
	if (!take_kind(call->args[0], &kind) ||
	    (!first && (term_text(call->args[1], text, sizeof text, &len) != ST_OK ||
	                session_id_parse(text, len, &after) != ST_OK))) {
		api_badarg(call);
		return;
	}
	p->arena = a;
	p->n = 0;
	(void)content_page(core_store(node->core), kind, first ? NULL : &after, PAGE_MAX, add_item,
	                   p);
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_list(a, p->items, p->n)));
}

void api_give_up(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	char expected[HEX_TEXT];
	char text[HEX_TEXT];
	size_t len;

	(void)snprintf(expected, sizeof expected, "%016" PRIx64,
	               core_identity(node->core)->cluster_id);
	if (term_text(call->args[0], text, sizeof text, &len) != ST_OK ||
	    strcmp(text, expected) != 0) {
		api_error(call, term_tuple2(a, term_atom(a, "refused"),
		                            term_string(a, "this node is of another cluster")));
		return;
	}
	log_line(node->log, LOG_WARNING,
	         "An operator gives cluster %s up: this node's data is set aside, and it waits to "
	         "be admitted by another one",
	         text);
	node->reset = true;
	(void)snprintf(node->reset_why, sizeof node->reset_why, "cluster %s was given up", text);
	api_reply(call, term_atom(a, "ok"));
	node_stop(node, EXIT_STOPPED, "an operator gave its cluster up");
}
