/* The partition life cycle of one node: who is there, who may serve, who must fence.
 *
 *  forming --founded/joined--> syncing --in sync, confirmed--> serving <---------+
 *                               ^   |                            | member gone   | all back
 *                               |   | no majority                v               |
 *                        majority   |                         degraded ----------+
 *                               |   v                            | lease ended
 *  stopped <--countdown over-- fenced (minority) <---------------+
 *
 * One state machine, advanced by cluster_step(): it gets an event, the time, and a fresh
 * sample of the consensus state; it returns actions. It never reads a clock, sends a byte or
 * touches a disk.
 *
 * Time is CLOCK_BOOTTIME in microseconds, so that a suspended or stopped process finds its
 * lease expired when it wakes up.
 *
 * What it is not: it does not decide elections (libraft does) and no reply depends on its
 * lease: replies are confirmed by rounds (cluster_open_round()), see
 * doc/decisions/0001-confirmed-replies.md. */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/identity.h"
#include "cluster/limits.h"
#include "cluster/raft_view.h"

enum cluster_state {
	CLUSTER_FORMING,  /* no cluster identity yet: waiting to found or to be admitted */
	CLUSTER_SYNCING,  /* has an identity, not yet confirmed and caught up */
	CLUSTER_SERVING,  /* confirmed by a majority, every member heard */
	CLUSTER_DEGRADED, /* confirmed by a majority, some member not heard */
	CLUSTER_FENCED,   /* not confirmed by a majority: refuses client work */
	CLUSTER_STOPPED,  /* told to stop: minority shutdown, removal, or damaged identity */
	CLUSTER_STATES
};

/* Which side of a partition a node is on, as the runbook's scripts ask it (RB-008 step 1). */
enum cluster_side { SIDE_UNKNOWN, SIDE_MINORITY, SIDE_MAJORITY };

/* How an empty node was started. */
enum join_wish {
	JOIN_NO,      /* it founds with its expected members, or waits for an operator */
	JOIN_STANDBY, /* it asks to be a member without a vote */
	JOIN_VOTER,   /* it asks to be a voter */
};

struct cluster_config {
	char self[NODE_NAME_MAX];                  /* this node's name, erlmcp@host */
	char expected[MEMBERS_MAX][NODE_NAME_MAX]; /* members expected at founding, self included */
	size_t n_expected;                         /* at least 1 */
	unsigned quorum_size;                      /* ERLMCP_QUORUM_SIZE; only makes stricter */
	int64_t beat_interval_us;                  /* heartbeat period between members */
	int64_t detection_us;                      /* a member not heard for this long is lost */
	int64_t shutdown_delay_us;                 /* SHUTDOWN_DELAY */
	bool force_shutdown;                       /* FORCE_SHUTDOWN */
	int64_t start_period_us;  /* countdown never starts earlier unless served */
	int64_t lease_guard_us;   /* taken off every lease: the fence margin's floor */
	int64_t promise_max_us;   /* longest promise any member may ever give */
	int64_t standby_after_us; /* a voter away for longer is replaced by a standby; 0: never */
	enum join_wish join;      /* an empty node asks to be admitted, and never founds */
	uint32_t state_takes;     /* newest version of the state that this node takes */
	bool lost_disk; /* it is empty because what it had was damaged: it waits to be admitted
	                   again, and never founds */
};

enum cluster_event_type {
	CLUSTER_TICK,      /* time passed, or consensus state changed */
	CLUSTER_LINK_UP,   /* a link to a member was authenticated: peer, epoch */
	CLUSTER_LINK_DOWN, /* that link is gone: peer, epoch */
	CLUSTER_MESSAGE,   /* a cluster message arrived: peer, epoch, bytes */
	CLUSTER_STRANGER,  /* a node that takes us for a member spoke to us, and is none: peer */
};

struct cluster_event {
	enum cluster_event_type type;
	int64_t now_us;               /* CLOCK_BOOTTIME */
	const struct raft_view *raft; /* sampled for this call, after the last thing libraft did */
	const char *peer;             /* node name of the link */
	uint64_t epoch;               /* of the connection: grows with each new one to this peer */
	const uint8_t *bytes;         /* CLUSTER_MESSAGE: the caller's, only during the call */
	size_t len;
	uint64_t random; /* fresh from the operating system or the simulator's seed */
};

