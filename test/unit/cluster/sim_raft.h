/* A small honest model of Raft for the tests of the cluster room: elections with pre-vote,
 * promises as libraft keeps them, a log of terms and configurations, leadership transfer.
 *
 * Terms, votes and the log survive a restart; everything else does not. An append carries the
 * leader's whole log: the model is about who leads and what is committed, not about speed. */
#ifndef SIM_RAFT_H
#define SIM_RAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "cluster/raft_view.h"

enum {
	SIM_LOG_MAX = 256,        /* entries of the longest scenario */
	SIM_CONFIGS_MAX = 64,     /* configurations of the longest scenario */
	SIM_ELECTION_US = 150000, /* lower bound of the election timeout; twice that is the upper */
	SIM_HEARTBEAT_US = 25000,
	SIM_PLAIN = -1, /* an entry that is no configuration */
};

struct sim_config {
	size_t n;
	struct raft_voter members[MEMBERS_MAX];
	struct raft_plan plan;
};

/* Configurations are immutable and shared: entries refer to them by number. */
struct sim_configs {
	size_t n;
	struct sim_config list[SIM_CONFIGS_MAX];
};

struct sim_entry {
	uint64_t term;
	int config; /* SIM_PLAIN or an index of sim_configs */
};

int sim_configs_add(struct sim_configs *configs, const struct sim_config *config);

enum sim_raft_type { SIM_VOTE_ASK, SIM_VOTE, SIM_APPEND, SIM_APPENDED, SIM_TIMEOUT_NOW };

struct sim_raft_message {
	enum sim_raft_type type;
	uint64_t from;
	uint64_t to;
	uint64_t term;
	bool pre;      /* pre-vote */
	bool disrupt;  /* ask even those who have a leader: leadership transfer */
	bool granted;  /* vote */
	size_t last;   /* last index of log[], or the matching index of an answer */
	size_t commit; /* append */
	struct sim_entry log[SIM_LOG_MAX];
};

struct sim_raft {
	struct sim_configs *configs;
	uint64_t id;
	/* on disk */
	uint64_t term;
	uint64_t voted_for;
	size_t last; /* entries log[1..last] */
	struct sim_entry log[SIM_LOG_MAX];
	size_t unstored; /* entries that a slow disk has not stored yet */
	/* in memory */
	bool started;
	enum raft_role role;
	uint64_t leader_id;
	int64_t timer_us;   /* last sign of a leader, or start of a candidacy */
	int64_t timeout_us; /* randomized */
	int64_t beat_us;    /* leader: next heartbeat */
	bool pre;           /* candidate: in pre-vote */
	bool disrupt;       /* candidate: by leadership transfer */
	size_t commit;
	uint64_t transfer_to; /* leader: hand-over in progress; 0: none */
	int64_t transfer_end_us;
	struct {
		uint64_t id;
		bool granted;
		size_t match;
		int64_t contact_us;
	} peers[MEMBERS_MAX]; /* of the newest configuration, in its order */
	struct prng random;
	void (*send)(void *arg, const struct sim_raft_message *m);
	void *arg;
};

void sim_raft_init(struct sim_raft *r, uint64_t id, struct sim_configs *configs, uint64_t seed);
/* Keep what is on disk, forget the rest. */
void sim_raft_forget(struct sim_raft *r);
void sim_raft_bootstrap(struct sim_raft *r, int config);
void sim_raft_start(struct sim_raft *r, int64_t now_us);
void sim_raft_tick(struct sim_raft *r, int64_t now_us, bool muted);
void sim_raft_receive(struct sim_raft *r, int64_t now_us, bool muted,
                      const struct sim_raft_message *m);
/* Leader: append an entry; false when this is not the leader. */
bool sim_raft_append(struct sim_raft *r, int config);
void sim_raft_transfer(struct sim_raft *r, int64_t now_us, uint64_t to);
/* The newest configuration in the log; NULL: none. */
const struct sim_config *sim_raft_config(const struct sim_raft *r);
void sim_raft_view(const struct sim_raft *r, int64_t now_us, struct raft_view *ret);

#endif
