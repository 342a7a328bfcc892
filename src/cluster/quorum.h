/* The arithmetic of majorities, in one place.
 *
 * Majorities are counted over the voters of the newest configuration in the log; learners
 * never count. ERLMCP_QUORUM_SIZE can only make a node stricter (architecture, section 3). */
#ifndef CLUSTER_QUORUM_H
#define CLUSTER_QUORUM_H

#include <stddef.h>
#include <stdint.h>

/* Members needed to serve: max(floor(quorum_size / 2) + 1, majority of n_voters). */
unsigned quorum_needed(unsigned quorum_size, size_t n_voters);

/* The greatest value that at least `needed` of the n values reach; `none` when n < needed.
 * Sorts values in place. */
int64_t quorum_reached(int64_t *values, size_t n, unsigned needed, int64_t none);

#endif
