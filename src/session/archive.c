#include "session/archive.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "session/image.h"
#include "session/store.h"

enum {
	FORMAT_VERSION = 1,
	MAGIC_LEN = 8,
	FRAME_LEN = MAGIC_LEN + 4 + 4, /* magic, version, length of the body */
	SUM_LEN = 8,
};

static const char magic[MAGIC_LEN + 1] = "ERLMCPBK";

/* Values are part of the format: never renumber. */
enum record_kind { RECORD_CHUNK = 1, RECORD_MANIFEST = 2 };

struct record {
	uint32_t kind;
	uint32_t chunk;       /* its number; 0 in a manifest's */
	uint64_t len;         /* of its bytes */
	uint64_t checksum;    /* of its bytes */
	const uint8_t *bytes; /* in the file */
};

void archive_put_head(struct buf *b, const struct archive_head *head)
{
	const size_t start = b->len;
	const size_t node_len = strlen(head->node);

	assert(node_len < ARCHIVE_NODE_MAX);
	buf_bytes(b, magic, MAGIC_LEN);
	buf_u32(b, FORMAT_VERSION);
	buf_u32(b, (uint32_t)(5 * 8 + 2 * 4 + 2 + node_len));
	buf_u64(b, head->cluster_id);
	buf_u64(b, head->index);
	buf_u64(b, head->digest);
	buf_u64(b, head->sessions);
	buf_u64(b, (uint64_t)head->created_ms);
	buf_u32(b, head->state_version);
	buf_u32(b, head->promise_max_ms);
	buf_text16(b, head->node);
	if (buf_status(b) == ST_OK)
		buf_u64(b, chunk_checksum(b->base + start, b->len - start));
}

static void put_record(struct buf *b, enum record_kind kind, unsigned chunk, const uint8_t *bytes,
                       size_t len)
{
	buf_u32(b, kind);
	buf_u32(b, chunk);
	buf_u64(b, len);
	buf_u64(b, chunk_checksum(bytes, len));
}

void archive_put_chunk(struct buf *b, unsigned chunk, const uint8_t *bytes, size_t len)
{
	put_record(b, RECORD_CHUNK, chunk, bytes, len);
}

void archive_put_manifest(struct buf *b, const struct manifest *m)
{
	struct buf encoded;

	buf_init(&encoded, MANIFEST_MAX);
	manifest_encode(m, &encoded);
	if (buf_status(&encoded) == ST_OK) {
		put_record(b, RECORD_MANIFEST, 0, encoded.base, encoded.len);
		buf_bytes(b, encoded.base, encoded.len);
	} else {
		b->st = buf_status(&encoded);
	}
	buf_close(&encoded);
}

static enum status fail(struct fault *fault, enum status st, size_t at, const char *what)
{
	fault->st = st;
	fault->at = at;
	fault->what = what;
	return st;
}

/* The head's frame: magic, version, length, checksum. *ret_len: of all of it. */
static enum status open_frame(const uint8_t *bytes, size_t len, size_t *ret_len,
                              struct fault *fault)
{
	struct cursor c = cursor_of(bytes, len);
	const uint8_t *at;
	uint32_t version;
	uint32_t size;
	uint64_t sum;

	if (cursor_bytes(&c, MAGIC_LEN, &at) != ST_OK || memcmp(at, magic, MAGIC_LEN) != 0)
		return fail(fault, ST_MALFORMED, 0, "this is no backup: it does not begin as one");
	if (cursor_u32(&c, &version) != ST_OK || cursor_u32(&c, &size) != ST_OK)
		return fail(fault, ST_MALFORMED, len, "the file is cut short within its head");
	if (version > FORMAT_VERSION)
		return fail(fault, ST_UNSUPPORTED, MAGIC_LEN,
		            "written by a newer release, in a format that this one does not know");
	if (version == 0 || size > ARCHIVE_HEAD_MAX)
		return fail(fault, ST_MALFORMED, MAGIC_LEN, "an impossible version or length");
	if (cursor_bytes(&c, size, &at) != ST_OK || cursor_u64(&c, &sum) != ST_OK)
		return fail(fault, ST_MALFORMED, len, "the file is cut short within its head");
	if (sum != chunk_checksum(bytes, FRAME_LEN + size))
		return fail(fault, ST_MALFORMED, 0, "the head does not match its checksum");
	*ret_len = FRAME_LEN + size + SUM_LEN;
	return ST_OK;
}

