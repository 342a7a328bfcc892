/* The receiving half of an established connection: bytes in, whole messages out.
 *
 * A frame is a 32-bit length and its content; length 0 is a tick. Its content is one of
 *     'p' 131 control [131 payload]               to and from nodes without header support
 *     131 68 atoms control [payload]              a whole message
 *     131 69 sequence fragment atoms control ...  the first piece of a message
 *     131 70 sequence fragment ...                a further piece; fragment counts down to 1
 * Pieces of different messages may interleave. Everything here belongs to one connection: the
 * atoms announced and the pieces kept die with it, so that nothing of an old connection can be
 * joined to a new one. (erl_dist_protocol, "Protocol between Connected Nodes") */
#ifndef DIST_LINK_IN_H
#define DIST_LINK_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/status.h"
#include "dist/limits.h"

struct term;
struct arena;
struct link_partial;

/* One whole message as it came: borrowed until the next call of any function here. */
struct link_body {
	const uint8_t *base; /* control, then payload */
	size_t len;
	bool versioned;                          /* each of the two has a version byte */
	const char *atoms[LINK_HEADER_REFS_MAX]; /* that the header announced */
	size_t n_atoms;
};

/* The same, decoded. */
struct message {
	const struct term *control;
	const struct term *payload; /* NULL: none */
};

enum link_item { LINK_TICK, LINK_MESSAGE };

struct link_in {
	bool headers;                  /* frames carry distribution headers */
	struct buf rest;               /* bytes of a frame that is not complete */
	struct cursor unread;          /* of the bytes being fed, or of rest */
	bool in_rest;                  /* unread points into rest */
	char **cache;                  /* LINK_CACHE_ENTRIES atoms by their cache index; owned */
	struct link_partial *partials; /* messages being put together; owned list */
	size_t n_partials;
	size_t partial_bytes;       /* in all of them */
	struct link_partial *whole; /* the one last given out; freed at the next call */
	struct link_body body;      /* the one last given out */
};

/* headers: both sides announced DFLAG_DIST_HDR_ATOM_CACHE. */
void link_in_init(struct link_in *in, bool headers);
void link_in_close(struct link_in *in);

/* Take bytes in; they are borrowed until link_in_end(). */
CHECKED enum status link_in_feed(struct link_in *in, const uint8_t *bytes, size_t len);
/* The next tick or message. ST_AGAIN: none is complete. Any other failure: the peer does not
 * keep to the protocol, or to our limits; the connection must be closed. */
CHECKED enum status link_in_next(struct link_in *in, enum link_item *ret,
                                 const struct link_body **ret_body);
/* Keep what is left of the bytes fed. */
CHECKED enum status link_in_end(struct link_in *in);

/* Decode a message into the arena. */
CHECKED enum status link_decode(const struct link_body *body, struct arena *a, struct message *ret);

#endif
