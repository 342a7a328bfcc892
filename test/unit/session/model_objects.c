/* The model of streams, questions, handles and tasks. */
#include <string.h>

#include "model.h"
#include "session/objects.h"
#include "testing.h"

/* --- Texts --------------------------------------------------------------------------- */

static struct model_text text_of(struct model *m)
{
	struct model_text t = {.len = model_pick(m, MODEL_TEXT + 1)};

	memset(t.bytes, (int)model_pick(m, 256), t.len);
	return t;
}

static struct bytes_view view_of(const struct model_text *t)
{
	const struct bytes_view v = {t->bytes, t->len};

	return v;
}

static void assert_text(const struct model_text *want, const uint8_t *bytes, size_t len)
{
	assert_int_equal(len, want->len);
	if (len > 0)
		assert_memory_equal(bytes, want->bytes, len);
}

/* --- Streams ------------------------------------------------------------------------- */

static void drop_events(struct model_stream *s, size_t n)
{
	memmove(s->events, s->events + n, (s->n - n) * sizeof s->events[0]);
	s->n -= n;
}

static void step_append(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	unsigned number = (unsigned)model_pick(m, MODEL_STREAMS);
	struct model_stream *s = &x->streams[number];
	struct model_event e = {.revision = m->index, .text = text_of(m)};
	struct command_fields f = {.numbers = {number, 1 + model_pick(m, MODEL_EVENTS - 1)}};

	f.texts[0] = view_of(&e.text);
	model_guard(m, x, &h);
	command2_fields(b, &h, COMMAND_APPEND, &id, &f);
	if (!model_guarded(x, &h, ret))
		return;
	if (!s->there)
		*s = (struct model_stream){.there = true, .next = x->begin + 1};
	e.number = s->next++;
	s->events[s->n++] = e;
	if (s->n > f.numbers[1])
		drop_events(s, s->n - f.numbers[1]);
	model_changed(m, x, ret);
	ret->detail = e.number;
}

static void step_trim(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	unsigned number = (unsigned)model_pick(m, MODEL_STREAMS);
	struct model_stream *s = &x->streams[number];
	uint64_t last = s->next + 2 - model_pick(m, s->next + 2 < 8 ? s->next + 3 : 8);
	struct command_fields f = {.numbers = {number, last}};

	model_guard(m, x, &h);
	command2_fields(b, &h, COMMAND_TRIM, &id, &f);
	if (!model_guarded(x, &h, ret))
		return;
	if (!s->there) {
		ret->result = RESULT_NO_STREAM;
		return;
	}
	while (s->n > 0 && s->events[0].number <= last)
		drop_events(s, 1);
	model_changed(m, x, ret);
}

static void step_close(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	unsigned number = (unsigned)model_pick(m, MODEL_STREAMS);
	struct command_fields f = {.numbers = {number}};

	model_guard(m, x, &h);
	command2_fields(b, &h, COMMAND_CLOSE, &id, &f);
	if (!model_guarded(x, &h, ret))
		return;
	if (!x->streams[number].there) {
		ret->result = RESULT_NO_STREAM;
		return;
	}
	if (x->streams[number].next - 1 > x->begin)
		x->begin = x->streams[number].next - 1;
	x->streams[number] = (struct model_stream){.there = false};
	model_changed(m, x, ret);
}

/* --- Questions ----------------------------------------------------------------------- */

static void step_ask(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	struct model_question q = {.id = m->index << QUESTION_BITS,
	                           .revision = m->index,
	                           .stream = (uint32_t)model_pick(m, 100),
	                           .question = text_of(m),
	                           .token = text_of(m)};
	struct command_fields f = {.numbers = {q.stream}};

	f.texts[0] = view_of(&q.question);
	f.texts[1] = view_of(&q.token);
	model_guard(m, x, &h);
	command2_fields(b, &h, COMMAND_ASK, &id, &f);
	if (!model_guarded(x, &h, ret))
		return;
	if (x->n_questions == MODEL_QUESTIONS) {
		ret->result = RESULT_QUESTIONS_LIMIT;
		return;
	}
	x->questions[x->n_questions++] = q;
	model_changed(m, x, ret);
	ret->detail = q.id;
}

