/* libraft's libuv disk backend, prepared for us: no network, no silent auto-recovery. */
#ifndef CONSENSUS_STORAGE_H
#define CONSENSUS_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct chunk_disk;
struct raft_io;
struct uv_loop_s;
struct storage;

/* Open the directory (created by the caller). ST_IO with *why (static or until close). */
CHECKED enum status storage_open(struct uv_loop_s *loop, const char *dir, struct storage **ret,
                                 const char **why);

/* What to call when a write failed that libraft itself would retry for ever: the process must
 * stop, nobody can know what is on the disk. At most once; from the loop's thread. */
void storage_on_failure(struct storage *s, void (*failed_cb)(void *arg, const char *why),
                        void *arg);

/* Whom to tell that entries became durable, and how long that took since they were given to the
 * disk; from the loop's thread. */
void storage_on_written(struct storage *s, void (*written_cb)(void *arg, int64_t us), void *arg);

/* The raft_io to hand to consensus_new(). Owned by the storage. */
struct raft_io *storage_io(struct storage *s);

/* The disk for chunks of the state: files in the directory "state" below. Owned by the storage. */
struct chunk_disk *storage_chunks(struct storage *s);

/* hold: from now on appends wait for storage_submit(), so that what goes to other members leaves
 * before this node's own disk is kept busy. Not hold: none waits, and what waits is written. */
void storage_hold(struct storage *s, bool hold);
void storage_submit(struct storage *s);

/* After consensus_close() has finished. */
void storage_close(struct storage *s);

#endif
