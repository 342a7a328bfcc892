/* The whole store as one piece of memory, and back.
 *
 * Version 1 is how a state of version 1 has been written since the first release, and is read for
 * ever: doc/protocol/session-commands.md. Version 2 is an image in one piece: session-state.md.
 * Restoring builds a second store beside the present one and puts it in its place at the end, so
 * that a bad snapshot changes nothing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/cursor.h"
#include "session/chunk.h"

enum {
	SNAPSHOT_MAGIC = 0x45534E50, /* "ESNP" */
	SNAPSHOT_VERSION_1 = 1,
	SNAPSHOT_VERSION_2 = 2,
	SNAPSHOT_FRAME = 4 + 2 + 8,        /* magic, version, checksum */
	SNAPSHOT_MIN = SNAPSHOT_FRAME + 8, /* ... and the index */
};

static void put_recent(const struct recent *r, struct buf *b)
{
	size_t i;

	buf_u32(b, (uint32_t)r->n);
	for (i = 0; i < r->n; i++) {
		const struct recent_item *item = recent_at(r, i);

		assert(item->result_len == RESULT_BYTES);
		buf_u8(b, item->key_len);
		buf_bytes(b, item->key, item->key_len);
		buf_bytes(b, item->result, RESULT_BYTES);
	}
}

static void put_session(const struct session *session, struct buf *b)
{
	uint32_t i;

	buf_bytes(b, session->object.id.bytes, SESSION_ID_BYTES);
	buf_u64(b, (uint64_t)session->created_ms);
	buf_u64(b, (uint64_t)session->active_ms);
	buf_u64(b, session->epoch);
	buf_u64(b, session->revision);
	buf_u32(b, session->info_len);
	buf_bytes(b, session->texts, session->info_len);
	buf_u32(b, session->n_keys);
	for (i = 0; i < session->n_keys; i++) {
		const struct entry *entry = session->keys[i];

		buf_u16(b, entry->key_len);
		buf_u32(b, entry->value_len);
		buf_bytes(b, entry->bytes, (size_t)entry->key_len + entry->value_len);
	}
}

static void put_sessions(const struct bucket *bucket, struct buf *b)
{
	unsigned i;
	uint32_t k;

	for (i = 0; i < SHELVES; i++) {
		for (k = 0; k < bucket->shelves[i].n; k++)
			put_session(session_of(bucket->shelves[i].items[k].object), b);
	}
}

static void put_version_1(const struct store *s, struct buf *b)
{
	unsigned i;

	origins_encode(s, b);
	put_recent(&s->pairs, b);
	put_recent(&s->requests, b);
	buf_u32(b, (uint32_t)s->n[OBJECT_SESSION]);
	for (i = 0; i < STORE_BUCKETS; i++)
		put_sessions(&s->buckets[i], b);
	buf_u64(b, store_digest(s));
}

static enum status put_version_2(const struct store *s, struct buf *b)
{
	struct manifest *m = calloc(1, sizeof *m);
	size_t start;
	unsigned i;

	if (m == NULL)
		return ST_NOMEM;
	m->index = s->index;
	m->digest = store_digest(s);
	m->state_version = s->version;
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		struct chunk_info *info = &m->chunks[i];

		if (chunk_is_empty(s, i))
			continue;
		start = b->len;
		chunk_encode(s, i, b);
		if (buf_status(b) != ST_OK)
			break;
		info->changed = i == 0 ? s->rest_changed : s->buckets[i - 1].changed;
		info->digest = i == 0 ? store_rest_digest(s) : s->buckets[i - 1].digest;
		info->len = b->len - start;
		info->checksum = chunk_checksum(b->base + start, info->len);
	}
	start = b->len;
	if (buf_status(b) == ST_OK)
		manifest_encode(m, b);
	buf_u32(b, (uint32_t)(b->len - start));
	free(m);
	return buf_status(b);
}

enum status store_snapshot(const struct store *s, struct buf *b)
{
	const bool first = s->version == STATE_VERSION_1;
	size_t start = b->len;

	buf_u32(b, SNAPSHOT_MAGIC);
	buf_u16(b, first ? SNAPSHOT_VERSION_1 : SNAPSHOT_VERSION_2);
	buf_u64(b, s->index);
	if (first)
		put_version_1(s, b);
	else if (put_version_2(s, b) != ST_OK)
		return ST_NOMEM;
	if (buf_status(b) == ST_OK)
		buf_u64(b, XXH64(b->base + start, b->len - start, 0));
	return buf_status(b);
}

