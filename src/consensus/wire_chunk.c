#include "consensus/wire_chunk.h"

#include <assert.h>

#include "base/cursor.h"
#include "consensus/limits.h"
#include "consensus/wire.h"
#include "session/image.h"

bool wire_is_chunk(const uint8_t *bytes, size_t len)
{
	return len >= 2 && bytes[0] == WIRE_VERSION &&
	       (bytes[1] == WIRE_WANT || bytes[1] == WIRE_PIECE || bytes[1] == WIRE_BAD);
}

static void put_name(struct buf *b, unsigned kind, const struct chunk_name *name)
{
	buf_u8(b, WIRE_VERSION);
	buf_u8(b, (uint8_t)kind);
	buf_u16(b, (uint16_t)name->chunk);
	buf_u64(b, name->changed);
	buf_u64(b, name->checksum);
}

/* Behind version and kind. */
static enum status get_name(struct cursor *c, struct chunk_name *ret)
{
	const uint8_t *head;
	uint16_t chunk;

	if (cursor_bytes(c, 2, &head) != ST_OK || cursor_u16(c, &chunk) != ST_OK ||
	    chunk >= IMAGE_CHUNKS || cursor_u64(c, &ret->changed) != ST_OK ||
	    cursor_u64(c, &ret->checksum) != ST_OK)
		return ST_MALFORMED;
	ret->chunk = chunk;
	return ST_OK;
}

void wire_encode_want(struct buf *b, const struct chunk_want *want)
{
	put_name(b, WIRE_WANT, &want->name);
	buf_u64(b, want->offset);
	buf_u32(b, want->len);
}

void wire_encode_piece(struct buf *b, const struct chunk_piece *piece)
{
	assert(piece->len <= PIECE_MAX);
	put_name(b, WIRE_PIECE, &piece->name);
	buf_u64(b, piece->offset);
	buf_u64(b, piece->total);
	buf_bytes(b, piece->bytes, piece->len);
}

void wire_encode_bad(struct buf *b, const struct chunk_name *name)
{
	put_name(b, WIRE_BAD, name);
}

enum status wire_decode_bad(const uint8_t *bytes, size_t len, struct chunk_name *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct chunk_name name;

	if (get_name(&c, &name) != ST_OK || c.left != 0)
		return ST_MALFORMED;
	*ret = name;
	return ST_OK;
}

enum status wire_decode_want(const uint8_t *bytes, size_t len, struct chunk_want *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct chunk_want want;

	if (get_name(&c, &want.name) != ST_OK || cursor_u64(&c, &want.offset) != ST_OK ||
	    cursor_u32(&c, &want.len) != ST_OK || c.left != 0 || want.len == 0 ||
	    want.len > PIECE_MAX || want.offset > CHUNK_BYTES_MAX)
		return ST_MALFORMED;
	*ret = want;
	return ST_OK;
}

enum status wire_decode_piece(const uint8_t *bytes, size_t len, struct chunk_piece *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct chunk_piece piece;

	if (get_name(&c, &piece.name) != ST_OK || cursor_u64(&c, &piece.offset) != ST_OK ||
	    cursor_u64(&c, &piece.total) != ST_OK || piece.total > CHUNK_BYTES_MAX ||
	    c.left > PIECE_MAX || piece.offset > piece.total ||
	    c.left > piece.total - piece.offset || (c.left == 0 && piece.total > 0))
		return ST_MALFORMED;
	piece.bytes = c.at;
	piece.len = c.left;
	*ret = piece;
	return ST_OK;
}
