/* EPMD's protocol; see epmd.h. */
#include "dist/epmd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

static enum status node_decode(struct cursor *c, struct epmd_node *ret)
{
	struct epmd_node n;
	const uint8_t *extra;
	uint16_t extra_len;

	memset(&n, 0, sizeof n);
	if (cursor_u16(c, &n.port) != ST_OK || cursor_u8(c, &n.node_type) != ST_OK ||
	    cursor_u8(c, &n.protocol) != ST_OK || cursor_u16(c, &n.highest) != ST_OK ||
	    cursor_u16(c, &n.lowest) != ST_OK || cursor_text16(c, n.name, sizeof n.name) != ST_OK)
		return ST_MALFORMED;
	if (n.name[0] == '\0')
		return ST_MALFORMED;
	if (cursor_u16(c, &extra_len) != ST_OK || cursor_bytes(c, extra_len, &extra) != ST_OK)
		return ST_MALFORMED;
	if (extra_len > sizeof n.extra)
		return ST_LIMIT;
	memcpy(n.extra, extra, extra_len);
	n.extra_len = extra_len;
	*ret = n;
	return ST_OK;
}

static void node_encode(struct buf *b, const struct epmd_node *n)
{
	buf_u16(b, n->port);
	buf_u8(b, n->node_type);
	buf_u8(b, n->protocol);
	buf_u16(b, n->highest);
	buf_u16(b, n->lowest);
	buf_text16(b, n->name);
	buf_u16(b, n->extra_len);
	buf_bytes(b, n->extra, n->extra_len);
}

/* A name that fills the rest of the request. */
static enum status rest_name(struct cursor *c, char ret[EPMD_NAME_MAX])
{
	if (c->left == 0 || memchr(c->at, 0, c->left) != NULL)
		return ST_MALFORMED;
	if (c->left >= EPMD_NAME_MAX)
		return ST_LIMIT;
	memcpy(ret, c->at, c->left);
	ret[c->left] = '\0';
	return ST_OK;
}

static enum status body_decode(struct cursor *c, struct epmd_request *ret)
{
	switch (ret->type) {
	case EPMD_ALIVE2:
		return node_decode(c, &ret->node);
	case EPMD_PORT2:
	case EPMD_STOP:
		return rest_name(c, ret->node.name);
	case EPMD_NAMES:
	case EPMD_DUMP:
	case EPMD_KILL:
		return c->left == 0 ? ST_OK : ST_MALFORMED;
	case EPMD_ALIVE2_X_RESP:
	case EPMD_ALIVE2_RESP:
	case EPMD_PORT2_RESP:
		break;
	}
	return ST_MALFORMED;
}

enum status epmd_request_decode(const uint8_t *bytes, size_t len, size_t *ret_used,
                                struct epmd_request *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct epmd_request r;
	const uint8_t *body;
	uint16_t body_len;
	uint8_t type;
	enum status st;

	if (cursor_u16(&c, &body_len) != ST_OK)
		return ST_AGAIN;
	if (body_len == 0)
		return ST_MALFORMED;
	if (body_len > EPMD_REQUEST_MAX)
		return ST_LIMIT;
	if (cursor_bytes(&c, body_len, &body) != ST_OK)
		return ST_AGAIN;
	memset(&r, 0, sizeof r);
	c = cursor_of(body, body_len);
	if (cursor_u8(&c, &type) != ST_OK)
		return ST_MALFORMED;
	r.type = (enum epmd_type)type;
	st = body_decode(&c, &r);
	if (st != ST_OK)
		return st;
	*ret_used = 2U + body_len;
	*ret = r;
	return ST_OK;
}

void epmd_request_encode(struct buf *b, const struct epmd_request *r)
{
	size_t name_len = strlen(r->node.name);

	switch (r->type) {
	case EPMD_ALIVE2:
		buf_u16(b, (uint16_t)(13 + name_len + r->node.extra_len));
		buf_u8(b, EPMD_ALIVE2);
		node_encode(b, &r->node);
		break;
	case EPMD_PORT2:
	case EPMD_STOP:
		buf_u16(b, (uint16_t)(1 + name_len));
		buf_u8(b, (uint8_t)r->type);
		buf_bytes(b, r->node.name, name_len);
		break;
	default:
		buf_u16(b, 1);
		buf_u8(b, (uint8_t)r->type);
		break;
	}
}

