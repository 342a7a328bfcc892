/* Terms of the external format, copied with their atoms filled in; see etf.h. */
#include "dist/etf.h"

#include <assert.h>
#include <string.h>

#include "dist/limits.h"

enum {
	TAG_NEW_FLOAT = 70,
	TAG_BIT_BINARY = 77,
	TAG_ATOM_CACHE_REF = 82,
	TAG_NEW_PID = 88,
	TAG_NEW_PORT = 89,
	TAG_NEWER_REF = 90,
	TAG_SMALL_INT = 97,
	TAG_INT = 98,
	TAG_FLOAT = 99,
	TAG_ATOM = 100,
	TAG_REF = 101,
	TAG_PORT = 102,
	TAG_PID = 103,
	TAG_SMALL_TUPLE = 104,
	TAG_LARGE_TUPLE = 105,
	TAG_NIL = 106,
	TAG_STRING = 107,
	TAG_LIST = 108,
	TAG_BINARY = 109,
	TAG_SMALL_BIG = 110,
	TAG_LARGE_BIG = 111,
	TAG_NEW_FUN = 112,
	TAG_EXPORT = 113,
	TAG_NEW_REF = 114,
	TAG_SMALL_ATOM = 115,
	TAG_MAP = 116,
	TAG_ATOM_UTF8 = 118,
	TAG_SMALL_ATOM_UTF8 = 119,
	TAG_V4_PORT = 120,
	VERSION = 131,
};

/* A fun states its size, which changes with its atoms: it is patched when its last term has
 * been copied. */
struct open_fun {
	size_t size_at; /* where in out its size stands */
	uint64_t until; /* terms still to come when it ends */
};

struct copier {
	struct cursor *c;
	const struct etf_refs *refs;
	struct buf *out;
	uint64_t pending; /* terms still to be copied */
	struct open_fun funs[ETF_FUNS_MAX];
	size_t n_funs;
};

static enum status raw(struct copier *k, size_t len)
{
	const uint8_t *bytes;
	enum status st = cursor_bytes(k->c, len, &bytes);

	if (st == ST_OK)
		buf_bytes(k->out, bytes, len);
	return st;
}

/* A length of width bytes and that many bytes plus extra. */
static enum status sized(struct copier *k, unsigned width, size_t extra)
{
	struct cursor probe = *k->c;
	uint64_t len = 0;
	uint8_t byte;

	for (unsigned i = 0; i < width; i++) {
		if (cursor_u8(&probe, &byte) != ST_OK)
			return ST_MALFORMED;
		len = len << 8 | byte;
	}
	return raw(k, (size_t)(width + len + extra));
}

static enum status atom_ref(struct copier *k)
{
	const char *text;
	size_t len;
	uint8_t i;

	if (cursor_u8(k->c, &i) != ST_OK || i >= k->refs->n)
		return ST_MALFORMED;
	text = k->refs->atoms[i];
	len = strlen(text);
	if (len <= UINT8_MAX) {
		buf_u8(k->out, TAG_SMALL_ATOM_UTF8);
		buf_u8(k->out, (uint8_t)len);
	} else {
		buf_u8(k->out, TAG_ATOM_UTF8);
		buf_u16(k->out, (uint16_t)len);
	}
	buf_bytes(k->out, text, len);
	return ST_OK;
}

/* An atom with its tag. */
static enum status atom(struct copier *k)
{
	uint8_t tag;

	if (cursor_u8(k->c, &tag) != ST_OK)
		return ST_MALFORMED;
	if (tag == TAG_ATOM_CACHE_REF)
		return atom_ref(k);
	buf_u8(k->out, tag);
	switch (tag) {
	case TAG_ATOM:
	case TAG_ATOM_UTF8:
		return sized(k, 2, 0);
	case TAG_SMALL_ATOM:
	case TAG_SMALL_ATOM_UTF8:
		return sized(k, 1, 0);
	default:
		return ST_MALFORMED;
	}
}

/* A node name and len more bytes. */
static enum status node_then(struct copier *k, size_t len)
{
	enum status st = atom(k);

	return st == ST_OK ? raw(k, len) : st;
}

static enum status reference(struct copier *k, uint8_t tag)
{
	struct cursor probe = *k->c;
	uint16_t words;
	enum status st;

	if (cursor_u16(&probe, &words) != ST_OK || words > 5)
		return ST_MALFORMED;
	st = raw(k, 2);
	if (st != ST_OK)
		return st;
	return node_then(k, (tag == TAG_NEWER_REF ? 4U : 1U) + 4U * words);
}

/* A count of width bytes, each counting for several terms, plus some. Every term takes a byte
 * at least, so a count beyond the bytes left is a lie. */
