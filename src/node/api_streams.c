/* erlmcp_session: the event streams of a session, and the server's questions to its client. */
#include "node/api_state.h"
#include "node/node_internal.h"
#include "session/limits.h"
#include "session/objects.h"

/* Id, then a number (a stream, a question), then options at this place. */
static bool take_part(struct api_call *call, unsigned options_at, const struct term **ret_options,
                      struct command_head *ret_head, uint64_t *ret_number)
{
	return state_take_id(call, 0) && state_number(call, call->args[1], ret_number) &&
	       state_take_options(call, options_at, ret_options) &&
	       state_take_head(call, *ret_options, ret_head);
}

void api_session_append(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	const struct term *options;
	struct command_head head;

	(void)node;
	if (take_part(call, 3, &options, &head, &f.numbers[0]) &&
	    state_take_number(call, options, "keep", &f.numbers[1]) &&
	    state_value(call, call->args[2], RESULT_EVENT_LIMIT, &f.texts[0]))
		state_write_fields(call, &head, COMMAND_APPEND, &f, state_wrote_detail);
}

void api_session_trim(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	const struct term *options;
	struct command_head head;

	(void)node;
	if (take_part(call, 3, &options, &head, &f.numbers[0]) &&
	    state_number(call, call->args[2], &f.numbers[1]))
		state_write_fields(call, &head, COMMAND_TRIM, &f, NULL);
}

void api_session_close(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	const struct term *options;
	struct command_head head;

	(void)node;
	if (take_part(call, 2, &options, &head, &f.numbers[0]))
		state_write_fields(call, &head, COMMAND_CLOSE, &f, NULL);
}

void api_session_ask(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	const struct term *options;
	struct command_head head;

	(void)node;
	if (take_part(call, 3, &options, &head, &f.numbers[0]) &&
	    state_value(call, call->args[2], RESULT_QUESTION_LIMIT, &f.texts[0]) &&
	    state_take_value(call, options, "token", RESULT_QUESTION_LIMIT, &f.texts[1]))
		state_write_fields(call, &head, COMMAND_ASK, &f, state_wrote_detail);
}

void api_session_answer(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	const struct term *options;
	struct command_head head;

	(void)node;
	if (take_part(call, 3, &options, &head, &f.numbers[0]) &&
	    state_value(call, call->args[2], RESULT_QUESTION_LIMIT, &f.texts[0]))
		state_write_fields(call, &head, COMMAND_ANSWER, &f, NULL);
}

void api_session_dismiss(struct node *node, struct api_call *call)
{
	struct command_fields f = {.numbers = {0}};
	const struct term *options;
	struct command_head head;

	(void)node;
	if (take_part(call, 2, &options, &head, &f.numbers[0]))
		state_write_fields(call, &head, COMMAND_DISMISS, &f, NULL);
}

/* --- Reading --------------------------------------------------------------------------- */

struct items {
	struct arena *arena;
	const struct term **items;
	size_t n;
};

static bool on_event(void *arg, const struct event_view *event)
{
	const struct bytes_view bytes = {event->bytes, event->len};
	struct items *list = arg;
	struct arena *a = list->arena;

	list->items[list->n++] =
	    term_tuple2(a, state_number_term(a, event->number), state_value_term(a, &bytes));
	return true;
}

/* {ok, [{Number, Event}]}, or {error, {gone, First}} when events behind After are gone. */
static const struct term *query_replay(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	struct items list = {.arena = &call->arena};
	struct arena *a = &call->arena;
	const struct streams *streams;
	struct session_view session;
	uint64_t first = 0;

	if (store_get(store, &id, &session) != ST_OK)
		return state_error(a, "not_found");
	if (session.ttl_ms > 0)
		core_used(call->node->core, &id);
	streams = store_streams(store, &id);
	list.items = arena_alloc(a, EVENTS_MAX * sizeof(const struct term *));
	if (list.items == NULL)
		return NULL;
	if (streams != NULL && call->numbers[0] <= UINT32_MAX &&
	    streams_replay(streams, (uint32_t)call->numbers[0], call->numbers[1], on_event, &list,
	                   &first) == ST_OK)
		return state_ok(a, term_list(a, list.items, list.n));
	if (first == 0)
		return state_error(a, "no_stream");
	return term_tuple2(a, term_atom(a, "error"),
	                   term_tuple2(a, term_atom(a, "gone"), state_number_term(a, first)));
}

void api_session_replay(struct node *node, struct api_call *call)
{
	(void)node;
	if (state_take_id(call, 0) && state_number(call, call->args[1], &call->numbers[0]) &&
	    state_number(call, call->args[2], &call->numbers[1]))
		state_read(call, query_replay);
}

static const struct term *question_term(struct arena *a, const struct question_view *q)
{
	const struct bytes_view question = {q->question, q->question_len};
	const struct bytes_view token = {q->token, q->token_len};
	const struct bytes_view answer = {q->answer, q->answer_len};
	struct state_map m = {.arena = a};

	state_field(&m, "id", state_number_term(a, q->id));
	state_field(&m, "stream", state_number_term(a, q->stream));
	state_field(&m, "question", state_value_term(a, &question));
	state_field(&m, "token", state_value_term(a, &token));
	state_field(&m, "answered", term_bool(a, q->answered));
	state_field(&m, "answer", state_value_term(a, &answer));
	return state_map(&m);
}

static const struct term *query_pending(struct api_call *call, const struct store *store)
{
	const struct session_id id = state_id(call);
	const struct term *items[PENDING_MAX];
	struct arena *a = &call->arena;
	const struct pending *pending;
	struct session_view session;
	struct question_view q;
	size_t n = 0;

	if (store_get(store, &id, &session) != ST_OK)
		return state_error(a, "not_found");
	pending = store_pending(store, &id);
	for (; pending != NULL && n < PENDING_MAX && n < pending_count(pending); n++) {
		pending_at(pending, n, &q);
		items[n] = question_term(a, &q);
	}
	return state_ok(a, term_list(a, items, n));
}

void api_session_pending(struct node *node, struct api_call *call)
{
	(void)node;
	if (state_take_id(call, 0))
		state_read(call, query_pending);
}
