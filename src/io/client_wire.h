/* Bytes of the client channel, version 1: documented in doc/protocol/client-channel.md. Pure.
 *
 * Frames in both directions: u32 length of what follows, u8 type, then by type (integers
 * big-endian). The server speaks first.
 *
 *    1 hello    u8 version, 32 bytes nonce, text16 node name            server
 *    2 proof    32 bytes nonce, 32 bytes proof of the cookie            client
 *    3 welcome  32 bytes proof of the cookie                            server
 *    4 refused  text16 why; the connection ends                         server
 *   16 write    u64 tag, command to the end (session-commands.md)       client
 *   17 read     u64 tag, 16 bytes session id, key to the end            client
 *   32 done     u64 tag, u8 outcome, result or value to the end         server */
#ifndef IO_CLIENT_WIRE_H
#define IO_CLIENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum {
	CLIENT_VERSION = 1,
	CLIENT_NONCE = 32,
	CLIENT_PROOF = 32,
	CLIENT_NAME_MAX = 256,
	CLIENT_FRAME_MAX = 128 * 1024, /* the longest command, and room */
};

enum client_frame_type {
	CLIENT_HELLO = 1,
	CLIENT_PROVE = 2,
	CLIENT_WELCOME = 3,
	CLIENT_REFUSED = 4,
	CLIENT_WRITE = 16,
	CLIENT_READ = 17,
	CLIENT_DONE = 32,
};

/* Outcomes. Values are part of the protocol. */
#define CLIENT_OUTCOME_MAP(X)                                                                 \
	X(OK, 0, "done; a write's result follows, or a read's value")                         \
	X(NOT_FOUND, 1, "read: no such session or key")                                       \
	X(FENCED, 2, "this node cannot reach a majority; nothing happened")                   \
	X(UNKNOWN, 3, "write: it may have happened; send it again under its request id")      \
	X(UNCONFIRMED, 4, "no majority confirmed in time; nothing is known to have happened") \
	X(BUSY, 5, "too much is under way; nothing happened")                                 \
	X(INVALID, 6, "not a request")

enum client_outcome {
#define CLIENT_OUTCOME_ENUM(name, value, text) CLIENT_##name = (value),
	CLIENT_OUTCOME_MAP(CLIENT_OUTCOME_ENUM)
#undef CLIENT_OUTCOME_ENUM
};

/* One frame, still in the caller's bytes. */
struct client_frame {
	enum client_frame_type type;
	uint64_t tag;         /* WRITE, READ, DONE: the client's */
	const uint8_t *nonce; /* HELLO, PROVE */
	const uint8_t *proof; /* PROVE, WELCOME */
	uint8_t version;      /* HELLO */
	uint8_t outcome;      /* DONE */
	const uint8_t *id;    /* READ: the session's, 16 bytes */
	const uint8_t *bytes; /* command, key, result, value, name or why */
	size_t len;           /* of bytes */
};

/* Length of the first frame with its head: ST_AGAIN: not all of it is there; ST_LIMIT: longer
 * than CLIENT_FRAME_MAX. */
CHECKED enum status client_frame_length(const uint8_t *bytes, size_t len, size_t *ret);
/* Read one whole frame. ST_MALFORMED, ST_UNSUPPORTED (type). */
CHECKED enum status client_frame_decode(const uint8_t *bytes, size_t len, struct client_frame *ret);
void client_frame_encode(struct buf *b, const struct client_frame *f);

/* HMAC-SHA256 under the cookie over who proves and both nonces, the prover's peer's first.
 * ST_IO: the library refused. */
CHECKED enum status client_proof(const char *cookie, bool server, const uint8_t *peer_nonce,
                                 const uint8_t *own_nonce, uint8_t ret[CLIENT_PROOF]);
/* In constant time. */
bool client_proof_equal(const uint8_t *a, const uint8_t *b);

const char *client_outcome_text(unsigned outcome);

#endif
