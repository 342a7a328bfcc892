/* Finding what is to expire. Only the leader asks; what it finds it proposes, and the command
 * decides. Nothing here is part of the state.
 *
 * Every shelf knows a time before which nothing on it expires. A scan goes round over the shelves
 * and looks into those whose time has come, so that it costs next to nothing while nothing is due;
 * its answers may repeat until the command was applied. */
#ifndef SESSION_EXPIRY_H
#define SESSION_EXPIRY_H

#include "session/command.h"
#include "session/objects.h"
#include "session/store.h"

/* Where a scan is; zeroed: at the start. Stays usable whatever happens to the store. */
struct expiry_scan {
	unsigned shelf; /* next one to look at */
	uint32_t place; /* where on it, when the last answer was full */
};

/* Append to list what expires at now_ms or before: at most max, after looking at about `steps`
 * objects and shelves. Returns how many. Improves the shelves' times, hence not const. */
size_t store_expired(struct store *s, struct expiry_scan *scan, int64_t now_ms, size_t steps,
                     struct expiry *list, size_t max);

/* Show the tasks on the next shelves, after looking at about `steps` objects and shelves: for who
 * looks all of them through, bit by bit. */
void store_task_scan(const struct store *s, struct expiry_scan *scan, size_t steps,
                     store_task_cb cb, void *arg);

/* Nothing expires before; INT64_MAX: nothing does. May be too early, never too late. */
int64_t store_next_expiry(const struct store *s);

#endif
