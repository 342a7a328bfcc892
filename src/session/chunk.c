/* A chunk of the state as bytes, and back. Canonical: the same content has the same bytes on
 * every node. Layout: doc/protocol/session-state.md. */
#include "session/chunk.h"

#include <assert.h>
#include <string.h>

/* The longest part of chunk 0 by far, and encoded while a command waits: in one go. */
static void put_recent(const struct recent *r, struct buf *b)
{
	size_t len = 0;
	uint8_t *at;
	size_t i;

	buf_u32(b, (uint32_t)r->n);
	for (i = 0; i < r->n; i++)
		len += 2U + recent_at(r, i)->key_len + recent_at(r, i)->result_len;
	at = buf_extend(b, len);
	for (i = 0; at != NULL && i < r->n; i++) {
		const struct recent_item *item = recent_at(r, i);

		*at++ = item->key_len;
		memcpy(at, item->key, item->key_len);
		at += item->key_len;
		*at++ = item->result_len;
		memcpy(at, item->result, item->result_len);
		at += item->result_len;
	}
}

void origins_encode(const struct store *s, struct buf *b)
{
	size_t i;

	buf_u32(b, (uint32_t)s->n_origins);
	for (i = 0; i < s->n_origins; i++) {
		buf_u64(b, s->origins[i].id);
		buf_u64(b, s->origins[i].seq);
		buf_u64(b, s->origins[i].used);
	}
}

static void rest_encode(const struct store *s, struct buf *b)
{
	buf_u32(b, s->version);
	buf_u64(b, s->sessions_max);
	buf_u64(b, s->bytes_max);
	origins_encode(s, b);
	put_recent(&s->pairs, b);
	put_recent(&s->requests, b);
}

void object_encode(const struct object *o, struct buf *b)
{
	size_t at = b->len;
	unsigned i;

	buf_u8(b, o->kind);
	buf_u32(b, 0);
	buf_bytes(b, o->id.bytes, SESSION_ID_BYTES);
	object_ops_of(o->kind)->encode(o, b);
	/* The length is known now; a chunk is shorter than the limit of all sessions. */
	for (i = 0; buf_status(b) == ST_OK && i < 4; i++)
		b->base[at + 1 + i] = (uint8_t)((b->len - at - 5) >> (24 - 8 * i));
}

static void bucket_encode(const struct bucket *bucket, struct buf *b)
{
	uint32_t n = 0;
	unsigned i;
	uint32_t k;

	for (i = 0; i < SHELVES; i++)
		n += bucket->shelves[i].n;
	buf_u32(b, n);
	for (i = 0; i < SHELVES; i++) {
		for (k = 0; k < bucket->shelves[i].n; k++)
			object_encode(bucket->shelves[i].items[k].object, b);
	}
}

bool chunk_is_empty(const struct store *s, unsigned chunk)
{
	unsigned i;

	if (chunk == 0)
		return false;
	for (i = 0; i < SHELVES; i++) {
		if (s->buckets[chunk - 1].shelves[i].n > 0)
			return false;
	}
	return true;
}

void chunk_encode(const struct store *s, unsigned chunk, struct buf *b)
{
	assert(chunk < IMAGE_CHUNKS);
	if (chunk == 0)
		rest_encode(s, b);
	else
		bucket_encode(&s->buckets[chunk - 1], b);
}

static enum status get_recent(struct cursor *c, struct recent *r, size_t key_min, size_t key_max)
{
	const uint8_t *result;
	const uint8_t *key;
	uint8_t result_len;
	uint8_t key_len;
	enum status st;
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK || n > r->max)
		return ST_MALFORMED;
	while (n-- > 0) {
		if (cursor_u8(c, &key_len) != ST_OK || key_len < key_min || key_len > key_max ||
		    cursor_bytes(c, key_len, &key) != ST_OK || cursor_u8(c, &result_len) != ST_OK ||
		    cursor_bytes(c, result_len, &result) != ST_OK ||
		    (result_len != RESULT_BYTES && result_len != RESULT_BYTES_MAX) ||
		    recent_find(r, key, key_len) != NULL)
			return ST_MALFORMED;
		st = recent_add(r, key, key_len, result, result_len);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

enum status origins_decode(struct cursor *c, struct store *s)
{
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK || n > ORIGINS_MAX)
		return ST_MALFORMED;
	for (s->n_origins = 0; s->n_origins < n; s->n_origins++) {
		struct origin_floor *o = &s->origins[s->n_origins];

		if (cursor_u64(c, &o->id) != ST_OK || cursor_u64(c, &o->seq) != ST_OK ||
		    cursor_u64(c, &o->used) != ST_OK || o->id == 0 || o->used > s->index)
			return ST_MALFORMED;
		s->origins_digest += origin_hash(o);
	}
	return ST_OK;
}

