#include "node/audit_wire.h"

#include <assert.h>

enum {
	AUDIT_VERSION = 1,
	OBJECT_BYTES = SESSION_ID_BYTES + 1 + 8 + 8, /* id, kind, digest, recounted */
	SYNC_WORDS = 10,                             /* numbers of struct audit_sync */
};

static_assert(sizeof(struct audit_sync) == SYNC_WORDS * sizeof(uint64_t), "all of it travels");

static void put_head(struct buf *b, enum audit_type type, uint64_t round)
{
	buf_u8(b, AUDIT_VERSION);
	buf_u8(b, (uint8_t)type);
	buf_u64(b, round);
}

void audit_put_ask(struct buf *b, uint64_t round, uint64_t index)
{
	put_head(b, AUDIT_ASK, round);
	buf_u64(b, index);
}

void audit_put_ask_objects(struct buf *b, uint64_t round, unsigned bucket)
{
	put_head(b, AUDIT_ASK_OBJECTS, round);
	buf_u16(b, (uint16_t)bucket);
}

void audit_put_call(struct buf *b, uint64_t round)
{
	put_head(b, AUDIT_CALL, round);
}

void audit_put_ask_sync(struct buf *b, uint64_t round)
{
	put_head(b, AUDIT_ASK_SYNC, round);
}

void audit_put_sync(struct buf *b, uint64_t round, const struct audit_sync *sync)
{
	uint64_t words[SYNC_WORDS];

	memcpy(words, sync, sizeof words);
	put_head(b, AUDIT_SYNC, round);
	for (size_t i = 0; i < SYNC_WORDS; i++)
		buf_u64(b, words[i]);
}

void audit_put_verdict(struct buf *b, const struct audit_message *m, const uint64_t *ids, size_t n)
{
	assert(n <= MEMBERS_MAX);
	put_head(b, AUDIT_VERDICT, m->round);
	buf_u64(b, m->index);
	buf_u64(b, m->digest);
	buf_u64(b, m->rest);
	buf_u8(b, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		buf_u64(b, ids[i]);
}

static void put_objects(struct buf *b, const struct object_digests *objects, size_t n)
{
	buf_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_bytes(b, objects[i].id.bytes, SESSION_ID_BYTES);
		buf_u8(b, (uint8_t)objects[i].kind);
		buf_u64(b, objects[i].digest);
		buf_u64(b, objects[i].recounted);
	}
}

void audit_put_report(struct buf *b, const struct audit_message *m,
                      const struct object_digests *found, size_t n_found,
                      const struct store_mark *mark)
{
	assert(n_found <= AUDIT_FOUND_MAX);
	put_head(b, AUDIT_REPORT, m->round);
	buf_u64(b, m->index);
	buf_u8(b, mark == NULL ? AUDIT_GONE : AUDIT_MARKED);
	buf_u64(b, mark == NULL ? 0 : mark->digest);
	buf_u64(b, mark == NULL ? 0 : mark->rest);
	buf_u64(b, m->sessions);
	buf_u16(b, (uint16_t)m->n_damaged);
	put_objects(b, found, n_found);
	for (size_t i = 0; mark != NULL && i < STORE_BUCKETS; i++)
		buf_u64(b, mark->buckets[i]);
}

void audit_put_objects(struct buf *b, const struct audit_message *m,
                       const struct object_digests *objects, size_t n)
{
	assert(n <= AUDIT_OBJECTS_MAX);
	put_head(b, AUDIT_OBJECTS, m->round);
	buf_u64(b, m->index);
	buf_u16(b, (uint16_t)m->bucket);
	buf_u64(b, m->digest);
	put_objects(b, objects, n);
}

/* --- Reading ------------------------------------------------------------------------- */

static enum status take_list(struct cursor *c, size_t n, size_t item, struct audit_message *m)
{
	const uint8_t *bytes;

	if (cursor_bytes(c, n * item, &bytes) != ST_OK)
		return ST_MALFORMED;
	m->list = cursor_of(bytes, n * item);
	m->n = n;
	return ST_OK;
}

static enum status take_objects(struct cursor *c, size_t max, struct audit_message *m)
{
	uint16_t n;

	if (cursor_u16(c, &n) != ST_OK || n > max)
		return ST_MALFORMED;
	return take_list(c, n, OBJECT_BYTES, m);
}

static enum status take_bucket(struct cursor *c, struct audit_message *m)
{
	uint16_t bucket;

	if (cursor_u16(c, &bucket) != ST_OK || bucket >= STORE_BUCKETS)
		return ST_MALFORMED;
	m->bucket = bucket;
	return ST_OK;
}

