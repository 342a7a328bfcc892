/* One other node, and the attempts to reach it; see net_internal.h.
 *
 *     resolve its host ──► ask its EPMD for the port ──► connect, handshake ──► up
 * Each step has its own short deadline; any failure waits for dist/dial.h and begins again
 * with the name, because its address may have changed. Members for ever, foreign nodes only as
 * long as somebody waits for them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/epmd_query.h"
#include "io/net_internal.h"
#include "io/net_resolve.h"

struct net_peer *peer_find(struct net *n, const char *name)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &n->peers) {
		struct net_peer *p = CONTAINER_OF(pos, struct net_peer, queue);

		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

enum status peer_get(struct net *n, const char *name, struct net_peer **ret)
{
	struct net_peer *p = peer_find(n, name);

	if (p == NULL) {
		if (n->n_peers >= NET_FOREIGN_MAX + NET_MEMBERS_MAX)
			return ST_LIMIT;
		p = calloc(1, sizeof *p);
		if (p == NULL)
			return ST_NOMEM;
		p->net = n;
		snprintf(p->name, sizeof p->name, "%s", name);
		p->connect_ms = -1;
		dial_init(&p->dial, net_now(n));
		queue_push(&n->peers, &p->queue);
		n->n_peers++;
	}
	*ret = p;
	return ST_OK;
}

void peer_free(struct net_peer *p)
{
	peer_attempt_drop(p);
	if (p->resolving != NULL)
		net_resolve_cancel(p->resolving);
	p->net->n_peers--;
	queue_remove(&p->queue);
	free(p);
}

/* Whether any connection, also one that is only being made, is with this peer. */
static bool peer_in_use(const struct net_peer *p)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &p->net->conns) {
		const struct net_conn *c = CONTAINER_OF(pos, struct net_conn, queue);

		if (c->peer == p && c->state != CONN_CLOSED)
			return true;
	}
	return false;
}

static void peer_unlink_conns(const struct net_peer *p)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &p->net->conns) {
		struct net_conn *c = CONTAINER_OF(pos, struct net_conn, queue);

		if (c->peer == p)
			c->peer = NULL;
	}
}

void peer_maybe_forget(struct net_peer *p)
{
	if (p->member || p->waiting > 0 || p->stage != ATTEMPT_NONE || peer_in_use(p))
		return;
	peer_unlink_conns(p);
	peer_free(p);
}

void peer_attempt_drop(struct net_peer *p)
{
	struct epmd_query *query = p->query;
	struct net_conn *conn = p->conn;

	p->stage = ATTEMPT_NONE;
	p->query = NULL;
	p->conn = NULL;
	if (query != NULL)
		epmd_query_cancel(query);
	if (conn != NULL)
		conn_close(conn, "given up for another connection");
}

void peer_attempt_failed(struct net_peer *p, const char *why)
{
	struct net *n = p->net;

	p->conn = NULL;
	peer_attempt_drop(p);
	if (p->up == NULL)
		net_requests_down(p, NULL, why);
	dial_failed(&p->dial, net_now(n), prng_next(&n->jitter));
	net_wake_at(n, p->dial.next_ms);
}

static void stage_set(struct net_peer *p, enum attempt_stage stage, int64_t patience_ms)
{
	p->stage = stage;
	p->stage_deadline_ms = net_now(p->net) + patience_ms;
	net_wake_at(p->net, p->stage_deadline_ms);
}

static void attempt_connect(struct net_peer *p, uint16_t port)
{
	struct sockaddr_in address = p->address;
	struct net_conn *c;

	address.sin_port = htons(port);
	if (conn_new(p->net, true, &c) != ST_OK) {
		peer_attempt_failed(p, "out of memory");
		return;
	}
	p->conn = c;
	p->stage = ATTEMPT_CONN;
	if (conn_connect(c, p, &address) != ST_OK)
		conn_close(c, "no connection");
}

static void attempt_answered(void *arg, const uint8_t *bytes, size_t len, const char *why)
{
	struct net_peer *p = arg;
	struct epmd_node node;

	p->query = NULL;
	if (bytes == NULL)
		peer_attempt_failed(p, why);
	else if (epmd_port_decode(bytes, len, &node) != ST_OK)
		peer_attempt_failed(p, "EPMD of its host does not know it");
	else
		attempt_connect(p, node.port);
}

/* Ask the EPMD of its host, every time: a restarted node may listen elsewhere. */
static void attempt_ask(struct net_peer *p)
{
	struct epmd_request request = {.type = EPMD_PORT2};
	struct sockaddr_in address = p->address;
	size_t len = strcspn(p->name, "@");

	if (len < sizeof request.node.name) {
		memcpy(request.node.name, p->name, len);
		request.node.name[len] = '\0';
	}
	address.sin_port = htons(p->net->config.epmd_port);
	stage_set(p, ATTEMPT_EPMD, dial_patience(p->connect_ms));
	if (epmd_query_start(p->net->loop, &address, &request, attempt_answered, p, &p->query) !=
	    ST_OK)
		peer_attempt_failed(p, "no connection to EPMD");
}

static void attempt_resolved(void *arg, const struct sockaddr_in *address)
{
	struct net_peer *p = arg;

	p->resolving = NULL;
	if (address != NULL) {
		p->address = *address;
		p->address_known = true;
	}
	if (p->stage != ATTEMPT_RESOLVE)
		return; /* late: good for the next attempt */
	if (address != NULL)
		attempt_ask(p);
	else
		peer_attempt_failed(p, "its host name has no address");
}

static void attempt_start(struct net_peer *p)
{
	const char *host = dist_name_host(p->name);

	p->extended = false;
	if (net_resolve_numeric(host, &p->address)) {
		attempt_ask(p);
		return;
	}
	stage_set(p, ATTEMPT_RESOLVE, DIAL_CONNECT_MS);
	if (p->resolving == NULL &&
	    net_resolve_start(p->net->loop, host, attempt_resolved, p, &p->resolving) != ST_OK)
		peer_attempt_failed(p, "its host name cannot be resolved");
}

/* The resolver may be as cut off as we are: its last answer is better than none. And an EPMD
 * that took the connection may be busy, but it is there. */
static void attempt_late(struct net_peer *p)
{
	bool there = p->stage == ATTEMPT_EPMD && epmd_query_connected(p->query);

	if (p->stage == ATTEMPT_RESOLVE && p->address_known) {
		attempt_ask(p);
	} else if (there && !p->extended) {
		p->extended = true;
		p->stage_deadline_ms += DIAL_CONNECT_MS;
	} else {
		peer_attempt_failed(p, "no answer in time");
	}
}

int64_t peer_tick(struct net_peer *p, int64_t now_ms)
{
	bool wanted = p->up == NULL && (p->member || p->waiting > 0) && !p->net->closing;

	if (p->stage == ATTEMPT_RESOLVE || p->stage == ATTEMPT_EPMD) {
		if (now_ms >= p->stage_deadline_ms)
			attempt_late(p);
	} else if (p->stage == ATTEMPT_NONE && wanted && now_ms >= p->dial.next_ms) {
		attempt_start(p);
	}
	if (p->stage == ATTEMPT_RESOLVE || p->stage == ATTEMPT_EPMD)
		return p->stage_deadline_ms;
	if (p->stage == ATTEMPT_NONE && p->up == NULL && (p->member || p->waiting > 0))
		return p->dial.next_ms;
	return INT64_MAX;
}