enum cluster_action_type {
	CLUSTER_SEND,      /* send bytes to peer over its link, urgent class */
	CLUSTER_STATE,     /* the state changed: from, to, why */
	CLUSTER_PERSIST,   /* write identity durably BEFORE carrying out the actions after it */
	CLUSTER_BOOTSTRAP, /* bootstrap libraft with identity.members as voters, then start it */
	CLUSTER_START,     /* start libraft on its empty log: this node was admitted as a learner */
	CLUSTER_RESET,     /* move the raft data aside and restart as a new, empty incarnation */
	CLUSTER_EXPEL,     /* leader: remove the voter raft_id (a member's lost incarnation) */
	CLUSTER_ADMIT,     /* leader: add raft_id for peer as a learner */
	CLUSTER_PROMOTE,   /* leader: the learner raft_id becomes a voter once it has caught up */
	CLUSTER_DEMOTE,    /* leader: the voter raft_id becomes a learner */
	CLUSTER_PLAN,      /* leader: record plan in the configuration: text is why */
	CLUSTER_PLAN_END,  /* leader: take the plan raft_id out: text is what came of it */
	CLUSTER_MEET,      /* keep a link to peer from now on */
	CLUSTER_PART,      /* no longer */
	CLUSTER_YIELD,     /* leader: give leadership to raft_id, which is better placed to lead */
	CLUSTER_CONFIRMED, /* leader: all rounds up to and including round are confirmed in term */
	CLUSTER_MEMBER,    /* a member was heard again (up = true) or lost (up = false): peer */
	CLUSTER_COUNTDOWN, /* fenced and reachable < needed: a minority, its countdown began
	                      (up = true: RB-008's MINORITY PARTITION DETECTED), or that ended
	                      without shutdown (up = false). Fenced alone may be an election. */
	CLUSTER_SHUTDOWN,  /* the countdown is over; force says whether to exit or only to log.
	                      Once in each countdown */
	CLUSTER_ALARM,     /* something an operator must see: text; raised (up) or cleared */
};

struct cluster_action {
	enum cluster_action_type type;
	enum cluster_state from;
	enum cluster_state to;
	bool up;
	bool force;
	uint64_t raft_id;
	uint64_t term;
	uint64_t round;
	unsigned reachable; /* members in sight, self included (RB-008's "Reachable nodes") */
	unsigned needed;    /* members needed for a majority */
	struct raft_plan plan;
	const char *peer; /* valid until the next step */
	const char *text; /* reason, for the log and the flight recorder; until the next step */
	const uint8_t *bytes;
	size_t len;
};

/* What a step wants done, in this order. Valid until the next step. */
struct cluster_actions {
	const struct cluster_action *items;
	size_t n;
};

/* How another member's CLOCK_BOOTTIME differs from ours. The truth is within the error, whatever
 * the network did: a beat was sent after ours that it echoes had arrived. */
struct clock_offset {
	int64_t us;       /* its clock minus ours */
	int64_t error_us; /* plus or minus; -1: not measured */
};

/* One member as this node sees it now. */
struct member_status {
	char name[NODE_NAME_MAX];
	uint64_t raft_id; /* 0: never seen and not in the configuration */
	bool self;
	bool voter;        /* in the newest configuration */
	bool member;       /* the same, or a learner there; before founding: expected */
	bool linked;       /* an authenticated link is up */
	bool heard;        /* heard within the detection time */
	bool hears_us;     /* it said so in what we last heard of it */
	int64_t silent_us; /* since it was last heard; -1: never */
	int64_t rtt_us;    /* smoothed; -1: unknown */
	struct clock_offset clock;
	uint64_t applied;         /* as it last said */
	enum cluster_state state; /* as it last said */
};

/* One directed edge of the reachability matrix: does `to` hear `from`? */
struct edge_status {
	bool known; /* reported within the detection time, by `to` itself or relayed */
	bool up;
	int64_t age_us; /* since this state began, as the reporter counts */
};

struct cluster_status {
	enum cluster_state state;
	char why[STATUS_WHY_MAX]; /* one sentence: the verdict's reason with its numbers */
	enum cluster_side side;
	unsigned reachable;  /* members in sight, self included */
	unsigned needed;     /* members needed to serve */
	unsigned configured; /* voters of the newest configuration; expected before founding */
	unsigned quorum_size;
	bool regrowing;        /* recovered: quorum_size does not count until as many vote */
	bool quorum_mismatch;  /* quorum_size differs from the expected members (RB-008) */
	int64_t lease_left_us; /* of the leader's lease or of the follower's verdict; <= 0: none */
	int64_t state_since_us;
	int64_t countdown_left_us;   /* -1: no countdown */
	bool served;                 /* since the process started */
	char change[ORDER_TEXT_MAX]; /* the change of the members under way; "": none */
	uint64_t view_hash;          /* of the members in sight */
	size_t n_members;
	struct member_status members[MEMBERS_MAX];          /* sorted by name */
	struct edge_status edges[MEMBERS_MAX][MEMBERS_MAX]; /* [from][to], members' order */
};

