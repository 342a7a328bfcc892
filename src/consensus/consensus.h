/* The only door to libraft: log, elections, membership, and the state machine glue.
 *
 * Storage is any libraft raft_io: its libuv backend in production (storage.h), memory in the
 * simulator. The network is ours: messages leave through ops.send and come in through
 * consensus_receive(), both as bytes in the versioned format of wire.c. Every message is
 * validated before libraft sees it, because libraft asserts on decodable but absurd ones.
 *
 * Rules for promises that live here (architecture, section 2): the promise is read from
 * libraft's own timer; while votes are muted, vote requests are dropped on arrival and on
 * departure; the disrupt_leader flag is cleared unless the receiver's own leader announced the
 * hand-over to this candidate in this term. */
#ifndef CONSENSUS_CONSENSUS_H
#define CONSENSUS_CONSENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/identity.h"
#include "cluster/raft_view.h"
#include "session/store.h"

struct chunk_disk;
struct raft_io;
struct consensus;

enum traffic { TRAFFIC_URGENT, TRAFFIC_NORMAL, TRAFFIC_BULK };

struct consensus_ops {
	void *arg;
	/* CLOCK_BOOTTIME in microseconds, fresh, never the loop's cached time. */
	int64_t (*now_us)(void *arg);
	/* True while votes must be neither asked for nor given: cluster_votes_muted(). */
	bool (*votes_muted)(void *arg);
	/* Send to the member with this raft id and node name. Copies bytes. May drop. Messages of
	 * one class to one member stay in order. Called from inside libraft: must not call back
	 * into consensus; queue and return. */
	void (*send)(void *arg, uint64_t raft_id, const char *name, const uint8_t *bytes,
	             size_t len, enum traffic traffic);
	/* Bytes of normal messages to this member that its link has not taken yet. NULL: links
	 * take everything at once. */
	size_t (*backlog)(void *arg, const char *name);
	/* Role, term, leader, configuration, commit or applied index may have changed. */
	void (*changed)(void *arg);
	/* A proposal of this node ended. ST_OK: committed and applied at index, result is what
	 * store_apply() gave (valid during the call). ST_NOT_LEADER: certainly not in the log.
	 * ST_UNKNOWN: leadership was lost, it may or may not commit. */
	void (*proposed)(void *arg, uint64_t tag, enum status st, uint64_t index,
	                 const uint8_t *result, size_t len);
	/* A fatal condition (a failed write or fsync, memory exhausted inside libraft): the
	 * process must stop. From this moment on nothing is sent, acknowledged or taken in. May
	 * be called from inside libraft: must not call back into consensus. Not while it starts:
	 * consensus_start() fails then, and says why. */
	void (*fatal)(void *arg, const char *why);
	/* Bytes of the state that consensus_start() has read, of all. NULL: nobody wants to know.
	 */
	void (*loading)(void *arg, uint64_t done, uint64_t all);
	/* One line of diagnosis; level as in libraft's tracer: 1 error .. 5 trace. libraft formats
	 * several lines for each message: NULL when nobody reads them. */
	void (*trace)(void *arg, int level, const char *text);
};

struct consensus_config {
	uint64_t raft_id;
	const char *name;         /* this node's name; copied */
	unsigned election_ms;     /* lower bound of the election timeout */
	unsigned election_max_ms; /* bound of every randomized timeout: the longest promise; at
	                             least twice election_ms */
	unsigned heartbeat_ms;
	unsigned snapshot_threshold; /* entries between snapshots */
	unsigned snapshot_trailing;  /* entries kept behind a snapshot; at least 1 */
	uint64_t snapshot_bytes;     /* commands between snapshots, and at most a quarter of it kept
	                                behind one; 0: the number of entries alone decides */
	uint64_t mark_bytes;         /* commands applied until it is noted anew what is committed,
	                                which a restart need not be told again; 0: always */
	uint32_t piece_bytes;        /* of a chunk, fetched in one message; 0: PIECE_MAX */
	uint64_t seed;               /* of libraft's own random generator */
};

/* Where everything is kept; borrowed. */
struct consensus_disks {
	struct raft_io *log;       /* term, vote, entries, manifests */
	struct chunk_disk *chunks; /* chunks of the state: consensus/chunk_disk.h */
};

/* Make it, not started. Borrows the disks and store for its life; copies config and ops. A storage
 * that cannot be used is reported by consensus_start(). ST_INVALID: config breaks a rule. */
CHECKED enum status consensus_new(const struct consensus_config *config,
                                  const struct consensus_ops *ops,
                                  const struct consensus_disks *disks, struct store *store,
                                  struct consensus **ret);

/* Write the first log entry: the founding configuration. Only on an empty log and before
 * start. ST_EXISTS when the log is not empty (then it was bootstrapped before: not an error). */
CHECKED enum status consensus_bootstrap(struct consensus *c, const struct identity *founding);

/* Load the log and start. ST_CORRUPT names the file in *why (valid until consensus_free()).
 * After a failure close and free as usual. */
CHECKED enum status consensus_start(struct consensus *c, const char **why);

/* The vote that the disk had when it was started, and its term; 0: none. It was told by whoever
 * gave it: a restart is no new vote. */
uint64_t consensus_loaded_vote(const struct consensus *c, uint64_t *ret_term);

/* Stop; closed_cb fires when libraft has let go of everything; then consensus_free(). */
void consensus_close(struct consensus *c, void (*closed_cb)(void *arg), void *arg);
void consensus_free(struct consensus *c);

