/* One node without its sockets: cluster, consensus and sessions wired together.
 *
 * Everything here runs on one thread and takes time, randomness, the network and durable
 * writes from core_ops, so that the simulator drives the very same wiring as production.
 *
 * Life of a write: core_write() -> the leader proposes it (forwarded when that is another
 * member) -> committed by a majority -> applied -> done callback. Life of a read: core_read()
 * -> the leader notes its commit index and confirms its leadership in one round for all reads
 * that wait -> this node has applied that index -> done callback, in which the caller queries
 * the store. See doc/decisions/0001-confirmed-replies.md. */
#ifndef NODE_CORE_H
#define NODE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/cluster.h"
#include "consensus/consensus.h"

struct core;

enum core_event_type {
	CORE_STATE,     /* life cycle moved: from, to, reachable, needed, text */
	CORE_MEMBER,    /* peer heard again (up) or lost (!up) */
	CORE_LEADER,    /* leader changed: peer is its name or "", term */
	CORE_VOTE,      /* this node votes: peer is for whom, term */
	CORE_COUNTDOWN, /* minority countdown began (up) or was aborted (!up) */
	CORE_SHUTDOWN,  /* countdown over; force tells whether the node stops */
	CORE_ALARM,     /* raised (up) or cleared (!up): text */
	CORE_FOUNDED,   /* identity changed: text */
	CORE_CHANGE,    /* leader: a step of a change of the members: text, peer */
	CORE_SYNC,      /* a state is being fetched (up), or that ended: text */
	CORE_PICTURE,   /* a snapshot of this node's own state is complete: text */
	CORE_TRACE,     /* diagnosis: level (1 error .. 5 trace), text */
	CORE_FATAL,     /* the node cannot go on safely: text */
	CORE_REFUSED,   /* the cluster's state is newer than what this node takes: text */
};

struct core_event {
	enum core_event_type type;
	enum cluster_state from;
	enum cluster_state to;
	bool up;
	bool force;
	int level;
	unsigned reachable;
	unsigned needed;
	uint64_t term;
	const char *peer; /* during the call */
	const char *text; /* during the call */
};

struct core_ops {
	void *arg;
	int64_t (*now_us)(void *arg);  /* CLOCK_BOOTTIME, fresh */
	int64_t (*wall_ms)(void *arg); /* milliseconds since the epoch */
	uint64_t (*random)(void *arg); /* from the operating system, or a simulator's seed */
	void (*send)(void *arg, const char *peer, enum traffic traffic, const uint8_t *bytes,
	             size_t len);
	/* Bytes of normal messages that the link to this node has not taken yet. NULL: links take
	 * everything at once. */
	size_t (*backlog)(void *arg, const char *peer);
	/* Write durably before returning. A failure is fatal to the node. */
	enum status (*persist)(void *arg, const struct identity *id);
	/* Move this incarnation's raft data aside and restart the process as an empty one. */
	void (*reset)(void *arg, const char *why);
	void (*event)(void *arg, const struct core_event *ev);
	/* Bytes of the state that core_start() has read, of all. NULL: nobody wants to know. */
	void (*loading)(void *arg, uint64_t done, uint64_t all);
	/* Keep a link to this node from now on, or no longer: beside the expected members, which
	 * are kept for ever. NULL: all nodes are linked. */
	void (*keep)(void *arg, const char *peer, bool keep);
};

struct core_config {
	struct cluster_config cluster;
	unsigned election_ms;
	unsigned election_max_ms; /* bound of every randomized timeout: twice the largest base */
	unsigned heartbeat_ms;
	unsigned snapshot_threshold;
	unsigned snapshot_trailing;
	uint64_t snapshot_bytes; /* as in consensus_config ... */
	uint64_t mark_bytes;     /* ... */
	uint32_t piece_bytes;    /* ... */
	bool trace;          /* tell CORE_TRACE of consensus: costs formatting for each message */
	bool reads_by_lease; /* reads = lease: local reads on the leader under its lease */
	int64_t request_timeout_us;
	int64_t audit_us;  /* the leader compares all members this often; 0: only when asked */
	int64_t scrub_us;  /* each node counts its whole state anew in this time; 0: never */
	int64_t orphan_us; /* a task's silent owner is gone after so long; 0: HOUSE_ORPHAN_US */
};

/* Make a node's core. Copies config and ops; borrows what disks names for its life. ST_INVALID with
 * *fault. */
CHECKED enum status core_new(const struct core_config *config, const struct core_ops *ops,
                             const struct identity *identity, const struct consensus_disks *disks,
                             struct fault *fault, struct core **ret);

/* Start: a node with an identity loads its log. ST_CORRUPT / ST_IO with *why. */
CHECKED enum status core_start(struct core *c, const char **why);

