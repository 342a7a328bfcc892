/* Membership of a simulated cluster beyond its founders: standbys, and an operator's hand.
 *
 * A standby is a node that nobody expects at founding. Here an operator has the leader add it
 * through the consensus room; the cluster room invites it and promotes it. Production has no
 * command for that yet, and its network dials expected members only: the simulated network
 * connects a standby once the configuration names it. An expected member that is removed is
 * admitted again by the leader itself. */
#ifndef SIM_MEMBER_H
#define SIM_MEMBER_H

#include "sim/world.h"

/* The running leader of the newest term; NULL: there is none. */
struct node *member_leader(struct world *w);

/* Ask the leader to add or to remove a node; told why not when it cannot be now. */
void member_add(struct node *standby);
void member_remove(struct node *node);

/* After healing: a member that was away when a standby was admitted does not know it, and cannot
 * hear it lead. The operator hands the leadership back. */
void member_settle(struct world *w);

/* The leader hands over, as before a stop in good order. */
void member_hand_over(struct node *leader);

/* True when each of the two would take the other's connection. */
bool member_linked(const struct world *w, unsigned a, unsigned b);

/* The view of the node that knows of the newest commit; NULL: nobody runs. */
const struct raft_view *member_view(const struct world *w);
/* Of its configuration: the sum over its members. */
uint64_t member_hash(const struct raft_view *view);

/* The voters of the newest configuration in force, by node. */
struct electorate {
	uint64_t hash;    /* of it; 0: founding is not over, or those in it do not agree on it */
	unsigned members; /* mask, learners included */
	unsigned voters;  /* mask */
	unsigned needed;  /* voters that must be in sight of each other to serve */
};
void member_electorate(const struct world *w, struct electorate *ret);

/* True for an expected node and for one that is in the configuration. */
bool member_counts(const struct world *w, const struct electorate *e, unsigned at);
/* The same, of this moment. */
bool member_serves(const struct world *w, unsigned at);

/* Voters other than this node that serve at this moment. */
unsigned member_others(const struct world *w, const struct electorate *e, unsigned at);

#endif
