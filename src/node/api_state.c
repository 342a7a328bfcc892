#include "node/api_state.h"

#include <assert.h>
#include <string.h>

#include "node/node_internal.h"
#include "session/limits.h"

/* --- Refusals -------------------------------------------------------------------------- */

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

/* Results with a name of their own: {error, Name}. */
static const char *const result_names[RESULT_COUNT] = {
    [RESULT_NOT_FOUND] = "not_found", [RESULT_EXISTS] = "exists",
    [RESULT_NO_KEY] = "no_key",       [RESULT_PRINCIPAL] = "foreign",
    [RESULT_NO_STREAM] = "no_stream", [RESULT_NO_QUESTION] = "no_question",
    [RESULT_ANSWERED] = "answered",   [RESULT_FINISHED] = "finished",
};

/* The others by what they have in common: {error, {Name, Text}}. */
static const char *kind_of(enum store_result result)
{
	switch (store_result_status(result)) {
	case ST_LIMIT:
		return "limit";
	case ST_UNSUPPORTED:
		return "unsupported";
	case ST_UNKNOWN:
		return "unknown";
	default:
		return "invalid";
	}
}

static void refuse_answer(struct api_call *call, const struct store_answer *answer)
{
	struct arena *a = &call->arena;

	if (answer->result == RESULT_CONFLICT)
		api_error(call, term_tuple2(a, term_atom(a, "conflict"),
		                            state_number_term(a, answer->detail)));
	else if (answer->result == RESULT_STALE_EPOCH)
		api_error(call, term_tuple2(a, term_atom(a, "stale_epoch"),
		                            state_number_term(a, answer->epoch)));
	else if (result_names[answer->result] != NULL)
		api_error(call, term_atom(a, result_names[answer->result]));
	else
		refuse(call, kind_of(answer->result), store_result_text(answer->result));
}

/* --- Arguments ------------------------------------------------------------------------- */

static bool bad(struct api_call *call)
{
	api_badarg(call);
	return false;
}

struct session_id state_id(const struct api_call *call)
{
	struct session_id id;

	static_assert(sizeof id.bytes == sizeof call->id, "scratch holds an id");
	memcpy(id.bytes, call->id, sizeof id.bytes);
	return id;
}

bool state_take_id(struct api_call *call, unsigned i)
{
	struct session_id id;
	char text[64];
	size_t len;

	if (term_text(call->args[i], text, sizeof text, &len) != ST_OK ||
	    session_id_parse(text, len, &id) != ST_OK)
		return bad(call);
	memcpy(call->id, id.bytes, sizeof id.bytes);
	return true;
}

struct session_id state_new_id(struct api_call *call)
{
	const uint64_t random[2] = {node_random(NULL), node_random(NULL)};

	static_assert(sizeof random == sizeof call->id, "128 random bits");
	memcpy(call->id, random, sizeof random);
	return state_id(call);
}

bool state_take_options(struct api_call *call, unsigned i, const struct term **ret)
{
	*ret = NULL;
	if (i >= call->entry->arity)
		return true;
	if (term_type(call->args[i]) != TERM_MAP)
		return bad(call);
	*ret = call->args[i];
	return true;
}

static const struct term *option(struct api_call *call, const struct term *options,
                                 const char *name)
{
	return options == NULL ? NULL : term_map_get(options, term_atom(&call->arena, name));
}

bool state_number(struct api_call *call, const struct term *t, uint64_t *ret)
{
	if (term_type(t) != TERM_INT || term_int_value(t) < 0)
		return bad(call);
	*ret = (uint64_t)term_int_value(t);
	return true;
}

bool state_text(struct api_call *call, const struct term *t, struct bytes_view *ret)
{
	char *text = arena_alloc(&call->arena, SESSION_CAPABILITIES_MAX + 2);
	size_t len;

	if (text == NULL || term_text(t, text, SESSION_CAPABILITIES_MAX + 2, &len) != ST_OK)
		return bad(call);
	*ret = (struct bytes_view){(const uint8_t *)text, len};
	return true;
}

bool state_value(struct api_call *call, const struct term *t, enum store_result limit,
                 struct bytes_view *ret)
{
	uint8_t *copy = NULL;
	struct buf b;

	/* One byte over the largest limit is enough to be refused by name. */
	buf_init(&b, SESSION_VALUE_MAX + 1);
	if (term_encode(t, &b) == ST_OK)
		copy = arena_alloc(&call->arena, b.len);
	if (copy != NULL) {
		memcpy(copy, b.base, b.len);
		*ret = (struct bytes_view){copy, b.len};
	}
	buf_close(&b);
	if (copy == NULL) {
		metrics_too_large(&call->node->metrics, limit);
		refuse(call, "limit", store_result_text(limit));
	}
	return copy != NULL;
}

bool state_take_number(struct api_call *call, const struct term *options, const char *name,
                       uint64_t *ret)
{
	const struct term *t = option(call, options, name);

	return t == NULL || state_number(call, t, ret);
}

bool state_take_text(struct api_call *call, const struct term *options, const char *name,
                     struct bytes_view *ret)
{
	const struct term *t = option(call, options, name);

	return t == NULL || state_text(call, t, ret);
}

bool state_take_value(struct api_call *call, const struct term *options, const char *name,
                      enum store_result limit, struct bytes_view *ret)
{
	const struct term *t = option(call, options, name);

	return t == NULL || state_value(call, t, limit, ret);
}

