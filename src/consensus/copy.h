/* A copy of a log's directory, to be looked at: looking at a log with libraft changes it. */
#ifndef CONSENSUS_COPY_H
#define CONSENSUS_COPY_H

#include <stddef.h>

#include "base/status.h"

/* Make `to`, and in it copies of the files in `from`. Chunks of the state, which nobody ever
 * changes, are linked where the file system allows it. ST_IO, ST_NO_SPACE: why names the file;
 * call copy_remove(). */
CHECKED enum status copy_make(const char *from, const char *to, char *why, size_t why_size);

/* Remove a directory with its files and those of its directory "state". Nothing else is ever in
 * one. ST_IO: something is left. */
CHECKED enum status copy_remove(const char *dir);

#endif
