/* Opening, closing and asking the net; its one timer. See net.h and net_internal.h. */
#include "io/net.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/control.h"
#include "io/epmd_register.h"
#include "io/net_internal.h"
#include "io/net_resolve.h"
#include "io/net_socket.h"

int64_t net_now(const struct net *n)
{
	return (int64_t)uv_now(n->loop);
}

void net_trace(struct net *n, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (n->ops.trace == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	n->ops.trace(n->ops.arg, text);
}

/* FNV-1a, to recognise a refusal that was reported a moment ago. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
	return (hash ^ 0xff) * 0x100000001b3U;
}

void net_refused(struct net *n, const char *node, const char *address, const char *why)
{
	uint64_t hash = hash_text(hash_text(hash_text(0xcbf29ce484222325U, node), address), why);
	int64_t now = net_now(n);

	for (size_t i = 0; i < NET_REFUSED_KEPT; i++) {
		if (n->refusals[i].hash == hash &&
		    now - n->refusals[i].at_ms < NET_REFUSED_QUIET_MS)
			return;
	}
	n->refusals[n->next_refusal++ % NET_REFUSED_KEPT] = (struct net_refusal){hash, now};
	if (n->ops.refused != NULL)
		n->ops.refused(n->ops.arg, node, address, why);
}

static int64_t earlier(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

static void net_tick(uv_timer_t *timer)
{
	struct net *n = timer->data;
	int64_t now = net_now(n);
	int64_t next = INT64_MAX;
	struct queue *pos;
	struct queue *after;

	n->timer_at_ms = INT64_MAX;
	QUEUE_EACH (pos, after, &n->conns)
		next = earlier(next, conn_tick(CONTAINER_OF(pos, struct net_conn, queue), now));
	next = earlier(next, net_requests_tick(n, now));
	QUEUE_EACH (pos, after, &n->peers) {
		struct net_peer *p = CONTAINER_OF(pos, struct net_peer, queue);

		next = earlier(next, peer_tick(p, now));
		peer_maybe_forget(p);
	}
	net_wake_at(n, next);
}

void net_wake_at(struct net *n, int64_t at_ms)
{
	int64_t now = net_now(n);
	int rc;

	if (n->closing || at_ms >= n->timer_at_ms)
		return;
	n->timer_at_ms = at_ms;
	rc = uv_timer_start(&n->timer, net_tick, at_ms > now ? (uint64_t)(at_ms - now) : 0, 0);
	assert(rc == 0);
}

void net_flush(struct net *n)
{
	struct queue *front;

	while ((front = queue_front(&n->dirty)) != NULL)
		link_flush(CONTAINER_OF(front, struct net_conn, dirty));
}

static void net_before_wait(uv_prepare_t *prepare)
{
	net_flush(prepare->data);
}

static void net_after_wait(uv_check_t *check)
{
	net_flush(check->data);
}

static void net_registered(void *arg, bool taken, const char *text)
{
	struct net *n = arg;

	if (taken)
		net_refused(n, n->config.name, "EPMD", text);
	else
		net_trace(n, "%s", text);
}

static enum status config_check(const struct net_config *config, const char **why)
{
	if (!dist_name_valid(config->name)) {
		*why = "the node name is not of the form name@host";
		return ST_INVALID;
	}
	if (config->n_members > NET_MEMBERS_MAX) {
		*why = "too many members";
		return ST_LIMIT;
	}
	if (config->ticktime_s == 0 || config->member_silence_ms == 0) {
		*why = "net_ticktime and the silence of members must be greater than 0";
		return ST_INVALID;
	}
	return ST_OK;
}

/* The first free port of the range: "a busy port: next one". */
static enum status listen_in_range(const struct net_config *config, int *ret_fd, uint16_t *ret_port,
                                   const char **why)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	enum status st = ST_INVALID;

	*why = "inet_dist_listen_min is greater than inet_dist_listen_max: exchange them";
	if (config->interface[0] != '\0' && !net_resolve_numeric(config->interface, &address)) {
		*why = "inet_dist_use_interface is not an IPv4 address";
		return ST_INVALID;
	}
	for (unsigned port = config->listen_min; port <= config->listen_max; port++) {
		address.sin_port = htons((uint16_t)port);
		st = net_socket_listen(&address, ret_fd);
		if (st == ST_OK)
			*ret_port = (uint16_t)port;
		if (st != ST_EXISTS)
			break;
	}
	if (st == ST_EXISTS)
		*why =
		    "every port from inet_dist_listen_min to inet_dist_listen_max is in use: stop "
		    "what listens there or widen the range";
	else if (st == ST_INVALID && config->listen_min <= config->listen_max)
		*why =
		    "inet_dist_use_interface is not an address of this host: use one of its own, "
		    "or leave the setting out to listen on all";
	else if (st == ST_IO)
		*why = "cannot listen between inet_dist_listen_min and inet_dist_listen_max: ports "
		       "below 1024 need privileges";
	return st;
}

