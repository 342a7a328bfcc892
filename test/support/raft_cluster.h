/* A few consensus rooms on disks in memory, joined by a network with latency and cuts, all in
 * virtual time from one seed. */
#ifndef SUPPORT_RAFT_CLUSTER_H
#define SUPPORT_RAFT_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/queue.h"
#include "consensus/consensus.h"
#include "sim/disk.h"

enum { RC_MAX = 7, RC_TAGS = 4096 };

struct rc_node {
	struct raft_cluster *cluster;
	unsigned at; /* place in nodes[] */
	uint64_t id;
	char name[32];
	bool founder; /* starts with the founding configuration */
	bool up;
	bool muted; /* votes neither asked for nor given */
	bool fatal; /* ops.fatal() was called */
	bool closed;
	uint32_t takes; /* state version, as an older release; 0: the newest */
	enum status
	    begun; /* outcome of its last start; only where it takes less than that may fail */
	uint64_t commands; /* sent as origin */
	struct consensus *consensus;
	struct store *store;
	struct disk disk;
};

struct rc_outcome {
	bool told;
	unsigned times;
	enum status st;
	uint64_t index;
};

struct raft_cluster {
	struct rc_node nodes[RC_MAX];
	unsigned n;
	int64_t now_us;
	struct prng prng;
	int64_t latency_us;       /* of each message, plus up to half by chance */
	struct prng disk_prng;    /* of the disks: unused while each operation takes as long */
	bool cut[RC_MAX][RC_MAX]; /* from, to */
	struct queue wire;        /* messages, in order of arrival */
	struct rc_outcome outcomes[RC_TAGS];
	uint64_t next_tag;
	enum status change; /* outcome of the last membership change or transfer */
	bool change_told;
	struct consensus_config config;
	int64_t byte_us;                 /* a byte of a normal message takes so long; 0: no time */
	int64_t free_us[RC_MAX][RC_MAX]; /* from, to: when what was sent has left the line */
	/* Sees every message that leaves; NULL: nobody looks. */
	void (*spy)(unsigned from, unsigned to, const uint8_t *bytes, size_t len);
	uint64_t steps;
};

/* n founders, not started. */
void rc_init(struct raft_cluster *rc, unsigned n, uint64_t seed);
void rc_close(struct raft_cluster *rc);

/* Add a member with an empty disk, not started. */
struct rc_node *rc_join(struct raft_cluster *rc);

void rc_start(struct raft_cluster *rc, unsigned at);
void rc_start_all(struct raft_cluster *rc);
/* Kill: what is not on disk is lost. */
void rc_stop(struct raft_cluster *rc, unsigned at);

/* Cut or heal both directions between one node and all others. */
void rc_isolate(struct raft_cluster *rc, unsigned at, bool cut);

void rc_run_ms(struct raft_cluster *rc, int64_t ms);
typedef bool (*rc_until)(struct raft_cluster *rc, unsigned arg);
/* True when the condition came true within ms. */
bool rc_run_until(struct raft_cluster *rc, rc_until until, unsigned arg, int64_t ms);

/* The node that leads in the highest term among those that run; -1: none. */
int rc_leader(struct raft_cluster *rc);
bool rc_has_leader(struct raft_cluster *rc, unsigned arg);
/* One of three that does not lead. */
unsigned rc_follower(struct raft_cluster *rc);
/* The state of this node is the leader's. */
bool rc_in_sync(struct raft_cluster *rc, unsigned at);
/* A leader other than arg, with an entry of its term committed. */
bool rc_other_leads(struct raft_cluster *rc, unsigned arg);
struct raft_view rc_view(struct raft_cluster *rc, unsigned at);

/* A session's id for a number: spread over the buckets, as random ids are. */
struct session_id rc_session(unsigned number);

/* Propose creating that session; its tag, or 0 when refused. */
uint64_t rc_create(struct raft_cluster *rc, unsigned at, unsigned number, enum status *st);
/* Propose that the state is upgraded to a version. */
uint64_t rc_upgrade(struct raft_cluster *rc, unsigned at, uint32_t version, enum status *st);
/* Wait until the proposal's outcome is told. */
bool rc_wait(struct raft_cluster *rc, uint64_t tag, int64_t ms);
void rc_change_cb(void *arg, enum status st);

/* Deliver bytes from one node to another now. */
enum status rc_inject(struct raft_cluster *rc, unsigned from, unsigned to, const uint8_t *bytes,
                      size_t len);

#endif
