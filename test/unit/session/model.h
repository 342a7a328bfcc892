/* What a store should hold, in plain lists: the simplest thing that could be right. */
#ifndef SESSION_MODEL_H
#define SESSION_MODEL_H

#include <stdbool.h>

#include "base/prng.h"
#include "session/command.h"
#include "session/store.h"

enum { MODEL_SESSIONS = 60, MODEL_KEYS = 4, MODEL_TEXT = 24 };

struct model_key {
	bool there;
	uint64_t revision;
	size_t len;
	uint8_t value[MODEL_TEXT];
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
};

struct model {
	struct prng prng;
	uint64_t index; /* of the last command */
	uint64_t seq;
	int64_t now_ms;
	size_t sessions_max;
	struct model_session sessions[MODEL_SESSIONS];
};

/* The id of the model's i-th session: some share a bucket, some even a shelf. */
struct session_id model_id(unsigned i);

/* One random command into b; the model follows, and *ret is what the store must answer, id
 * excepted. */
void model_step(struct model *m, struct buf *b, struct store_answer *ret);

/* A cmocka failure where the store is not as the model. */
void model_compare(const struct model *m, const struct store *s);

#endif
