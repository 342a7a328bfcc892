/* The whole store as bytes, and back. Layout: doc/protocol/session-commands.md.
 *
 * Restoring builds a second store beside the present one and swaps them at the end, so a bad
 * snapshot changes nothing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/cursor.h"
#include "session/state.h"

enum {
	SNAPSHOT_MAGIC = 0x45534E50, /* "ESNP" */
	SNAPSHOT_VERSION = 1,
	SNAPSHOT_FRAME = 4 + 2 + 8,        /* magic, version, checksum */
	SNAPSHOT_MIN = SNAPSHOT_FRAME + 8, /* ... and the index */
};

static void put_recent(const struct recent *r, struct buf *b)
{
	size_t i;

	buf_u32(b, (uint32_t)r->n);
	for (i = 0; i < r->n; i++) {
		const struct recent_item *item = recent_at(r, i);

		buf_u8(b, item->key_len);
		buf_bytes(b, item->key, item->key_len);
		buf_bytes(b, item->result, RESULT_BYTES);
	}
}

static void put_session(const struct session *session, struct buf *b)
{
	const struct omap_node *node;

	buf_bytes(b, session->id.bytes, SESSION_ID_BYTES);
	buf_u64(b, (uint64_t)session->created_ms);
	buf_u64(b, (uint64_t)session->active_ms);
	buf_u64(b, session->epoch);
	buf_u64(b, session->revision);
	buf_u32(b, (uint32_t)session->info_len);
	buf_bytes(b, session->info, session->info_len);
	buf_u32(b, (uint32_t)session->keys.n);
	for (node = omap_first(&session->keys); node != NULL; node = node->next[0]) {
		const struct entry *entry = node->value;

		buf_u16(b, (uint16_t)entry->key_len);
		buf_u32(b, (uint32_t)entry->value_len);
		buf_bytes(b, entry->bytes, entry->key_len + entry->value_len);
	}
}

enum status store_snapshot(const struct store *s, struct buf *b)
{
	const struct omap_node *node;
	size_t start = b->len;
	size_t i;

	buf_u32(b, SNAPSHOT_MAGIC);
	buf_u16(b, SNAPSHOT_VERSION);
	buf_u64(b, s->index);
	buf_u32(b, (uint32_t)s->n_origins);
	for (i = 0; i < s->n_origins; i++) {
		buf_u64(b, s->origins[i].id);
		buf_u64(b, s->origins[i].seq);
		buf_u64(b, s->origins[i].used);
	}
	put_recent(&s->pairs, b);
	put_recent(&s->requests, b);
	buf_u32(b, (uint32_t)s->sessions.n);
	for (node = omap_first(&s->sessions); node != NULL; node = node->next[0])
		put_session(node->value, b);
	buf_u64(b, store_digest(s));
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

enum status store_snapshot_check(const uint8_t *bytes, size_t len, struct fault *fault,
                                 uint64_t *index)
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
	if (version != SNAPSHOT_VERSION)
		return snapshot_fault(fault, ST_UNSUPPORTED, 4, "unknown snapshot version");
	if (cursor_u64(&c, &last) != ST_OK)
		return snapshot_fault(fault, ST_MALFORMED, 6, "no index");
	c = cursor_of(bytes + len - 8, 8);
	if (cursor_u64(&c, &checksum) != ST_OK || checksum != XXH64(bytes, len - 8, 0))
		return snapshot_fault(fault, ST_MALFORMED, len - 8, "wrong checksum");
	*index = last;
	return ST_OK;
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
		st = recent_add(r, key, key_len, result);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

static enum status get_origins(struct cursor *c, struct store *s)
{
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK || n > ORIGINS_MAX)
		return ST_MALFORMED;
	for (s->n_origins = 0; s->n_origins < n; s->n_origins++) {
		struct origin_floor *o = &s->origins[s->n_origins];

		if (cursor_u64(c, &o->id) != ST_OK || cursor_u64(c, &o->seq) != ST_OK ||
		    cursor_u64(c, &o->used) != ST_OK || o->id == 0 || o->used > s->index)
			return ST_MALFORMED;
		s->origins_digest += origin_hash(o);
	}
	return ST_OK;
}

