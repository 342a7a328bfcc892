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

enum { WHY_SPAN_MAX = 24 };

/* "250 ms", "4.2 s", "12 min", "30.5 h": as a person reads it, on the same scale in every sentence.
 */
const char *why_span(int64_t us, char ret[WHY_SPAN_MAX]);

#endif