enum status epmd_alive_decode(const uint8_t *bytes, size_t len, uint32_t *ret_creation)
{
	struct cursor c = cursor_of(bytes, len);
	uint32_t creation;
	uint16_t small;
	uint8_t type;
	uint8_t result;

	if (cursor_u8(&c, &type) != ST_OK)
		return ST_AGAIN;
	if (type != EPMD_ALIVE2_X_RESP && type != EPMD_ALIVE2_RESP)
		return ST_MALFORMED;
	if (cursor_u8(&c, &result) != ST_OK)
		return ST_AGAIN;
	if (type == EPMD_ALIVE2_X_RESP) {
		if (cursor_u32(&c, &creation) != ST_OK)
			return ST_AGAIN;
	} else {
		if (cursor_u16(&c, &small) != ST_OK)
			return ST_AGAIN;
		creation = small;
	}
	if (result != 0)
		return ST_REFUSED;
	*ret_creation = creation;
	return ST_OK;
}

enum status epmd_port_decode(const uint8_t *bytes, size_t len, struct epmd_node *ret)
{
	struct cursor c = cursor_of(bytes, len);
	uint16_t name_len;
	uint8_t type;
	uint8_t result;

	if (cursor_u8(&c, &type) != ST_OK)
		return ST_AGAIN;
	if (type != EPMD_PORT2_RESP)
		return ST_MALFORMED;
	if (cursor_u8(&c, &result) != ST_OK)
		return ST_AGAIN;
	if (result != 0)
		return ST_NOT_FOUND;
	/* Port to versions, then the two texts: all there, or wait for the rest. */
	if (c.left < 10)
		return ST_AGAIN;
	name_len = (uint16_t)((unsigned)c.at[8] << 8 | c.at[9]);
	if (name_len >= EPMD_NAME_MAX)
		return ST_LIMIT;
	if (c.left < 12U + name_len)
		return ST_AGAIN;
	if (c.left < 12U + name_len + ((size_t)c.at[10 + name_len] << 8 | c.at[11 + name_len]))
		return ST_AGAIN;
	return node_decode(&c, ret);
}

/* One line "name NAME at port PORT". */
static enum status names_line(const char *line, size_t len, struct epmd_node *ret)
{
	static const char between[] = " at port ";
	const char *name = line + 5;
	const char *port;
	char text[8];
	size_t port_len;

	if (len < 5 || memcmp(line, "name ", 5) != 0)
		return ST_MALFORMED;
	port = memmem(name, len - 5, between, sizeof between - 1);
	if (port == NULL || (size_t)(port - name) >= EPMD_NAME_MAX)
		return ST_MALFORMED;
	memset(ret, 0, sizeof *ret);
	memcpy(ret->name, name, (size_t)(port - name));
	port += sizeof between - 1;
	port_len = (size_t)(line + len - port);
	if (port_len == 0 || port_len >= sizeof text)
		return ST_MALFORMED;
	memcpy(text, port, port_len);
	text[port_len] = '\0';
	ret->port = (uint16_t)strtoul(text, NULL, 10);
	return ST_OK;
}

enum status epmd_names_next(const uint8_t *bytes, size_t len, size_t *at, struct epmd_node *ret)
{
	struct epmd_node n;
	const char *line;
	const char *end;
	enum status st;

	if (*at == 0)
		*at = 4; /* the port of EPMD itself */
	if (*at >= len)
		return ST_NOT_FOUND;
	line = (const char *)bytes + *at;
	end = memchr(line, '\n', len - *at);
	if (end == NULL)
		return ST_MALFORMED;
	st = names_line(line, (size_t)(end - line), &n);
	if (st != ST_OK)
		return st;
	*at += (size_t)(end - line) + 1;
	*ret = n;
	return ST_OK;
}

void epmd_server_init(struct epmd_server *s, uint16_t port, bool may_stop)
{
	memset(s, 0, sizeof *s);
	s->port = port;
	s->may_stop = may_stop;
}

static struct epmd_entry *entry_by_name(struct epmd_server *s, const char *name)
{
	for (size_t i = 0; i < EPMD_ENTRIES_MAX; i++) {
		if (s->entries[i].conn != 0 && strcmp(s->entries[i].node.name, name) == 0)
			return &s->entries[i];
	}
	return NULL;
}

static struct epmd_entry *entry_by_conn(struct epmd_server *s, uint64_t conn)
{
	for (size_t i = 0; i < EPMD_ENTRIES_MAX; i++) {
		if (s->entries[i].conn == conn)
			return &s->entries[i];
	}
	return NULL;
}

