/* What clients keep beside the registers: sessions that end, with streams and questions; handles;
 * tasks.
 *
 * Each has an id that is used for one life only. A few of each kind are in use at a time, so that
 * clients meet in them; what one client was told of a thing (its epoch, its newest event, its
 * question) the others know, too, as if they were one application. */
#ifndef SIM_THING_H
#define SIM_THING_H

#include "session/objects.h"
#include "sim/op.h"
#include "sim/world.h"

enum thing_kind { THING_SESSION, THING_HANDLE, THING_TASK, THING_KINDS };

enum {
	THINGS_MAX = 2048,         /* of one run */
	THING_STREAMS = 2,         /* of a session, numbered from 1 */
	THING_EVENTS = 128,        /* of a stream in the life of its session */
	THING_KEEPS = 6,           /* events that stay in a stream */
	THING_ORPHAN_US = 1500000, /* the owner of a task is gone after so long */
};

struct thing {
	enum thing_kind kind;
	struct session_id id;
	uint64_t create; /* the operation that makes it */
	uint64_t ttl_ms; /* 0: for ever */
	bool made;       /* clients were told that it is there ... */
	bool over;       /* ... or that it is gone or finished, or cannot be made */

	/* What clients were told last. */
	uint64_t epoch;
	uint64_t revision; /* of a handle */
	uint64_t question;
	uint64_t next[THING_STREAMS]; /* number of a stream's next event */
};

/* A thing as a node's state has it. */
struct thing_event {
	uint64_t number;
	uint64_t revision;
	uint64_t op; /* that appended it */
};
struct thing_seen {
	bool present;
	uint64_t epoch;
	uint64_t revision;
	uint64_t owner;
	int64_t active_ms;
	int64_t ttl_ms;
	uint64_t value;        /* of a handle: the operation that wrote it */
	enum task_state state; /* of a task */
	uint64_t first;        /* oldest event of the stream; 0: no such stream */
	uint64_t next;         /* the number of its next one; 0: no such stream */
	size_t n_events;
	struct thing_event events[THING_KEEPS];
	bool asked;      /* the question is there ... */
	uint64_t answer; /* ... and answered by this operation; 0: it is not */
};

struct things *things_new(struct world *w);
void things_free(struct things *things);

/* NULL: none with this number, which counts from 1. */
const struct thing *things_at(const struct world *w, uint64_t number);
uint64_t things_count(const struct world *w);

/* Choose what to do to which thing, or make one: kind, thing and numbers of op. */
void things_choose(struct world *w, struct op *op);
/* What depends on the node that is asked: the owner. */
void things_address(struct world *w, struct op *op);
/* A client knows the outcome. */
void things_learn(struct world *w, const struct op *op, const struct thing_seen *seen);

/* Of a session: this stream behind a number, and this question. */
void things_look(const struct store *store, const struct thing *t, const uint64_t numbers[2],
                 struct thing_seen *ret);

#endif
