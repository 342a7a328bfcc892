/* What we ask of others: pings, calls, names. And the answers to what they asked of us.
 *
 * A request to a node that is not connected waits for one attempt to reach it; it fails with
 * the attempt, with the link that it was sent over, or with its own deadline. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "io/epmd_query.h"
#include "io/net_internal.h"
#include "io/net_resolve.h"
#include "term/term.h"

static void request_end(struct net *n, struct net_request *q, const struct term *result,
                        const char *why)
{
	bool pong = result != NULL && term_is_atom(result, "yes");

	queue_remove(&q->queue);
	n->n_requests--;
	if (q->peer != NULL)
		q->peer->waiting--;
	if (q->ping_cb != NULL)
		q->ping_cb(q->arg, pong);
	else
		q->rpc_cb(q->arg, result, why);
	buf_close(&q->call);
	free(q);
	net_wake_at(n, net_now(n));
}

static struct message request_message(const struct net_request *q, struct net_conn *c,
                                      struct arena *a)
{
	struct message none = {NULL, NULL};
	const struct term *call;
	size_t used;

	if (q->ping_cb != NULL)
		return services_ping(&c->services, a, q->id);
	if (term_decode(a, q->call.base, q->call.len, &used, &call) != ST_OK)
		return none;
	return services_rpc(&c->services, a, q->id, term_atom_text(term_element(call, 0)),
	                    term_atom_text(term_element(call, 1)), term_element(call, 2));
}

static enum status request_send(struct net_request *q, struct net_conn *c)
{
	struct message message;
	struct arena arena;
	enum status st;

	arena_init(&arena, SERVICE_ARENA_MAX);
	message = request_message(q, c, &arena);
	st = message.control == NULL ? ST_NOMEM : link_send_message(c, &message);
	arena_close(&arena);
	if (st != ST_OK)
		return st;
	q->sent = true;
	q->conn = c;
	return ST_OK;
}

void net_requests_up(struct net_peer *p)
{
	struct net *n = p->net;
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &n->requests) {
		struct net_request *q = CONTAINER_OF(pos, struct net_request, queue);

		if (q->peer == p && !q->sent && request_send(q, p->up) != ST_OK) {
			q->deadline_ms = 0; /* the timer ends it */
			net_wake_at(n, net_now(n));
		}
	}
}

/* Callbacks may start or end other requests: mark first, then take them one by one. */
static struct net_request *request_due(struct net *n, int64_t now_ms)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &n->requests) {
		struct net_request *q = CONTAINER_OF(pos, struct net_request, queue);

		if (q->deadline_ms <= now_ms)
			return q;
	}
	return NULL;
}

void net_requests_down(struct net_peer *p, const struct net_conn *conn, const char *why)
{
	struct net *n = p->net;
	struct net_request *q;
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &n->requests) {
		q = CONTAINER_OF(pos, struct net_request, queue);
		if (q->peer == p && q->conn == conn)
			q->deadline_ms = INT64_MIN;
	}
	while ((q = request_due(n, INT64_MIN)) != NULL)
		request_end(n, q, NULL, why);
}

void net_requests_answer(struct net *n, uint64_t id, const struct term *result)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &n->requests) {
		struct net_request *q = CONTAINER_OF(pos, struct net_request, queue);

		if (q->id == id && q->sent) {
			request_end(n, q, result, NULL);
			return;
		}
	}
}

/* net_adm:names: nobody else has to do with it. */
static void names_end(struct net_names_query *q, const struct net_name *names, size_t count,
                      const char *why)
{
	struct net *n = q->net;

	queue_remove(&q->queue);
	if (q->resolving != NULL)
		net_resolve_cancel(q->resolving);
	if (q->query != NULL)
		epmd_query_cancel(q->query);
	q->cb(q->arg, names, count, why);
	free(q);
	net_wake_at(n, net_now(n));
}

