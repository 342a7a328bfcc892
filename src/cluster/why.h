/* The reason for a state, as one sentence with its numbers: for the log, the flight recorder,
 * and whoever asks for the status. */
#ifndef CLUSTER_WHY_H
#define CLUSTER_WHY_H

#include <stdint.h>

#include "cluster/cluster.h"
#include "cluster/explain.h"

/* Which rule the evidence of now leads to, in this state. */
enum cause why_cause(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                     enum cluster_state state);

/* Why this node is, or now comes, into the state. Cut at STATUS_WHY_MAX. */
void why_describe(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                  enum cluster_state state, char ret[STATUS_WHY_MAX]);

#endif
