/* A session's body in a chunk, and back. Layout: doc/protocol/session-state.md. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "session/state.h"

/* A length that is known only afterwards. */
static void set_u32(struct buf *b, size_t at, uint32_t v)
{
	unsigned i;

	for (i = 0; buf_status(b) == ST_OK && i < 4; i++)
		b->base[at + i] = (uint8_t)(v >> (24 - 8 * i));
}

static unsigned parts_count(const struct session *session)
{
	unsigned n = 0;
	unsigned i;

	for (i = 0; session->parts != NULL && i < PART_KINDS; i++)
		n += session->parts[i] != NULL;
	return n;
}

static void encode_parts(const struct session *session, struct buf *b)
{
	unsigned i;

	buf_u8(b, (uint8_t)parts_count(session));
	for (i = 0; session->parts != NULL && i < PART_KINDS; i++) {
		size_t at = b->len;

		if (session->parts[i] == NULL)
			continue;
		buf_u8(b, (uint8_t)i);
		buf_u32(b, 0);
		part_ops_of(i)->encode(session->parts[i], b);
		set_u32(b, at + 1, (uint32_t)(b->len - at - 5));
	}
}

void session_encode(const struct object *o, struct buf *b)
{
	const struct session *session = session_of_const(o);
	const uint64_t numbers[] = {(uint64_t)session->created_ms,
	                            (uint64_t)session->active_ms,
	                            session->epoch,
	                            session->revision,
	                            session->owner,
	                            session->ttl_ms};
	size_t len = (size_t)session->info_len + session->protocol_len + session->capabilities_len +
	             session->principal_len;
	uint32_t i;

	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		buf_u64(b, numbers[i]);
	buf_u16(b, session->info_len);
	buf_u8(b, session->protocol_len);
	buf_u16(b, session->capabilities_len);
	buf_u16(b, session->principal_len);
	buf_bytes(b, session->texts, len);
	buf_u32(b, session->n_keys);
	for (i = 0; i < session->n_keys; i++) {
		const struct entry *entry = session->keys[i];

		buf_u64(b, entry->revision);
		buf_u16(b, entry->key_len);
		buf_u32(b, entry->value_len);
		buf_bytes(b, entry->bytes, (size_t)entry->key_len + entry->value_len);
	}
	encode_parts(session, b);
}

static enum status decode_texts(struct cursor *c, struct session_attrs *a)
{
	uint8_t protocol_len;
	uint16_t lens[3];

	if (cursor_u16(c, &lens[0]) != ST_OK || cursor_u8(c, &protocol_len) != ST_OK ||
	    cursor_u16(c, &lens[1]) != ST_OK || cursor_u16(c, &lens[2]) != ST_OK ||
	    lens[0] > SESSION_INFO_MAX || protocol_len > SESSION_PROTOCOL_MAX ||
	    lens[1] > SESSION_CAPABILITIES_MAX || lens[2] > SESSION_PRINCIPAL_MAX)
		return ST_MALFORMED;
	a->info_len = lens[0];
	a->protocol_len = protocol_len;
	a->capabilities_len = lens[1];
	a->principal_len = lens[2];
	if (cursor_bytes(c, a->info_len, &a->info) != ST_OK ||
	    cursor_bytes(c, a->protocol_len, &a->protocol) != ST_OK ||
	    cursor_bytes(c, a->capabilities_len, &a->capabilities) != ST_OK)
		return ST_MALFORMED;
	return cursor_bytes(c, a->principal_len, &a->principal);
}

/* Everything before the keys. */
static enum status decode_head(const struct session_id *id, struct cursor *c, uint64_t index,
                               struct session **ret)
{
	struct session_attrs attrs;
	struct session *session;
	uint64_t numbers[6];
	enum status st;
	unsigned i;

