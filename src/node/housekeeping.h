/* What the node does to the state without being asked: uses of sessions are written down in
 * batches, and the leader proposes what time and the loss of nodes bring about.
 *
 *   every node   gathers the sessions and handles that were read, and proposes one touch a second
 *   every node   tells the leader once a second which process it is, and which state version it
 *                knows
 *   the leader   proposes what is to expire
 *                proposes what becomes of tasks whose owner is gone
 *                proposes the newest state version that every member knows
 *
 * All of these are proposals: the command decides when it is applied, so a leader that is none any
 * more, or one that proposes twice, does no harm.
 *
 * An owner is a process, not a node: a node that starts again has forgotten its work. It is gone
 * when it kept silent for a set time, or, sooner, when all members have told which processes they
 * are and it is none of them.
 *
 * Pure bookkeeping: time and the state come as arguments, proposing is the caller's. */
#ifndef NODE_HOUSEKEEPING_H
#define NODE_HOUSEKEEPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cluster/raft_view.h"
#include "session/expiry.h"
#include "session/limits.h"
#include "session/store.h"

enum {
	HOUSE_TOUCH_US = 1000000,    /* uses are gathered so long: reading writes the log seldom */
	HOUSE_PRESENT_US = 1000000,  /* the leader hears of each process so often */
	HOUSE_FRESH_US = 3500000,    /* ... and knows it for so long: two messages may be lost */
	HOUSE_SWEEP_US = 250000,     /* the leader looks after the state so often */
	HOUSE_GRACE_MS = 3000,       /* expiry waits so long: a use may be in a batch under way */
	HOUSE_SETTLE_US = 2000000,   /* whoever worked before this has told of itself since */
	HOUSE_ORPHAN_US = 30000000,  /* a silent owner is gone after so long: longer than most
	                                partitions of a link, shorter than a client's patience */
	HOUSE_FORGET_US = 600000000, /* an unknown owner without tasks is forgotten after so long */
	HOUSE_STEPS = 8192,  /* objects and shelves looked at in one sweep: below a millisecond */
	HOUSE_SLOTS = 8192,  /* hash of the gathered uses: twice as many as one touch can tell */
	HOUSE_SUSPECTS = 64, /* unknown owners watched at a time; more wait */
	HOUSE_ORPHANS = 64,  /* decisions about tasks proposed in one sweep */
};

/* What a node says about itself. */
struct presence {
	uint64_t origin;  /* its process: random, the origin of its commands */
	uint32_t version; /* newest state version that it knows */
};

enum chore { CHORE_TOUCH, CHORE_EXPIRE, CHORE_ORPHAN, CHORE_UPGRADE };

/* What the leader knows of a member's process. */
struct house_process {
	uint64_t raft_id; /* the member */
	struct presence presence;
	int64_t heard_us; /* when it last told */
};

/* An owner of tasks that is no known process. */
struct house_suspect {
	uint64_t origin;  /* 0: unused */
	int64_t since_us; /* unknown since */
	int64_t seen_us;  /* when a task of it was last met */
};

/* A task to be decided about. */
struct house_orphan {
	struct session_id id;
	uint64_t epoch; /* under which its owner had it */
	bool claimable; /* another node may go on with it */
};

struct house {
	struct session_id used[TOUCH_MAX]; /* since the last touch */
	uint16_t slots[HOUSE_SLOTS];       /* hash of them: place in used + 1; 0: free */
	size_t n_used;                     /* of them in use */
	int64_t touch_us;                  /* when they are proposed */
	int64_t present_us;                /* when the leader is told of this process next */
	uint64_t told_leader;              /* whom it was told last, */
	uint64_t told_term;                /* and in which term */

	/* The leader's. */
	uint64_t term;                               /* in which all this was gathered; 0: none */
	int64_t sweep_us;                            /* when the next sweep is due */
	struct house_process processes[MEMBERS_MAX]; /* the other members' */
	size_t n_processes;                          /* of them in use */
	struct house_suspect suspects[HOUSE_SUSPECTS];
	struct expiry_scan expiry_scan;             /* where the search for what expires is */
	struct expiry_scan task_scan;               /* ... for tasks */
	struct expiry due[EXPIRE_MAX];              /* to be proposed, */
	size_t n_due;                               /* so many */
	struct house_orphan orphans[HOUSE_ORPHANS]; /* to be proposed, from the last one on */
	size_t n_orphans;                           /* so many */
	bool expiring;                              /* a proposal is under way */
	bool upgrading;                             /* ... */
	uint32_t upgrade;                           /* state version to be proposed */
};

/* The node as housekeeping sees it, at one moment. */
struct house_view {
	int64_t now_us;
	int64_t wall_ms; /* the clock that stamps commands */
	const struct raft_view *raft;
	struct store *store;
	uint64_t origin;   /* this process */
	int64_t orphan_us; /* a silent owner is gone after so long */
};

void house_init(struct house *h);

/* A session or handle was used without a command. False: too many, propose a touch first. */
bool house_use(struct house *h, const struct session_id *id, int64_t now_us);

/* A member told of itself. */
void house_heard(struct house *h, uint64_t raft_id, const struct presence *p, int64_t now_us);

/* True when the leader, another member, is to be told of this process now. */
bool house_tells(struct house *h, const struct house_view *v);

/* The next thing to propose; false: nothing now. */
bool house_next(struct house *h, const struct house_view *v, enum chore *ret);

/* Write the command of a chore that house_next() named, and count it as proposed. */
void house_command(struct house *h, enum chore chore, const struct command_head *head,
                   struct buf *b);

/* What was proposed is decided, or given up. */
void house_done(struct house *h, enum chore chore);

/* When there may be something to do; INT64_MAX: never. */
int64_t house_deadline_us(const struct house *h, const struct raft_view *raft);

#endif
