/* erlmcp_handle and erlmcp_task: what clients without sessions keep here.
 *
 * A principal in the options is the client on whose behalf the caller speaks; without one it is
 * the server itself, who may see everything. */
#include <string.h>

#include "node/api_state.h"
#include "node/node_internal.h"
#include "session/limits.h"
#include "session/objects.h"

/* Id and options of a command about one object. */
static bool take_object(struct api_call *call, unsigned options_at, struct command_head *ret_head,
                        const struct term **ret_options)
{
	return state_take_id(call, 0) && state_take_options(call, options_at, ret_options) &&
	       state_take_head(call, *ret_options, ret_head);
}

/* The principal of a read's options, kept in the place of the options. */
static bool take_reader(struct api_call *call)
{
	struct bytes_view principal = {NULL, 0};
	const struct term *options;

	if (!state_take_id(call, 0) || !state_take_options(call, 1, &options) ||
	    !state_take_text(call, options, "principal", &principal))
		return false;
	call->args[1] = principal.at == NULL ? NULL : state_bytes_term(&call->arena, &principal);
	return true;
}

static bool may_read(const struct api_call *call, const struct bytes_view *principal)
{
	struct term_bytes reader;

	if (call->args[1] == NULL || principal->len == 0)
		return true;
	reader = term_binary_bytes(call->args[1]);
	return reader.len == principal->len && memcmp(reader.base, principal->at, reader.len) == 0;
}

/* --- Handles --------------------------------------------------------------------------- */

void api_handle_mint(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	struct command_head head = {0};
	const struct term *options;

	(void)node;
	if (!state_take_options(call, 1, &options) || !state_take_request(call, options, &head) ||
	    !state_take_number(call, options, "ttl_ms", &f.numbers[0]) ||
	    !state_take_text(call, options, "principal", &f.texts[0]) ||
	    !state_value(call, call->args[0], RESULT_HANDLE_LIMIT, &f.texts[1]))
		return;
	(void)state_new_id(call);
	state_write_fields(call, &head, COMMAND_HANDLE_CREATE, &f, state_wrote_id);
}

void api_handle_put(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	struct command_head head;
	const struct term *options;

	(void)node;
	if (take_object(call, 2, &head, &options) &&
	    state_take_number(call, options, "expected", &f.numbers[0]) &&
	    state_value(call, call->args[1], RESULT_HANDLE_LIMIT, &f.texts[0]))
		state_write_fields(call, &head, COMMAND_HANDLE_PUT, &f, state_wrote_revision);
}

void api_handle_drop(struct node *node, struct api_call *call)
{
	const struct command_fields f = {.numbers = {0}};
	struct command_head head;
	const struct term *options;

	(void)node;
	if (take_object(call, 1, &head, &options))
		state_write_fields(call, &head, COMMAND_HANDLE_DELETE, &f, NULL);
}

static const struct term *query_handle(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	struct arena *a = &call->arena;
	struct state_map m = {.arena = a};
	struct handle_view v;

	if (store_handle(store, &id, &v) != ST_OK)
		return state_error(a, "not_found");
	if (!may_read(call, &v.principal))
		return state_error(a, "foreign");
	core_used(call->node->core, &id);
	state_field(&m, "id", state_id_term(a, &v.id));
	state_field(&m, "created_ms", term_int(a, v.created_ms));
	state_field(&m, "active_ms", term_int(a, v.active_ms));
	state_field(&m, "ttl_ms", term_int(a, v.ttl_ms));
	state_field(&m, "revision", state_number_term(a, v.revision));
	state_field(&m, "principal", state_bytes_term(a, &v.principal));
	state_field(&m, "value", state_value_term(a, &v.value));
	return state_ok(a, state_map(&m));
}

void api_handle_get(struct node *node, struct api_call *call)
{
	(void)node;
	if (take_reader(call))
		state_read(call, query_handle);
}

/* --- Tasks ----------------------------------------------------------------------------- */

static const struct term *wrote_task(struct api_call *call, const struct store_answer *answer)
{
	struct arena *a = &call->arena;

	return term_tuple3(a, term_atom(a, "ok"), state_id_term(a, &answer->id),
	                   state_number_term(a, answer->epoch));
}

/* orphan => fail | claim */
static bool take_orphan(struct api_call *call, const struct term *options, uint64_t *ret)
{
	struct bytes_view text = {NULL, 0};

	if (!state_take_text(call, options, "orphan", &text))
		return false;
	*ret = text.len == 5 && memcmp(text.at, "claim", 5) == 0 ? TASK_ORPHAN_CLAIM
	                                                         : TASK_ORPHAN_FAIL;
	if (text.at == NULL || *ret == TASK_ORPHAN_CLAIM ||
	    (text.len == 4 && memcmp(text.at, "fail", 4) == 0))
		return true;
	api_badarg(call);
	return false;
}

