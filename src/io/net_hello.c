/* Who may talk to us: drives the handshake of one connection and decides between several
 * connections with the same node. (erl_dist_protocol, "Distribution Handshake")
 *
 * While both sides connect to each other, the attempt of the greater name goes on. A node that
 * connects although we hold a link to it says that it has none: with the same creation it is
 * the same process and the old link is replaced at once. With another creation it has
 * restarted, or it is a second node of that name: the old link is given time for a sign of
 * life, which tells the two apart. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "io/net_internal.h"
#include "io/net_socket.h"

/* What is said at once: a status and a challenge. */
enum { HELLO_OUT_MAX = 2 * HANDSHAKE_PACKET_MAX };

/* How long an old link of a member is listened to before a rival takes over. */
static int64_t rival_ms(const struct net *n)
{
	return (int64_t)n->config.member_silence_ms / 2 + 20;
}

/* Handshake packets are small and the socket's buffer is empty: what does not fit at once will
 * not be waited for. */
static bool hello_write(struct net_conn *c, struct buf *out)
{
	uv_buf_t bytes = uv_buf_init((char *)out->base, (unsigned)out->len);
	bool ok = buf_status(out) == ST_OK;

	if (ok && out->len > 0) {
		ok = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1) == (int)out->len;
		c->bytes_out += out->len;
	}
	buf_close(out);
	return ok;
}

void hello_connected(struct net_conn *c)
{
	struct net *n = c->net;
	struct handshake_start start = {.self = n->config.name,
	                                .cookie = n->config.cookie,
	                                .peer = c->peer->name,
	                                .creation = n->creation};
	struct buf out;

	net_socket_random(&start.challenge, sizeof start.challenge);
	buf_init(&out, HELLO_OUT_MAX);
	handshake_connect(&c->handshake, &start, &out);
	/* Two round trips, and the time that it may take to tell us from another of our name; a
	 * cut in the midst of them must not hold up the next attempt for long. */
	c->deadline_ms = net_now(n) + NET_FOREIGN_HANDSHAKE_MS;
	if (c->peer->member)
		c->deadline_ms = net_now(n) + rival_ms(n) + 4 * dial_patience(c->peer->connect_ms);
	net_wake_at(n, c->deadline_ms);
	if (!hello_write(c, &out))
		conn_close(c, "the connection broke during the handshake");
}

/* EPMD knows only the part before the @: a caller that calls itself x@127.0.0.1 and comes over
 * the loopback looks for us under that host, whatever ours is. Not so a member: it knows our
 * name, also when all of them live on loopback addresses. */
static void self_name(const struct net_conn *c, char ret[NET_NAME_MAX])
{
	const char *host = dist_name_host(c->handshake.peer);
	const struct net_peer *peer = peer_find(c->net, c->handshake.peer);
	struct sockaddr_in address;
	bool alias =
	    c->loopback && (peer == NULL || !peer->member) &&
	    (strcmp(host, "localhost") == 0 ||
	     (uv_ip4_addr(host, 0, &address) == 0 && ntohl(address.sin_addr.s_addr) >> 24 == 127));

	snprintf(ret, NET_NAME_MAX, "%s", c->net->config.name);
	if (alias && strlen(c->net->alive) + 1 + strlen(host) < NET_NAME_MAX) {
		size_t len = strlen(c->net->alive);

		memcpy(ret, c->net->alive, len);
		ret[len] = '@';
		snprintf(ret + len + 1, NET_NAME_MAX - len - 1, "%s", host);
	}
}

/* Our own attempt is under way: whose goes on? */
static enum handshake_verdict glare(struct net_conn *c, struct net_peer *p, const char *self)
{
	const struct net_conn *own = p->conn;

	if (p->stage != ATTEMPT_CONN || own->state == CONN_CONNECTING)
		return HANDSHAKE_OK; /* they have not heard of it */
	if (strcmp(self, p->name) < 0)
		return HANDSHAKE_OK_SIMULTANEOUS;
	if (net_now(c->net) - own->since_ms > NET_ATTEMPT_PATIENCE_MS)
		return HANDSHAKE_OK;
	return HANDSHAKE_NOK;
}