static enum status container(struct copier *k, unsigned width, unsigned each, unsigned more)
{
	struct cursor probe = *k->c;
	uint64_t n = 0;
	uint8_t byte;
	enum status st;

	for (unsigned i = 0; i < width; i++) {
		if (cursor_u8(&probe, &byte) != ST_OK)
			return ST_MALFORMED;
		n = n << 8 | byte;
	}
	st = raw(k, width);
	if (st != ST_OK)
		return st;
	if (n * each + more > k->c->left)
		return ST_MALFORMED;
	k->pending += n * each + more;
	return ST_OK;
}

/* Size, arity, unique, index, number of free variables; then module, old index, old unique,
 * pid and the free variables as terms. */
static enum status fun(struct copier *k)
{
	struct cursor probe;
	uint32_t n_free;
	enum status st;

	if (k->n_funs == ETF_FUNS_MAX)
		return ST_LIMIT;
	k->funs[k->n_funs].size_at = k->out->len;
	k->funs[k->n_funs].until = k->pending;
	st = raw(k, 4 + 1 + 16 + 4);
	if (st != ST_OK)
		return st;
	probe = *k->c;
	if (cursor_u32(&probe, &n_free) != ST_OK || n_free > probe.left)
		return ST_MALFORMED;
	k->n_funs++;
	k->pending += 4U + (uint64_t)n_free;
	return raw(k, 4);
}

static void fun_patch(struct copier *k)
{
	const struct open_fun *f = &k->funs[--k->n_funs];
	size_t size = k->out->len - f->size_at;

	if (buf_status(k->out) != ST_OK)
		return;
	for (unsigned i = 0; i < 4; i++)
		k->out->base[f->size_at + i] = (uint8_t)(size >> (24 - 8 * i));
}

static enum status composite(struct copier *k, uint8_t tag)
{
	switch (tag) {
	case TAG_SMALL_TUPLE:
		return container(k, 1, 1, 0);
	case TAG_LARGE_TUPLE:
		return container(k, 4, 1, 0);
	case TAG_LIST:
		return container(k, 4, 1, 1);
	case TAG_MAP:
		return container(k, 4, 2, 0);
	case TAG_EXPORT:
		k->pending += 3;
		return ST_OK;
	case TAG_NEW_FUN:
		return fun(k);
	case TAG_PID:
		return node_then(k, 9);
	case TAG_NEW_PID:
	case TAG_V4_PORT:
		return node_then(k, 12);
	case TAG_NEW_PORT:
		return node_then(k, 8);
	case TAG_PORT:
	case TAG_REF:
		return node_then(k, 5);
	case TAG_NEW_REF:
	case TAG_NEWER_REF:
		return reference(k, tag);
	default:
		return ST_MALFORMED;
	}
}

static enum status leaf_or_composite(struct copier *k, uint8_t tag)
{
	switch (tag) {
	case TAG_NIL:
		return ST_OK;
	case TAG_SMALL_INT:
		return raw(k, 1);
	case TAG_INT:
		return raw(k, 4);
	case TAG_NEW_FLOAT:
		return raw(k, 8);
	case TAG_FLOAT:
		return raw(k, 31);
	case TAG_STRING:
	case TAG_ATOM:
	case TAG_ATOM_UTF8:
		return sized(k, 2, 0);
	case TAG_SMALL_ATOM:
	case TAG_SMALL_ATOM_UTF8:
		return sized(k, 1, 0);
	case TAG_SMALL_BIG:
		return sized(k, 1, 1);
	case TAG_LARGE_BIG:
	case TAG_BIT_BINARY:
		return sized(k, 4, 1);
	case TAG_BINARY:
		return sized(k, 4, 0);
	default:
		return composite(k, tag);
	}
}

enum status etf_copy(struct cursor *c, const struct etf_refs *refs, struct buf *out)
{
	struct copier k = {.c = c, .refs = refs, .out = out, .pending = 1};
	enum status st;
	uint8_t tag;

	buf_u8(out, VERSION);
	while (k.pending > 0) {
		k.pending--;
		if (cursor_u8(c, &tag) != ST_OK)
			return ST_MALFORMED;
		if (tag == TAG_ATOM_CACHE_REF) {
			st = atom_ref(&k);
		} else {
			buf_u8(out, tag);
			st = leaf_or_composite(&k, tag);
		}
		if (st != ST_OK)
			return st;
		while (k.n_funs > 0 && k.pending == k.funs[k.n_funs - 1].until)
			fun_patch(&k);
	}
	assert(k.n_funs == 0);
	return buf_status(out);
}
