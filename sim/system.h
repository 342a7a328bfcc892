/* What a process gets from its simulated operating system, and what it tells. */
#ifndef SIM_SYSTEM_H
#define SIM_SYSTEM_H

#include "sim/world.h"

/* A node that says this when it stops is no member any more. */
bool system_says_removed(const char *why);

struct core_ops system_core(struct node *node);
struct disk_ops system_disk(struct node *node);

#endif
