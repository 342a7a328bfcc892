/* EPMD's sockets; see epmd_serve.h. */
#include "io/epmd_serve.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/queue.h"
#include "io/net_limits.h"
#include "io/net_socket.h"

enum { CONN_OF_OWNER = 1 }; /* the registration that needs no connection */

struct epmd_serve {
	uv_tcp_t listener;
	uv_timer_t timer; /* looks for silent connections */
	struct epmd_server table;
	struct queue conns; /* of struct serve_conn */
	size_t n_conns;
	uint64_t next_conn;
	size_t handles; /* that are not closed */
	bool closing;
	void (*quit_cb)(void *arg);
	void *quit_arg;
	void (*closed_cb)(void *arg);
	void *closed_arg;
};

struct serve_conn {
	struct queue queue; /* in conns */
	struct epmd_serve *serve;
	uv_tcp_t tcp;
	uint64_t number;  /* for the table */
	int64_t since_ms; /* when it came */
	bool registered;  /* it holds a name: it may be silent */
	struct buf in;    /* a request that is not complete */
	char chunk[1024]; /* one read */
};

static void serve_maybe_closed(struct epmd_serve *s)
{
	if (!s->closing || s->handles > 0)
		return;
	if (s->closed_cb != NULL)
		s->closed_cb(s->closed_arg);
	free(s);
}

static void handle_closed(uv_handle_t *handle)
{
	struct epmd_serve *s = handle->data;

	s->handles--;
	serve_maybe_closed(s);
}

static void conn_closed(uv_handle_t *handle)
{
	struct serve_conn *c = handle->data;
	struct epmd_serve *s = c->serve;

	buf_close(&c->in);
	free(c);
	s->handles--;
	serve_maybe_closed(s);
}

static void conn_close(struct serve_conn *c)
{
	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	epmd_server_gone(&c->serve->table, c->number);
	queue_remove(&c->queue);
	c->serve->n_conns--;
	uv_close((uv_handle_t *)&c->tcp, conn_closed);
}

static void conn_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct serve_conn *c = handle->data;

	(void)suggested;
	*ret = uv_buf_init(c->chunk, sizeof c->chunk);
}

static bool conn_is_local(struct serve_conn *c)
{
	struct sockaddr_in peer;
	struct sockaddr_in own;
	int peer_len = sizeof peer;
	int own_len = sizeof own;

	return uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&own, &own_len) == 0 &&
	       net_socket_is_local(&peer, &own);
}

static void conn_answer(struct serve_conn *c, const struct epmd_request *request)
{
	struct epmd_caller caller = {.conn = c->number, .local = conn_is_local(c)};
	enum epmd_after after = EPMD_AFTER_CLOSE;
	struct epmd_serve *s = c->serve;
	struct buf out;
	uv_buf_t bytes;

	net_socket_random(&caller.creation, sizeof caller.creation);
	buf_init(&out, EPMD_ANSWER_MAX);
	if (epmd_server_step(&s->table, &caller, request, &out, &after) != ST_OK ||
	    buf_status(&out) != ST_OK)
		after = EPMD_AFTER_CLOSE;
	bytes = uv_buf_init((char *)out.base, (unsigned)out.len);
	/* Answers fit into an empty socket buffer; who does not take his is closed. */
	if (out.len > 0 && uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1) != (int)out.len)
		after = EPMD_AFTER_CLOSE;
	buf_close(&out);
	if (after == EPMD_AFTER_KEEP)
		c->registered = true;
	else
		conn_close(c);
	if (after == EPMD_AFTER_QUIT && s->quit_cb != NULL)
		s->quit_cb(s->quit_arg);
}

static void conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct serve_conn *c = stream->data;
	struct epmd_request request;
	size_t used;
	enum status st;

	if (n < 0) {
		conn_close(c);
		return;
	}
	buf_bytes(&c->in, chunk->base, (size_t)n);
	st = buf_status(&c->in);
	if (st == ST_OK)
		st = epmd_request_decode(c->in.base, c->in.len, &used, &request);
	if (st == ST_AGAIN)
		return;
	if (st != ST_OK) {
		conn_close(c);
		return;
	}
	buf_consume(&c->in, used);
	conn_answer(c, &request);
}