static enum handshake_verdict judge(struct net_conn *c, const char *self)
{
	struct net *n = c->net;
	enum handshake_verdict verdict;
	struct net_peer *p;

	if (strcmp(c->handshake.peer, self) == 0 ||
	    strcmp(c->handshake.peer, n->config.name) == 0) {
		net_refused(n, c->handshake.peer, c->address,
		            "duplicate node name: it calls itself as this node");
		return HANDSHAKE_NOT_ALLOWED;
	}
	if (peer_get(n, c->handshake.peer, &p) != ST_OK) {
		net_refused(n, c->handshake.peer, c->address, "too many nodes are connected");
		return HANDSHAKE_NOT_ALLOWED;
	}
	verdict = glare(c, p, self);
	if (verdict == HANDSHAKE_NOK)
		return verdict;
	/* Our own attempt goes on until this caller has proved itself: a stranger who only uses
	 * the name must not be able to end it. */
	c->peer = p;
	if (!p->member)
		c->deadline_ms = c->since_ms + NET_FOREIGN_HANDSHAKE_MS;
	return verdict;
}

/* A caller that has only a host asks for a name of our choice. */
static void name_caller(const struct net_conn *c, char ret[DIST_NAME_MAX])
{
	uint32_t random[2];

	net_socket_random(random, sizeof random);
	snprintf(ret, DIST_NAME_MAX, "n%08x%08x@%.200s", random[0], random[1], c->handshake.peer);
}

static enum status hello_decide(struct net_conn *c, struct buf *out)
{
	char self[NET_NAME_MAX];
	char given[DIST_NAME_MAX];
	bool named = c->handshake.wants_name;

	if (named) {
		name_caller(c, given);
		snprintf(c->handshake.peer, sizeof c->handshake.peer, "%s", given);
	}
	self_name(c, self);
	return handshake_decide(&c->handshake, judge(c, self), self, named ? given : NULL, out);
}

static void hello_failed(struct net_conn *c)
{
	const char *why = c->handshake.why;

	/* Which of two simultaneous attempts goes on is nobody's fault. */
	if (strncmp(why, "simultaneous", 12) != 0 && strcmp(why, "not allowed") != 0)
		net_refused(c->net, c->handshake.peer, c->address, why);
	conn_close(c, why);
}

static void hello_up(struct net_conn *c)
{
	struct net *n = c->net;
	struct net_peer *p = c->peer;
	struct buf rest = c->packets;

	if (p->conn == c) {
		p->conn = NULL;
		p->stage = ATTEMPT_NONE;
	}
	peer_attempt_drop(p);
	if (link_begin(c) != ST_OK) {
		conn_close(c, "out of memory");
		return;
	}
	conn_move(c, CONN_UP);
	c->epoch = ++n->last_epoch;
	c->since_ms = net_now(n);
	c->heard_ms = c->since_ms;
	p->up = c;
	p->reconnects++;
	net_wake_at(n, c->since_ms);
	net_trace(n, "link to %s (epoch %llu, %s) is up", p->name, (unsigned long long)c->epoch,
	          c->address);
	if (p->member && n->ops.member_up != NULL)
		n->ops.member_up(n->ops.arg, p->name, c->epoch);
	else if (!p->member && n->ops.foreign != NULL)
		n->ops.foreign(n->ops.arg, p->name, true, "connected");
	if (c->state == CONN_UP)
		net_requests_up(p);
	/* What came right behind the handshake belongs to the link. */
	memset(&c->packets, 0, sizeof c->packets);
	if (c->state == CONN_UP && rest.len > 0)
		link_read(c, rest.base, rest.len);
	buf_close(&rest);
}

/* The link that is up gives way to this one. */
static void hello_replace(struct net_conn *c)
{
	assert(c->peer->up != NULL && c->peer->up != c);
	conn_close(c->peer->up, "replaced by a newer connection");
	if (c->state != CONN_CLOSED && c->peer->up == NULL)
		hello_up(c);
	else
		conn_close(c, "overtaken by another connection");
}

