#include "session/command.h"

#include <assert.h>
#include <string.h>

#include "base/cursor.h"
#include "session/limits.h"

static void encode_head(struct buf *b, enum command_type type, const struct command_head *h,
                        const struct session_id *id)
{
	assert(h->request_id_len <= REQUEST_ID_MAX);
	buf_u8(b, COMMAND_VERSION);
	buf_u8(b, (uint8_t)type);
	buf_u64(b, h->origin.id);
	buf_u64(b, h->origin.seq);
	buf_u64(b, (uint64_t)h->now_ms);
	buf_u8(b, (uint8_t)h->request_id_len);
	buf_bytes(b, h->request_id, h->request_id_len);
	buf_bytes(b, id->bytes, SESSION_ID_BYTES);
}

void command_create(struct buf *b, const struct command_head *h, const struct session_id *id,
                    const uint8_t *info, size_t info_len)
{
	assert(info_len <= UINT32_MAX);
	encode_head(b, COMMAND_CREATE, h, id);
	buf_u32(b, (uint32_t)info_len);
	buf_bytes(b, info, info_len);
}

/* Where, who, which session, key, value: NOLINTNEXTLINE(readability-function-size) */
void command_put(struct buf *b, const struct command_head *h, const struct session_id *id,
                 const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len)
{
	assert(key_len <= UINT16_MAX && value_len <= UINT32_MAX);
	encode_head(b, COMMAND_PUT, h, id);
	buf_u16(b, (uint16_t)key_len);
	buf_bytes(b, key, key_len);
	buf_u32(b, (uint32_t)value_len);
	buf_bytes(b, value, value_len);
}

void command_delete(struct buf *b, const struct command_head *h, const struct session_id *id)
{
	encode_head(b, COMMAND_DELETE, h, id);
}

static enum status decode_head(struct cursor *c, struct command *cmd)
{
	const uint8_t *id;
	uint64_t now_ms;
	uint8_t request_id_len;

	if (cursor_u64(c, &cmd->head.origin.id) != ST_OK ||
	    cursor_u64(c, &cmd->head.origin.seq) != ST_OK || cursor_u64(c, &now_ms) != ST_OK ||
	    cursor_u8(c, &request_id_len) != ST_OK || request_id_len > REQUEST_ID_MAX ||
	    cursor_bytes(c, request_id_len, &cmd->head.request_id) != ST_OK ||
	    cursor_bytes(c, SESSION_ID_BYTES, &id) != ST_OK)
		return ST_MALFORMED;
	cmd->head.now_ms = (int64_t)now_ms;
	cmd->head.request_id_len = request_id_len;
	memcpy(cmd->id.bytes, id, SESSION_ID_BYTES);
	return ST_OK;
}

static enum status decode_value(struct cursor *c, struct command *cmd)
{
	uint32_t len;

	if (cursor_u32(c, &len) != ST_OK || cursor_bytes(c, len, &cmd->value) != ST_OK)
		return ST_MALFORMED;
	cmd->value_len = len;
	return ST_OK;
}

static enum status decode_body(struct cursor *c, struct command *cmd)
{
	uint16_t key_len;

	switch (cmd->type) {
	case COMMAND_CREATE:
		return decode_value(c, cmd);
	case COMMAND_PUT:
		if (cursor_u16(c, &key_len) != ST_OK ||
		    cursor_bytes(c, key_len, &cmd->key) != ST_OK)
			return ST_MALFORMED;
		cmd->key_len = key_len;
		return decode_value(c, cmd);
	case COMMAND_DELETE:
		return ST_OK;
	}
	return ST_UNSUPPORTED;
}

static enum status command_fault(struct fault *fault, enum status st, size_t at, const char *what)
{
	fault->st = st;
	fault->at = at;
	fault->what = what;
	return st;
}

enum status command_decode(const uint8_t *bytes, size_t len, struct command *ret,
                           struct fault *fault)
{
	struct cursor c = cursor_of(bytes, len);
	struct command cmd;
	uint8_t version;
	uint8_t type;
	enum status st;

	memset(&cmd, 0, sizeof cmd);
	if (len > COMMAND_MAX)
		return command_fault(fault, ST_MALFORMED, COMMAND_MAX, "longer than any command");
	if (cursor_u8(&c, &version) != ST_OK || cursor_u8(&c, &type) != ST_OK)
		return command_fault(fault, ST_MALFORMED, 0, "no version and type");
	if (version != COMMAND_VERSION)
		return command_fault(fault, ST_UNSUPPORTED, 0, "unknown command version");
	if (type < COMMAND_CREATE || type > COMMAND_DELETE)
		return command_fault(fault, ST_UNSUPPORTED, 1, "unknown command type");
	cmd.type = (enum command_type)type;
	if (decode_head(&c, &cmd) != ST_OK)
		return command_fault(fault, ST_MALFORMED, len - c.left, "bad command head");
	st = decode_body(&c, &cmd);
	if (st != ST_OK)
		return command_fault(fault, st, len - c.left, "bad command body");
	if (c.left != 0)
		return command_fault(fault, ST_MALFORMED, len - c.left, "bytes after the command");
	*ret = cmd;
	return ST_OK;
}

enum status command_check(const uint8_t *bytes, size_t len, struct fault *fault)
{
	struct command cmd;

	return command_decode(bytes, len, &cmd, fault);
}
