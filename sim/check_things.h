/* What is remembered of the things that clients made; shared by check_thing.c, check_stream.c and
 * check_expiry.c only. */
#ifndef SIM_CHECK_THINGS_H
#define SIM_CHECK_THINGS_H

#include "sim/check_inside.h"
#include "sim/thing.h"

/* One event of a stream, as an answer told it or a state had it. */
struct event_watch {
	uint64_t op; /* that appended it; 0: not known */
	uint64_t revision;
};

struct stream_watch {
	struct event_watch events[THING_EVENTS]; /* by number */
	uint64_t told;                           /* newest number that is known */
	uint64_t first;                          /* in the newest state that was looked at ... */
	uint64_t next;                           /* ... */
	uint64_t trimmed; /* highest number that anybody wanted to be trimmed */
};

enum { QUESTIONS_WATCHED = 16 };

struct question_watch {
	uint64_t id; /* 0: unused */
	uint64_t revision;
	uint64_t answer;   /* operation that answered it; 0: none known ... */
	uint64_t answered; /* ... at this place */
	bool dismissed;    /* somebody wanted that */
};

/* A use in a calm world, which must be written down soon. */
struct use_watch {
	int64_t at_us;   /* when; 0: none is waited for */
	uint64_t term;   /* of the leader then ... */
	int64_t wall_ms; /* ... and its clock */
	unsigned node;   /* that answered ... */
	uint64_t life;   /* ... in this life */
};

struct thing_watch {
	bool live;            /* it may be there */
	unsigned ends;        /* operations that may have ended it */
	uint64_t made;        /* where its creation took effect; 0: not known */
	uint64_t seen_index;  /* newest state that had it; 0: none */
	uint64_t revision;    /* as that state had it */
	uint64_t gone_index;  /* oldest state that did not have it any more; 0: none */
	int64_t active_ms;    /* in the newest state: last use ... */
	uint64_t use;         /* an operation that counts as use, to be found in the log; 0: none */
	uint64_t epoch_index; /* newest place at which its epoch was told ... */
	uint64_t epoch;       /* ... and that */
	uint64_t set_index;   /* of a handle: newest change that was told */
	uint64_t finished;    /* of a task: where it ended; 0: not known ... */
	uint64_t finisher;    /* ... by which operation; 0: not known */
	enum task_state state; /* ... how, as a state had it */
	int64_t orphan_us;     /* its owner was first seen not to run; 0: it runs */
	struct use_watch used;
	struct question_watch questions[QUESTIONS_WATCHED];
	struct stream_watch streams[THING_STREAMS];
};

/* About a thing: a failure's text begins with it. */
void thing_fail(struct world *w, enum check check, uint64_t number, const char *fmt, ...)
    PRINTF(4, 5);
static inline struct thing_watch *thing_watch(struct world *w, uint64_t number)
{
	return &w->checks->things[number - 1];
}

/* True when an operation certainly had no effect. */
bool thing_refused(const struct op *op);

/* An operation took effect at this place. */
void thing_place(struct world *w, uint64_t number, uint64_t op, uint64_t revision);

/* check_stream.c: a stream as a state had it, from behind a number on; an append's answer. */
void stream_seen(struct world *w, uint64_t number, const uint64_t asked[2], uint64_t index,
                 const struct thing_seen *seen);
void stream_appended(struct world *w, const struct op *op);
void question_asked(struct world *w, const struct op *op);
void question_answered(struct world *w, const struct op *op);
void question_wanted_gone(struct world *w, const struct op *op);
/* A question with this id as a state had it. */
void question_seen(struct world *w, uint64_t number, uint64_t id, uint64_t index,
                   const struct thing_seen *seen);

/* check_expiry.c: it is there at this index, or has gone since the index before. */
void expiry_present(struct world *w, uint64_t number, uint64_t index,
                    const struct thing_seen *seen);
void expiry_gone(struct world *w, uint64_t number, uint64_t before, uint64_t index);
/* A reader was shown it. */
void expiry_used(struct node *node, uint64_t number, const struct thing_seen *seen);
/* leader: has led for a while in a world without faults. */
void expiry_time(struct node *leader, uint64_t number, const struct thing_seen *seen);

#endif
