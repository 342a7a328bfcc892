/* A connection of the HTTP server: the first byte says in which pieces the others arrive. */
#include <assert.h>
#include <stdint.h>

#include "http/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct http_request *q)
{
	assert(q->head.path.len > 0 && q->head.path.at[0] == '/');
	assert(q->head.path.len + q->head.query.len <= HTTP_TARGET_MAX);
	assert(q->head.n_headers <= HTTP_HEADERS_MAX);
	assert(q->body_len <= HTTP_BODY_MAX);
	assert(q->head.chunked || q->body_len == q->head.length);
}

static void answer_all(struct http_conn *c, int64_t now_us)
{
	static const struct http_answer answer = {200, "text/plain", NULL, "yes\n", 4, 0};
	const struct http_request *q;

	while ((q = http_conn_next(c, now_us)) != NULL) {
		look_at(q);
		http_conn_answer(c, now_us, &answer);
		http_conn_sent(c, now_us, c->out.len);
	}
	assert(c->in.len <= HTTP_HEAD_MAX + HTTP_READ_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_conn c;
	size_t step;
	int64_t now_us = 0;

	if (size == 0)
		return 0;
	step = data[0] == 0 ? size : data[0];
	http_conn_init(&c, now_us);
	for (size_t at = 1; at < size && http_conn_reads(&c); at += step) {
		now_us += 1000;
		http_conn_take(&c, now_us, data + at, size - at < step ? size - at : step);
		answer_all(&c, now_us);
	}
	http_conn_ended(&c, now_us);
	answer_all(&c, now_us);
	http_conn_sent(&c, now_us, c.out.len);
	http_conn_tick(&c, now_us + HTTP_IDLE_US);
	http_conn_sent(&c, now_us, c.out.len);
	http_conn_tick(&c, now_us + 2 * (int64_t)HTTP_IDLE_US);
	assert(c.state == HTTP_CONN_CLOSED);
	http_conn_close(&c);
	return 0;
}
