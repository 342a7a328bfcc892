/* Handles and tasks: what clients without sessions keep here.
 *
 * A handle is a piece of state that the server minted: a random id, a principal that alone may
 * use it, a time to live, a value with a revision.
 *
 * A task is a durable state machine for work that outlives a request:
 *
 *   working ◄──► input_required
 *      │                │
 *      └──► completed | failed | cancelled     (finished: once, for good)
 *
 * It belongs to one node at a time. Its epoch grows with each owner; what an earlier owner still
 * sends is refused, so a task is finished once even when its owner only seemed dead. What
 * becomes of a task whose owner is gone was said when it was made: another node claims it
 * (TASK_ORPHAN_CLAIM: the work can be begun anew), or it fails (TASK_ORPHAN_FAIL).
 *
 * Pure objects: the store keeps them under their ids, counts them, expires them. Functions here
 * answer ST_OK, ST_LIMIT (too long), ST_NOMEM, and what they say. See part.h. */
#ifndef SESSION_TASK_H
#define SESSION_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "session/part.h"

/* Bytes that belong to somebody else. */
struct bytes_view {
	const uint8_t *at;
	size_t len;
};

/* --- Handles --------------------------------------------------------------------------- */

struct handle;

struct handle_view {
	struct session_id id;
	int64_t created_ms;
	int64_t active_ms;           /* last use, as stamped */
	int64_t ttl_ms;              /* lives this long after its last use; 0: for ever */
	uint64_t revision;           /* log index of the last change */
	struct bytes_view principal; /* who may use it; empty: everybody */
	struct bytes_view value;
};

/* Make one; id, times, revision, principal and value count. */
CHECKED enum status handle_new(const struct handle_view *v, struct handle **ret);
struct object *handle_object(struct handle *h);
struct handle *handle_of(struct object *o);
void handle_view(const struct handle *h, struct handle_view *ret);
/* Replace the value. The change counts as use. */
CHECKED enum status handle_put(struct handle *h, const struct bytes_view *value, int64_t now_ms,
                               uint64_t revision);
/* Used without a change: it lives on. Times never go back. */
void handle_touch(struct handle *h, int64_t now_ms);

/* --- Tasks ----------------------------------------------------------------------------- */

/* Values are part of the formats: never renumber. */
#define TASK_STATE_MAP(X)                      \
	X(WORKING, 0, "working")               \
	X(INPUT_REQUIRED, 1, "input_required") \
	X(COMPLETED, 2, "completed")           \
	X(FAILED, 3, "failed")                 \
	X(CANCELLED, 4, "cancelled")

enum task_state {
#define TASK_STATE_ENUM(name, value, text) TASK_##name = (value),
	TASK_STATE_MAP(TASK_STATE_ENUM)
#undef TASK_STATE_ENUM
};

enum task_orphan { TASK_ORPHAN_FAIL = 0, TASK_ORPHAN_CLAIM = 1 };

struct task;

struct task_view {
	struct session_id id;
	int64_t created_ms;
	int64_t active_ms; /* last change, as stamped */
	int64_t ttl_ms;    /* lives this long after its last change; 0: for ever */
	uint64_t revision; /* log index of the last change */
	uint64_t owner;    /* incarnation of the node that works on it */
	uint64_t epoch;    /* grows with each owner */
	enum task_state state;
	enum task_orphan orphan;
	struct bytes_view principal; /* who may ask; empty: everybody */
	struct bytes_view name;      /* of the tool */
	struct bytes_view arguments; /* what it was called with */
	struct bytes_view message;   /* status in words, or what input is wanted */
	struct bytes_view result;    /* of a finished one */
};

const char *task_state_text(enum task_state state);
bool task_finished(const struct task *t);

/* Make one that works; id, times, revision, owner, epoch, orphan, principal, name, arguments count.
 */
CHECKED enum status task_new(const struct task_view *v, struct task **ret);
struct object *task_object(struct task *t);
struct task *task_of(struct object *o);
void task_view(const struct task *t, struct task_view *ret);

/* A step of its owner. */
struct task_update {
	uint64_t epoch; /* under which the owner works */
	enum task_state state;
	struct bytes_view message;
	struct bytes_view result; /* completed or failed: kept; else must be empty */
	int64_t now_ms;
	uint64_t revision;
};
/* ST_FENCED: another owner has it (by epoch). ST_EXISTS: it is finished already, nothing was
 * changed. ST_INVALID: a result without an end. */
CHECKED enum status task_update(struct task *t, const struct task_update *u);

/* Its client does not want it any more. ST_EXISTS: finished already. */
CHECKED enum status task_cancel(struct task *t, int64_t now_ms, uint64_t revision);

/* A node takes it over, under a new epoch. */
struct task_claim {
	uint64_t epoch; /* the present one */
	uint64_t owner; /* 0: nobody, until another claim */
	uint64_t next;  /* the new one, higher */
	int64_t now_ms;
	uint64_t revision;
};
/* ST_FENCED: `epoch` is not the present one, so somebody was faster. ST_EXISTS: finished. */
CHECKED enum status task_claim(struct task *t, const struct task_claim *c);

#endif
