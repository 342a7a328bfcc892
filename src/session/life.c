#include "session/life.h"

#include <stdlib.h>
#include <string.h>

void life_use(struct life *l, int64_t now_ms)
{
	if (now_ms > l->active_ms)
		l->active_ms = now_ms;
}

int64_t life_due_ms(const struct life *l)
{
	if (l->ttl_ms == 0 || l->active_ms > INT64_MAX - l->ttl_ms)
		return INT64_MAX;
	return l->active_ms + l->ttl_ms;
}

struct object_seen life_seen(const struct life *l)
{
	const struct object_seen seen = {l->active_ms, l->revision};

	return seen;
}

void life_encode(const struct life *l, struct buf *b)
{
	buf_u64(b, (uint64_t)l->created_ms);
	buf_u64(b, (uint64_t)l->active_ms);
	buf_u64(b, (uint64_t)l->ttl_ms);
	buf_u64(b, l->revision);
}

enum status life_decode(struct cursor *c, struct life *ret)
{
	uint64_t times[3];
	uint64_t revision;

	if (cursor_u64(c, &times[0]) != ST_OK || cursor_u64(c, &times[1]) != ST_OK ||
	    cursor_u64(c, &times[2]) != ST_OK || cursor_u64(c, &revision) != ST_OK ||
	    times[2] > INT64_MAX)
		return ST_MALFORMED;
	ret->created_ms = (int64_t)times[0];
	ret->active_ms = (int64_t)times[1];
	ret->ttl_ms = (int64_t)times[2];
	ret->revision = revision;
	return ST_OK;
}

/* --- Texts ----------------------------------------------------------------------------- */

enum status text_set(struct text *t, const struct bytes_view *from, size_t max)
{
	uint8_t *copy = NULL;

	if (from->len > max)
		return ST_LIMIT;
	if (from->len > 0) {
		copy = malloc(from->len);
		if (copy == NULL)
			return ST_NOMEM;
		memcpy(copy, from->at, from->len);
	}
	free(t->at);
	t->at = copy;
	t->len = from->len;
	return ST_OK;
}

struct bytes_view text_view(const struct text *t)
{
	const struct bytes_view v = {t->at, t->len};

	return v;
}

void text_close(struct text *t)
{
	free(t->at);
	t->at = NULL;
	t->len = 0;
}

void text_encode(const struct text *t, struct buf *b)
{
	buf_u32(b, (uint32_t)t->len);
	buf_bytes(b, t->at, t->len);
}

enum status text_decode(struct cursor *c, struct text *t, size_t max)
{
	struct bytes_view view;
	enum status st;
	uint32_t len;

	if (cursor_u32(c, &len) != ST_OK || cursor_bytes(c, len, &view.at) != ST_OK)
		return ST_MALFORMED;
	view.len = len;
	st = text_set(t, &view, max);
	return st == ST_LIMIT ? ST_MALFORMED : st;
}
