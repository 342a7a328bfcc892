/* Reads bytes from strangers: every read checks, advances, or changes nothing.
 *
 * Integers are big-endian, the network's order. The bytes belong to the caller; a cursor
 * only borrows them. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

struct cursor {
	const uint8_t *at; /* next unread byte */
	size_t left;       /* unread bytes */
};

static inline struct cursor cursor_of(const void *base, size_t len)
{
	struct cursor c = {base, len};
	return c;
}

/* Take len bytes without copying: *ret points into the cursor's memory. */
CHECKED static inline enum status cursor_bytes(struct cursor *c, size_t len, const uint8_t **ret)
{
	if (c->left < len)
		return ST_MALFORMED;
	*ret = c->at;
	c->at += len;
	c->left -= len;
	return ST_OK;
}

CHECKED static inline enum status cursor_u8(struct cursor *c, uint8_t *ret)
{
	if (c->left < 1)
		return ST_MALFORMED;
	*ret = c->at[0];
	c->at += 1;
	c->left -= 1;
	return ST_OK;
}

CHECKED static inline enum status cursor_u16(struct cursor *c, uint16_t *ret)
{
	if (c->left < 2)
		return ST_MALFORMED;
	*ret = (uint16_t)((unsigned)c->at[0] << 8 | c->at[1]);
	c->at += 2;
	c->left -= 2;
	return ST_OK;
}

CHECKED static inline enum status cursor_u32(struct cursor *c, uint32_t *ret)
{
	if (c->left < 4)
		return ST_MALFORMED;
	*ret = (uint32_t)c->at[0] << 24 | (uint32_t)c->at[1] << 16 | (uint32_t)c->at[2] << 8 |
	       c->at[3];
	c->at += 4;
	c->left -= 4;
	return ST_OK;
}

CHECKED static inline enum status cursor_u64(struct cursor *c, uint64_t *ret)
{
	uint64_t wire;

	if (c->left < sizeof wire)
		return ST_MALFORMED;
	memcpy(&wire, c->at, sizeof wire);
	*ret = be64toh(wire);
	c->at += sizeof wire;
	c->left -= sizeof wire;
	return ST_OK;
}

/* Read a 16-bit length and that many bytes into a NUL-terminated string of size cap.
 * ST_LIMIT when it does not fit; ST_MALFORMED when it contains a NUL or is cut short. */
CHECKED static inline enum status cursor_text16(struct cursor *c, char *ret, size_t cap)
{
	struct cursor probe = *c;
	const uint8_t *bytes;
	uint16_t len;

	if (cursor_u16(&probe, &len) != ST_OK || cursor_bytes(&probe, len, &bytes) != ST_OK)
		return ST_MALFORMED;
	if (len >= cap)
		return ST_LIMIT;
	if (memchr(bytes, 0, len) != NULL)
		return ST_MALFORMED;
	memcpy(ret, bytes, len);
	ret[len] = '\0';
	*c = probe;
	return ST_OK;
}

#endif
