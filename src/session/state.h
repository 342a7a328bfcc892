/* The inside of a store, shared by store.c, apply.c and snapshot.c. */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "session/limits.h"
#include "session/omap.h"
#include "session/recent.h"
#include "session/store.h"

/* One key of a session with its value behind it. */
struct entry {
	uint64_t hash;    /* what it adds to the digest */
	size_t key_len;   /* bytes of the key */
	size_t value_len; /* bytes of the value */
	uint8_t bytes[];  /* key, then value */
};

struct session {
	struct session_id id;
	int64_t created_ms;   /* proposer's clock at creation */
	int64_t active_ms;    /* proposer's clock at the last put */
	uint64_t epoch;       /* fencing token */
	uint64_t revision;    /* log index of the last change */
	uint64_t info_hash;   /* of info, computed once */
	uint64_t keys_digest; /* sum of the entries' hashes */
	size_t bytes;         /* counted against SESSION_BYTES_MAX */
	struct omap keys;     /* struct entry by key */
	size_t info_len;      /* bytes of info */
	uint8_t info[];       /* what the client said about itself */
};

/* Which commands of one node have left the table of results: older ones cannot be told from
 * new ones any more and are refused. */
struct origin_floor {
	uint64_t id;   /* the origin */
	uint64_t seq;  /* highest command of it that was forgotten */
	uint64_t used; /* log index of its last command, to find the longest silent one */
};

struct store {
	struct omap sessions;                     /* struct session by id */
	struct recent pairs;                      /* results by origin and sequence number */
	struct recent requests;                   /* results by the client's request id */
	struct origin_floor origins[ORIGINS_MAX]; /* in order of their first command */
	uint64_t origins_digest;                  /* sum over origins */
	size_t n_origins;                         /* in use */
	uint64_t digest;                          /* sum over sessions and their entries */
	uint64_t index;                           /* last applied command */
	size_t bytes;                             /* counted against STORE_BYTES_MAX */
};

/* What a session, without its entries, adds to the digest. */
uint64_t session_hash(const struct session *session);

/* What one key and value of a session add to the digest. */
uint64_t entry_hash(const struct session_id *id, const struct entry *entry);

/* What an origin's record adds to the digest. */
uint64_t origin_hash(const struct origin_floor *o);

/* Make a session without keys, not yet in the store. Copies info. */
CHECKED enum status session_new(const struct session_id *id, const uint8_t *info, size_t info_len,
                                struct session **ret);
void session_free(struct session *session);

/* Make an entry. Copies key and value. */
CHECKED enum status entry_new(const struct session_id *id, const uint8_t *key, size_t key_len,
                              const uint8_t *value, size_t value_len, struct entry **ret);

/* Put a session (with its keys) in, or take it out and free it; digest and bytes follow. */
CHECKED enum status store_add_session(struct store *s, struct session *session);
void store_drop_session(struct store *s, struct session *session);

struct session *store_find(const struct store *s, const struct session_id *id);

/* Key of a command in the pairs table. */
enum { PAIR_BYTES = 16 };
void pair_key(const struct origin *origin, uint8_t ret[PAIR_BYTES]);

#endif
