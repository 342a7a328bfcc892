/* The replicated state machine: sessions. Pure and deterministic: the same commands in the
 * same order give the same state, results and digest on every node. No I/O, no clock: times
 * come inside commands, stamped by the leader.
 *
 * Command and snapshot formats carry a version; see doc/protocol/session-commands.md. */
#ifndef SESSION_STORE_H
#define SESSION_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct store;

/* Where a command came from: retries carry the same pair and take effect once. */
struct origin {
	uint64_t id;  /* the origin's incarnation (raft id) */
	uint64_t seq; /* grows by one with each new command of that origin */
};

/* 128 random bits; as text 32 lower-case hexadecimal digits. */
enum { SESSION_ID_BYTES = 16, SESSION_ID_TEXT = 33 };
struct session_id {
	uint8_t bytes[SESSION_ID_BYTES];
};

void session_id_text(const struct session_id *id, char ret[SESSION_ID_TEXT]);
CHECKED enum status session_id_parse(const char *text, size_t len, struct session_id *ret);

CHECKED enum status store_new(struct store **ret);
void store_free(struct store *s);

/* Command encoders. Append one command to b. request_id is the client's own (may be empty):
 * a second command with the same request id, from any node, returns the first one's result.
 * values and client info are opaque bytes. now_ms is wall-clock time stamped by the proposer. */
struct command_head {
	struct origin origin;
	const uint8_t *request_id;
	size_t request_id_len; /* 0: none; at most REQUEST_ID_MAX */
	int64_t now_ms;        /* milliseconds since the epoch */
	/* Version 2: the command only takes effect if these hold of the session. */
	uint8_t guards;           /* GUARD_... */
	uint64_t epoch;           /* GUARD_EPOCH: its present fencing token */
	const uint8_t *principal; /* GUARD_PRINCIPAL: whom it belongs to */
	size_t principal_len;     /* bytes of principal */
};
enum { GUARD_EPOCH = 1, GUARD_PRINCIPAL = 2 };
void command_create(struct buf *b, const struct command_head *h, const struct session_id *id,
                    const uint8_t *info, size_t info_len);
void command_put(struct buf *b, const struct command_head *h, const struct session_id *id,
                 const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len);
void command_delete(struct buf *b, const struct command_head *h, const struct session_id *id);

/* Put origin and time into an encoded, well-formed command: what a client encoded itself. */
void command_stamp(uint8_t *bytes, const struct command_head *h);
/* Only the time, by the leader that puts the command into its log. */
void command_stamp_time(uint8_t *bytes, int64_t now_ms);

/* True when the bytes are one well-formed command: checked before proposing, and again on
 * what a peer forwards. */
CHECKED enum status command_check(const uint8_t *bytes, size_t len, struct fault *fault);

/* enum command_type of a well-formed command. */
unsigned command_type_of(const uint8_t *bytes);

/* What a command did, and the nearest common status. Every limit has its own name, so that a
 * client can be told which one it hit. Values are part of the formats: never renumber. */
