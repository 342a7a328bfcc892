/* The first half of ~p: a tree of nodes that knows the width of everything. */
#include "term/measure.h"

#include <string.h>

#include "base/utf8.h"
#include "term/limits.h"
#include "term/print.h"
#include "term/repr.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

/* Characters of a binary that each level of depth shows, as ~P counts. */
enum { STRING_CHARS_PER_DEPTH = 4 };

static bool measure(struct measurer *m, const struct term *t, unsigned depth, struct node *ret);

static long characters(const char *text, size_t len)
{
	long n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

/* The leaf's text, so far in m->text, becomes the node's. */
static bool text_node(struct measurer *m, enum shape shape, struct node *ret)
{
	ret->shape = shape;
	ret->len = m->text.len;
	if (buf_status(&m->text) != ST_OK)
		return false;
	ret->text = arena_copy(&m->scratch, m->text.base, m->text.len);
	if (ret->text == NULL)
		return false;
	ret->width = characters(ret->text, ret->len);
	return true;
}

static bool fixed_node(const char *text, struct node *ret)
{
	ret->shape = SHAPE_TEXT;
	ret->text = text;
	ret->len = strlen(text);
	ret->width = (long)ret->len;
	return true;
}

static bool list_is_text(const struct term *t)
{
	if (term_length(t) < 1)
		return false;
	for (; t->type == TERM_CONS; t = t->cons.tail) {
		const struct term *c = t->cons.head;

		if (c->type != TERM_INT || c->integer < 0 || c->integer > 0xff ||
		    !print_is_text((uint32_t)c->integer))
			return false;
	}
	return true;
}

static bool measure_string(struct measurer *m, const struct term *t, struct node *ret)
{
	buf_u8(&m->text, '"');
	for (; t->type == TERM_CONS; t = t->cons.tail)
		print_char(&m->text, (uint32_t)t->cons.head->integer, '"', false);
	buf_u8(&m->text, '"');
	return text_node(m, SHAPE_TEXT, ret);
}

static bool kids_alloc(struct measurer *m, size_t n, struct node *ret, struct node **ret_kids)
{
	struct node *kids = arena_alloc(&m->scratch, (n + 1) * sizeof *kids);

	ret->kids = kids;
	ret->n = n;
	*ret_kids = kids;
	return kids != NULL;
}

static unsigned deeper(unsigned depth, size_t by)
{
	return depth == 0 ? 0 : (unsigned)(depth - by);
}

static void sum_width(struct node *node, long brackets)
{
	node->width = brackets + (node->n > 0 ? (long)node->n - 1 : 0);
	for (size_t i = 0; i < node->n; i++)
		node->width += node->kids[i].width;
}

static bool measure_list(struct measurer *m, const struct term *t, unsigned depth, struct node *ret)
{
	struct node *kids;
	size_t n = 0;

	for (const struct term *l = t;; l = l->cons.tail) {
		if (l->type == TERM_CONS) {
			n++;
			continue;
		}
		ret->improper = l->type != TERM_NIL;
		n += ret->improper;
		break;
	}
	if (depth > 0 && n >= depth) {
		n = depth;
		ret->dots = true;
	}
	ret->shape = SHAPE_LIST;
	if (!kids_alloc(m, n, ret, &kids))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (ret->dots && i + 1 == n)
			(void)fixed_node("...", &kids[i]);
		else if (!measure(m, t->type == TERM_CONS ? t->cons.head : t, deeper(depth, i + 1),
		                  &kids[i]))
			return false;
		t = t->type == TERM_CONS ? t->cons.tail : t;
	}
	if (ret->dots)
		ret->improper = true;
	sum_width(ret, 2);
	return true;
}

static bool measure_tuple(struct measurer *m, const struct term *t, unsigned depth,
                          struct node *ret)
{
	struct node *kids;
	size_t shown = t->tuple.n;

	if (depth == 1)
		return fixed_node("{...}", ret);
	if (depth > 0 && shown >= depth) {
		shown = depth;
		ret->dots = true;
	}
	ret->shape =
	    t->tuple.n > 1 && t->tuple.items[0]->type == TERM_ATOM ? SHAPE_TAGGED : SHAPE_TUPLE;
	if (!kids_alloc(m, shown, ret, &kids))
		return false;
	for (size_t i = 0; i < shown; i++) {
		if (ret->dots && i + 1 == shown)
			(void)fixed_node("...", &kids[i]);
		else if (!measure(m, t->tuple.items[i], deeper(depth, i + 1), &kids[i]))
			return false;
	}
	sum_width(ret, 2);
	return true;
}

static bool measure_pair(struct measurer *m, const struct term *key, const struct term *value,
                         unsigned depth, struct node *ret)
{
	struct node *kids;

	ret->shape = SHAPE_PAIR;
	if (!kids_alloc(m, 2, ret, &kids) || !measure(m, key, depth, &kids[0]) ||
	    !measure(m, value, depth, &kids[1]))
		return false;
	ret->width = kids[0].width + 4 + kids[1].width;
	return true;
}

