/* The log as it was handed to a simulated disk, entry by entry, whether written yet or not.
 *
 * Checkers compare logs by their marks: equal marks, equal logs up to there. */
#ifndef SIM_DISK_SHADOW_H
#define SIM_DISK_SHADOW_H

#include "sim/disk.h"

/* The mark of the entry behind one with this mark. */
struct disk_mark mark_next(const struct disk_mark *before, const struct raft_entry *e);

void shadow_add(struct disk_shadow *s, const struct disk_mark *mark);
/* As a process finds it: what is durable. */
void shadow_load(struct disk *d);

#endif
