/* What clients asked and were told: the input of the linearizability checker.
 *
 * A history is a list of events in the order in which they happened: a process invokes an
 * operation, and later it is told ok, fail (it certainly did not happen) or info (it may have
 * happened, or may still happen). The order of the events counts; their times are for people.
 * It is built in memory by the simulator, or read from JSON lines: doc/protocol/history.md.
 *
 * Keys, values and processes are symbols: numbers for JSON texts. Symbol 0 is null, the value
 * of a key that is absent. */
#ifndef LIN_HISTORY_H
#define LIN_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* The position of an event that never came. */
#define HISTORY_NEVER UINT32_MAX

#define HISTORY_NULL 0

enum history_f {
	HISTORY_READ,   /* value: what was read */
	HISTORY_WRITE,  /* value: what was written */
	HISTORY_CAS,    /* took effect only where the key had `expected` */
	HISTORY_CREATE, /* took effect only where the key was absent */
	HISTORY_DELETE, /* the key is absent afterwards, whatever it was */
	HISTORY_FS,
};

enum history_outcome {
	HISTORY_INFO, /* unknown, or it never returned */
	HISTORY_OK,
	HISTORY_FAIL,
};

struct history_op {
	enum history_f f;
	enum history_outcome outcome;
	uint32_t process;    /* symbol */
	uint32_t key;        /* symbol */
	uint32_t value;      /* symbol: read or written; null for a delete */
	uint32_t expected;   /* symbol: of a cas */
	uint32_t invoked;    /* position of its first event in the history */
	uint32_t returned;   /* position of its answer; HISTORY_NEVER: none came */
	int64_t invoke_time; /* as given, unit and zero are the writer's */
	int64_t return_time; /* 0 without an answer */
};

struct history_symbol {
	char *text;    /* JSON; owned */
	uint32_t next; /* in the bucket; 0 ends it */
	uint32_t open; /* the operation that this process waits for, plus one; 0: none */
};

struct history {
	struct history_op *ops;         /* owned, in order of invocation */
	size_t n_ops;                   /* operations begun */
	size_t cap_ops;                 /* room for so many */
	struct history_symbol *symbols; /* owned; [0] is null */
	size_t n_symbols;               /* symbols known, null included */
	size_t cap_symbols;             /* room for so many */
	uint32_t *buckets;              /* owned: symbols by hash of their text */
	size_t n_buckets;               /* a power of two */
	uint32_t position;              /* of the next event */
	int64_t time;                   /* of the last event */
};

/* The name of an operation as in the JSON lines; static. */
const char *history_f_name(enum history_f f);

CHECKED enum status history_init(struct history *h);

/* Works on a zeroed history and twice. */
void history_close(struct history *h);

/* The symbol of a JSON text (copies it). The caller writes equal values as equal texts. */
CHECKED enum status history_symbol(struct history *h, const char *json, uint32_t *ret);

/* The symbol of an integer. */
CHECKED enum status history_integer(struct history *h, int64_t value, uint32_t *ret);

/* The JSON text of a symbol; valid until the history is closed. */
const char *history_text(const struct history *h, uint32_t symbol);

/* An operation begins: op's f, process, key, value and expected are read. ST_BUSY while the
 * process waits for another one; ST_INVALID for a time before the last event's or a write or
 * create of null; ST_LIMIT beyond HISTORY_OPS_MAX. */
CHECKED enum status history_invoke(struct history *h, const struct history_op *op, int64_t time);

/* The process is told what became of its operation; value counts for a read that is ok.
 * ST_NOT_FOUND when it waits for none, ST_INVALID for a time before the last event's. */
CHECKED enum status history_return(struct history *h, uint32_t process,
                                   enum history_outcome outcome, uint32_t value, int64_t time);

/* Take one event as JSON (not NUL-terminated). On failure fault says what is wrong with it and
 * the history is as before. */
CHECKED enum status history_line(struct history *h, const char *line, size_t len,
                                 struct fault *fault);

/* Read events to the end of the file; *ret_line counts the lines, on failure it is the wrong
 * one's number. */
CHECKED enum status history_load(struct history *h, FILE *file, struct fault *fault,
                                 size_t *ret_line);

/* Write the history as JSON lines; ST_IO when the file failed. */
CHECKED enum status history_save(const struct history *h, FILE *file);

#endif
