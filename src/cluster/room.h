/* The state of the cluster room, shared by its files and by nobody else.
 *
 * Who writes what: view.c the members' link and contact fields and the matrix, lease.c the
 * promises and the verdict, rounds.c the rounds, founding.c and admission.c the identity,
 * lifecycle.c the state, disks.c the lost disks. Everybody reads. */
#ifndef CLUSTER_ROOM_H
#define CLUSTER_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cluster/cluster.h"
#include "cluster/outbox.h"
#include "cluster/wire.h"

/* Alarms that can stand for one member; the table of their names is in alarm.c. */
enum alarm {
	ALARM_FOREIGN,     /* it belongs to another cluster */
	ALARM_EXPECTED,    /* it expects other members at founding */
	ALARM_MALFORMED,   /* it sent what cannot be decoded */
	ALARM_PROMISE,     /* its longest promise does not fit this cluster's */
	ALARM_VERSION,     /* it, or we, cannot take the other one's state */
	ALARM_EXPEL,       /* its lost incarnation cannot be removed */
	ALARM_ROLLED_BACK, /* its disk is older than what it told before */
	ALARM_DETECTORS,   /* link and consensus disagree about it */
	ALARM_DISKS,       /* of this node: too many disks are lost for a majority */
	ALARM_REGROWING,   /* of this node's cluster: it was recovered, and is not whole again */
	ALARM_SLOW_DISK,   /* of this node, which led: the others' disks are faster */
	ALARM_TWO_VOTERS,  /* of this node's cluster: no failure is survived */
	ALARMS
};

/* How this leader's disk compares with those of a majority: slow_disk.h. */
struct slow_disk {
	uint64_t index;        /* committed by others, not yet on this disk; 0: there is none */
	int64_t since_us;      /* since then */
	int64_t slow_since_us; /* waits have been long since then; -1: they are short */
	int64_t worst_us;      /* the longest of these */
	int64_t ended_us;      /* the last of these */
	int64_t told_us;       /* when the alarm was last justified */
};

/* What a member expects at founding, compared with us. */
enum hello_verdict { HELLO_NONE, HELLO_SAME, HELLO_DIFFERS };

/* The newest beat of a member, as far as it is needed after its arrival. */
struct said {
	enum cluster_state state;
	bool started;
	enum raft_role role;
	uint64_t term;
	uint64_t leader_id;
	uint64_t commit;
	uint64_t applied;
	uint64_t view_hash;
};

struct member {
	char name[NODE_NAME_MAX];
	uint64_t hash; /* of the name, as on the wire */
	bool expected; /* named in the configuration of this node */

	bool linked;       /* an authenticated link is up */
	uint64_t epoch;    /* of that link: messages of older ones are dropped */
	int64_t linked_us; /* since when; echoes from before it do not count */

	bool known;            /* head is of this process's time */
	struct wire_head head; /* who it is, as it last said */
	bool foreign;          /* it belongs to another cluster: never heard */
	bool untrusted;        /* its disk was rolled back: its promises and answers do not count */
	bool heard;            /* within the detection time */
	int64_t heard_us;      /* it was alive then for certain, on our clock; -1: never heard */
	int64_t arrived_us;    /* its newest beat arrived */
	int64_t sent_us;       /* that beat's own send time, to be echoed; 0: none on this link */
	int64_t rtt_us;        /* smoothed round trip; -1: unknown */
	struct clock_offset clock; /* of it against ours, the best of what its beats told */
	int64_t clock_us;          /* when that was measured */
	struct said said;

	int64_t guest_us;        /* neither expected nor a member: since then, or last linked */
	int64_t away_since_us;   /* a voter that nobody hears, as far as told; -1: somebody does */
	uint32_t promise_ms;     /* longest promise that it is configured for; 0: not told */
	bool regrowing;          /* its cluster was recovered and is not whole again */
	uint32_t takes;          /* newest state version that it takes; 0: not told */
	enum join_wish petition; /* it asked to be admitted */

	bool answer_due;           /* it asked: beat at once */
	int64_t next_beat_us;      /* the next beat to it is due */
	int64_t next_offer_us;     /* earliest next founding record, admission or verdict */
	int64_t next_hello_us;     /* the next hello to it is due */
	enum hello_verdict hello;  /* what it expects */
	int64_t disagree_since_us; /* link and consensus evidence differ; -1: they agree */
	unsigned alarms;           /* raised, one bit each */

