/* The node's status as JSON: what erlmcp-admin, `erlmcp status`, scripts and health checks read.
 *
 * Version 1; documented in doc/reference/status-json.md. Times are milliseconds, a value that is
 * not known is null, numbers that may exceed 2^53 (raft ids, hashes) are hexadecimal text. */
#ifndef NODE_STATUS_JSON_H
#define NODE_STATUS_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cluster/cluster.h"

struct node;

struct audit_sync;
struct audit_totals;
struct metrics_limit;

struct status_alarm {
	const char *text;
	int64_t since_ms; /* milliseconds since the epoch */
};

/* What the cluster room and consensus do not know. */
struct status_extra {
	const char *node; /* this node's name */
	int64_t pid;
	int64_t uptime_ms;
	int64_t wall_ms;
	int64_t now_us;      /* CLOCK_BOOTTIME, as in the cluster's status */
	uint64_t cluster_id; /* 0: none yet */
	uint64_t store_index;
	uint64_t store_digest;
	uint64_t sessions;
	const char *warning;              /* about the quorum size; NULL: none */
	const struct audit_totals *audit; /* comparisons with the others; NULL: not told */
	const struct audit_sync *sync;    /* how far this node is; NULL: not told */
	const struct status_alarm *alarms;
	size_t n_alarms;
	const struct metrics_limit *limits; /* that clients can hit */
	size_t n_limits;
};

/* Append one JSON object and a line break: pure. ST_NOMEM ends as the buffer's status. */
void status_json(const struct status_extra *x, const struct cluster_status *c,
                 const struct raft_view *raft, struct buf *b);

/* The same of a running node. */
void node_status_json(struct node *n, struct buf *b);

#endif
