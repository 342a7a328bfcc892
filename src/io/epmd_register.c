/* One node's registration; see epmd_register.h. */
#include "io/epmd_register.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "base/buf.h"
#include "io/epmd_serve.h"
#include "io/net_limits.h"

enum register_state {
	REGISTER_IDLE,   /* waiting for the timer */
	REGISTER_ASKING, /* a connection is being made or the answer awaited */
	REGISTER_DONE,   /* EPMD knows us as long as the connection lives */
	REGISTER_SERVING,
	REGISTER_STATES,
};

#define BIT(n) (1U << (n))

static const unsigned register_next[REGISTER_STATES] = {
    [REGISTER_IDLE] = BIT(REGISTER_ASKING) | BIT(REGISTER_IDLE),
    [REGISTER_ASKING] = BIT(REGISTER_IDLE) | BIT(REGISTER_DONE) | BIT(REGISTER_SERVING),
    [REGISTER_DONE] = BIT(REGISTER_IDLE),
    [REGISTER_SERVING] = 0,
};

/* A connection to EPMD: of its own memory, because closing takes a turn of the loop and the
 * next attempt does not wait for it. */
struct register_conn {
	struct epmd_register *owner; /* NULL: given up */
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct buf in;
	char chunk[256];
};

struct epmd_register {
	enum register_state state; /* moved only by register_move() */
	struct uv_loop_s *loop;
	uint16_t port;
	struct epmd_node node;
	uv_timer_t timer;           /* a deadline while asking, a retry while idle */
	struct register_conn *conn; /* while asking and when done */
	struct epmd_serve *serve;   /* while serving */
	bool told_taken;            /* the owner knows that the name is taken */
	unsigned unanswered;        /* attempts in a row */
	epmd_register_cb cb;
	void *arg;
	bool closing;
	size_t open; /* handles, connections and servers that are not closed */
	void (*closed_cb)(void *arg);
	void *closed_arg;
};

static void attempt(struct epmd_register *r);

static void register_move(struct epmd_register *r, enum register_state next)
{
	assert(register_next[r->state] & BIT(next));
	r->state = next;
}

static void register_maybe_closed(void *arg)
{
	struct epmd_register *r = arg;

	r->open--;
	if (!r->closing || r->open > 0)
		return;
	if (r->closed_cb != NULL)
		r->closed_cb(r->closed_arg);
	free(r);
}

static void timer_closed(uv_handle_t *handle)
{
	register_maybe_closed(handle->data);
}

static void conn_closed(uv_handle_t *handle)
{
	struct register_conn *c = handle->data;
	struct epmd_register *r = c->owner;

	buf_close(&c->in);
	free(c);
	register_maybe_closed(r);
}

static void conn_drop(struct epmd_register *r)
{
	struct register_conn *c = r->conn;

	r->conn = NULL;
	if (c != NULL)
		uv_close((uv_handle_t *)&c->tcp, conn_closed);
}

/* Something holds EPMD's port, but does not speak like one. */
static void note_unanswered(struct epmd_register *r)
{
	if (++r->unanswered == EPMD_UNANSWERED_TOLD)
		r->cb(r->arg, true,
		      "what listens on EPMD's port of this host does not answer: no other node "
		      "finds this one; stop that program");
}

static void timer_due(uv_timer_t *timer)
{
	struct epmd_register *r = timer->data;

	if (r->state == REGISTER_ASKING) {
		note_unanswered(r);
		conn_drop(r);
		register_move(r, REGISTER_IDLE);
	}
	attempt(r);
}

static void retry_in(struct epmd_register *r, uint64_t ms)
{
	int rc;

	conn_drop(r);
	register_move(r, REGISTER_IDLE);
	if (r->closing)
		return;
	rc = uv_timer_start(&r->timer, timer_due, ms, 0);
	assert(rc == 0);
}

static void serve_instead(struct epmd_register *r)
{
	if (epmd_serve_open(r->loop, r->port, false, NULL, NULL, &r->serve) != ST_OK) {
		/* Another node was faster to take the port over, or has yet to answer. */
		retry_in(r, EPMD_RETRY_MS);
		return;
	}
	r->open++;
	conn_drop(r);
	uv_timer_stop(&r->timer);
	register_move(r, REGISTER_SERVING);
	if (epmd_serve_register(r->serve, &r->node) != ST_OK)
		r->cb(r->arg, true, "our own EPMD does not take our name");
	else
		r->cb(r->arg, false,
		      "no EPMD answers on this host: serving its protocol ourselves");
}

