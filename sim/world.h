/* One simulated world: a clock, an event heap, nodes, a network, clients and checkers, all
 * from one seed. Nothing in it reads a real clock, an address or a file.
 *
 * A node is production's core.c with everything below it. The world gives it what production
 * gets from the operating system: time, randomness, a network, a disk. Whatever reaches a node
 * (a message, a link that came up, a finished write) waits in its inbox; a turn of its loop
 * takes the inbox and calls core_run(), as the loop in io/ does. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/prng.h"
#include "base/queue.h"
#include "node/core.h"
#include "sim/check.h"
#include "sim/disk.h"
#include "sim/limits.h"
#include "sim/plan.h"

struct world;
struct network;
struct clients;
struct checks;
struct orders;
struct things;

enum event_type {
	EVENT_TURN,    /* a node's loop turns: a = node */
	EVENT_PACKET,  /* a packet may have arrived: a = connection, b = direction and class */
	EVENT_DIALLED, /* a handshake ends: a = lower node, b = higher node */
	EVENT_NET,     /* silence and dialling are looked at */
	EVENT_CLIENT,  /* a client acts: a = client */
	EVENT_REPLY,   /* a client's answer leaves its node: a = client, b = operation */
	EVENT_FAULT,   /* a fault begins: a = place in the plan */
	EVENT_END,     /* a fault ends: a = place in the plan */
	EVENT_START,   /* a process starts: a = node, b = its life */
	EVENT_CLOSE,   /* a process that stops in good order closes: a = node, b = its life */
	EVENT_HEAL,    /* all faults end for good */
};

struct event {
	int64_t at_us;
	uint64_t order; /* ties go to who asked first */
	enum event_type type;
	uint64_t a;
	uint64_t b;
};

struct heap {
	struct event *items; /* owned */
	size_t n;
	size_t cap;
	uint64_t order; /* events ever added */
};

/* When a node's loop turns next. There is one for each node, and it moves far more often than
 * it comes, so that turns stand beside the heap. */
struct turn {
	int64_t at_us; /* INT64_MAX: none is planned */
	uint64_t order;
};

/* What waits for a node's next turn. */
enum input_type { INPUT_UP, INPUT_DOWN, INPUT_MESSAGE, INPUT_STRANGER };
struct input {
	struct queue link;
	enum input_type type;
	unsigned from;  /* node */
	uint64_t epoch; /* of the connection, as this node counts them */
	size_t len;
	uint8_t bytes[];
};

/* A node's CLOCK_BOOTTIME: linear in the world's time since it was last set. */
struct node_clock {
	int64_t set_us;    /* world's time then */
	int64_t value_us;  /* its own time then */
	int64_t drift_ppm; /* faster by this since then */
	int64_t wall_ms;   /* wall clock minus its own time */
	int64_t asked_us;  /* world's time when its process last read it; -1: anew */
	int64_t told_us;   /* ... and what it read */
};

enum process_state { PROCESS_DOWN, PROCESS_UP, PROCESS_STOPPING };

struct node {
	struct world *world;
	unsigned at; /* place in world->nodes */
	char name[NODE_NAME_MAX];
	struct core_config config;
	struct node_clock clock;
	struct prng random; /* its operating system's */

	enum process_state state;
	uint64_t life;      /* grows with every process: events of older ones are void */
	struct core *core;  /* NULL unless a process runs */
	struct queue inbox; /* of struct input */
	bool dead;          /* died in the middle of a turn: nothing it does leaves any more */
	bool forgot;        /* it had an identity when it started: promises are forgotten */
	bool fatal;         /* CORE_FATAL was told */
	bool reset;         /* comes back as a new, empty incarnation */
	bool aside;         /* an operator moves its directory aside */
	bool older;         /* it has an earlier release when it starts */
	raft_index older_snapshot; /* on its disk when it got that */
	uint32_t takes;            /* its release takes the state up to this version */
	bool removed;              /* it stopped because it is no member any more */
	bool closed;               /* core_close() has finished */
	bool paused;               /* SIGSTOP or a suspended machine: takes no turns */
	int64_t paused_us;         /* since then */
	int64_t asleep_us;         /* what was left of its timer when it was suspended */
	int64_t ahead_us;          /* within a turn: time lost by a pause in the middle of it */
	int64_t away_until_us;     /* such a pause lasts until then */
	unsigned crash_in;         /* dies at this many effects from now; 0: not planned */
	unsigned stall_in;         /* pauses at this many effects from now; 0: not planned */
	int64_t stall_us;          /* for so long */
	unsigned picture_crash_in; /* dies at this many chunks of its own pictures from now; 0 */
	unsigned fetch_crash_in;   /* ... of fetched ones */
	int64_t busy_us;           /* a slow processor: turns come later by up to this */
	int64_t start_us;          /* world's time when this process started */
	int64_t start_own_us;      /* the same on its own clock */
	uint64_t epoch;            /* connections of this process so far */
	unsigned keeps;            /* mask of the nodes that it keeps a link to */

