/* The chunk disk on files: one file a version of a chunk, in a directory of its own, written
 * under another name first. Blocking work runs in libuv's worker threads. */
#ifndef CONSENSUS_STORAGE_CHUNKS_H
#define CONSENSUS_STORAGE_CHUNKS_H

#include "consensus/chunk_disk.h"

struct uv_loop_s;
struct chunk_files;

/* Open the directory; it is created when it is not there. ST_IO with *why (static). */
CHECKED enum status chunk_files_open(struct uv_loop_s *loop, const char *dir,
                                     struct chunk_files **ret, const char **why);
struct chunk_disk *chunk_files_disk(struct chunk_files *f);

/* Nobody is answered any more. The memory goes when the last worker is done. */
void chunk_files_close(struct chunk_files *f);

#endif
