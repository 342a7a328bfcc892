/* Identity after founding: newcomers, lost disks, and disks that went back in time.
 *
 * A member with an empty disk comes as a new incarnation: the leader removes the lost one and
 * admits the new one as a learner. A member whose disk is older than what it told before
 * (a restored backup, a lost write) has forgotten votes or entries that others counted: who
 * remembers more tells it so with the evidence, and it starts over as a new incarnation. */
#ifndef CLUSTER_ADMISSION_H
#define CLUSTER_ADMISSION_H

struct cluster;
struct member;
struct wire_beat;
struct wire_join;
struct wire_outdated;

/* Compare what m says about its disk with what it told before. beat: NULL unless it is one. */
void admission_check(struct cluster *c, struct member *m, const struct wire_beat *beat);

void admission_take_join(struct cluster *c, struct member *m, const struct wire_join *join);
void admission_take_outdated(struct cluster *c, struct member *m,
                             const struct wire_outdated *outdated);

/* Record boot counters and stored entries; as leader expel, admit and invite. */
void admission_advance(struct cluster *c);

#endif
