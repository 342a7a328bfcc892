/* The inside of the consensus room, shared by its files.
 *
 * libraft's struct raft is public; its fields are read here (log, timers, configuration) and
 * written in five places only: the randomized timeout (timer.c), the candidate's phase (timer.c),
 * a membership request that libraft forgot to take back (change.c), this node's own role
 * while it is asked for its vote (receive.c), and the leader that there was none of (mark.c).
 *
 * Every way into libraft is bracketed by inside_enter() and inside_leave(); what libraft did is
 * then looked at once, in inside_after(), and told to the owner outside of libraft. */
#ifndef CONSENSUS_INSIDE_H
#define CONSENSUS_INSIDE_H

#include <raft.h>

#include "base/buf.h"
#include "base/prng.h"
#include "base/queue.h"
#include "consensus/consensus.h"
#include "consensus/limits.h"
#include "consensus/picture.h"
#include "consensus/wire.h"

/* Entries on their way to a member: runs.c. */
struct way {
	struct queue runs;        /* struct run: what the link has not taken yet, in log order */
	char name[NODE_NAME_MAX]; /* of the member */
	raft_term term;           /* in which this node leads and sends them */
	raft_index first;         /* of them */
	raft_index last;          /* of them; 0: none are */
	raft_index match;         /* as last seen */
	int64_t moved_ms;         /* when something was last sent or acknowledged */
	int64_t beat_ms;          /* when the member was last sent an empty message */
	int64_t refused_ms;       /* when a refusal last made us start anew */
};

/* What is known of a member besides libraft's own records. */
struct peer {
	raft_id id;              /* 0: unused */
	unsigned short features; /* as it last said */
	unsigned short capacity; /* disk space in reserve, KiB, as it last said */
	raft_index snapshot;     /* last index of the snapshot on its way to it, or 0 */
	int64_t snapshot_ms;     /* when that was sent */
	struct way way;          /* what it is being sent */
};

/* A log entry with commands of this node, from raft_apply() to its commit. */
struct inflight {
	struct raft_apply apply; /* libraft's */
	struct queue link;       /* in log order, until it is spent */
	struct inflight *spent;  /* next spent one */
	raft_index index;        /* of the entry */
	raft_term term;          /* of the entry */
	size_t size;             /* bytes of the entry */
	int64_t since_us;        /* when it was submitted */
	bool gathered;           /* it could have waited for its commands: see struct gather */
	size_t n;                /* commands */
	uint64_t tags[];         /* theirs, in order */
};

/* An outcome to be told when libraft has been left. */
struct outcome {
	uint64_t tag;     /* of the proposal */
	enum status st;   /* as ops.proposed() gets it */
	raft_index index; /* ST_OK: of the entry */
	size_t at;        /* ST_OK: where the result starts in results */
	size_t len;       /* of the result */
};

struct outcomes {
	struct outcome *items; /* owned */
	size_t n;              /* used */
	size_t cap;            /* allocated */
	struct buf results;    /* bytes of the results */
};

/* Commands collected for the next entry. */
struct batch {
	struct buf bytes; /* framed: see batch.c */
	uint64_t *tags;   /* owned; BATCH_COMMANDS_MAX of them */
	size_t n;         /* commands */
	int64_t since_us; /* when the first of them came */
};

/* For how many commands the next entry waits when none is on its way.
 *
 * Clients that wait for an answer before they go on fall into two groups otherwise: one's commands
 * are committed while the other's wait, and everybody waits for two commits. When an entry is
 * committed and answered, its clients will be back at once; then one entry has the commands of all.
 */
struct gather {
	size_t expected;  /* with so many commands it leaves; 0: at once */
	int64_t until_us; /* it leaves without them */
	unsigned misses; /* waited in a row, and as many came while it was committed all the same */
	unsigned rest;   /* entries that do not wait, after too many misses */
};

