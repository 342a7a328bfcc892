/* Generated clients: each does one operation after the other, asks any node, repeats what it
 * is unsure of under the same request id, and writes a history. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim/world.h"

enum op_kind { OP_CREATE, OP_PUT, OP_READ, OP_DELETE, OP_COUNT, OP_KINDS };

/* What a client knows of an operation. */
enum op_outcome { OUTCOME_NONE, OUTCOME_OK, OUTCOME_FAIL, OUTCOME_UNKNOWN };

struct op {
	uint64_t id; /* place in the list, from 1; also the value that a put writes */
	enum op_kind kind;
	unsigned client;
	uint64_t process; /* of the history: a new one after each unknown outcome */
	unsigned session;
	unsigned node; /* asked last */
	unsigned attempts;
	int64_t invoked_us;
	int64_t ended_us;
	uint64_t floor; /* newest log index that any client had seen when this was invoked */
	enum op_outcome outcome;
	enum store_result result; /* OK: of a write */
	uint64_t revision;        /* log index where a write took effect; 0: unknown */
	uint64_t index;           /* read: what had been applied when the store was read */
	bool present;             /* read: the session exists */
	uint64_t value;           /* read: the id of the put that wrote it; 0: no value */
	uint64_t change;          /* read: the session's revision */
	uint64_t epoch;           /* write or read: the session's */
	uint64_t count;           /* count */
	bool confirm;             /* read: by a round */
	uint64_t before;          /* the change of the same session before this; 0: none */
};

struct clients *clients_new(struct world *w);
void clients_free(struct clients *clients);
void clients_start(struct world *w);

/* Events. */
void clients_act(struct world *w, unsigned client, uint64_t patience);
void clients_reply(struct world *w, uint64_t reply);

struct session_id clients_session_id(const struct world *w, unsigned session);

/* An answer that never arrives. */
void clients_forget(uint64_t reply);

/* NULL: none with this id. */
const struct op *clients_op(const struct world *w, uint64_t id);
/* The newest operation that may change this session; 0: none. See op.before. */
uint64_t clients_newest_change(const struct world *w, unsigned session);

#endif