/* One that waits, or one that never was. */
static uint64_t some_question(struct model *m, const struct model_session *x)
{
	if (x->n_questions == 0 || model_pick(m, 8) == 0)
		return model_pick(m, 10) << QUESTION_BITS;
	return x->questions[model_pick(m, x->n_questions)].id;
}

static struct model_question *question_of(struct model_session *x, uint64_t id)
{
	for (size_t i = 0; i < x->n_questions; i++) {
		if (x->questions[i].id == id)
			return &x->questions[i];
	}
	return NULL;
}

static void step_answer(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	const struct model_text answer = text_of(m);
	struct command_fields f = {.numbers = {some_question(m, x)}};
	struct model_question *q = question_of(x, f.numbers[0]);

	f.texts[0] = view_of(&answer);
	model_guard(m, x, &h);
	command2_fields(b, &h, COMMAND_ANSWER, &id, &f);
	if (!model_guarded(x, &h, ret))
		return;
	if (q == NULL || q->answered) {
		ret->result = q == NULL ? RESULT_NO_QUESTION : RESULT_ANSWERED;
		return;
	}
	q->answered = true;
	q->answer = answer;
	q->revision = m->index;
	model_used(x, &h);
	model_changed(m, x, ret);
}

static void step_dismiss(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	struct command_fields f = {.numbers = {some_question(m, x)}};
	struct model_question *q = question_of(x, f.numbers[0]);

	model_guard(m, x, &h);
	command2_fields(b, &h, COMMAND_DISMISS, &id, &f);
	if (!model_guarded(x, &h, ret))
		return;
	if (q == NULL) {
		ret->result = RESULT_NO_QUESTION;
		return;
	}
	x->n_questions--;
	memmove(q, q + 1, (size_t)(&x->questions[x->n_questions] - q) * sizeof *q);
	model_changed(m, x, ret);
}

/* --- Handles and tasks --------------------------------------------------------------- */

static struct session_id object_id(unsigned at)
{
	return model_id(MODEL_SESSIONS + at);
}

static struct bytes_view principal_view(unsigned principal)
{
	const char *text = model_principals[principal];
	const struct bytes_view v = {(const uint8_t *)text, strlen(text)};

	return v;
}

/* Whoever asks is the server, the principal, or somebody else. Whether he may. */
static bool asks(struct model *m, const struct model_object *o, enum model_kind kind,
                 struct command_head *h, struct store_answer *ret)
{
	unsigned principal = model_pick(m, 3) == 0 ? (unsigned)model_pick(m, 3) : o->principal;
	const struct bytes_view v = principal_view(principal);

	if (model_pick(m, 3) == 0) {
		h->guards |= GUARD_PRINCIPAL;
		h->principal = v.at;
		h->principal_len = v.len;
	}
	if (o->kind != kind)
		ret->result = RESULT_NOT_FOUND;
	else if (h->guards != 0 && o->principal != 0 && o->principal != principal)
		ret->result = RESULT_PRINCIPAL;
	return ret->result == RESULT_OK;
}

static void object_used(struct model_object *o, const struct command_head *h)
{
	o->active_ms = h->now_ms > o->active_ms ? h->now_ms : o->active_ms;
}

static void object_changed(const struct model *m, struct model_object *o,
                           const struct command_head *h, struct store_answer *ret)
{
	object_used(o, h);
	o->revision = m->index;
	ret->revision = m->index;
}

static void step_mint(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	struct model_object o = {.kind = MODEL_HANDLE,
	                         .created_ms = h.now_ms,
	                         .ttl_ms = (int64_t)(model_pick(m, 2) * (1 + model_pick(m, 900))),
	                         .principal = (unsigned)model_pick(m, 3),
	                         .value = text_of(m)};
	struct command_fields f = {.numbers = {(uint64_t)o.ttl_ms}};

	f.texts[0] = principal_view(o.principal);
	f.texts[1] = view_of(&o.value);
	command2_fields(b, &h, COMMAND_HANDLE_CREATE, &id, &f);
	if (m->objects[at].kind != MODEL_NOTHING) {
		ret->result = RESULT_EXISTS;
		return;
	}
	o.active_ms = h.now_ms;
	object_changed(m, &o, &h, ret);
	m->objects[at] = o;
}

