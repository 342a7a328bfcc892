/* External term format in: every tag that OTP 25 to 27 send, and older forms of the same.
 *
 * Nothing is believed: a count is compared with the bytes that are left before anything of that
 * size is allocated, since every element takes at least one byte. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/utf8.h"
#include "term/etf.h"
#include "term/integer.h"
#include "term/limits.h"
#include "term/repr.h"
#include "term/term.h"

/* NOLINTBEGIN(misc-no-recursion,bugprone-sizeof-expression): recursion is bounded by ETF_DEPTH_MAX;
 * arrays of pointers are meant */

struct decoder {
	struct cursor in;
	struct arena *arena;
	unsigned depth; /* nested tags, at most ETF_DEPTH_MAX */
};

static enum status decode(struct decoder *d, const struct term **ret);

static enum status made(const struct term *t, const struct term **ret)
{
	if (t == NULL)
		return ST_LIMIT;
	*ret = t;
	return ST_OK;
}

static enum status read_size(struct decoder *d, unsigned bytes, size_t *ret)
{
	uint8_t small;
	uint16_t medium;
	uint32_t large;
	enum status st;

	if (bytes == 1) {
		st = cursor_u8(&d->in, &small);
		if (st == ST_OK)
			*ret = small;
	} else if (bytes == 2) {
		st = cursor_u16(&d->in, &medium);
		if (st == ST_OK)
			*ret = medium;
	} else {
		st = cursor_u32(&d->in, &large);
		if (st == ST_OK)
			*ret = large;
	}
	return st;
}

/* A size field and that many bytes. */
static enum status read_block(struct decoder *d, unsigned size_bytes, const uint8_t **ret,
                              size_t *ret_len)
{
	enum status st = read_size(d, size_bytes, ret_len);

	return st == ST_OK ? cursor_bytes(&d->in, *ret_len, ret) : st;
}

static enum status decode_small_int(struct decoder *d, uint8_t tag, const struct term **ret)
{
	uint8_t v;

	(void)tag;
	if (cursor_u8(&d->in, &v) != ST_OK)
		return ST_MALFORMED;
	return made(term_int(d->arena, v), ret);
}

static enum status decode_int(struct decoder *d, uint8_t tag, const struct term **ret)
{
	uint32_t v;

	(void)tag;
	if (cursor_u32(&d->in, &v) != ST_OK)
		return ST_MALFORMED;
	return made(term_int(d->arena, (int32_t)v), ret);
}

static enum status decode_big(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const uint8_t *bytes;
	uint8_t sign;
	size_t len;

	if (read_size(d, tag == ERL_SMALL_BIG_EXT ? 1 : 4, &len) != ST_OK ||
	    cursor_u8(&d->in, &sign) != ST_OK || cursor_bytes(&d->in, len, &bytes) != ST_OK)
		return ST_MALFORMED;
	return integer_from_bytes(d->arena, bytes, len, sign != 0, ret);
}

static enum status decode_float(struct decoder *d, uint8_t tag, const struct term **ret)
{
	uint64_t bits;
	double v;

	(void)tag;
	if (cursor_u64(&d->in, &bits) != ST_OK)
		return ST_MALFORMED;
	memcpy(&v, &bits, sizeof v);
	if (!isfinite(v))
		return ST_MALFORMED;
	return made(term_float(d->arena, v), ret);
}

static enum status decode_old_float(struct decoder *d, uint8_t tag, const struct term **ret)
{
	enum { TEXT_LEN = 31 };
	const uint8_t *bytes;
	char text[TEXT_LEN + 1];
	char *end;
	double v;

	(void)tag;
	if (cursor_bytes(&d->in, TEXT_LEN, &bytes) != ST_OK)
		return ST_MALFORMED;
	memcpy(text, bytes, TEXT_LEN);
	text[TEXT_LEN] = '\0';
	v = strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(v))
		return ST_MALFORMED;
	return made(term_float(d->arena, v), ret);
}

static enum status atom_from_utf8(struct decoder *d, const uint8_t *bytes, size_t len,
                                  const struct term **ret)
{
	size_t count = 0;
	uint32_t code;

	if (len > ATOM_BYTES_MAX)
		return ST_MALFORMED;
	for (size_t at = 0; at < len; count++) {
		size_t width = utf8_read(bytes + at, len - at, &code);

		/* A NUL would cut the text that everybody else sees. */
		if (width == 0 || code == 0)
			return ST_MALFORMED;
		at += width;
	}
	if (count > ATOM_BYTES_MAX / 4)
		return ST_MALFORMED;
	return made(term_atom_n(d->arena, (const char *)bytes, len), ret);
}

