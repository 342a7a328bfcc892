/* A chunk of the state as bytes, and back: what images and snapshots are made of. */
#ifndef SESSION_CHUNK_H
#define SESSION_CHUNK_H

#include "session/state.h"

/* An empty bucket has no chunk. Nothing in it counts 0, and nothing else does. */
bool chunk_is_empty(const struct store *s, unsigned chunk);

/* Append chunk's bytes to b, which tells of failures. */
void chunk_encode(const struct store *s, unsigned chunk, struct buf *b);

/* Of a bucket's chunk: one object. */
void object_encode(const struct object *o, struct buf *b);

/* Read all of c into a store that has nothing of this chunk yet, and whose index is that of the
 * image. After a failure some of it may be there: chunk_forget(). */
CHECKED enum status chunk_decode(struct store *s, unsigned chunk, struct cursor *c);
void chunk_forget(struct store *s, unsigned chunk);

/* Of chunk 0, shared with snapshots of version 1. */
void origins_encode(const struct store *s, struct buf *b);
CHECKED enum status origins_decode(struct cursor *c, struct store *s);

#endif
