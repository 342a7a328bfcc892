/* Manifests as bytes. Layout: doc/protocol/session-state.md. */
#include <string.h>

#include <xxhash.h>

#include "base/cursor.h"
#include "session/state.h"

enum {
	MANIFEST_MAGIC = 0x454D414E, /* "EMAN" */
	MANIFEST_VERSION = 1,
	MANIFEST_HEAD = 4 + 2,             /* magic, version */
	MANIFEST_FRAME = MANIFEST_HEAD + 8 /* ... checksum */
};

/* Encoded, nothing is longer than twice what is counted: overheads are counted too. */
#define CHUNK_LEN_MAX (2 * (uint64_t)STORE_BYTES_MAX)

void manifest_encode(const struct manifest *m, struct buf *b)
{
	size_t start = b->len;
	uint32_t n = 0;
	unsigned i;

	buf_u32(b, MANIFEST_MAGIC);
	buf_u16(b, MANIFEST_VERSION);
	buf_u32(b, m->state_version);
	buf_u64(b, m->index);
	buf_u64(b, m->digest);
	for (i = 0; i < IMAGE_CHUNKS; i++)
		n += m->chunks[i].len > 0;
	buf_u32(b, n);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		if (m->chunks[i].len == 0)
			continue;
		buf_u16(b, (uint16_t)i);
		buf_u64(b, m->chunks[i].changed);
		buf_u64(b, m->chunks[i].digest);
		buf_u64(b, m->chunks[i].checksum);
		buf_u64(b, m->chunks[i].len);
	}
	if (buf_status(b) == ST_OK)
		buf_u64(b, XXH64(b->base + start, b->len - start, 0));
}

static enum status manifest_fault(struct fault *fault, enum status st, size_t at, const char *what)
{
	fault->st = st;
	fault->at = at;
	fault->what = what;
	return st;
}

/* Chunks come in the order of their numbers, those of empty buckets not at all. */
static enum status get_chunk(struct cursor *c, struct manifest *m, unsigned *next)
{
	struct chunk_info *ret;
	uint16_t chunk;

	if (cursor_u16(c, &chunk) != ST_OK || chunk < *next || chunk >= IMAGE_CHUNKS)
		return ST_MALFORMED;
	*next = chunk + 1U;
	ret = &m->chunks[chunk];
	if (cursor_u64(c, &ret->changed) != ST_OK || cursor_u64(c, &ret->digest) != ST_OK ||
	    cursor_u64(c, &ret->checksum) != ST_OK || cursor_u64(c, &ret->len) != ST_OK ||
	    ret->changed > m->index || ret->len == 0 || ret->len > CHUNK_LEN_MAX)
		return ST_MALFORMED;
	return ST_OK;
}

static enum status manifest_frame(const uint8_t *bytes, size_t len, struct fault *fault)
{
	struct cursor c = cursor_of(bytes, len);
	uint64_t checksum;
	uint16_t version;
	uint32_t magic;

	if (len < MANIFEST_FRAME || cursor_u32(&c, &magic) != ST_OK ||
	    cursor_u16(&c, &version) != ST_OK)
		return manifest_fault(fault, ST_MALFORMED, 0, "too short for a manifest");
	if (magic != MANIFEST_MAGIC)
		return manifest_fault(fault, ST_MALFORMED, 0, "not a manifest");
	if (version != MANIFEST_VERSION)
		return manifest_fault(fault, ST_UNSUPPORTED, 4, "unknown manifest version");
	c = cursor_of(bytes + len - 8, 8);
	if (cursor_u64(&c, &checksum) != ST_OK || checksum != XXH64(bytes, len - 8, 0))
		return manifest_fault(fault, ST_MALFORMED, len - 8, "wrong checksum");
	return ST_OK;
}

uint32_t manifest_state_version(const uint8_t *bytes, size_t len)
{
	struct fault fault;
	struct cursor c;
	uint32_t version;

	if (manifest_frame(bytes, len, &fault) != ST_OK)
		return 0;
	c = cursor_of(bytes + MANIFEST_HEAD, len - MANIFEST_HEAD);
	return cursor_u32(&c, &version) == ST_OK ? version : 0;
}

bool manifest_is(const uint8_t *bytes, size_t len)
{
	struct cursor c = cursor_of(bytes, len);
	uint32_t magic;

	return cursor_u32(&c, &magic) == ST_OK && magic == MANIFEST_MAGIC;
}

enum status manifest_check(const uint8_t *bytes, size_t len, struct fault *fault,
                           uint64_t *ret_index)
{
	struct manifest m;
	enum status st = manifest_decode(bytes, len, &m, fault);

	if (st == ST_OK)
		*ret_index = m.index;
	return st;
}

enum status manifest_decode(const uint8_t *bytes, size_t len, struct manifest *ret,
                            struct fault *fault)
{
	struct cursor c;
	struct manifest m;
	enum status st;
	unsigned next = 0;
	uint32_t chunks;
	unsigned i;

	st = manifest_frame(bytes, len, fault);
	if (st != ST_OK)
		return st;
	c = cursor_of(bytes + MANIFEST_HEAD, len - MANIFEST_FRAME);
	if (cursor_u32(&c, &m.state_version) != ST_OK || cursor_u64(&c, &m.index) != ST_OK ||
	    cursor_u64(&c, &m.digest) != ST_OK || cursor_u32(&c, &chunks) != ST_OK ||
	    m.state_version == 0 || chunks == 0 || chunks > IMAGE_CHUNKS)
		return manifest_fault(fault, ST_MALFORMED, 6, "impossible head");
	if (m.state_version > STATE_VERSION_NEWEST)
		return manifest_fault(fault, ST_UNSUPPORTED, 6, "unknown state version");
	memset(m.chunks, 0, sizeof m.chunks);
	for (i = 0; i < chunks; i++) {
		if (get_chunk(&c, &m, &next) != ST_OK)
			return manifest_fault(fault, ST_MALFORMED, len - 8 - c.left,
			                      "impossible chunk");
	}
	if (c.left != 0 || m.chunks[0].len == 0)
		return manifest_fault(fault, ST_MALFORMED, len - 8 - c.left,
		                      "bytes after the chunks");
	*ret = m;
	return ST_OK;
}