static enum status get_entry(struct cursor *c, struct session *session)
{
	const uint8_t *value;
	const uint8_t *key;
	struct entry *entry;
	uint32_t value_len;
	uint16_t key_len;
	enum status st;

	if (cursor_u16(c, &key_len) != ST_OK || cursor_u32(c, &value_len) != ST_OK ||
	    key_len == 0 || key_len > SESSION_KEY_MAX || value_len > SESSION_VALUE_MAX ||
	    cursor_bytes(c, key_len, &key) != ST_OK ||
	    cursor_bytes(c, value_len, &value) != ST_OK ||
	    omap_find(&session->keys, key, key_len) != NULL)
		return ST_MALFORMED;
	st = entry_new(&session->id, key, key_len, value, value_len, &entry);
	if (st != ST_OK)
		return st;
	st = omap_add(&session->keys, entry->bytes, entry->key_len, entry);
	if (st != ST_OK) {
		free(entry);
		return st;
	}
	session->keys_digest += entry->hash;
	session->bytes += ENTRY_OVERHEAD + entry->key_len + entry->value_len;
	return session->bytes > SESSION_BYTES_MAX ? ST_MALFORMED : ST_OK;
}

static enum status get_session_head(struct cursor *c, struct session **ret)
{
	const uint8_t *id_bytes;
	const uint8_t *info;
	uint64_t fields[4];
	struct session_id id;
	uint32_t info_len;
	enum status st;

	if (cursor_bytes(c, SESSION_ID_BYTES, &id_bytes) != ST_OK ||
	    cursor_u64(c, &fields[0]) != ST_OK || cursor_u64(c, &fields[1]) != ST_OK ||
	    cursor_u64(c, &fields[2]) != ST_OK || cursor_u64(c, &fields[3]) != ST_OK ||
	    cursor_u32(c, &info_len) != ST_OK || info_len > SESSION_INFO_MAX ||
	    cursor_bytes(c, info_len, &info) != ST_OK)
		return ST_MALFORMED;
	memcpy(id.bytes, id_bytes, SESSION_ID_BYTES);
	st = session_new(&id, info, info_len, ret);
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
	    store_find(s, &session->id) != NULL || cursor_u32(c, &n) != ST_OK)
		goto err_session;
	while (n-- > 0) {
		st = get_entry(c, session);
		if (st != ST_OK)
			goto err_session;
	}
	st = s->bytes + session->bytes > STORE_BYTES_MAX ? ST_MALFORMED : ST_OK;
	if (st == ST_OK)
		st = store_add_session(s, session);
	if (st != ST_OK)
		goto err_session;
	return ST_OK;
err_session:
	session_free(session);
	return st;
}

/* Everything between the version and the checksum. */
static enum status get_store(struct cursor *c, struct store *s)
{
	uint64_t digest;
	enum status st;
	uint32_t n;

	if (cursor_u64(c, &s->index) != ST_OK)
		return ST_MALFORMED;
	st = get_origins(c, s);
	if (st == ST_OK)
		st = get_recent(c, &s->pairs, PAIR_BYTES, PAIR_BYTES);
	if (st == ST_OK)
		st = get_recent(c, &s->requests, 1, REQUEST_ID_MAX);
	if (st != ST_OK)
		return st;
	if (cursor_u32(c, &n) != ST_OK || n > SESSIONS_MAX)
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

enum status store_restore(struct store *s, const uint8_t *bytes, size_t len, struct fault *fault)
{
	struct store *fresh;
	struct store swap;
	struct cursor c;
	uint64_t index;
	enum status st;

	st = store_snapshot_check(bytes, len, fault, &index);
	if (st != ST_OK)
		return st;
	st = store_new(&fresh);
	if (st != ST_OK)
		return snapshot_fault(fault, st, 0, "out of memory");
	c = cursor_of(bytes + 6, len - SNAPSHOT_FRAME);
	st = get_store(&c, fresh);
	if (st != ST_OK) {
		snapshot_fault(fault, st, len - 8 - c.left, "impossible content");
		store_free(fresh);
		return st;
	}
	swap = *s;
	*s = *fresh;
	*fresh = swap;
	store_free(fresh);
	return ST_OK;
}