static void on_answer(struct epmd_register *r)
{
	struct register_conn *c = r->conn;
	uint32_t creation;

	switch (epmd_alive_decode(c->in.base, c->in.len, &creation)) {
	case ST_OK:
		uv_timer_stop(&r->timer);
		register_move(r, REGISTER_DONE);
		r->told_taken = false;
		r->unanswered = 0;
		buf_reset(&c->in);
		r->cb(r->arg, false, "registered with the EPMD of this host");
		return;
	case ST_AGAIN:
		return;
	case ST_REFUSED:
		if (!r->told_taken)
			r->cb(r->arg, true,
			      "EPMD knows another live node of this name on this host: stop that "
			      "one or choose another name");
		r->told_taken = true;
		break;
	default:
		break;
	}
	retry_in(r, EPMD_TAKEN_RETRY_MS);
}

static void conn_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct register_conn *c = handle->data;

	(void)suggested;
	*ret = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct register_conn *c = stream->data;
	struct epmd_register *r = c->owner;

	if (c != r->conn)
		return;
	if (n < 0) {
		if (r->state == REGISTER_ASKING)
			note_unanswered(r);
		/* It died: take over at once, unless somebody else does. */
		retry_in(r, r->state == REGISTER_DONE ? 0 : EPMD_RETRY_MS);
		return;
	}
	buf_bytes(&c->in, chunk->base, (size_t)n);
	if (r->state == REGISTER_ASKING)
		on_answer(r);
	else
		buf_reset(&c->in); /* EPMD has nothing more to say */
}

static void conn_connected(uv_connect_t *req, int status)
{
	struct register_conn *c = req->data;
	struct epmd_register *r = c->owner;
	struct epmd_request request = {.type = EPMD_ALIVE2};
	struct buf out;
	uv_buf_t bytes;
	bool sent;

	if (c != r->conn)
		return;
	if (status != 0) {
		serve_instead(r);
		return;
	}
	request.node = r->node;
	buf_init(&out, EPMD_REQUEST_MAX);
	epmd_request_encode(&out, &request);
	bytes = uv_buf_init((char *)out.base, (unsigned)out.len);
	sent = buf_status(&out) == ST_OK &&
	       uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1) == (int)out.len &&
	       uv_read_start((uv_stream_t *)&c->tcp, conn_alloc, conn_read) == 0;
	buf_close(&out);
	if (!sent)
		retry_in(r, EPMD_RETRY_MS);
}

static void attempt(struct epmd_register *r)
{
	struct sockaddr_in address;
	struct register_conn *c = calloc(1, sizeof *c);
	int rc = uv_ip4_addr("127.0.0.1", r->port, &address);

	assert(rc == 0 && r->conn == NULL);
	if (c == NULL || uv_tcp_init(r->loop, &c->tcp) != 0) {
		free(c);
		retry_in(r, EPMD_RETRY_MS);
		return;
	}
	buf_init(&c->in, sizeof c->chunk);
	c->owner = r;
	c->tcp.data = c;
	c->connect.data = c;
	r->conn = c;
	r->open++;
	register_move(r, REGISTER_ASKING);
	rc = uv_timer_start(&r->timer, timer_due, EPMD_ATTEMPT_MS, 0);
	assert(rc == 0);
	if (uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&address, conn_connected) != 0)
		retry_in(r, EPMD_RETRY_MS);
}

enum status epmd_register_open(struct uv_loop_s *loop, uint16_t port, const struct epmd_node *node,
                               epmd_register_cb cb, void *arg, struct epmd_register **ret)
{
	struct epmd_register *r = calloc(1, sizeof *r);
	int rc;

	if (r == NULL)
		return ST_NOMEM;
	rc = uv_timer_init(loop, &r->timer);
	assert(rc == 0);
	r->timer.data = r;
	r->open = 1;
	r->loop = loop;
	r->port = port;
	r->node = *node;
	r->cb = cb;
	r->arg = arg;
	attempt(r);
	*ret = r;
	return ST_OK;
}

void epmd_register_close(struct epmd_register *r, void (*closed_cb)(void *arg), void *arg)
{
	assert(!r->closing);
	r->closing = true;
	r->closed_cb = closed_cb;
	r->closed_arg = arg;
	conn_drop(r);
	if (r->serve != NULL)
		epmd_serve_close(r->serve, register_maybe_closed, r);
	uv_close((uv_handle_t *)&r->timer, timer_closed);
}