static enum status decode_atom_utf8(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const uint8_t *bytes;
	size_t len;

	if (read_block(d, tag == ERL_SMALL_ATOM_UTF8_EXT ? 1 : 2, &bytes, &len) != ST_OK)
		return ST_MALFORMED;
	return atom_from_utf8(d, bytes, len, ret);
}

static enum status decode_atom_latin1(struct decoder *d, uint8_t tag, const struct term **ret)
{
	uint8_t text[ATOM_BYTES_MAX];
	const uint8_t *bytes;
	size_t out = 0;
	size_t len;

	if (read_block(d, tag == ERL_SMALL_ATOM_EXT ? 1 : 2, &bytes, &len) != ST_OK ||
	    len > ATOM_BYTES_MAX / 4)
		return ST_MALFORMED;
	for (size_t i = 0; i < len; i++)
		out += utf8_write(text + out, bytes[i]);
	return atom_from_utf8(d, text, out, ret);
}

static enum status decode_atom(struct decoder *d, const char **ret)
{
	const struct term *t;
	enum status st = decode(d, &t);

	if (st != ST_OK)
		return st;
	if (t->type != TERM_ATOM)
		return ST_MALFORMED;
	*ret = t->atom.text;
	return ST_OK;
}

static enum status read_creation(struct decoder *d, bool wide, uint32_t *ret)
{
	size_t v;

	if (read_size(d, wide ? 4 : 1, &v) != ST_OK)
		return ST_MALFORMED;
	*ret = (uint32_t)v;
	return ST_OK;
}

static enum status decode_pid(struct decoder *d, uint8_t tag, const struct term **ret)
{
	struct term_node_id id = {0};
	enum status st = decode_atom(d, &id.node);
	uint32_t number;

	if (st != ST_OK)
		return st;
	if (cursor_u32(&d->in, &number) != ST_OK || cursor_u32(&d->in, &id.serial) != ST_OK ||
	    read_creation(d, tag == ERL_NEW_PID_EXT, &id.creation) != ST_OK)
		return ST_MALFORMED;
	id.id = number;
	return made(term_pid(d->arena, &id), ret);
}

static enum status decode_port(struct decoder *d, uint8_t tag, const struct term **ret)
{
	struct term_node_id id = {0};
	enum status st = decode_atom(d, &id.node);
	uint32_t number;

	if (st != ST_OK)
		return st;
	if (tag == ERL_V4_PORT_EXT) {
		if (cursor_u64(&d->in, &id.id) != ST_OK)
			return ST_MALFORMED;
	} else {
		if (cursor_u32(&d->in, &number) != ST_OK)
			return ST_MALFORMED;
		id.id = number;
	}
	if (read_creation(d, tag != ERL_PORT_EXT, &id.creation) != ST_OK)
		return ST_MALFORMED;
	return made(term_port(d->arena, &id), ret);
}

static enum status decode_ref(struct decoder *d, uint8_t tag, const struct term **ret)
{
	struct term_node_id id = {.n_words = 1};
	enum status st;
	size_t n = 1;

	if (tag != ERL_REFERENCE_EXT && read_size(d, 2, &n) != ST_OK)
		return ST_MALFORMED;
	if (n < 1 || n > 5)
		return ST_MALFORMED;
	st = decode_atom(d, &id.node);
	if (st != ST_OK)
		return st;
	id.n_words = (unsigned)n;
	/* The oldest form has its creation behind the number. */
	if (tag == ERL_REFERENCE_EXT && cursor_u32(&d->in, &id.words[0]) != ST_OK)
		return ST_MALFORMED;
	if (read_creation(d, tag == ERL_NEWER_REFERENCE_EXT, &id.creation) != ST_OK)
		return ST_MALFORMED;
	for (size_t i = 0; tag != ERL_REFERENCE_EXT && i < n; i++) {
		if (cursor_u32(&d->in, &id.words[i]) != ST_OK)
			return ST_MALFORMED;
	}
	return made(term_ref(d->arena, &id), ret);
}

/* n terms, of which each takes at least one byte. */
static enum status decode_items(struct decoder *d, size_t n, const struct term ***ret)
{
	const struct term **items;
	enum status st = ST_OK;

	if (n > d->in.left)
		return ST_MALFORMED;
	items = arena_alloc(d->arena, (n + 1) * sizeof *items);
	if (items == NULL)
		return ST_LIMIT;
	for (size_t i = 0; st == ST_OK && i < n; i++)
		st = decode(d, &items[i]);
	if (st == ST_OK)
		*ret = items;
	return st;
}

