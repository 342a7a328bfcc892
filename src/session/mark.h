/* Comparing members: the digests of all buckets at one index.
 *
 * A mark command makes every member note its digests at that place of the log. Notes are not part
 * of the state: they are what members compare, and go when a state is put in the place of another.
 * Where two members differ, store_bucket_visit() names the objects. */
#ifndef SESSION_MARK_H
#define SESSION_MARK_H

#include "session/image.h"

struct store_mark {
	uint64_t index;                  /* of the mark command; 0: unused */
	uint64_t digest;                 /* of the whole state before it, but at its index */
	uint64_t state_index;            /* of that state: of the command before */
	uint64_t state_digest;           /* store_digest() as it was then */
	uint64_t rest;                   /* of what is not in buckets */
	uint64_t buckets[STORE_BUCKETS]; /* of each bucket */
};

/* The mark made at index, or NULL: not applied here, or longer ago than MARKS_MAX marks. */
const struct store_mark *store_mark(const struct store *s, uint64_t index);
/* The newest one, or NULL. */
const struct store_mark *store_mark_last(const struct store *s);

/* One object of a bucket. */
struct object_digests {
	struct session_id id;
	unsigned kind;      /* enum object_kind */
	uint64_t digest;    /* as kept by its changes */
	uint64_t recounted; /* from its content: differs when memory changed by itself */
};
typedef void (*store_object_cb)(void *arg, const struct object_digests *object);
/* Visit a bucket's objects in order of their ids. */
void store_bucket_visit(const struct store *s, unsigned bucket, store_object_cb cb, void *arg);

#endif