/* When consensus_tick() is wanted next, at the latest; and that tick. */
int64_t consensus_deadline_us(const struct consensus *c);
void consensus_tick(struct consensus *c);

/* A message of a member arrived. ST_MALFORMED or ST_INVALID: dropped, nothing changed. */
CHECKED enum status consensus_receive(struct consensus *c, uint64_t from_id, const char *from_name,
                                      const uint8_t *bytes, size_t len);

/* Leader only: append one command; ops.proposed(tag) follows exactly once when ST_OK is
 * returned. Copies bytes. Commands proposed between two ticks of the loop go into one batch:
 * consensus_flush() sends it. ST_NOT_LEADER, ST_BUSY (too many in flight), ST_NO_SPACE. */
CHECKED enum status consensus_propose(struct consensus *c, uint64_t tag, const uint8_t *bytes,
                                      size_t len);
void consensus_flush(struct consensus *c);
/* The same once a turn, unless entries enough are on their way: then the batch waits for one of
 * them to be committed, not longer than GATHER_MAX_US. After that it waits for those who were
 * answered just then, no longer than the commit took: see struct gather. */
void consensus_flush_gathered(struct consensus *c);

/* Leader only: see that an entry of this term gets committed, so that reads can be served.
 * A new leader does this by itself; calling it again costs nothing. */
void consensus_settle(struct consensus *c);

/* Leader only, one at a time (ST_BUSY): membership. done_cb gets the outcome. */
typedef void (*consensus_change_cb)(void *arg, enum status st);
CHECKED enum status consensus_add_learner(struct consensus *c, uint64_t raft_id, const char *name,
                                          consensus_change_cb done_cb, void *arg);
CHECKED enum status consensus_promote(struct consensus *c, uint64_t raft_id,
                                      consensus_change_cb done_cb, void *arg);
CHECKED enum status consensus_demote(struct consensus *c, uint64_t raft_id,
                                     consensus_change_cb done_cb, void *arg);
CHECKED enum status consensus_remove(struct consensus *c, uint64_t raft_id,
                                     consensus_change_cb done_cb, void *arg);

/* Leader only, one change as above: record a plan in the configuration, as a member without
 * log and vote. consensus_remove(plan->id) takes it out. ST_EXISTS: one is recorded. */
CHECKED enum status consensus_record_plan(struct consensus *c, const struct raft_plan *plan,
                                          consensus_change_cb done_cb, void *arg);

/* Leader only: hand leadership to raft_id (0: the most advanced voter). The caller has released
 * its lease first (cluster_release_lease()); members are told before TimeoutNow leaves. done_cb
 * gets ST_OK when another leader is known. When the hand-over fails (ST_TIMEOUT) the leader
 * steps down by itself: its lease is gone for good in this term, only a new term gives one. */
CHECKED enum status consensus_transfer(struct consensus *c, uint64_t raft_id,
                                       consensus_change_cb done_cb, void *arg);

/* The link to a member was made anew: what was on its way is lost, send it again soon. */
void consensus_link_reset(struct consensus *c, uint64_t raft_id);

/* Adapt the election timeout to the network, within [election_ms, election_max_ms / 2]. Never
 * shortens a running promise. */
void consensus_set_election(struct consensus *c, unsigned election_ms);

/* True when this leader's proposals would be refused with ST_NO_SPACE: a majority of the
 * voters, this node included, has no disk space in reserve. */
bool consensus_disk_full(const struct consensus *c);

/* True when this node has no disk space in reserve: it may be unable to store what comes. */
bool consensus_disk_short(const struct consensus *c);

/* Sample the state. Cheap; reads fresh time for the promise. Not from inside ops.send.
 * *ret is zeroed, or as an earlier sample left it: names that it holds are not copied again. */
void consensus_view(const struct consensus *c, struct raft_view *ret);

/* While this number is the same, only the promise in a sample can have become another one. */
uint64_t consensus_moves(const struct consensus *c);
int64_t consensus_promise_us(const struct consensus *c);

/* The state that is being fetched from another member, chunk by chunk. */
struct consensus_sync {
	uint64_t applied_bytes; /* of commands applied since the process started */
	bool fetching;          /* all below is zero until then */
	char from[NODE_NAME_MAX];
	uint64_t index;      /* of that state */
	uint64_t bytes_all;  /* of its chunks */
	uint64_t bytes_done; /* of those that are here and checked */
	uint64_t bytes_sent; /* that came over the network; the others were here already */
	int64_t elapsed_ms;  /* since it began */
};
void consensus_sync(const struct consensus *c, struct consensus_sync *ret);

/* How the newest picture of this node's own state was taken. */
struct consensus_picture {
	uint64_t nth;        /* since this process began; 0: none was taken yet */
	uint64_t index;      /* of that state */
	int64_t elapsed_ms;  /* from its beginning until it was durable */
	int64_t step_max_us; /* longest time for which encoding it held up everything else */
	unsigned chunks;     /* of it */
	unsigned chunks_new; /* that were encoded and written; the others were there */
	uint64_t bytes;      /* of its chunks */
	uint64_t bytes_new;  /* of those written */
	uint64_t kept_max;   /* bytes kept at a time of what changed while it was taken */
};
/* Always the same struct; its content changes with consensus_moves(). */
const struct consensus_picture *consensus_picture(const struct consensus *c);

#endif
