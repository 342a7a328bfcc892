/* What a node measures of itself: counters, histograms, and the story of a partition.
 *
 * Pure: events and times come in, figures are kept; the node's other files call it, and
 * metrics_table.c tells what each figure is called. Recording costs some tens of nanoseconds and
 * allocates nothing. Times are CLOCK_BOOTTIME in microseconds.
 *
 * A partition, as counted here, begins when a member is lost while none was, and ends when the
 * node serves with all members heard; what happens before it served so for the first time is its
 * start. That a member's process died looks the same from here, and
 * is counted the same: to its clients it is. */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/cluster.h"

enum { HISTOGRAM_BUCKETS = 16 };

/* Which bounds a histogram has. */
enum histogram_scale {
	SCALE_INCIDENT, /* 10 ms to 10 min, around the runbooks' 15 s, 30 s and 5 min */
	SCALE_REQUEST,  /* 50 us to 5 s */
};

struct histogram {
	enum histogram_scale scale;
	uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* by bucket, not cumulative; last: beyond all */
	uint64_t n;
	int64_t sum_us;
};

/* The upper bounds of a scale, HISTOGRAM_BUCKETS of them, growing. */
const int64_t *histogram_bounds_us(enum histogram_scale scale);
void histogram_add(struct histogram *h, int64_t us);

/* Alarms as label values; the first words of the texts that name them. */
#define METRIC_ALARM_MAP(X)                                                \
	X(FOREIGN, "foreign_cluster", "split brain: foreign cluster id")   \
	X(EXPECTED, "expected_members", "different expected members")      \
	X(MALFORMED, "malformed_message", "malformed message")             \
	X(PROMISE, "promise_bound", "promise bound does not fit")          \
	X(EXPEL, "lost_incarnation", "lost incarnation cannot be removed") \
	X(ROLLED_BACK, "rolled_back_disk", "rolled-back disk")             \
	X(DETECTORS, "detectors_disagree", "detectors disagree")           \
	X(DISKS, "majority_of_disks_lost", "majority of disks lost")       \
	X(TWO_VOTERS, "two_voters", "two voters")                          \
	X(DISK_FULL, "disk_full", "disk full")                             \
	X(DIFFER, "members_differ", "members differ")                      \
	X(MEMORY, "memory_changed", "memory changed by itself")            \
	X(OTHER, "other", "")

enum metric_alarm {
#define METRIC_ALARM_ENUM(name, word, text) METRIC_ALARM_##name,
	METRIC_ALARM_MAP(METRIC_ALARM_ENUM)
#undef METRIC_ALARM_ENUM
	    METRIC_ALARMS
};

/* The kind of an alarm, by its text. */
enum metric_alarm metric_alarm_of(const char *text);
const char *metric_alarm_word(enum metric_alarm alarm);

enum metric_door { DOOR_CLIENT, DOOR_API, METRIC_DOORS };

/* Operations in groups: a histogram each. OTHER is what no table names: 0. STREAM writes event
 * logs, REPLAY reads them; PENDING is all about questions that wait for an answer. */
#define METRIC_OPERATION_MAP(X) \
	X(OTHER, "other")       \
	X(CREATE, "create")     \
	X(GET, "get")           \
	X(PUT, "put")           \
	X(DELETE, "delete")     \
	X(SESSION, "session")   \
	X(STREAM, "stream")     \
	X(REPLAY, "replay")     \
	X(PENDING, "pending")   \
	X(HANDLE, "handle")     \
	X(TASK, "task")

enum metric_operation {
#define METRIC_OPERATION_ENUM(name, word) OPERATION_##name,
	METRIC_OPERATION_MAP(METRIC_OPERATION_ENUM)
#undef METRIC_OPERATION_ENUM
	    METRIC_OPERATIONS
};

#define METRIC_OUTCOME_MAP(X)         \
	X(OK, "ok")                   \
	X(NOT_FOUND, "not_found")     \
	X(FENCED, "fenced")           \
	X(UNKNOWN, "unknown")         \
	X(UNCONFIRMED, "unconfirmed") \
	X(BUSY, "busy")               \
	X(INVALID, "invalid")         \
	X(FAILED, "failed")

enum metric_outcome {
#define METRIC_OUTCOME_ENUM(name, word) OUTCOME_##name,
	METRIC_OUTCOME_MAP(METRIC_OUTCOME_ENUM)
#undef METRIC_OUTCOME_ENUM
	    METRIC_OUTCOMES
};

enum metric_countdown { COUNTDOWN_BEGUN, COUNTDOWN_ABORTED, COUNTDOWN_OVER, METRIC_COUNTDOWNS };

/* Status codes of HTTP that are counted each; others together. */
enum {
	METRIC_HTTP_CODES = 13,
	METRIC_RESULTS = 64 /* enum store_result has fewer */
};
extern const unsigned metric_http_codes[METRIC_HTTP_CODES]; /* the last one, 0: others */