	uint64_t promise_id;    /* leader's book: the promise was given by this incarnation */
	uint64_t promise_term;  /* in this term */
	int64_t promise_end_us; /* own send time + promise - drift */
	uint64_t ack_id;        /* leader's book: incarnation that answered */
	uint64_t ack_term;      /* newest answered round of this term */
	uint64_t ack_round;
	uint64_t round_term; /* follower's book: newest round heard from it as leader */
	uint64_t round;

	size_t record;    /* its place in the identity, if it is still there */
	uint64_t boot_id; /* incarnation and boot counter that were announced ... */
	uint64_t boot;
	uint64_t boot_run; /* ... by this process */

	uint64_t proven_id;   /* incarnation that certainly stored ... */
	uint64_t proven;      /* ... the log up to here, committed (known while leading) */
	uint64_t checked_run; /* process of it whose disk was compared with the above */
};

/* One directed edge: does the row's member hear the column's? */
struct edge {
	bool up;
	int64_t since_us; /* this node's clock */
};

struct row {
	int64_t reported_us; /* when the row's member said so, on this node's clock; -1: never */
	uint64_t version;    /* that member's own send time */
	struct edge edges[MEMBERS_MAX];
};

struct cluster {
	struct cluster_config config;
	struct identity identity;
	int64_t started_us; /* this process began */
	uint64_t run;       /* random per process; 0 until the first event */
	bool restarted;     /* the identity is older than this process: promises are forgotten */
	bool alone;         /* the newest configuration has one voter: this node */
	bool settled;       /* the founding's first commit is known to have happened */

	const struct raft_view *raft; /* sample of the present step; NULL between steps */
	int64_t now_us;               /* of the present or last step */
	uint64_t random;              /* of the present step */
	uint64_t term;                /* of the last sample */
	bool stored_known;            /* stored is known: consensus started in this process */
	uint64_t stored;              /* last_stored when it did */

	size_t n_members;
	size_t self;                        /* index of this node */
	struct member members[MEMBERS_MAX]; /* expected ones first, sorted; then as they come */
	struct row rows[MEMBERS_MAX];       /* the reachability matrix, members' order */

	uint64_t released_term;    /* leader: the lease of this term was given up for good */
	uint64_t verdict_term;     /* follower: the leader of this term confirmed us ... */
	uint64_t verdict_leader;   /* ... this one ... */
	int64_t verdict_end_us;    /* ... until then */
	uint64_t confirmed_term;   /* the last standing, kept to explain a fence */
	uint64_t confirmed_leader; /* raft id */
	int64_t confirmed_end_us;  /* 0: never confirmed */

	uint64_t round;           /* newest round opened by this process */
	uint64_t round_term;      /* its term */
	uint64_t confirmed_round; /* newest confirmed of that term */

	enum cluster_state state; /* moved only by lifecycle.c */
	int64_t state_since_us;
	bool sync_known;            /* SYNCING: sync_index was learnt from a confirmation */
	bool was_confirmed;         /* SYNCING: confirmed since it began */
	uint64_t sync_index;        /* caught up when this is applied */
	bool served;                /* since the process started */
	int64_t countdown_since_us; /* minority countdown; -1: none */
	bool shutdown_told;         /* CLUSTER_SHUTDOWN was emitted in this countdown */

	int64_t next_change_us;  /* earliest next membership change */
	int64_t next_yield_us;   /* earliest next attempt to hand leadership over */
	int64_t better_since_us; /* leader: a follower has been better placed; -1: none is */

	struct slow_disk slow_disk;

	unsigned disks_lost;         /* members, a bit each, whose losses leave no majority */
	int64_t disks_lost_since_us; /* exactly these */

	struct buf scratch; /* one message being written; preallocated */
	struct outbox out;
};

static inline struct member *cluster_self(struct cluster *c)
{
	return &c->members[c->self];
}

static inline bool is_self(const struct cluster *c, const struct member *m)
{
	return m == &c->members[c->self];
}

/* The newest configuration's entry for a name (of two incarnations a voter's) or an incarnation;
 * NULL: none. */
const struct raft_voter *config_by_name(const struct raft_view *raft, const char *name);
const struct raft_voter *config_by_id(const struct raft_view *raft, uint64_t raft_id);

#endif
