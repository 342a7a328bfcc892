/* What the checkers know; shared by check*.c only. */
#ifndef SIM_CHECK_INSIDE_H
#define SIM_CHECK_INSIDE_H

#include "lin/history.h"
#include "sim/check.h"
#include "sim/client.h"
#include "sim/world.h"

enum { VOTES_MAX = 1 << 14, STATEMENTS = 4 };

/* One picture of so many is put together again. */
enum { CONTENT_EVERY = 16 };

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

/* A promise to a leader, as a beat last gave it. */
struct promise {
	uint64_t voter; /* whose: an incarnation */
	uint64_t leader_id;
	uint64_t term;
	int64_t until_us; /* by the voter's clock */
};

/* One session, over all answers and all nodes' states. */
struct session_watch {
	uint64_t epoch_index; /* newest entry at which its epoch was seen ... */
	uint64_t epoch;       /* ... the greatest of those seen there ... */
	bool epoch_final;     /* ... and it was the one after the whole entry */
	uint64_t index;       /* newest state that it was seen in ... */
	int64_t created_ms;   /* ... and which life of it that was */
};

/* The oldest changes of one session: all have ended. */
struct ended {
	uint64_t id;       /* newest of them */
	uint64_t revision; /* newest place where one took effect */
};

/* One vote. */
struct vote {
	uint64_t voter;
	uint64_t term;
	uint64_t candidate;
};

/* Members of a configuration: all of them, or the voters. */
struct incarnations {
	uint64_t ids[MEMBERS_MAX];
	size_t n;
};

/* What is remembered of one node. */
struct watch {
	uint64_t led_term; /* newest term in which it was seen leading ... */
	int64_t led_us;    /* ... since then */
	raft_index commit; /* committed entries up to here were looked at */
	struct statement said[STATEMENTS];
	int64_t config_us; /* its configuration last changed */
	uint64_t config_hash;
	struct incarnations voters; /* of it ... */
	struct incarnations before; /* ... and of the one before */
	uint64_t told_term;         /* newest in which it told of its vote */
	uint64_t released_term;     /* gave this term's lease up by plan */
	int64_t serve_us;           /* a turn last saw that it may serve ... */
	uint64_t serve_term;        /* ... in this term */
	int64_t serve_end_us;       /* a turn first saw that this is over; 0: none has */
	struct promise promise;     /* its newest */
	bool served;                /* since its process started */
	bool shutdown_told;         /* in this countdown */
	bool stopped;               /* it stopped itself, and nothing has explained that */
	int64_t countdown_from_us;  /* by its clock its countdown began no sooner ... */
	int64_t countdown_to_us;    /* ... and no later */
	uint64_t seen_index;        /* its state was looked at there ... */
	size_t registers;           /* ... and had so many of them */
	uint32_t version;           /* of its state, as last told */
	uint64_t digest_index;      /* its digest was compared there ... */
	unsigned unchanged;         /* ... so many turns ago, counted on */
	int64_t disturbed_us;       /* something of it was last out of order */
	int64_t ok_us;              /* a client was last served by it */
	uint64_t boot;
	uint64_t raft_id;
	uint64_t ops_ok;      /* since healing was complete */
	raft_index snapshot;  /* on its disk at the last look */
	bool taking;          /* a picture of its state ... */
	int64_t taking_us;    /* ... since then */
	uint64_t fetching;    /* generation of a fetch under way; 0: none */
	uint64_t fetch_index; /* the entry whose state it fetches */
	int64_t fetching_us;  /* since then */
};

struct checks {
	struct place *places; /* owned; by index */
	raft_index n_places;
	raft_index committed; /* newest committed entry seen */
	uint64_t *leaders;    /* owned; raft id by term; 0: none seen */
	uint64_t *handed;     /* owned; by term: whom its leader announced to hand over to */
	uint64_t newest_term; /* of a leader */
	struct vote *votes;   /* owned; hash table */
	struct watch watches[SIM_NODES_MAX];
	uint64_t floor;      /* newest log index that a client has seen */
	uint64_t cluster_id; /* the one cluster */
	int64_t damaged_us;  /* a disk last lost something */
	int64_t serving_us;  /* some node was last seen not to serve */
	uint64_t electorate; /* hash of the configuration in force */
	uint64_t
	    config_commit; /* newest entry at which a configuration was known to be committed ... */
	struct incarnations config; /* ... and its members */
	struct incarnations led;    /* those that the newest leader last knew */
	unsigned clique;            /* mask of a majority that nothing disturbs ... */
	int64_t clique_us;          /* ... since then */
	struct ended ended[SIM_SESSIONS];
	uint64_t revisions[SIM_OPS_MAX]; /* where each write took effect; 0: unknown */
	struct session_watch sessions[SIM_SESSIONS];
	struct history history;     /* owned: what clients asked and were told */
	struct thing_watch *things; /* owned: by number, from 1 */
	uint64_t things_first;      /* all before this are gone */
	uint64_t things_index;      /* newest state in which they were looked at */
	int64_t things_us;          /* when they are looked at next without disturbance */
};

struct place *check_place(struct world *w, raft_index index);

/* A disk lost something so lately that its entries may not have been made up for. */
bool check_disks_damaged(const struct world *w);

/* check_vote.c */
void vote_sent(struct node *from, const struct node *to, const uint8_t *bytes, size_t len);
void promise_sent(struct node *from, const uint8_t *bytes, size_t len);
/* It tells its story that it votes. */
void vote_told(struct node *node, uint64_t term);
/* Whom this voter voted for; 0: nobody. */
uint64_t vote_given(struct checks *k, uint64_t voter, uint64_t term);
/* check_release.c */
void release_turn(struct node *node);
void release_refused(struct node *node, const struct core_event *ev);
/* check_member.c */
void member_turn(struct node *node);
void member_stopped(struct node *node);
void member_won(struct node *winner);
void member_end(struct world *w);
/* check_picture.c */
void picture_started(struct node *node);
void picture_turn(struct node *node);
void picture_end(struct world *w);
/* check_lease.c */
void lease_turn(struct node *node);
void lease_won(struct node *winner);
/* check_shutdown.c */
void shutdown_started(struct node *node);
void shutdown_turn(struct node *node);
void shutdown_time(struct world *w);
/* check_session.c */
void session_written(struct node *node, const struct op *op);
void session_read(struct node *node, const struct op *op);
void session_turn(struct node *node);
void session_end(struct node *node);
/* So many sessions with a time to live are in its state, beside the registers. */
void session_count(struct node *node, size_t others);
/* check_thing.c */
void thing_invoked(struct world *w, const struct op *op);
void thing_outcome(struct world *w, const struct op *op);
void thing_turn(struct node *node);
void thing_time(struct world *w);
/* check_history.c */
void judge_answer(struct world *w, const struct op *op);
void judge_history(struct world *w);
/* check_log.c */
void log_turn(struct node *node);
/* How many of them have the log up to index, which has this chain, on disk. */
unsigned check_holders(struct world *w, const struct incarnations *v, raft_index index,
                       uint64_t chain);
struct incarnations check_voters(const struct raft_view *view);
/* check_live.c */
void live_time(struct world *w);

#endif