	for (i = 0; i < 6; i++) {
		if (cursor_u64(c, &numbers[i]) != ST_OK)
			return ST_MALFORMED;
	}
	if (decode_texts(c, &attrs) != ST_OK || numbers[2] == 0 ||
	    numbers[2] >> FENCE_BITS > index || numbers[3] > index ||
	    numbers[5] > SESSION_TTL_MAX_MS)
		return ST_MALFORMED;
	attrs.owner = numbers[4];
	attrs.ttl_ms = numbers[5];
	st = session_new(id, &attrs, &session);
	if (st != ST_OK)
		return st;
	session->created_ms = (int64_t)numbers[0];
	session->active_ms = (int64_t)numbers[1];
	session->epoch = numbers[2];
	session->revision = numbers[3];
	*ret = session;
	return ST_OK;
}

enum status session_take_key(struct session *session, const struct command_key *key,
                             const uint8_t *value, size_t value_len, uint64_t revision)
{
	struct entry *entry;
	enum status st;
	uint32_t place;
	bool found;

	place = session_key_place(session, key->bytes, key->len, &found);
	if (found || key->len == 0 || key->len > SESSION_KEY_MAX || value_len > SESSION_VALUE_MAX)
		return ST_MALFORMED;
	st = entry_new(&session->object.id, key, value, value_len, revision, &entry);
	if (st != ST_OK)
		return st;
	st = session_key_put(session, place, false, entry);
	if (st != ST_OK) {
		free(entry);
		return st;
	}
	return session->bytes > SESSION_BYTES_MAX ? ST_MALFORMED : ST_OK;
}

static enum status decode_key(struct cursor *c, struct session *session, uint64_t index)
{
	struct command_key key = {.checked = false};
	const uint8_t *value;
	uint64_t revision;
	uint32_t value_len;
	uint16_t key_len;

	if (cursor_u64(c, &revision) != ST_OK || cursor_u16(c, &key_len) != ST_OK ||
	    cursor_u32(c, &value_len) != ST_OK || revision == 0 || revision > index ||
	    cursor_bytes(c, key_len, &key.bytes) != ST_OK ||
	    cursor_bytes(c, value_len, &value) != ST_OK)
		return ST_MALFORMED;
	key.len = key_len;
	return session_take_key(session, &key, value, value_len, revision);
}

static enum status decode_part(struct cursor *c, struct session *session)
{
	const uint8_t *bytes;
	struct cursor body;
	uint32_t len;
	uint8_t kind;

	if (cursor_u8(c, &kind) != ST_OK || cursor_u32(c, &len) != ST_OK ||
	    cursor_bytes(c, len, &bytes) != ST_OK)
		return ST_MALFORMED;
	if (part_ops_of(kind) == NULL)
		return ST_UNSUPPORTED;
	if (session->parts == NULL) {
		session->parts = calloc(PART_KINDS, sizeof(void *));
		if (session->parts == NULL)
			return ST_NOMEM;
	}
	if (session->parts[kind] != NULL)
		return ST_MALFORMED;
	body = cursor_of(bytes, len);
	return part_ops_of(kind)->decode(&body, &session->parts[kind]);
}

static enum status decode_rest(struct cursor *c, struct session *session, uint64_t index)
{
	enum status st = ST_OK;
	uint8_t parts;
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK)
		return ST_MALFORMED;
	for (; n > 0 && st == ST_OK; n--)
		st = decode_key(c, session, index);
	if (st == ST_OK && cursor_u8(c, &parts) != ST_OK)
		st = ST_MALFORMED;
	if (st != ST_OK)
		return st;
	for (; parts > 0 && st == ST_OK; parts--)
		st = decode_part(c, session);
	if (st != ST_OK)
		return st;
	return c->left != 0 || session_bytes(session) > SESSION_BYTES_MAX ? ST_MALFORMED : ST_OK;
}

enum status session_decode(const struct session_id *id, struct cursor *c, uint64_t index,
                           struct object **ret)
{
	struct session *session;
	enum status st;

	st = decode_head(id, c, index, &session);
	if (st != ST_OK)
		return st;
	st = decode_rest(c, session, index);
	if (st != ST_OK) {
		session_ops.free(&session->object);
		return st;
	}
	*ret = &session->object;
	return ST_OK;
}
