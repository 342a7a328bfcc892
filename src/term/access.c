#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "term/repr.h"
#include "term/term.h"

int64_t term_int_value(const struct term *t)
{
	assert(t->type == TERM_INT);
	return t->integer;
}

double term_float_value(const struct term *t)
{
	assert(t->type == TERM_FLOAT);
	return t->real;
}

const char *term_atom_text(const struct term *t)
{
	assert(t->type == TERM_ATOM);
	return t->atom.text;
}

bool term_is_atom(const struct term *t, const char *text)
{
	return t->type == TERM_ATOM && strcmp(t->atom.text, text) == 0;
}

bool term_is_list(const struct term *t)
{
	return t->type == TERM_NIL || t->type == TERM_CONS;
}

bool term_is_integer(const struct term *t)
{
	return t->type == TERM_INT || t->type == TERM_BIG;
}

struct term_bytes term_binary_bytes(const struct term *t)
{
	assert(t->type == TERM_BINARY);
	return t->bytes;
}

size_t term_bit_size(const struct term *t)
{
	assert(t->type == TERM_BINARY);
	return t->bytes.len == 0 ? 0 : t->bytes.len * 8 - 8 + t->bytes.tail;
}

size_t term_tuple_size(const struct term *t)
{
	assert(t->type == TERM_TUPLE);
	return t->tuple.n;
}

const struct term *term_element(const struct term *t, size_t i)
{
	assert(t->type == TERM_TUPLE && i < t->tuple.n);
	return t->tuple.items[i];
}

const struct term *term_head(const struct term *t)
{
	assert(t->type == TERM_CONS);
	return t->cons.head;
}

const struct term *term_tail(const struct term *t)
{
	assert(t->type == TERM_CONS);
	return t->cons.tail;
}

int64_t term_length(const struct term *t)
{
	if (t->type == TERM_NIL)
		return 0;
	return t->type == TERM_CONS ? t->cons.len : -1;
}

size_t term_map_size(const struct term *t)
{
	assert(t->type == TERM_MAP);
	return t->map.n;
}

const struct term *term_map_key(const struct term *t, size_t i)
{
	assert(t->type == TERM_MAP && i < t->map.n);
	return t->map.keys[i];
}

const struct term *term_map_value(const struct term *t, size_t i)
{
	assert(t->type == TERM_MAP && i < t->map.n);
	return t->map.values[i];
}

const struct term *term_map_get(const struct term *t, const struct term *key)
{
	size_t low = 0;
	size_t high;

	assert(t->type == TERM_MAP);
	high = t->map.n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = term_compare(t->map.keys[mid], key, true);

		if (order == 0)
			return t->map.values[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct term_node_id *term_node_id(const struct term *t)
{
	assert(t->type == TERM_PID || t->type == TERM_PORT || t->type == TERM_REF);
	return t->id;
}

const struct term_fun *term_fun_of(const struct term *t)
{
	assert(t->type == TERM_FUN);
	return t->fun;
}

static enum status text_of_bytes(const void *bytes, size_t len, char *ret, size_t cap,
                                 size_t *ret_len)
{
	if (len >= cap)
		return ST_LIMIT;
	if (len > 0)
		memcpy(ret, bytes, len);
	ret[len] = '\0';
	*ret_len = len;
	return ST_OK;
}

static enum status text_of_list(const struct term *t, char *ret, size_t cap, size_t *ret_len)
{
	size_t len = 0;

	for (const struct term *l = t; l->type == TERM_CONS; l = l->cons.tail) {
		const struct term *c = l->cons.head;

		if (c->type != TERM_INT || !utf8_is_code_point(c->integer))
			return ST_INVALID;
		len += utf8_width((uint32_t)c->integer);
	}
	if (len >= cap)
		return ST_LIMIT;
	len = 0;
	for (const struct term *l = t; l->type == TERM_CONS; l = l->cons.tail)
		len += utf8_write((uint8_t *)ret + len, (uint32_t)l->cons.head->integer);
	ret[len] = '\0';
	*ret_len = len;
	return ST_OK;
}

enum status term_text(const struct term *t, char *ret, size_t cap, size_t *ret_len)
{
	if (t->type == TERM_ATOM)
		return text_of_bytes(t->atom.text, t->atom.len, ret, cap, ret_len);
	if (t->type == TERM_BINARY && t->bytes.tail == 8)
		return text_of_bytes(t->bytes.base, t->bytes.len, ret, cap, ret_len);
	if (term_length(t) >= 0)
		return text_of_list(t, ret, cap, ret_len);
	return ST_INVALID;
}