/* "If both the node and EPMD support distribution version 6 then the response is
 * ALIVE2_X_RESP, otherwise it is the older ALIVE2_RESP." */
static void alive_answer(struct buf *out, const struct epmd_node *n, bool ok, uint32_t creation)
{
	bool wide = n->highest >= DIST_VERSION_HIGH;

	buf_u8(out, wide ? EPMD_ALIVE2_X_RESP : EPMD_ALIVE2_RESP);
	buf_u8(out, ok ? 0 : 1);
	if (wide)
		buf_u32(out, creation);
	else
		buf_u16(out, (uint16_t)(creation % 3 + 1));
}

static enum status step_alive(struct epmd_server *s, const struct epmd_caller *caller,
                              const struct epmd_node *n, struct buf *out, enum epmd_after *ret)
{
	struct epmd_entry *e;

	if (!caller->local || entry_by_conn(s, caller->conn) != NULL)
		return ST_REFUSED;
	e = entry_by_name(s, n->name) == NULL ? entry_by_conn(s, 0) : NULL;
	if (e == NULL) {
		alive_answer(out, n, false, 99);
		*ret = EPMD_AFTER_CLOSE;
		return ST_OK;
	}
	e->conn = caller->conn;
	e->node = *n;
	/* 0 to 3 are the creations of nodes from before version 6. */
	alive_answer(out, n, true, caller->creation < 4 ? 4 : caller->creation);
	*ret = EPMD_AFTER_KEEP;
	return ST_OK;
}

static void step_port(struct epmd_server *s, const char *name, struct buf *out)
{
	const struct epmd_entry *e = entry_by_name(s, name);

	buf_u8(out, EPMD_PORT2_RESP);
	buf_u8(out, e == NULL ? 1 : 0);
	if (e != NULL)
		node_encode(out, &e->node);
}

static void step_list(const struct epmd_server *s, bool dump, struct buf *out)
{
	buf_u32(out, s->port);
	for (size_t i = 0; i < EPMD_ENTRIES_MAX; i++) {
		const struct epmd_entry *e = &s->entries[i];

		if (e->conn == 0)
			continue;
		if (dump)
			buf_printf(out, "active name     <%s> at port %u, fd = %llu\n",
			           e->node.name, e->node.port, (unsigned long long)e->conn);
		else
			buf_printf(out, "name %s at port %u\n", e->node.name, e->node.port);
	}
}

static enum epmd_after step_kill(struct epmd_server *s, const struct epmd_caller *caller,
                                 struct buf *out)
{
	bool obey = s->may_stop && caller->local && epmd_server_names(s) == 0;

	buf_bytes(out, obey ? "OK" : "NO", 2);
	return obey ? EPMD_AFTER_QUIT : EPMD_AFTER_CLOSE;
}

/* Taking a live node's name away is refused: only its own connection may do that. */
static void step_stop(struct epmd_server *s, const char *name, struct buf *out)
{
	if (entry_by_name(s, name) == NULL)
		buf_bytes(out, "NOEXIST", 7);
}

enum status epmd_server_step(struct epmd_server *s, const struct epmd_caller *caller,
                             const struct epmd_request *request, struct buf *out,
                             enum epmd_after *ret)
{
	assert(caller->conn != 0);
	switch (request->type) {
	case EPMD_ALIVE2:
		return step_alive(s, caller, &request->node, out, ret);
	case EPMD_PORT2:
		step_port(s, request->node.name, out);
		break;
	case EPMD_NAMES:
		step_list(s, false, out);
		break;
	case EPMD_DUMP:
		step_list(s, true, out);
		break;
	case EPMD_KILL:
		*ret = step_kill(s, caller, out);
		return ST_OK;
	case EPMD_STOP:
		step_stop(s, request->node.name, out);
		break;
	default:
		return ST_MALFORMED;
	}
	*ret = EPMD_AFTER_CLOSE;
	return ST_OK;
}

void epmd_server_gone(struct epmd_server *s, uint64_t conn)
{
	struct epmd_entry *e;

	assert(conn != 0);
	e = entry_by_conn(s, conn);
	if (e != NULL)
		memset(e, 0, sizeof *e);
}

size_t epmd_server_names(const struct epmd_server *s)
{
	size_t n = 0;

	for (size_t i = 0; i < EPMD_ENTRIES_MAX; i++)
		n += s->entries[i].conn != 0;
	return n;
}
