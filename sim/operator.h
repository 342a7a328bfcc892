/* The operator of a simulated cluster: what he wants done about the members, until it is.
 *
 * He uses production's commands (core_order(), as node/api_members.c does) at any node that runs,
 * repeats what was not answered or has to wait, gives up after a while, and ends a change that
 * does not move. A member that was removed gets its directory set aside before it joins again. */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H

#include "sim/world.h"

struct orders;

struct orders *operator_new(struct world *w);
void operator_free(struct orders *o);

/* The plan wants this of him. */
void operator_wants(struct world *w, const struct plan_fault *f);

/* Look after what is wanted. */
void operator_act(struct world *w);

/* True while a change of the members may be under way: nobody damages a disk then. */
bool operator_busy(const struct world *w);

#endif
