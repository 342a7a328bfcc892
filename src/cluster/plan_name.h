/* A plan as the name of its entry in the configuration: "=kind.subject.other", numbers in
 * hexadecimal. No node can have such a name: there is no '@' in it. */
#ifndef CLUSTER_PLAN_NAME_H
#define CLUSTER_PLAN_NAME_H

#include <stdbool.h>

#include "cluster/raft_view.h"

enum { PLAN_NAME_MAX = 64 }; /* the longest kind and two numbers of 16 digits */

/* The kind in a word, as it is written and shown. */
const char *plan_kind_name(enum plan_kind kind);

void plan_name_write(const struct raft_plan *plan, char ret[PLAN_NAME_MAX]);

/* False, and nothing changed, when the name is not that of a plan. The id is not part of it. A
 * plan of a kind that a later version knows is one of PLAN_NONE. */
bool plan_name_read(const char *name, struct raft_plan *ret);

#endif
