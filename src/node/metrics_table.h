/* Every metric of /metrics: one line of a table each, from which the exposition, its reference
 * (doc/reference/metrics.md) and the tests come. Adding one is a line here and a function.
 *
 * Names follow Prometheus' conventions: base units, _total behind what only grows. A name, once
 * released, keeps its meaning: alerts and dashboards are written against it. */
#ifndef NODE_METRICS_TABLE_H
#define NODE_METRICS_TABLE_H

#include <stddef.h>

#include "base/buf.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

/* The headings of the reference, in its order. */
#define METRIC_GROUP_MAP(X)                                             \
	X(RUNBOOK, "What the runbooks' alerts and targets are about")   \
	X(VERDICT, "The verdict of this node")                          \
	X(PARTITION, "Partitions: how fast they were found and healed") \
	X(MEMBERS, "Members and links")                                 \
	X(RAFT, "Raft and the disk")                                    \
	X(STATE, "Sessions, limits and the replicated state")           \
	X(EQUAL, "Comparing and synchronising the members")             \
	X(WORK, "Requests")                                             \
	X(PROCESS, "The process and its host")

enum metric_group {
#define METRIC_GROUP_ENUM(name, title) METRICS_##name,
	METRIC_GROUP_MAP(METRIC_GROUP_ENUM)
#undef METRIC_GROUP_ENUM
	    METRIC_GROUPS
};

/* Where the samples come from. */
enum metric_source {
	FROM_VIEW,      /* a double of struct metrics_view */
	FROM_PEER,      /* a double of struct metrics_peer, for each of them */
	FROM_HISTOGRAM, /* a histogram of struct metrics */
	FROM_FUNCTION,
};

struct exposition;
struct metrics_view;

struct metric {
	enum metric_group group;
	enum metric_type type;
	const char *name;   /* of a counter with _total */
	const char *unit;   /* seconds, bytes, ratio: the name ends in it; "": a number of things */
	const char *labels; /* "node", "door operation"; "": none */
	const char *help;   /* one line: what it is and where it is from */
	enum metric_source source;
	size_t at; /* FROM_VIEW, FROM_PEER, FROM_HISTOGRAM: of the field */
	void (*put)(struct exposition *x, const struct metrics_view *v); /* FROM_FUNCTION */
};

extern const struct metric metrics_table[];
extern const size_t metrics_n;

const char *metric_type_name(enum metric_type type);

/* doc/reference/metrics.md: `erlmcp-admin metrics --reference`. */
void metrics_reference(struct buf *b);

#endif