bool state_take_request(struct api_call *call, const struct term *options,
                        struct command_head *head)
{
	struct bytes_view request_id = {NULL, 0};

	if (!state_take_text(call, options, "request_id", &request_id))
		return false;
	if (request_id.len > REQUEST_ID_MAX)
		return bad(call);
	head->request_id = request_id.at;
	head->request_id_len = request_id.len;
	return true;
}

bool state_take_head(struct api_call *call, const struct term *options, struct command_head *ret)
{
	struct bytes_view principal = {NULL, 0};
	struct command_head head = {0};

	if (!state_take_request(call, options, &head) ||
	    !state_take_text(call, options, "principal", &principal) ||
	    !state_take_number(call, options, "epoch", &head.epoch))
		return false;
	head.principal = principal.at;
	head.principal_len = principal.len;
	if (principal.at != NULL)
		head.guards |= GUARD_PRINCIPAL;
	if (option(call, options, "epoch") != NULL)
		head.guards |= GUARD_EPOCH;
	*ret = head;
	return true;
}

/* --- Writes ---------------------------------------------------------------------------- */

static void written(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct api_call *call = arg;
	struct store_answer answer;

	if (st == ST_OK && store_result_decode(result, len, &answer) != ST_OK)
		st = ST_UNKNOWN;
	if (st != ST_OK)
		refuse_status(call, st);
	else if (answer.result != RESULT_OK)
		refuse_answer(call, &answer);
	else if (call->wrote != NULL)
		api_reply(call, call->wrote(call, &answer));
	else
		api_reply(call, term_atom(&call->arena, "ok"));
}

void state_write(struct api_call *call, const struct command_head *head, struct buf *command,
                 api_wrote wrote)
{
	struct fault fault;

	call->wrote = wrote;
	if (buf_status(command) != ST_OK)
		refuse(call, "limit", "the command is too long");
	else if (command_check(command->base, command->len, &fault) != ST_OK)
		refuse(call, "invalid", fault.what);
	else
		core_write(call->node->core, head, command->base, command->len, written, call);
	buf_close(command);
}

void state_write_fields(struct api_call *call, struct command_head *head, enum command_type type,
                        const struct command_fields *f, api_wrote wrote)
{
	const struct session_id id = state_id(call);
	struct buf command;

	buf_init(&command, COMMAND_MAX);
	core_stamp(call->node->core, head);
	command2_fields(&command, head, type, &id, f);
	state_write(call, head, &command, wrote);
}

const struct term *state_wrote_revision(struct api_call *call, const struct store_answer *answer)
{
	return state_ok(&call->arena, state_number_term(&call->arena, answer->revision));
}

const struct term *state_wrote_epoch(struct api_call *call, const struct store_answer *answer)
{
	return state_ok(&call->arena, state_number_term(&call->arena, answer->epoch));
}

const struct term *state_wrote_detail(struct api_call *call, const struct store_answer *answer)
{
	return state_ok(&call->arena, state_number_term(&call->arena, answer->detail));
}

const struct term *state_wrote_id(struct api_call *call, const struct store_answer *answer)
{
	return state_ok(&call->arena, state_id_term(&call->arena, &answer->id));
}

/* --- Reads ----------------------------------------------------------------------------- */

static void read_done(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct api_call *call = arg;
	struct core *core = call->node->core;
	const struct term *value;

	(void)result;
	(void)len;
	if (st != ST_OK) {
		refuse_status(call, st);
		return;
	}
	value = call->query(call, core_store(core));
	/* Under reads = lease, what was read may only be told while the lease still holds. */
	if (call->confirmed || core_reads_valid(core)) {
		api_reply(call, value);
		return;
	}
	call->confirmed = true;
	core_read(core, true, read_done, call);
}

void state_read(struct api_call *call, api_query query)
{
	call->query = query;
	core_read(call->node->core, false, read_done, call);
}

/* --- Terms ----------------------------------------------------------------------------- */

const struct term *state_ok(struct arena *a, const struct term *value)
{
	return term_tuple2(a, term_atom(a, "ok"), value);
}

const struct term *state_error(struct arena *a, const char *name)
{
	return term_tuple2(a, term_atom(a, "error"), term_atom(a, name));
}

const struct term *state_number_term(struct arena *a, uint64_t v)
{
	return term_int(a, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

const struct term *state_id_term(struct arena *a, const struct session_id *id)
{
	char text[SESSION_ID_TEXT];

	session_id_text(id, text);
	return term_binary(a, text, strlen(text));
}

const struct term *state_bytes_term(struct arena *a, const struct bytes_view *bytes)
{
	return term_binary(a, bytes->len == 0 ? (const uint8_t *)"" : bytes->at, bytes->len);
}

const struct term *state_value_term(struct arena *a, const struct bytes_view *bytes)
{
	const struct term *t;
	size_t used;

	if (bytes->len == 0)
		return term_atom(a, "undefined");
	if (term_decode(a, bytes->at, bytes->len, &used, &t) == ST_OK && used == bytes->len)
		return t;
	return state_bytes_term(a, bytes);
}

void state_field(struct state_map *m, const char *name, const struct term *value)
{
	assert(m->n < STATE_FIELDS);
	m->keys[m->n] = term_atom(m->arena, name);
	m->values[m->n++] = value;
}

const struct term *state_map(const struct state_map *m)
{
	return term_map(m->arena, m->keys, m->values, m->n);
}
