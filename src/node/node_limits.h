/* The limits that clients can hit: how much of each is used, and what was refused because of it
 * since the node started, behind the log or before it. For metrics and status. */
#ifndef NODE_NODE_LIMITS_H
#define NODE_NODE_LIMITS_H

#include <stddef.h>

#include "node/metrics_view.h"

struct node;

/* Fill in all of them; returns how many. */
size_t node_limits(struct node *n, struct metrics_limit ret[METRICS_LIMITS_MAX]);

#endif
