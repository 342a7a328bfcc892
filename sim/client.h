/* Generated clients: each does one operation after the other, asks any node, repeats what it
 * is unsure of under the same request id, and writes a history. What they do to registers is
 * decided here, what to everything else in thing.c. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim/op.h"
#include "sim/world.h"

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
