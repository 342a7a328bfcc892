#include "http/conn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define BIT(n) (1U << (n))

static const unsigned conn_next[HTTP_CONN_STATES] = {
    [HTTP_CONN_HEAD] = BIT(HTTP_CONN_BODY) | BIT(HTTP_CONN_LAST) | BIT(HTTP_CONN_CLOSED),
    [HTTP_CONN_BODY] = BIT(HTTP_CONN_ASKED) | BIT(HTTP_CONN_LAST) | BIT(HTTP_CONN_CLOSED),
    [HTTP_CONN_ASKED] = BIT(HTTP_CONN_HEAD) | BIT(HTTP_CONN_LAST) | BIT(HTTP_CONN_CLOSED),
    [HTTP_CONN_LAST] = BIT(HTTP_CONN_DRAIN) | BIT(HTTP_CONN_CLOSED),
    [HTTP_CONN_DRAIN] = BIT(HTTP_CONN_CLOSED),
};

static void conn_move(struct http_conn *c, enum http_conn_state next, int64_t now_us)
{
	assert(conn_next[c->state] & BIT(next));
	c->state = next;
	c->since_us = now_us;
}

void http_conn_init(struct http_conn *c, int64_t now_us)
{
	memset(c, 0, sizeof *c);
	buf_init(&c->in, HTTP_HEAD_MAX + HTTP_READ_MAX);
	buf_init(&c->text, HTTP_HEAD_MAX);
	buf_init(&c->body, HTTP_BODY_MAX);
	buf_init(&c->out, HTTP_OUT_MAX);
	c->since_us = now_us;
	c->sent_us = now_us;
}

void http_conn_close(struct http_conn *c)
{
	buf_close(&c->in);
	buf_close(&c->text);
	buf_close(&c->body);
	buf_close(&c->out);
}

/* When the last answer is on its way, what else comes is of no interest. */
static void drain_when_sent(struct http_conn *c, int64_t now_us)
{
	if (c->state == HTTP_CONN_LAST && c->out.len == 0)
		conn_move(c, HTTP_CONN_DRAIN, now_us);
}

static void put_answer(struct http_conn *c, int64_t now_us, const struct http_answer *a, bool bare,
                       bool keep_alive)
{
	if (c->out.len == 0)
		c->sent_us = now_us;
	http_answer_put(&c->out, a, bare, keep_alive);
	if (buf_status(&c->out) != ST_OK) {
		conn_move(c, HTTP_CONN_CLOSED, now_us);
		return;
	}
	if (!keep_alive)
		buf_reset(&c->in);
	conn_move(c, keep_alive ? HTTP_CONN_HEAD : HTTP_CONN_LAST, now_us);
}

/* Where the next request would begin is not known any more: this is the last answer. */
static void refuse(struct http_conn *c, int64_t now_us, const struct http_refusal *r)
{
	char text[160];
	struct http_answer a = {.code = r->code, .type = "text/plain; charset=utf-8", .body = text};

	(void)snprintf(text, sizeof text, "%s: %s\n", http_reason(r->code), r->what);
	a.len = strlen(text);
	put_answer(c, now_us, &a, false, false);
}

void http_conn_take(struct http_conn *c, int64_t now_us, const uint8_t *bytes, size_t len)
{
	if (c->state >= HTTP_CONN_LAST || len == 0)
		return;
	if (c->state == HTTP_CONN_HEAD && c->in.len == 0)
		c->since_us = now_us;
	buf_bytes(&c->in, bytes, len);
	if (buf_status(&c->in) != ST_OK)
		conn_move(c, HTTP_CONN_CLOSED, now_us);
}

bool http_conn_reads(const struct http_conn *c)
{
	return c->state != HTTP_CONN_CLOSED && c->in.len < HTTP_HEAD_MAX;
}

bool http_conn_idle(const struct http_conn *c)
{
	return c->state == HTTP_CONN_HEAD && c->in.len == 0 && c->out.len == 0;
}

bool http_conn_slow(const struct http_conn *c)
{
	return c->state == HTTP_CONN_HEAD && c->in.len > 0 && c->out.len == 0;
}

bool http_conn_waits(const struct http_conn *c, int64_t *ret_since_us)
{
	if (c->state == HTTP_CONN_ASKED)
		return false;
	*ret_since_us = c->out.len > 0 ? c->sent_us : c->since_us;
	return true;
}

