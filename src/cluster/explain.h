/* Why a node is in its state, with what it was decided from: for `erlmcp-admin explain`.
 *
 * The rules stand in one table (CAUSE_MAP): what why.c puts into a sentence, and what an
 * operator can do about it, are the same decision. */
#ifndef CLUSTER_EXPLAIN_H
#define CLUSTER_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"

/* name, word, the rule, where the runbooks treat it, what to do */
#define CAUSE_MAP(X)                                                                              \
	X(NOT_FOUNDED, "not_founded", "A cluster is founded when every expected member is here.", \
	  "RB-010, Prerequisites",                                                                \
	  "Start the missing members. If some will never come: `erlmcp-admin cluster found "      \
	  "--members ...` with more than half of them.")                                          \
	X(NOT_ADMITTED, "not_admitted",                                                           \
	  "A node without data waits until the leader of the cluster admits it.",                 \
	  "RB-008, Step 4: Network Healing and Rejoin",                                           \
	  "A lost disk is admitted by itself within seconds. A new node: `erlmcp-admin cluster "  \
	  "join NODE` at a member.")                                                              \
	X(STARTING, "starting", "A member reads its log before it takes part.",                   \
	  "RB-008, Step 4: Network Healing and Rejoin",                                           \
	  "Wait; if it lasts, look at the log and the disk.")                                     \
	X(NOT_CONFIRMED, "not_confirmed",                                                         \
	  "A member serves only when a majority has confirmed its leader since it came here.",    \
	  "RB-008, Step 4: Network Healing and Rejoin",                                           \
	  "Start more members, or repair the network between them: a majority is needed.")        \
	X(CATCHING_UP, "catching_up",                                                             \
	  "A member serves when it has applied what was committed when it was confirmed.",        \
	  "RB-010, State Synchronization",                                                        \
	  "Wait: `erlmcp-admin cluster sync --watch` shows how "                                  \
	  "far it is.")                                                                           \
	X(ALL_HERE, "all_here",                                                                   \
	  "A majority confirms the leader, and every member is in sight: this node serves.",      \
	  "RB-008, Step 3: Majority Partition Operations", "Nothing is to be done.")              \
	X(SOME_AWAY, "some_away",                                                                 \
	  "A majority confirms the leader: this node serves, although a member is away.",         \
	  "RB-008, Step 3: Majority Partition Operations",                                        \
	  "Serve on. Bring back who is away: start it, or heal the network to it.")               \
	X(NEVER_CONFIRMED, "never_confirmed",                                                     \
	  "Without a confirmation by a majority since its start a node serves nobody.",           \
	  "RB-008, Step 4: Network Healing and Rejoin",                                           \
	  "Start more members, or repair the network. Is ERLMCP_QUORUM_SIZE the number of "       \
	  "members?")                                                                             \
	X(MINORITY, "minority",                                                                   \
	  "The lease is over and too few members are in sight: a minority must not serve.",       \
	  "RB-008, Step 1: Verify Partition Status",                                              \
	  "Heal the network to the silent members, or start them. If a majority of them is up "   \
	  "and "                                                                                  \
	  "connected, it serves meanwhile.")                                                      \
	X(NO_LEADER, "no_leader",                                                                 \
	  "The lease is over, but a majority is in sight: it elects a leader.",                   \
	  "RB-010, Step 2: Identify Partition Type",                                              \
	  "Wait two seconds. If it lasts: `erlmcp-admin cluster status` shows one-way and "       \
	  "partial cuts.")                                                                        \
	X(TOO_STRICT, "too_strict",                                                               \
	  "ERLMCP_QUORUM_SIZE asks for more members than the majority, and fewer are in sight.",  \
	  "RB-008, False Positive: Minority Detection",                                           \
	  "Set ERLMCP_QUORUM_SIZE to the number of members on every node.")                       \
	X(LEADER_LOST, "leader_lost",                                                             \
	  "The leader that confirmed this node is lost or gave its lease up.",                    \
	  "RB-010, Scenario 1: Minor Partition",                                                  \
	  "Wait two seconds: the majority elects another leader.")                                \
	X(LEASE_GIVEN_UP, "lease_given_up", "This leader gave its lease up for a hand-over.",     \
	  "RB-010, Scenario 1: Minor Partition", "Wait: the next leader takes over at once.")     \
	X(LEADS_NO_MORE, "leads_no_more", "This node was the leader and is no more.",             \
	  "RB-010, Scenario 1: Minor Partition",                                                  \
	  "Wait two seconds: the majority elects another leader.")                                \
	X(STOPPED, "stopped", "This process was told to stop, and serves no more.",               \
	  "RB-008, Stuck in Shutdown State",                                                      \
	  "Start it again when the network is whole: it rejoins by itself.")

enum cause {
#define CAUSE_ENUM(name, word, rule, section, remedy) CAUSE_##name,
	CAUSE_MAP(CAUSE_ENUM)
#undef CAUSE_ENUM
	    CAUSES
};

struct cause_text {
	const char *word;
	const char *rule;
	const char *section; /* of the runbooks */
	const char *remedy;
};

const struct cause_text *cause_text(enum cause cause);

/* One voter, as the arithmetic of the majority sees it. */
struct explain_vote {
	char name[NODE_NAME_MAX];
	bool self;
	bool in_sight;      /* heard, and it hears this node */
	bool counts;        /* leader: its promise runs; else: in sight */
	int64_t silent_us;  /* -1: never heard */
	int64_t promise_us; /* leader: for how long it still refuses others; -1: not known */
};

struct cluster_explanation {
	enum cluster_state state;
	enum cause cause;
	char why[STATUS_WHY_MAX];
	enum raft_role role;
	uint64_t term;
	char leader[NODE_NAME_MAX];    /* that Raft knows; "": none */
	char confirmed[NODE_NAME_MAX]; /* the last leader that was confirmed; "": none */
	uint64_t confirmed_term;
	int64_t lease_left_us;     /* negative: over for so long; INT64_MIN: never had one */
	bool muted;                /* it neither gives nor asks for votes yet: it was restarted */
	unsigned reachable;        /* voters in sight */
	unsigned needed;           /* to serve */
	unsigned majority;         /* to elect a leader */
	unsigned counted;          /* votes that count */
	int64_t countdown_left_us; /* -1: none */
	size_t n_votes;
	struct explain_vote votes[MEMBERS_MAX];
};

/* Of this node, now. raft: sampled at now_us. */
void cluster_explain(const struct cluster *c, const struct raft_view *raft, int64_t now_us,
                     struct cluster_explanation *ret);

#endif
