/* Bytes of the messages between members' consensus rooms, version 1. Pure.
 *
 *   u8 version, u8 kind, then by kind (integers big-endian):
 *   1 append entries     u64 term, u64 previous index, u64 previous term, u64 commit, u32 n,
 *                        n times (u64 term, u8 type, u32 length), all payloads
 *   2 append result      u64 term, u64 rejected, u64 last index, u16 features, u16 capacity
 *   3 request vote       u64 term, u64 candidate, u64 last index, u64 last term, u8 flags
 *   4 vote result        u64 term, u8 flags, u16 features, u16 capacity
 *   5 install snapshot   u64 term, u64 last index, u64 last term, u64 configuration index,
 *                        u8 n, n times (u64 id, text16 address, u8 role), u32 length, data
 *   6 timeout now        u64 term, u64 last index, u64 last term
 *   7 hand-over          u64 term, u64 candidate: the sender leads in term and gives its
 *                        leadership to candidate
 *
 * Sizes are checked before anything is allocated; whether the content makes sense is asked in
 * validate.c. */
#ifndef CONSENSUS_WIRE_H
#define CONSENSUS_WIRE_H

#include <stdbool.h>

#include <raft.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/status.h"

enum {
	WIRE_VERSION = 1,
	WIRE_HAND_OVER = 7,
	WIRE_ENTRY_HEAD = 13, /* u64 term, u8 type, u32 length */
};

/* A leader's word that it gives up its leadership of a term to one member. */
struct hand_over {
	raft_term term;    /* in which the sender leads */
	raft_id candidate; /* who may start an election now */
};

/* A decoded message. Entries stay in the caller's bytes until wire_entries(); a snapshot's
 * data and configuration are copied by wire_snapshot(). */
struct wire {
	unsigned kind;               /* raft's message type, or WIRE_HAND_OVER */
	struct raft_message message; /* without entries, configuration and snapshot data */
	struct hand_over hand_over;  /* WIRE_HAND_OVER */
	const uint8_t *heads;        /* append entries: the entries' heads */
	const uint8_t *payload;      /* append entries: the entries' bytes */
	uint32_t n;                  /* entries, or servers of the snapshot's configuration */
	struct cursor servers;       /* install snapshot: the configuration */
	const uint8_t *data;         /* install snapshot: the state */
	size_t data_len;             /* bytes of data */
};

/* One entry, still in the message's bytes. */
struct wire_entry {
	raft_term term;       /* of its creation */
	unsigned type;        /* raft's entry type */
	const uint8_t *bytes; /* payload */
	size_t len;           /* of payload */
};

/* Walks a message's entries. */
struct wire_walk {
	const struct wire *wire;
	uint32_t at;   /* next entry */
	size_t offset; /* of its payload */
};

/* Encode a message; of append entries those in [first, first + n). */
void wire_encode(struct buf *b, const struct raft_message *message, unsigned first, unsigned n);
void wire_encode_hand_over(struct buf *b, const struct hand_over *h);

/* Read a message. Borrows bytes for the life of ret. ST_MALFORMED, ST_LIMIT, ST_UNSUPPORTED. */
CHECKED enum status wire_decode(const uint8_t *bytes, size_t len, struct wire *ret);

/* The entries one after the other; false at the end. */
struct wire_walk wire_walk(const struct wire *w);
bool wire_next(struct wire_walk *walk, struct wire_entry *ret);

/* Copy the next n entries into memory of libraft's allocator, as one batch. */
CHECKED enum status wire_entries(struct wire_walk *walk, unsigned n, struct raft_entry **ret);

/* True when the snapshot's configuration has unique ids and addresses, known roles and a
 * voter. */
bool wire_servers_ok(const struct wire *w);

/* Copy the snapshot's configuration and data into memory of libraft's allocator. */
CHECKED enum status wire_snapshot(const struct wire *w, struct raft_install_snapshot *ret);

/* True when bytes are a configuration as libraft encodes it: version, unique ids and
 * addresses, known roles, at least one voter. */
bool wire_configuration_ok(const uint8_t *bytes, size_t len);

#endif
