/* What members say to each other to compare their states and to tell how far they are.
 *
 * Message format version 1, big-endian, behind the kind byte of the member channel:
 *   u8 version, u8 type, u64 round (the asker's number, echoed), then by type. Pure views: lists
 *   stay where they are and are read with a cursor. Bytes: doc/protocol/member-channel.md. */
#ifndef NODE_AUDIT_WIRE_H
#define NODE_AUDIT_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/status.h"
#include "cluster/limits.h"
#include "session/mark.h"

enum {
	AUDIT_FOUND_MAX = 32,    /* damaged objects that are named: an operator reads a few */
	AUDIT_OBJECTS_MAX = 4096 /* of one bucket in a message: four times those at 1 M sessions */
};

/* Values are part of the format: never renumber. */
enum audit_type {
	AUDIT_ASK = 1,     /* your digests at the mark of this index, and recount your memory */
	AUDIT_REPORT,      /* the answer */
	AUDIT_ASK_OBJECTS, /* the objects of this bucket */
	AUDIT_OBJECTS,     /* the answer */
	AUDIT_VERDICT,     /* your state differs from that of these voters, who agree */
	AUDIT_CALL,        /* compare us all, now: my memory is damaged */
	AUDIT_ASK_SYNC,    /* how far are you? */
	AUDIT_SYNC,        /* the answer */
	AUDIT_TYPES
};

enum audit_standing {
	AUDIT_MARKED, /* these are the digests at that index */
	AUDIT_GONE,   /* not known: a state at a later index took the place of that one */
	AUDIT_STANDINGS
};

/* How far a member is. */
struct audit_sync {
	uint64_t applied;        /* index of the last applied entry */
	uint64_t state_version;  /* of its state */
	uint64_t newest_version; /* that it understands */
	uint64_t fetching;       /* index of the state that is being fetched; 0: none is */
	uint64_t bytes_all;      /* of that state */
	uint64_t bytes_done;     /* of these, here and checked */
	uint64_t elapsed_ms;     /* since that began */
	uint64_t fetched;        /* transfers that ended well since the process started */
	uint64_t verified;       /* index at which its state was last found equal; 0: never */
	uint64_t digest;         /* of the state then */
};

struct audit_message {
	enum audit_type type;
	uint64_t round;               /* the asker's number */
	uint64_t index;               /* ASK, REPORT, VERDICT: of the mark; OBJECTS: of the state */
	enum audit_standing standing; /* REPORT */
	uint64_t digest;              /* REPORT, VERDICT: whole state; OBJECTS: of the bucket */
	uint64_t rest;                /* REPORT, VERDICT: what is not in buckets */
	uint64_t sessions;            /* REPORT */
	unsigned n_damaged;           /* REPORT: buckets whose memory changed by itself */
	unsigned bucket;              /* ASK_OBJECTS, OBJECTS */
	struct cursor list;           /* REPORT: damaged objects; OBJECTS: all; VERDICT: raft ids */
	size_t n;                     /* items in list */
	struct cursor buckets;        /* REPORT that is MARKED: STORE_BUCKETS digests */
	struct audit_sync sync;       /* SYNC */
};

/* Encoders; what they write is appended to b. */
void audit_put_ask(struct buf *b, uint64_t round, uint64_t index);
void audit_put_ask_objects(struct buf *b, uint64_t round, unsigned bucket);
void audit_put_call(struct buf *b, uint64_t round);
void audit_put_ask_sync(struct buf *b, uint64_t round);
void audit_put_sync(struct buf *b, uint64_t round, const struct audit_sync *sync);
/* m: index, digest, rest; ids: of the voters that agree, at most MEMBERS_MAX. */
void audit_put_verdict(struct buf *b, const struct audit_message *m, const uint64_t *ids, size_t n);
/* m: all but the lists; found: n_found of them, at most AUDIT_FOUND_MAX; mark: NULL when GONE. */
void audit_put_report(struct buf *b, const struct audit_message *m,
                      const struct object_digests *found, size_t n_found,
                      const struct store_mark *mark);
/* m: round, index, digest, bucket; at most AUDIT_OBJECTS_MAX. */
void audit_put_objects(struct buf *b, const struct audit_message *m,
                       const struct object_digests *objects, size_t n);

/* Read one message. ST_MALFORMED: cut short, too long or impossible; ST_UNSUPPORTED: another
 * version or a type of a later one. */
CHECKED enum status audit_decode(const uint8_t *bytes, size_t len, struct audit_message *ret);

/* The next item of a list that audit_decode() measured. */
struct object_digests audit_next_object(struct cursor *list);
uint64_t audit_next_u64(struct cursor *list);

#endif
