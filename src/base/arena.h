/* Memory that is released all at once: everything one request builds.
 *
 * An arena has a hard maximum; reaching it is ST_LIMIT for the request, never a bloated node. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head; /* newest block; owned */
	size_t used;              /* bytes handed out, for the limit */
	size_t max;
	bool failed; /* some allocation was refused since init or reset */
};

void arena_init(struct arena *a, size_t max);

/* Release everything. Works on a zeroed arena and twice. */
void arena_close(struct arena *a);

/* Aligned for any object, zeroed. NULL when the limit or the heap is exhausted; then failed. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of len bytes with a NUL behind them; NULL as arena_alloc(). */
char *arena_copy(struct arena *a, const void *bytes, size_t len);

#endif
