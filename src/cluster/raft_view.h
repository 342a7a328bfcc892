/* What the rest of the node may know of consensus: a sample, plain data, no libraft types. */
#ifndef CLUSTER_RAFT_VIEW_H
#define CLUSTER_RAFT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/limits.h"

enum raft_role { ROLE_FOLLOWER, ROLE_CANDIDATE, ROLE_LEADER };

struct raft_voter {
	uint64_t id;              /* random per incarnation, never 0 */
	char name[NODE_NAME_MAX]; /* node name without the incarnation */
	bool voter;               /* false: learner */
	bool spare;               /* a learner that gets no log yet: its adding was cut short */
	uint64_t match;           /* leader only: highest entry known to be stored there; else 0 */
};

/* A change of the members in several steps. The record of it is an entry of the configuration,
 * so that every later leader goes on with it: doc/decisions/0007-members.md. */
enum plan_kind {
	PLAN_NONE,
	PLAN_JOIN,     /* subject becomes a member and votes */
	PLAN_STANDBY,  /* subject becomes a member that does not vote */
	PLAN_REPLACE,  /* subject takes the place of other, who is removed */
	PLAN_PROMOTE,  /* subject, a standby, votes from now on */
	PLAN_DEMOTE,   /* subject, a voter, becomes a standby */
	PLAN_LEAVE,    /* subject is removed */
	PLAN_TAKEOVER, /* subject, a standby, votes instead of other, who is away */
	PLAN_KINDS
};

struct raft_plan {
	enum plan_kind kind; /* PLAN_NONE: no change is under way */
	uint64_t id;         /* of its entry in the configuration */
	uint64_t subject;    /* incarnation */
	uint64_t other;      /* incarnation; 0: none */
};

struct raft_view {
	bool started; /* libraft runs; all else is zero until then */
	enum raft_role role;
	uint64_t self_id;
	uint64_t leader_id; /* 0: none known */
	uint64_t term;
	uint64_t voted_for;   /* in this term; 0: nobody */
	uint64_t commit;      /* highest entry known to be committed */
	uint64_t last_stored; /* highest entry on this node's disk */
	uint64_t last_applied;
	bool term_committed;    /* leader: an entry of its own term is committed */
	bool transferring;      /* leader: leadership is being handed over */
	int64_t promise_us;     /* follower with a leader: for how long it will still refuse to vote
	                           for anybody else, from libraft's own timer; else 0. Within a term it
	                           never ends earlier than a sample given before said */
	int64_t election_us;    /* election timeout in force (lower bound of the randomized one) */
	uint32_t state_version; /* of the replicated state, as applied here */
	size_t n_voters;        /* entries in members[] that are voters */
	size_t n_members;
	bool config_committed; /* the newest configuration is known to be committed */
	struct raft_plan plan; /* the change that that configuration records */
	struct raft_voter
	    members[MEMBERS_MAX]; /* newest configuration in the log; last: see consensus_view() */
};

#endif
