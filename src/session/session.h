/* One session: what its client said, who owns it, its keys, and, once used, its other parts. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>

#include "session/command.h"
#include "session/part.h"

/* The revision of a key that was written before revisions of keys were kept: by a member of
 * state version 1. No command has it: the first entry of a log is a configuration. */
enum { ENTRY_REVISION_V1 = 1 };

/* One key of a session with its value behind it. */
struct entry {
	uint64_t hash;      /* what it adds to the digest */
	uint64_t revision;  /* log index of its last change */
	uint32_t value_len; /* bytes of the value */
	uint16_t key_len;   /* bytes of the key */
	uint8_t bytes[];    /* key, then value */
};

struct session {
	struct object object;      /* its id */
	uint8_t protocol_len;      /* bytes of each text */
	uint16_t principal_len;    /* ... */
	uint16_t capabilities_len; /* ... */
	uint16_t info_len;         /* ... */
	int64_t created_ms;        /* proposer's clock at creation */
	int64_t active_ms;         /* proposer's clock at the last use */
	uint64_t epoch;            /* fencing token: grows with each owner */
	uint64_t revision;         /* log index of the last change */
	uint64_t owner;            /* node that claimed it; 0: none */
	uint64_t ttl_ms;           /* expires after so long without use; 0: never */
	uint64_t info_hash;        /* of info, computed once */
	uint64_t attrs_hash;       /* of the other texts, computed once */
	uint64_t keys_digest;      /* sum of the entries' hashes */
	struct entry **keys;       /* in order of the keys; owned; NULL: none */
	void **parts;              /* PART_KINDS of them, each NULL or owned; NULL: none */
	uint32_t n_keys;           /* in use; room: the next power of two */
	uint32_t bytes;            /* of texts, keys and overheads; parts count their own */
	uint8_t texts[];           /* info, protocol, capabilities, principal */
};

static inline struct session *session_of(struct object *o)
{
	return (struct session *)o;
}

static inline const struct session *session_of_const(const struct object *o)
{
	return (const struct session *)o;
}

/* Make a session without keys, not yet in a store. Copies what a says; epoch 1. ST_NOMEM. */
CHECKED enum status session_new(const struct session_id *id, const struct session_attrs *a,
                                struct session **ret);

/* What it says about itself; points into the session. */
void session_attrs_of(const struct session *session, struct session_attrs *ret);

/* All its bytes, parts included. */
size_t session_bytes(const struct session *session);

/* Make an entry. Copies key and value. */
CHECKED enum status entry_new(const struct session_id *id, const struct command_key *key,
                              const uint8_t *value, size_t value_len, uint64_t revision,
                              struct entry **ret);

/* Place of a key among the session's, or where it would be; *ret_found: it is there. */
uint32_t session_key_place(const struct session *session, const uint8_t *key, size_t key_len,
                           bool *ret_found);

/* Put an entry at its place, instead of the one that is there if `replace`. Takes it on
 * success. ST_NOMEM. */
CHECKED enum status session_key_put(struct session *session, uint32_t place, bool replace,
                                    struct entry *entry);
void session_key_drop(struct session *session, uint32_t place);

/* Add a key that was read back. ST_MALFORMED: it is there already, or impossible. */
CHECKED enum status session_take_key(struct session *session, const struct command_key *key,
                                     const uint8_t *value, size_t value_len, uint64_t revision);

/* Its body in a chunk (session_image.c), as struct object_ops has it. */
void session_encode(const struct object *o, struct buf *b);
CHECKED enum status session_decode(const struct session_id *id, struct cursor *c, uint64_t index,
                                   struct object **ret);

#endif