static void ask_for_body(struct http_conn *c, int64_t now_us)
{
	const struct http_head *h = &c->request.head;

	if (!h->expects || c->in.len > 0 || (!h->chunked && h->length == 0))
		return;
	if (c->out.len == 0)
		c->sent_us = now_us;
	buf_printf(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void take_head(struct http_conn *c, int64_t now_us)
{
	struct http_refusal refusal = {500, "out of memory"};
	size_t len;
	enum status st;

	/* RFC 9112, section 2.2: an empty line in front of a request is to be ignored. */
	if (c->in.len >= 2 && memcmp(c->in.base, "\r\n", 2) == 0) {
		buf_consume(&c->in, 2);
		c->known = 0;
	}
	if (c->in.len == 0)
		return;
	st = http_head_length(c->in.base, c->in.len, c->known, &len, &refusal);
	c->known = st == ST_AGAIN ? c->in.len : 0;
	if (st == ST_AGAIN)
		return;
	buf_reset(&c->text);
	buf_reset(&c->body);
	if (st == ST_OK) {
		buf_bytes(&c->text, c->in.base, len);
		st = buf_status(&c->text);
	}
	if (st == ST_OK)
		st = http_head_parse(c->text.base, len, &c->request.head, &refusal);
	if (st != ST_OK) {
		refuse(c, now_us, &refusal);
		return;
	}
	buf_consume(&c->in, len);
	memset(&c->chunked, 0, sizeof c->chunked);
	conn_move(c, HTTP_CONN_BODY, now_us);
	ask_for_body(c, now_us);
}

static enum status take_plain(struct http_conn *c, size_t *used)
{
	const size_t want = (size_t)c->request.head.length - c->body.len;
	const size_t n = c->in.len < want ? c->in.len : want;

	buf_bytes(&c->body, c->in.base, n);
	*used = n;
	if (buf_status(&c->body) != ST_OK)
		return buf_status(&c->body);
	return n < want ? ST_AGAIN : ST_OK;
}

static void take_body(struct http_conn *c, int64_t now_us)
{
	static const struct http_refusal malformed = {400, "a chunk of the body is malformed"};
	static const struct http_refusal long_body = {413, "the body is too long"};
	size_t used = 0;
	enum status st;

	if (c->request.head.chunked)
		st = http_chunked_take(&c->chunked, c->in.base, c->in.len, &c->body, &used);
	else
		st = take_plain(c, &used);
	buf_consume(&c->in, used);
	if (st == ST_AGAIN)
		return;
	if (st != ST_OK) {
		refuse(c, now_us, st == ST_MALFORMED ? &malformed : &long_body);
		return;
	}
	c->request.body = c->body.base;
	c->request.body_len = c->body.len;
	conn_move(c, HTTP_CONN_ASKED, now_us);
}

const struct http_request *http_conn_next(struct http_conn *c, int64_t now_us)
{
	/* A peer that does not take its answers gets no more of them made. */
	if (c->state == HTTP_CONN_HEAD && c->out.len <= HTTP_AHEAD_MAX)
		take_head(c, now_us);
	if (c->state == HTTP_CONN_BODY)
		take_body(c, now_us);
	drain_when_sent(c, now_us);
	return c->state == HTTP_CONN_ASKED ? &c->request : NULL;
}

void http_conn_answer(struct http_conn *c, int64_t now_us, const struct http_answer *answer)
{
	assert(c->state == HTTP_CONN_ASKED);
	put_answer(c, now_us, answer, c->request.head.verb == VERB_HEAD,
	           c->request.head.keep_alive);
}

void http_conn_sent(struct http_conn *c, int64_t now_us, size_t n)
{
	assert(n <= c->out.len);
	buf_consume(&c->out, n);
	c->sent_us = now_us;
	drain_when_sent(c, now_us);
}

void http_conn_ended(struct http_conn *c, int64_t now_us)
{
	/* Half a request is none; answers that are on their way are still taken. */
	if (c->state == HTTP_CONN_HEAD && c->out.len > 0) {
		conn_move(c, HTTP_CONN_LAST, now_us);
		return;
	}
	if (c->state == HTTP_CONN_HEAD || c->state == HTTP_CONN_BODY || c->state == HTTP_CONN_DRAIN)
		conn_move(c, HTTP_CONN_CLOSED, now_us);
	else if (c->state == HTTP_CONN_ASKED)
		c->request.head.keep_alive = false;
}

/* Nothing to say to such a peer any more. */
static bool is_lost(const struct http_conn *c, int64_t now_us)
{
	const int64_t age_us = now_us - c->since_us;

	if (c->out.len > 0 && now_us - c->sent_us >= HTTP_SEND_US)
		return true;
	if (c->state == HTTP_CONN_HEAD && c->in.len == 0 && c->out.len == 0)
		return age_us >= HTTP_IDLE_US;
	return c->state == HTTP_CONN_DRAIN && age_us >= HTTP_DRAIN_US;
}

void http_conn_tick(struct http_conn *c, int64_t now_us)
{
	static const struct http_refusal late = {408, "the request came too slowly"};
	const int64_t age_us = now_us - c->since_us;

	if (c->state == HTTP_CONN_CLOSED)
		return;
	if (is_lost(c, now_us))
		conn_move(c, HTTP_CONN_CLOSED, now_us);
	else if ((c->state == HTTP_CONN_HEAD && c->in.len > 0 && age_us >= HTTP_HEAD_US) ||
	         (c->state == HTTP_CONN_BODY && age_us >= HTTP_BODY_US))
		refuse(c, now_us, &late);
	drain_when_sent(c, now_us);
}