/* Of two connections made against each other at the same time both sides keep the one that
 * the greater name made. */
static bool older_stays(const struct net_conn *c, const struct net_conn *old)
{
	bool we_are_greater = strcmp(c->handshake.self, c->peer->name) > 0;

	if (old->handshake.peer_creation != c->handshake.peer_creation)
		return false;
	if (old->outgoing == c->outgoing || net_now(c->net) - old->since_ms > NET_GLARE_MS)
		return false;
	return old->outgoing == we_are_greater;
}

/* Authenticated on both sides. */
static void hello_done(struct net_conn *c)
{
	if (c->peer->up == NULL)
		hello_up(c);
	else if (older_stays(c, c->peer->up))
		conn_close(c, "simultaneous connect: the other connection stays");
	else
		hello_replace(c);
}

/* Tell a caller that proved itself that it is connected. */
static void hello_confirm(struct net_conn *c)
{
	struct buf out;
	enum status st;

	buf_init(&out, HELLO_OUT_MAX);
	st = handshake_confirm(&c->handshake, &out);
	if (!hello_write(c, &out) || st != ST_OK)
		conn_close(c, "the connection broke during the handshake");
	else
		hello_done(c);
}

/* A caller proved itself. When it may be a second node of a member's name, it has to wait. */
static void hello_verified(struct net_conn *c)
{
	const struct net_conn *old = c->peer->up;

	if (old == NULL || !c->peer->member ||
	    old->handshake.peer_creation == c->handshake.peer_creation) {
		hello_confirm(c);
		return;
	}
	conn_move(c, CONN_RIVAL);
	c->since_ms = net_now(c->net);
	c->deadline_ms = c->since_ms + rival_ms(c->net);
	net_wake_at(c->net, c->deadline_ms);
}

int64_t hello_rival_tick(struct net_conn *c, int64_t now_ms)
{
	const struct net_conn *old = c->peer->up;

	if (old != NULL && old->heard_ms > c->since_ms) {
		net_refused(c->net, c->peer->name, c->address,
		            "duplicate node name: a node of this name is connected and alive");
		conn_close(c, "duplicate node name");
		return INT64_MAX;
	}
	if (old != NULL && now_ms < c->deadline_ms)
		return c->deadline_ms;
	hello_confirm(c);
	return INT64_MAX;
}

/* One packet; false: there is none, or no more is wanted. */
static bool hello_packet(struct net_conn *c)
{
	struct cursor at = cursor_of(c->packets.base, c->packets.len);
	const uint8_t *packet;
	struct buf out;
	uint16_t len;
	enum status st;

	if (cursor_u16(&at, &len) != ST_OK)
		return false;
	if (len <= HANDSHAKE_PACKET_MAX && cursor_bytes(&at, len, &packet) != ST_OK)
		return false;
	buf_init(&out, HELLO_OUT_MAX);
	st = handshake_packet(&c->handshake, len <= HANDSHAKE_PACKET_MAX ? packet : at.at, len,
	                      &out);
	if (st == ST_OK && c->handshake.state == HANDSHAKE_DECIDE)
		st = hello_decide(c, &out);
	if (len <= HANDSHAKE_PACKET_MAX)
		buf_consume(&c->packets, 2U + len);
	if (!hello_write(c, &out) && st == ST_OK) {
		conn_close(c, "the connection broke during the handshake");
		return false;
	}
	if (st != ST_OK) {
		hello_failed(c);
		return false;
	}
	return true;
}

void hello_read(struct net_conn *c, const uint8_t *bytes, size_t len)
{
	buf_bytes(&c->packets, bytes, len);
	if (buf_status(&c->packets) != ST_OK) {
		conn_close(c, "too many bytes during the handshake");
		return;
	}
	while (c->state == CONN_HANDSHAKE && hello_packet(c)) {
		if (c->handshake.state == HANDSHAKE_VERIFIED)
			hello_verified(c);
		else if (c->handshake.state == HANDSHAKE_DONE)
			hello_done(c);
	}
}