void api_task_create(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {core_origin(node->core)}};
	struct command_head head = {0};
	const struct term *options;

	if (!state_take_options(call, 2, &options) || !state_take_request(call, options, &head) ||
	    !take_orphan(call, options, &f.numbers[1]) ||
	    !state_take_number(call, options, "ttl_ms", &f.numbers[2]) ||
	    !state_take_text(call, options, "principal", &f.texts[0]) ||
	    !state_text(call, call->args[0], &f.texts[1]) ||
	    !state_value(call, call->args[1], RESULT_TASK_LIMIT, &f.texts[2]))
		return;
	(void)state_new_id(call);
	state_write_fields(call, &head, COMMAND_TASK_CREATE, &f, wrote_task);
}

/* A state by its name. */
static bool take_state(struct api_call *call, const struct term *t, uint64_t *ret)
{
	unsigned state;

	for (state = TASK_WORKING; state <= TASK_CANCELLED; state++) {
		if (t != NULL && term_is_atom(t, task_state_text((enum task_state)state))) {
			*ret = state;
			return true;
		}
	}
	api_badarg(call);
	return false;
}

void api_task_update(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	struct command_head head;
	const struct term *changes;

	(void)node;
	if (take_object(call, 2, &head, &changes) &&
	    state_number(call, call->args[1], &f.numbers[0]) &&
	    take_state(call, term_map_get(changes, term_atom(&call->arena, "state")),
	               &f.numbers[1]) &&
	    state_take_value(call, changes, "message", RESULT_TASK_LIMIT, &f.texts[0]) &&
	    state_take_value(call, changes, "result", RESULT_TASK_LIMIT, &f.texts[1]))
		state_write_fields(call, &head, COMMAND_TASK_UPDATE, &f, NULL);
}

void api_task_cancel(struct node *node, struct api_call *call)
{
	const struct command_fields f = {.numbers = {0}};
	struct command_head head;
	const struct term *options;

	(void)node;
	if (take_object(call, 1, &head, &options))
		state_write_fields(call, &head, COMMAND_TASK_CANCEL, &f, NULL);
}

void api_task_claim(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0, core_origin(node->core)}};
	struct command_head head;
	const struct term *options;

	if (take_object(call, 2, &head, &options) &&
	    state_number(call, call->args[1], &f.numbers[0]))
		state_write_fields(call, &head, COMMAND_TASK_CLAIM, &f, state_wrote_epoch);
}

void api_task_delete(struct node *node, struct api_call *call)
{
	const struct command_fields f = {.numbers = {0}};
	struct command_head head;
	const struct term *options;

	(void)node;
	if (take_object(call, 1, &head, &options))
		state_write_fields(call, &head, COMMAND_TASK_DELETE, &f, NULL);
}

static const struct term *task_term(struct arena *a, const struct task_view *v)
{
	struct state_map m = {.arena = a};

	state_field(&m, "id", state_id_term(a, &v->id));
	state_field(&m, "name", state_bytes_term(a, &v->name));
	state_field(&m, "state", term_atom(a, task_state_text(v->state)));
	state_field(&m, "created_ms", term_int(a, v->created_ms));
	state_field(&m, "active_ms", term_int(a, v->active_ms));
	state_field(&m, "ttl_ms", term_int(a, v->ttl_ms));
	state_field(&m, "revision", state_number_term(a, v->revision));
	state_field(&m, "epoch", state_number_term(a, v->epoch));
	state_field(&m, "owned", term_bool(a, v->owner != 0));
	state_field(&m, "orphan", term_atom(a, v->orphan == TASK_ORPHAN_CLAIM ? "claim" : "fail"));
	state_field(&m, "principal", state_bytes_term(a, &v->principal));
	state_field(&m, "arguments", state_value_term(a, &v->arguments));
	state_field(&m, "message", state_value_term(a, &v->message));
	state_field(&m, "result", state_value_term(a, &v->result));
	return state_map(&m);
}

static const struct term *query_task(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	struct arena *a = &call->arena;
	struct task_view v;

	if (store_task(store, &id, &v) != ST_OK)
		return state_error(a, "not_found");
	if (!may_read(call, &v.principal))
		return state_error(a, "foreign");
	return state_ok(a, task_term(a, &v));
}

void api_task_get(struct node *node, struct api_call *call)
{
	(void)node;
	if (take_reader(call))
		state_read(call, query_task);
}
