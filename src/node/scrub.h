/* Looking at memory: each object's digest is counted anew from its content and held against the one
 * that its changes kept. They differ only when memory changed by itself. A sweep goes over all
 * buckets, a few at a time, so that nothing waits for it. Pure: no clock, no I/O. */
#ifndef NODE_SCRUB_H
#define NODE_SCRUB_H

#include <stdbool.h>

#include "node/audit_wire.h"

struct scrub {
	unsigned next;    /* bucket to look at next */
	unsigned left;    /* buckets until this sweep is over; 0: none is under way */
	uint64_t sweeps;  /* whole ones so far */
	uint64_t looked;  /* objects looked at so far */
	unsigned damaged; /* buckets of this sweep that are */
	size_t n_found;
	struct object_digests found[AUDIT_FOUND_MAX]; /* damaged objects, the first ones */
};

/* Begin a sweep, or have the present one go all the way round from here. */
void scrub_begin(struct scrub *s);

/* Look at buckets until about so many objects were seen, one bucket at least. True when the sweep
 * is over. */
bool scrub_step(struct scrub *s, const struct store *store, unsigned objects);

#endif