static enum status snapshot_fault(struct fault *fault, enum status st, size_t at, const char *what)
{
	fault->st = st;
	fault->at = at;
	fault->what = what;
	return st;
}

static enum status snapshot_frame(const uint8_t *bytes, size_t len, struct fault *fault,
                                  uint16_t *ret_version, uint64_t *ret_index)
{
	struct cursor c = cursor_of(bytes, len);
	uint64_t checksum;
	uint64_t last;
	uint16_t version;
	uint32_t magic;

	if (len < SNAPSHOT_MIN || cursor_u32(&c, &magic) != ST_OK ||
	    cursor_u16(&c, &version) != ST_OK)
		return snapshot_fault(fault, ST_MALFORMED, 0, "too short for a snapshot");
	if (magic != SNAPSHOT_MAGIC)
		return snapshot_fault(fault, ST_MALFORMED, 0, "not a snapshot");
	if (version != SNAPSHOT_VERSION_1 && version != SNAPSHOT_VERSION_2)
		return snapshot_fault(fault, ST_UNSUPPORTED, 4, "unknown snapshot version");
	if (cursor_u64(&c, &last) != ST_OK)
		return snapshot_fault(fault, ST_MALFORMED, 6, "no index");
	c = cursor_of(bytes + len - 8, 8);
	if (cursor_u64(&c, &checksum) != ST_OK || checksum != XXH64(bytes, len - 8, 0))
		return snapshot_fault(fault, ST_MALFORMED, len - 8, "wrong checksum");
	*ret_version = version;
	*ret_index = last;
	return ST_OK;
}

enum status store_snapshot_check(const uint8_t *bytes, size_t len, struct fault *fault,
                                 uint64_t *index)
{
	uint16_t version;

	return snapshot_frame(bytes, len, fault, &version, index);
}

