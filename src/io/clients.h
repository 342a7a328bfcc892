/* The client channel: programs that keep sessions here over plain TCP.
 *
 * A connection proves the cookie both ways (client_wire.h), then sends requests without waiting
 * for answers; answers come in any order, each with its request's tag. A client with too much
 * under way, or that does not take its answers, is not read from until it does: nothing grows
 * without bound, nothing is dropped. What one turn answers leaves in one write.
 *
 * Knows nothing of sessions: whole frames go to the owner. */
#ifndef IO_CLIENTS_H
#define IO_CLIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "io/client_wire.h"

struct sockaddr_in;
struct uv_loop_s;
struct clients;

enum {
	CLIENTS_MAX = 4096,         /* connections; each further one is refused */
	CLIENT_UNDER_WAY_MAX = 256, /* requests of one connection: answers of 16 MiB at most */
	CLIENT_OUT_MAX = 4 * 1024 * 1024, /* answers that one connection has not taken */
	CLIENT_GREETING_MS = 5000,        /* who has not proved the cookie by then is closed */
};

struct clients_ops {
	void *arg;
	/* A WRITE or READ frame. Answer exactly once with clients_answer(), now or later; the
	 * frame's bytes live during the call. */
	void (*request)(void *arg, uint64_t client, const struct client_frame *frame);
};

struct clients_config {
	const char *node_name;
	const char *cookie; /* copied */
	const struct sockaddr_in *address;
};

/* Listen. ST_EXISTS: the port is in use; ST_INVALID: the address is not of this machine; ST_IO;
 * ST_NOMEM. Copies. */
CHECKED enum status clients_open(struct uv_loop_s *loop, const struct clients_config *config,
                                 const struct clients_ops *ops, struct clients **ret);

/* Answer a request of a client. No effect when it is gone. */
void clients_answer(struct clients *all, uint64_t client, uint64_t tag, enum client_outcome outcome,
                    const uint8_t *bytes, size_t len);

/* Send what was answered: once at the end of a turn. */
void clients_flush(struct clients *all);

/* How many are connected and have proved the cookie. */
size_t clients_count(const struct clients *all);

/* Hang up; closed_cb when all handles are closed; then clients_free(). */
void clients_close(struct clients *all, void (*closed_cb)(void *arg), void *arg);
void clients_free(struct clients *all);

#endif