static void net_init(struct net *n, struct uv_loop_s *loop, const struct net_config *config,
                     const struct net_ops *ops)
{
	n->loop = loop;
	n->config = *config;
	n->ops = *ops;
	snprintf(n->alive, sizeof n->alive, "%.*s", (int)strcspn(config->name, "@"), config->name);
	net_socket_random(&n->creation, sizeof n->creation);
	net_socket_random(&n->jitter, sizeof n->jitter);
	/* 0 to 3 are the creations of nodes from before version 6. */
	n->creation = n->creation < 4 ? 4 : n->creation;
	n->timer_at_ms = INT64_MAX;
	queue_init(&n->peers);
	queue_init(&n->conns);
	queue_init(&n->dirty);
	queue_init(&n->requests);
	queue_init(&n->names);
}

/* libuv calls that cannot fail with arguments of ours. */
static void must(int rc)
{
	assert(rc == 0);
}

static void net_start_handles(struct net *n)
{
	n->timer.data = n;
	n->prepare.data = n;
	n->check.data = n;
	must(uv_timer_init(n->loop, &n->timer));
	must(uv_prepare_init(n->loop, &n->prepare));
	must(uv_check_init(n->loop, &n->check));
	must(uv_prepare_start(&n->prepare, net_before_wait));
	must(uv_check_start(&n->check, net_after_wait));
	n->handles = 3;
}

/* Takes the socket. */
static void net_start_listener(struct net *n, int fd)
{
	uv_tcp_t *listener = &n->listeners[n->n_listeners];

	assert(n->n_listeners < sizeof n->listeners / sizeof n->listeners[0]);
	listener->data = n;
	must(uv_tcp_init(n->loop, listener));
	must(uv_tcp_open(listener, fd));
	must(uv_listen((uv_stream_t *)listener, NET_BACKLOG, conn_accept));
	n->handles++;
	n->n_listeners++;
}

/* RB-008's manual check comes over loopback, whatever interface the distribution is bound to. */
static void net_start_loopback(struct net *n)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(n->port)};
	int fd;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (n->config.interface[0] == '\0' || strncmp(n->config.interface, "127.", 4) == 0 ||
	    strcmp(n->config.interface, "0.0.0.0") == 0)
		return;
	if (net_socket_listen(&address, &fd) == ST_OK)
		net_start_listener(n, fd);
	else
		net_trace(n, "port %u of loopback is taken: tools on this host must use %s",
		          n->port, n->config.interface);
}

static enum status net_start_epmd(struct net *n)
{
	struct epmd_node node = {.port = n->port,
	                         .node_type = EPMD_NODE_HIDDEN,
	                         .highest = DIST_VERSION_HIGH,
	                         .lowest = DIST_VERSION_LOW};
	enum status st;

	memcpy(node.name, n->alive, sizeof node.name);
	st = epmd_register_open(n->loop, n->config.epmd_port, &node, net_registered, n,
	                        &n->registration);
	n->handles += st == ST_OK;
	return st;
}

enum status net_open(struct uv_loop_s *loop, const struct net_config *config,
                     const struct net_ops *ops, struct net **ret, const char **why)
{
	struct net *n;
	int fd = -1;
	enum status st = config_check(config, why);

	if (st != ST_OK)
		return st;
	*why = "out of memory";
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return ST_NOMEM;
	net_socket_no_sigpipe();
	net_init(n, loop, config, ops);
	n->read_buffer = malloc(NET_READ_MAX);
	if (n->read_buffer == NULL) {
		st = ST_NOMEM;
		goto err_net;
	}
	if (config->listen) {
		st = listen_in_range(config, &fd, &n->port, why);
		if (st != ST_OK)
			goto err_read_buffer;
	}
	net_start_handles(n);
	if (fd >= 0) {
		net_start_listener(n, fd);
		net_start_loopback(n);
	}
	/* From here on nothing fails: a member or a registration that could not be begun for
	 * want of memory is what the caller sees as missing. */
	for (size_t i = 0; i < config->n_members; i++) {
		if (net_member_add(n, config->members[i]) != ST_OK)
			net_trace(n, "member %s cannot be added", config->members[i]);
	}
	if (config->listen && config->epmd && net_start_epmd(n) != ST_OK)
		net_trace(n, "cannot register with EPMD: out of memory");
	*ret = n;
	return ST_OK;

err_read_buffer:
	free(n->read_buffer);
err_net:
	free(n);
	return st;
}

void net_maybe_closed(struct net *n)
{
	struct queue *front;

	if (!n->closing || n->handles > 0 || n->closed)
		return;
	n->closed = true;
	while ((front = queue_front(&n->peers)) != NULL)
		peer_free(CONTAINER_OF(front, struct net_peer, queue));
	free(n->read_buffer);
	n->read_buffer = NULL;
	if (n->closed_cb != NULL)
		n->closed_cb(n->closed_arg);
}

static void net_handle_closed(uv_handle_t *handle)
{
	struct net *n = handle->data;

	n->handles--;
	net_maybe_closed(n);
}

static void net_registration_closed(void *arg)
{
	struct net *n = arg;

	n->handles--;
	net_maybe_closed(n);
}

