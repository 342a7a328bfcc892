/* erlmcp_split_brain_detector and erlmcp_flight_recorder: what this node thinks of the partition,
 * why, and what it saw. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "node/api.h"
#include "node/api_help.h"
#include "node/explain.h"
#include "node/node_internal.h"
#include "node/term_json.h"

static const struct term *explained(struct api_call *call, const struct buf *json)
{
	struct arena *a = &call->arena;
	const struct term *value;
	json_t *j;

	if (call->entry->arity == 1)
		return term_binary(a, json->base, json->len);
	j = json_loadb((const char *)json->base, json->len, 0, NULL);
	value = term_of_json(a, j, 0);
	json_decref(j);
	return value;
}

void api_explain(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	const struct term *value = NULL;
	struct buf b;

	if (call->entry->arity == 1 && !term_is_atom(call->args[0], "json")) {
		api_badarg(call);
		return;
	}
	buf_init(&b, API_MEMORY_MAX);
	node_explain_json(node, &b);
	if (buf_status(&b) == ST_OK)
		value = explained(call, &b);
	buf_close(&b);
	if (value == NULL)
		api_raise(call, NULL);
	else
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), value));
}

void api_flight_read(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	const struct term *text = NULL;
	struct buf b;

	if (term_type(call->args[0]) != TERM_INT) {
		api_badarg(call);
		return;
	}
	buf_init(&b, API_MEMORY_MAX);
	if (node_flight_text(node, term_int_value(call->args[0]), &b))
		text = term_binary(a, b.base, b.len);
	buf_close(&b);
	if (text == NULL)
		api_error(call, term_atom(a, "unreadable"));
	else
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), text));
}

void api_flight_clock(struct node *node, struct api_call *call)
{
	struct arena *a = &call->arena;
	char text[32];
	const int len = snprintf(text, sizeof text, "%" PRId64, node_now_us(NULL));

	(void)node;
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_binary(a, text, (size_t)len)));
}

void api_help(struct node *node, struct api_call *call)
{
	const char *words[2] = {NULL, NULL};
	struct arena *a = &call->arena;
	struct buf b;

	(void)node;
	for (unsigned i = 0; i < call->entry->arity; i++) {
		if (term_type(call->args[i]) != TERM_ATOM) {
			api_badarg(call);
			return;
		}
		words[i] = term_atom_text(call->args[i]);
	}
	buf_init(&b, API_MEMORY_MAX);
	if (!api_help_text(words[0], words[1], &b))
		buf_printf(&b, "there is nothing of this name; help() lists the modules\n");
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_binary(a, b.base, b.len)));
	buf_close(&b);
}
