/* The files that libraft is going to write its log to: see segment.c. */
#ifndef CONSENSUS_SEGMENT_H
#define CONSENSUS_SEGMENT_H

#include <stdbool.h>
#include <sys/types.h>

/* posix_fallocate() of this program, for libraft too: open segments are filled with zeros.
 * Returns the error. */
int segment_allocate(int fd, off_t at, off_t len) __asm__("posix_fallocate");
int segment_allocate_large(int fd, off_t at, off_t len) __asm__("posix_fallocate64");

/* True when the file is an open segment of a log, by its name. */
bool segment_is_open(int fd);

/* True when a segment of that name is in the directory. */
bool segment_exists(const char *dir, const char *name);

#endif