int64_t net_requests_tick(struct net *n, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	struct net_request *q;
	struct queue *pos;
	struct queue *after;

	while ((q = request_due(n, now_ms)) != NULL)
		request_end(n, q, NULL, "no answer in time");
	QUEUE_EACH (pos, after, &n->requests) {
		q = CONTAINER_OF(pos, struct net_request, queue);
		next = q->deadline_ms < next ? q->deadline_ms : next;
	}
	QUEUE_EACH (pos, after, &n->names) {
		struct net_names_query *names = CONTAINER_OF(pos, struct net_names_query, queue);

		if (names->deadline_ms <= now_ms)
			names_end(names, NULL, 0, "no answer in time");
		else if (names->deadline_ms < next)
			next = names->deadline_ms;
	}
	return next;
}

void net_requests_close(struct net *n)
{
	struct queue *front;
	struct queue *pos;
	struct queue *after;

	while ((front = queue_front(&n->requests)) != NULL)
		request_end(n, CONTAINER_OF(front, struct net_request, queue), NULL, "closing");
	QUEUE_EACH (pos, after, &n->names)
		names_end(CONTAINER_OF(pos, struct net_names_query, queue), NULL, 0, "closing");
}

/* Queue a request; the caller has set its callback and call. Takes it on success. */
static enum status request_start(struct net *n, const char *node, int64_t timeout_ms,
                                 struct net_request *q)
{
	enum status st;

	if (n->closing)
		return ST_CLOSED;
	if (n->n_requests >= NET_CALLS_MAX)
		return ST_LIMIT;
	if (!dist_name_valid(node))
		return ST_INVALID;
	st = peer_get(n, node, &q->peer);
	if (st != ST_OK)
		return st;
	if (q->peer->up != NULL) {
		st = request_send(q, q->peer->up);
		if (st != ST_OK)
			return st;
	}
	q->deadline_ms = net_now(n) + timeout_ms;
	q->peer->waiting++;
	queue_push(&n->requests, &q->queue);
	n->n_requests++;
	net_wake_at(n, q->peer->up != NULL ? q->deadline_ms : net_now(n));
	return ST_OK;
}

static struct net_request *request_new(struct net *n, void *arg)
{
	struct net_request *q = calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	queue_init(&q->queue);
	q->id = ++n->last_request;
	q->arg = arg;
	buf_init(&q->call, LINK_MESSAGE_MAX);
	return q;
}

static void request_free(struct net_request *q)
{
	if (q == NULL)
		return;
	buf_close(&q->call);
	free(q);
}

static bool is_self(const struct net *n, const char *node)
{
	return strcmp(node, n->config.name) == 0;
}

void net_ping(struct net *n, const char *node, net_ping_cb cb, void *arg)
{
	const struct net_peer *p = peer_find(n, node);
	struct net_request *q;

	if (is_self(n, node)) {
		cb(arg, true);
		return;
	}
	/* A member's link is tried all the time: when it is down, that is the answer. */
	if (p != NULL && p->member && p->up == NULL) {
		cb(arg, false);
		return;
	}
	q = request_new(n, arg);
	if (q != NULL)
		q->ping_cb = cb;
	if (q == NULL || request_start(n, node, NET_PING_MS, q) != ST_OK) {
		request_free(q);
		cb(arg, false);
	}
}

static enum status encode_call(struct net_request *q, const char *module, const char *function,
                               const struct term *args)
{
	struct arena arena;
	const struct term *call;
	enum status st;

	arena_init(&arena, SERVICE_ARENA_MAX);
	call = term_tuple3(&arena, term_atom(&arena, module), term_atom(&arena, function), args);
	st = call == NULL ? ST_NOMEM : term_encode(call, &q->call);
	arena_close(&arena);
	return st;
}

