/* Who is a member of a simulated cluster, as its newest configuration says. */
#ifndef SIM_MEMBER_H
#define SIM_MEMBER_H

#include "sim/world.h"

/* The running leader of the newest term; NULL: there is none. */
struct node *member_leader(struct world *w);

/* The leader hands over, as before a stop in good order. */
void member_hand_over(struct node *leader);

/* True when each of the two keeps a link to the other. */
bool member_linked(const struct world *w, unsigned a, unsigned b);

/* The view of the node that knows of the newest commit; NULL: nobody runs. */
const struct raft_view *member_view(const struct world *w);
/* Of its configuration: the sum over its members and the change under way. */
uint64_t member_hash(const struct raft_view *view);

/* The voters of the newest configuration in force, by node. */
struct electorate {
	uint64_t hash;    /* of it; 0: founding is not over, or those in it do not agree on it */
	unsigned members; /* mask, learners included; those expected while nothing is founded */
	unsigned voters;  /* mask */
	unsigned needed;  /* voters that must be in sight of each other to serve */
};
void member_electorate(const struct world *w, struct electorate *ret);

/* True for a node that the configuration names, under whatever incarnation. */
bool member_counts(const struct electorate *e, unsigned at);
/* The same, of this moment. */
bool member_serves(const struct world *w, unsigned at);

/* Voters other than this node that serve at this moment. */
unsigned member_others(const struct world *w, const struct electorate *e, unsigned at);

#endif
