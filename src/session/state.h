/* The inside of a store: what its files share. Rooms outside include store.h and image.h. */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include <stdbool.h>

#include "session/bucket.h"
#include "session/image.h"
#include "session/limits.h"
#include "session/part.h"
#include "session/recent.h"
#include "session/session.h"
#include "session/store.h"

/* Seeds of the digests: what one hash covers is never mistaken for another. */
enum {
	SEED_SESSION = 1,
	SEED_ENTRY = 2,
	SEED_PART = 3,
	SEED_OBJECT = 4,
	SEED_PAIRS = 16,
	SEED_REQUESTS = 32,
	SEED_ORIGINS = 48,
	SEED_STATE = 64,
	SEED_REST = 65,
	SEED_STATE_2 = 66
};

/* Which commands of one node have left the table of results: older ones cannot be told from
 * new ones any more and are refused. */
struct origin_floor {
	uint64_t id;   /* the origin */
	uint64_t seq;  /* highest command of it that was forgotten */
	uint64_t used; /* log index of its last command, to find the longest silent one */
};

struct store {
	struct bucket *buckets;                   /* STORE_BUCKETS; owned */
	struct recent pairs;                      /* results by origin and sequence number */
	struct recent requests;                   /* results by the client's request id */
	struct origin_floor origins[ORIGINS_MAX]; /* in order of their first command */
	uint64_t origins_digest;                  /* sum over origins */
	size_t n_origins;                         /* in use */
	uint64_t digest;                          /* sum over the buckets' digests */
	uint64_t index;                           /* last applied command */
	uint64_t before;                          /* index when the last one came; not replicated */
	uint64_t nth;                     /* its place in the log entry, which other commands
	                                     may share; entries are applied whole */
	uint64_t rest_changed;            /* index of the last change outside buckets */
	uint32_t version;                 /* what the members agreed to understand */
	uint32_t newest;                  /* what this node takes; a setting, not replicated */
	uint32_t met;                     /* a newer one that it met; 0: none; not replicated */
	size_t n[OBJECT_KINDS];           /* objects of each kind */
	size_t kind_bytes[OBJECT_KINDS];  /* bytes of each kind */
	size_t bytes;                     /* of all; counted against bytes_max */
	size_t sessions_max;              /* replicated limits: SESSIONS_MAX at most, */
	size_t bytes_max;                 /* STORE_BYTES_MAX at most */
	uint64_t answered[RESULT_COUNT];  /* commands that ended so, by this node's count since it
	                                     started; not replicated */
	struct store_mark *marks;         /* MARKS_MAX of them or NULL; not replicated */
	size_t next_mark;                 /* where the next one goes */
	struct image *images[IMAGES_MAX]; /* being taken; borrowed */
	unsigned n_images;                /* in use, from the first on */
};

/* What an origin's record adds to the digest. */
uint64_t origin_hash(const struct origin_floor *o);

/* Digest of everything that is not in buckets, the index excepted. */
uint64_t store_rest_digest(const struct store *s);

/* How to handle an object or a part. */
const struct object_ops *object_ops_of(unsigned kind);
const struct part_ops *part_ops_of(unsigned kind);

/* What an object adds to the digest of its bucket; recount: from its content. */
uint64_t object_digest(const struct object *o);
uint64_t object_recount(const struct object *o);

/* The object with this id, whatever its kind, or NULL; the session, or NULL. */
struct object *store_object(const struct store *s, const struct session_id *id);
struct session *store_find(const struct store *s, const struct session_id *id);

/* Around every change of an object in the store: images get its bucket as it was, digests,
 * counts and bytes follow. */
void store_change(struct store *s, struct object *o);
void store_changed(struct store *s, struct object *o);

/* Put an object in (its id must be free), or take it out and free it. */
CHECKED enum status store_add(struct store *s, struct object *o);
void store_drop(struct store *s, struct object *o);

/* Before every change of what is not in buckets. */
void store_change_rest(struct store *s);

/* s becomes what fresh is; fresh is released. Images of the old state are told. */
void store_become(struct store *s, struct store *fresh);

/* A number that no command before this one was given: a new epoch. Log index and place in the
 * entry, so that the epoch of an owner is above all that were there before, also above those of
 * an earlier life of the same id. 1 below state version 2, where nothing takes epochs over. */
uint64_t store_fence(const struct store *s);

/* Set the state version and the limits that come with it. */
void store_set_version(struct store *s, uint32_t version);

/* Note the digests at the present index (mark.c). ST_NOMEM. */
CHECKED enum status mark_take(struct store *s);

void object_free(struct object *o);

/* An object is about to change or to go (o), or to come (NULL); or what is not in buckets is about
 * to change: images that have not got it yet keep it as it is. */
void image_keep(struct store *s, const struct session_id *id, const struct object *o);
void image_keep_rest(struct store *s);
/* The state of these images is gone. */
void image_spoil_all(struct store *s);

/* Key of a command in the pairs table. */
enum { PAIR_BYTES = 16 };
void pair_key(const struct origin *origin, uint8_t ret[PAIR_BYTES]);

#endif
