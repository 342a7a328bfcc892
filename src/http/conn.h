/* One connection of an HTTP/1.1 server, without its socket: bytes in, requests out; answers in,
 * bytes out. Time is data.
 *
 *   HEAD --head complete--> BODY --body complete--> ASKED --answer--> HEAD     (keep-alive)
 *     |                       |                       |
 *     +------ refused, too late, or the last ---------+--> LAST --taken--> DRAIN --> CLOSED
 *
 * One request at a time: what a peer sends ahead waits, up to a limit, and is then not read
 * (http_conn_reads()), so pipelining costs bounded memory. The answer may come at any later
 * time. Bytes leave through `out`, whose owner tells what was taken; an answer that comes in pieces
 * (an event stream) would stay in ASKED, append to `out`, and go on when it has been taken.
 *
 * Who is slow on purpose is cut off by http_conn_tick(): limits.h has the times. After the last
 * answer the peer's bytes are read and dropped for a moment, because closing a socket with unread
 * bytes resets the connection and may take the answer away. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "base/buf.h"
#include "http/answer.h"
#include "http/chunked.h"
#include "http/head.h"

enum http_conn_state {
	HTTP_CONN_HEAD,
	HTTP_CONN_BODY,
	HTTP_CONN_ASKED,
	HTTP_CONN_LAST,
	HTTP_CONN_DRAIN,
	HTTP_CONN_CLOSED,
	HTTP_CONN_STATES
};

struct http_request {
	struct http_head head; /* its texts live until the request is answered */
	const uint8_t *body;
	size_t body_len;
};

struct http_conn {
	enum http_conn_state state; /* moved only by conn_move() */
	struct buf in;              /* received, not looked at yet */
	size_t known;               /* of in, looked at without finding the end of a head */
	struct buf text;            /* bytes of the head that the request's texts point to */
	struct buf body;            /* decoded */
	struct buf out;             /* to be sent */
	struct http_request request;
	struct http_chunked chunked;
	int64_t since_us; /* when this state began; HEAD: of the request's first byte, or of waiting
	                     for it */
	int64_t sent_us;  /* when something of out was taken last, or out was empty */
};

/* close releases the memory; it works on a zeroed connection. */
void http_conn_init(struct http_conn *c, int64_t now_us);
void http_conn_close(struct http_conn *c);

/* Bytes came; call it only while http_conn_reads(). */
void http_conn_take(struct http_conn *c, int64_t now_us, const uint8_t *bytes, size_t len);
/* The peer will send no more. */
void http_conn_ended(struct http_conn *c, int64_t now_us);
/* Whether more may be read now. */
bool http_conn_reads(const struct http_conn *c);

/* The next whole request, to be answered with http_conn_answer(); NULL: there is none now. Call
 * it after taking bytes, and after each answer. */
const struct http_request *http_conn_next(struct http_conn *c, int64_t now_us);
void http_conn_answer(struct http_conn *c, int64_t now_us, const struct http_answer *answer);

/* n bytes of out were taken by the peer, or by the system for it: they are dropped. */
void http_conn_sent(struct http_conn *c, int64_t now_us, size_t n);

/* Time passed: a peer that is too slow is answered, or closed. */
void http_conn_tick(struct http_conn *c, int64_t now_us);

/* True while nothing of a request has come: such a connection can be closed for another. */
bool http_conn_idle(const struct http_conn *c);
/* True while a head has begun and nothing else is under way. */
bool http_conn_slow(const struct http_conn *c);
/* True while the peer has to do something before anything goes on: send more, or take its answer.
 * *ret_since_us: since when. */
bool http_conn_waits(const struct http_conn *c, int64_t *ret_since_us);

#endif