static void step_set(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct model_object *o = &m->objects[at];
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	const struct model_text value = text_of(m);
	struct command_fields f = {.numbers = {0}};

	if (model_pick(m, 2) == 0)
		f.numbers[0] = model_pick(m, 3) == 0 ? m->index - 1 : o->revision;
	f.texts[0] = view_of(&value);
	if (asks(m, o, MODEL_HANDLE, &h, ret) && f.numbers[0] != 0 && f.numbers[0] != o->revision) {
		ret->result = RESULT_CONFLICT;
		ret->detail = o->revision;
	}
	command2_fields(b, &h, COMMAND_HANDLE_PUT, &id, &f);
	if (ret->result != RESULT_OK)
		return;
	o->value = value;
	object_changed(m, o, &h, ret);
}

static void step_begin(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	struct model_object o = {.kind = MODEL_TASK,
	                         .created_ms = h.now_ms,
	                         .ttl_ms = (int64_t)(model_pick(m, 2) * (1 + model_pick(m, 900))),
	                         .principal = (unsigned)model_pick(m, 3),
	                         .owner = model_pick(m, 5),
	                         .epoch = m->index << FENCE_BITS,
	                         .orphan = (unsigned)model_pick(m, 2),
	                         .name = text_of(m),
	                         .value = text_of(m)};
	struct command_fields f = {.numbers = {o.owner, o.orphan, (uint64_t)o.ttl_ms}};

	f.texts[0] = principal_view(o.principal);
	f.texts[1] = view_of(&o.name);
	f.texts[2] = view_of(&o.value);
	command2_fields(b, &h, COMMAND_TASK_CREATE, &id, &f);
	if (m->objects[at].kind != MODEL_NOTHING) {
		ret->result = RESULT_EXISTS;
		return;
	}
	o.active_ms = h.now_ms;
	object_changed(m, &o, &h, ret);
	ret->epoch = o.epoch;
	m->objects[at] = o;
}

static bool ended(const struct model_object *o)
{
	return o->state >= TASK_COMPLETED;
}

static uint64_t some_epoch(struct model *m, const struct model_object *o)
{
	return model_pick(m, 4) == 0 ? o->epoch - 1 : o->epoch;
}

static void step_update(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct model_object *o = &m->objects[at];
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	const struct model_text message = text_of(m);
	struct model_text result = text_of(m);
	struct command_fields f = {.numbers = {some_epoch(m, o), model_pick(m, 6)}};

	if (model_pick(m, 2) == 0)
		result.len = 0;
	f.texts[0] = view_of(&message);
	f.texts[1] = view_of(&result);
	if (asks(m, o, MODEL_TASK, &h, ret)) {
		ret->epoch = o->epoch;
		if (f.numbers[0] != o->epoch)
			ret->result = RESULT_STALE_EPOCH;
		else if (ended(o))
			ret->result = RESULT_FINISHED;
		else if (f.numbers[1] > TASK_CANCELLED ||
		         (result.len > 0 && f.numbers[1] < TASK_COMPLETED))
			ret->result = RESULT_TASK_STATE;
	}
	command2_fields(b, &h, COMMAND_TASK_UPDATE, &id, &f);
	if (ret->result != RESULT_OK)
		return;
	o->state = (unsigned)f.numbers[1];
	o->message = message;
	o->result = result;
	object_changed(m, o, &h, ret);
}

static void step_cancel(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct model_object *o = &m->objects[at];
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	const struct command_fields f = {.numbers = {0}};

	if (asks(m, o, MODEL_TASK, &h, ret)) {
		ret->epoch = o->epoch;
		ret->result = ended(o) ? RESULT_FINISHED : RESULT_OK;
	}
	command2_fields(b, &h, COMMAND_TASK_CANCEL, &id, &f);
	if (ret->result != RESULT_OK)
		return;
	o->state = TASK_CANCELLED;
	object_changed(m, o, &h, ret);
}

