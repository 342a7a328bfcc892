/* Two more readings of the same evidence, each with its own consequence.
 *
 * Link silence and Raft contact are independent: when they differ about a member for longer
 * than ordinary elections take, something between them is broken, and an operator must know.
 * A leader that does not reach a majority both ways hands over to a member that does; so does
 * one whose hand-over failed, for its lease is gone for good in this term, and one that was
 * cut from more members than another for long. */
#ifndef CLUSTER_DETECTORS_H
#define CLUSTER_DETECTORS_H

#include <stdbool.h>

struct cluster;
struct member;
struct raft_view;

/* Raise or clear "detectors disagree" for each member. */
void detectors_compare(struct cluster *c);

/* It leads with a lease, and neither a hand-over nor a change of the members is under way. */
bool detectors_peace(const struct cluster *c);

/* A hand-over to m, or a vote for it, would cost no time: it has nearly all that is committed. */
bool detectors_keeps_up(const struct cluster *c, const struct member *m);

/* Voters that m reaches both ways, itself included. */
unsigned detectors_reach(const struct cluster *c, const struct raft_view *raft,
                         const struct member *m);

/* What m hears was told within the detection time. */
bool detectors_row_is_fresh(const struct cluster *c, const struct member *m);

/* Of the voters that this node reaches, the one that reaches most; NULL: none reaches least. */
const struct member *detectors_best_placed(const struct cluster *c, unsigned least);

/* Emit CLUSTER_YIELD to this one. */
void detectors_yield_to(struct cluster *c, const struct member *to);

/* Emit CLUSTER_YIELD when somebody else is better placed to lead. */
void detectors_yield(struct cluster *c);

#endif
