#include <assert.h>

#include "session/command.h"
#include "session/limits.h"

static void encode_head(struct buf *b, uint8_t version, enum command_type type,
                        const struct command_head *h)
{
	assert(h->request_id_len <= REQUEST_ID_MAX);
	buf_u8(b, version);
	buf_u8(b, (uint8_t)type);
	buf_u64(b, h->origin.id);
	buf_u64(b, h->origin.seq);
	buf_u64(b, (uint64_t)h->now_ms);
	buf_u8(b, (uint8_t)h->request_id_len);
	buf_bytes(b, h->request_id, h->request_id_len);
}

static void encode_head_1(struct buf *b, enum command_type type, const struct command_head *h,
                          const struct session_id *id)
{
	encode_head(b, COMMAND_VERSION_1, type, h);
	buf_bytes(b, id->bytes, SESSION_ID_BYTES);
}

void command_create(struct buf *b, const struct command_head *h, const struct session_id *id,
                    const uint8_t *info, size_t info_len)
{
	assert(info_len <= UINT32_MAX);
	encode_head_1(b, COMMAND_CREATE, h, id);
	buf_u32(b, (uint32_t)info_len);
	buf_bytes(b, info, info_len);
}

/* Where, who, which session, key, value: NOLINTNEXTLINE(readability-function-size) */
void command_put(struct buf *b, const struct command_head *h, const struct session_id *id,
                 const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len)
{
	assert(key_len <= UINT16_MAX && value_len <= UINT32_MAX);
	encode_head_1(b, COMMAND_PUT, h, id);
	buf_u16(b, (uint16_t)key_len);
	buf_bytes(b, key, key_len);
	buf_u32(b, (uint32_t)value_len);
	buf_bytes(b, value, value_len);
}

void command_delete(struct buf *b, const struct command_head *h, const struct session_id *id)
{
	encode_head_1(b, COMMAND_DELETE, h, id);
}

static void encode_head_2(struct buf *b, enum command_type type, const struct command_head *h)
{
	encode_head(b, COMMAND_VERSION_2, type, h);
	buf_u8(b, h->guards);
	if ((h->guards & GUARD_EPOCH) != 0)
		buf_u64(b, h->epoch);
	if ((h->guards & GUARD_PRINCIPAL) != 0) {
		assert(h->principal_len <= UINT16_MAX);
		buf_u16(b, (uint16_t)h->principal_len);
		buf_bytes(b, h->principal, h->principal_len);
	}
}

static void encode_session(struct buf *b, enum command_type type, const struct command_head *h,
                           const struct session_id *id)
{
	encode_head_2(b, type, h);
	buf_bytes(b, id->bytes, SESSION_ID_BYTES);
}

static void encode_text(struct buf *b, const uint8_t *text, size_t len)
{
	assert(len <= UINT32_MAX);
	buf_u32(b, (uint32_t)len);
	buf_bytes(b, text, len);
}

void command2_create(struct buf *b, const struct command_head *h, const struct session_id *id,
                     const struct session_attrs *a)
{
	encode_session(b, COMMAND_CREATE, h, id);
	buf_u64(b, a->owner);
	buf_u64(b, a->ttl_ms);
	encode_text(b, a->info, a->info_len);
	encode_text(b, a->protocol, a->protocol_len);
	encode_text(b, a->capabilities, a->capabilities_len);
	encode_text(b, a->principal, a->principal_len);
}

static void encode_key(struct buf *b, const struct command_key *key)
{
	assert(key->len <= UINT16_MAX);
	buf_u8(b, key->checked);
	if (key->checked)
		buf_u64(b, key->expected);
	buf_u16(b, (uint16_t)key->len);
	buf_bytes(b, key->bytes, key->len);
}

void command2_put(struct buf *b, const struct command_head *h, const struct session_id *id,
                  const struct command_key *key, const uint8_t *value, size_t value_len)
{
	encode_session(b, COMMAND_PUT, h, id);
	encode_key(b, key);
	encode_text(b, value, value_len);
}

void command2_unset(struct buf *b, const struct command_head *h, const struct session_id *id,
                    const struct command_key *key)
{
	encode_session(b, COMMAND_UNSET, h, id);
	encode_key(b, key);
}

void command2_delete(struct buf *b, const struct command_head *h, const struct session_id *id)
{
	encode_session(b, COMMAND_DELETE, h, id);
}

void command2_claim(struct buf *b, const struct command_head *h, const struct session_id *id,
                    uint64_t owner)
{
	encode_session(b, COMMAND_CLAIM, h, id);
	buf_u64(b, owner);
}

void command2_touch(struct buf *b, const struct command_head *h, const struct session_id *ids,
                    size_t n)
{
	size_t i;

	assert(n <= TOUCH_MAX);
	encode_head_2(b, COMMAND_TOUCH, h);
	buf_u32(b, (uint32_t)n);
	for (i = 0; i < n; i++)
		buf_bytes(b, ids[i].bytes, SESSION_ID_BYTES);
}

void command2_expire(struct buf *b, const struct command_head *h, const struct expiry *list,
                     size_t n)
{
	size_t i;

	assert(n <= EXPIRE_MAX);
	encode_head_2(b, COMMAND_EXPIRE, h);
	buf_u32(b, (uint32_t)n);
	for (i = 0; i < n; i++) {
		buf_bytes(b, list[i].id.bytes, SESSION_ID_BYTES);
		buf_u64(b, (uint64_t)list[i].active_ms);
		buf_u64(b, list[i].revision);
	}
}

void command2_mark(struct buf *b, const struct command_head *h)
{
	encode_head_2(b, COMMAND_MARK, h);
}

void command2_upgrade(struct buf *b, const struct command_head *h, uint32_t version)
{
	encode_head_2(b, COMMAND_UPGRADE, h);
	buf_u64(b, version);
}

void command2_limits(struct buf *b, const struct command_head *h, uint64_t sessions_max,
                     uint64_t bytes_max)
{
	encode_head_2(b, COMMAND_LIMITS, h);
	buf_u64(b, sessions_max);
	buf_u64(b, bytes_max);
}

void command2_fields(struct buf *b, const struct command_head *h, enum command_type type,
                     const struct session_id *id, const struct command_fields *f)
{
	unsigned numbers;
	unsigned texts;
	unsigned i;

	assert(type >= COMMAND_APPEND);
	command_shape(type, &numbers, &texts);
	encode_session(b, type, h, id);
	for (i = 0; i < numbers; i++)
		buf_u64(b, f->numbers[i]);
	for (i = 0; i < texts; i++)
		encode_text(b, f->texts[i].at, f->texts[i].len);
}
