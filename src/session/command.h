/* Commands of version 2, written and read, and the reading of version 1 (whose encoders are in
 * store.h). Pure views, no copies. Bytes: doc/protocol/session-commands.md. */
#ifndef SESSION_COMMAND_H
#define SESSION_COMMAND_H

#include <stdbool.h>

#include "base/cursor.h"
#include "session/store.h"
#include "session/task.h"

enum { COMMAND_VERSION_1 = 1, COMMAND_VERSION_2 = 2 };

/* Values are part of the format: never renumber. Version 1 has the first three only. */
enum command_type {
	COMMAND_CREATE = 1,
	COMMAND_PUT = 2,
	COMMAND_DELETE = 3,
	COMMAND_UNSET = 4,   /* a key of a session goes */
	COMMAND_CLAIM = 5,   /* a node becomes the session's owner: a new epoch */
	COMMAND_TOUCH = 6,   /* these sessions were used, at the command's time */
	COMMAND_EXPIRE = 7,  /* these go, unless used since the proposer looked */
	COMMAND_MARK = 8,    /* remember the digests at this index */
	COMMAND_UPGRADE = 9, /* from here on all members understand a newer state version */
	COMMAND_LIMITS = 10, /* how much the store may hold */

	/* Of a session. Answered with the event's number; the question's id. */
	COMMAND_APPEND = 16,  /* stream, keep | event */
	COMMAND_TRIM = 17,    /* stream, number up to which events go */
	COMMAND_CLOSE = 18,   /* stream: it goes */
	COMMAND_ASK = 20,     /* stream | question, token */
	COMMAND_ANSWER = 21,  /* question | answer */
	COMMAND_DISMISS = 22, /* question: it goes, answered or not */

	/* Of an object with an id of its own. */
	COMMAND_HANDLE_CREATE = 24, /* time to live | principal, value */
	COMMAND_HANDLE_PUT = 25,    /* expected revision, 0: any | value */
	COMMAND_HANDLE_DELETE = 26,
	COMMAND_TASK_CREATE = 32, /* owner, orphan, time to live | principal, name, arguments */
	COMMAND_TASK_UPDATE = 33, /* epoch, state | message, result */
	COMMAND_TASK_CANCEL = 34,
	COMMAND_TASK_CLAIM = 35, /* epoch, owner: a new epoch */
	COMMAND_TASK_DELETE = 36,
	COMMAND_TYPES
};

/* What a create of version 2 says about the session. */
struct session_attrs {
	const uint8_t *info; /* the client's name, version, ... */
	size_t info_len;
	const uint8_t *protocol; /* protocol version agreed on */
	size_t protocol_len;
	const uint8_t *capabilities; /* capabilities agreed on */
	size_t capabilities_len;
	const uint8_t *principal; /* whom it belongs to; empty: nobody in particular */
	size_t principal_len;
	uint64_t owner;  /* node that serves it; 0: none */
	uint64_t ttl_ms; /* expires after so long without use; 0: never */
};

struct command_key {
	const uint8_t *bytes;
	size_t len;
	bool checked;      /* the key's revision must be `expected` */
	uint64_t expected; /* 0: there must be no such key */
};

/* A session to expire, as the proposer saw it. */
struct expiry {
	struct session_id id;
	int64_t active_ms; /* its last use */
	uint64_t revision; /* its last change */
};

void command2_create(struct buf *b, const struct command_head *h, const struct session_id *id,
                     const struct session_attrs *a);
void command2_put(struct buf *b, const struct command_head *h, const struct session_id *id,
                  const struct command_key *key, const uint8_t *value, size_t value_len);
void command2_unset(struct buf *b, const struct command_head *h, const struct session_id *id,
                    const struct command_key *key);
void command2_delete(struct buf *b, const struct command_head *h, const struct session_id *id);
void command2_claim(struct buf *b, const struct command_head *h, const struct session_id *id,
                    uint64_t owner);
/* At most TOUCH_MAX ids. */
void command2_touch(struct buf *b, const struct command_head *h, const struct session_id *ids,
                    size_t n);
/* At most EXPIRE_MAX. */
void command2_expire(struct buf *b, const struct command_head *h, const struct expiry *list,
                     size_t n);
void command2_mark(struct buf *b, const struct command_head *h);
void command2_upgrade(struct buf *b, const struct command_head *h, uint32_t version);
/* 0: leave that limit as it is. */
void command2_limits(struct buf *b, const struct command_head *h, uint64_t sessions_max,
                     uint64_t bytes_max);

/* Numbers and texts of a command, in the order of its type's comment. */
enum { COMMAND_NUMBERS = 3, COMMAND_TEXTS = 3 };
struct command_fields {
	uint64_t numbers[COMMAND_NUMBERS];
	struct bytes_view texts[COMMAND_TEXTS];
};
/* Types from APPEND on. */
void command2_fields(struct buf *b, const struct command_head *h, enum command_type type,
                     const struct session_id *id, const struct command_fields *f);
/* How many numbers and texts a type has. */
void command_shape(enum command_type type, unsigned *ret_numbers, unsigned *ret_texts);

struct command {
	uint8_t version;
	enum command_type type;
	struct command_head head;
	struct session_id id;
	struct session_attrs attrs; /* CREATE */
	struct command_key key;     /* PUT, UNSET */
	const uint8_t *value;       /* PUT */
	size_t value_len;
	/* CLAIM: owner; UPGRADE: version; LIMITS: sessions, bytes; and from APPEND on. */
	struct command_fields fields;
	struct cursor list; /* TOUCH, EXPIRE: n items of the same size */
	size_t n;
};

/* The state version that the command would upgrade to; 0: it is none, or no upgrade. */
uint64_t command_upgrades_to(const uint8_t *bytes, size_t len);

/* Read one command; ret's pointers point into bytes. ST_UNSUPPORTED for an unknown version or
 * type, ST_MALFORMED for everything else. */
CHECKED enum status command_decode(const uint8_t *bytes, size_t len, struct command *ret,
                                   struct fault *fault);

#endif
