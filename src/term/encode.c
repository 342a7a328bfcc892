/* External term format out: everything that OTP 25 and later decode. Identities are written in
 * their newest form, which these releases require. */
#include <assert.h>
#include <string.h>

#include "term/etf.h"
#include "term/integer.h"
#include "term/repr.h"
#include "term/term.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

static enum status encode(struct buf *b, const struct term *t);

static void encode_atom(struct buf *b, const char *text, size_t len)
{
	if (len < 256) {
		buf_u8(b, ERL_SMALL_ATOM_UTF8_EXT);
		buf_u8(b, (uint8_t)len);
	} else {
		buf_u8(b, ERL_ATOM_UTF8_EXT);
		buf_u16(b, (uint16_t)len);
	}
	buf_bytes(b, text, len);
}

static void encode_integer(struct buf *b, const struct term *t)
{
	size_t len;
	uint8_t *bytes;

	if (t->type == TERM_INT && t->integer >= 0 && t->integer < 256) {
		buf_u8(b, ERL_SMALL_INTEGER_EXT);
		buf_u8(b, (uint8_t)t->integer);
		return;
	}
	if (t->type == TERM_INT && t->integer >= INT32_MIN && t->integer <= INT32_MAX) {
		buf_u8(b, ERL_INTEGER_EXT);
		buf_u32(b, (uint32_t)t->integer);
		return;
	}
	len = integer_byte_count(t);
	if (len < 256) {
		buf_u8(b, ERL_SMALL_BIG_EXT);
		buf_u8(b, (uint8_t)len);
	} else {
		buf_u8(b, ERL_LARGE_BIG_EXT);
		buf_u32(b, (uint32_t)len);
	}
	buf_u8(b, integer_sign(t) < 0);
	bytes = buf_extend(b, len);
	if (bytes != NULL)
		integer_to_bytes(t, bytes);
}

static void encode_float(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	buf_u8(b, ETF_NEW_FLOAT);
	buf_u64(b, bits);
}

static void encode_identity(struct buf *b, const struct term *t)
{
	const struct term_node_id *id = t->id;

	switch ((enum term_type)t->type) {
	case TERM_PID:
		buf_u8(b, ERL_NEW_PID_EXT);
		encode_atom(b, id->node, strlen(id->node));
		buf_u32(b, (uint32_t)id->id);
		buf_u32(b, id->serial);
		break;
	case TERM_PORT:
		buf_u8(b, ERL_V4_PORT_EXT);
		encode_atom(b, id->node, strlen(id->node));
		buf_u64(b, id->id);
		break;
	default:
		assert(t->type == TERM_REF);
		buf_u8(b, ERL_NEWER_REFERENCE_EXT);
		buf_u16(b, (uint16_t)id->n_words);
		encode_atom(b, id->node, strlen(id->node));
		break;
	}
	buf_u32(b, id->creation);
	for (unsigned i = 0; t->type == TERM_REF && i < id->n_words; i++)
		buf_u32(b, id->words[i]);
}

static enum status encode_fun(struct buf *b, const struct term_fun *fun)
{
	if (fun->kind == TERM_FUN_LOCAL)
		return ST_UNSUPPORTED;
	if (fun->kind == TERM_FUN_OPAQUE) {
		buf_bytes(b, fun->raw, fun->raw_len);
		return ST_OK;
	}
	buf_u8(b, ERL_EXPORT_EXT);
	encode_atom(b, fun->module, strlen(fun->module));
	encode_atom(b, fun->function, strlen(fun->function));
	buf_u8(b, ERL_SMALL_INTEGER_EXT);
	buf_u8(b, (uint8_t)fun->arity);
	return ST_OK;
}

static void encode_bytes(struct buf *b, const struct term_bytes *bytes)
{
	const bool whole = bytes->tail == 8;

	buf_u8(b, whole ? ERL_BINARY_EXT : ERL_BIT_BINARY_EXT);
	buf_u32(b, (uint32_t)bytes->len);
	if (!whole)
		buf_u8(b, (uint8_t)bytes->tail);
	buf_bytes(b, bytes->base, bytes->len);
}

