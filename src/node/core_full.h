/* Full synchronisation: compare all members, have those that differ replaced, wait for their
 * return, and compare again. An operator asks for it and learns how it ended. See
 * doc/reference/sync.md. */
#ifndef NODE_CORE_FULL_H
#define NODE_CORE_FULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/limits.h"

struct core;

enum {
	FULL_WAITERS_MAX = 8, /* operators that wait for the same end are few */
	FULL_PATIENCE_US =
	    45000000 /* a million sessions move in 15 s; `erlmcp eval` waits for 60 */
};

enum full_action {
	FULL_UNREACHABLE,
	FULL_NOT_COMPARED,
	FULL_DIFFERS,     /* nobody agreed on what is right */
	FULL_STARTS_OVER, /* it was told to, and is not back yet */
	FULL_REPLACED,    /* it is back with the others' state */
	FULL_VERIFIED
};

struct full_node {
	char name[NODE_NAME_MAX];
	enum full_action action;
	bool self;
	bool voter;      /* it was one, and votes again when it is back */
	bool replaced;   /* it was told to start over */
	uint64_t was;    /* its raft id then */
	uint64_t index;  /* where it was last compared; 0: it was not */
	uint64_t digest; /* of its state there */
};

struct full_report {
	bool late; /* somebody who starts over was not back in time */
	size_t n;
	struct full_node nodes[MEMBERS_MAX];
};

/* r is NULL unless ST_OK, and lives during the call. */
typedef void (*core_full_cb)(void *arg, enum status st, const struct full_report *r);

/* The callback comes exactly once, perhaps before this returns. */
void core_full(struct core *c, core_full_cb cb, void *arg);

const char *full_action_name(enum full_action action);

/* --- For the files of the core ------------------------------------------------------- */

enum full_stage { FULL_IDLE, FULL_COMPARING, FULL_RETURNING };

struct full_waiter {
	core_full_cb cb;
	void *arg;
};

struct core_full {
	enum full_stage stage;
	int64_t until_us; /* then it ends as it stands */
	int64_t look_us;  /* RETURNING: next look for those who start over */
	struct full_report report;
	struct full_waiter waiters[FULL_WAITERS_MAX];
	size_t n_waiters;
};

void core_full_step(struct core *c, int64_t now_us);
int64_t core_full_deadline_us(const struct core *c);
void core_full_close(struct core *c);

#endif
