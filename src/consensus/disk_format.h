/* libraft's files, as far as they are checked here before libraft loads them.
 *
 * Pure: bytes in, judgement out. What libraft itself checks well (closed segments) is not
 * repeated. Formats of libraft 0.22, all integers little-endian:
 *   metadataN          format 1, version, term, vote; eight bytes each, no checksum
 *   open-N             format 1, then batches: checksum of the header, checksum of the data, count,
 *                      (term, type, three zero bytes, length) for each entry, the entries' bytes;
 *                      then zeros up to the preallocated size
 *   snapshot-*.meta    format 1, checksum, configuration index and length, configuration */
#ifndef CONSENSUS_DISK_FORMAT_H
#define CONSENSUS_DISK_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
	METADATA_BYTES = 32,                 /* format, version, term, vote */
	SEGMENT_WORD = 8,                    /* everything in a segment is a multiple of this */
	SEGMENT_BYTES_MAX = 8 * 1024 * 1024, /* what libraft preallocates for an open segment */
};

/* CRC-32, most significant bit first, starting from zero: libraft's. */
struct crc {
	uint32_t table[256];
};

void crc_init(struct crc *ret);
uint32_t crc_of(const struct crc *c, const uint8_t *bytes, size_t len);

/* Little-endian, eight bytes. */
uint64_t disk_u64(const uint8_t *bytes);
void disk_put_u64(uint8_t *bytes, uint64_t value);

struct metadata {
	uint64_t version; /* one more with each write, from 1 */
	uint64_t term;
	uint64_t vote; /* raft id, or 0 */
};

/* ST_NOT_FOUND: too short, a first write that was interrupted. ST_CORRUPT: anything else. */
CHECKED enum status metadata_decode(const uint8_t *bytes, size_t len, struct metadata *ret);

/* What an open segment holds. */
struct segment_scan {
	size_t batches;  /* intact ones from the start on */
	size_t good;     /* where they end; 0 when not even the format is there */
	bool dirty;      /* something other than zeros follows */
	bool cut;        /* ... and it is a batch of which the end of the file is missing */
	bool later;      /* ... and it is followed by an intact batch */
	size_t later_at; /* where that one starts */
};

void segment_scan(const struct crc *c, const uint8_t *bytes, size_t len, struct segment_scan *ret);

/* ST_OK or ST_CORRUPT. */
CHECKED enum status snapshot_meta_check(const struct crc *c, const uint8_t *bytes, size_t len);

#endif
