/* Frames, headers and fragments, receiving; see link_in.h. */
#include "dist/link_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/etf.h"
#include "term/term.h"

enum {
	VERSION = 131,
	PASS_THROUGH = 112,
	HEADER = 68,
	FRAGMENT_FIRST = 69,
	FRAGMENT_NEXT = 70,
	FRAME_HEAD = 4,
};

/* A message of which not all pieces have come. */
struct link_partial {
	struct link_partial *next;
	uint64_t sequence; /* names the message */
	uint64_t fragment; /* number of the last piece; 1 is the last of all */
	struct buf bytes;  /* joined so far */
	size_t n_atoms;    /* announced with the first piece */
	const char *atoms[];
};

void link_in_init(struct link_in *in, bool headers)
{
	memset(in, 0, sizeof *in);
	in->headers = headers;
	buf_init(&in->rest, FRAME_HEAD + (size_t)LINK_FRAME_MAX);
}

static void partial_free(struct link_partial *p)
{
	if (p == NULL)
		return;
	buf_close(&p->bytes);
	free(p);
}

void link_in_close(struct link_in *in)
{
	struct link_partial *next;

	for (struct link_partial *p = in->partials; p != NULL; p = next) {
		next = p->next;
		partial_free(p);
	}
	partial_free(in->whole);
	for (size_t i = 0; in->cache != NULL && i < LINK_CACHE_ENTRIES; i++)
		free(in->cache[i]);
	free(in->cache);
	buf_close(&in->rest);
	memset(in, 0, sizeof *in);
}

enum status link_in_feed(struct link_in *in, const uint8_t *bytes, size_t len)
{
	assert(in->unread.left == 0);
	if (in->rest.len == 0) {
		in->unread = cursor_of(bytes, len);
		in->in_rest = false;
		return ST_OK;
	}
	buf_bytes(&in->rest, bytes, len);
	in->unread = cursor_of(in->rest.base, in->rest.len);
	in->in_rest = true;
	return buf_status(&in->rest);
}

enum status link_in_end(struct link_in *in)
{
	if (in->in_rest)
		buf_consume(&in->rest, in->rest.len - in->unread.left);
	else
		buf_bytes(&in->rest, in->unread.at, in->unread.left);
	in->unread = cursor_of(NULL, 0);
	return buf_status(&in->rest);
}

static enum status cache_put(struct link_in *in, size_t at, const uint8_t *text, size_t len)
{
	char *copy;

	if (memchr(text, 0, len) != NULL)
		return ST_MALFORMED;
	if (in->cache == NULL)
		in->cache = calloc(LINK_CACHE_ENTRIES, sizeof *in->cache);
	copy = malloc(len + 1);
	if (in->cache == NULL || copy == NULL) {
		free(copy);
		return ST_NOMEM;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	free(in->cache[at]);
	in->cache[at] = copy;
	return ST_OK;
}

/* Half a byte for each atom: 1 bit "new", 3 bits segment; the half after the last tells whether
 * lengths take two bytes. */
static uint8_t header_nibble(const uint8_t *flags, size_t i)
{
	return i % 2 == 0 ? flags[i / 2] & 0xf : flags[i / 2] >> 4;
}

/* Whether the header being read has already named this atom of the cache. */
static bool header_names(const struct link_in *in, const char *atom)
{
	for (size_t i = 0; i < in->body.n_atoms; i++) {
		if (in->body.atoms[i] == atom)
			return true;
	}
	return false;
}

static enum status header_atom(struct link_in *in, struct cursor *c, uint8_t nibble, bool wide)
{
	const uint8_t *text;
	uint16_t len;
	uint8_t low;
	uint8_t narrow;
	size_t at;
	enum status st;

