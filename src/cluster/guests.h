/* Nodes that are no members: they ask to become one, or do not know yet that they are none.
 *
 * Whoever proves the cookie and takes this node for a member is talked to, so that an operator
 * can see and admit it; nothing that it says counts. An empty one is told who the members are,
 * so that it reaches all of them; one that was removed is told so by the leader, and stops. */
#ifndef CLUSTER_GUESTS_H
#define CLUSTER_GUESTS_H

struct cluster;
struct member;
struct wire_removed;
struct wire_roster;

/* A node that is not in the table spoke to us as to a member. */
void guests_meet(struct cluster *c, const char *name);

void guests_take_roster(struct cluster *c, const struct wire_roster *roster);
void guests_take_removed(struct cluster *c, struct member *m, const struct wire_removed *removed);

/* Add the members that the newest configuration names. */
void guests_follow_config(struct cluster *c);

/* Forget who went; tell empty ones who is here; petition when this node was started to join. */
void guests_advance(struct cluster *c);

/* Forget those that are not linked now. */
void guests_forget_all(struct cluster *c);

/* Leader: m was a member once and is none now. */
void guests_tell_removed(struct cluster *c, struct member *m);

#endif
