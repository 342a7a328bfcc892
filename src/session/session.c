#include "session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/state.h"

/* What a session adds to the digest is, for one that says no more than version 1 could, what it
 * was in version 1, so that members of both versions agree on it. */
static uint64_t session_hash(const struct session *session, uint64_t info_hash, uint64_t attrs_hash)
{
	const uint64_t more[] = {session->owner, session->ttl_ms, attrs_hash};
	uint64_t fields[7];
	uint64_t hash;

	memcpy(fields, session->object.id.bytes, SESSION_ID_BYTES);
	fields[2] = (uint64_t)session->created_ms;
	fields[3] = (uint64_t)session->active_ms;
	fields[4] = session->epoch;
	fields[5] = session->revision;
	fields[6] = info_hash;
	hash = XXH64(fields, sizeof fields, SEED_SESSION);
	if (session->owner == 0 && session->ttl_ms == 0 && attrs_hash == 0)
		return hash;
	return XXH64(more, sizeof more, hash);
}

static uint64_t entry_hash(const struct session_id *id, const struct entry *entry)
{
	uint64_t hash = XXH64(id->bytes, SESSION_ID_BYTES, SEED_ENTRY);

	hash = XXH64(entry->bytes, entry->key_len, hash);
	hash = XXH64(entry->bytes + entry->key_len, entry->value_len, hash);
	if (entry->revision == ENTRY_REVISION_V1)
		return hash;
	return XXH64(&entry->revision, sizeof entry->revision, hash);
}

static uint64_t info_hash_of(const struct session *session)
{
	return XXH64(session->texts, session->info_len, SEED_SESSION);
}

/* 0 when there is none of them. */
static uint64_t attrs_hash_of(const struct session *session)
{
	const uint64_t lens[] = {session->protocol_len, session->capabilities_len,
	                         session->principal_len};
	size_t len =
	    (size_t)session->protocol_len + session->capabilities_len + session->principal_len;

	if (len == 0)
		return 0;
	return XXH64(session->texts + session->info_len, len, XXH64(lens, sizeof lens, 0));
}

static uint8_t *text_put(uint8_t *at, const uint8_t *text, size_t len)
{
	if (len > 0)
		memcpy(at, text, len);
	return at + len;
}

enum status session_new(const struct session_id *id, const struct session_attrs *a,
                        struct session **ret)
{
	size_t len = a->info_len + a->protocol_len + a->capabilities_len + a->principal_len;
	struct session *session = calloc(1, sizeof *session + len);
	uint8_t *at;

	if (session == NULL)
		return ST_NOMEM;
	assert(a->info_len <= SESSION_INFO_MAX && a->protocol_len <= SESSION_PROTOCOL_MAX &&
	       a->capabilities_len <= SESSION_CAPABILITIES_MAX &&
	       a->principal_len <= SESSION_PRINCIPAL_MAX);
	session->object.id = *id;
	session->object.kind = OBJECT_SESSION;
	session->epoch = 1;
	session->owner = a->owner;
	session->ttl_ms = a->ttl_ms;
	session->info_len = (uint16_t)a->info_len;
	session->protocol_len = (uint8_t)a->protocol_len;
	session->capabilities_len = (uint16_t)a->capabilities_len;
	session->principal_len = (uint16_t)a->principal_len;
	at = text_put(session->texts, a->info, a->info_len);
	at = text_put(at, a->protocol, a->protocol_len);
	at = text_put(at, a->capabilities, a->capabilities_len);
	text_put(at, a->principal, a->principal_len);
	session->info_hash = info_hash_of(session);
	session->attrs_hash = attrs_hash_of(session);
	session->bytes = (uint32_t)(SESSION_OVERHEAD + len);
	*ret = session;
	return ST_OK;
}

void session_attrs_of(const struct session *session, struct session_attrs *ret)
{
	const uint8_t *at = session->texts;

	ret->info = at;
	ret->info_len = session->info_len;
	ret->protocol = at + session->info_len;
	ret->protocol_len = session->protocol_len;
	ret->capabilities = ret->protocol + session->protocol_len;
	ret->capabilities_len = session->capabilities_len;
	ret->principal = ret->capabilities + session->capabilities_len;
	ret->principal_len = session->principal_len;
	ret->owner = session->owner;
	ret->ttl_ms = session->ttl_ms;
}

static void session_free(struct object *o)
{
	struct session *session = session_of(o);
	unsigned i;
	uint32_t k;

	if (session == NULL)
		return;
	for (k = 0; k < session->n_keys; k++)
		free(session->keys[k]);
	free(session->keys);
	for (i = 0; session->parts != NULL && i < PART_KINDS; i++) {
		if (session->parts[i] != NULL)
			part_ops_of(i)->free(session->parts[i]);
	}
	free(session->parts);
	free(session);
}

size_t session_bytes(const struct session *session)
{
	size_t bytes = session->bytes;
	unsigned i;

	for (i = 0; session->parts != NULL && i < PART_KINDS; i++) {
		if (session->parts[i] != NULL)
			bytes += part_ops_of(i)->bytes(session->parts[i]);
	}
	return bytes;
}

