/* erlmcp_session: the replicated sessions, for operators and Erlang nodes.
 *
 * Keys are text (atom, binary or string) and come back as binaries; values and the information
 * given at creation are any terms, kept in external term format. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/api.h"
#include "node/node_internal.h"
#include "session/limits.h"
#include "session/store.h"

enum { VALUE_TERM_MAX = SESSION_VALUE_MAX + 1 }; /* one byte over the limit is refused by name */

static struct session_id id_of(const struct api_call *call)
{
	struct session_id id;

	static_assert(sizeof id.bytes == sizeof call->id, "scratch holds a session id");
	memcpy(id.bytes, call->id, sizeof id.bytes);
	return id;
}

static const struct term *id_term(struct arena *a, const struct session_id *id)
{
	char text[SESSION_ID_TEXT];

	session_id_text(id, text);
	return term_binary(a, text, strlen(text));
}

/* Parse the first argument as a session id into the call's scratch. */
static bool take_id(struct api_call *call)
{
	struct session_id id;
	char text[64];
	size_t len;

	if (term_text(call->args[0], text, sizeof text, &len) != ST_OK ||
	    session_id_parse(text, len, &id) != ST_OK)
		return false;
	memcpy(call->id, id.bytes, sizeof id.bytes);
	return true;
}

/* {error, {Name, Text}}: the request was not served. */
static void refuse(struct api_call *call, const char *name, const char *text)
{
	struct arena *a = &call->arena;

	api_error(call, term_tuple2(a, term_atom(a, name), term_binary(a, text, strlen(text))));
}

/* Why a request ended without a result, with the node's own verdict. */
static void refuse_status(struct api_call *call, enum status st)
{
	struct cluster_status *status;
	struct raft_view raft;

	if (st != ST_FENCED && st != ST_NO_LEADER) {
		refuse(call, st == ST_UNKNOWN ? "unknown" : "refused", status_text(st));
		return;
	}
	status = arena_alloc(&call->arena, sizeof *status);
	if (status == NULL) {
		api_raise(call, NULL);
		return;
	}
	core_status(call->node->core, status, &raft);
	refuse(call, st == ST_FENCED ? "fenced" : "no_leader", status->why);
}

/* {error, Name} for what the store itself refuses. */
static void refuse_result(struct api_call *call, enum store_result result)
{
	struct arena *a = &call->arena;

	if (result == RESULT_NOT_FOUND)
		api_error(call, term_atom(a, "not_found"));
	else if (result == RESULT_EXISTS)
		api_error(call, term_atom(a, "exists"));
	else
		refuse(call, store_result_status(result) == ST_LIMIT ? "limit" : "invalid",
		       store_result_text(result));
}

/* request_id of an options map, into head; false when it is there and unusable. */
static bool take_request_id(const struct term *options, struct arena *a, struct command_head *head)
{
	const struct term *value;
	char *text;
	size_t len;

	if (term_type(options) != TERM_MAP)
		return true;
	value = term_map_get(options, term_atom(a, "request_id"));
	if (value == NULL)
		return true;
	text = arena_alloc(a, REQUEST_ID_MAX + 1);
	if (text == NULL || term_text(value, text, REQUEST_ID_MAX + 1, &len) != ST_OK)
		return false;
	head->request_id = (const uint8_t *)text;
	head->request_id_len = len;
	return true;
}

static void written(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct api_call *call = arg;
	struct arena *a = &call->arena;
	struct store_answer answer;
	struct session_id id;

	if (st != ST_OK) {
		refuse_status(call, st);
		return;
	}
	if (store_result_decode(result, len, &answer) != ST_OK) {
		refuse_status(call, ST_UNKNOWN);
		return;
	}
	if (answer.result != RESULT_OK) {
		refuse_result(call, answer.result);
		return;
	}
	if (strcmp(call->entry->function, "create") != 0) {
		api_reply(call, term_atom(a, "ok"));
		return;
	}
	id = answer.id;
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), id_term(a, &id)));
}

static void write_command(struct node *node, struct api_call *call, const struct command_head *head,
                          struct buf *command)
{
	struct fault fault;

	if (buf_status(command) != ST_OK)
		refuse(call, "limit", "the command is too long");
	else if (command_check(command->base, command->len, &fault) != ST_OK)
		refuse(call, "invalid", fault.what);
	else
		core_write(node->core, head, command->base, command->len, written, call);
	buf_close(command);
}

void api_session_create(struct node *node, struct api_call *call)
{
	struct command_head head = {0};
	struct session_id id;
	struct buf command;
	struct buf info;
	const uint64_t random[2] = {node_random(NULL), node_random(NULL)};

	if (!take_request_id(call->args[0], &call->arena, &head)) {
		api_badarg(call);
		return;
	}
	memcpy(id.bytes, random, sizeof id.bytes);
	buf_init(&info, SESSION_INFO_MAX + 1);
	buf_init(&command, COMMAND_MAX);
	if (term_encode(call->args[0], &info) != ST_OK) {
		refuse(call, "limit", store_result_text(RESULT_INFO_LIMIT));
	} else {
		core_stamp(node->core, &head);
		command_create(&command, &head, &id, info.base, info.len);
		write_command(node, call, &head, &command);
	}
	buf_close(&info);
	buf_close(&command);
}