static enum status take_report(struct cursor *c, struct audit_message *m)
{
	uint16_t n_damaged;
	uint8_t standing;
	size_t len;

	if (cursor_u64(c, &m->index) != ST_OK || cursor_u8(c, &standing) != ST_OK ||
	    standing >= AUDIT_STANDINGS || cursor_u64(c, &m->digest) != ST_OK ||
	    cursor_u64(c, &m->rest) != ST_OK || cursor_u64(c, &m->sessions) != ST_OK ||
	    cursor_u16(c, &n_damaged) != ST_OK || n_damaged > STORE_BUCKETS ||
	    take_objects(c, AUDIT_FOUND_MAX, m) != ST_OK)
		return ST_MALFORMED;
	m->standing = (enum audit_standing)standing;
	m->n_damaged = n_damaged;
	len = m->standing == AUDIT_MARKED ? STORE_BUCKETS * sizeof(uint64_t) : 0;
	if (c->left != len)
		return ST_MALFORMED;
	m->buckets = *c;
	c->left = 0;
	return ST_OK;
}

static enum status take_verdict(struct cursor *c, struct audit_message *m)
{
	uint8_t n;

	if (cursor_u64(c, &m->index) != ST_OK || cursor_u64(c, &m->digest) != ST_OK ||
	    cursor_u64(c, &m->rest) != ST_OK || cursor_u8(c, &n) != ST_OK || n > MEMBERS_MAX)
		return ST_MALFORMED;
	return take_list(c, n, sizeof(uint64_t), m);
}

static enum status take_all_objects(struct cursor *c, struct audit_message *m)
{
	if (cursor_u64(c, &m->index) != ST_OK || take_bucket(c, m) != ST_OK ||
	    cursor_u64(c, &m->digest) != ST_OK)
		return ST_MALFORMED;
	return take_objects(c, AUDIT_OBJECTS_MAX, m);
}

static enum status take_sync(struct cursor *c, struct audit_message *m)
{
	uint64_t words[SYNC_WORDS];

	for (size_t i = 0; i < SYNC_WORDS; i++) {
		if (cursor_u64(c, &words[i]) != ST_OK)
			return ST_MALFORMED;
	}
	memcpy(&m->sync, words, sizeof words);
	return m->sync.bytes_done > m->sync.bytes_all ? ST_MALFORMED : ST_OK;
}

static enum status take_body(struct cursor *c, struct audit_message *m)
{
	switch (m->type) {
	case AUDIT_ASK:
		return cursor_u64(c, &m->index);
	case AUDIT_REPORT:
		return take_report(c, m);
	case AUDIT_ASK_OBJECTS:
		return take_bucket(c, m);
	case AUDIT_OBJECTS:
		return take_all_objects(c, m);
	case AUDIT_VERDICT:
		return take_verdict(c, m);
	case AUDIT_SYNC:
		return take_sync(c, m);
	default:
		return ST_OK;
	}
}

enum status audit_decode(const uint8_t *bytes, size_t len, struct audit_message *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct audit_message m = {0};
	uint8_t version;
	uint8_t type;

	if (cursor_u8(&c, &version) != ST_OK)
		return ST_MALFORMED;
	if (version != AUDIT_VERSION)
		return ST_UNSUPPORTED;
	if (cursor_u8(&c, &type) != ST_OK || type == 0 || cursor_u64(&c, &m.round) != ST_OK)
		return ST_MALFORMED;
	if (type >= AUDIT_TYPES)
		return ST_UNSUPPORTED;
	m.type = (enum audit_type)type;
	if (take_body(&c, &m) != ST_OK || c.left != 0)
		return ST_MALFORMED;
	*ret = m;
	return ST_OK;
}

uint64_t audit_next_u64(struct cursor *list)
{
	uint64_t v = 0;
	enum status st = cursor_u64(list, &v);

	assert(st == ST_OK);
	(void)st;
	return v;
}

struct object_digests audit_next_object(struct cursor *list)
{
	struct object_digests o = {0};
	const uint8_t *id = NULL;
	uint8_t kind = 0;
	enum status st = cursor_bytes(list, SESSION_ID_BYTES, &id);

	if (st == ST_OK)
		st = cursor_u8(list, &kind);
	assert(st == ST_OK);
	(void)st;
	memcpy(o.id.bytes, id, SESSION_ID_BYTES);
	o.kind = kind;
	o.digest = audit_next_u64(list);
	o.recounted = audit_next_u64(list);
	return o;
}
