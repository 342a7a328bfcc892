/* Comparing the members' states, and how far each of them is: what operators and the node itself
 * ask of a running core. See doc/protocol/member-channel.md and doc/reference/sync.md. */
#ifndef NODE_CORE_AUDIT_H
#define NODE_CORE_AUDIT_H

#include "node/audit.h"
#include "node/core.h"
#include "node/course.h"
#include "node/scrub.h"

struct consensus_picture;

enum {
	AUDIT_WAITERS_MAX = 8, /* operators that wait for the same answer are few */
	AUDIT_ASKED_MAX = 4    /* members that compare at the same time: the leader, an operator */
};

/* Ends a comparison. r is NULL unless ST_OK, and lives during the call. ST_UNSUPPORTED: the state
 * is of a version without marks. */
typedef void (*core_audit_cb)(void *arg, enum status st, const struct audit_round *r);

/* Write a mark and compare all members in sight at its index; each counts its memory anew. One that
 * differs from a majority that agrees starts over with their state, one member a round. The
 * callback comes exactly once, perhaps before this returns. cb NULL: nobody waits. */
void core_validate(struct core *c, core_audit_cb cb, void *arg);

/* The index of the state that was compared at the mark of this index, and a digest of the members'
 * answers, as status tells them. Members compare what they had before the mark with the mark's
 * index in the digest; one that this node shares is known here as that state's own. */
void core_audit_told(const struct core *c, uint64_t index, uint64_t digest, uint64_t *ret_index,
                     uint64_t *ret_digest);

/* What was found so far; for status and metrics. */
struct audit_totals {
	uint64_t rounds;    /* comparisons that ended with a judgement */
	uint64_t failed;    /* that could not be made */
	uint64_t unequal;   /* that found a difference */
	uint64_t condemned; /* members that were told to start over */
	uint64_t index;     /* of the last one; 0: there was none */
	uint64_t digest;    /* of the truth there */
	bool equal;         /* its outcome */
	uint64_t verified;  /* index at which this node's state was last found equal; 0: never */
	uint64_t verified_digest;
	uint64_t sweeps; /* of this node's memory */
	uint64_t looked; /* objects counted anew */
	bool damaged;    /* this node's memory changed by itself: it is fenced */
};
void core_audit_totals(const struct core *c, struct audit_totals *ret);

/* How far this node is. */
void core_sync_now(const struct core *c, struct audit_sync *ret);
/* The newest snapshot of this node's own state; nth is 0 when it has not taken one. */
void core_picture(const struct core *c, struct consensus_picture *ret);

/* One member, for a report of how far all are. */
struct sync_node {
	char name[NODE_NAME_MAX];
	bool self;
	bool leader;
	bool asked;    /* in sight */
	bool answered; /* sync holds its answer */
	struct audit_sync sync;
	uint64_t lag_bytes; /* of the log that it has not applied */
	int64_t lag_us;     /* for so long there has been more than it has */
	double rate;        /* bytes of the log a second that it applies of late */
	double own_rate;    /* the same of the node that answers */
};

struct sync_report {
	uint64_t number;  /* of the question */
	uint64_t commit;  /* the highest index known to be committed here */
	int64_t doubt_us; /* no majority has confirmed this node for so long; 0: one does */
	size_t n;
	struct sync_node nodes[MEMBERS_MAX];
};
typedef void (*core_sync_cb)(void *arg, const struct sync_report *r);

/* The same in the terms of an operator. */
struct sync_figures {
	const char
	    *state; /* leader, in_sync, catching_up, fetching, unknown, silent, unreachable */
	const char *result; /* of the last transfer of a whole state: none, complete, running */
	bool known;         /* how far it is can be told: answered, and not by who is cut off */
	uint64_t lag;       /* committed entries that it has not applied */
	uint64_t lag_bytes; /* of the state that it fetches or of the log, what is missing */
	double lag_s;       /* for so long there has been more than it has */
	double percent;     /* of that, or of the log, that it has */
	double rate;        /* bytes a second, fetched or applied */
	double left_s;      /* until it is there, at that rate; negative: unknown */
};
void sync_figures(const struct sync_report *r, const struct sync_node *node,
                  struct sync_figures *ret);