void api_session_put(struct node *node, struct api_call *call)
{
	struct command_head head = {0};
	char key[SESSION_KEY_MAX + 1];
	struct session_id id;
	struct buf command;
	struct buf value;
	size_t key_len;

	if (!take_id(call) || term_text(call->args[1], key, sizeof key, &key_len) != ST_OK ||
	    (call->entry->arity == 4 && !take_request_id(call->args[3], &call->arena, &head))) {
		api_badarg(call);
		return;
	}
	id = id_of(call);
	buf_init(&value, VALUE_TERM_MAX);
	buf_init(&command, COMMAND_MAX);
	if (term_encode(call->args[2], &value) != ST_OK) {
		refuse(call, "limit", store_result_text(RESULT_VALUE_LIMIT));
	} else {
		core_stamp(node->core, &head);
		command_put(&command, &head, &id, (const uint8_t *)key, key_len, value.base,
		            value.len);
		write_command(node, call, &head, &command);
	}
	buf_close(&value);
	buf_close(&command);
}

void api_session_delete(struct node *node, struct api_call *call)
{
	struct command_head head = {0};
	struct session_id id;
	struct buf command;

	if (!take_id(call) ||
	    (call->entry->arity == 2 && !take_request_id(call->args[1], &call->arena, &head))) {
		api_badarg(call);
		return;
	}
	id = id_of(call);
	buf_init(&command, COMMAND_MAX);
	core_stamp(node->core, &head);
	command_delete(&command, &head, &id);
	write_command(node, call, &head, &command);
}

/* A query, run when the read index is confirmed and applied: the reply; NULL: out of memory. */
typedef const struct term *(*query)(struct api_call *call, const struct store *store);

static const struct term *bytes_term(struct arena *a, const uint8_t *bytes, size_t len)
{
	const struct term *t;
	size_t used;

	/* What was stored here is always a term; another client's bytes show as a binary. */
	if (term_decode(a, bytes, len, &used, &t) == ST_OK && used == len)
		return t;
	return term_binary(a, bytes, len);
}

struct key_list {
	struct arena *arena;
	const struct term **keys;
	const struct term **values;
	size_t n;
};

static void on_key(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value,
                   size_t value_len)
{
	struct key_list *list = arg;

	list->keys[list->n] = term_binary(list->arena, key, key_len);
	list->values[list->n] = bytes_term(list->arena, value, value_len);
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

static const struct term *query_get(struct api_call *call, const struct store *store)
{
	static const char *const names[] = {"id",       "created_ms", "active_ms", "epoch",
	                                    "revision", "info",       "data"};
	enum { FIELDS = sizeof names / sizeof names[0] };
	const struct session_id id = id_of(call);
	const struct term *keys[FIELDS];
	const struct term *values[FIELDS];
	struct arena *a = &call->arena;
	struct session_view view;
	size_t i;

	if (store_get(store, &id, &view) != ST_OK)
		return term_tuple2(a, term_atom(a, "error"), term_atom(a, "not_found"));
	for (i = 0; i < FIELDS; i++)
		keys[i] = term_atom(a, names[i]);
	values[0] = id_term(a, &id);
	values[1] = term_int(a, view.created_ms);
	values[2] = term_int(a, view.active_ms);
	values[3] = term_int(a, (int64_t)view.epoch);
	values[4] = term_int(a, (int64_t)view.revision);
	values[5] = bytes_term(a, view.info, view.info_len);
	values[6] = data_term(a, store, &view);
	return term_tuple2(a, term_atom(a, "ok"), term_map(a, keys, values, FIELDS));
}

static const struct term *query_count(struct api_call *call, const struct store *store)
{
	return term_int(&call->arena, (int64_t)store_count(store));
}

struct id_list {
	struct arena *arena;
	const struct term **items;
	size_t n;
};

static void on_session(void *arg, const struct session_view *session)
{
	struct id_list *list = arg;

	list->items[list->n++] = id_term(list->arena, &session->id);
}

static const struct term *query_list(struct api_call *call, const struct store *store)
{
	struct id_list list = {.arena = &call->arena};

	list.items =
	    arena_alloc(&call->arena, (store_count(store) + 1) * sizeof(const struct term *));
	if (list.items == NULL)
		return NULL;
	store_list(store, on_session, &list);
	return term_list(&call->arena, list.items, list.n);
}

static query query_of(const struct api_call *call)
{
	if (strcmp(call->entry->function, "get") == 0)
		return query_get;
	if (strcmp(call->entry->function, "count") == 0)
		return query_count;
	assert(strcmp(call->entry->function, "list") == 0);
	return query_list;
}

static void read_done(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct api_call *call = arg;
	struct store *store = core_store(call->node->core);
	const struct term *value;

	(void)result;
	(void)len;
	if (st != ST_OK) {
		refuse_status(call, st);
		return;
	}
	value = query_of(call)(call, store);
	/* Under reads = lease, what was read may only be told while the lease still holds. */
	if (call->confirmed || core_reads_valid(call->node->core)) {
		api_reply(call, value);
		return;
	}
	call->confirmed = true;
	core_read(call->node->core, true, read_done, call);
}

void api_session_get(struct node *node, struct api_call *call)
{
	if (take_id(call))
		core_read(node->core, false, read_done, call);
	else
		api_badarg(call);
}

void api_session_count(struct node *node, struct api_call *call)
{
	core_read(node->core, false, read_done, call);
}

void api_session_list(struct node *node, struct api_call *call)
{
	core_read(node->core, false, read_done, call);
}
