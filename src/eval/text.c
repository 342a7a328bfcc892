#include "eval/text.h"

#include <string.h>

#include "base/utf8.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

bool text_push(struct machine *m, struct chars *c, uint32_t code)
{
	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? 32 : c->cap * 2;
		uint32_t *at = arena_alloc(m->arena, cap * sizeof *at);

		if (at == NULL) {
			(void)machine_limit(m, NULL);
			return false;
		}
		if (c->n > 0)
			memcpy(at, c->at, c->n * sizeof *at);
		c->at = at;
		c->cap = cap;
	}
	c->at[c->n++] = code;
	return true;
}

static bool push_bytes(struct machine *m, const struct term *t, enum text_encoding encoding,
                       struct chars *ret)
{
	struct term_bytes bytes = term_binary_bytes(t);

	if (bytes.tail != 8 || !machine_charge(m, bytes.len / 8))
		return false;
	for (size_t at = 0; at < bytes.len;) {
		uint32_t code = bytes.base[at];
		size_t width = 1;

		if (encoding == TEXT_UTF8)
			width = utf8_read(bytes.base + at, bytes.len - at, &code);
		if (width == 0 || !text_push(m, ret, code))
			return false;
		at += width;
	}
	return true;
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
static bool push_text(struct machine *m, const struct term *t, enum text_encoding encoding,
                      struct chars *ret)
{
	for (; term_type(t) == TERM_CONS; t = term_tail(t)) {
		const struct term *x = term_head(t);

		if (!machine_charge(m, 1))
			return false;
		if (term_type(x) == TERM_INT) {
			if (!utf8_is_code_point(term_int_value(x)) ||
			    !text_push(m, ret, (uint32_t)term_int_value(x)))
				return false;
		} else if (!push_text(m, x, encoding, ret)) {
			return false;
		}
	}
	if (term_type(t) == TERM_BINARY)
		return push_bytes(m, t, encoding, ret);
	return term_type(t) == TERM_NIL;
}

bool text_chars(struct machine *m, const struct term *t, enum text_encoding binaries,
                struct chars *ret)
{
	*ret = (struct chars){0};
	return push_text(m, t, binaries, ret);
}

const struct term *text_list(struct machine *m, const uint32_t *at, size_t n)
{
	const struct term *list = term_nil(m->arena);

	if (!machine_charge(m, n / 4))
		return NULL;
	while (n > 0)
		list = term_cons(m->arena, term_int(m->arena, at[--n]), list);
	return list;
}

const struct term *text_binary(struct machine *m, const uint32_t *at, size_t n)
{
	const struct term *t;
	uint8_t *bytes;
	size_t len = 0;

	if (!machine_charge(m, n / 16))
		return NULL;
	for (size_t i = 0; i < n; i++)
		len += utf8_width(at[i]);
	t = term_binary_new(m->arena, len, &bytes);
	if (t == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		bytes += utf8_write(bytes, at[i]);
	return t;
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
bool text_bytes(struct machine *m, const struct term *t, struct buf *out)
{
	for (; term_type(t) == TERM_CONS; t = term_tail(t)) {
		const struct term *x = term_head(t);

		if (!machine_charge(m, 1))
			return false;
		if (term_type(x) == TERM_INT) {
			if (term_int_value(x) < 0 || term_int_value(x) > 255)
				return false;
			buf_u8(out, (uint8_t)term_int_value(x));
		} else if (!text_bytes(m, x, out)) {
			return false;
		}
	}
	if (term_type(t) == TERM_BINARY && term_binary_bytes(t).tail == 8) {
		struct term_bytes bytes = term_binary_bytes(t);

		buf_bytes(out, bytes.base, bytes.len);
	} else if (term_type(t) != TERM_NIL) {
		return false;
	}
	if (buf_status(out) == ST_OK)
		return machine_charge(m, term_weight(t) / 16);
	(void)machine_limit(m, NULL);
	return false;
}

const struct term *text_from_utf8(struct machine *m, const void *text, size_t len)
{
	struct chars c = {0};

	for (size_t at = 0; at < len;) {
		uint32_t code;
		size_t width = utf8_read((const uint8_t *)text + at, len - at, &code);

		if (width == 0) {
			width = 1;
			code = ((const uint8_t *)text)[at];
		}
		if (!text_push(m, &c, code))
			return NULL;
		at += width;
	}
	return text_list(m, c.at, c.n);
}
/* NOLINTEND(misc-no-recursion) */