static enum status get_recent(struct cursor *c, struct recent *r, size_t key_min, size_t key_max)
{
	const uint8_t *result;
	const uint8_t *key;
	uint8_t key_len;
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK || n > r->max)
		return ST_MALFORMED;
	while (n-- > 0) {
		enum status st;

		if (cursor_u8(c, &key_len) != ST_OK || key_len < key_min || key_len > key_max ||
		    cursor_bytes(c, key_len, &key) != ST_OK ||
		    cursor_bytes(c, RESULT_BYTES, &result) != ST_OK ||
		    recent_find(r, key, key_len) != NULL)
			return ST_MALFORMED;
		st = recent_add(r, key, key_len, result, RESULT_BYTES);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

static enum status get_entry(struct cursor *c, struct session *session)
{
	struct command_key key = {.checked = false};
	const uint8_t *value;
	uint32_t value_len;
	uint16_t key_len;

	if (cursor_u16(c, &key_len) != ST_OK || cursor_u32(c, &value_len) != ST_OK ||
	    cursor_bytes(c, key_len, &key.bytes) != ST_OK ||
	    cursor_bytes(c, value_len, &value) != ST_OK)
		return ST_MALFORMED;
	key.len = key_len;
	return session_take_key(session, &key, value, value_len, ENTRY_REVISION_V1);
}

static enum status get_session_head(struct cursor *c, struct session **ret)
{
	struct session_attrs attrs = {.info_len = 0};
	const uint8_t *id_bytes;
	uint64_t fields[4];
	struct session_id id;
	uint32_t info_len;
	enum status st;

	if (cursor_bytes(c, SESSION_ID_BYTES, &id_bytes) != ST_OK ||
	    cursor_u64(c, &fields[0]) != ST_OK || cursor_u64(c, &fields[1]) != ST_OK ||
	    cursor_u64(c, &fields[2]) != ST_OK || cursor_u64(c, &fields[3]) != ST_OK ||
	    cursor_u32(c, &info_len) != ST_OK || info_len > SESSION_INFO_MAX ||
	    cursor_bytes(c, info_len, &attrs.info) != ST_OK)
		return ST_MALFORMED;
	memcpy(id.bytes, id_bytes, SESSION_ID_BYTES);
	attrs.info_len = info_len;
	st = session_new(&id, &attrs, ret);
	if (st != ST_OK)
		return st;
	(*ret)->created_ms = (int64_t)fields[0];
	(*ret)->active_ms = (int64_t)fields[1];
	(*ret)->epoch = fields[2];
	(*ret)->revision = fields[3];
	return ST_OK;
}

static enum status get_session(struct cursor *c, struct store *s)
{
	struct session *session;
	enum status st;
	uint32_t n;

	st = get_session_head(c, &session);
	if (st != ST_OK)
		return st;
	st = ST_MALFORMED;
	if (session->epoch == 0 || session->revision > s->index ||
	    store_object(s, &session->object.id) != NULL || cursor_u32(c, &n) != ST_OK)
		goto err_session;
	while (n-- > 0) {
		st = get_entry(c, session);
		if (st != ST_OK)
			goto err_session;
	}
	st = s->bytes + session->bytes > STORE_BYTES_MAX_V1 ? ST_MALFORMED : ST_OK;
	if (st == ST_OK)
		st = store_add(s, &session->object);
	if (st != ST_OK)
		goto err_session;
	return ST_OK;
err_session:
	session_ops.free(&session->object);
	return st;
}

/* Everything between the version and the checksum. */
static enum status get_version_1(struct cursor *c, struct store *s)
{
	uint64_t digest;
	enum status st;
	uint32_t n;

	if (cursor_u64(c, &s->index) != ST_OK)
		return ST_MALFORMED;
	s->rest_changed = s->index;
	st = origins_decode(c, s);
	if (st == ST_OK)
		st = get_recent(c, &s->pairs, PAIR_BYTES, PAIR_BYTES);
	if (st == ST_OK)
		st = get_recent(c, &s->requests, 1, REQUEST_ID_MAX);
	if (st != ST_OK)
		return st;
	if (cursor_u32(c, &n) != ST_OK || n > SESSIONS_MAX_V1)
		return ST_MALFORMED;
	while (n-- > 0) {
		st = get_session(c, s);
		if (st != ST_OK)
			return st;
	}
	if (cursor_u64(c, &digest) != ST_OK || c->left != 0 || digest != store_digest(s))
		return ST_MALFORMED;
	return ST_OK;
}

/* The chunks of a manifest, one behind the other. */
static enum status get_chunks(struct cursor *c, const struct manifest *m, struct store *s)
{
	struct image_loader *l;
	struct fault fault;
	const uint8_t *bytes;
	enum status st;
	unsigned i;

	st = image_load(m, &l);
	for (i = 0; st == ST_OK && i < IMAGE_CHUNKS; i++) {
		if (m->chunks[i].len == 0)
			continue;
		st = cursor_bytes(c, m->chunks[i].len, &bytes);
		if (st == ST_OK)
			st = image_load_chunk(l, i, bytes, m->chunks[i].len, &fault);
		if (st != ST_OK)
			image_load_abort(l);
	}
	if (st != ST_OK)
		return st;
	if (c->left != 0) {
		image_load_abort(l);
		return ST_MALFORMED;
	}
	return image_load_finish(l, s, &fault);
}

static enum status get_version_2(struct cursor *c, struct store *s)
{
	struct manifest *m;
	struct cursor tail;
	struct fault fault;
	uint64_t index;
	uint32_t len;
	enum status st;

	if (cursor_u64(c, &index) != ST_OK || c->left < 4)
		return ST_MALFORMED;
	tail = cursor_of(c->at + c->left - 4, 4);
	if (cursor_u32(&tail, &len) != ST_OK || len > c->left - 4)
		return ST_MALFORMED;
	m = malloc(sizeof *m);
	if (m == NULL)
		return ST_NOMEM;
	c->left -= 4 + len;
	st = manifest_decode(c->at + c->left, len, m, &fault);
	if (st == ST_OK && m->index != index)
		st = ST_MALFORMED;
	if (st == ST_OK)
		st = get_chunks(c, m, s);
	free(m);
	return st;
}

enum status store_restore(struct store *s, const uint8_t *bytes, size_t len, struct fault *fault)
{
	struct store *fresh;
	uint16_t version;
	struct cursor c;
	uint64_t index;
	enum status st;

	st = snapshot_frame(bytes, len, fault, &version, &index);
	if (st != ST_OK)
		return st;
	st = store_new(&fresh);
	if (st != ST_OK)
		return snapshot_fault(fault, st, 0, "out of memory");
	c = cursor_of(bytes + 6, len - SNAPSHOT_FRAME);
	st = version == SNAPSHOT_VERSION_1 ? get_version_1(&c, fresh) : get_version_2(&c, fresh);
	if (st != ST_OK) {
		snapshot_fault(fault, st, len - 8 - c.left, "impossible content");
		store_free(fresh);
		return st;
	}
	store_become(s, fresh);
	return ST_OK;
}
