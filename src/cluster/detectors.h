/* Two more readings of the same evidence, each with its own consequence.
 *
 * Link silence and Raft contact are independent: when they differ about a member for longer
 * than ordinary elections take, something between them is broken, and an operator must know.
 * A leader that does not reach a majority both ways hands over to a member that does; so does
 * one whose hand-over failed, for its lease is gone for good in this term, and one that was
 * cut from more members than another for long. */
#ifndef CLUSTER_DETECTORS_H
#define CLUSTER_DETECTORS_H

struct cluster;

/* Raise or clear "detectors disagree" for each member. */
void detectors_compare(struct cluster *c);

/* Emit CLUSTER_YIELD when somebody else is better placed to lead. */
void detectors_yield(struct cluster *c);

#endif
