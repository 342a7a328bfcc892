/* What core.c and core_actions.c share; nobody else includes it. */
#ifndef NODE_CORE_INTERNAL_H
#define NODE_CORE_INTERNAL_H

#include "base/prng.h"
#include "node/core.h"
#include "node/core_audit.h"
#include "node/core_full.h"
#include "node/forward.h"
#include "node/housekeeping.h"
#include "node/pace.h"
#include "node/requests.h"
#include "node/serve.h"

enum { MESSAGE_SUM_BYTES = 4 }; /* at the end of every member message */

/* First byte of a member message: which room it is for. */
enum member_channel {
	CHANNEL_CLUSTER = 'C',
	CHANNEL_RAFT = 'R',
	CHANNEL_FORWARD = 'F',
	CHANNEL_AUDIT = 'A',
};

/* A link that broke while something was being sent. */
struct late_down {
	char peer[NODE_NAME_MAX];
	uint64_t epoch;
};

/* An order of this node's operator at another node. */
struct order_wait {
	uint64_t id; /* 0: unused */
	int64_t deadline_us;
	core_order_cb cb;
	void *arg;
};

enum { ORDERS_MAX = 8 }; /* operators are few */

struct carried;

struct core {
	struct core_config config;
	struct core_ops ops;
	struct consensus_disks disks; /* borrowed */
	struct cluster *cluster;
	struct consensus *consensus;
	struct store *store;
	struct raft_view view;     /* last sample */
	uint64_t sampled;          /* consensus_moves() at that time */
	struct identity persisted; /* as it stands on the disk */
	enum core_disk disk_space; /* as last told */
	int64_t disk_short_us;     /* this node has had no space in reserve since then; 0: it has */
	bool started;              /* consensus runs or has been asked to */
	bool dirty;                /* consensus may have changed since the last sample */
	bool closing;
	bool changing;            /* a membership change is in flight */
	uint64_t origin;          /* random per process: whom its sequences belong to */
	uint64_t seq;             /* last origin sequence given out */
	struct requests requests; /* of this node's clients */
	struct serve serve;       /* of this node as leader */
	struct house house;       /* what is done without being asked */
	uint64_t too_old;         /* member that was last told of as taking too old a state only */
	struct order_wait orders[ORDERS_MAX];
	struct carried *held[ORDERS_MAX]; /* of this node as leader: wait for a step's commit */
	int64_t held_us;                  /* when one was last held back */
	uint64_t noted_leader;            /* leader and term last told by CORE_LEADER */
	uint64_t noted_term;
	uint64_t noted_vote; /* vote and its term last told by CORE_VOTE */
	uint64_t noted_vote_term;
	uint64_t reviewed_leader; /* leader and term at the last review */
	uint64_t reviewed_term;
	int64_t review_us; /* next review for time's sake */
	struct pace pace;  /* how steadily the members' beats come */
	bool sending;      /* inside ops.send, possibly deep inside libraft */
	size_t n_downs;
	struct late_down downs[MEMBERS_MAX]; /* told to the cluster in the next turn */
	char stranger[NODE_NAME_MAX];        /* the same; "": none. It speaks again. */
	struct core_audit audit;             /* comparing the members */
	struct core_full full;               /* ... and waiting for those who start over */
	struct buf out;                      /* one outgoing member message */
	struct buf stamped;                  /* one command on its way into the leader's log */
	struct buf note;                     /* text of an event */
};

/* core_links.c */
void core_tell_downs(struct core *c);
void core_tell_stranger(struct core *c);

/* core_links.c: low half of XXH3-64 over the channel byte and the room's message */
uint32_t core_checksum(const uint8_t *bytes, size_t len);

/* core_actions.c */
void core_perform(struct core *c, const struct cluster_actions *actions);
void core_note_vote(struct core *c);
bool core_persist(struct core *c); /* the identity; false: it failed, which is fatal */

/* core.c */
void core_sample(struct core *c);
void core_step(struct core *c, const struct cluster_event *ev);
struct cluster_event core_cluster_event(struct core *c, enum cluster_event_type type);
void core_emit(struct core *c, const struct core_event *ev);
void core_send(struct core *c, const char *peer, enum member_channel channel, enum traffic traffic,
               const uint8_t *bytes, size_t len);
CHECKED enum status core_start_consensus(struct core *c, bool bootstrap, const char **why);

/* core.c: why client work is refused now; false: it is not */
bool core_refuses(const struct core *c, enum status *ret_why);
/* NULL: no such member. */
const char *core_member_name(const struct core *c, uint64_t raft_id);
const char *core_leader_name(const struct core *c);
void core_forward(struct core *c, const char *peer, const struct forward *f, enum traffic traffic);

/* core_disk.c: raise and end the alarm about it */
void core_note_disk(struct core *c, bool majority_full, bool own_short);

/* core_order.c */
void core_take_order(struct core *c, const struct asker *from, const uint8_t *bytes, size_t len);
void core_take_ordered(struct core *c, const struct forward *f);
void core_review_orders(struct core *c, bool closing);
int64_t core_orders_deadline_us(const struct core *c);

/* core_house.c */
void core_keep_house(struct core *c, int64_t now_us);
void core_take_present(struct core *c, uint64_t raft_id, const struct forward *f);

/* core_serve.c: the leader's answers */
void core_take_forward(struct core *c, const char *peer, const uint8_t *bytes, size_t len);
void core_note_read(struct core *c, const struct asker *from);
void core_propose(struct core *c, const struct asker *from, const uint8_t *bytes, size_t len);
void core_proposed(void *arg, uint64_t tag, enum status st, uint64_t index, const uint8_t *result,
                   size_t len);
void core_confirmed(struct core *c, uint64_t term, uint64_t round);
void core_drop_stale_asks(struct core *c);
void core_open_round(struct core *c);

#endif