/* Short lists of bytes travel as strings, as Erlang sends them. */
static bool is_byte_list(const struct term *t)
{
	if (term_length(t) < 1 || term_length(t) > UINT16_MAX)
		return false;
	for (; t->type == TERM_CONS; t = t->cons.tail) {
		const struct term *c = t->cons.head;

		if (c->type != TERM_INT || c->integer < 0 || c->integer > 255)
			return false;
	}
	return true;
}

static enum status encode_list(struct buf *b, const struct term *t)
{
	enum status st = ST_OK;
	uint32_t n = 0;

	if (is_byte_list(t)) {
		buf_u8(b, ERL_STRING_EXT);
		buf_u16(b, (uint16_t)term_length(t));
		for (; t->type == TERM_CONS; t = t->cons.tail)
			buf_u8(b, (uint8_t)t->cons.head->integer);
		return ST_OK;
	}
	for (const struct term *l = t; l->type == TERM_CONS; l = l->cons.tail)
		n++;
	buf_u8(b, ERL_LIST_EXT);
	buf_u32(b, n);
	for (; st == ST_OK && t->type == TERM_CONS; t = t->cons.tail)
		st = encode(b, t->cons.head);
	return st == ST_OK ? encode(b, t) : st;
}

static enum status encode_tuple(struct buf *b, const struct term *t)
{
	enum status st = ST_OK;

	if (t->tuple.n < 256) {
		buf_u8(b, ERL_SMALL_TUPLE_EXT);
		buf_u8(b, (uint8_t)t->tuple.n);
	} else {
		buf_u8(b, ERL_LARGE_TUPLE_EXT);
		buf_u32(b, (uint32_t)t->tuple.n);
	}
	for (size_t i = 0; st == ST_OK && i < t->tuple.n; i++)
		st = encode(b, t->tuple.items[i]);
	return st;
}

static enum status encode_map(struct buf *b, const struct term *t)
{
	enum status st = ST_OK;

	buf_u8(b, ERL_MAP_EXT);
	buf_u32(b, (uint32_t)t->map.n);
	for (size_t i = 0; st == ST_OK && i < t->map.n; i++) {
		st = encode(b, t->map.keys[i]);
		if (st == ST_OK)
			st = encode(b, t->map.values[i]);
	}
	return st;
}

/* Recursion is bounded by TERM_DEPTH_MAX; a buffer that failed ends it early. */
static enum status encode(struct buf *b, const struct term *t)
{
	if (buf_status(b) != ST_OK)
		return buf_status(b);
	switch ((enum term_type)t->type) {
	case TERM_INT:
	case TERM_BIG:
		encode_integer(b, t);
		return ST_OK;
	case TERM_FLOAT:
		encode_float(b, t->real);
		return ST_OK;
	case TERM_ATOM:
		encode_atom(b, t->atom.text, t->atom.len);
		return ST_OK;
	case TERM_REF:
	case TERM_PORT:
	case TERM_PID:
		encode_identity(b, t);
		return ST_OK;
	case TERM_FUN:
		return encode_fun(b, t->fun);
	case TERM_TUPLE:
		return encode_tuple(b, t);
	case TERM_MAP:
		return encode_map(b, t);
	case TERM_NIL:
		buf_u8(b, ERL_NIL_EXT);
		return ST_OK;
	case TERM_CONS:
		return encode_list(b, t);
	case TERM_BINARY:
		encode_bytes(b, &t->bytes);
		return ST_OK;
	}
	return ST_INVALID;
}

enum status term_encode_bare(const struct term *t, struct buf *b)
{
	enum status st = encode(b, t);

	return st == ST_OK ? buf_status(b) : st;
}

enum status term_encode(const struct term *t, struct buf *b)
{
	buf_u8(b, ETF_VERSION);
	return term_encode_bare(t, b);
}
/* NOLINTEND(misc-no-recursion) */
