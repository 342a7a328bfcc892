#include "http/chunked.h"

#include <assert.h>
#include <string.h>

#include "http/limits.h"

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A line of hexadecimal digits. Sets *used to its length. */
static enum status take_length(struct http_chunked *c, const uint8_t *bytes, size_t len,
                               size_t *used)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < len && digit(bytes[i]) >= 0; i++) {
		n = n * 16 + (size_t)digit(bytes[i]);
		if (n > HTTP_BODY_MAX)
			return ST_LIMIT;
		if (i >= HTTP_CHUNK_LINE_MAX)
			return ST_MALFORMED;
	}
	if (i < len && (i == 0 || bytes[i] != '\r'))
		return ST_MALFORMED;
	if (i + 1 < len && bytes[i + 1] != '\n')
		return ST_MALFORMED;
	if (i + 1 >= len)
		return ST_AGAIN;
	c->left = n;
	c->state = n == 0 ? CHUNK_LAST : CHUNK_DATA;
	*used = i + 2;
	return ST_OK;
}

static enum status take_data(struct http_chunked *c, const uint8_t *bytes, size_t len,
                             struct buf *body, size_t *used)
{
	const size_t n = len < c->left ? len : c->left;

	buf_bytes(body, bytes, n);
	if (buf_status(body) != ST_OK)
		return buf_status(body);
	c->left -= n;
	*used = n;
	if (c->left > 0)
		return ST_AGAIN;
	c->state = CHUNK_END;
	return ST_OK;
}

/* CR LF. */
static enum status take_end(struct http_chunked *c, const uint8_t *bytes, size_t len, size_t *used)
{
	if (len > 0 && bytes[0] != '\r')
		return ST_MALFORMED;
	if (len > 1 && bytes[1] != '\n')
		return ST_MALFORMED;
	if (len < 2)
		return ST_AGAIN;
	c->state = c->state == CHUNK_LAST ? CHUNK_DONE : CHUNK_LENGTH;
	*used = 2;
	return ST_OK;
}

enum status http_chunked_take(struct http_chunked *c, const uint8_t *bytes, size_t len,
                              struct buf *body, size_t *ret_used)
{
	enum status st = ST_OK;
	size_t all = 0;

	assert(c->state != CHUNK_DONE);
	while (st == ST_OK && c->state != CHUNK_DONE) {
		size_t used = 0;

		if (c->state == CHUNK_LENGTH)
			st = take_length(c, bytes + all, len - all, &used);
		else if (c->state == CHUNK_DATA)
			st = take_data(c, bytes + all, len - all, body, &used);
		else
			st = take_end(c, bytes + all, len - all, &used);
		all += used;
	}
	*ret_used = all;
	return st;
}
