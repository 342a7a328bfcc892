/* Reading the state as it was applied. */
#include <assert.h>

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

/* The sessions of a shelf from a place on, max at most. */
static size_t shelf_page(const struct shelf *shelf, uint32_t at, size_t max, store_session_cb cb,
                         void *arg)
{
	struct session_view view;
	size_t n = 0;

	for (; at < shelf->n && n < max; at++) {
		const struct object *o = shelf->items[at].object;

		if (o->kind != OBJECT_SESSION)
			continue;
		view_of(session_of_const(o), &view);
		cb(arg, &view);
		n++;
	}
	return n;
}

size_t store_page(const struct store *s, const struct session_id *after, size_t max,
                  store_session_cb cb, void *arg)
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
	for (; at < STORE_BUCKETS * SHELVES && n < max; at++, place = 0)
		n += shelf_page(&s->buckets[at / SHELVES].shelves[at % SHELVES], place, max - n, cb,
		                arg);
	return n;
}

void store_list(const struct store *s, store_session_cb cb, void *arg)
{
	(void)store_page(s, NULL, SIZE_MAX, cb, arg);
}
