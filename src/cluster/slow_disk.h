/* A leader whose disk is slow: it hands leadership over.
 *
 * Entries are committed by the disks of a majority, so a slow disk is noticed by comparison: a
 * majority has had on its disks for long what this node has not. Where all disks are slow,
 * nothing is committed sooner elsewhere, and leadership stays where it is; where one follower's
 * is, nobody waits for it. */
#ifndef CLUSTER_SLOW_DISK_H
#define CLUSTER_SLOW_DISK_H

#include "cluster/room.h"

void slow_disk_init(struct slow_disk *s);

/* Look; raise or clear the alarm. The member that shall lead instead, or NULL. */
const struct member *slow_disk_advance(struct cluster *c);

#endif
