/* The partition life cycle: the one place where the state changes. Drawing: cluster.h. */
#ifndef CLUSTER_LIFECYCLE_H
#define CLUSTER_LIFECYCLE_H

#include <stdint.h>

#include "cluster/cluster.h"

struct member;

/* Move as far as the evidence of this step allows; then the minority countdown. */
void lifecycle_advance(struct cluster *c);

/* This node's disk is older than what m remembers of it: stop and start over as a new, empty
 * incarnation. */
void lifecycle_reset(struct cluster *c, const struct member *m, uint64_t boot, uint64_t stored);

/* This process serves no more. */
void lifecycle_stop(struct cluster *c, const char *why);

/* When the evidence of now leads to another state by time alone. */
int64_t lifecycle_deadline_us(const struct cluster *c);

/* The end of the minority countdown; -1: none runs. */
int64_t lifecycle_countdown_end_us(const struct cluster *c);

#endif
