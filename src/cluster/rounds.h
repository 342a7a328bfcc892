/* Confirmation rounds: "am I still your leader in this term?", asked once for a whole batch.
 *
 * A round is a number that grows. The leader's beats carry the newest; a follower's beats
 * repeat the newest heard from the leader that it follows, in its present term. When `needed`
 * voters (the leader included) have repeated a number, then the leader was still the leader
 * after the round was opened: every reply that waited for the round may leave. No clock takes
 * part (architecture, section 2). */
#ifndef CLUSTER_ROUNDS_H
#define CLUSTER_ROUNDS_H

#include <stdint.h>

struct cluster;
struct member;
struct raft_view;
struct wire_beat;

/* Learn from a beat of m: an answer when we lead, the leader's newest round when it does. */
void rounds_take(struct cluster *c, struct member *m, const struct wire_beat *beat);

/* Leader only: begin the next round. */
void rounds_open(struct cluster *c);

/* The number that our beats carry now: opened by us, or heard from the leader; 0: none. */
uint64_t rounds_carried(const struct cluster *c, const struct raft_view *raft);

/* Emit CLUSTER_CONFIRMED when newer rounds of the present term were confirmed. */
void rounds_confirm(struct cluster *c);

#endif
