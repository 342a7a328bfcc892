/* What a store should hold, in plain lists: the simplest thing that could be right. Sessions and
 * their keys are in model.c, everything else in model_objects.c. */
#ifndef SESSION_MODEL_H
#define SESSION_MODEL_H

#include <stdbool.h>

#include "base/prng.h"
#include "session/command.h"
#include "session/limits.h"
#include "session/store.h"

enum {
	MODEL_SESSIONS = 60,
	MODEL_KEYS = 4,
	MODEL_TEXT = 24,
	MODEL_STREAMS = 3, /* of a session, numbered from 0 */
	MODEL_EVENTS = 10, /* at most kept of one */
	MODEL_QUESTIONS = PENDING_MAX,
	MODEL_OBJECTS = 30, /* ids, each of which is a handle or a task at a time */
};

struct model_key {
	bool there;
	uint64_t revision;
	size_t len;
	uint8_t value[MODEL_TEXT];
};

/* Some bytes, all alike. */
struct model_text {
	size_t len;
	uint8_t bytes[MODEL_TEXT];
};

struct model_event {
	uint64_t number;
	uint64_t revision;
	struct model_text text;
};

struct model_stream {
	bool there;
	uint64_t next;
	size_t n;
	struct model_event events[MODEL_EVENTS]; /* the oldest first */
};

struct model_question {
	uint64_t id;
	uint64_t revision;
	uint32_t stream;
	bool answered;
	struct model_text question;
	struct model_text token;
	struct model_text answer;
};

struct model_session {
	bool there;
	int64_t created_ms;
	int64_t active_ms;
	uint64_t epoch;
	uint64_t revision;
	uint64_t owner;
	uint64_t ttl_ms;
	unsigned principal; /* which of model_principals */
	struct model_key keys[MODEL_KEYS];
	struct model_stream streams[MODEL_STREAMS];
	uint64_t begin; /* numbers of closed streams went so far */
	size_t n_questions;
	struct model_question questions[MODEL_QUESTIONS]; /* in order of their ids */
};

enum model_kind { MODEL_NOTHING, MODEL_HANDLE, MODEL_TASK };

struct model_object {
	enum model_kind kind;
	int64_t created_ms;
	int64_t active_ms;
	int64_t ttl_ms;
	uint64_t revision;
	unsigned principal;      /* which of model_principals */
	struct model_text value; /* of a handle; arguments of a task */

	/* Of a task. */
	uint64_t owner;
	uint64_t epoch;
	unsigned state;
	unsigned orphan;
	struct model_text name;
	struct model_text message;
	struct model_text result;
};

struct model {
	struct prng prng;
	uint64_t index; /* of the last command */
	uint64_t seq;
	int64_t now_ms;
	size_t sessions_max;
	struct model_session sessions[MODEL_SESSIONS];
	struct model_object objects[MODEL_OBJECTS];
};

extern const char *const model_principals[3];

/* The id of the model's i-th session; objects follow. Some share a bucket, some even a shelf. */
struct session_id model_id(unsigned i);

/* For the files of the model: chance, the head of the next command, guards that hold or do not,
 * and whether they do. A session was changed; it was used. */
uint64_t model_pick(struct model *m, uint64_t n);
struct command_head model_head(struct model *m);
void model_guard(struct model *m, const struct model_session *x, struct command_head *h);
bool model_guarded(const struct model_session *x, const struct command_head *h,
                   struct store_answer *ret);
void model_changed(const struct model *m, struct model_session *x, struct store_answer *ret);
void model_used(struct model_session *x, const struct command_head *h);

/* model_objects.c: one step, and the comparison. i: a session. */
void model_objects_step(struct model *m, struct buf *b, unsigned i, struct store_answer *ret);
void model_objects_compare(const struct model *m, const struct store *s);

/* One random command into b; the model follows, and *ret is what the store must answer, id
 * excepted. */
void model_step(struct model *m, struct buf *b, struct store_answer *ret);

/* A cmocka failure where the store is not as the model. */
void model_compare(const struct model *m, const struct store *s);

#endif
