/* The HTTP door: connections of http/conn.h on one listening socket of the node's loop.
 *
 * Knows no paths: whole requests go to the owner, who answers now or later. A connection is read
 * only while it takes its answers. When all places are taken, a new connection displaces another,
 * so that a probe gets through whatever the others do: the one that has been idle for longest; when
 * none is idle, the one that has been sending its head for longest; then the one that has kept us
 * waiting with its body or by not taking its answer for longest; and when all are busy, the oldest
 * one of the address that has most places.
 *
 * The loop also carries heartbeats: connections take turns of one request, and after a slice of
 * time all of them rest, however much is waiting.
 *
 * Not encrypted: TLS is a proxy's. */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "http/conn.h"

struct sockaddr_in;
struct uv_loop_s;
struct http_server;

enum {
	HTTP_CONNECTIONS_MAX = 256, /* probes, scrapers and people: each holds a descriptor */
	HTTP_TICK_MS = 250,         /* how late a slow peer may be found */
	HTTP_SLICE_US = 2000,       /* on requests at a time: a tenth of a heartbeat's interval */
	HTTP_REST_MS = 2,           /* for the others on the loop: half of its time is theirs */
};

struct http_server_ops {
	void *arg;
	/* Answer exactly once with http_server_answer(), now or later; the request lives until
	 * then, or until the connection is gone. */
	void (*request)(void *arg, uint64_t connection, const struct http_request *request);
	int64_t (*now_us)(void *arg); /* a monotonic clock */
};

/* Listen. ST_EXISTS: the port is in use; ST_INVALID: the address is not of this machine; ST_IO;
 * ST_NOMEM. Copies. */
CHECKED enum status http_server_open(struct uv_loop_s *loop, const struct sockaddr_in *address,
                                     const struct http_server_ops *ops, struct http_server **ret);

/* A second one for the same port, on another loop that turns while the first one's does not. In
 * the loop's thread; `of` is left alone meanwhile. ST_IO, ST_NOMEM. */
CHECKED enum status http_server_share(const struct http_server *of, struct uv_loop_s *loop,
                                      const struct http_server_ops *ops, struct http_server **ret);

/* Take no new connections: they wait for whoever else listens. */
void http_server_leave(struct http_server *s);

/* Answer a connection's request. No effect when it is gone. Borrows. */
void http_server_answer(struct http_server *s, uint64_t connection,
                        const struct http_answer *answer);

struct http_server_counts {
	uint64_t connections; /* open now */
	uint64_t displaced;   /* closed for others, because all places were taken */
	uint64_t refused;     /* closed at once: memory was short, or too many are being closed */
};
void http_server_counts(const struct http_server *s, struct http_server_counts *ret);

/* Hang up; closed_cb when all handles are closed; then http_server_free(). */
void http_server_close(struct http_server *s, void (*closed_cb)(void *arg), void *arg);
void http_server_free(struct http_server *s);

#endif