enum change_kind {
	CHANGE_NONE,
	CHANGE_ADD,     /* a learner, in two steps */
	CHANGE_PROMOTE, /* a learner to a voter */
	CHANGE_DEMOTE,  /* a voter to a learner */
	CHANGE_REMOVE,  /* a member or a plan */
	CHANGE_RECORD,  /* a plan: a spare, for good */
};

/* The membership change under way. */
struct change {
	enum change_kind kind;
	struct raft_change request; /* libraft's */
	raft_id id;                 /* whom it is about */
	raft_term term;             /* in which it was asked for */
	consensus_change_cb cb;
	void *arg;
};

/* The leadership transfer under way. */
struct transfer {
	bool active;
	struct raft_transfer request; /* libraft's */
	raft_term term;               /* in which it began */
	consensus_change_cb cb;
	void *arg;
};

struct consensus {
	struct raft raft;
	struct raft_io io;         /* what libraft sees: wraps disk */
	struct raft_io *disk;      /* the owner's storage */
	struct chunk_disk *chunks; /* the owner's, for the state */
	struct raft_fsm fsm;
	struct raft_tracer tracer;
	struct store *store;
	struct consensus_config config;
	struct consensus_ops ops;
	char name[NODE_NAME_MAX];
	char address[ADDRESS_MAX];           /* our own in the configuration */
	char from_address[ADDRESS_MAX];      /* of the message being handled */
	char why[RAFT_ERRMSG_BUF_SIZE + 64]; /* why starting failed */
	bool inited;                         /* raft_init() worked: raft_close() is due */
	bool started;                        /* consensus_start() worked */
	bool closing;                        /* consensus_close() was called */
	bool failed;                         /* ops.fatal() was called */
	enum status usable;                  /* outcome of raft_init(), told by consensus_start() */
	unsigned depth;                      /* calls into libraft under way */
	uint64_t moves;                      /* grows with each of them, twice */
	bool after;                          /* inside_after() is running */
	bool again;                          /* ... and has to look once more */
	bool late;                           /* what is handed in is of an older term */
	raft_term loaded_term;               /* of the snapshot that is being loaded */
	raft_index loaded_index;             /* of the same */
	raft_id loaded_vote;                 /* on the disk when it was started ... */
	raft_term loaded_vote_term;          /* ... in this term */
	raft_io_tick_cb tick_cb;
	raft_io_recv_cb recv_cb;
	raft_io_close_cb io_closed_cb;
	void (*closed_cb)(void *arg);
	void *closed_arg;
	struct queue stuck;     /* appends that a failed disk never answers */
	struct prng prng;       /* of timeouts */
	int64_t last_ms;        /* libraft's clock never goes back */
	int64_t last_tick_us;   /* no two ticks in the same millisecond */
	unsigned roll_ms;       /* randomized timeout as last set by us */
	int64_t promised_ms;    /* when the running promise ends, or 0 */
	raft_term leader_term;  /* in which the current leader spoke to us */
	raft_id leader_id;      /* that leader, as the timeout was ranked for */
	struct hand_over grant; /* our leader's word that this candidate may start */
	struct peer peers[MEMBERS_MAX];
	int64_t runs_ms;    /* when runs that wait were last looked at */
	struct buf out;     /* message being encoded */
	struct batch batch; /* next entry */
	struct gather gather;
	struct queue inflights; /* struct inflight, oldest first */
	struct inflight *spent; /* those that libraft may still look at */
	size_t n_inflight;      /* entries in inflights */
	size_t inflight_commands;
	size_t inflight_bytes;
	struct outcomes outcomes;
	struct raft_barrier barrier; /* the one of consensus_settle() */
	raft_term settled;           /* term in which it was submitted */
	struct change change;
	struct transfer transfer;
	uint64_t marked_bytes;          /* of picture.all_bytes when what is committed was noted */
	struct picture picture;         /* of our own state */
	struct fetch fetch;             /* of the leader's */
	struct piece_read *piece_reads; /* for members; SERVE_READS_MAX, or NULL; owned */
	uint64_t seen_hash;             /* of the state as the owner last heard of it */
};

/* Brackets around everything that can run libraft. */
void inside_enter(struct consensus *c);
void inside_leave(struct consensus *c);

