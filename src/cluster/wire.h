/* Messages between members: what they say and how they look as bytes.
 *
 * Everything that arrives is hostile until decoded: every field is checked for range, every
 * count for its limit, and nothing may be left over. Format version 1, big-endian; written
 * down in doc/protocol/cluster-messages.md. */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/status.h"
#include "cluster/cluster.h"
#include "cluster/identity.h"
#include "cluster/limits.h"
#include "cluster/raft_view.h"

enum { WIRE_VERSION = 1 };

/* A row nobody has reported yet. */
#define WIRE_AGE_UNKNOWN UINT32_MAX

enum wire_type {
	WIRE_BEAT = 1,     /* heartbeat: promise, lease, round, view */
	WIRE_HELLO = 2,    /* the names that the sender expects at founding */
	WIRE_FOUND = 3,    /* the founding record */
	WIRE_JOIN = 4,     /* the leader admits the receiver */
	WIRE_OUTDATED = 5, /* the receiver's disk is older than what it told before */
	WIRE_ROSTER = 6,   /* to an empty node: the members there are */
	WIRE_REMOVED = 7,  /* the receiver's incarnation is no member any more */
	WIRE_PETITION = 8, /* from an empty node: it was started to join */
};

/* Starts every message: who speaks. */
struct wire_head {
	enum wire_type type;
	uint64_t cluster_id;          /* 0 while EMPTY */
	uint64_t raft_id;             /* the sender's incarnation, never 0 */
	uint64_t boot;                /* its boot counter */
	uint64_t run;                 /* random per process: tells two starts of one boot apart */
	enum identity_state identity; /* EMPTY: waiting to found or to be admitted */
};

struct wire_edge {
	bool up;         /* the row's member hears the column's */
	uint32_t age_ms; /* since when it is so, at most ROW_AGE_MAX_MS */
};

/* What one member hears of all others: a row of the reachability matrix. */
struct wire_row {
	uint32_t age_ms;  /* since that member said so; WIRE_AGE_UNKNOWN: it never did */
	uint64_t version; /* that member's own send time: a relayed row cannot look newer */
	struct wire_edge edges[MEMBERS_MAX];
};

struct wire_beat {
	bool ask;                 /* answer at once */
	enum cluster_state state; /* the sender's life cycle */
	int64_t sent_us;          /* the sender's clock when it sent this; > 0 */
	int64_t echo_us; /* newest sent_us it has from the receiver on this link; 0: none */
	int64_t held_us; /* since that one arrived */

	bool started; /* its consensus runs; all to view_hash is zero until then */
	enum raft_role role;
	uint64_t term;
	uint64_t leader_id; /* 0: none known */
	uint64_t commit;
	uint64_t applied;
	uint64_t last_stored;
	uint64_t round;        /* leader: newest opened in term; follower: newest heard of it */
	int64_t promise_us;    /* follower: it will refuse other candidates for this long */
	int64_t lease_left_us; /* leader: its lease; <= 0: none */

	uint64_t view_hash;          /* of the members that the sender hears */
	size_t n;                    /* members in its matrix */
	uint64_t names[MEMBERS_MAX]; /* wire_name_hash() of each */
	struct wire_row rows[MEMBERS_MAX];
};

struct wire_hello {
	uint32_t promise_max_ms; /* longest promise the sender is configured for */
	size_t n;                /* expected members, sender included */
	char names[MEMBERS_MAX][NODE_NAME_MAX];
	uint32_t takes; /* newest state version that the sender takes; 0: an early release */
	uint32_t state; /* version of its cluster's state; 0: it has none */
	bool regrowing; /* its cluster was recovered, and has not its old size again */
};

struct wire_found {
	uint64_t cluster_id;
	uint32_t promise_max_ms;
	size_t n;
	struct {
		char name[NODE_NAME_MAX];
		uint64_t raft_id;
	} members[MEMBERS_MAX];
};

struct wire_join {
	uint64_t raft_id; /* the admitted incarnation: the receiver's own */
	uint32_t promise_max_ms;
};

struct wire_outdated {
	uint64_t raft_id; /* whose disk it is about: the receiver's own */
	uint64_t boot;    /* highest boot counter it ever announced */
	uint64_t run;     /* the process that announced it; 0: not remembered */
	uint64_t stored;  /* committed entries that it had stored for certain */
};

struct wire_roster {
	size_t n;
	char names[MEMBERS_MAX][NODE_NAME_MAX];
};

struct wire_removed {
	uint64_t raft_id; /* the receiver's own */
	uint64_t commit;  /* index up to which the leader's log is committed without it */
};

struct wire_petition {
	bool voter; /* it wants to vote; else it will be a standby */
};

uint64_t wire_name_hash(const char *name);

void wire_put_head(struct buf *b, const struct wire_head *head);
void wire_put_beat(struct buf *b, const struct wire_beat *beat);
void wire_put_hello(struct buf *b, const struct wire_hello *hello);
void wire_put_found(struct buf *b, const struct wire_found *found);
void wire_put_join(struct buf *b, const struct wire_join *join);
void wire_put_outdated(struct buf *b, const struct wire_outdated *outdated);
void wire_put_roster(struct buf *b, const struct wire_roster *roster);
void wire_put_removed(struct buf *b, const struct wire_removed *removed);
void wire_put_petition(struct buf *b, const struct wire_petition *petition);

/* Each returns ST_OK or ST_MALFORMED; the head also ST_UNSUPPORTED (a newer format). Bodies
 * must use up the cursor. */
CHECKED enum status wire_get_head(struct cursor *c, struct wire_head *ret);
CHECKED enum status wire_get_beat(struct cursor *c, struct wire_beat *ret);
CHECKED enum status wire_get_hello(struct cursor *c, struct wire_hello *ret);
CHECKED enum status wire_get_found(struct cursor *c, struct wire_found *ret);
CHECKED enum status wire_get_join(struct cursor *c, struct wire_join *ret);
CHECKED enum status wire_get_outdated(struct cursor *c, struct wire_outdated *ret);
CHECKED enum status wire_get_roster(struct cursor *c, struct wire_roster *ret);
CHECKED enum status wire_get_removed(struct cursor *c, struct wire_removed *ret);
CHECKED enum status wire_get_petition(struct cursor *c, struct wire_petition *ret);

#endif
