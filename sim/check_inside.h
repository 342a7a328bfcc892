/* What the checkers know; shared by check*.c only. */
#ifndef SIM_CHECK_INSIDE_H
#define SIM_CHECK_INSIDE_H

#include "sim/check.h"

enum { VOTES_MAX = 1 << 14, STATEMENTS = 4 };

/* The entries that ever stood at one index, by term. */
struct place {
	unsigned n;
	struct disk_mark marks[SIM_TERMS_PER_INDEX];
	struct disk_mark committed; /* chain 0: not committed */
	raft_term seen_term;        /* of the node that was first seen to know the commit */
	uint64_t digest;            /* of the store behind this entry; 0: not seen */
};

/* "I follow this leader in this term", as a node last said it. */
struct statement {
	uint64_t voter; /* whose word: an incarnation */
	uint64_t term;
	uint64_t leader_id;
	int64_t said_us;
};

/* One vote. */
struct vote {
	uint64_t voter;
	uint64_t term;
	uint64_t candidate;
};

/* What is remembered of one node. */
struct watch {
	uint64_t led_term; /* newest term in which it was seen leading */
	raft_index commit; /* committed entries up to here were looked at */
	struct statement said[STATEMENTS];
	int64_t config_us; /* its configuration last changed */
	uint64_t config_hash;
	uint64_t released_term; /* gave this term's lease up by plan */
	int64_t lease_us;       /* its own leader's lease was last seen to run */
	int64_t disturbed_us;   /* something of it was last out of order */
	int64_t ok_us;          /* a client was last served by it */
	uint64_t boot;
	uint64_t raft_id;
	uint64_t ops_ok; /* since healing was complete */
};

struct checks {
	struct place *places; /* owned; by index */
	raft_index n_places;
	raft_index committed; /* newest committed entry seen */
	uint64_t *leaders;    /* owned; raft id by term; 0: none seen */
	uint64_t newest_term; /* of a leader */
	struct vote *votes;   /* owned; hash table */
	struct watch watches[SIM_NODES_MAX];
	uint64_t floor;                  /* newest log index that a client has seen */
	uint64_t cluster_id;             /* the one cluster */
	int64_t damaged_us;              /* a disk last lost something */
	int64_t serving_us;              /* some node was last seen not to serve */
	uint64_t electorate;             /* hash of the configuration in force */
	unsigned clique;                 /* mask of a majority that nothing disturbs ... */
	int64_t clique_us;               /* ... since then */
	uint64_t revisions[SIM_OPS_MAX]; /* where each put took effect; 0: unknown */
};

struct place *check_place(struct world *w, raft_index index);

/* check_vote.c */
void vote_sent(struct node *from, const uint8_t *bytes, size_t len);
/* check_lease.c */
void lease_turn(struct node *node);
void lease_won(struct node *winner);
/* check_log.c */
void log_turn(struct node *node);
/* check_live.c */
void live_time(struct world *w);

#endif
