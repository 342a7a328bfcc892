#include "session/command.h"

#include <string.h>

#include "session/limits.h"

static enum status decode_head(struct cursor *c, struct command *cmd)
{
	uint64_t now_ms;
	uint8_t request_id_len;

	if (cursor_u64(c, &cmd->head.origin.id) != ST_OK ||
	    cursor_u64(c, &cmd->head.origin.seq) != ST_OK || cursor_u64(c, &now_ms) != ST_OK ||
	    cursor_u8(c, &request_id_len) != ST_OK || request_id_len > REQUEST_ID_MAX ||
	    cursor_bytes(c, request_id_len, &cmd->head.request_id) != ST_OK)
		return ST_MALFORMED;
	cmd->head.now_ms = (int64_t)now_ms;
	cmd->head.request_id_len = request_id_len;
	return ST_OK;
}

static enum status decode_guards(struct cursor *c, struct command_head *h)
{
	uint16_t len;

	if (cursor_u8(c, &h->guards) != ST_OK)
		return ST_MALFORMED;
	if ((h->guards & ~(GUARD_EPOCH | GUARD_PRINCIPAL)) != 0)
		return ST_UNSUPPORTED;
	if ((h->guards & GUARD_EPOCH) != 0 && cursor_u64(c, &h->epoch) != ST_OK)
		return ST_MALFORMED;
	if ((h->guards & GUARD_PRINCIPAL) == 0)
		return ST_OK;
	if (cursor_u16(c, &len) != ST_OK || cursor_bytes(c, len, &h->principal) != ST_OK)
		return ST_MALFORMED;
	h->principal_len = len;
	return ST_OK;
}

static enum status decode_text(struct cursor *c, const uint8_t **ret, size_t *ret_len)
{
	uint32_t len;

	if (cursor_u32(c, &len) != ST_OK || cursor_bytes(c, len, ret) != ST_OK)
		return ST_MALFORMED;
	*ret_len = len;
	return ST_OK;
}

static enum status body_create(struct cursor *c, struct command *cmd)
{
	struct session_attrs *a = &cmd->attrs;

	if (cmd->version == COMMAND_VERSION_1)
		return decode_text(c, &a->info, &a->info_len);
	if (cursor_u64(c, &a->owner) != ST_OK || cursor_u64(c, &a->ttl_ms) != ST_OK ||
	    decode_text(c, &a->info, &a->info_len) != ST_OK ||
	    decode_text(c, &a->protocol, &a->protocol_len) != ST_OK ||
	    decode_text(c, &a->capabilities, &a->capabilities_len) != ST_OK)
		return ST_MALFORMED;
	return decode_text(c, &a->principal, &a->principal_len);
}

static enum status decode_key(struct cursor *c, struct command *cmd)
{
	struct command_key *key = &cmd->key;
	uint8_t checked = 0;
	uint16_t len;

	if (cmd->version != COMMAND_VERSION_1 && (cursor_u8(c, &checked) != ST_OK || checked > 1))
		return ST_MALFORMED;
	key->checked = checked == 1;
	if (key->checked && cursor_u64(c, &key->expected) != ST_OK)
		return ST_MALFORMED;
	if (cursor_u16(c, &len) != ST_OK || cursor_bytes(c, len, &key->bytes) != ST_OK)
		return ST_MALFORMED;
	key->len = len;
	return ST_OK;
}

static enum status body_put(struct cursor *c, struct command *cmd)
{
	enum status st = decode_key(c, cmd);

	return st != ST_OK ? st : decode_text(c, &cmd->value, &cmd->value_len);
}

static enum status decode_list(struct cursor *c, struct command *cmd, size_t item)
{
	const uint8_t *items;
	uint32_t n;

	if (cursor_u32(c, &n) != ST_OK || n > c->left / item ||
	    cursor_bytes(c, n * item, &items) != ST_OK)
		return ST_MALFORMED;
	cmd->list = cursor_of(items, n * item);
	cmd->n = n;
	return ST_OK;
}

static enum status body_touch(struct cursor *c, struct command *cmd)
{
	return decode_list(c, cmd, SESSION_ID_BYTES);
}

static enum status body_expire(struct cursor *c, struct command *cmd)
{
	return decode_list(c, cmd, SESSION_ID_BYTES + 8 + 8);
}