#define STORE_RESULT_MAP(X)                                                              \
	X(OK, 0, OK, "done")                                                             \
	X(NOT_FOUND, 1, NOT_FOUND, "no such session")                                    \
	X(EXISTS, 2, EXISTS, "a session with this id exists")                            \
	X(SESSIONS_LIMIT, 3, LIMIT, "too many sessions")                                 \
	X(INFO_LIMIT, 4, LIMIT, "client information too long")                           \
	X(KEY_LIMIT, 5, LIMIT, "key empty or too long")                                  \
	X(VALUE_LIMIT, 6, LIMIT, "value too long")                                       \
	X(SESSION_LIMIT, 7, LIMIT, "too much data in this session")                      \
	X(STORE_LIMIT, 8, LIMIT, "too much data in all sessions")                        \
	X(STALE, 9, UNKNOWN, "a retry of a command whose result is no longer known")     \
	X(MALFORMED, 10, MALFORMED, "malformed command")                                 \
	X(UNSUPPORTED, 11, UNSUPPORTED, "command version or type unknown to this state") \
	X(CONFLICT, 12, REFUSED, "the key has another revision")                         \
	X(NO_KEY, 13, NOT_FOUND, "no such key")                                          \
	X(STALE_EPOCH, 14, REFUSED, "the session has a newer owner")                     \
	X(PRINCIPAL, 15, REFUSED, "the session belongs to another principal")            \
	X(TTL_LIMIT, 16, LIMIT, "time to live too long")                                 \
	X(PROTOCOL_LIMIT, 17, LIMIT, "protocol version too long")                        \
	X(CAPABILITIES_LIMIT, 18, LIMIT, "capabilities too long")                        \
	X(PRINCIPAL_LIMIT, 19, LIMIT, "principal too long")                              \
	X(BATCH_LIMIT, 20, LIMIT, "too many sessions in one command")                    \
	X(LIMITS_LIMIT, 21, LIMIT, "a limit cannot be set so high")                      \
	X(NO_STREAM, 22, NOT_FOUND, "no such stream")                                    \
	X(STREAMS_LIMIT, 23, LIMIT, "too many streams in this session")                  \
	X(EVENTS_LIMIT, 24, LIMIT, "too many events in this stream")                     \
	X(EVENT_LIMIT, 25, LIMIT, "event too long")                                      \
	X(NO_QUESTION, 26, NOT_FOUND, "no such question")                                \
	X(ANSWERED, 27, EXISTS, "the question was answered before")                      \
	X(QUESTIONS_LIMIT, 28, LIMIT, "too many questions wait for an answer")           \
	X(QUESTION_LIMIT, 29, LIMIT, "question, token or answer too long")               \
	X(OBJECTS_LIMIT, 30, LIMIT, "too many handles or tasks")                         \
	X(HANDLE_LIMIT, 31, LIMIT, "value of the handle too long")                       \
	X(TASK_LIMIT, 32, LIMIT, "name, arguments, message or result too long")          \
	X(TASK_STATE, 33, INVALID, "no such state, or a result before the end")          \
	X(FINISHED, 34, EXISTS, "the task has ended")

enum store_result {
#define STORE_RESULT_ENUM(name, value, st, text) RESULT_##name = (value),
	STORE_RESULT_MAP(STORE_RESULT_ENUM)
#undef STORE_RESULT_ENUM
	    RESULT_COUNT
};

struct store_answer {
	enum store_result result;
	uint64_t revision; /* OK: log index of the change; also of the first one of a retry */
	uint64_t epoch;    /* OK, STALE_EPOCH: the session's fencing token; 0 after a delete */
	/* The session; of a retried create: the first one's, not the retry's. */
	struct session_id id;
	/* CONFLICT: the key's revision, 0: there is no such key; of a touch, expire: how many
	 * sessions; of an upgrade: the state version; of an append: the event's number; of a
	 * question: its id. Else 0. */
	uint64_t detail;
};

/* Read what store_apply() gave (or what a peer sent on). ST_MALFORMED when it is no result. */
CHECKED enum status store_result_decode(const uint8_t *bytes, size_t len, struct store_answer *ret);
/* The text of a result; static. */
const char *store_result_text(enum store_result result);
/* The nearest common status. */
enum status store_result_status(enum store_result result);

/* Apply one committed command. The result (a status byte and a payload, see the protocol
 * document) is appended to result. Never fails for reasons that differ between nodes;
 * ST_NOMEM is fatal to the process. */
CHECKED enum status store_apply(struct store *s, uint64_t index, const uint8_t *bytes, size_t len,
                                struct buf *result);

/* Queries. They see the state as applied; the caller makes them linearizable by confirming a
 * read index first. */
struct session_view {
	struct session_id id;
	int64_t created_ms;
	int64_t active_ms;   /* last use */
	uint64_t epoch;      /* fencing token, starts at 1 */
	uint64_t revision;   /* log index of the last change */
	const uint8_t *info; /* the store's, until the next apply */
	size_t info_len;
	size_t n_keys;
	const uint8_t *protocol; /* protocol version agreed on; the store's */
	size_t protocol_len;
	const uint8_t *capabilities; /* agreed on; the store's */
	size_t capabilities_len;
	const uint8_t *principal; /* whom it belongs to; the store's */
	size_t principal_len;
	uint64_t owner;  /* node that claimed it; 0: none */
	uint64_t ttl_ms; /* expires after so long without use; 0: never */
	size_t bytes;    /* counted against SESSION_BYTES_MAX */
};
CHECKED enum status store_get(const struct store *s, const struct session_id *id,
                              struct session_view *ret);
