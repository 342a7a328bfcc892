/* Bytes of the three messages about chunks of the state between members. Pure.
 *
 *   u8 version, u8 kind (as in wire.h), then
 *   8 want   u16 chunk, u64 changed, u64 checksum, u64 offset, u32 length
 *   9 piece  u16 chunk, u64 changed, u64 checksum, u64 offset, u64 bytes of the whole chunk,
 *            bytes to the end; a whole of 0 bytes: this version is not (any more) here
 *   10 bad   u16 chunk, u64 changed, u64 checksum: what you sent of it does not fit its name */
#ifndef CONSENSUS_WIRE_CHUNK_H
#define CONSENSUS_WIRE_CHUNK_H

#include "base/buf.h"
#include "base/status.h"
#include "consensus/chunk_disk.h"

enum { WIRE_WANT = 8, WIRE_PIECE = 9, WIRE_BAD = 10 };

/* A member asks for part of a chunk. */
struct chunk_want {
	struct chunk_name name;
	uint64_t offset; /* of the first byte wanted */
	uint32_t len;    /* bytes wanted, 1 to PIECE_MAX; fewer at the end of the chunk */
};

/* Part of a chunk. */
struct chunk_piece {
	struct chunk_name name;
	uint64_t offset;      /* of the first byte */
	uint64_t total;       /* bytes of the whole chunk; 0: it is not here */
	const uint8_t *bytes; /* decode: points into the message */
	size_t len;           /* of bytes */
};

/* True when the message is one of these. */
bool wire_is_chunk(const uint8_t *bytes, size_t len);

void wire_encode_want(struct buf *b, const struct chunk_want *want);
void wire_encode_piece(struct buf *b, const struct chunk_piece *piece);
void wire_encode_bad(struct buf *b, const struct chunk_name *name);

/* ST_MALFORMED: cut short, too long, or a part that the chunk does not have. */
CHECKED enum status wire_decode_want(const uint8_t *bytes, size_t len, struct chunk_want *ret);
CHECKED enum status wire_decode_piece(const uint8_t *bytes, size_t len, struct chunk_piece *ret);
CHECKED enum status wire_decode_bad(const uint8_t *bytes, size_t len, struct chunk_name *ret);

#endif
