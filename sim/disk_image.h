/* What is durable on a simulated disk: copied, cut, emptied. */
#ifndef SIM_DISK_IMAGE_H
#define SIM_DISK_IMAGE_H

#include "sim/disk.h"

/* A copy in libraft's memory. */
void *image_bytes(const void *bytes, size_t len);
void image_copy_snapshot(const struct raft_snapshot *from, struct raft_snapshot *to);

/* Cut off the entries from index on; 0: all. */
void image_cut(struct disk_image *m, raft_index index);
void image_drop_snapshot(struct disk_image *m);
/* Copies the entry's bytes. */
void image_add(struct disk_image *m, const struct disk_entry *entry);
/* Empty it. */
void image_close(struct disk_image *m);
void image_copy(const struct disk_image *from, struct disk_image *to);

#endif
