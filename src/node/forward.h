/* Requests between members: a write or a read index asked of the leader, and its answer.
 *
 * Message format version 1, big-endian, behind the kind byte of the member channel:
 *   u8 version, u8 type, u64 request, then by type
 *   WRITE  command bytes to the end
 *   READ   nothing
 *   DONE   u8 status, u64 index, result bytes to the end
 *   INDEX  u8 status, u64 index
 *   ORDER  u8 order, u8 plan kind, text16 subject, text16 other
 *   ORDERED u8 status, u64 0, the answer's text to the end
 *   PRESENT u32 newest state version known; request: the process. A later release may say more
 * Documented in doc/protocol/member-channel.md. */
#ifndef NODE_FORWARD_H
#define NODE_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum forward_type {
	FORWARD_WRITE = 1,
	FORWARD_READ,
	FORWARD_DONE,
	FORWARD_INDEX,
	FORWARD_ORDER,   /* about the members: an operator's, asked of another node */
	FORWARD_ORDERED, /* the answer to it */
	FORWARD_PRESENT, /* to the leader, unanswered: which process is here, what it knows */
};

struct forward {
	enum forward_type type;
	uint64_t request; /* the asker's number for it, echoed in the answer */
	enum status st;   /* answers */
	uint64_t index;   /* answers */
	const uint8_t
	    *bytes; /* command, result, order, text, ...; decode: points into the message */
	size_t len;
};

void forward_encode(const struct forward *f, struct buf *b);

/* ST_MALFORMED: cut short or impossible; ST_UNSUPPORTED: another version. */
CHECKED enum status forward_decode(const uint8_t *bytes, size_t len, struct forward *ret);

struct order;

/* The bytes of FORWARD_ORDER. ST_MALFORMED: cut short, too long or impossible. */
void forward_put_order(struct buf *b, const struct order *order);
CHECKED enum status forward_get_order(const uint8_t *bytes, size_t len, struct order *ret);

#endif