/* Stop for good: see ops.fatal. */
void inside_fatal(struct consensus *c, const char *why);
void inside_trace(struct consensus *c, int level, const char *fmt, ...) PRINTF(3, 4);

/* Milliseconds of the owner's clock, never going back. */
int64_t inside_now_ms(struct consensus *c);
enum status inside_status(int rv);

/* Address in the configuration: name#incarnation. */
void address_of(const char *name, uint64_t id, char ret[ADDRESS_MAX]);
void address_name(const char *address, char ret[NODE_NAME_MAX]);

/* The log as libraft's own trail records it. Term 0: no such entry (any more). */
raft_term trail_term(const struct raft_trail *t, raft_index index);
raft_index trail_last(const struct raft_trail *t);

const struct raft_server *server_of(const struct raft_configuration *conf, raft_id id);
size_t voters_of(const struct raft_configuration *conf);
struct peer *peer_of(struct consensus *c, raft_id id);

/* The leader that this node follows in the present term, or 0. */
raft_id leader_of(const struct consensus *c);

/* shim.c: the raft_io that libraft sees. */
void shim_init(struct consensus *c);

/* receive.c: a held back install message goes to libraft. */
void receive_install(struct consensus *c, raft_id from, const char *from_name, const uint8_t *bytes,
                     size_t len);

/* outbox.c: libraft's messages on their way out. */
int shim_send(struct raft_io *io, struct raft_io_send *request, const struct raft_message *message,
              raft_io_send_cb cb);

/* outbox.c: what is in c->out goes to that member. */
void send_to_member(struct consensus *c, raft_id id, const char *name, enum traffic traffic);

/* runs.c: entries on their way. */
void runs_init(struct way *way);
/* Nothing is under way any more; what waits is given back to libraft. */
void runs_forget(struct way *way, int status);
void runs_close(struct consensus *c);
/* True: the order is kept, its callback comes when all of it was sent, perhaps before the return.
 * False: there is nothing in it that has to be sent. */
CHECKED bool runs_take(struct consensus *c, struct peer *peer, struct raft_io_send *order,
                       const struct raft_message *m, raft_io_send_cb cb);
/* Send an empty message in the place of this one. */
void runs_beat(struct consensus *c, struct peer *peer, const struct raft_message *m);
/* A member refused what it was sent behind this index. */
void runs_refused(struct consensus *c, raft_id id, raft_index rejected);
/* Send what the links take by now. */
void runs_pump(struct consensus *c);
int64_t runs_due_ms(const struct consensus *c);

/* machine.c: the state machine glue. */
/* When the batch leaves at the latest. */
int64_t batch_due_us(const struct consensus *c);
void machine_init(struct consensus *c);
/* The state that is to be applied is newer than what this node takes: it goes no further. */
void machine_beyond(struct consensus *c);
void machine_close(struct consensus *c);
void inflight_fail(struct consensus *c, enum status st);
void inflight_after(struct consensus *c);
void outcomes_tell(struct consensus *c);
void outcome_add(struct consensus *c, const struct outcome *o, const uint8_t *result);

/* mark.c: what is known to be committed, from one start to the next. */
void mark_apply(struct consensus *c);
void mark_after(struct consensus *c);

/* timer.c: randomized timeouts. */
void timer_after(struct consensus *c);
void timer_before_tick(struct consensus *c);

/* change.c: membership and transfer. */
void change_after(struct consensus *c);
void change_fail(struct consensus *c, enum status st);

/* validate.c: what libraft may see. */
CHECKED enum status validate_message(struct consensus *c, raft_id from, struct wire *w);

/* What a disk gave back, before libraft sees it. */
struct loaded {
	raft_term term;
	raft_id vote;
	const struct raft_snapshot *snapshot; /* NULL: none */
	raft_index start;                     /* index of the first entry */
	const struct raft_entry *entries;
	size_t n;
};
CHECKED enum status validate_loaded(const struct loaded *l, const char **why);

#endif