typedef void (*store_key_cb)(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value,
                             size_t value_len);
/* Visit the session's keys in byte order. */
CHECKED enum status store_keys(const struct store *s, const struct session_id *id, store_key_cb cb,
                               void *arg);
size_t store_count(const struct store *s);
typedef void (*store_session_cb)(void *arg, const struct session_view *session);
/* Visit at most max sessions in id order, those behind `after` (NULL: from the first). Returns how
 * many; less than max: there are no more. */
size_t store_page(const struct store *s, const struct session_id *after, size_t max,
                  store_session_cb cb, void *arg);

/* Digest of the whole state, equal on all nodes at the same index. O(1). */
uint64_t store_digest(const struct store *s);
/* Index of the last applied command. */
uint64_t store_index(const struct store *s);

/* Value of one key, the store's until the next apply. ST_NOT_FOUND for either. */
CHECKED enum status store_value(const struct store *s, const struct session_id *id,
                                const uint8_t *key, size_t key_len, const uint8_t **value,
                                size_t *value_len);
/* The same with its revision: what a compare-and-set expects. */
struct value_view {
	const uint8_t *bytes; /* the store's, until the next apply */
	size_t len;
	uint64_t revision; /* log index of its last change */
};
CHECKED enum status store_value_view(const struct store *s, const struct session_id *id,
                                     const uint8_t *key, size_t key_len, struct value_view *ret);
/* Bytes counted against the limit of the store. */
size_t store_bytes(const struct store *s);

/* The state version: what the members agreed to understand. 1 until an upgrade command raises
 * it, which must wait until every member knows the new one. Commands of version 2 are answered
 * UNSUPPORTED below 2, as a member that does not know them answers. From 3 on a session remembers
 * how far the numbers of its closed streams went. */
enum {
	STATE_VERSION_1 = 1,
	STATE_VERSION_2 = 2,
	STATE_VERSION_3 = 3,
	STATE_VERSION_NEWEST = STATE_VERSION_3
};
uint32_t store_version(const struct store *s);

/* What this node takes: STATE_VERSION_NEWEST, unless an operator holds it below. A newer version
 * that it meets, in a command or in an image, says that the cluster went on without it: nothing
 * that it applies from then on counts, and its node must stop. */
void store_take_up_to(struct store *s, uint32_t newest);
uint32_t store_newest(const struct store *s);
void store_meet(struct store *s, uint32_t version);
uint32_t store_beyond(const struct store *s); /* what it met; 0: nothing newer */

/* An empty store of a cluster that is founded at this version; before any command, and alike on
 * all members. ST_UNSUPPORTED: not known here. ST_INVALID: the store is not empty. */
CHECKED enum status store_found(struct store *s, uint32_t version);

/* How full it is. */
struct store_usage {
	size_t sessions; /* of them, and their bytes */
	size_t session_bytes;
	size_t handles;
	size_t handle_bytes;
	size_t tasks;
	size_t task_bytes;
	size_t sessions_max; /* limits, replicated */
	size_t bytes_max;
};
void store_usage(const struct store *s, struct store_usage *ret);

/* True when the bytes are a whole snapshot of a known version: its frame and checksum, not
 * its content. Cheap enough to do before anything is replaced. index: of its last command. */
CHECKED enum status store_snapshot_check(const uint8_t *bytes, size_t len, struct fault *fault,
                                         uint64_t *index);

/* Whole state as bytes, and back. Restore replaces everything or nothing. */
CHECKED enum status store_snapshot(const struct store *s, struct buf *b);
CHECKED enum status store_restore(struct store *s, const uint8_t *bytes, size_t len,
                                  struct fault *fault);

/* Commands that this node applied since it started and that ended so: how often a limit was hit. A
 * retry that is told its old result does not count again. */
uint64_t store_answered(const struct store *s, enum store_result how);

#endif
