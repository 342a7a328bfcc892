#include <assert.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/queue.h"
#include "session/life.h"
#include "session/limits.h"

enum { SEED_HANDLE = 6 };

struct handle {
	struct object object;
	struct life life;
	uint64_t hash; /* of all of it */
	struct text principal;
	struct text value;
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
	const uint64_t fields[] = {(uint64_t)h->life.created_ms,
	                           (uint64_t)h->life.active_ms,
	                           (uint64_t)h->life.ttl_ms,
	                           h->life.revision,
	                           h->principal.len,
	                           h->value.len};
	uint64_t hash = XXH64(fields, sizeof fields, SEED_HANDLE);

	hash = XXH64(h->principal.at, h->principal.len, hash);
	return XXH64(h->value.at, h->value.len, hash);
}

static void handle_free(struct object *o)
{
	struct handle *h;

	if (o == NULL)
		return;
	h = handle_of(o);
	text_close(&h->principal);
	text_close(&h->value);
	free(h);
}

/* An empty one, whose hash is to be set. */
static struct handle *handle_alloc(const struct session_id *id)
{
	struct handle *h = calloc(1, sizeof *h);

	if (h == NULL)
		return NULL;
	h->object.id = *id;
	h->object.kind = OBJECT_HANDLE;
	return h;
}

enum status handle_new(const struct handle_view *v, struct handle **ret)
{
	struct handle *h = handle_alloc(&v->id);
	enum status st;

	if (h == NULL)
		return ST_NOMEM;
	h->life = (struct life){v->created_ms, v->active_ms, v->ttl_ms, v->revision};
	st = text_set(&h->principal, &v->principal, SESSION_PRINCIPAL_MAX);
	if (st == ST_OK)
		st = text_set(&h->value, &v->value, HANDLE_VALUE_MAX);
	if (st != ST_OK) {
		handle_free(&h->object);
		return st;
	}
	h->hash = handle_hash(h);
	*ret = h;
	return ST_OK;
}

void handle_view(const struct handle *h, struct handle_view *ret)
{
	ret->id = h->object.id;
	ret->created_ms = h->life.created_ms;
	ret->active_ms = h->life.active_ms;
	ret->ttl_ms = h->life.ttl_ms;
	ret->revision = h->life.revision;
	ret->principal = text_view(&h->principal);
	ret->value = text_view(&h->value);
}

enum status handle_put(struct handle *h, const struct bytes_view *value, int64_t now_ms,
                       uint64_t revision)
{
	enum status st = text_set(&h->value, value, HANDLE_VALUE_MAX);

	if (st != ST_OK)
		return st;
	h->life.revision = revision;
	handle_touch(h, now_ms);
	return ST_OK;
}

void handle_touch(struct handle *h, int64_t now_ms)
{
	life_use(&h->life, now_ms);
	h->hash = handle_hash(h);
}

/* --- As an object ---------------------------------------------------------------------- */

static size_t object_bytes(const struct object *o)
{
	return HANDLE_OVERHEAD + of(o)->principal.len + of(o)->value.len;
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
	return life_due_ms(&of(o)->life);
}

static struct object_seen object_seen(const struct object *o)
{
	return life_seen(&of(o)->life);
}

/* Its life; principal and value. */
static void object_encode(const struct object *o, struct buf *b)
{
	life_encode(&of(o)->life, b);
	text_encode(&of(o)->principal, b);
	text_encode(&of(o)->value, b);
}

static enum status object_decode(const struct session_id *id, struct cursor *c, uint64_t index,
                                 struct object **ret)
{
	struct handle *h = handle_alloc(id);
	enum status st;

	if (h == NULL)
		return ST_NOMEM;
	st = life_decode(c, &h->life);
	if (st == ST_OK)
		st = text_decode(c, &h->principal, SESSION_PRINCIPAL_MAX);
	if (st == ST_OK)
		st = text_decode(c, &h->value, HANDLE_VALUE_MAX);
	if (st == ST_OK && (c->left != 0 || h->life.revision > index))
		st = ST_MALFORMED;
	if (st != ST_OK) {
		handle_free(&h->object);
		return st;
	}
	h->hash = handle_hash(h);
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