/* Fail all requests and stop consensus; closed_cb when nothing is in flight any more. */
void core_close(struct core *c, void (*closed_cb)(void *arg), void *arg);
void core_free(struct core *c);

void core_link_up(struct core *c, const char *peer, uint64_t epoch);
void core_link_down(struct core *c, const char *peer, uint64_t epoch);
void core_message(struct core *c, const char *peer, uint64_t epoch, const uint8_t *bytes,
                  size_t len);

/* A node that is not linked as a member sent this. When it is a member's message it takes us for
 * a member of its own. */
void core_stranger(struct core *c, const char *peer, const uint8_t *bytes, size_t len);

/* The earliest time at which core_run() must be called again. */
int64_t core_deadline_us(const struct core *c);

/* Do what is due, and send what the events since the last call have gathered (proposals, read
 * rounds): called once in every turn of the loop, before it waits. Returns core_deadline_us() as
 * it is then. */
int64_t core_run(struct core *c);

/* Ends a request. ST_OK: for a write, result is what store_apply() gave; for a read, the store
 * may be queried now. ST_FENCED: refused, nothing happened. ST_UNKNOWN: a write may have
 * happened. ST_TIMEOUT / ST_NO_LEADER: a read was not confirmed in time. */
typedef void (*core_done_cb)(void *arg, enum status st, const uint8_t *result, size_t len);

/* Replicate one command. Fills *head's origin and time for the command encoders: call
 * core_stamp() first, encode, then write. Copies bytes. The callback comes exactly once, never
 * from within this call. */
void core_stamp(struct core *c, struct command_head *head);
void core_write(struct core *c, const struct command_head *head, const uint8_t *bytes, size_t len,
                core_done_cb cb, void *arg);
/* confirm: by a round even under reads = lease. */
/* The same for a command that a client encoded and command_check() accepts: origin and time are
 * put into the copy. */
void core_write_encoded(struct core *c, const uint8_t *bytes, size_t len, core_done_cb cb,
                        void *arg);
void core_read(struct core *c, bool confirm, core_done_cb cb, void *arg);

/* A session or handle was used by a read: if it has a time to live, that begins anew. Written
 * down with others, not now. */
void core_used(struct core *c, const struct session_id *id);

/* This process among all that ever ran: the origin of its commands, the owner of its tasks. */
uint64_t core_origin(const struct core *c);

/* With reads = lease: true when what was just read from the store may be told, because the
 * leader's lease held after it was read. Ask before replying; when false, read again. Always
 * true for confirmed reads. */
bool core_reads_valid(struct core *c);

struct store *core_store(struct core *c);
const struct identity *core_identity(const struct core *c);
void core_status(const struct core *c, struct cluster_status *status, struct raft_view *raft);

/* Why this node is in its state now, with what that is decided from. */
struct cluster_explanation;
void core_explain(const struct core *c, struct cluster_explanation *ret);

/* How a member's clock differs from this node's. */
struct clock_offset core_clock(const struct core *c, const char *name);

/* The disks, as the alarm about them says it. */
enum core_disk {
	CORE_DISK_ENOUGH,
	CORE_DISK_SHORT, /* this node's has no space in reserve */
	CORE_DISK_FULL,  /* leader: a majority's have none, so writes are refused */
};

enum core_disk core_disk_space(const struct core *c);

/* What the last turn saw, without sampling again. Valid until the next call. */
const struct raft_view *core_view(const struct core *c);
enum cluster_state core_state(const struct core *c);
/* True while this node's verdict (the leader's lease, or its confirmation of this follower)
 * holds. */
bool core_may_serve(const struct core *c);
bool core_votes_muted(const struct core *c);

/* Members of this node's own side, itself included, sorted by name. Returns how many. */
size_t core_members_in_sight(const struct core *c, char ret[][NODE_NAME_MAX], size_t cap);

/* An operator's order about the members, carried out by the leader, wherever it is. The
 * callback comes exactly once, perhaps before this returns: ST_OK when the plan is recorded (or
 * leadership handed over), with the answer for the operator. */
typedef void (*core_order_cb)(void *arg, enum status st, const char *text);
void core_order(struct core *c, const struct order *order, core_order_cb cb, void *arg);

/* Found with these of the expected members: cluster_found(). */
CHECKED enum status core_found(struct core *c, const char names[][NODE_NAME_MAX], size_t n,
                               char text[ORDER_TEXT_MAX]);

/* Clear the live view of the members and build it anew: cluster_reset_view(). */
void core_reset_view(struct core *c);

/* Hand leadership over before a planned stop; done_cb at once when this node does not lead. */
void core_hand_over(struct core *c, void (*done_cb)(void *arg), void *arg);

/* Requests not yet answered. */
size_t core_pending(const struct core *c);
/* Requests refused since the start because as many as can be were pending. */
uint64_t core_refused(const struct core *c);

#endif