static enum status rest_decode(struct store *s, struct cursor *c)
{
	uint64_t sessions_max;
	uint64_t bytes_max;
	uint32_t version;
	enum status st;

	if (cursor_u32(c, &version) != ST_OK || cursor_u64(c, &sessions_max) != ST_OK ||
	    cursor_u64(c, &bytes_max) != ST_OK || sessions_max == 0 ||
	    sessions_max > SESSIONS_MAX || bytes_max == 0 || bytes_max > STORE_BYTES_MAX ||
	    version == 0)
		return ST_MALFORMED;
	if (version > STATE_VERSION_NEWEST)
		return ST_UNSUPPORTED;
	store_set_version(s, version);
	s->sessions_max = sessions_max;
	s->bytes_max = bytes_max;
	st = origins_decode(c, s);
	if (st == ST_OK)
		st = get_recent(c, &s->pairs, PAIR_BYTES, PAIR_BYTES);
	if (st == ST_OK)
		st = get_recent(c, &s->requests, 1, REQUEST_ID_MAX);
	return st;
}

static enum status object_read(struct cursor *c, const struct store *s, unsigned bucket,
                               struct object **ret)
{
	const uint8_t *bytes;
	struct session_id id;
	struct cursor body;
	uint32_t len;
	uint8_t kind;

	if (cursor_u8(c, &kind) != ST_OK || cursor_u32(c, &len) != ST_OK ||
	    len < SESSION_ID_BYTES || cursor_bytes(c, len, &bytes) != ST_OK)
		return ST_MALFORMED;
	if (object_ops_of(kind) == NULL)
		return ST_UNSUPPORTED;
	memcpy(id.bytes, bytes, SESSION_ID_BYTES);
	body = cursor_of(bytes + SESSION_ID_BYTES, len - SESSION_ID_BYTES);
	if (store_bucket_of(&id) != bucket || store_object(s, &id) != NULL)
		return ST_MALFORMED;
	return object_ops_of(kind)->decode(&id, &body, s->index, ret);
}

static enum status bucket_decode(struct store *s, unsigned bucket, struct cursor *c)
{
	struct object *o;
	enum status st;
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK)
		return ST_MALFORMED;
	for (; n > 0; n--) {
		st = object_read(c, s, bucket, &o);
		if (st != ST_OK)
			return st;
		st = store_add(s, o);
		if (st != ST_OK) {
			object_free(o);
			return st;
		}
		if (s->n[OBJECT_SESSION] > SESSIONS_MAX || s->bytes > STORE_BYTES_MAX)
			return ST_MALFORMED;
	}
	return ST_OK;
}

enum status chunk_decode(struct store *s, unsigned chunk, struct cursor *c)
{
	enum status st;

	assert(chunk < IMAGE_CHUNKS);
	st = chunk == 0 ? rest_decode(s, c) : bucket_decode(s, chunk - 1, c);
	if (st != ST_OK)
		return st;
	return c->left != 0 ? ST_MALFORMED : ST_OK;
}

static void rest_forget(struct store *s)
{
	recent_clear(&s->pairs);
	recent_clear(&s->requests);
	s->n_origins = 0;
	s->origins_digest = 0;
}

static void bucket_forget(struct store *s, struct bucket *b)
{
	unsigned i;

	for (i = 0; i < SHELVES; i++) {
		while (b->shelves[i].n > 0)
			store_drop(s, b->shelves[i].items[b->shelves[i].n - 1].object);
	}
}

void chunk_forget(struct store *s, unsigned chunk)
{
	assert(chunk < IMAGE_CHUNKS);
	if (chunk == 0)
		rest_forget(s);
	else
		bucket_forget(s, &s->buckets[chunk - 1]);
}
