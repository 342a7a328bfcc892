/* A growable byte buffer with a hard maximum: the writing twin of the cursor.
 *
 * Errors are sticky: after the first failed write every further one is a no-op, so that an
 * encoder writes straight through and asks buf_status() once at its end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <endian.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

struct buf {
	uint8_t *base;  /* owned; NULL while empty */
	size_t len;     /* bytes written */
	size_t cap;     /* bytes allocated */
	size_t max;     /* never grows beyond this */
	enum status st; /* first failure, ST_OK until then */
};

/* Start an empty buffer that may grow to max bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/* Release the memory. Works on a zeroed buffer and twice. */
void buf_close(struct buf *b);

/* Forget the content and a sticky error, keep the memory. */
void buf_reset(struct buf *b);

/* First failure of any write since init or reset: ST_OK, ST_NOMEM or ST_LIMIT. */
CHECKED static inline enum status buf_status(const struct buf *b)
{
	return b->st;
}

/* buf_extend() when there is no room yet, or never will be. */
uint8_t *buf_extend_slowly(struct buf *b, size_t len);

/* Append len bytes of room and return where they start; NULL after a failure. Every encoder
 * goes through here for every number, hence in the header. */
static inline uint8_t *buf_extend(struct buf *b, size_t len)
{
	uint8_t *at;

	/* One spare byte, so that buf_text() never has to grow. */
	if (b->st != ST_OK || len >= b->cap - b->len || len > b->max - b->len)
		return buf_extend_slowly(b, len);
	at = b->base + b->len;
	b->len += len;
	return at;
}

void buf_bytes(struct buf *b, const void *bytes, size_t len);

static inline void buf_u8(struct buf *b, uint8_t v)
{
	uint8_t *at = buf_extend(b, 1);

	if (at != NULL)
		at[0] = v;
}

static inline void buf_u16(struct buf *b, uint16_t v)
{
	const uint16_t wire = htobe16(v);
	uint8_t *at = buf_extend(b, sizeof wire);

	if (at != NULL)
		memcpy(at, &wire, sizeof wire);
}

static inline void buf_u32(struct buf *b, uint32_t v)
{
	const uint32_t wire = htobe32(v);
	uint8_t *at = buf_extend(b, sizeof wire);

	if (at != NULL)
		memcpy(at, &wire, sizeof wire);
}

static inline void buf_u64(struct buf *b, uint64_t v)
{
	const uint64_t wire = htobe64(v);
	uint8_t *at = buf_extend(b, sizeof wire);

	if (at != NULL)
		memcpy(at, &wire, sizeof wire);
}

/* A 16-bit length and the text; ST_LIMIT when it is longer than 65535 bytes. */
void buf_text16(struct buf *b, const char *text);

/* Formatted text, without the closing NUL. */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF(2, 0);

/* Put a NUL behind the content without counting it; NULL after a failure. Valid until the
 * next write. */
const char *buf_text(struct buf *b);

/* Drop the first n bytes (n <= len), moving the rest to the front. */
void buf_consume(struct buf *b, size_t n);

#endif
