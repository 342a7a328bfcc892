/* A connection that is up: messages in and out, ticks, silence. See net_internal.h.
 *
 * What is queued during one turn of the loop is written at its end (in link_flush(), called
 * before and after the loop waits), all that fits in one writev. What the kernel does not take
 * at once stays in our queues, so that urgent messages can still overtake it; of the rest only
 * one small batch is given to libuv, to learn when the socket takes more. */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "io/net_internal.h"
#include "io/net_socket.h"
#include "term/term.h"

/* Ticks: a member's link several times within its silence, a foreign one each quarter of
 * net_ticktime. */
static int64_t tick_ms(const struct net_conn *c)
{
	const struct net_config *config = &c->net->config;

	if (!c->peer->member)
		return (int64_t)config->ticktime_s * 1000 / 4;
	return config->member_silence_ms < 40 ? 10 : config->member_silence_ms / 4;
}

static int64_t silence_ms(const struct net_conn *c)
{
	if (!c->peer->member)
		return (int64_t)c->net->config.ticktime_s * 1000;
	return c->net->config.member_silence_ms;
}

enum status link_begin(struct net_conn *c)
{
	struct control_self self = {c->handshake.self, c->net->creation};
	uint64_t flags = c->handshake.peer_flags & DIST_FLAGS_SELF;
	bool headers = (flags & DFLAG_DIST_HDR_ATOM_CACHE) != 0;

	link_in_init(&c->in, headers);
	link_out_init(&c->out, headers, (flags & DFLAG_FRAGMENTS) != 0);
	link_room_init(&c->room);
	services_init(&c->services, &self, (flags & DFLAG_EXIT_PAYLOAD) != 0);
	buf_init(&c->member_head, LINK_CONTROL_MAX);
	control_member_head(&c->member_head, &self);
	return buf_status(&c->member_head);
}

/* Also of a connection that never was up. */
void link_close(struct net_conn *c)
{
	link_in_close(&c->in);
	link_out_close(&c->out);
	services_close(&c->services);
	buf_close(&c->member_head);
}

void link_dirty(struct net_conn *c)
{
	if (queue_empty(&c->dirty))
		queue_push(&c->net->dirty, &c->dirty);
	if (link_out_queued(&c->out) >= NET_FLUSH_BYTES)
		link_flush(c);
}

static void link_written(uv_write_t *req, int status)
{
	struct net_conn *c = req->data;

	c->writing = false;
	if (c->state == CONN_CLOSED)
		return;
	if (status != 0) {
		conn_close(c, uv_strerror(status));
		return;
	}
	c->bytes_out += c->writing_bytes;
	c->said_ms = net_now(c->net);
	link_room_took(&c->room, c->writing_bytes);
	link_out_wrote(&c->out, c->writing_bytes);
	link_flush(c);
}

/* libuv only reads from what it writes, but its type does not say so. */
static uv_buf_t chunk_buf(const struct link_chunk *chunk)
{
	union {
		const uint8_t *from;
		char *to;
	} base = {chunk->base};

	return uv_buf_init(base.to, (unsigned)chunk->len);
}

/* The kernel is full: leave it what is begun, or one message, and wait for the callback. */
static void link_wait(struct net_conn *c)
{
	const struct link_chunk *chunks;
	uv_buf_t bufs[LINK_CHUNKS_MAX];
	size_t n = link_out_batch(&c->out, &chunks);
	size_t bytes = 0;
	unsigned i = 0;

	/* Two chunks at least: the head of a fragment and its slice belong together. */
	while (i < n && (i < 2 || bytes + chunks[i].len <= LINK_FRAGMENT)) {
		bufs[i] = chunk_buf(&chunks[i]);
		bytes += chunks[i].len;
		i++;
	}
	if (i == 0)
		return;
	c->writing_bytes = bytes;
	c->writing = true;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs, i, link_written) != 0) {
		c->writing = false;
		conn_close(c, "cannot write");
	}
}

