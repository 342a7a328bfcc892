/* erlmcp_session: the replicated sessions and their keys, for operators and Erlang nodes. Their
 * streams and questions are in api_streams.c.
 *
 * Without options a command is written as its version 1, which every release understands. */
#include <string.h>

#include "node/api_state.h"
#include "node/node_internal.h"
#include "session/limits.h"

/* --- Creating -------------------------------------------------------------------------- */

void api_session_create(struct node *node, struct api_call *call)
{
	const struct term *info = call->args[0];
	struct command_head head = {0};
	struct bytes_view bytes;
	struct session_id id;
	struct buf command;

	if (!state_take_request(call, term_type(info) == TERM_MAP ? info : NULL, &head) ||
	    !state_value(call, info, RESULT_INFO_LIMIT, &bytes))
		return;
	id = state_new_id(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	command_create(&command, &head, &id, bytes.at, bytes.len);
	state_write(call, &head, &command, state_wrote_id);
}

/* What the options say about the session. */
static bool take_attrs(struct api_call *call, const struct term *options, struct session_attrs *ret)
{
	struct bytes_view info;
	struct bytes_view protocol = {NULL, 0};
	struct bytes_view capabilities = {NULL, 0};
	struct bytes_view principal = {NULL, 0};

	ret->owner = 0;
	ret->ttl_ms = 0;
	if (!state_value(call, call->args[0], RESULT_INFO_LIMIT, &info) ||
	    !state_take_text(call, options, "protocol_version", &protocol) ||
	    !state_take_value(call, options, "capabilities", RESULT_CAPABILITIES_LIMIT,
	                      &capabilities) ||
	    !state_take_text(call, options, "principal", &principal) ||
	    !state_take_number(call, options, "ttl_ms", &ret->ttl_ms) ||
	    !state_take_number(call, options, "owner", &ret->owner))
		return false;
	ret->info = info.at;
	ret->info_len = info.len;
	ret->protocol = protocol.at;
	ret->protocol_len = protocol.len;
	ret->capabilities = capabilities.at;
	ret->capabilities_len = capabilities.len;
	ret->principal = principal.at;
	ret->principal_len = principal.len;
	return true;
}

void api_session_create_with(struct node *node, struct api_call *call)
{
	const struct term *options;
	struct session_attrs attrs;
	struct command_head head;
	struct session_id id;
	struct buf command;

	if (!state_take_options(call, 1, &options) || !state_take_head(call, options, &head) ||
	    !take_attrs(call, options, &attrs))
		return;
	head.guards = 0; /* the principal is whose it becomes */
	id = state_new_id(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	command2_create(&command, &head, &id, &attrs);
	state_write(call, &head, &command, state_wrote_id);
}

/* --- Changing -------------------------------------------------------------------------- */

/* A key, and what the options expect of it. */
static bool take_key(struct api_call *call, const struct term *options, struct command_key *ret)
{
	struct bytes_view text;

	*ret = (struct command_key){.expected = UINT64_MAX};
	if (!state_text(call, call->args[1], &text) ||
	    !state_take_number(call, options, "expected", &ret->expected))
		return false;
	ret->bytes = (const uint8_t *)text.at;
	ret->len = text.len;
	ret->checked = ret->expected != UINT64_MAX;
	return true;
}

void api_session_put(struct node *node, struct api_call *call)
{
	const struct term *options;
	struct command_head head;
	struct bytes_view value;
	struct command_key key;
	struct session_id id;
	struct buf command;

	if (!state_take_id(call, 0) || !state_take_options(call, 3, &options) ||
	    !state_take_head(call, options, &head) || !take_key(call, options, &key) ||
	    !state_value(call, call->args[2], RESULT_VALUE_LIMIT, &value))
		return;
	id = state_id(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	if (key.checked || head.guards != 0)
		command2_put(&command, &head, &id, &key, value.at, value.len);
	else
		command_put(&command, &head, &id, key.bytes, key.len, value.at, value.len);
	state_write(call, &head, &command, key.checked ? state_wrote_revision : NULL);
}

void api_session_unset(struct node *node, struct api_call *call)
{
	const struct term *options;
	struct command_head head;
	struct command_key key;
	struct session_id id;
	struct buf command;

	if (!state_take_id(call, 0) || !state_take_options(call, 2, &options) ||
	    !state_take_head(call, options, &head) || !take_key(call, options, &key))
		return;
	id = state_id(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	command2_unset(&command, &head, &id, &key);
	state_write(call, &head, &command, NULL);
}

void api_session_delete(struct node *node, struct api_call *call)
{
	const struct term *options;
	struct command_head head;
	struct session_id id;
	struct buf command;

	if (!state_take_id(call, 0) || !state_take_options(call, 1, &options) ||
	    !state_take_head(call, options, &head))
		return;
	id = state_id(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	if (head.guards != 0)
		command2_delete(&command, &head, &id);
	else
		command_delete(&command, &head, &id);
	state_write(call, &head, &command, NULL);
}

void api_session_claim(struct node *node, struct api_call *call)
{
	const struct term *options;
	struct command_head head;
	struct session_id id;
	struct buf command;

	if (!state_take_id(call, 0) || !state_take_options(call, 1, &options) ||
	    !state_take_head(call, options, &head))
		return;
	id = state_id(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	command2_claim(&command, &head, &id, core_origin(node->core));
	state_write(call, &head, &command, state_wrote_epoch);
}

/* --- Reading --------------------------------------------------------------------------- */

struct key_list {
	struct arena *arena;
	const struct term **keys;
	const struct term **values;
	size_t n;
};

static void on_key(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value,
                   size_t value_len)
{
	const struct bytes_view bytes = {value, value_len};
	struct key_list *list = arg;

	list->keys[list->n] = term_binary(list->arena, key, key_len);
	list->values[list->n] = state_value_term(list->arena, &bytes);
	list->n++;
}

static const struct term *data_term(struct arena *a, const struct store *store,
                                    const struct session_view *view)
{
	struct key_list list = {.arena = a};

	list.keys = arena_alloc(a, (view->n_keys + 1) * sizeof(const struct term *));
	list.values = arena_alloc(a, (view->n_keys + 1) * sizeof(const struct term *));
	if (list.keys == NULL || list.values == NULL)
		return NULL;
	if (store_keys(store, &view->id, on_key, &list) != ST_OK)
		return NULL;
	return term_map(a, list.keys, list.values, list.n);
}

static const struct term *session_term(struct arena *a, const struct store *store,
                                       const struct session_view *view)
{
	const struct bytes_view info = {view->info, view->info_len};
	const struct bytes_view protocol = {view->protocol, view->protocol_len};
	const struct bytes_view capabilities = {view->capabilities, view->capabilities_len};
	const struct bytes_view principal = {view->principal, view->principal_len};
	struct state_map m = {.arena = a};

	state_field(&m, "id", state_id_term(a, &view->id));
	state_field(&m, "created_ms", term_int(a, view->created_ms));
	state_field(&m, "active_ms", term_int(a, view->active_ms));
	state_field(&m, "ttl_ms", state_number_term(a, view->ttl_ms));
	state_field(&m, "epoch", state_number_term(a, view->epoch));
	state_field(&m, "revision", state_number_term(a, view->revision));
	state_field(&m, "info", state_value_term(a, &info));
	state_field(&m, "protocol_version", state_bytes_term(a, &protocol));
	state_field(&m, "capabilities", state_value_term(a, &capabilities));
	state_field(&m, "principal", state_bytes_term(a, &principal));
	state_field(&m, "data", data_term(a, store, view));
	return state_map(&m);
}

static const struct term *query_get(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	struct session_view view;

	if (store_get(store, &id, &view) != ST_OK)
		return state_error(&call->arena, "not_found");
	core_used(call->node->core, &id);
	return state_ok(&call->arena, session_term(&call->arena, store, &view));
}

/* {ok, Value, Revision}: what a compare-and-set expects. */
static const struct term *query_key(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	struct arena *a = &call->arena;
	struct session_view session;
	struct value_view value;
	struct bytes_view bytes;
	struct term_bytes key;

	if (store_get(store, &id, &session) != ST_OK)
		return state_error(a, "not_found");
	core_used(call->node->core, &id);
	key = term_binary_bytes(call->args[1]);
	if (store_value_view(store, &id, key.base, key.len, &value) != ST_OK)
		return state_error(a, "no_key");
	bytes = (struct bytes_view){value.bytes, value.len};
	return term_tuple3(a, term_atom(a, "ok"), state_value_term(a, &bytes),
	                   state_number_term(a, value.revision));
}

static const struct term *query_touch(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	struct session_view view;

	if (store_get(store, &id, &view) != ST_OK)
		return state_error(&call->arena, "not_found");
	core_used(call->node->core, &id);
	return term_atom(&call->arena, "ok");
}

static const struct term *query_count(struct api_call *call, const struct store *store)
{
	return term_int(&call->arena, (int64_t)store_count(store));
}

void api_session_get(struct node *node, struct api_call *call)
{
	(void)node;
	if (state_take_id(call, 0))
		state_read(call, query_get);
}

void api_session_get_key(struct node *node, struct api_call *call)
{
	struct bytes_view key;

	(void)node;
	if (!state_take_id(call, 0) || !state_text(call, call->args[1], &key))
		return;
	call->args[1] = state_bytes_term(&call->arena, &key);
	state_read(call, query_key);
}

void api_session_touch(struct node *node, struct api_call *call)
{
	(void)node;
	if (state_take_id(call, 0))
		state_read(call, query_touch);
}

void api_session_count(struct node *node, struct api_call *call)
{
	(void)node;
	state_read(call, query_count);
}
