#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 128 }; /* smallest allocation: most messages fit without a second one */

void buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof *b);
	b->max = max;
}

void buf_close(struct buf *b)
{
	free(b->base);
	memset(b, 0, sizeof *b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->st = ST_OK;
}

static enum status buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
	uint8_t *base;

	while (cap < need)
		cap *= 2;
	base = realloc(b->base, cap);
	if (base == NULL)
		return ST_NOMEM;
	b->base = base;
	b->cap = cap;
	return ST_OK;
}

uint8_t *buf_extend_slowly(struct buf *b, size_t len)
{
	uint8_t *at;

	assert(b->max > 0);
	if (b->st != ST_OK)
		return NULL;
	if (len > b->max - b->len) {
		b->st = ST_LIMIT;
		return NULL;
	}
	if (b->len + len + 1 > b->cap) {
		b->st = buf_grow(b, b->len + len + 1);
		if (b->st != ST_OK)
			return NULL;
	}
	at = b->base + b->len;
	b->len += len;
	return at;
}

void buf_bytes(struct buf *b, const void *bytes, size_t len)
{
	uint8_t *at = buf_extend(b, len);

	if (at != NULL && len > 0)
		memcpy(at, bytes, len);
}

void buf_text16(struct buf *b, const char *text)
{
	size_t len = strlen(text);

	if (len > UINT16_MAX) {
		if (b->st == ST_OK)
			b->st = ST_LIMIT;
		return;
	}
	buf_u16(b, (uint16_t)len);
	buf_bytes(b, text, len);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
	va_list again;
	int len;
	uint8_t *at;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	assert(len >= 0);
	at = buf_extend(b, (size_t)len);
	/* buf_extend() always keeps one spare byte behind the content for the NUL. */
	if (at != NULL)
		(void)vsnprintf((char *)at, (size_t)len + 1, fmt, args);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vprintf(b, fmt, args);
	va_end(args);
}

const char *buf_text(struct buf *b)
{
	if (buf_extend(b, 0) == NULL)
		return NULL;
	b->base[b->len] = '\0';
	return (const char *)b->base;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n > 0)
		memmove(b->base, b->base + n, b->len - n);
	b->len -= n;
}
