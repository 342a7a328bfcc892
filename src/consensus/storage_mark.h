/* The mark of what is committed as a file. */
#ifndef CONSENSUS_STORAGE_MARK_H
#define CONSENSUS_STORAGE_MARK_H

#include "consensus/chunk_disk.h"

struct uv_loop_s;

/* Write it in a worker thread, in the place of the one before: a loss of power leaves the old one
 * or the new one. done_cb comes from the loop, whatever became of it. Copies path and mark.
 * ST_NOMEM: not begun, done_cb does not come. */
CHECKED enum status storage_mark_write(struct uv_loop_s *loop, const char *path,
                                       const struct commit_mark *mark, void (*done_cb)(void *arg),
                                       void *arg);

/* At once, while starting. ST_NOT_FOUND: none, or none that is whole. */
CHECKED enum status storage_mark_read(const char *path, struct commit_mark *ret);

#endif