/* One writev. ST_AGAIN: the kernel took less than all. */
static enum status link_write(struct net_conn *c, const struct link_chunk *chunks, size_t n)
{
	uv_buf_t bufs[LINK_CHUNKS_MAX];
	size_t bytes = 0;
	int rc;

	for (size_t i = 0; i < n; i++) {
		bufs[i] = chunk_buf(&chunks[i]);
		bytes += chunks[i].len;
	}
	rc = uv_try_write((uv_stream_t *)&c->tcp, bufs, (unsigned)n);
	if (rc < 0 && rc != UV_EAGAIN) {
		conn_close(c, uv_strerror(rc));
		return ST_CLOSED;
	}
	if (rc > 0) {
		c->bytes_out += (uint64_t)rc;
		link_room_took(&c->room, (size_t)rc);
		c->said_ms = net_now(c->net);
	}
	link_out_wrote(&c->out, rc > 0 ? (size_t)rc : 0);
	return rc >= 0 && (size_t)rc == bytes ? ST_OK : ST_AGAIN;
}

/* What is not urgent waits here while enough of it is on its way in the network. */
static void link_bound(struct net_conn *c)
{
	struct link_path path;
	uv_os_fd_t fd;

	c->held = false;
	if (!link_out_waits(&c->out))
		return;
	if (link_room_left(&c->room) == 0 && uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0) {
		net_socket_path(fd, &path);
		link_room_learn(&c->room, &path, (int64_t)(uv_hrtime() / 1000));
	}
	link_out_bound(&c->out, link_room_left(&c->room));
	c->held = link_room_left(&c->room) == 0;
	if (c->held)
		net_wake_at(c->net, net_now(c->net) + NET_ROOM_MS);
}

static size_t link_next(struct net_conn *c, const struct link_chunk **ret)
{
	link_bound(c);
	return link_out_batch(&c->out, ret);
}

void link_flush(struct net_conn *c)
{
	const struct link_chunk *chunks;
	size_t n;

	queue_remove(&c->dirty);
	if (c->state != CONN_UP || c->writing)
		return;
	while ((n = link_next(c, &chunks)) > 0) {
		enum status st = link_write(c, chunks, n);

		if (st == ST_CLOSED)
			return;
		if (st == ST_AGAIN) {
			link_wait(c);
			return;
		}
	}
}

enum status link_send_message(struct net_conn *c, const struct message *m)
{
	struct link_parts parts;
	struct buf control;
	struct buf payload;
	enum status st;

	memset(&parts, 0, sizeof parts);
	buf_init(&control, LINK_MESSAGE_MAX);
	buf_init(&payload, LINK_MESSAGE_MAX);
	st = term_encode_bare(m->control, &control);
	if (st == ST_OK && m->payload != NULL)
		st = term_encode_bare(m->payload, &payload);
	if (st == ST_OK && control.len > LINK_CONTROL_MAX)
		st = ST_LIMIT;
	if (st == ST_OK) {
		parts.control = (struct link_chunk){control.base, control.len};
		parts.payload = (struct link_chunk){payload.base, payload.len};
		st = link_out_message(&c->out, LINK_NORMAL, &parts);
	}
	buf_close(&control);
	buf_close(&payload);
	if (st == ST_OK)
		link_dirty(c);
	return st;
}

static void link_call(struct net_conn *c, const struct service_result *r)
{
	struct net *n = c->net;
	struct net_call call = {.from = c->peer->name,
	                        .module = r->module,
	                        .function = r->function,
	                        .args = r->args,
	                        .group_leader = r->group_leader,
	                        .id = r->id};

	if (n->ops.call != NULL)
		n->ops.call(n->ops.arg, &call);
}

/* A message for the services: everything but the payloads of members. */
static enum status link_serve(struct net_conn *c, struct arena *a, const struct link_body *body)
{
	struct service_result result;
	struct message message;
	enum status st;

