/* A majority of disks lost: nobody may ever decide anything again, and somebody must say so.
 *
 * A member that comes back empty is a new incarnation; the old one's vote is gone with its
 * disk. While a majority of the old votes is left, the leader replaces the lost ones
 * (admission.h). When fewer are left, the holders of the record wait for a majority and the
 * empty members for admission, both for ever: only an operator can help. Architecture,
 * section 3. */
#ifndef CLUSTER_DISKS_H
#define CLUSTER_DISKS_H

struct cluster;

/* Raise or clear "majority of disks lost". It is raised only when it is certain: members out
 * of sight count as if they had their disks. */
void disks_advance(struct cluster *c);

#endif