/* How each type goes on behind the head. */
static const struct {
	uint8_t since;   /* first command version that has it; 0: none has */
	bool has_id;     /* it is about one session or object */
	uint8_t numbers; /* then come so many numbers, */
	uint8_t texts;   /* so many texts, */
	enum status (*body)(struct cursor *c, struct command *cmd); /* and this, unless NULL */
} shapes[COMMAND_TYPES] = {
    [COMMAND_CREATE] = {COMMAND_VERSION_1, true, 0, 0, body_create},
    [COMMAND_PUT] = {COMMAND_VERSION_1, true, 0, 0, body_put},
    [COMMAND_DELETE] = {COMMAND_VERSION_1, true, 0, 0, NULL},
    [COMMAND_UNSET] = {COMMAND_VERSION_2, true, 0, 0, decode_key},
    [COMMAND_CLAIM] = {COMMAND_VERSION_2, true, 1, 0, NULL},
    [COMMAND_TOUCH] = {COMMAND_VERSION_2, false, 0, 0, body_touch},
    [COMMAND_EXPIRE] = {COMMAND_VERSION_2, false, 0, 0, body_expire},
    [COMMAND_MARK] = {COMMAND_VERSION_2, false, 0, 0, NULL},
    [COMMAND_UPGRADE] = {COMMAND_VERSION_2, false, 1, 0, NULL},
    [COMMAND_LIMITS] = {COMMAND_VERSION_2, false, 2, 0, NULL},
    [COMMAND_APPEND] = {COMMAND_VERSION_2, true, 2, 1, NULL},
    [COMMAND_TRIM] = {COMMAND_VERSION_2, true, 2, 0, NULL},
    [COMMAND_CLOSE] = {COMMAND_VERSION_2, true, 1, 0, NULL},
    [COMMAND_ASK] = {COMMAND_VERSION_2, true, 1, 2, NULL},
    [COMMAND_ANSWER] = {COMMAND_VERSION_2, true, 1, 1, NULL},
    [COMMAND_DISMISS] = {COMMAND_VERSION_2, true, 1, 0, NULL},
    [COMMAND_HANDLE_CREATE] = {COMMAND_VERSION_2, true, 1, 2, NULL},
    [COMMAND_HANDLE_PUT] = {COMMAND_VERSION_2, true, 1, 1, NULL},
    [COMMAND_HANDLE_DELETE] = {COMMAND_VERSION_2, true, 0, 0, NULL},
    [COMMAND_TASK_CREATE] = {COMMAND_VERSION_2, true, 3, 3, NULL},
    [COMMAND_TASK_UPDATE] = {COMMAND_VERSION_2, true, 2, 2, NULL},
    [COMMAND_TASK_CANCEL] = {COMMAND_VERSION_2, true, 0, 0, NULL},
    [COMMAND_TASK_CLAIM] = {COMMAND_VERSION_2, true, 2, 0, NULL},
    [COMMAND_TASK_DELETE] = {COMMAND_VERSION_2, true, 0, 0, NULL},
};

void command_shape(enum command_type type, unsigned *ret_numbers, unsigned *ret_texts)
{
	*ret_numbers = shapes[type].numbers;
	*ret_texts = shapes[type].texts;
}

static enum status decode_body(struct cursor *c, struct command *cmd)
{
	struct command_fields *f = &cmd->fields;
	unsigned i;

	for (i = 0; i < shapes[cmd->type].numbers; i++) {
		if (cursor_u64(c, &f->numbers[i]) != ST_OK)
			return ST_MALFORMED;
	}
	for (i = 0; i < shapes[cmd->type].texts; i++) {
		if (decode_text(c, &f->texts[i].at, &f->texts[i].len) != ST_OK)
			return ST_MALFORMED;
	}
	return shapes[cmd->type].body == NULL ? ST_OK : shapes[cmd->type].body(c, cmd);
}

static enum status decode_id(struct cursor *c, struct command *cmd)
{
	const uint8_t *id;

	if (!shapes[cmd->type].has_id)
		return ST_OK;
	if (cursor_bytes(c, SESSION_ID_BYTES, &id) != ST_OK)
		return ST_MALFORMED;
	memcpy(cmd->id.bytes, id, SESSION_ID_BYTES);
	return ST_OK;
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
	uint8_t type;
	enum status st;

	memset(&cmd, 0, sizeof cmd);
	if (len > COMMAND_MAX)
		return command_fault(fault, ST_MALFORMED, COMMAND_MAX, "longer than any command");
	if (cursor_u8(&c, &cmd.version) != ST_OK || cursor_u8(&c, &type) != ST_OK)
		return command_fault(fault, ST_MALFORMED, 0, "no version and type");
	if (cmd.version != COMMAND_VERSION_1 && cmd.version != COMMAND_VERSION_2)
		return command_fault(fault, ST_UNSUPPORTED, 0, "unknown command version");
	if (type >= COMMAND_TYPES || shapes[type].since == 0 || shapes[type].since > cmd.version)
		return command_fault(fault, ST_UNSUPPORTED, 1, "unknown command type");
	cmd.type = (enum command_type)type;
	st = decode_head(&c, &cmd);
	if (st == ST_OK && cmd.version != COMMAND_VERSION_1)
		st = decode_guards(&c, &cmd.head);
	if (st == ST_OK)
		st = decode_id(&c, &cmd);
	if (st != ST_OK)
		return command_fault(fault, st, len - c.left, "bad command head");
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

uint64_t command_upgrades_to(const uint8_t *bytes, size_t len)
{
	struct command cmd;
	struct fault fault;

	/* All other commands are told from it by their second byte. */
	if (len < 2 || bytes[0] != COMMAND_VERSION_2 || bytes[1] != COMMAND_UPGRADE ||
	    command_decode(bytes, len, &cmd, &fault) != ST_OK)
		return 0;
	return cmd.fields.numbers[0];
}
