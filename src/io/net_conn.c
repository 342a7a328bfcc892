/* One socket between two nodes, from its making to its closing; see net_internal.h.
 *
 *     connecting ──► handshake ──► up ──► closed
 *                        └──► rival ─┘
 * What is said over it is decided in net_hello.c and net_link.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "io/net_internal.h"
#include "io/net_socket.h"

#define BIT(n) (1U << (n))

static const unsigned conn_next[CONN_STATES] = {
    [CONN_CONNECTING] = BIT(CONN_HANDSHAKE) | BIT(CONN_CLOSED),
    [CONN_HANDSHAKE] = BIT(CONN_RIVAL) | BIT(CONN_UP) | BIT(CONN_CLOSED),
    [CONN_RIVAL] = BIT(CONN_UP) | BIT(CONN_CLOSED),
    [CONN_UP] = BIT(CONN_CLOSED),
    [CONN_CLOSED] = 0,
};

static bool is_stranger(const struct net_conn *c)
{
	return !c->outgoing && c->state == CONN_HANDSHAKE;
}

void conn_move(struct net_conn *c, enum conn_state next)
{
	assert(conn_next[c->state] & BIT(next));
	c->net->n_strangers -= is_stranger(c);
	c->state = next;
}

enum status conn_new(struct net *n, bool outgoing, struct net_conn **ret)
{
	struct net_conn *c = calloc(1, sizeof *c);

	if (c == NULL)
		return ST_NOMEM;
	if (uv_tcp_init(n->loop, &c->tcp) != 0) {
		free(c);
		return ST_IO;
	}
	c->net = n;
	c->outgoing = outgoing;
	c->state = outgoing ? CONN_CONNECTING : CONN_HANDSHAKE;
	c->tcp.data = c;
	c->connect.data = c;
	c->write.data = c;
	c->since_ms = net_now(n);
	c->heard_ms = c->since_ms;
	c->said_ms = c->since_ms;
	queue_init(&c->dirty);
	buf_init(&c->packets, 4 * HANDSHAKE_PACKET_MAX + NET_READ_MAX);
	queue_push(&n->conns, &c->queue);
	n->handles++;
	n->n_strangers += !outgoing;
	*ret = c;
	return ST_OK;
}

static void conn_closed(uv_handle_t *handle)
{
	struct net_conn *c = handle->data;
	struct net *n = c->net;

	queue_remove(&c->queue);
	queue_remove(&c->dirty);
	link_close(c);
	buf_close(&c->packets);
	free(c);
	n->handles--;
	net_maybe_closed(n);
}

/* Tell those above that the link is gone. */
static void conn_down(struct net_conn *c, const char *why)
{
	struct net_peer *p = c->peer;
	struct net *n = c->net;

	p->up = NULL;
	p->past_in += c->bytes_in;
	p->past_out += c->bytes_out;
	net_trace(n, "link to %s (epoch %llu) is down: %s", p->name, (unsigned long long)c->epoch,
	          why);
	net_requests_down(p, c, why);
	/* Only a link that lived is evidence of life: one that is closed at once again and again
	 * must not be redialled without pause. */
	if (net_now(n) - c->since_ms >= NET_GLARE_MS)
		dial_alive(&p->dial, net_now(n));
	else
		dial_failed(&p->dial, net_now(n), prng_next(&n->jitter));
	net_wake_at(n, p->dial.next_ms);
	if (p->member && n->ops.member_down != NULL)
		n->ops.member_down(n->ops.arg, p->name, c->epoch, why);
	else if (!p->member && n->ops.foreign != NULL)
		n->ops.foreign(n->ops.arg, p->name, false, why);
}

void conn_close(struct net_conn *c, const char *why)
{
	struct net_peer *p = c->peer;

	if (c->state == CONN_CLOSED)
		return;
	conn_move(c, CONN_CLOSED);
	uv_close((uv_handle_t *)&c->tcp, conn_closed);
	if (p == NULL)
		return;
	if (p->up == c)
		conn_down(c, why);
	else if (p->conn == c)
		peer_attempt_failed(p, why);
	net_wake_at(c->net, net_now(c->net)); /* a foreign peer may be forgotten */
}

static void conn_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct net_conn *c = handle->data;

	(void)suggested;
	/* One buffer for all: libuv reads into it and hands it over before anybody else asks. */
	*ret = uv_buf_init(c->net->read_buffer, NET_READ_MAX);
}

static const char *broken(const struct net_conn *c, ssize_t n)
{
	if (c->state == CONN_UP)
		return n == UV_EOF ? "closed by the other side" : uv_strerror((int)n);
	if (c->handshake.state == HANDSHAKE_ACK)
		return "it hung up on us: the cookies differ, or it knows a live node of our name";
	return n == UV_EOF ? "closed by the other side during the handshake" : uv_strerror((int)n);
}

