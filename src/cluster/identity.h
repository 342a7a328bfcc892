/* Who this node is across restarts: one small record, written durably before anything that
 * relies on it happens. File format version 5: see identity.c. */
#ifndef CLUSTER_IDENTITY_H
#define CLUSTER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "cluster/limits.h"

enum identity_state {
	IDENTITY_EMPTY,    /* this incarnation belongs to no cluster yet */
	IDENTITY_FOUNDER,  /* accepted a founding record: log starts with its configuration */
	IDENTITY_ADMITTED, /* admitted by a leader: log starts empty, filled by replication */
};

struct identity_member {
	char name[NODE_NAME_MAX];
	uint64_t raft_id;    /* its newest incarnation in the configuration, as far as known */
	uint64_t boot;       /* highest boot counter this node has seen of that incarnation */
	uint64_t founder_id; /* what the founding record names, and it never changes; 0: nothing */
};

struct identity {
	enum identity_state state;
	bool logged;             /* its log has held entries: an empty one is a lost one */
	uint64_t cluster_id;     /* 0 while EMPTY */
	uint64_t raft_id;        /* random per incarnation, never 0 */
	uint64_t boot;           /* grows by one at each start of this incarnation */
	uint32_t promise_max_ms; /* longest promise this cluster ever allows; set at founding */
	size_t n_members;        /* FOUNDER: those of the record, then who joined later */
	struct identity_member members[MEMBERS_MAX];
	uint64_t parent_id;    /* the cluster that this one was recovered from; 0: founded anew */
	uint64_t parent_index; /* last index taken over from it */
	bool regrowing;        /* ... and it has not had ERLMCP_QUORUM_SIZE voters since: that
	                          setting makes nobody stricter until it has */
};

/* Append the file form, checksum included. */
void identity_encode(const struct identity *id, struct buf *b);

/* Read the file form. ST_CORRUPT (checksum, cut short, impossible values) or ST_UNSUPPORTED
 * (a newer format version). */
CHECKED enum status identity_decode(const uint8_t *bytes, size_t len, struct identity *ret,
                                    struct fault *fault);

#endif
