/* The distribution handshake, version 6 (OTP 23 and later), both sides of it.
 *
 *     connecting side A                      accepting side B
 *     'N' flags creation name  ──────────►
 *                              ◄──────────   's' ok | ok_simultaneous | nok | not_allowed | alive
 *     (after alive) 's' true   ──────────►
 *                              ◄──────────   'N' flags challenge creation name
 *     (after 'n': 'c' ...)     ──────────►
 *     'r' challenge digest     ──────────►
 *                              ◄──────────   'a' digest
 *
 * Packets carry a 16-bit length. The digest is MD5 of the cookie and the other side's
 * challenge in decimal: B learns that A knows the cookie before A learns it of B, and a wrong
 * one ends the connection without a word. The room around decides whom to accept: the step that
 * reads the name stops in HANDSHAKE_DECIDE until handshake_decide() is called, and the step that
 * checks the digest in HANDSHAKE_VERIFIED until handshake_confirm() is. */
#ifndef DIST_HANDSHAKE_H
#define DIST_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "dist/limits.h"

#define DFLAG_PUBLISHED           ((uint64_t)0x1)
#define DFLAG_EXTENDED_REFERENCES ((uint64_t)0x4)
#define DFLAG_DIST_MONITOR        ((uint64_t)0x8)
#define DFLAG_FUN_TAGS            ((uint64_t)0x10)
#define DFLAG_DIST_MONITOR_NAME   ((uint64_t)0x20)
#define DFLAG_NEW_FUN_TAGS        ((uint64_t)0x80)
#define DFLAG_EXTENDED_PIDS_PORTS ((uint64_t)0x100)
#define DFLAG_EXPORT_PTR_TAG      ((uint64_t)0x200)
#define DFLAG_BIT_BINARIES        ((uint64_t)0x400)
#define DFLAG_NEW_FLOATS          ((uint64_t)0x800)
#define DFLAG_UNICODE_IO          ((uint64_t)0x1000)
#define DFLAG_DIST_HDR_ATOM_CACHE ((uint64_t)0x2000)
#define DFLAG_SMALL_ATOM_TAGS     ((uint64_t)0x4000)
#define DFLAG_UTF8_ATOMS          ((uint64_t)0x10000)
#define DFLAG_MAP_TAG             ((uint64_t)0x20000)
#define DFLAG_BIG_CREATION        ((uint64_t)0x40000)
#define DFLAG_EXIT_PAYLOAD        ((uint64_t)0x400000)
#define DFLAG_FRAGMENTS           ((uint64_t)0x800000)
#define DFLAG_HANDSHAKE_23        ((uint64_t)0x1000000)
#define DFLAG_UNLINK_ID           ((uint64_t)0x2000000)
#define DFLAG_MANDATORY_25_DIGEST ((uint64_t)0x4000000)
#define DFLAG_SPAWN               ((uint64_t)1 << 32)
#define DFLAG_NAME_ME             ((uint64_t)1 << 33)
#define DFLAG_V4_NC               ((uint64_t)1 << 34)
#define DFLAG_ALIAS               ((uint64_t)1 << 35)

/* What OTP 25 insists on. */
#define DIST_FLAGS_MANDATORY_25                                                          \
	(DFLAG_EXTENDED_REFERENCES | DFLAG_FUN_TAGS | DFLAG_EXTENDED_PIDS_PORTS |        \
	 DFLAG_UTF8_ATOMS | DFLAG_NEW_FUN_TAGS | DFLAG_BIG_CREATION | DFLAG_NEW_FLOATS | \
	 DFLAG_MAP_TAG | DFLAG_EXPORT_PTR_TAG | DFLAG_BIT_BINARIES | DFLAG_HANDSHAKE_23)
/* What OTP 26 and 27 insist on besides. */
#define DIST_FLAGS_MANDATORY_26 (DFLAG_V4_NC | DFLAG_UNLINK_ID)
/* What this node announces. Never DFLAG_PUBLISHED: visible nodes take part in global, which
 * may disconnect nodes to prevent overlapping partitions. */
