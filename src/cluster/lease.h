/* How long this node is confirmed: the leader's lease, a follower's verdict.
 *
 * The leader's beat carries its send time; the answer echoes it with the follower's promise,
 * the time for which that follower will refuse every other candidate. The lease runs from the
 * SEND time over the needed-th best promise. A follower's verdict is the leader's lease,
 * counted from the follower's own echoed send time, never from arrival: a message can sit in
 * a buffer for seconds.
 *
 * Every other leader needs votes from a majority, so from somebody whose promise was counted;
 * the lease therefore ends before another leader can begin, by at least lease_guard_us.
 *
 * What it is not: a licence to answer. Replies are confirmed by rounds (rounds.h); the lease
 * makes refusals punctual (architecture, section 2). */
#ifndef CLUSTER_LEASE_H
#define CLUSTER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct member;
struct raft_view;
struct raft_voter;
struct wire_beat;

/* Never ends: the only voter needs nobody's promise. */
#define LEASE_FOREVER_US (INT64_MAX / 4)

/* Learn from a beat of m: its promise when we lead, its lease when it leads us. */
void lease_take(struct cluster *c, struct member *m, const struct wire_beat *beat);

/* Leader: until when this voter will refuse every other candidate, as far as we know. */
int64_t lease_promise_us(const struct cluster *c, const struct raft_view *raft,
                         const struct raft_voter *voter);

/* The leader's lease ends then; 0: there is none. */
int64_t lease_end_us(const struct cluster *c, const struct raft_view *raft);

/* This node is confirmed until then, by its own lease or by its leader's; 0: it is not. */
int64_t lease_confirmed_until_us(const struct cluster *c, const struct raft_view *raft);

#endif