static enum status decode_tuple(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const struct term **items;
	enum status st;
	size_t n;

	if (read_size(d, tag == ERL_SMALL_TUPLE_EXT ? 1 : 4, &n) != ST_OK || n > ETF_ARITY_MAX)
		return ST_MALFORMED;
	st = decode_items(d, n, &items);
	return st == ST_OK ? made(term_tuple(d->arena, items, n), ret) : st;
}

static enum status decode_nil(struct decoder *d, uint8_t tag, const struct term **ret)
{
	(void)tag;
	return made(term_nil(d->arena), ret);
}

static enum status decode_string(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const struct term *list = term_nil(d->arena);
	const uint8_t *bytes;
	size_t len;

	(void)tag;
	if (read_block(d, 2, &bytes, &len) != ST_OK)
		return ST_MALFORMED;
	while (len > 0)
		list = term_cons(d->arena, term_int(d->arena, bytes[--len]), list);
	return made(list, ret);
}

static enum status decode_list(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const struct term **items;
	const struct term *tail;
	enum status st;
	size_t n;

	(void)tag;
	if (read_size(d, 4, &n) != ST_OK)
		return ST_MALFORMED;
	st = decode_items(d, n, &items);
	if (st == ST_OK)
		st = decode(d, &tail);
	return st == ST_OK ? made(term_list_tail(d->arena, items, n, tail), ret) : st;
}

static enum status decode_map(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const struct term **items;
	const struct term **keys;
	enum status st;
	size_t n;

	(void)tag;
	if (read_size(d, 4, &n) != ST_OK || n > ETF_ARITY_MAX)
		return ST_MALFORMED;
	st = decode_items(d, 2 * n, &items);
	if (st != ST_OK)
		return st;
	keys = arena_alloc(d->arena, (2 * n + 1) * sizeof *keys);
	if (keys == NULL)
		return ST_LIMIT;
	for (size_t i = 0; i < n; i++) {
		keys[i] = items[2 * i];
		keys[n + i] = items[2 * i + 1];
	}
	st = made(term_map(d->arena, keys, keys + n, n), ret);
	if (st == ST_OK && term_map_size(*ret) != n)
		return ST_MALFORMED; /* the same key twice */
	return st;
}

static enum status decode_binary(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const uint8_t *bytes;
	size_t len;

	(void)tag;
	if (read_block(d, 4, &bytes, &len) != ST_OK)
		return ST_MALFORMED;
	return made(term_binary(d->arena, bytes, len), ret);
}

static enum status decode_bits(struct decoder *d, uint8_t tag, const struct term **ret)
{
	const uint8_t *bytes;
	uint8_t tail;
	size_t len;

	(void)tag;
	if (read_size(d, 4, &len) != ST_OK || cursor_u8(&d->in, &tail) != ST_OK ||
	    cursor_bytes(&d->in, len, &bytes) != ST_OK)
		return ST_MALFORMED;
	if (tail > 8 || (len == 0) != (tail == 0))
		return ST_MALFORMED;
	return made(term_bitstring(d->arena, bytes, len == 0 ? 0 : len * 8 - 8 + tail), ret);
}

static enum status decode_export(struct decoder *d, uint8_t tag, const struct term **ret)
{
	struct term_fun fun = {.kind = TERM_FUN_EXPORT};
	const struct term *arity;
	enum status st;

	(void)tag;
	st = decode_atom(d, &fun.module);
	if (st == ST_OK)
		st = decode_atom(d, &fun.function);
	if (st == ST_OK)
		st = decode(d, &arity);
	if (st != ST_OK)
		return st;
	if (arity->type != TERM_INT || arity->integer < 0 || arity->integer > 255)
		return ST_MALFORMED;
	fun.arity = (unsigned)arity->integer;
	return made(term_fun(d->arena, &fun), ret);
}

/* The variables a closure carries: each is a whole term, the closure ends where the last does. */
static enum status skip_terms(struct decoder *d, size_t n)
{
	const struct term **items;

	return decode_items(d, n, &items);
}

static enum status decode_fun(struct decoder *d, uint8_t tag, const struct term **ret)
{
	struct term_fun fun = {.kind = TERM_FUN_OPAQUE};
	const uint8_t *start = d->in.at - 1;
	const uint8_t *unused;
	enum status st;
	uint32_t n_free;
	uint32_t size;
	uint8_t arity;

