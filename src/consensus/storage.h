/* libraft's libuv disk backend, prepared for us: no network, no silent auto-recovery. */
#ifndef CONSENSUS_STORAGE_H
#define CONSENSUS_STORAGE_H

#include "base/status.h"

struct raft_io;
struct uv_loop_s;
struct storage;

/* Open the directory (created by the caller). ST_IO with *why (static or until close). */
CHECKED enum status storage_open(struct uv_loop_s *loop, const char *dir, struct storage **ret,
                                 const char **why);

/* The raft_io to hand to consensus_new(). Owned by the storage. */
struct raft_io *storage_io(struct storage *s);

/* After consensus_close() has finished. */
void storage_close(struct storage *s);

#endif