	struct disk disk;               /* survives processes */
	struct disk copies[SIM_COPIES]; /* old copies of it */
	bool copied[SIM_COPIES];
	bool untrusted_clock; /* ran outside of the stated bounds at any time of this process */
	bool countdown;       /* CORE_COUNTDOWN is up */
	bool hand_over;       /* a hand-over was asked for and has not ended */
};

struct sim_options {
	uint64_t seed;
	bool trace;        /* tell the story on out */
	bool messages;     /* ... with every message */
	FILE *out;         /* of the story */
	FILE *history;     /* JSON lines of the clients' operations, or NULL */
	int64_t length_us; /* of the faults; 0: as the seed says */
	unsigned nodes;    /* 0: as the seed says */
};

/* What a run counted. */
struct sim_stats {
	int64_t virtual_us;
	uint64_t events;
	uint64_t messages;
	uint64_t ops_ok;
	uint64_t ops_fail;
	uint64_t ops_unknown;
	uint64_t reads_checked;  /* reads whose confirmations were counted */
	uint64_t writes_checked; /* writes whose places on disks were counted */
	uint64_t histories;      /* judged: one a world */
	uint64_t undecided;      /* of them not decided within the budget of steps */
	uint64_t lin_steps;      /* taken for all of them */
	uint64_t commits;
	uint64_t elections;
	uint64_t takeovers; /* elections won while the leader before lived and did not know it */
	int64_t
	    margin_min_us; /* shortest time from the end of its side's service to the election */
	uint32_t
	    margins[SIM_MARGINS];     /* these times, in steps of SIM_MARGIN_US; the last: longer */
	uint64_t pictures;            /* taken */
	uint64_t chunks_stored;       /* of taken and of fetched ones */
	uint64_t chunks_reused;       /* by pictures: equal to those of the one before */
	uint64_t chunks_read;         /* by fetches, from the own disk */
	uint64_t fetches;             /* begun */
	uint64_t fetches_done;        /* of them */
	uint64_t fetches_given_up;    /* for a newer picture, or for ever */
	uint64_t fetches_cut_off;     /* by the end of the process */
	uint64_t steps;               /* of changes of the members */
	uint64_t stand_ins;           /* standbys that take over */
	uint64_t orders;              /* about members, carried out or begun */
	uint64_t refused_entries;     /* newer states that an earlier release met in the log ... */
	uint64_t refused_pictures;    /* ... in a picture of the leader's ... */
	uint64_t refused_starts;      /* ... or on its own disk */
	uint64_t removals;            /* nodes that stopped because they are no members any more */
	uint64_t faults[FAULT_KINDS]; /* carried out */
};

struct world {
	struct sim_options options;
	struct plan plan; /* what goes wrong, and when */
	int64_t now_us;
	struct heap heap;
	struct turn turns[SIM_NODES_MAX]; /* by node */
	struct prng random;               /* of the world itself */
	struct node nodes[SIM_NODES_MAX];
	unsigned n;              /* plan.nodes, then plan.standbys */
	struct network *net;     /* owned */
	struct clients *clients; /* owned */
	struct things *things;   /* owned */
	struct checks *checks;   /* owned */
	struct orders *orders;   /* owned */
	bool healed;             /* no fault any more */
	int64_t healed_us;
	int64_t settled_us; /* everything has served again for a while; 0: not yet */
	uint64_t hash;      /* of everything that happened */
	struct sim_stats stats;
	bool failed;
	char failure[SIM_FAILURE_MAX]; /* the first failed check: its name and what it saw */
};

/* A world for this plan (whose seed gives everything else). Options are copied. */
struct world *world_new(const struct sim_options *options, const struct plan *plan);
void world_free(struct world *w);

/* Run it to its end. True when no check failed. */
bool world_run(struct world *w);

void world_at(struct world *w, int64_t at_us, enum event_type type, uint64_t a, uint64_t b);
/* The node's loop turns then, and not at the time that was planned before. */
void world_turn_at(struct node *node, int64_t at_us);

/* Everything that happens goes into the hash of the run. */
void world_note(struct world *w, uint64_t what, uint64_t a, uint64_t b);

/* One line of the story. */
void world_tell(struct world *w, const struct node *node, const char *code, const char *fmt, ...)
    PRINTF(4, 5);
bool world_tells(const struct world *w);
void world_legend(FILE *out);

/* A check failed. Only the first failure is kept. */
void world_fail(struct world *w, enum check check, const char *fmt, ...) PRINTF(3, 4);

/* A stream of random numbers of its own for this purpose. */
struct prng world_stream(uint64_t seed, uint64_t purpose);
bool world_chance(struct prng *p, unsigned percent);

/* A node's own time at a moment of the world, and back. */
int64_t clock_read(const struct node *node, int64_t world_us);
/* The same for whoever asks often at one moment. */
int64_t clock_ask(struct node *node, int64_t world_us);
int64_t clock_world(const struct node *node, int64_t own_us);
void clock_set_drift(struct node *node, int64_t drift_ppm);
void clock_stop_for(struct node *node, int64_t us);

#endif
