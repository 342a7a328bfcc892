#include "session/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/state.h"

enum {
	SEED_SESSION = 1,
	SEED_ENTRY = 2,
	SEED_PAIRS = 16,
	SEED_REQUESTS = 32,
	SEED_ORIGINS = 48,
	SEED_STATE = 64
};

enum status store_new(struct store **ret)
{
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ST_NOMEM;
	omap_init(&s->sessions);
	recent_init(&s->pairs, RECENT_MAX, SEED_PAIRS);
	recent_init(&s->requests, RECENT_MAX, SEED_REQUESTS);
	*ret = s;
	return ST_OK;
}

void store_free(struct store *s)
{
	struct session *session;

	if (s == NULL)
		return;
	while ((session = omap_pop(&s->sessions)) != NULL)
		session_free(session);
	recent_close(&s->pairs);
	recent_close(&s->requests);
	free(s);
}

uint64_t session_hash(const struct session *session)
{
	uint64_t fields[7];

	memcpy(fields, session->id.bytes, SESSION_ID_BYTES);
	fields[2] = (uint64_t)session->created_ms;
	fields[3] = (uint64_t)session->active_ms;
	fields[4] = session->epoch;
	fields[5] = session->revision;
	fields[6] = session->info_hash;
	return XXH64(fields, sizeof fields, SEED_SESSION);
}

uint64_t entry_hash(const struct session_id *id, const struct entry *entry)
{
	uint64_t hash = XXH64(id->bytes, SESSION_ID_BYTES, SEED_ENTRY);

	hash = XXH64(entry->bytes, entry->key_len, hash);
	return XXH64(entry->bytes + entry->key_len, entry->value_len, hash);
}

uint64_t origin_hash(const struct origin_floor *o)
{
	const uint64_t fields[] = {o->id, o->seq, o->used};

	return XXH64(fields, sizeof fields, SEED_ORIGINS);
}

enum status session_new(const struct session_id *id, const uint8_t *info, size_t info_len,
                        struct session **ret)
{
	struct session *session = calloc(1, sizeof *session + info_len);

	if (session == NULL)
		return ST_NOMEM;
	session->id = *id;
	session->epoch = 1;
	session->info_len = info_len;
	if (info_len > 0)
		memcpy(session->info, info, info_len);
	session->info_hash = XXH64(session->info, info_len, SEED_SESSION);
	session->bytes = SESSION_OVERHEAD + info_len;
	omap_init(&session->keys);
	*ret = session;
	return ST_OK;
}

void session_free(struct session *session)
{
	struct entry *entry;

	if (session == NULL)
		return;
	while ((entry = omap_pop(&session->keys)) != NULL)
		free(entry);
	free(session);
}

enum status entry_new(const struct session_id *id, const uint8_t *key, size_t key_len,
                      const uint8_t *value, size_t value_len, struct entry **ret)
{
	struct entry *entry = malloc(sizeof *entry + key_len + value_len);

	assert(key_len > 0);
	if (entry == NULL)
		return ST_NOMEM;
	entry->key_len = key_len;
	entry->value_len = value_len;
	memcpy(entry->bytes, key, key_len);
	if (value_len > 0)
		memcpy(entry->bytes + key_len, value, value_len);
	entry->hash = entry_hash(id, entry);
	*ret = entry;
	return ST_OK;
}

enum status store_add_session(struct store *s, struct session *session)
{
	enum status st;

	st = omap_add(&s->sessions, session->id.bytes, SESSION_ID_BYTES, session);
	if (st != ST_OK)
		return st;
	s->digest += session_hash(session) + session->keys_digest;
	s->bytes += session->bytes;
	return ST_OK;
}

void store_drop_session(struct store *s, struct session *session)
{
	void *removed = omap_remove(&s->sessions, session->id.bytes, SESSION_ID_BYTES);

	assert(removed == session);
	(void)removed;
	s->digest -= session_hash(session) + session->keys_digest;
	s->bytes -= session->bytes;
	session_free(session);
}

struct session *store_find(const struct store *s, const struct session_id *id)
{
	struct omap_node *node = omap_find(&s->sessions, id->bytes, SESSION_ID_BYTES);

	return node == NULL ? NULL : node->value;
}

static void view_of(const struct session *session, struct session_view *ret)
{
	ret->id = session->id;
	ret->created_ms = session->created_ms;
	ret->active_ms = session->active_ms;
	ret->epoch = session->epoch;
	ret->revision = session->revision;
	ret->info = session->info;
	ret->info_len = session->info_len;
	ret->n_keys = session->keys.n;
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
	const struct omap_node *node;

	if (session == NULL)
		return ST_NOT_FOUND;
	for (node = omap_first(&session->keys); node != NULL; node = node->next[0]) {
		const struct entry *entry = node->value;

		cb(arg, entry->bytes, entry->key_len, entry->bytes + entry->key_len,
		   entry->value_len);
	}
	return ST_OK;
}

enum status store_value(const struct store *s, const struct session_id *id, const uint8_t *key,
                        size_t key_len, const uint8_t **value, size_t *value_len)
{
	const struct session *session = store_find(s, id);
	const struct omap_node *node;
	const struct entry *entry;

	if (session == NULL)
		return ST_NOT_FOUND;
	node = omap_find(&session->keys, key, key_len);
	if (node == NULL)
		return ST_NOT_FOUND;
	entry = node->value;
	*value = entry->bytes + entry->key_len;
	*value_len = entry->value_len;
	return ST_OK;
}

size_t store_count(const struct store *s)
{
	return s->sessions.n;
}

size_t store_bytes(const struct store *s)
{
	return s->bytes;
}

void store_list(const struct store *s, store_session_cb cb, void *arg)
{
	const struct omap_node *node;

	for (node = omap_first(&s->sessions); node != NULL; node = node->next[0]) {
		struct session_view view;

		view_of(node->value, &view);
		cb(arg, &view);
	}
}

/* The sums are kept up to date by every change; only the few words left are hashed here. */
uint64_t store_digest(const struct store *s)
{
	const uint64_t fields[] = {
	    s->index,           s->digest,     s->sessions.n,     s->pairs.digest, s->pairs.n,
	    s->requests.digest, s->requests.n, s->origins_digest, s->n_origins,    s->bytes};

	return XXH64(fields, sizeof fields, SEED_STATE);
}

uint64_t store_index(const struct store *s)
{
	return s->index;
}
