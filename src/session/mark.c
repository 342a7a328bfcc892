#include "session/mark.h"

#include <assert.h>
#include <stdlib.h>

#include "session/state.h"

/* As it was before the command that is being applied, which changed nothing yet. */
static uint64_t digest_before(struct store *s)
{
	const uint64_t index = s->index;
	uint64_t digest;

	s->index = s->before;
	digest = store_digest(s);
	s->index = index;
	return digest;
}

enum status mark_take(struct store *s)
{
	struct store_mark *mark;
	unsigned i;

	if (s->marks == NULL) {
		s->marks = calloc(MARKS_MAX, sizeof *s->marks);
		if (s->marks == NULL)
			return ST_NOMEM;
		s->next_mark = 0;
	}
	mark = &s->marks[s->next_mark];
	s->next_mark = (s->next_mark + 1) % MARKS_MAX;
	mark->index = s->index;
	mark->digest = store_digest(s);
	mark->state_index = s->before;
	mark->state_digest = digest_before(s);
	mark->rest = store_rest_digest(s);
	for (i = 0; i < STORE_BUCKETS; i++)
		mark->buckets[i] = s->buckets[i].digest;
	return ST_OK;
}

/* The newest of an index: two marks of one entry have the same. */
const struct store_mark *store_mark(const struct store *s, uint64_t index)
{
	size_t i;

	for (i = 1; s->marks != NULL && i <= MARKS_MAX; i++) {
		const struct store_mark *mark =
		    &s->marks[(s->next_mark + MARKS_MAX - i) % MARKS_MAX];

		if (mark->index == index && index != 0)
			return mark;
	}
	return NULL;
}

const struct store_mark *store_mark_last(const struct store *s)
{
	const struct store_mark *mark;

	if (s->marks == NULL)
		return NULL;
	mark = &s->marks[(s->next_mark + MARKS_MAX - 1) % MARKS_MAX];
	return mark->index == 0 ? NULL : mark;
}

static void shelf_visit(const struct shelf *shelf, store_object_cb cb, void *arg)
{
	uint32_t i;

	for (i = 0; i < shelf->n; i++) {
		const struct object *o = shelf->items[i].object;
		const struct object_digests digests = {o->id, o->kind, object_digest(o),
		                                       object_recount(o)};

		cb(arg, &digests);
	}
}

void store_bucket_visit(const struct store *s, unsigned bucket, store_object_cb cb, void *arg)
{
	unsigned i;

	assert(bucket < STORE_BUCKETS);
	for (i = 0; i < SHELVES; i++)
		shelf_visit(&s->buckets[bucket].shelves[i], cb, arg);
}

static void add_recounted(void *arg, const struct object_digests *object)
{
	*(uint64_t *)arg += object->recounted;
}

uint64_t store_bucket_recount(const struct store *s, unsigned bucket)
{
	uint64_t sum = 0;

	store_bucket_visit(s, bucket, add_recounted, &sum);
	return sum;
}
