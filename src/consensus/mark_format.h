/* The mark as it is kept: magic, member, index, term, checksum; eight bytes each, integers
 * little-endian, as libraft's files beside it. */
#ifndef CONSENSUS_MARK_FORMAT_H
#define CONSENSUS_MARK_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "consensus/chunk_disk.h"
#include "consensus/disk_format.h"

enum { MARK_BYTES = 40 };

void mark_encode(const struct crc *c, const struct commit_mark *mark, uint8_t ret[MARK_BYTES]);

/* ST_NOT_FOUND: anything but a whole mark. */
CHECKED enum status mark_decode(const struct crc *c, const uint8_t *bytes, size_t len,
                                struct commit_mark *ret);

#endif
