/* EPMD, the port mapper of Erlang nodes: requests, answers, and the server's table.
 *
 * A node registers its name and port and keeps that connection open: the connection is the
 * registration. Everything else is one request, one answer, close. Requests carry a 16-bit
 * length; answers do not, their end is their form or the end of the connection.
 *
 * Nothing here knows sockets: a connection is a number that the caller chose. */
#ifndef DIST_EPMD_H
#define DIST_EPMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "dist/limits.h"

enum epmd_type {
	EPMD_DUMP = 100,
	EPMD_KILL = 107,
	EPMD_NAMES = 110,
	EPMD_STOP = 115,
	EPMD_ALIVE2_X_RESP = 118,
	EPMD_PORT2_RESP = 119,
	EPMD_ALIVE2 = 120,
	EPMD_ALIVE2_RESP = 121,
	EPMD_PORT2 = 122,
};

enum {
	EPMD_NODE_NORMAL = 77,
	EPMD_NODE_HIDDEN = 72,
	DIST_VERSION_HIGH = 6,
	DIST_VERSION_LOW = 5, /* what EPMD is told; the handshake then insists on 6 */
};

/* What EPMD knows about one node. */
struct epmd_node {
	char name[EPMD_NAME_MAX]; /* the part before the @ */
	uint16_t port;            /* where it listens for other nodes */
	uint8_t node_type;        /* EPMD_NODE_* */
	uint8_t protocol;         /* 0: TCP */
	uint16_t highest;         /* distribution versions that it speaks */
	uint16_t lowest;
	uint8_t extra[EPMD_EXTRA_MAX]; /* given back unseen */
	uint16_t extra_len;
};

struct epmd_request {
	enum epmd_type type;
	struct epmd_node node; /* ALIVE2: all of it; PORT2 and STOP: its name */
};

/* Read one request from the front of bytes. ST_AGAIN: more bytes are needed. */
CHECKED enum status epmd_request_decode(const uint8_t *bytes, size_t len, size_t *ret_used,
                                        struct epmd_request *ret);
void epmd_request_encode(struct buf *b, const struct epmd_request *request);

/* The answer to ALIVE2. ST_REFUSED: the name is taken. */
CHECKED enum status epmd_alive_decode(const uint8_t *bytes, size_t len, uint32_t *ret_creation);
/* The answer to PORT2. ST_NOT_FOUND: no such node. */
CHECKED enum status epmd_port_decode(const uint8_t *bytes, size_t len, struct epmd_node *ret);
/* Walk the answer to NAMES: *at starts at 0. ST_NOT_FOUND: no more. */
CHECKED enum status epmd_names_next(const uint8_t *bytes, size_t len, size_t *at,
                                    struct epmd_node *ret);

struct epmd_entry {
	uint64_t conn; /* connection that holds the name; 0: free */
	struct epmd_node node;
};

struct epmd_server {
	uint16_t port; /* that it is reached at; told in NAMES */
	bool may_stop; /* KILL is obeyed when no name is registered */
	struct epmd_entry entries[EPMD_ENTRIES_MAX];
};

enum epmd_after { EPMD_AFTER_KEEP, EPMD_AFTER_CLOSE, EPMD_AFTER_QUIT };

/* Where a request comes from and what it may get. */
struct epmd_caller {
	uint64_t conn;     /* not 0 */
	bool local;        /* from this host: only it may register, stop or kill */
	uint32_t creation; /* a fresh random number for a registration */
};

void epmd_server_init(struct epmd_server *s, uint16_t port, bool may_stop);
/* Answer a request into out. What follows for the connection is *ret. ST_MALFORMED: close it. */
CHECKED enum status epmd_server_step(struct epmd_server *s, const struct epmd_caller *caller,
                                     const struct epmd_request *request, struct buf *out,
                                     enum epmd_after *ret);
/* The connection is gone, and its registration with it. */
void epmd_server_gone(struct epmd_server *s, uint64_t conn);
/* The number of registered names. */
size_t epmd_server_names(const struct epmd_server *s);

#endif