	(void)tag;
	/* Size (itself included), arity, 16 bytes of checksum, index, number of variables. */
	if (cursor_u32(&d->in, &size) != ST_OK || cursor_u8(&d->in, &arity) != ST_OK ||
	    cursor_bytes(&d->in, 16, &unused) != ST_OK || cursor_u32(&d->in, &fun.index) != ST_OK ||
	    cursor_u32(&d->in, &n_free) != ST_OK)
		return ST_MALFORMED;
	st = decode_atom(d, &fun.module);
	if (st == ST_OK)
		st = skip_terms(d, (size_t)3 + n_free); /* index, version, creator; variables */
	if (st != ST_OK)
		return st;
	fun.arity = arity;
	fun.uniq = (uint32_t)unused[0] << 24 | (uint32_t)unused[1] << 16 |
	           (uint32_t)unused[2] << 8 | unused[3];
	fun.raw = start;
	fun.raw_len = (size_t)(d->in.at - start);
	if (fun.raw_len != (size_t)size + 1)
		return ST_MALFORMED;
	return made(term_fun(d->arena, &fun), ret);
}

typedef enum status decode_fn(struct decoder *d, uint8_t tag, const struct term **ret);

static decode_fn *const decoders[256] = {
    [ERL_SMALL_INTEGER_EXT] = decode_small_int,
    [ERL_INTEGER_EXT] = decode_int,
    [ERL_SMALL_BIG_EXT] = decode_big,
    [ERL_LARGE_BIG_EXT] = decode_big,
    [ETF_NEW_FLOAT] = decode_float,
    [ERL_FLOAT_EXT] = decode_old_float,
    [ERL_ATOM_UTF8_EXT] = decode_atom_utf8,
    [ERL_SMALL_ATOM_UTF8_EXT] = decode_atom_utf8,
    [ERL_ATOM_EXT] = decode_atom_latin1,
    [ERL_SMALL_ATOM_EXT] = decode_atom_latin1,
    [ERL_PID_EXT] = decode_pid,
    [ERL_NEW_PID_EXT] = decode_pid,
    [ERL_PORT_EXT] = decode_port,
    [ERL_NEW_PORT_EXT] = decode_port,
    [ERL_V4_PORT_EXT] = decode_port,
    [ERL_REFERENCE_EXT] = decode_ref,
    [ERL_NEW_REFERENCE_EXT] = decode_ref,
    [ERL_NEWER_REFERENCE_EXT] = decode_ref,
    [ERL_SMALL_TUPLE_EXT] = decode_tuple,
    [ERL_LARGE_TUPLE_EXT] = decode_tuple,
    [ERL_NIL_EXT] = decode_nil,
    [ERL_STRING_EXT] = decode_string,
    [ERL_LIST_EXT] = decode_list,
    [ERL_MAP_EXT] = decode_map,
    [ERL_BINARY_EXT] = decode_binary,
    [ERL_BIT_BINARY_EXT] = decode_bits,
    [ERL_EXPORT_EXT] = decode_export,
    [ERL_NEW_FUN_EXT] = decode_fun,
};

/* Recursion is bounded by d->depth. */
static enum status decode(struct decoder *d, const struct term **ret)
{
	enum status st;
	uint8_t tag;

	if (cursor_u8(&d->in, &tag) != ST_OK)
		return ST_MALFORMED;
	if (tag == ETF_COMPRESSED)
		return ST_UNSUPPORTED;
	if (decoders[tag] == NULL)
		return ST_MALFORMED;
	if (d->depth == ETF_DEPTH_MAX)
		return ST_LIMIT;
	d->depth++;
	st = decoders[tag](d, tag, ret);
	d->depth--;
	return st;
}

enum status term_decode_bare(struct arena *a, const uint8_t *bytes, size_t len, size_t *ret_used,
                             const struct term **ret)
{
	struct decoder d = {.in = cursor_of(bytes, len), .arena = a};
	const struct term *t;
	enum status st = decode(&d, &t);

	if (st != ST_OK)
		return st;
	assert(d.depth == 0);
	*ret_used = len - d.in.left;
	*ret = t;
	return ST_OK;
}

enum status term_decode(struct arena *a, const uint8_t *bytes, size_t len, size_t *ret_used,
                        const struct term **ret)
{
	enum status st;
	size_t used;

	if (len < 1 || bytes[0] != ETF_VERSION)
		return ST_MALFORMED;
	st = term_decode_bare(a, bytes + 1, len - 1, &used, ret);
	if (st == ST_OK)
		*ret_used = used + 1;
	return st;
}
/* NOLINTEND(misc-no-recursion,bugprone-sizeof-expression) */
