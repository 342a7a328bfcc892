/* Where objects stand: STORE_BUCKETS buckets by the first bits of the id, each of a few shelves, a
 * shelf a sorted array. So everything is in order of the ids, a lookup is a short search in
 * neighbouring memory, and no table is ever so large that growing it stops the world.
 *
 * Ids are random, so all shelves are about equally full: at one million objects a shelf has
 * 122 of them. Ids that are not random only make it slower. */
#ifndef SESSION_BUCKET_H
#define SESSION_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "session/part.h"

enum { SHELVES = 8 }; /* in a bucket; more would cost an empty store memory */

struct shelf_item {
	uint64_t prefix;       /* first eight bytes of the id as a number */
	struct object *object; /* owned */
};

struct shelf {
	struct shelf_item *items; /* in order of the ids; owned */
	uint32_t n;               /* items */
	uint32_t cap;             /* allocated */
	int64_t due_ms;           /* nothing here expires before; INT64_MAX: nothing does */
};

struct bucket {
	uint64_t digest;               /* sum over its objects */
	uint64_t changed;              /* log index of its last change */
	struct shelf shelves[SHELVES]; /* by the bits of the id after the bucket's */
};

/* Which shelf of its bucket an id belongs to. */
unsigned shelf_of(const struct session_id *id);

/* First place whose id is not below this one; *ret_found: it is this one. */
uint32_t shelf_place(const struct shelf *shelf, const struct session_id *id, bool *ret_found);

/* The object with this id, or NULL. */
struct object *bucket_find(const struct bucket *b, const struct session_id *id);

/* Put in an object whose id is free; takes it on success. ST_NOMEM. */
CHECKED enum status bucket_add(struct bucket *b, struct object *o);

/* Take out an object that is there. */
void bucket_remove(struct bucket *b, const struct object *o);

/* Order of the ids of two items of the same shelf, or of two shelves that are for the same ids. */
int shelf_order(const struct shelf_item *a, const struct shelf_item *b);

/* Release all objects, by `release`, and the shelves. Works on a zeroed bucket. */
void bucket_close(struct bucket *b, void (*release)(struct object *o));

#endif
