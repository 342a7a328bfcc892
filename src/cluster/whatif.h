/* What would become of the cluster if this were cut?
 *
 * Nothing is estimated: every member gets a room of its own, made by cluster_new() with the real
 * settings and the real configuration, and they exchange their real messages in virtual time.
 * First all are connected, then the cut comes. Who is fenced, who serves, when and why is what
 * the rooms say. Only Raft's elections are played here, by its rules: a voter that has heard no
 * leader for its timeout becomes one when a majority of voters, none of which has a leader, is
 * reached both ways; a leader without contact to a majority steps down.
 *
 * What it is not: the other members are taken to be configured as this one, and to have the same
 * log. Times are those of clocks and networks that are quick. */
#ifndef CLUSTER_WHATIF_H
#define CLUSTER_WHATIF_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/explain.h"

enum {
	WHATIF_TEXT_MAX = 1024, /* a refusal that names 16 members by their short names */
	WHATIF_STEP_US = 5000,  /* of virtual time: below any heartbeat worth having */
};

struct whatif_question {
	struct cluster_config config; /* real settings; self and expected are ignored */
	int64_t election_us;
	size_t n;
	struct raft_voter members[MEMBERS_MAX]; /* the configuration: names, ids, who votes */
	uint64_t leader_id;                     /* who leads before the cut; 0: the first voter */
};

/* By place in members. */
struct whatif_cut {
	bool dead[MEMBERS_MAX];
	bool blocked[MEMBERS_MAX][MEMBERS_MAX]; /* [from][to]: nothing gets there */
};

struct whatif_node {
	bool dead;
	bool leads;
	bool reaches[MEMBERS_MAX]; /* in its sight, both ways */
	int64_t fenced_us;         /* first fenced so long after the cut; -1: never */
	int64_t led_us;            /* took over so long after the cut; -1: did not */
	struct cluster_explanation now;
};

struct whatif_answer {
	size_t n;
	struct whatif_node nodes[MEMBERS_MAX]; /* as they are at_us after the cut */
	int64_t at_us;
	int leader;                    /* at the end, confirmed by its majority; -1: nobody */
	char stand_in[STATUS_WHY_MAX]; /* a standby that would take over; "": none would */
	char remove[MEMBERS_MAX][ORDER_TEXT_MAX]; /* what the leader would answer to `cluster leave`
	                                             of a member that is lost; "": not lost */
};

/* Understand "a,b|c", "a>b", "-c" and several of these with spaces between them; "*" stands for
 * all that were not named. ST_INVALID: why says what is wrong, and names the members. */
CHECKED enum status whatif_parse(const struct whatif_question *q, const char *text,
                                 struct whatif_cut *ret, char why[WHATIF_TEXT_MAX]);

/* ST_INVALID: the settings break a rule, which why names; ST_NOMEM. */
CHECKED enum status whatif_run(const struct whatif_question *q, const struct whatif_cut *cut,
                               struct whatif_answer *ret, char why[WHATIF_TEXT_MAX]);

#endif