static enum status take_head(const uint8_t *bytes, size_t len, struct archive_head *ret,
                             size_t *ret_len, struct fault *fault)
{
	struct archive_head head = {0};
	struct cursor c;
	uint64_t created;
	enum status st;
	size_t size;

	st = open_frame(bytes, len, &size, fault);
	if (st != ST_OK)
		return st;
	c = cursor_of(bytes + FRAME_LEN, size - FRAME_LEN - SUM_LEN);
	if (cursor_u64(&c, &head.cluster_id) != ST_OK || cursor_u64(&c, &head.index) != ST_OK ||
	    cursor_u64(&c, &head.digest) != ST_OK || cursor_u64(&c, &head.sessions) != ST_OK ||
	    cursor_u64(&c, &created) != ST_OK || cursor_u32(&c, &head.state_version) != ST_OK ||
	    cursor_u32(&c, &head.promise_max_ms) != ST_OK ||
	    cursor_text16(&c, head.node, sizeof head.node) != ST_OK || c.left != 0 ||
	    head.promise_max_ms == 0)
		return fail(fault, ST_MALFORMED, FRAME_LEN, "an impossible value in the head");
	head.created_ms = (int64_t)created;
	*ret = head;
	*ret_len = size;
	return ST_OK;
}

/* The record at `at`, its bytes checked. */
static enum status take_record(const uint8_t *bytes, size_t len, size_t at, struct record *ret,
                               struct fault *fault)
{
	struct cursor c = cursor_of(bytes + at, len - at);
	struct record r;

	if (cursor_u32(&c, &r.kind) != ST_OK || cursor_u32(&c, &r.chunk) != ST_OK ||
	    cursor_u64(&c, &r.len) != ST_OK || cursor_u64(&c, &r.checksum) != ST_OK)
		return fail(fault, ST_MALFORMED, len, "the file is cut short: its end is missing");
	if (r.kind != RECORD_CHUNK && r.kind != RECORD_MANIFEST)
		return fail(fault, ST_MALFORMED, at,
		            "neither a chunk nor the manifest begins here");
	if (r.chunk >= IMAGE_CHUNKS)
		return fail(fault, ST_MALFORMED, at + 4, "there is no chunk with this number");
	if (r.len > c.left)
		return fail(fault, ST_MALFORMED, len,
		            "the file is cut short, or the length of its last part is damaged");
	r.bytes = c.at;
	if (chunk_checksum(r.bytes, (size_t)r.len) != r.checksum)
		return fail(fault, ST_MALFORMED, at,
		            "what begins here does not match its checksum: it is damaged");
	*ret = r;
	return ST_OK;
}

/* The manifest is the last record: walk there, checking all. */
static enum status find_manifest(const uint8_t *bytes, size_t len, size_t at, struct manifest *ret,
                                 struct fault *fault)
{
	struct record r;
	enum status st;

	do {
		st = take_record(bytes, len, at, &r, fault);
		if (st != ST_OK)
			return st;
		if (r.kind == RECORD_CHUNK)
			at += ARCHIVE_RECORD_BYTES + (size_t)r.len;
	} while (r.kind == RECORD_CHUNK);
	st = manifest_decode(r.bytes, (size_t)r.len, ret, fault);
	fault->at += at + ARCHIVE_RECORD_BYTES;
	if (st != ST_OK)
		return st;
	at += ARCHIVE_RECORD_BYTES + (size_t)r.len;
	return at == len ? ST_OK : fail(fault, ST_MALFORMED, at, "something follows the end");
}

/* All chunks into the loader. They were walked once: they are there. */
static enum status load_chunks(const uint8_t *bytes, size_t len, size_t at,
                               struct image_loader *loader, struct fault *fault)
{
	struct record r;
	enum status st;

	for (;;) {
		st = take_record(bytes, len, at, &r, fault);
		if (st != ST_OK || r.kind == RECORD_MANIFEST)
			return st;
		at += ARCHIVE_RECORD_BYTES;
		st = image_load_chunk(loader, r.chunk, r.bytes, (size_t)r.len, fault);
		if (st != ST_OK) {
			fault->at += at;
			return st;
		}
		at += (size_t)r.len;
	}
}

static enum status build(const uint8_t *bytes, size_t len, size_t at, const struct manifest *m,
                         struct store *s, struct fault *fault)
{
	struct image_loader *loader;
	enum status st = image_load(m, &loader);

	if (st != ST_OK)
		return fail(fault, st, at, "out of memory");
	st = load_chunks(bytes, len, at, loader, fault);
	if (st != ST_OK) {
		image_load_abort(loader);
		return st;
	}
	return image_load_finish(loader, s, fault);
}

enum status archive_restore(const uint8_t *bytes, size_t len, struct store *s,
                            struct archive_head *ret, struct fault *fault)
{
	struct archive_head head;
	struct manifest *m;
	enum status st;
	size_t at;

	st = take_head(bytes, len, &head, &at, fault);
	if (st != ST_OK)
		return st;
	m = malloc(sizeof *m);
	if (m == NULL)
		return fail(fault, ST_NOMEM, 0, "out of memory");
	st = find_manifest(bytes, len, at, m, fault);
	if (st == ST_OK && (m->index != head.index || m->digest != head.digest))
		st = fail(fault, ST_MALFORMED, 0, "head and manifest are of different states");
	if (st == ST_OK)
		st = build(bytes, len, at, m, s, fault);
	free(m);
	if (st == ST_OK)
		*ret = head;
	return st;
}