/* Ask all members in sight how far they are; whoever does not answer soon is left out. */
void core_sync(struct core *c, core_sync_cb cb, void *arg);

/* --- For the files of the core ------------------------------------------------------- */

enum audit_stage { AUDIT_IDLE, AUDIT_MARKING, AUDIT_ASKING, AUDIT_LOOKING };

/* A question of a member that is not answered yet. */
struct audit_asked {
	bool used;
	char peer[NODE_NAME_MAX]; /* "": this node itself */
	uint64_t round;
	uint64_t index;
	int64_t until_us; /* then it is forgotten */
};

struct audit_waiter {
	core_audit_cb cb;
	void *arg;
};

struct sync_waiter {
	core_sync_cb cb;
	void *arg;
};

struct core_audit {
	enum audit_stage stage;
	struct audit_round *round; /* under way; owned */
	size_t looking;            /* which of its differing buckets */
	int64_t until_us;          /* of the stage */
	struct audit_waiter waiters[AUDIT_WAITERS_MAX];
	size_t n_waiters;
	struct audit_asked asked[AUDIT_ASKED_MAX];
	struct scrub fast;   /* for questions */
	int64_t fast_us;     /* its next step */
	struct scrub slow;   /* all the time */
	int64_t slow_us;     /* its next step */
	int64_t next_us;     /* next comparison by itself */
	int64_t heal_us;     /* one after a heal; INT64_MAX: none */
	int64_t call_us;     /* damaged: next call for a comparison */
	int64_t patience_us; /* between calls */
	size_t called;       /* members called so far */
	uint64_t number;     /* of the last question */
	bool resetting;      /* ops.reset was called */
	size_t wrong;        /* members that the last comparison found to differ */
	struct audit_totals totals;
	struct course course;
	int64_t course_us;        /* its next step */
	struct sync_report *poll; /* members being asked; owned; NULL: none */
	int64_t poll_until_us;
	struct sync_waiter pollers[AUDIT_WAITERS_MAX];
	size_t n_pollers;
	bool fetching;       /* as last told */
	uint64_t fetch_to;   /* index of what is fetched */
	uint64_t fetched;    /* transfers that ended well */
	int64_t progress_us; /* when progress is told next */
	uint64_t pictures;   /* snapshots of the own state that were told of */
};

void core_audit_step(struct core *c, int64_t now_us);
int64_t core_audit_deadline_us(const struct core *c);
/* A member was heard again. */
void core_audit_healed(struct core *c);
void core_take_audit(struct core *c, const char *peer, const uint8_t *bytes, size_t len);
/* Nobody waits any more; then the memory. */
void core_audit_close(struct core *c);
void core_audit_free(struct core *c);

/* core_sync.c */
void core_sync_step(struct core *c, int64_t now_us);
int64_t core_sync_deadline_us(const struct core *c);
void core_take_sync(struct core *c, const char *peer, const struct audit_message *m);
void core_answer_sync(struct core *c, const char *peer, uint64_t round);
void core_sync_close(struct core *c);

/* core_verdict.c */
void core_audit_alarm(struct core *c, bool up, const char *text);
/* A sweep found damage: this node is fenced. */
void core_note_damage(struct core *c, const struct scrub *s);
void core_take_verdict(struct core *c, const struct audit_message *m);
/* If a majority agrees: tell those of it, and one that differs, if there is one, to start over. */
void core_tell_verdict(struct core *c, struct audit_round *r);

/* core_audit.c: send one message of this channel. */
void core_send_audit(struct core *c, const char *peer, struct buf *b);

#endif
