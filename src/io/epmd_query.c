/* One question to an EPMD; see epmd_query.h. */
#include "io/epmd_query.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct epmd_query {
	uv_tcp_t tcp;
	uv_connect_t connect;
	epmd_query_cb cb; /* NULL: answered or cancelled */
	void *arg;
	enum epmd_type type; /* what was asked */
	bool connected;
	struct buf out;   /* the question */
	struct buf in;    /* the answer so far */
	char chunk[4096]; /* one read */
};

static void query_closed(uv_handle_t *handle)
{
	struct epmd_query *q = handle->data;

	buf_close(&q->out);
	buf_close(&q->in);
	free(q);
}

static void query_end(struct epmd_query *q, const char *why)
{
	epmd_query_cb cb = q->cb;

	q->cb = NULL;
	if (uv_is_closing((uv_handle_t *)&q->tcp))
		return;
	uv_close((uv_handle_t *)&q->tcp, query_closed);
	if (cb != NULL)
		cb(q->arg, why == NULL ? q->in.base : NULL, q->in.len, why);
}

static void query_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct epmd_query *q = handle->data;

	(void)suggested;
	*ret = uv_buf_init(q->chunk, sizeof q->chunk);
}

/* Whether the answer is whole before the connection ends. */
static bool query_complete(const struct epmd_query *q)
{
	struct epmd_node node;

	return q->type == EPMD_PORT2 && epmd_port_decode(q->in.base, q->in.len, &node) != ST_AGAIN;
}

static void query_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct epmd_query *q = stream->data;

	if (q->cb == NULL)
		return;
	if (n > 0) {
		buf_bytes(&q->in, chunk->base, (size_t)n);
		if (buf_status(&q->in) != ST_OK)
			query_end(q, "EPMD's answer is too long");
		else if (query_complete(q))
			query_end(q, NULL);
	} else if (n == UV_EOF) {
		query_end(q, q->in.len > 0 ? NULL : "EPMD closed the connection");
	} else if (n < 0) {
		query_end(q, "the connection to EPMD broke");
	}
}

static void query_connected(uv_connect_t *req, int status)
{
	struct epmd_query *q = req->data;
	uv_buf_t bytes = uv_buf_init((char *)q->out.base, (unsigned)q->out.len);

	if (q->cb == NULL)
		return;
	q->connected = status == 0;
	if (!q->connected)
		query_end(q, "EPMD does not answer there");
	else if (uv_try_write((uv_stream_t *)&q->tcp, &bytes, 1) != (int)q->out.len ||
	         uv_read_start((uv_stream_t *)&q->tcp, query_alloc, query_read) != 0)
		query_end(q, "the connection to EPMD broke");
}

enum status epmd_query_start(struct uv_loop_s *loop, const struct sockaddr_in *address,
                             const struct epmd_request *request, epmd_query_cb cb, void *arg,
                             struct epmd_query **ret)
{
	struct epmd_query *q = calloc(1, sizeof *q);

	if (q == NULL)
		return ST_NOMEM;
	q->cb = cb;
	q->arg = arg;
	q->type = request->type;
	q->connect.data = q;
	buf_init(&q->out, EPMD_REQUEST_MAX);
	buf_init(&q->in, EPMD_ANSWER_MAX);
	epmd_request_encode(&q->out, request);
	if (buf_status(&q->out) != ST_OK || uv_tcp_init(loop, &q->tcp) != 0) {
		buf_close(&q->out);
		free(q);
		return ST_NOMEM;
	}
	q->tcp.data = q;
	if (uv_tcp_connect(&q->connect, &q->tcp, (const struct sockaddr *)address,
	                   query_connected) != 0) {
		q->cb = NULL;
		query_end(q, "no connection");
		return ST_IO;
	}
	*ret = q;
	return ST_OK;
}

bool epmd_query_connected(const struct epmd_query *q)
{
	return q->connected;
}

void epmd_query_cancel(struct epmd_query *q)
{
	q->cb = NULL;
	query_end(q, "cancelled");
}
