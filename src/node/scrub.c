#include "node/scrub.h"

#include <assert.h>
#include <string.h>

enum { EMPTY_COST = 8 /* looking at an empty bucket costs as much as so many objects, at most */ };

struct visit {
	struct scrub *scrub;
	uint64_t sum;     /* of what was counted anew */
	unsigned objects; /* visited */
};

static bool is_known(const struct scrub *s, const struct object_digests *o)
{
	for (size_t i = 0; i < s->n_found; i++) {
		if (memcmp(s->found[i].id.bytes, o->id.bytes, SESSION_ID_BYTES) == 0)
			return true;
	}
	return false;
}

static void on_object(void *arg, const struct object_digests *o)
{
	struct visit *v = arg;
	struct scrub *s = v->scrub;

	v->sum += o->recounted;
	v->objects++;
	if (o->digest != o->recounted && s->n_found < AUDIT_FOUND_MAX && !is_known(s, o))
		s->found[s->n_found++] = *o;
}

void scrub_begin(struct scrub *s)
{
	if (s->left == 0) {
		s->damaged = 0;
		s->n_found = 0;
	}
	s->left = STORE_BUCKETS;
}

bool scrub_step(struct scrub *s, const struct store *store, unsigned objects)
{
	unsigned cost = 0;

	assert(s->left > 0);
	while (s->left > 0 && (cost == 0 || cost < objects)) {
		struct visit v = {.scrub = s};

		store_bucket_visit(store, s->next, on_object, &v);
		s->damaged += v.sum != store_bucket_digest(store, s->next);
		s->looked += v.objects;
		s->next = (s->next + 1) % STORE_BUCKETS;
		s->left--;
		cost += v.objects + EMPTY_COST;
	}
	s->sweeps += s->left == 0;
	return s->left == 0;
}