	st = link_decode(body, a, &message);
	if (st != ST_OK)
		return st;
	st = services_message(&c->services, a, &message, ++c->net->last_call, &result);
	if (st != ST_OK)
		return st;
	for (size_t i = 0; i < result.n_out; i++) {
		st = link_send_message(c, &result.out[i]);
		if (st != ST_OK)
			return st;
	}
	if (result.event == SERVICE_REPLY)
		net_requests_answer(c->net, result.id, result.result);
	else if (result.event == SERVICE_CALL)
		link_call(c, &result);
	return ST_OK;
}

static void link_message(struct net_conn *c, const struct link_body *body)
{
	struct net *n = c->net;
	const uint8_t *bytes;
	struct arena arena;
	size_t len;
	enum status st;

	if (!c->peer->member && n->ops.member_stranger != NULL &&
	    control_member_payload(body, &bytes, &len)) {
		n->ops.member_stranger(n->ops.arg, c->peer->name, bytes, len);
		return;
	}
	if (c->peer->member && control_member_payload(body, &bytes, &len)) {
		if (n->ops.member_message != NULL)
			n->ops.member_message(n->ops.arg, c->peer->name, c->epoch, bytes, len);
		return;
	}
	arena_init(&arena, SERVICE_ARENA_MAX);
	st = link_serve(c, &arena, body);
	arena_close(&arena);
	if (st == ST_OK)
		return;
	net_trace(n, "a message of %s was dropped: %s", c->peer->name, status_text(st));
	if (st == ST_MALFORMED) {
		net_refused(n, c->peer->name, c->address, "a message that is not Erlang's");
		conn_close(c, "malformed message");
	}
}

static void link_misbehaved(struct net_conn *c, enum status st)
{
	const char *why = st == ST_LIMIT ? "a frame or message beyond all limits"
	                                 : "bytes that are no distribution frames";

	if (st == ST_NOMEM)
		why = "out of memory";
	net_refused(c->net, c->peer->name, c->address, why);
	conn_close(c, why);
}

void link_read(struct net_conn *c, const uint8_t *bytes, size_t len)
{
	const struct link_body *body = NULL;
	enum link_item item;
	enum status st = link_in_feed(&c->in, bytes, len);

	while (st == ST_OK) {
		st = link_in_next(&c->in, &item, &body);
		if (st != ST_OK)
			break;
		if (item == LINK_MESSAGE)
			link_message(c, body);
		if (c->state != CONN_UP)
			return; /* closed by what the message led to */
	}
	if (st == ST_AGAIN)
		st = link_in_end(&c->in);
	if (st != ST_OK)
		link_misbehaved(c, st);
}

int64_t link_tick(struct net_conn *c, int64_t now_ms)
{
	int64_t silent_at = c->heard_ms + silence_ms(c);
	int64_t tick_at = c->said_ms + tick_ms(c);

	if (now_ms >= silent_at && !c->suspect) {
		/* Perhaps this process slept: bytes may be waiting in the socket. One more look. */
		c->suspect = true;
		return now_ms + 1;
	}
	if (now_ms >= silent_at) {
		conn_close(c, c->peer->member ? "silent" : "net_tick_timeout");
		return INT64_MAX;
	}
	if (c->held) {
		link_flush(c);
		if (c->state != CONN_UP)
			return INT64_MAX;
	}
	if (now_ms >= tick_at) {
		if (link_out_queued(&c->out) == 0) {
			if (link_out_tick(&c->out) == ST_OK)
				link_dirty(c);
		}
		c->said_ms = now_ms;
		tick_at = now_ms + tick_ms(c);
	}
	if (c->held && now_ms + NET_ROOM_MS < tick_at)
		tick_at = now_ms + NET_ROOM_MS;
	return silent_at < tick_at ? silent_at : tick_at;
}
