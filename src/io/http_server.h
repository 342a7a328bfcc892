/* The HTTP door: connections of http/conn.h on one listening socket of the node's loop.
 *
 * Knows no paths: whole requests go to the owner, who answers now or later. A connection is read
 * only while it takes its answers. When all places are taken, the connection that has been idle
 * for longest makes room, so that a probe gets through although many others stay connected; when
 * none is idle, the one that has been sending its head for longest; else the new one is closed.
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

/* Answer a connection's request. No effect when it is gone. Borrows. */
void http_server_answer(struct http_server *s, uint64_t connection,
                        const struct http_answer *answer);

struct http_server_counts {
	uint64_t connections; /* open now */
	uint64_t refused;     /* closed at once: no place was left */
};
void http_server_counts(const struct http_server *s, struct http_server_counts *ret);

/* Hang up; closed_cb when all handles are closed; then http_server_free(). */
void http_server_close(struct http_server *s, void (*closed_cb)(void *arg), void *arg);
void http_server_free(struct http_server *s);

#endif
