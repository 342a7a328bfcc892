/* Checksummed copies of libraft's metadata files: a flipped bit must not give a vote twice.
 *
 * Beside metadataN lies metadataN.seal with the same version, term and vote. The order is always:
 * metadata, sync, seal, sync, and only then is a vote or term told to anybody. So after any crash
 * the newest seal is either that of the newest metadata, or exactly one step behind it; a step
 * that was never sealed was never told, and is taken back. A seal lies within one sector and is
 * never cut short: both files exist before the first one counts.
 *
 * What it does not do: find an old copy of the whole directory. Boot counters do (cluster/). */
#ifndef CONSENSUS_SEAL_H
#define CONSENSUS_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "consensus/disk_format.h"

enum {
	SEAL_BYTES = 48,    /* magic, version, term, vote, kind, checksum */
	SEAL_WHY_MAX = 240, /* libraft's error messages are no longer */
};

struct seal {
	struct metadata of; /* what it vouches for */
	bool filler;        /* vouches for nothing: written so that both files exist */
};

void seal_encode(const struct crc *c, const struct seal *seal, uint8_t ret[SEAL_BYTES]);

/* ST_NOT_FOUND: short or empty, as an interrupted first write leaves it. */
CHECKED enum status seal_decode(const struct crc *c, const uint8_t *bytes, size_t len,
                                struct seal *ret);

/* Compare metadata files and seals before libraft reads them, and take an unsealed step back.
 * ret: what libraft will load; version 0 for a new directory. *sealed: false when the first
 * seals have yet to be written. ST_CORRUPT: why names the file; nothing was changed. */
CHECKED enum status seal_check(const struct crc *c, const char *dir, struct metadata *ret,
                               bool *sealed, char why[SEAL_WHY_MAX]);

/* Seal what libraft has just stored. first: no seals exist yet. */
CHECKED enum status seal_store(const struct crc *c, const char *dir, const struct metadata *of,
                               bool first, char why[SEAL_WHY_MAX]);

#endif