static void conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct net_conn *c = stream->data;
	const char *why;

	if (c->state == CONN_CLOSED || n == 0)
		return;
	if (n < 0) {
		why = broken(c, n);
		if (c->handshake.state == HANDSHAKE_ACK)
			net_refused(c->net, c->handshake.peer, c->address, why);
		conn_close(c, why);
		return;
	}
	c->heard_ms = net_now(c->net);
	c->suspect = false;
	c->bytes_in += (uint64_t)n;
	if (c->state == CONN_UP)
		link_read(c, (const uint8_t *)chunk->base, (size_t)n);
	else
		hello_read(c, (const uint8_t *)chunk->base, (size_t)n);
}

static enum status conn_tune(struct net_conn *c)
{
	int len = sizeof c->remote;
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 ||
	    uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&c->remote, &len) != 0 ||
	    uv_ip4_name(&c->remote, c->address, sizeof c->address) != 0)
		return ST_IO;
	c->loopback = ntohl(c->remote.sin_addr.s_addr) >> 24 == 127;
	net_socket_tune(fd, NET_USER_TIMEOUT_MS);
	return uv_read_start((uv_stream_t *)&c->tcp, conn_alloc, conn_read) == 0 ? ST_OK : ST_IO;
}

static void conn_connected(uv_connect_t *req, int status)
{
	struct net_conn *c = req->data;

	if (c->state == CONN_CLOSED)
		return;
	if (status != 0) {
		conn_close(c, uv_strerror(status));
		return;
	}
	if (conn_tune(c) != ST_OK) {
		conn_close(c, "the connection broke at once");
		return;
	}
	c->peer->connect_ms = net_now(c->net) - c->since_ms;
	conn_move(c, CONN_HANDSHAKE);
	hello_connected(c);
}

enum status conn_connect(struct net_conn *c, struct net_peer *peer,
                         const struct sockaddr_in *address)
{
	assert(c->state == CONN_CONNECTING);
	c->peer = peer;
	c->deadline_ms = net_now(c->net) + dial_patience(peer->connect_ms);
	net_wake_at(c->net, c->deadline_ms);
	if (uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)address,
	                   conn_connected) != 0)
		return ST_IO;
	return ST_OK;
}

static size_t strangers_from(const struct net *n, const struct sockaddr_in *address)
{
	const struct queue *pos;
	size_t count = 0;

	for (pos = n->conns.next; pos != &n->conns; pos = pos->next) {
		const struct net_conn *c =
		    (const struct net_conn *)((const char *)pos - offsetof(struct net_conn, queue));

		count += is_stranger(c) && c->remote.sin_addr.s_addr == address->sin_addr.s_addr;
	}
	return count;
}

void conn_accept(uv_stream_t *listener, int status)
{
	struct net *n = listener->data;
	struct handshake_start start = {
	    .self = n->config.name, .cookie = n->config.cookie, .creation = n->creation};
	struct net_conn *c;

	if (status != 0 || n->closing || conn_new(n, false, &c) != ST_OK)
		return;
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || conn_tune(c) != ST_OK) {
		conn_close(c, "the connection broke at once");
		return;
	}
	if (n->n_strangers > NET_STRANGERS_MAX ||
	    strangers_from(n, &c->remote) > NET_STRANGERS_PER_ADDRESS) {
		net_refused(n, "", c->address, "too many connections that do not say who they are");
		conn_close(c, "too many");
		return;
	}
	net_socket_random(&start.challenge, sizeof start.challenge);
	handshake_accept(&c->handshake, &start);
	c->deadline_ms = net_now(n) + DIAL_HANDSHAKE_MS;
	net_wake_at(n, c->deadline_ms);
}

static void conn_late(struct net_conn *c)
{
	if (c->state == CONN_CONNECTING) {
		conn_close(c, "no connection in time");
		return;
	}
	if (!c->outgoing)
		net_refused(c->net, c->handshake.peer, c->address,
		            "it did not finish its handshake in time");
	conn_close(c, "no handshake in time");
}

int64_t conn_tick(struct net_conn *c, int64_t now_ms)
{
	switch (c->state) {
	case CONN_CONNECTING:
	case CONN_HANDSHAKE:
		if (now_ms < c->deadline_ms)
			return c->deadline_ms;
		conn_late(c);
		return INT64_MAX;
	case CONN_RIVAL:
		return hello_rival_tick(c, now_ms);
	case CONN_UP:
		return link_tick(c, now_ms);
	case CONN_CLOSED:
	case CONN_STATES:
		break;
	}
	return INT64_MAX;
}