static uint64_t parts_digest(const struct session *session, bool recount)
{
	uint64_t fields[4];
	uint64_t sum = 0;
	unsigned i;

	memcpy(fields, session->object.id.bytes, SESSION_ID_BYTES);
	for (i = 0; session->parts != NULL && i < PART_KINDS; i++) {
		const struct part_ops *ops = part_ops_of(i);

		if (session->parts[i] == NULL)
			continue;
		fields[2] = i;
		fields[3] = (recount ? ops->recount : ops->digest)(session->parts[i]);
		if (fields[3] != 0)
			sum += XXH64(fields, sizeof fields, SEED_PART);
	}
	return sum;
}

static uint64_t session_digest(const struct object *o)
{
	const struct session *session = session_of_const(o);

	return session_hash(session, session->info_hash, session->attrs_hash) +
	       session->keys_digest + parts_digest(session, false);
}

static uint64_t session_recount(const struct object *o)
{
	const struct session *session = session_of_const(o);
	uint64_t sum = session_hash(session, info_hash_of(session), attrs_hash_of(session));
	uint32_t i;

	for (i = 0; i < session->n_keys; i++)
		sum += entry_hash(&session->object.id, session->keys[i]);
	return sum + parts_digest(session, true);
}

static int64_t session_due_ms(const struct object *o)
{
	const struct session *session = session_of_const(o);
	int64_t due;

	if (session->ttl_ms == 0 ||
	    __builtin_add_overflow(session->active_ms, (int64_t)session->ttl_ms, &due))
		return INT64_MAX;
	return due;
}

static struct object_seen session_seen(const struct object *o)
{
	const struct session *session = session_of_const(o);
	const struct object_seen seen = {session->active_ms, session->revision};

	return seen;
}

static size_t session_object_bytes(const struct object *o)
{
	return session_bytes(session_of_const(o));
}

enum status entry_new(const struct session_id *id, const struct command_key *key,
                      const uint8_t *value, size_t value_len, uint64_t revision, struct entry **ret)
{
	struct entry *entry = malloc(sizeof *entry + key->len + value_len);

	assert(key->len > 0 && key->len <= SESSION_KEY_MAX && value_len <= SESSION_VALUE_MAX);
	if (entry == NULL)
		return ST_NOMEM;
	entry->key_len = (uint16_t)key->len;
	entry->value_len = (uint32_t)value_len;
	entry->revision = revision;
	memcpy(entry->bytes, key->bytes, key->len);
	if (value_len > 0)
		memcpy(entry->bytes + key->len, value, value_len);
	entry->hash = entry_hash(id, entry);
	*ret = entry;
	return ST_OK;
}

static int key_compare(const struct entry *entry, const uint8_t *key, size_t key_len)
{
	size_t len = entry->key_len < key_len ? entry->key_len : key_len;
	int order = len == 0 ? 0 : memcmp(entry->bytes, key, len);

	if (order != 0)
		return order;
	return (entry->key_len > key_len) - (entry->key_len < key_len);
}

uint32_t session_key_place(const struct session *session, const uint8_t *key, size_t key_len,
                           bool *ret_found)
{
	uint32_t low = 0;
	uint32_t high = session->n_keys;
	bool found = false;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = key_compare(session->keys[mid], key, key_len);

		if (order < 0)
			low = mid + 1;
		else
			high = mid;
		found = found || order == 0;
	}
	*ret_found = found;
	return low;
}

/* Room for one more: the array doubles whenever it is full, which is at powers of two. */
static enum status keys_grow(struct session *session)
{
	size_t n = session->n_keys;
	struct entry **keys;

	if ((n & (n - 1)) != 0)
		return ST_OK;
	keys = realloc(session->keys, (n == 0 ? 1 : 2 * n) * sizeof(struct entry *));
	if (keys == NULL)
		return ST_NOMEM;
	session->keys = keys;
	return ST_OK;
}

static uint32_t entry_bytes(const struct entry *entry)
{
	return ENTRY_OVERHEAD + entry->key_len + entry->value_len;
}

enum status session_key_put(struct session *session, uint32_t place, bool replace,
                            struct entry *entry)
{
	struct entry **at;

	if (!replace && keys_grow(session) != ST_OK)
		return ST_NOMEM;
	at = &session->keys[place];
	if (replace) {
		session->keys_digest -= (*at)->hash;
		session->bytes -= entry_bytes(*at);
		free(*at);
	} else {
		memmove(at + 1, at, (session->n_keys - place) * sizeof(struct entry *));
		session->n_keys++;
	}
	*at = entry;
	session->keys_digest += entry->hash;
	session->bytes += entry_bytes(entry);
	return ST_OK;
}

void session_key_drop(struct session *session, uint32_t place)
{
	struct entry **at = &session->keys[place];

	assert(place < session->n_keys);
	session->keys_digest -= (*at)->hash;
	session->bytes -= entry_bytes(*at);
	free(*at);
	session->n_keys--;
	memmove(at, at + 1, (session->n_keys - place) * sizeof(struct entry *));
	if (session->n_keys > 0)
		return;
	free(session->keys);
	session->keys = NULL;
}

const struct object_ops session_ops = {
    .bytes = session_object_bytes,
    .digest = session_digest,
    .recount = session_recount,
    .due_ms = session_due_ms,
    .seen = session_seen,
    .encode = session_encode,
    .decode = session_decode,
    .free = session_free,
};