#define DIST_FLAGS_SELF                                                                  \
	(DIST_FLAGS_MANDATORY_25 | DIST_FLAGS_MANDATORY_26 | DFLAG_MANDATORY_25_DIGEST | \
	 DFLAG_DIST_MONITOR | DFLAG_DIST_MONITOR_NAME | DFLAG_UNICODE_IO |               \
	 DFLAG_DIST_HDR_ATOM_CACHE | DFLAG_SMALL_ATOM_TAGS | DFLAG_EXIT_PAYLOAD |        \
	 DFLAG_FRAGMENTS | DFLAG_SPAWN | DFLAG_ALIAS)

enum handshake_state {
	HANDSHAKE_NAME,       /* accepting: their name is awaited */
	HANDSHAKE_DECIDE,     /* accepting: handshake_decide() is awaited */
	HANDSHAKE_ALIVE,      /* accepting: told that an old connection lives; insist or not? */
	HANDSHAKE_COMPLEMENT, /* accepting: the rest of an old-form name is awaited */
	HANDSHAKE_REPLY,      /* accepting: their digest is awaited */
	HANDSHAKE_VERIFIED,   /* accepting: they know the cookie; handshake_confirm() is awaited */
	HANDSHAKE_STATUS,     /* connecting: their verdict is awaited */
	HANDSHAKE_CHALLENGE,  /* connecting: their challenge is awaited */
	HANDSHAKE_ACK,        /* connecting: their digest is awaited */
	HANDSHAKE_DONE,       /* both know each other */
	HANDSHAKE_FAILED,
	HANDSHAKE_STATES,
};

enum handshake_verdict {
	HANDSHAKE_OK,
	HANDSHAKE_OK_SIMULTANEOUS, /* take this one; our own attempt is given up */
	HANDSHAKE_NOK,             /* our own attempt goes on */
	HANDSHAKE_NOT_ALLOWED,
	HANDSHAKE_IS_ALIVE, /* a connection to that node is already up */
};

/* What a handshake starts from. */
struct handshake_start {
	const char *self;   /* our node name */
	const char *cookie; /* borrowed as long as the handshake */
	const char *peer;   /* connecting: who is expected there; accepting: NULL */
	uint32_t creation;  /* ours */
	uint32_t challenge; /* a secret random number */
};

struct handshake {
	enum handshake_state state; /* moved only by handshake_move() */
	char self[DIST_NAME_MAX];   /* the name that we present */
	char peer[DIST_NAME_MAX];   /* theirs; "" until known */
	const char *cookie;         /* the shared secret */
	uint32_t creation;          /* ours */
	uint32_t challenge;         /* that they must answer */
	uint32_t peer_challenge;    /* that we must answer */
	uint64_t peer_flags;        /* theirs, all of them */
	uint32_t peer_creation;     /* theirs */
	bool old_name;              /* they sent the old form of the name */
	bool wants_name;            /* they have only a host and ask us for a name */
	bool simultaneous;          /* connecting: they gave their own attempt up for this one */
	const char *why;            /* after a failure: static text */
};

/* Accepting side: waits for a name. */
void handshake_accept(struct handshake *h, const struct handshake_start *start);
/* Connecting side: writes our name. */
void handshake_connect(struct handshake *h, const struct handshake_start *start, struct buf *out);

/* Digest one packet (without its length) and write what follows. After any failure h->why says
 * what was wrong and the connection must be closed; out may hold a last word to be sent. */
CHECKED enum status handshake_packet(struct handshake *h, const uint8_t *bytes, size_t len,
                                     struct buf *out);

/* In HANDSHAKE_DECIDE: what becomes of the caller h->peer. self: the name that it knows us by.
 * given: a name for a caller that wants one, else NULL. */
CHECKED enum status handshake_decide(struct handshake *h, enum handshake_verdict verdict,
                                     const char *self, const char *given, struct buf *out);

/* In HANDSHAKE_VERIFIED: tell the caller that it is connected. Until then it only waits. */
CHECKED enum status handshake_confirm(struct handshake *h, struct buf *out);

/* MD5 of the cookie and the challenge in decimal. */
CHECKED enum status handshake_digest(const char *cookie, uint32_t challenge, uint8_t ret[16]);

/* Whether a text is a node name that we can live with: name@host of printable bytes. */
bool dist_name_valid(const char *name);
/* The part behind the @, or "". */
const char *dist_name_host(const char *name);

#endif
