/* The sending half of an established connection: three queues, cut into pieces.
 *
 * Urgent messages go ahead of normal ones, normal ones ahead of bulk. A message longer than
 * LINK_FRAGMENT travels as fragments (where the peer knows them), and one batch for the wire
 * holds at most one fragment of each class, so that a message of gigabytes delays a heartbeat
 * by one fragment. What was handed to the wire in part is finished before anything else.
 *
 * Use: link_out_batch() lists what to write next; when the operating system took some of it,
 * link_out_wrote() says how much. Nothing is copied between. */
#ifndef DIST_LINK_OUT_H
#define DIST_LINK_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"
#include "base/status.h"
#include "dist/limits.h"

enum link_class { LINK_URGENT, LINK_NORMAL, LINK_BULK, LINK_CLASSES };

struct link_chunk {
	const uint8_t *base;
	size_t len;
};

/* The bytes of one message; borrowed during the call. */
struct link_parts {
	struct link_chunk control; /* without version byte */
	struct link_chunk payload; /* without version byte; len 0: none */
	struct link_chunk tail;    /* the rest of the payload; len 0: none */
};

enum { LINK_PIECE_HEAD = 4 + 2 + 8 + 8 + 1 };

/* The head of the fragment under way, one for each class. */
struct link_piece {
	uint8_t head[LINK_PIECE_HEAD];
	bool used; /* an entry of the batch points to it */
};

/* What becomes of a message when its entry was written. */
enum link_entry_kind { LINK_ENTRY_WHOLE, LINK_ENTRY_HEAD, LINK_ENTRY_SLICE };

struct link_entry {
	enum link_entry_kind kind;
	struct link_out_message *message;
};

struct link_out {
	bool headers;                      /* frames carry distribution headers */
	bool fragments;                    /* the peer joins fragments */
	struct queue queues[LINK_CLASSES]; /* of struct link_out_message, in order */
	size_t queued[LINK_CLASSES];       /* bytes not yet taken by the operating system */
	struct link_piece pieces[LINK_CLASSES];
	struct link_chunk chunks[LINK_CHUNKS_MAX];  /* the batch: what to write, in order */
	struct link_entry entries[LINK_CHUNKS_MAX]; /* what each chunk is */
	size_t n_batch;
	size_t room;       /* bytes of messages that are not urgent that a batch may still take */
	bool begun;        /* the first chunk was written in part, or its head was */
	uint64_t sequence; /* of the last message that was cut */
};

void link_out_init(struct link_out *out, bool headers, bool fragments);
void link_out_close(struct link_out *out);

/* Queue one message. Copies. ST_BUSY: the class is full. ST_LIMIT: longer than any message. */
CHECKED enum status link_out_message(struct link_out *out, enum link_class klass,
                                     const struct link_parts *parts);
/* Queue a tick, the empty frame. */
CHECKED enum status link_out_tick(struct link_out *out);

/* Messages that are not urgent are held back when so many bytes of them were listed. */
void link_out_bound(struct link_out *out, size_t room);

/* True when something waits that is not urgent. */
bool link_out_waits(const struct link_out *out);

/* What to write next: up to LINK_CHUNKS_MAX chunks in *ret; 0: nothing. The chunks stay until
 * link_out_wrote() took them off. */
size_t link_out_batch(struct link_out *out, const struct link_chunk **ret);
void link_out_wrote(struct link_out *out, size_t bytes);

size_t link_out_queued(const struct link_out *out);

#endif
