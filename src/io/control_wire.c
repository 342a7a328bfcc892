#include "io/control_wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cursor.h"

enum status control_frame_length(const uint8_t *bytes, size_t len, size_t max, size_t *ret)
{
	struct cursor c = cursor_of(bytes, len);
	uint32_t rest;

	if (cursor_u32(&c, &rest) != ST_OK)
		return ST_AGAIN;
	if (rest > max - CONTROL_HEAD)
		return ST_LIMIT;
	if (c.left < rest)
		return ST_AGAIN;
	*ret = CONTROL_HEAD + (size_t)rest;
	return ST_OK;
}

/* Write the length in front of what was encoded since start. */
static void finish(struct buf *b, size_t start)
{
	const size_t rest = b->len - start - CONTROL_HEAD;

	if (buf_status(b) != ST_OK)
		return;
	assert(rest <= UINT32_MAX);
	for (size_t i = 0; i < CONTROL_HEAD; i++)
		b->base[start + i] = (uint8_t)(rest >> (24 - 8 * i));
}

static void text32(struct buf *b, const void *text, size_t len)
{
	assert(len <= UINT32_MAX);
	buf_u32(b, (uint32_t)len);
	buf_bytes(b, text, len);
}

void control_ask_encode(struct buf *b, const char *verb, const char *const *args, size_t n_args)
{
	const size_t start = b->len;

	assert(n_args <= CONTROL_ARGS_MAX);
	buf_u32(b, 0);
	buf_u8(b, CONTROL_VERSION);
	buf_u8(b, CONTROL_REQUEST);
	buf_text16(b, verb);
	buf_u16(b, (uint16_t)n_args);
	for (size_t i = 0; i < n_args; i++)
		text32(b, args[i], strlen(args[i]));
	finish(b, start);
}

void control_said_encode(struct buf *b, const struct control_said *said)
{
	const size_t start = b->len;

	buf_u32(b, 0);
	buf_u8(b, CONTROL_VERSION);
	buf_u8(b, CONTROL_REPLY);
	buf_u8(b, (uint8_t)said->exit_code);
	text32(b, said->out, said->out_len);
	text32(b, said->err, said->err_len);
	finish(b, start);
}

static enum status head(struct cursor *c, enum control_type expected)
{
	uint32_t rest;
	uint8_t version;
	uint8_t type;

	if (cursor_u32(c, &rest) != ST_OK || rest != c->left || cursor_u8(c, &version) != ST_OK)
		return ST_MALFORMED;
	if (version != CONTROL_VERSION)
		return ST_UNSUPPORTED;
	if (cursor_u8(c, &type) != ST_OK || type != expected)
		return ST_MALFORMED;
	return ST_OK;
}

static enum status bytes32(struct cursor *c, const uint8_t **ret, size_t *ret_len)
{
	const uint8_t *bytes;
	uint32_t len;

	if (cursor_u32(c, &len) != ST_OK || cursor_bytes(c, len, &bytes) != ST_OK)
		return ST_MALFORMED;
	*ret = bytes;
	*ret_len = len;
	return ST_OK;
}

static enum status decode_args(struct cursor *c, struct control_ask *a)
{
	char *to = a->text;

	for (size_t i = 0; i < a->n_args; i++) {
		const uint8_t *bytes;
		size_t len;

		if (bytes32(c, &bytes, &len) != ST_OK || memchr(bytes, 0, len) != NULL)
			return ST_MALFORMED;
		memcpy(to, bytes, len);
		to[len] = '\0';
		a->args[i] = to;
		to += len + 1;
	}
	return c->left == 0 ? ST_OK : ST_MALFORMED;
}

enum status control_ask_decode(const uint8_t *frame, size_t len, struct control_ask *ret)
{
	struct cursor c = cursor_of(frame, len);
	struct control_ask a;
	uint16_t count;
	enum status st;

	memset(&a, 0, sizeof a);
	st = head(&c, CONTROL_REQUEST);
	if (st != ST_OK)
		return st;
	st = cursor_text16(&c, a.verb, sizeof a.verb);
	if (st != ST_OK)
		return st;
	if (cursor_u16(&c, &count) != ST_OK)
		return ST_MALFORMED;
	if (count > CONTROL_ARGS_MAX)
		return ST_LIMIT;
	a.n_args = count;
	/* Each argument's four bytes of length pay for its NUL. */
	a.text = malloc(c.left + 1);
	if (a.text == NULL)
		return ST_NOMEM;
	st = decode_args(&c, &a);
	if (st != ST_OK) {
		free(a.text);
		return st;
	}
	*ret = a;
	return ST_OK;
}

void control_ask_close(struct control_ask *a)
{
	free(a->text);
	a->text = NULL;
}

enum status control_said_decode(const uint8_t *frame, size_t len, struct control_said *ret)
{
	struct cursor c = cursor_of(frame, len);
	struct control_said said;
	uint8_t code;
	enum status st = head(&c, CONTROL_REPLY);

	if (st != ST_OK)
		return st;
	if (cursor_u8(&c, &code) != ST_OK || bytes32(&c, &said.out, &said.out_len) != ST_OK ||
	    bytes32(&c, &said.err, &said.err_len) != ST_OK || c.left != 0)
		return ST_MALFORMED;
	said.exit_code = code;
	*ret = said;
	return ST_OK;
}

enum status control_address(const char *data_dir, struct sockaddr_un *ret, int *ret_dir)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int len = snprintf(sa.sun_path, sizeof sa.sun_path, "%s/" CONTROL_SOCKET, data_dir);
	int dir = -1;

	if (len < 0 || (size_t)len >= sizeof sa.sun_path) {
		dir = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_IO;
		(void)snprintf(sa.sun_path, sizeof sa.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET,
		               dir);
	}
	*ret = sa;
	*ret_dir = dir;
	return ST_OK;
}
