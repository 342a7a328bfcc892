/* The leader's work on the members: the plan under way, petitions, standbys that take over, and
 * the flag of a cluster of two. One change at a time. */
#ifndef CLUSTER_CHANGE_H
#define CLUSTER_CHANGE_H

struct cluster;
struct member;
struct wire_petition;

void change_take_petition(struct cluster *c, struct member *m,
                          const struct wire_petition *petition);

/* Take the next step of the plan, or begin one; raise or clear "two voters". */
void change_advance(struct cluster *c);

#endif