void net_close(struct net *n, void (*closed_cb)(void *arg), void *arg)
{
	struct queue *pos;
	struct queue *after;

	assert(!n->closing);
	net_flush(n);
	n->closing = true;
	n->closed_cb = closed_cb;
	n->closed_arg = arg;
	net_requests_close(n);
	QUEUE_EACH (pos, after, &n->peers)
		peer_attempt_drop(CONTAINER_OF(pos, struct net_peer, queue));
	QUEUE_EACH (pos, after, &n->conns)
		conn_close(CONTAINER_OF(pos, struct net_conn, queue), "this node stops");
	if (n->registration != NULL)
		epmd_register_close(n->registration, net_registration_closed, n);
	for (size_t i = 0; i < n->n_listeners; i++)
		uv_close((uv_handle_t *)&n->listeners[i], net_handle_closed);
	uv_close((uv_handle_t *)&n->timer, net_handle_closed);
	uv_close((uv_handle_t *)&n->prepare, net_handle_closed);
	uv_close((uv_handle_t *)&n->check, net_handle_closed);
}

void net_free(struct net *n)
{
	assert(n == NULL || n->closed);
	free(n);
}

uint16_t net_port(const struct net *n)
{
	return n->port;
}

uint32_t net_creation(const struct net *n)
{
	return n->creation;
}

static const enum link_class classes[NET_CLASSES] = {
    [NET_URGENT] = LINK_URGENT, [NET_NORMAL] = LINK_NORMAL, [NET_BULK] = LINK_BULK};

size_t net_backlog(struct net *n, const char *node, enum net_class klass)
{
	const struct net_peer *p = peer_find(n, node);

	return p == NULL || p->up == NULL ? 0 : p->up->out.queued[classes[klass]];
}

enum status net_send(struct net *n, const char *node, enum net_class klass, const uint8_t *bytes,
                     size_t len)
{
	const struct net_peer *p = peer_find(n, node);
	uint8_t head[CONTROL_BINARY_HEAD];
	struct link_parts parts;
	enum status st;

	if (p == NULL || !p->member || p->up == NULL || p->up->state != CONN_UP)
		return ST_CLOSED;
	if (len > LINK_MESSAGE_MAX)
		return ST_LIMIT;
	control_binary_head(head, len);
	parts.control = (struct link_chunk){p->up->member_head.base, p->up->member_head.len};
	parts.payload = (struct link_chunk){head, sizeof head};
	parts.tail = (struct link_chunk){bytes, len};
	st = link_out_message(&p->up->out, classes[klass], &parts);
	if (st == ST_OK)
		link_dirty(p->up);
	return st;
}

enum status net_member_add(struct net *n, const char *node)
{
	struct net_peer *p;
	enum status st;

	if (!dist_name_valid(node) || strcmp(node, n->config.name) == 0)
		return ST_INVALID;
	st = peer_get(n, node, &p);
	if (st != ST_OK || p->member)
		return st;
	p->member = true;
	dial_alive(&p->dial, net_now(n));
	net_wake_at(n, net_now(n));
	/* A link that it had as a foreign node begins anew as a member's. */
	if (p->up != NULL)
		conn_close(p->up, "became a member");
	return ST_OK;
}

void net_member_remove(struct net *n, const char *node)
{
	struct net_peer *p = peer_find(n, node);

	if (p == NULL || !p->member)
		return;
	peer_attempt_drop(p);
	if (p->up != NULL)
		conn_close(p->up, "no member any more");
	p->member = false;
	net_wake_at(n, net_now(n));
}

size_t net_foreign(const struct net *n, char ret[][NET_NAME_MAX], size_t cap)
{
	const struct queue *pos;
	size_t count = 0;

	for (pos = n->peers.next; pos != &n->peers && count < cap; pos = pos->next) {
		const struct net_peer *p =
		    (const struct net_peer *)((const char *)pos - offsetof(struct net_peer, queue));

		if (!p->member && p->up != NULL)
			memcpy(ret[count++], p->name, NET_NAME_MAX);
	}
	return count;
}

static void link_status(const struct net_peer *p, struct net_link_status *ret)
{
	memset(ret, 0, sizeof *ret);
	memcpy(ret->node, p->name, sizeof ret->node);
	ret->member = p->member;
	ret->reconnects = p->reconnects > 0 ? p->reconnects - 1 : 0;
	ret->bytes_in = p->past_in;
	ret->bytes_out = p->past_out;
	if (p->up == NULL)
		return;
	ret->up = true;
	ret->epoch = p->up->epoch;
	ret->bytes_in += p->up->bytes_in;
	ret->bytes_out += p->up->bytes_out;
	ret->queued = link_out_queued(&p->up->out);
	memcpy(ret->address, p->up->address, sizeof ret->address);
}

size_t net_links(const struct net *n, struct net_link_status *ret, size_t cap)
{
	const struct queue *pos;
	size_t count = 0;

	for (pos = n->peers.next; pos != &n->peers && count < cap; pos = pos->next) {
		const struct net_peer *p =
		    (const struct net_peer *)((const char *)pos - offsetof(struct net_peer, queue));

		if (p->member || p->up != NULL)
			link_status(p, &ret[count++]);
	}
	return count;
}
