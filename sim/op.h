/* What clients ask: a table of all kinds, and the record of one operation.
 *
 * Registers are sessions of which each holds one value; what clients are told of them is judged
 * for linearizability. Everything else is about things (thing.h). */
#ifndef SIM_OP_H
#define SIM_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "session/command.h"

enum op_kind {
	OP_CREATE, /* a register */
	OP_PUT,
	OP_READ,
	OP_DELETE,
	OP_COUNT, /* how many sessions there are */

	OP_OPEN, /* a session with a time to live */
	OP_USE,  /* it is read, which lets it live on */
	OP_CLAIM,
	OP_END,
	OP_APPEND,
	OP_TRIM,
	OP_REPLAY,
	OP_ASK,
	OP_ANSWER,
	OP_DISMISS,
	OP_QUESTION, /* what became of it */

	OP_MINT, /* a handle */
	OP_SET,
	OP_SHOW,
	OP_DROP,

	OP_TASK,
	OP_STEP,
	OP_FINISH,
	OP_CANCEL,
	OP_TAKE,
	OP_POLL,
	OP_FORGET,
	OP_KINDS
};

/* What a client knows of an operation. */
enum op_outcome { OUTCOME_NONE, OUTCOME_OK, OUTCOME_FAIL, OUTCOME_UNKNOWN };

struct op {
	uint64_t id; /* place in the list, from 1; also the value that it writes */
	enum op_kind kind;
	unsigned client;
	uint64_t process; /* of the history: a new one after each unknown outcome */
	unsigned session; /* of a register */
	uint64_t thing;   /* what it is about instead, from 1; 0: nothing */
	uint64_t numbers[COMMAND_NUMBERS]; /* that the command carries; of a read: what it wants */
	unsigned node;                     /* asked last */
	unsigned attempts;
	int64_t invoked_us;
	int64_t ended_us;
	uint64_t floor; /* newest log index that any client had seen when this was invoked */
	enum op_outcome outcome;
	enum store_result result; /* OK: of a write */
	uint64_t revision;        /* log index where a write took effect; 0: unknown */
	uint64_t index;           /* read: what had been applied when the store was read */
	bool present;             /* read: what it is about exists */
	uint64_t value;           /* read: the id of the put that wrote it; 0: no value */
	uint64_t change;          /* read: the session's revision */
	uint64_t epoch;           /* write or read: the session's */
	uint64_t detail;          /* write: as the store answered */
	uint64_t count;           /* count */
	bool confirm;             /* read: by a round */
	uint64_t before;          /* the change of the same register before this; 0: none */
};

const char *op_name(enum op_kind kind);
bool op_reads(enum op_kind kind);

/* Append the command of an operation on what has this id. */
void op_encode(struct buf *b, const struct command_head *head, const struct op *op,
               const struct session_id *id);

#endif
