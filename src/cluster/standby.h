/* Standbys take over: a member without a vote gets that of a voter who stays away.
 *
 * Away is a voter that no member hears, as far as they tell: one that only its leader cannot
 * hear is cut off, not gone, and somebody else should lead. After standby_after_us the standby
 * that has most of the log is promoted, and then the one away is demoted: when it comes back it
 * is the standby. The number of voters stays what it was; while it is below the floor (three,
 * or ERLMCP_QUORUM_SIZE) the standby is only added. */
#ifndef CLUSTER_STANDBY_H
#define CLUSTER_STANDBY_H

#include <stdbool.h>

#include "cluster/limits.h"

struct cluster;
struct raft_plan;

/* Note since when each voter has been away. */
void standby_watch(struct cluster *c);

/* Leader: true when a standby shall take over now, with the plan and the reason. */
bool standby_choose(const struct cluster *c, struct raft_plan *ret, char why[STATUS_WHY_MAX]);

#endif