static bool measure_map(struct measurer *m, const struct term *t, unsigned depth, struct node *ret)
{
	struct node *kids;
	size_t shown = t->map.n;

	if (depth == 1)
		return fixed_node("#{...}", ret);
	if (depth > 0 && shown >= depth) {
		shown = depth;
		ret->dots = true;
	}
	ret->shape = SHAPE_MAP;
	if (!kids_alloc(m, shown, ret, &kids))
		return false;
	for (size_t i = 0; i < shown; i++) {
		if (ret->dots && i + 1 == shown)
			(void)fixed_node("...", &kids[i]);
		else if (!measure_pair(m, t->map.keys[i], t->map.values[i], deeper(depth, 1),
		                       &kids[i]))
			return false;
	}
	sum_width(ret, 3);
	return true;
}

/* What ~p takes for text: all of it printable, as Latin-1 or, with ~tp, as UTF-8. */
static bool bytes_are_text(const struct term_bytes *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!print_is_text(bytes->base[i]))
			return false;
	}
	return len > 0 && bytes->tail == 8;
}

/* "/utf8" text: returns whether the bytes are UTF-8 of printable characters, and not all ASCII. */
static bool bytes_are_utf8(const struct term_bytes *bytes)
{
	bool wide = false;
	uint32_t code;

	for (size_t at = 0; at < bytes->len;) {
		size_t width = utf8_read(bytes->base + at, bytes->len - at, &code);

		if (width == 0 || !print_is_text(code))
			return false;
		wide = wide || width > 1;
		at += width;
	}
	return wide && bytes->tail == 8;
}

static bool measure_bytes(struct measurer *m, const struct term *t, unsigned depth,
                          struct node *ret)
{
	const struct term_bytes *bytes = &t->bytes;
	size_t shown = bytes->len;
	const bool strings = !m->o->no_strings;
	const bool utf8 = strings && m->o->unicode && bytes_are_utf8(bytes);
	uint32_t code;

	if (bytes->len == 0)
		return fixed_node("<<>>", ret);
	if (depth == 1)
		return fixed_node("<<...>>", ret);
	if (depth > 0 && shown > (size_t)STRING_CHARS_PER_DEPTH * (depth - 1))
		shown = (size_t)STRING_CHARS_PER_DEPTH * (depth - 1);
	if (!utf8 && !(strings && bytes_are_text(bytes, shown))) {
		print_bytes(&m->text, t, depth);
		return text_node(m, SHAPE_BYTES, ret);
	}
	buf_bytes(&m->text, "<<\"", 3);
	for (size_t at = 0; at < shown;) {
		size_t width = 1;

		code = bytes->base[at];
		if (utf8)
			width = utf8_read(bytes->base + at, bytes->len - at, &code);
		print_char(&m->text, code, '"', m->o->unicode);
		at += width;
	}
	buf_printf(&m->text, "\"%s%s>>", utf8 ? "/utf8" : "", shown < bytes->len ? "..." : "");
	return text_node(m, SHAPE_TEXT, ret);
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
static bool measure(struct measurer *m, const struct term *t, unsigned depth, struct node *ret)
{
	memset(ret, 0, sizeof *ret);
	buf_reset(&m->text);
	switch ((enum term_type)t->type) {
	case TERM_NIL:
		return fixed_node("[]", ret);
	case TERM_CONS:
		if (depth != 1 && !m->o->no_strings && list_is_text(t))
			return measure_string(m, t, ret);
		return measure_list(m, t, depth, ret);
	case TERM_TUPLE:
		return t->tuple.n == 0 ? fixed_node("{}", ret) : measure_tuple(m, t, depth, ret);
	case TERM_MAP:
		return t->map.n == 0 ? fixed_node("#{}", ret) : measure_map(m, t, depth, ret);
	case TERM_BINARY:
		return measure_bytes(m, t, depth, ret);
	case TERM_INT:
	case TERM_BIG:
	case TERM_FLOAT:
	case TERM_ATOM:
	case TERM_REF:
	case TERM_FUN:
	case TERM_PORT:
	case TERM_PID:
		print_leaf(&m->text, t, m->o->unicode);
		return text_node(m, SHAPE_TEXT, ret);
	}
	return false;
}

void measure_init(struct measurer *m, const struct term_print_options *o)
{
	memset(m, 0, sizeof *m);
	m->o = o;
	arena_init(&m->scratch, PRINT_SCRATCH_MAX);
	buf_init(&m->text, PRINT_SCRATCH_MAX);
}

void measure_close(struct measurer *m)
{
	buf_close(&m->text);
	arena_close(&m->scratch);
}

bool measure_term(struct measurer *m, const struct term *t, struct node *ret)
{
	return measure(m, t, m->o->depth, ret);
}
/* NOLINTEND(misc-no-recursion) */
