/* One process per data directory: a locked file in it that names its holder.
 *
 * The lock is the kernel's: it ends with the process, however that ends, so a file left behind
 * by a crash never blocks a start. */
#ifndef IO_LOCKFILE_H
#define IO_LOCKFILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"

/* Make the directory (mode 0750, parents too) and take its lock; text, for people, follows the
 * pid in the file. *ret_fd holds the lock until it is closed. ST_BUSY: another process has it;
 * ST_IO: the directory cannot be made or written; why then says it in words. */
CHECKED enum status lockfile_take(const char *dir, const char *text, int *ret_fd, char *why,
                                  size_t why_cap);

/* Pid of the process that holds the directory's lock. ST_NOT_FOUND: nobody does. */
CHECKED enum status lockfile_holder(const char *dir, pid_t *ret);

/* Wait until nobody holds the lock. ST_TIMEOUT. Blocks: for programs, not for the loop. */
CHECKED enum status lockfile_wait(const char *dir, int timeout_ms);

#endif
