/* What is durable on a simulated disk: copied, cut, emptied, rotten. */
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
/* Let a part of it rot: the file's name, or NULL when there is no such thing. */
const char *image_rot(struct disk_image *m, enum disk_part part, uint64_t where);
bool image_rotten(const struct disk_image *m);
/* What a load finds out: false, with the file's name, when a checksum does not fit. */
bool image_sound(const struct disk_image *m, char *why, size_t len);
/* Empty it. */
void image_close(struct disk_image *m);
void image_copy(const struct disk_image *from, struct disk_image *to);

#endif