static void serve_connection(uv_stream_t *listener, int status)
{
	struct epmd_serve *s = listener->data;
	struct serve_conn *c;

	if (status != 0)
		return;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return;
	if (uv_tcp_init(listener->loop, &c->tcp) != 0) {
		free(c);
		return;
	}
	c->serve = s;
	c->tcp.data = c;
	c->number = s->next_conn++;
	c->since_ms = (int64_t)uv_now(listener->loop);
	buf_init(&c->in, EPMD_REQUEST_MAX + 2);
	queue_push(&s->conns, &c->queue);
	s->n_conns++;
	s->handles++;
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || s->n_conns > EPMD_CONNS_MAX ||
	    uv_read_start((uv_stream_t *)&c->tcp, conn_alloc, conn_read) != 0)
		conn_close(c);
}

static void serve_tick(uv_timer_t *timer)
{
	struct epmd_serve *s = timer->data;
	int64_t now = (int64_t)uv_now(timer->loop);
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &s->conns) {
		struct serve_conn *c = CONTAINER_OF(pos, struct serve_conn, queue);

		if (!c->registered && now - c->since_ms >= EPMD_IDLE_MS)
			conn_close(c);
	}
}

/* The handles exist only when the socket does. */
static void serve_start(struct epmd_serve *s, struct uv_loop_s *loop, int fd)
{
	int rc = uv_tcp_init(loop, &s->listener);

	assert(rc == 0);
	rc = uv_timer_init(loop, &s->timer);
	assert(rc == 0);
	s->listener.data = s;
	s->timer.data = s;
	s->handles = 2;
	rc = uv_tcp_open(&s->listener, fd);
	assert(rc == 0);
	rc = uv_listen((uv_stream_t *)&s->listener, NET_BACKLOG, serve_connection);
	assert(rc == 0);
	rc = uv_timer_start(&s->timer, serve_tick, EPMD_IDLE_MS, EPMD_IDLE_MS);
	assert(rc == 0);
}

enum status epmd_serve_open(struct uv_loop_s *loop, uint16_t port, bool may_stop,
                            void (*quit_cb)(void *arg), void *arg, struct epmd_serve **ret)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epmd_serve *s;
	enum status st;
	int fd;

	net_socket_no_sigpipe();
	st = net_socket_listen(&any, &fd);
	if (st != ST_OK)
		return st;
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		close(fd);
		return ST_NOMEM;
	}
	epmd_server_init(&s->table, port, may_stop);
	queue_init(&s->conns);
	s->next_conn = CONN_OF_OWNER + 1;
	s->quit_cb = quit_cb;
	s->quit_arg = arg;
	serve_start(s, loop, fd);
	*ret = s;
	return ST_OK;
}

void epmd_serve_close(struct epmd_serve *s, void (*closed_cb)(void *arg), void *arg)
{
	struct queue *pos;
	struct queue *after;

	assert(!s->closing);
	s->closing = true;
	s->closed_cb = closed_cb;
	s->closed_arg = arg;
	QUEUE_EACH (pos, after, &s->conns)
		conn_close(CONTAINER_OF(pos, struct serve_conn, queue));
	uv_close((uv_handle_t *)&s->listener, handle_closed);
	uv_close((uv_handle_t *)&s->timer, handle_closed);
}

enum status epmd_serve_register(struct epmd_serve *s, const struct epmd_node *node)
{
	struct epmd_caller caller = {.conn = CONN_OF_OWNER, .local = true, .creation = 4};
	struct epmd_request request = {.type = EPMD_ALIVE2, .node = *node};
	enum epmd_after after = EPMD_AFTER_CLOSE;
	struct buf out;
	enum status st;

	buf_init(&out, EPMD_ANSWER_MAX);
	st = epmd_server_step(&s->table, &caller, &request, &out, &after);
	buf_close(&out);
	if (st != ST_OK)
		return st;
	return after == EPMD_AFTER_KEEP ? ST_OK : ST_EXISTS;
}
