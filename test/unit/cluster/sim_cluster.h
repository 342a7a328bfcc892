/* Whole clusters in virtual time: N cluster rooms, a model of Raft under each, and a network
 * of directed links that can be cut, delayed and healed.
 *
 * A cut is silent: what is sent waits, as in a TCP socket, and arrives after healing unless
 * the link was given up for silence meanwhile. Each node has a clock of its own, with its own
 * zero and its own rate. What happens is written down as a trace, one line an event:
 *
 *     [  300] b: serving -> fenced: lease of leader ...
 *
 * After every step of a node the invariants of the room are checked:
 *  - at most one node holds a lease;
 *  - a follower is confirmed only for the leader that holds the lease;
 *  - a round is confirmed only if no newer leadership had begun to commit when it was opened.
 * The last one must hold even with clocks that break every assumption (broken_clocks). */
#ifndef SIM_CLUSTER_H
#define SIM_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/prng.h"
#include "cluster/cluster.h"
#include "sim_raft.h"

enum {
	SIM_NODES_MAX = 8,
	SIM_SILENCE_US = 1000000,  /* a link silent for this long is closed */
	SIM_REDIAL_US = 50000,     /* and dialled again this often */
	SIM_DETECTION_US = 250000, /* defaults of the configuration */
	SIM_BEAT_US = 25000,
	SIM_TRACE_MAX = 1 << 20,
};

struct sim_packet {
	struct sim_packet *next;
	int64_t at_us;                 /* arrives then, unless the way is cut */
	uint64_t link;                 /* number of the link that it travels on */
	struct sim_raft_message *raft; /* NULL: a cluster message */
	uint8_t *bytes;
	size_t len;
};

/* One direction between two nodes. */
struct sim_way {
	bool cut;
	int64_t delay_us;
	int64_t heard_us; /* last arrival or link up, on the simulator's clock */
	struct sim_packet *first;
	struct sim_packet **last;
};

struct sim_node {
	struct sim *sim;
	size_t at;
	char name[NODE_NAME_MAX];
	bool running;
	bool paused;          /* SIGSTOP: takes no step; the world goes on */
	int64_t zero_us;      /* its clock when the simulator's was 0 */
	int64_t drift_ppm;    /* its clock is faster by this */
	struct identity disk; /* as last persisted */
	struct cluster_config config;
	struct cluster *cluster; /* NULL unless running */
	struct sim_raft raft;
	int64_t paused_us;      /* since then */
	uint64_t released_term; /* it gave this term's lease up by plan: no margin is promised */
	uint64_t round;         /* newest round opened */
	uint64_t round_term;
	uint64_t round_floor; /* newest term with a commit when it was opened */
	uint64_t confirmed;   /* newest confirmed */
	unsigned leader_term; /* last leadership traced */
};

struct sim {
	uint64_t seed; /* told with every failure */
	int64_t now_us;
	size_t n;
	struct sim_node nodes[SIM_NODES_MAX];
	struct sim_way ways[SIM_NODES_MAX][SIM_NODES_MAX]; /* [from][to] */
	uint64_t links[SIM_NODES_MAX][SIM_NODES_MAX];      /* present link's number; 0: none */
	int64_t redial_us[SIM_NODES_MAX][SIM_NODES_MAX];
	bool met[SIM_NODES_MAX][SIM_NODES_MAX]; /* a link begins anew as a member's */
	uint64_t n_links;                       /* ever made */
	struct sim_configs configs;
	struct prng random;
	uint64_t commit_term; /* newest term in which anything was committed */
	bool quiet;           /* no trace: random runs */
	bool broken_clocks;   /* clocks stop while paused: leases may overlap, rounds must not */
	bool with_why;        /* the trace tells the reason of each change of state */
	struct buf trace;
};

struct sim_options {
	unsigned quorum_size; /* 0: the number of nodes */
	bool force_shutdown;
	int64_t shutdown_delay_us; /* 0: ten seconds */
	int64_t detection_us;      /* 0: SIM_DETECTION_US */
	size_t founders;           /* 0: all; else the nodes behind expect node a and themselves */
	int64_t standby_after_us;
	uint64_t seed;
};

/* n nodes named erlmcp@a, erlmcp@b ..., all expected by all, none running. */
struct sim *sim_new(size_t n, const struct sim_options *options);
void sim_free(struct sim *s);

void sim_start(struct sim *s, const char *nodes); /* "abc" */
void sim_kill(struct sim *s, char node);
void sim_wipe(struct sim *s, char node); /* while killed: a new disk */
void sim_pause(struct sim *s, char node);
void sim_resume(struct sim *s, char node);

/* Cut silently: one direction; both; or every way between groups, as in "ab|cde". */
void sim_cut_way(struct sim *s, char from, char to);
void sim_cut(struct sim *s, char a, char b);
void sim_split(struct sim *s, const char *groups);
void sim_heal(struct sim *s);
/* Close the link at once (a noisy fault: an address is gone). */
void sim_drop_link(struct sim *s, char a, char b);

void sim_run_ms(struct sim *s, int64_t ms);
/* Run until all of these nodes are in the state; fails the test after max_ms. */
void sim_await(struct sim *s, const char *nodes, enum cluster_state state, int64_t max_ms);

char sim_leader(const struct sim *s); /* the running leader of the newest term; 0: none */
void sim_transfer(struct sim *s, char to);
/* Open a round at node; false when refused. */
bool sim_round(struct sim *s, char node);
/* Start with a founded, serving cluster and an empty trace. */
struct sim *sim_serving(size_t n, const struct sim_options *options);

struct sim_node *sim_node(struct sim *s, char node);
struct sim_node *sim_node_by_id(struct sim *s, uint64_t raft_id);
char sim_letter(const struct sim_node *node);
/* Fail the test if an invariant does not hold now. */
void sim_check(struct sim *s);
int64_t sim_clock_us(const struct sim_node *node);
enum cluster_state sim_state(struct sim *s, char node);
void sim_status(struct sim *s, char node, struct cluster_status *ret);
int64_t sim_doubt_us(struct sim *s, char node);
bool sim_may_serve(struct sim *s, char node);
/* Deliver raw bytes as if node `from` had sent them to `to`. */
void sim_inject(struct sim *s, char from, char to, const uint8_t *bytes, size_t len);

/* An operator's order at the leader, as node/ carries it out; 0: no node. Returns the verdict's
 * status and leaves its text in *ret_text (static). */
enum status sim_order(struct sim *s, enum plan_kind kind, char subject, char other,
                      const char **ret_text);
enum status sim_order_cancel(struct sim *s, const char **ret_text);

/* The trace since the last call; valid until the simulation goes on. */
const char *sim_trace(struct sim *s);
void sim_trace_clear(struct sim *s);
/* Fails and shows the trace unless it is as expected; clears it. */
void sim_assert_trace(struct sim *s, const char *expected, const char *file, int line);
#define assert_trace(s, expected) sim_assert_trace((s), (expected), __FILE__, __LINE__)

#endif