struct cluster;

/* Make a cluster room's state for a node with this (already loaded) identity. Copies both.
 * The caller has increased identity->boot for this start and written it durably.
 * ST_INVALID when the configuration breaks a rule; fault then names it. */
CHECKED enum status cluster_new(const struct cluster_config *config,
                                const struct identity *identity, int64_t now_us,
                                struct fault *fault, struct cluster **ret);
void cluster_free(struct cluster *c);

/* Advance by one event. Never fails: what a peer sends wrongly becomes an alarm action. */
void cluster_step(struct cluster *c, const struct cluster_event *ev, struct cluster_actions *ret);

/* When cluster_step() with CLUSTER_TICK is wanted next, at the latest. */
int64_t cluster_deadline_us(const struct cluster *c);

/* Leader only: start a confirmation round for all reads and replies waiting now, and return
 * its number in *round; the beats that carry it are in *ret. CLUSTER_CONFIRMED follows when
 * `needed` members (self included) answered that the leader still leads in this term. With one
 * voter it is in *ret already. ST_NOT_LEADER when the sampled state says so; ST_FENCED when
 * this node's lease is over. */
CHECKED enum status cluster_open_round(struct cluster *c, const struct cluster_event *ev,
                                       uint64_t *round, struct cluster_actions *ret);

/* Give the leader's lease up for good in its present term (leadership transfer, shutdown). */
void cluster_release_lease(struct cluster *c);

/* True while client work may be accepted: serving or degraded, and the lease not over at now. */
bool cluster_may_serve(const struct cluster *c, const struct raft_view *raft, int64_t now_us);

/* For how long no majority has confirmed whom this node follows; 0: one does, so that it knows what
 * is committed. */
int64_t cluster_doubt_us(const struct cluster *c, const struct raft_view *raft, int64_t now_us);

/* True when fewer members are in sight, both ways, than are needed to serve. */
bool cluster_in_minority(const struct cluster *c, const struct raft_view *raft);

/* True when votes must be neither asked for nor given: this process forgot its promises at
 * restart and the longest of them may still run (architecture, "a restarted voter"). */
bool cluster_votes_muted(const struct cluster *c, int64_t now_us);

/* What an operator orders about the members. */
enum order_type {
	ORDER_PLAN,     /* change the members: kind, subject, other */
	ORDER_CANCEL,   /* end the change under way where it stands */
	ORDER_TRANSFER, /* subject shall lead */
};

struct order {
	enum order_type type;
	enum plan_kind kind;
	char subject[NODE_NAME_MAX];
	char other[NODE_NAME_MAX]; /* "" where the kind knows none */
};

struct order_verdict {
	enum status st;            /* ST_OK: carry it out; ST_EXISTS: it is so already; ST_AGAIN: a
	                              moment later */
	struct raft_plan plan;     /* ST_OK: to be recorded, but for its id; or to be cancelled */
	uint64_t raft_id;          /* ST_OK of a transfer: the next leader */
	char text[ORDER_TEXT_MAX]; /* the answer: what will be, or why not, with the arithmetic */
};

/* Leader: may this be done now? Changes nothing. */
void cluster_judge(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                   const struct order *order, struct order_verdict *ret);

/* An empty node, by an operator's command: found with these of the expected members, itself
 * among them. All of them must be in sight and empty. The sentence in text is the answer. */
CHECKED enum status cluster_found(struct cluster *c, const struct cluster_event *ev,
                                  const char names[][NODE_NAME_MAX], size_t n,
                                  char text[ORDER_TEXT_MAX], struct cluster_actions *ret);

/* Forget what is not in evidence now about the members, and ask all of them anew. Promises,
 * lease and rounds stay: it is safe at any time. */
void cluster_reset_view(struct cluster *c, const struct cluster_event *ev,
                        struct cluster_actions *ret);

/* The clock of the member of this name; unmeasured when it is unknown. */
struct clock_offset cluster_clock(const struct cluster *c, const char *name, int64_t now_us);

enum cluster_state cluster_state(const struct cluster *c);
/* When the present state began. */
int64_t cluster_state_since_us(const struct cluster *c);

/* The raft id of the linked member with this name, as it last said in a message of this very
 * cluster; 0 while unknown, foreign or not trusted (rolled back). */
uint64_t cluster_peer_id(const struct cluster *c, const char *peer);

const struct identity *cluster_identity(const struct cluster *c);

/* Note in the identity that the log holds entries. True when that is news: the caller then
 * writes the identity durably. */
bool cluster_note_logged(struct cluster *c);
void cluster_status(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                    struct cluster_status *ret);
const char *cluster_state_name(enum cluster_state state);

#endif
