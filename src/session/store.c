#include "session/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/mark.h"
#include "session/state.h"

static void buckets_init(struct bucket *buckets)
{
	unsigned i;
	unsigned k;

	for (i = 0; i < STORE_BUCKETS; i++) {
		for (k = 0; k < SHELVES; k++)
			buckets[i].shelves[k].due_ms = INT64_MAX;
	}
}

enum status store_new(struct store **ret)
{
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ST_NOMEM;
	s->buckets = calloc(STORE_BUCKETS, sizeof *s->buckets);
	if (s->buckets == NULL)
		goto err_store;
	buckets_init(s->buckets);
	recent_init(&s->pairs, RECENT_MAX, SEED_PAIRS);
	recent_init(&s->requests, RECENT_MAX, SEED_REQUESTS);
	store_set_version(s, STATE_VERSION_1);
	s->newest = STATE_VERSION_NEWEST;
	*ret = s;
	return ST_OK;
err_store:
	free(s);
	return ST_NOMEM;
}

static void store_close(struct store *s)
{
	unsigned i;

	for (i = 0; i < STORE_BUCKETS; i++)
		bucket_close(&s->buckets[i], object_free);
	free(s->buckets);
	recent_close(&s->pairs);
	recent_close(&s->requests);
	free(s->marks);
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	image_spoil_all(s);
	store_close(s);
	free(s);
}

uint64_t store_answered(const struct store *s, enum store_result how)
{
	assert(how < RESULT_COUNT);
	return s->answered[how];
}

void store_become(struct store *s, struct store *fresh)
{
	assert(fresh->n_images == 0);
	image_spoil_all(s);
	store_close(s);
	fresh->newest = s->newest;
	fresh->met = s->met;
	memcpy(fresh->answered, s->answered, sizeof fresh->answered);
	*s = *fresh;
	store_meet(s, s->version);
	free(fresh);
}

void store_set_version(struct store *s, uint32_t version)
{
	const bool has_limits = s->version >= STATE_VERSION_2 && version >= STATE_VERSION_2;

	s->version = version;
	if (has_limits)
		return; /* as they were set */
	s->sessions_max = version == STATE_VERSION_1 ? SESSIONS_MAX_V1 : SESSIONS_MAX;
	s->bytes_max = version == STATE_VERSION_1 ? STORE_BYTES_MAX_V1 : STORE_BYTES_MAX;
}

void store_take_up_to(struct store *s, uint32_t newest)
{
	assert(newest > 0 && newest <= STATE_VERSION_NEWEST);
	s->newest = newest;
}

uint32_t store_newest(const struct store *s)
{
	return s->newest;
}

void store_meet(struct store *s, uint32_t version)
{
	if (version > s->newest && version > s->met)
		s->met = version;
}

uint32_t store_beyond(const struct store *s)
{
	return s->met;
}

uint32_t store_version(const struct store *s)
{
	return s->version;
}

enum status store_found(struct store *s, uint32_t version)
{
	if (version == 0 || version > STATE_VERSION_NEWEST)
		return ST_UNSUPPORTED;
	if (s->index != 0 || s->bytes != 0)
		return ST_INVALID;
	store_set_version(s, version);
	return ST_OK;
}

struct object *store_object(const struct store *s, const struct session_id *id)
{
	return bucket_find(&s->buckets[store_bucket_of(id)], id);
}

struct session *store_find(const struct store *s, const struct session_id *id)
{
	struct object *o = store_object(s, id);

	return o != NULL && o->kind == OBJECT_SESSION ? session_of(o) : NULL;
}

/* An object comes (sign +) or goes (sign -). */
static void bucket_came(struct store *s, struct bucket *b, const struct object *o)
{
	const uint64_t digest = object_digest(o);
	const size_t bytes = object_ops_of(o->kind)->bytes(o);
	const int64_t due_ms = object_ops_of(o->kind)->due_ms(o);
	struct shelf *shelf = &b->shelves[shelf_of(&o->id)];

	b->digest += digest;
	s->digest += digest;
	s->kind_bytes[o->kind] += bytes;
	s->bytes += bytes;
	if (due_ms < shelf->due_ms)
		shelf->due_ms = due_ms;
}

static void bucket_went(struct store *s, struct bucket *b, const struct object *o)
{
	const uint64_t digest = object_digest(o);
	const size_t bytes = object_ops_of(o->kind)->bytes(o);

	b->digest -= digest;
	s->digest -= digest;
	s->kind_bytes[o->kind] -= bytes;
	s->bytes -= bytes;
}

/* The bucket of an id changes: what is there, or NULL, is what images have to keep. */
static struct bucket *bucket_change(struct store *s, const struct session_id *id,
                                    const struct object *o)
{
	unsigned at = store_bucket_of(id);

	if (s->n_images > 0)
		image_keep(s, id, o);
	s->buckets[at].changed = s->index;
	return &s->buckets[at];
}

void store_change(struct store *s, struct object *o)
{
	bucket_went(s, bucket_change(s, &o->id, o), o);
}

void store_changed(struct store *s, struct object *o)
{
	bucket_came(s, &s->buckets[store_bucket_of(&o->id)], o);
}

enum status store_add(struct store *s, struct object *o)
{
	struct bucket *b = bucket_change(s, &o->id, NULL);
	enum status st = bucket_add(b, o);

	if (st != ST_OK)
		return st;
	s->n[o->kind]++;
	bucket_came(s, b, o);
	return ST_OK;
}

void store_drop(struct store *s, struct object *o)
{
	struct bucket *b = bucket_change(s, &o->id, o);

	bucket_went(s, b, o);
	bucket_remove(b, o);
	s->n[o->kind]--;
	object_free(o);
}

void store_change_rest(struct store *s)
{
	if (s->n_images > 0)
		image_keep_rest(s);
	s->rest_changed = s->index;
}

uint64_t origin_hash(const struct origin_floor *o)
{
	const uint64_t fields[] = {o->id, o->seq, o->used};

	return XXH64(fields, sizeof fields, SEED_ORIGINS);
}

uint64_t store_rest_digest(const struct store *s)
{
	const uint64_t fields[] = {s->version,      s->sessions_max,   s->bytes_max,
	                           s->pairs.digest, s->pairs.n,        s->requests.digest,
	                           s->requests.n,   s->origins_digest, s->n_origins};

	return XXH64(fields, sizeof fields, SEED_REST);
}

/* The sums are kept up to date by every change; only the few words left are hashed here. */
uint64_t store_digest(const struct store *s)
{
	const uint64_t first[] = {
	    s->index,           s->digest,     s->n[OBJECT_SESSION], s->pairs.digest, s->pairs.n,
	    s->requests.digest, s->requests.n, s->origins_digest,    s->n_origins,    s->bytes};
	const uint64_t second[] = {
	    s->index,          s->digest, s->n[OBJECT_SESSION], s->n[OBJECT_HANDLE],
	    s->n[OBJECT_TASK], s->bytes,  store_rest_digest(s)};

	if (s->version == STATE_VERSION_1)
		return XXH64(first, sizeof first, SEED_STATE);
	return XXH64(second, sizeof second, SEED_STATE_2);
}

uint64_t store_bucket_digest(const struct store *s, unsigned bucket)
{
	assert(bucket < STORE_BUCKETS);
	return s->buckets[bucket].digest;
}

uint64_t store_fence(const struct store *s)
{
	return s->version == STATE_VERSION_1 ? 1 : s->index << FENCE_BITS | s->nth;
}

uint64_t store_index(const struct store *s)
{
	return s->index;
}