struct metric_member {
	char name[NODE_NAME_MAX];
	uint64_t losses;
	uint64_t returns;
};

/* A partition under way. */
struct incident {
	bool open;
	int64_t began_us;    /* the last word of the first member lost */
	int64_t heal_us;     /* the first member heard again since the last loss; 0: none */
	int64_t order_us;    /* the first order of an operator; 0: none */
	bool syncing;        /* not all members have applied sync_index */
	uint64_t sync_index; /* committed when the heal began */
};

/* This node's own leadership in its present term. */
struct reign {
	bool leads;
	bool served;        /* it has served in this term */
	uint64_t term;      /* as last seen, whoever leads */
	int64_t elected_us; /* when it was elected */
	int64_t empty_us;   /* the last word of the leader before it; 0: there was none */
};

struct metrics {
	bool whole; /* this node has served with all members heard: before that, nobody is lost */
	struct incident incident;
	struct reign reign;
	char leader[NODE_NAME_MAX]; /* known now; "": none */
	char before[NODE_NAME_MAX]; /* the one before that; "": none yet */

	struct histogram detection;
	struct histogram duration;
	struct histogram fence;
	struct histogram margin;
	struct histogram takeover;
	struct histogram heal;
	struct histogram in_sync;
	struct histogram manual;
	struct histogram disk_write;
	struct histogram stall;
	struct histogram operations[METRIC_DOORS][METRIC_OPERATIONS];

	uint64_t outcomes[METRIC_DOORS][METRIC_OUTCOMES];
	uint64_t state_changes[CLUSTER_STATES];
	uint64_t countdowns[METRIC_COUNTDOWNS];
	uint64_t alarms[METRIC_ALARMS]; /* raised */
	uint64_t http[METRIC_HTTP_CODES];
	uint64_t too_large[METRIC_RESULTS]; /* refused before the log, by enum store_result */
	uint64_t partitions;
	uint64_t automatic; /* recoveries */
	uint64_t by_hand;   /* recoveries with an operator's order */
	uint64_t leader_changes;
	uint64_t term_changes;
	uint64_t refused;     /* connections of nodes */
	uint64_t clock_jumps; /* of the wall clock */
	int64_t clock_jump_us;

	int64_t
	    wall_offset_us; /* wall clock less monotonic one, in the last turn; 0: no turn yet */
	int64_t due_us;     /* when the next turn was due; 0: not known */

	size_t n_members;
	struct metric_member members[MEMBERS_MAX];
};

void metrics_init(struct metrics *m);

/* A member was heard again (up) or lost. silent_us: since its last word. commit: known by now. */
void metrics_member(struct metrics *m, int64_t now_us, const char *peer, bool up, int64_t silent_us,
                    uint64_t commit);

/* The life cycle moved. silent_us: since the majority, or the leader, was last heard. */
void metrics_state(struct metrics *m, enum cluster_state to, int64_t silent_us);

/* Another leader is known; "": none any more. */
void metrics_leader(struct metrics *m, const char *name);
/* Whose place self took, or takes, when it is elected; "": nobody's. */
const char *metrics_leader_before(const struct metrics *m, const char *self);
void metrics_alarm(struct metrics *m, const char *text);
void metrics_countdown(struct metrics *m, enum metric_countdown what);

/* An operator ordered something about members or their view. */
void metrics_order(struct metrics *m, int64_t now_us);

/* The order of that moment was refused: it has not helped. */
void metrics_order_refused(struct metrics *m, int64_t given_us);

/* One turn of the loop. */
struct metrics_turn {
	int64_t now_us;
	int64_t wall_us;
	enum cluster_state state;
	bool may_serve;
	const struct raft_view *raft;
	int64_t guard_us; /* lease_guard_ms */
};
void metrics_turn(struct metrics *m, const struct metrics_turn *t);

/* True while metrics_synced() is to be told how far the members are. */
bool metrics_wants_sync(const struct metrics *m);
/* The index that every member of the newest configuration is known to have applied. */
void metrics_synced(struct metrics *m, int64_t now_us, uint64_t applied);

/* True when this node was elected since the last call, so that metrics_elected() is to be told
 * since when metrics_leader_before() is silent. -1: there was none. */
bool metrics_wants_elected(const struct metrics *m, const struct raft_view *raft);
void metrics_elected(struct metrics *m, int64_t now_us, const struct raft_view *raft,
                     int64_t silent_us);

void metrics_operation(struct metrics *m, enum metric_door door, enum metric_operation operation,
                       enum metric_outcome outcome, int64_t us);
void metrics_http(struct metrics *m, unsigned code);
/* A value was too large to become a command; how: the store_result that says so. */
void metrics_too_large(struct metrics *m, unsigned how);

/* The mean of a histogram in seconds; NAN: it is empty. */
double histogram_mean_s(const struct histogram *h);

#endif
