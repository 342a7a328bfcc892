/* A look at the log's directory before libraft loads it.
 *
 * libraft takes any damage in an open segment for the torn end of the last write, and drops what
 * follows; it falls back to an older snapshot when the newest one's description is damaged. Both
 * would bring a voter back without entries that it acknowledged. Each write holds one batch
 * (storage.c) and starts when the one before is durable, so: an intact batch behind damage
 * proves that what was damaged had been acknowledged. Damage with nothing behind it is a torn end
 * and is cut off. Nothing is changed when the answer is ST_CORRUPT. */
#ifndef CONSENSUS_AUDIT_H
#define CONSENSUS_AUDIT_H

#include <stddef.h>

#include "base/status.h"
#include "consensus/disk_format.h"

/* ST_CORRUPT and others: why names file, offset and rule. */
CHECKED enum status audit_log(const struct crc *c, const char *dir, char *why, size_t why_size);

#endif