/* NOLINTNEXTLINE(readability-function-size): a call has that many parts. */
void net_rpc(struct net *n, const char *node, const char *module, const char *function,
             const struct term *args, unsigned timeout_ms, net_rpc_cb cb, void *arg)
{
	struct net_request *q = request_new(n, arg);
	enum status st = q == NULL ? ST_NOMEM : encode_call(q, module, function, args);

	if (st == ST_OK) {
		q->rpc_cb = cb;
		st = request_start(n, node, timeout_ms, q);
	}
	if (st != ST_OK) {
		request_free(q);
		cb(arg, NULL, status_text(st));
	}
}

static void names_answered(void *arg, const uint8_t *bytes, size_t len, const char *why)
{
	struct net_names_query *q = arg;
	struct net_name *names;
	struct epmd_node node;
	size_t count = 0;
	size_t at = 0;

	q->query = NULL;
	if (bytes == NULL) {
		names_end(q, NULL, 0, why);
		return;
	}
	names = calloc(NET_NAMES_MAX, sizeof *names);
	if (names == NULL) {
		names_end(q, NULL, 0, status_text(ST_NOMEM));
		return;
	}
	while (count < NET_NAMES_MAX && epmd_names_next(bytes, len, &at, &node) == ST_OK) {
		memcpy(names[count].name, node.name, sizeof names[count].name);
		names[count].port = node.port;
		count++;
	}
	names_end(q, names, count, NULL);
	free(names);
}

static void names_ask(struct net_names_query *q, const struct sockaddr_in *resolved)
{
	struct epmd_request request = {.type = EPMD_NAMES};
	struct sockaddr_in address = *resolved;

	address.sin_port = htons(q->net->config.epmd_port);
	if (epmd_query_start(q->net->loop, &address, &request, names_answered, q, &q->query) !=
	    ST_OK)
		names_end(q, NULL, 0, "no connection to EPMD");
}

static void names_resolved(void *arg, const struct sockaddr_in *address)
{
	struct net_names_query *q = arg;

	q->resolving = NULL;
	if (address == NULL)
		names_end(q, NULL, 0, "the host name has no address");
	else
		names_ask(q, address);
}

void net_names(struct net *n, const char *host, net_names_cb cb, void *arg)
{
	struct net_names_query *q = n->closing ? NULL : calloc(1, sizeof *q);
	struct sockaddr_in address;

	if (q == NULL) {
		cb(arg, NULL, 0, n->closing ? status_text(ST_CLOSED) : status_text(ST_NOMEM));
		return;
	}
	q->net = n;
	q->cb = cb;
	q->arg = arg;
	q->deadline_ms = net_now(n) + NET_NAMES_MS;
	queue_push(&n->names, &q->queue);
	net_wake_at(n, q->deadline_ms);
	if (net_resolve_numeric(host, &address))
		names_ask(q, &address);
	else if (net_resolve_start(n->loop, host, names_resolved, q, &q->resolving) != ST_OK)
		names_end(q, NULL, 0, "the host name cannot be resolved");
}

static enum status call_finish(struct net *n, uint64_t call_id,
                               const struct service_outcome *outcome)
{
	struct service_result result;
	struct arena arena;
	struct queue *pos;
	struct queue *after;
	enum status st = ST_NOT_FOUND;

	arena_init(&arena, SERVICE_ARENA_MAX);
	QUEUE_EACH (pos, after, &n->conns) {
		struct net_conn *c = CONTAINER_OF(pos, struct net_conn, queue);

		if (c->state != CONN_UP)
			continue;
		st = services_finish(&c->services, &arena, call_id, outcome, &result);
		if (st == ST_NOT_FOUND)
			continue;
		for (size_t i = 0; st == ST_OK && i < result.n_out; i++)
			st = link_send_message(c, &result.out[i]);
		break;
	}
	arena_close(&arena);
	return st;
}

enum status net_call_reply(struct net *n, uint64_t call_id, const struct term *value)
{
	struct service_outcome outcome = {NULL, value};

	return call_finish(n, call_id, &outcome);
}

enum status net_call_fail(struct net *n, uint64_t call_id, const char *klass,
                          const struct term *reason)
{
	struct service_outcome outcome = {klass, reason};

	return call_finish(n, call_id, &outcome);
}