static void step_take(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct model_object *o = &m->objects[at];
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	const struct command_fields f = {.numbers = {some_epoch(m, o), model_pick(m, 5)}};

	if (asks(m, o, MODEL_TASK, &h, ret)) {
		ret->epoch = o->epoch;
		if (ended(o))
			ret->result = RESULT_FINISHED;
		else if (f.numbers[0] != o->epoch)
			ret->result = RESULT_STALE_EPOCH;
	}
	command2_fields(b, &h, COMMAND_TASK_CLAIM, &id, &f);
	if (ret->result != RESULT_OK)
		return;
	o->owner = f.numbers[1];
	o->epoch = ret->epoch = m->index << FENCE_BITS;
	object_changed(m, o, &h, ret);
}

static void step_drop(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	struct model_object *o = &m->objects[at];
	struct command_head h = model_head(m);
	const struct session_id id = object_id(at);
	const struct command_fields f = {.numbers = {0}};
	bool handle = model_pick(m, 2) == 0;
	bool may = asks(m, o, handle ? MODEL_HANDLE : MODEL_TASK, &h, ret);

	command2_fields(b, &h, handle ? COMMAND_HANDLE_DELETE : COMMAND_TASK_DELETE, &id, &f);
	if (!may)
		return;
	o->kind = MODEL_NOTHING;
	ret->revision = m->index;
}

/* Reading a handle is use; a task lives on by its changes only. */
static void step_read(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	const struct command_head h = model_head(m);
	struct session_id ids[MODEL_OBJECTS];
	unsigned n = 0;

	for (; at < MODEL_OBJECTS; at += 1 + (unsigned)model_pick(m, 4)) {
		ids[n++] = object_id(at);
		if (m->objects[at].kind != MODEL_HANDLE)
			continue;
		ret->detail++;
		object_used(&m->objects[at], &h);
	}
	command2_touch(b, &h, ids, n);
	ret->revision = m->index;
}

static void step_expire(struct model *m, struct buf *b, unsigned at, struct store_answer *ret)
{
	const struct command_head h = model_head(m);
	struct expiry list[MODEL_OBJECTS];
	unsigned n = 0;

	for (; at < MODEL_OBJECTS; at += 1 + (unsigned)model_pick(m, 2)) {
		struct model_object *o = &m->objects[at];
		uint64_t seen = model_pick(m, 4) != 0 ? o->revision : o->revision - 1;

		list[n++] = (struct expiry){object_id(at), o->active_ms, seen};
		if (o->kind == MODEL_NOTHING || seen != o->revision || o->ttl_ms == 0 ||
		    o->active_ms + o->ttl_ms > h.now_ms)
			continue;
		o->kind = MODEL_NOTHING;
		ret->detail++;
	}
	command2_expire(b, &h, list, n);
	ret->revision = m->index;
}

typedef void (*step_fn)(struct model *m, struct buf *b, unsigned i, struct store_answer *ret);

void model_objects_step(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	static const step_fn of_sessions[] = {step_append, step_append, step_append,
	                                      step_trim,   step_close,  step_ask,
	                                      step_ask,    step_answer, step_dismiss};
	static const step_fn of_objects[] = {step_mint,   step_set,    step_set,    step_begin,
	                                     step_update, step_update, step_cancel, step_take,
	                                     step_drop,   step_read,   step_expire};

	if (model_pick(m, 2) == 0) {
		/* A few sessions have many events and questions. */
		if (model_pick(m, 2) == 0)
			i %= 3;
		of_sessions[model_pick(m, sizeof of_sessions / sizeof of_sessions[0])](m, b, i,
		                                                                       ret);
		return;
	}
	of_objects[model_pick(m, sizeof of_objects / sizeof of_objects[0])](m, b, i % MODEL_OBJECTS,
	                                                                    ret);
}

/* --- Comparing ----------------------------------------------------------------------- */

struct replay {
	const struct model_stream *stream;
	size_t at;
};

