#include "session/content.h"

#include <assert.h>

#include <xxhash.h>

#include "session/objects.h"

static const char *const kinds[CONTENT_KINDS] = {
    [CONTENT_SESSIONS] = "sessions",
    [CONTENT_HANDLES] = "handles",
    [CONTENT_TASKS] = "tasks",
};

const char *content_kind_text(enum content_kind kind)
{
	assert(kind < CONTENT_KINDS);
	return kinds[kind];
}

/* A page being visited. */
struct visit {
	const struct store *store;
	content_cb cb;
	void *arg;
};

static void add_number(uint64_t *sum, uint64_t number)
{
	*sum = XXH64(&number, sizeof number, *sum);
}

/* Its length too: where one text ends and the next begins makes a difference. */
static void add_bytes(uint64_t *sum, const uint8_t *bytes, size_t len)
{
	add_number(sum, len);
	if (len > 0)
		*sum = XXH64(bytes, len, *sum);
}

static void add_view(uint64_t *sum, const struct bytes_view *v)
{
	add_bytes(sum, v->at, v->len);
}

/* --- Sessions -------------------------------------------------------------------------- */

static void add_key(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value,
                    size_t value_len)
{
	add_bytes(arg, key, key_len);
	add_bytes(arg, value, value_len);
}

static bool add_event(void *arg, const struct event_view *event)
{
	add_number(arg, event->number);
	add_bytes(arg, event->bytes, event->len);
	return true;
}

static void add_streams(uint64_t *sum, const struct streams *streams)
{
	struct stream_view stream;
	uint64_t first;
	size_t i;

	if (streams == NULL)
		return;
	for (i = 0; i < streams_count(streams); i++) {
		enum status st;

		streams_at(streams, i, &stream);
		add_number(sum, stream.id);
		add_number(sum, stream.next);
		st = streams_replay(streams, stream.id, stream.first - 1, add_event, sum, &first);
		assert(st == ST_OK);
	}
}

static void add_questions(uint64_t *sum, const struct pending *pending)
{
	struct question_view q;
	size_t i;

	if (pending == NULL)
		return;
	for (i = 0; i < pending_count(pending); i++) {
		pending_at(pending, i, &q);
		add_number(sum, q.stream);
		add_bytes(sum, q.question, q.question_len);
		add_bytes(sum, q.token, q.token_len);
		add_number(sum, q.answered);
		if (q.answered)
			add_bytes(sum, q.answer, q.answer_len);
	}
}

static void visit_session(void *arg, const struct session_view *session)
{
	const struct visit *v = arg;
	uint64_t sum = 0;
	enum status st;

	add_bytes(&sum, session->info, session->info_len);
	add_bytes(&sum, session->protocol, session->protocol_len);
	add_bytes(&sum, session->capabilities, session->capabilities_len);
	add_bytes(&sum, session->principal, session->principal_len);
	add_number(&sum, session->ttl_ms);
	add_number(&sum, session->n_keys);
	st = store_keys(v->store, &session->id, add_key, &sum);
	assert(st == ST_OK);
	add_streams(&sum, store_streams(v->store, &session->id));
	add_questions(&sum, store_pending(v->store, &session->id));
	v->cb(v->arg, &session->id, sum);
}

/* --- Handles and tasks ----------------------------------------------------------------- */

static void visit_handle(void *arg, const struct handle_view *handle)
{
	const struct visit *v = arg;
	uint64_t sum = 0;

	add_view(&sum, &handle->principal);
	add_view(&sum, &handle->value);
	add_number(&sum, (uint64_t)handle->ttl_ms);
	v->cb(v->arg, &handle->id, sum);
}

static void visit_task(void *arg, const struct task_view *task)
{
	const struct visit *v = arg;
	uint64_t sum = 0;

	add_number(&sum, task->state);
	add_number(&sum, task->orphan);
	add_number(&sum, (uint64_t)task->ttl_ms);
	add_view(&sum, &task->principal);
	add_view(&sum, &task->name);
	add_view(&sum, &task->arguments);
	add_view(&sum, &task->message);
	add_view(&sum, &task->result);
	v->cb(v->arg, &task->id, sum);
}

size_t content_page(const struct store *s, enum content_kind kind, const struct session_id *after,
                    size_t max, content_cb cb, void *arg)
{
	struct visit v = {s, cb, arg};

	assert(kind < CONTENT_KINDS);
	if (kind == CONTENT_SESSIONS)
		return store_page(s, after, max, visit_session, &v);
	if (kind == CONTENT_HANDLES)
		return store_handle_page(s, after, max, visit_handle, &v);
	return store_task_page(s, after, max, visit_task, &v);
}
