/* Reading the state as it was applied. */
#include <assert.h>

#include "session/objects.h"
#include "session/state.h"

static void view_of(const struct session *session, struct session_view *ret)
{
	struct session_attrs attrs;

	session_attrs_of(session, &attrs);
	ret->id = session->object.id;
	ret->created_ms = session->created_ms;
	ret->active_ms = session->active_ms;
	ret->epoch = session->epoch;
	ret->revision = session->revision;
	ret->info = attrs.info;
	ret->info_len = attrs.info_len;
	ret->n_keys = session->n_keys;
	ret->protocol = attrs.protocol;
	ret->protocol_len = attrs.protocol_len;
	ret->capabilities = attrs.capabilities;
	ret->capabilities_len = attrs.capabilities_len;
	ret->principal = attrs.principal;
	ret->principal_len = attrs.principal_len;
	ret->owner = attrs.owner;
	ret->ttl_ms = attrs.ttl_ms;
	ret->bytes = session_bytes(session);
}

enum status store_get(const struct store *s, const struct session_id *id, struct session_view *ret)
{
	const struct session *session = store_find(s, id);

	if (session == NULL)
		return ST_NOT_FOUND;
	view_of(session, ret);
	return ST_OK;
}

enum status store_keys(const struct store *s, const struct session_id *id, store_key_cb cb,
                       void *arg)
{
	const struct session *session = store_find(s, id);
	uint32_t i;

	if (session == NULL)
		return ST_NOT_FOUND;
	for (i = 0; i < session->n_keys; i++) {
		const struct entry *entry = session->keys[i];

		cb(arg, entry->bytes, entry->key_len, entry->bytes + entry->key_len,
		   entry->value_len);
	}
	return ST_OK;
}

enum status store_value_view(const struct store *s, const struct session_id *id, const uint8_t *key,
                             size_t key_len, struct value_view *ret)
{
	const struct session *session = store_find(s, id);
	const struct entry *entry;
	uint32_t place;
	bool found;

	if (session == NULL)
		return ST_NOT_FOUND;
	place = session_key_place(session, key, key_len, &found);
	if (!found)
		return ST_NOT_FOUND;
	entry = session->keys[place];
	ret->bytes = entry->bytes + entry->key_len;
	ret->len = entry->value_len;
	ret->revision = entry->revision;
	return ST_OK;
}

enum status store_value(const struct store *s, const struct session_id *id, const uint8_t *key,
                        size_t key_len, const uint8_t **value, size_t *value_len)
{
	struct value_view view;
	enum status st = store_value_view(s, id, key, key_len, &view);

	if (st != ST_OK)
		return st;
	*value = view.bytes;
	*value_len = view.len;
	return ST_OK;
}

size_t store_count(const struct store *s)
{
	return s->n[OBJECT_SESSION];
}

size_t store_bytes(const struct store *s)
{
	return s->bytes;
}

void store_usage(const struct store *s, struct store_usage *ret)
{
	ret->sessions = s->n[OBJECT_SESSION];
	ret->session_bytes = s->kind_bytes[OBJECT_SESSION];
	ret->handles = s->n[OBJECT_HANDLE];
	ret->handle_bytes = s->kind_bytes[OBJECT_HANDLE];
	ret->tasks = s->n[OBJECT_TASK];
	ret->task_bytes = s->kind_bytes[OBJECT_TASK];
	ret->sessions_max = s->sessions_max;
	ret->bytes_max = s->bytes_max;
}

/* What is visited: objects of one kind, max at most. */
struct visit {
	unsigned kind;
	size_t max;
	void (*cb)(struct visit *v, struct object *o);
	void *arg;
	store_session_cb session_cb;
	store_handle_cb handle_cb;
	store_task_cb task_cb;
};

static size_t shelf_page(const struct shelf *shelf, uint32_t at, size_t max, struct visit *v)
{
	size_t n = 0;

	for (; at < shelf->n && n < max; at++) {
		struct object *o = shelf->items[at].object;

		if (o->kind != v->kind)
			continue;
		v->cb(v, o);
		n++;
	}
	return n;
}

static size_t page(const struct store *s, const struct session_id *after, struct visit *v)
{
	unsigned at = 0; /* shelf, counted over all buckets */
	uint32_t place = 0;
	size_t n = 0;
	bool found;

	if (after != NULL) {
		unsigned bucket = store_bucket_of(after);

		at = bucket * SHELVES + shelf_of(after);
		place = shelf_place(&s->buckets[bucket].shelves[shelf_of(after)], after, &found);
		place += found;
	}
	for (; at < STORE_BUCKETS * SHELVES && n < v->max; at++, place = 0)
		n += shelf_page(&s->buckets[at / SHELVES].shelves[at % SHELVES], place, v->max - n,
		                v);
	return n;
}

static void visit_session(struct visit *v, struct object *o)
{
	struct session_view view;

	view_of(session_of(o), &view);
	v->session_cb(v->arg, &view);
}

size_t store_page(const struct store *s, const struct session_id *after, size_t max,
                  store_session_cb cb, void *arg)
{
	struct visit v = {
	    .kind = OBJECT_SESSION, .max = max, .cb = visit_session, .arg = arg, .session_cb = cb};

	return page(s, after, &v);
}

static void visit_handle(struct visit *v, struct object *o)
{
	struct handle_view view;

	handle_view(handle_of(o), &view);
	v->handle_cb(v->arg, &view);
}

size_t store_handle_page(const struct store *s, const struct session_id *after, size_t max,
                         store_handle_cb cb, void *arg)
{
	struct visit v = {
	    .kind = OBJECT_HANDLE, .max = max, .cb = visit_handle, .arg = arg, .handle_cb = cb};

	return page(s, after, &v);
}

static void visit_task(struct visit *v, struct object *o)
{
	struct task_view view;

	task_view(task_of(o), &view);
	v->task_cb(v->arg, &view);
}

size_t store_task_page(const struct store *s, const struct session_id *after, size_t max,
                       store_task_cb cb, void *arg)
{
	struct visit v = {
	    .kind = OBJECT_TASK, .max = max, .cb = visit_task, .arg = arg, .task_cb = cb};

	return page(s, after, &v);
}

static const void *part_of(const struct store *s, const struct session_id *id, enum part_kind kind)
{
	const struct session *session = store_find(s, id);

	return session == NULL || session->parts == NULL ? NULL : session->parts[kind];
}

const struct streams *store_streams(const struct store *s, const struct session_id *id)
{
	return part_of(s, id, PART_STREAMS);
}

const struct pending *store_pending(const struct store *s, const struct session_id *id)
{
	return part_of(s, id, PART_PENDING);
}

bool store_is_mortal(const struct store *s, const struct session_id *id)
{
	const struct object *o = store_object(s, id);

	return o != NULL && object_ops_of(o->kind)->due_ms(o) != INT64_MAX;
}

enum status store_handle(const struct store *s, const struct session_id *id,
                         struct handle_view *ret)
{
	struct object *o = store_object(s, id);

	if (o == NULL || o->kind != OBJECT_HANDLE)
		return ST_NOT_FOUND;
	handle_view(handle_of(o), ret);
	return ST_OK;
}

enum status store_task(const struct store *s, const struct session_id *id, struct task_view *ret)
{
	struct object *o = store_object(s, id);

	if (o == NULL || o->kind != OBJECT_TASK)
		return ST_NOT_FOUND;
	task_view(task_of(o), ret);
	return ST_OK;
}