static bool compare_event(void *arg, const struct event_view *event)
{
	struct replay *r = arg;
	const struct model_event *want = &r->stream->events[r->at++];

	assert_true(r->at <= r->stream->n);
	assert_true(event->number == want->number && event->revision == want->revision);
	assert_text(&want->text, event->bytes, event->len);
	return true;
}

static void compare_stream(const struct model_stream *want, unsigned number,
                           const struct streams *streams)
{
	struct replay r = {.stream = want};
	struct stream_view view;
	uint64_t first;

	if (!want->there) {
		assert_true(streams == NULL || streams_get(streams, number, &view) == ST_NOT_FOUND);
		return;
	}
	assert_non_null(streams);
	assert_int_equal(streams_get(streams, number, &view), ST_OK);
	assert_true(view.next == want->next && view.first == want->next - want->n);
	assert_int_equal(streams_replay(streams, number, view.first - 1, compare_event, &r, &first),
	                 ST_OK);
	assert_int_equal(r.at, want->n);
	if (view.first < 2)
		return;
	/* Who asks for what is gone is told so. */
	assert_int_equal(streams_replay(streams, number, view.first - 2, compare_event, &r, &first),
	                 ST_NOT_FOUND);
	assert_true(first == view.first);
}

static void compare_questions(const struct model_session *x, const struct pending *pending)
{
	struct question_view view;

	assert_int_equal(pending == NULL ? 0 : pending_count(pending), x->n_questions);
	for (size_t i = 0; i < x->n_questions; i++) {
		const struct model_question *want = &x->questions[i];

		pending_at(pending, i, &view);
		assert_true(view.id == want->id && view.revision == want->revision);
		assert_true(view.stream == want->stream && view.answered == want->answered);
		assert_text(&want->question, view.question, view.question_len);
		assert_text(&want->token, view.token, view.token_len);
		if (want->answered)
			assert_text(&want->answer, view.answer, view.answer_len);
	}
}

static void compare_handle(const struct model_object *o, const struct session_id *id,
                           const struct store *s)
{
	struct handle_view view;

	assert_int_equal(store_handle(s, id, &view), ST_OK);
	assert_true(view.created_ms == o->created_ms && view.active_ms == o->active_ms);
	assert_true(view.ttl_ms == o->ttl_ms && view.revision == o->revision);
	assert_text(&o->value, view.value.at, view.value.len);
}

static void compare_task(const struct model_object *o, const struct session_id *id,
                         const struct store *s)
{
	struct task_view view;

	assert_int_equal(store_task(s, id, &view), ST_OK);
	assert_true(view.created_ms == o->created_ms && view.active_ms == o->active_ms);
	assert_true(view.ttl_ms == o->ttl_ms && view.revision == o->revision);
	assert_true(view.owner == o->owner && view.epoch == o->epoch);
	assert_true(view.state == o->state && view.orphan == o->orphan);
	assert_text(&o->name, view.name.at, view.name.len);
	assert_text(&o->value, view.arguments.at, view.arguments.len);
	assert_text(&o->message, view.message.at, view.message.len);
	assert_text(&o->result, view.result.at, view.result.len);
}

void model_objects_compare(const struct model *m, const struct store *s)
{
	size_t n[MODEL_TASK + 1] = {0};
	struct store_usage usage;

	for (unsigned i = 0; i < MODEL_SESSIONS; i++) {
		const struct session_id id = model_id(i);

		if (!m->sessions[i].there)
			continue;
		for (unsigned k = 0; k < MODEL_STREAMS; k++)
			compare_stream(&m->sessions[i].streams[k], k, store_streams(s, &id));
		compare_questions(&m->sessions[i], store_pending(s, &id));
	}
	for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
		const struct model_object *o = &m->objects[i];
		const struct session_id id = object_id(i);

		n[o->kind]++;
		if (o->kind == MODEL_HANDLE)
			compare_handle(o, &id, s);
		else if (o->kind == MODEL_TASK)
			compare_task(o, &id, s);
	}
	store_usage(s, &usage);
	assert_int_equal(usage.handles, n[MODEL_HANDLE]);
	assert_int_equal(usage.tasks, n[MODEL_TASK]);
}
