/* UTF-8, one code point at a time. Surrogates and overlong forms are not UTF-8. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool utf8_is_code_point(int64_t v)
{
	return (v >= 0 && v < 0xd800) || (v > 0xdfff && v <= 0x10ffff);
}

/* Bytes that a code point takes. */
static inline size_t utf8_width(uint32_t code)
{
	if (code < 0x80)
		return 1;
	if (code < 0x800)
		return 2;
	return code < 0x10000 ? 3 : 4;
}

/* Write a code point to at least utf8_width() bytes; returns how many. */
static inline size_t utf8_write(uint8_t *at, uint32_t code)
{
	size_t width = utf8_width(code);
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = width - 1; i > 0; i--) {
		at[i] = (uint8_t)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	at[0] = (uint8_t)(lead[width] | code);
	return width;
}

/* Read the code point at the front; returns its bytes, or 0 when there is none. */
static inline size_t utf8_read(const uint8_t *at, size_t len, uint32_t *ret)
{
	size_t width;
	uint32_t code;

	if (len == 0)
		return 0;
	if (at[0] < 0x80) {
		*ret = at[0];
		return 1;
	}
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	width = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (len < width)
		return 0;
	code = at[0] & (0x7fu >> width);
	for (size_t i = 1; i < width; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (utf8_width(code) != width || !utf8_is_code_point(code))
		return 0;
	*ret = code;
	return width;
}

#endif
