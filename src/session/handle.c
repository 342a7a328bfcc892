#include "session/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/queue.h"
#include "session/limits.h"

enum { SEED_HANDLE = 6 };

struct handle {
	struct object object;
	int64_t created_ms;
	int64_t active_ms;
	int64_t ttl_ms;
	uint64_t revision;
	uint64_t hash;  /* of all of it */
	uint8_t *value; /* owned; NULL when empty */
	size_t value_len;
	size_t principal_len;
	uint8_t principal[];
};

struct object *handle_object(struct handle *h)
{
	return &h->object;
}

struct handle *handle_of(struct object *o)
{
	assert(o->kind == OBJECT_HANDLE);
	return CONTAINER_OF(o, struct handle, object);
}

static const struct handle *of(const struct object *o)
{
	return (const struct handle *)(const void *)o;
}

static uint64_t handle_hash(const struct handle *h)
{
	const uint64_t fields[] = {(uint64_t)h->created_ms, (uint64_t)h->active_ms,
	                           (uint64_t)h->ttl_ms,     h->revision,
	                           h->principal_len,        h->value_len};
	uint64_t hash = XXH64(fields, sizeof fields, SEED_HANDLE);

	hash = XXH64(h->principal, h->principal_len, hash);
	return XXH64(h->value, h->value_len, hash);
}

static void handle_free(struct object *o)
{
	struct handle *h;

	if (o == NULL)
		return;
	h = handle_of(o);
	free(h->value);
	free(h);
}

static enum status set_value(struct handle *h, const struct bytes_view *value)
{
	uint8_t *copy = NULL;

	if (value->len > HANDLE_VALUE_MAX)
		return ST_LIMIT;
	if (value->len > 0) {
		copy = malloc(value->len);
		if (copy == NULL)
			return ST_NOMEM;
		memcpy(copy, value->at, value->len);
	}
	free(h->value);
	h->value = copy;
	h->value_len = value->len;
	return ST_OK;
}

enum status handle_new(const struct handle_view *v, struct handle **ret)
{
	struct handle *h;
	enum status st;

	if (v->principal.len > SESSION_PRINCIPAL_MAX)
		return ST_LIMIT;
	h = calloc(1, sizeof *h + v->principal.len);
	if (h == NULL)
		return ST_NOMEM;
	h->object.id = v->id;
	h->object.kind = OBJECT_HANDLE;
	h->created_ms = v->created_ms;
	h->active_ms = v->active_ms;
	h->ttl_ms = v->ttl_ms;
	h->revision = v->revision;
	h->principal_len = v->principal.len;
	if (v->principal.len > 0)
		memcpy(h->principal, v->principal.at, v->principal.len);
	st = set_value(h, &v->value);
	if (st != ST_OK) {
		free(h);
		return st;
	}
	h->hash = handle_hash(h);
	*ret = h;
	return ST_OK;
}

void handle_view(const struct handle *h, struct handle_view *ret)
{
	ret->id = h->object.id;
	ret->created_ms = h->created_ms;
	ret->active_ms = h->active_ms;
	ret->ttl_ms = h->ttl_ms;
	ret->revision = h->revision;
	ret->principal.at = h->principal;
	ret->principal.len = h->principal_len;
	ret->value.at = h->value;
	ret->value.len = h->value_len;
}

enum status handle_put(struct handle *h, const struct bytes_view *value, int64_t now_ms,
                       uint64_t revision)
{
	enum status st = set_value(h, value);

	if (st != ST_OK)
		return st;
	h->revision = revision;
	handle_touch(h, now_ms);
	return ST_OK;
}

void handle_touch(struct handle *h, int64_t now_ms)
{
	if (now_ms > h->active_ms)
		h->active_ms = now_ms;
	h->hash = handle_hash(h);
}

/* --- As an object ---------------------------------------------------------------------- */

static size_t object_bytes(const struct object *o)
{
	return HANDLE_OVERHEAD + of(o)->principal_len + of(o)->value_len;
}

static uint64_t object_digest(const struct object *o)
{
	return of(o)->hash;
}

static uint64_t object_recount(const struct object *o)
{
	return handle_hash(of(o));
}

static int64_t object_due_ms(const struct object *o)
{
	const struct handle *h = of(o);

	if (h->ttl_ms == 0 || h->active_ms > INT64_MAX - h->ttl_ms)
		return INT64_MAX;
	return h->active_ms + h->ttl_ms;
}

static struct object_seen object_seen(const struct object *o)
{
	const struct object_seen seen = {of(o)->active_ms, of(o)->revision};

	return seen;
}

/* u64 created, active, time to live, revision; u32 length and principal; u32 length and value. */
static void object_encode(const struct object *o, struct buf *b)
{
	const struct handle *h = of(o);

	buf_u64(b, (uint64_t)h->created_ms);
	buf_u64(b, (uint64_t)h->active_ms);
	buf_u64(b, (uint64_t)h->ttl_ms);
	buf_u64(b, h->revision);
	buf_u32(b, (uint32_t)h->principal_len);
	buf_bytes(b, h->principal, h->principal_len);
	buf_u32(b, (uint32_t)h->value_len);
	buf_bytes(b, h->value, h->value_len);
}

static enum status decode_view(struct cursor *c, struct handle_view *v)
{
	uint32_t principal_len;
	uint32_t value_len;
	uint64_t times[3];

	if (cursor_u64(c, &times[0]) != ST_OK || cursor_u64(c, &times[1]) != ST_OK ||
	    cursor_u64(c, &times[2]) != ST_OK || cursor_u64(c, &v->revision) != ST_OK ||
	    cursor_u32(c, &principal_len) != ST_OK ||
	    cursor_bytes(c, principal_len, &v->principal.at) != ST_OK ||
	    cursor_u32(c, &value_len) != ST_OK ||
	    cursor_bytes(c, value_len, &v->value.at) != ST_OK || c->left != 0)
		return ST_MALFORMED;
	v->created_ms = (int64_t)times[0];
	v->active_ms = (int64_t)times[1];
	v->ttl_ms = (int64_t)times[2];
	v->principal.len = principal_len;
	v->value.len = value_len;
	return v->ttl_ms < 0 ? ST_MALFORMED : ST_OK;
}

static enum status object_decode(const struct session_id *id, struct cursor *c, uint64_t index,
                                 struct object **ret)
{
	struct handle_view v = {.id = *id};
	struct handle *h;
	enum status st;

	if (decode_view(c, &v) != ST_OK || v.revision > index)
		return ST_MALFORMED;
	st = handle_new(&v, &h);
	if (st != ST_OK)
		return st == ST_LIMIT ? ST_MALFORMED : st;
	*ret = &h->object;
	return ST_OK;
}

const struct object_ops handle_ops = {
    .bytes = object_bytes,
    .digest = object_digest,
    .recount = object_recount,
    .due_ms = object_due_ms,
    .seen = object_seen,
    .encode = object_encode,
    .decode = object_decode,
    .free = handle_free,
};