	if (cursor_u8(c, &low) != ST_OK)
		return ST_MALFORMED;
	at = (size_t)(nibble & 7) << 8 | low;
	if (nibble & 8) {
		if (wide) {
			st = cursor_u16(c, &len);
		} else {
			st = cursor_u8(c, &narrow);
			len = st == ST_OK ? narrow : 0;
		}
		if (st != ST_OK || cursor_bytes(c, len, &text) != ST_OK)
			return ST_MALFORMED;
		/* A second atom in the same place would take the first one from the message. */
		if (in->cache != NULL && in->cache[at] != NULL && header_names(in, in->cache[at]))
			return ST_MALFORMED;
		st = cache_put(in, at, text, len);
		if (st != ST_OK)
			return st;
	}
	if (in->cache == NULL || in->cache[at] == NULL)
		return ST_MALFORMED;
	in->body.atoms[in->body.n_atoms++] = in->cache[at];
	return ST_OK;
}

static enum status header_read(struct link_in *in, struct cursor *c)
{
	const uint8_t *flags;
	uint8_t n;
	bool wide;
	enum status st;

	in->body.n_atoms = 0;
	if (cursor_u8(c, &n) != ST_OK)
		return ST_MALFORMED;
	if (n == 0)
		return ST_OK;
	if (cursor_bytes(c, n / 2U + 1, &flags) != ST_OK)
		return ST_MALFORMED;
	wide = header_nibble(flags, n) & 1;
	for (size_t i = 0; i < n; i++) {
		st = header_atom(in, c, header_nibble(flags, i), wide);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

static struct link_partial **partial_find(struct link_in *in, uint64_t sequence)
{
	struct link_partial **at = &in->partials;

	while (*at != NULL && (*at)->sequence != sequence)
		at = &(*at)->next;
	return at;
}

/* The cache may change while the pieces come: the atoms are copied behind the struct. */
static struct link_partial *partial_new(const struct link_body *body)
{
	size_t texts = 0;
	struct link_partial *p;
	char *text;

	for (size_t i = 0; i < body->n_atoms; i++)
		texts += strlen(body->atoms[i]) + 1;
	p = calloc(1, sizeof *p + body->n_atoms * sizeof p->atoms[0] + texts);
	if (p == NULL)
		return NULL;
	text = (char *)(p->atoms + body->n_atoms);
	for (size_t i = 0; i < body->n_atoms; i++) {
		size_t len = strlen(body->atoms[i]) + 1;

		memcpy(text, body->atoms[i], len);
		p->atoms[i] = text;
		text += len;
	}
	p->n_atoms = body->n_atoms;
	buf_init(&p->bytes, LINK_MESSAGE_MAX);
	return p;
}

static enum status partial_append(struct link_in *in, struct link_partial *p, struct cursor *c)
{
	if (c->left > LINK_PARTIAL_BYTES_MAX - in->partial_bytes)
		return ST_LIMIT;
	buf_bytes(&p->bytes, c->at, c->left);
	in->partial_bytes += c->left;
	return buf_status(&p->bytes);
}

/* All pieces are there: it becomes the body. */
static void partial_finish(struct link_in *in, struct link_partial **at)
{
	struct link_partial *p = *at;

	*at = p->next;
	in->n_partials--;
	in->partial_bytes -= p->bytes.len;
	in->whole = p;
	in->body.base = p->bytes.base;
	in->body.len = p->bytes.len;
	in->body.n_atoms = p->n_atoms;
	for (size_t i = 0; i < p->n_atoms; i++)
		in->body.atoms[i] = p->atoms[i];
}

static enum status fragment_first(struct link_in *in, struct cursor *c)
{
	uint64_t sequence;
	uint64_t fragment;
	struct link_partial *p;
	enum status st;

	if (cursor_u64(c, &sequence) != ST_OK || cursor_u64(c, &fragment) != ST_OK ||
	    fragment == 0 || *partial_find(in, sequence) != NULL)
		return ST_MALFORMED;
	st = header_read(in, c);
	if (st != ST_OK)
		return st;
	if (fragment == 1) {
		in->body.base = c->at;
		in->body.len = c->left;
		return ST_OK;
	}
	if (in->n_partials == LINK_PARTIALS_MAX)
		return ST_LIMIT;
	p = partial_new(&in->body);
	if (p == NULL)
		return ST_NOMEM;
	p->sequence = sequence;
	p->fragment = fragment;
	p->next = in->partials;
	in->partials = p;
	in->n_partials++;
	st = partial_append(in, p, c);
	return st == ST_OK ? ST_AGAIN : st;
}

static enum status fragment_next(struct link_in *in, struct cursor *c)
{
	struct link_partial **at;
	uint64_t sequence;
	uint64_t fragment;
	enum status st;

	if (cursor_u64(c, &sequence) != ST_OK || cursor_u64(c, &fragment) != ST_OK)
		return ST_MALFORMED;
	at = partial_find(in, sequence);
	if (*at == NULL || fragment == 0 || fragment != (*at)->fragment - 1)
		return ST_MALFORMED;
	(*at)->fragment = fragment;
	st = partial_append(in, *at, c);
	if (st != ST_OK)
		return st;
	if (fragment > 1)
		return ST_AGAIN;
	partial_finish(in, at);
	return ST_OK;
}

/* ST_OK: in->body is a whole message. ST_AGAIN: a piece was put away. */
static enum status frame_read(struct link_in *in, struct cursor *c)
{
	uint8_t magic;
	uint8_t kind;

	if (cursor_u8(c, &magic) != ST_OK)
		return ST_MALFORMED;
	in->body.n_atoms = 0;
	in->body.versioned = !in->headers;
	if (!in->headers) {
		if (magic != PASS_THROUGH)
			return ST_MALFORMED;
		in->body.base = c->at;
		in->body.len = c->left;
		return ST_OK;
	}
	if (magic != VERSION || cursor_u8(c, &kind) != ST_OK)
		return ST_MALFORMED;
	switch (kind) {
	case HEADER:
		if (header_read(in, c) != ST_OK)
			return ST_MALFORMED;
		in->body.base = c->at;
		in->body.len = c->left;
		return ST_OK;
	case FRAGMENT_FIRST:
		return fragment_first(in, c);
	case FRAGMENT_NEXT:
		return fragment_next(in, c);
	default:
		return ST_MALFORMED;
	}
}

enum status link_in_next(struct link_in *in, enum link_item *ret, const struct link_body **ret_body)
{
	const uint8_t *content;
	struct cursor frame;
	struct cursor probe;
	uint32_t len;
	enum status st;

	partial_free(in->whole);
	in->whole = NULL;
	for (;;) {
		probe = in->unread;
		if (cursor_u32(&probe, &len) != ST_OK)
			return ST_AGAIN;
		if (len > LINK_FRAME_MAX)
			return ST_LIMIT;
		if (cursor_bytes(&probe, len, &content) != ST_OK)
			return ST_AGAIN;
		in->unread = probe;
		if (len == 0) {
			*ret = LINK_TICK;
			return ST_OK;
		}
		frame = cursor_of(content, len);
		st = frame_read(in, &frame);
		if (st == ST_AGAIN)
			continue;
		if (st != ST_OK)
			return st;
		*ret = LINK_MESSAGE;
		*ret_body = &in->body;
		return ST_OK;
	}
}

static enum status decode_versioned(const uint8_t *base, size_t len, struct arena *a,
                                    struct message *ret)
{
	struct message m = {NULL, NULL};
	size_t used;
	size_t rest;
	enum status st;

	st = term_decode(a, base, len, &used, &m.control);
	if (st != ST_OK)
		return st;
	if (used < len) {
		st = term_decode(a, base + used, len - used, &rest, &m.payload);
		if (st != ST_OK)
			return st;
	}
	*ret = m;
	return ST_OK;
}

enum status link_decode(const struct link_body *body, struct arena *a, struct message *ret)
{
	struct etf_refs refs = {body->atoms, body->n_atoms};
	struct cursor c = cursor_of(body->base, body->len);
	struct buf copy;
	enum status st;

	if (body->versioned)
		return decode_versioned(body->base, body->len, a, ret);
	buf_init(&copy, SERVICE_ARENA_MAX);
	st = etf_copy(&c, &refs, &copy);
	if (st == ST_OK && c.left > 0)
		st = etf_copy(&c, &refs, &copy);
	if (st == ST_OK)
		st = decode_versioned(copy.base, copy.len, a, ret);
	buf_close(&copy);
	return st;
}
