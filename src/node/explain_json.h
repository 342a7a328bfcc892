/* Why a node is in its state, as JSON: what `erlmcp-admin explain` and `whatif` read.
 *
 * Version 1; documented in doc/reference/incidents.md. Units are in the names; a value that
 * is not known is null. */
#ifndef NODE_EXPLAIN_JSON_H
#define NODE_EXPLAIN_JSON_H

#include <stdint.h>

#include "base/buf.h"
#include "cluster/explain.h"
#include "node/core.h"

/* The last change of state, with what it was decided from. */
struct explain_decision {
	bool made; /* false: there was none since the process started */
	enum cluster_state from;
	int64_t boot_us; /* when, CLOCK_BOOTTIME */
	int64_t wall_ms; /* the same, since the epoch */
	struct cluster_explanation inputs;
};

/* What the cluster room does not know. */
struct explain_extra {
	const char *node;
	int64_t now_us;
	int64_t wall_ms;
	bool damaged; /* the state in memory differs from the others' */
	bool served;  /* since the process started */
	const char *data_dir;
	int64_t disk_free; /* bytes; -1: unknown */
	int64_t disk_all;
	enum core_disk disk;  /* whether there is space for what comes */
	uint64_t disk_stored; /* newest entry on the disk ... */
	uint64_t disk_commit; /* ... and newest committed one */
	const struct cluster_config *settings;
	const struct explain_decision *decision;
};

/* Append one JSON object and a line break: pure. ST_NOMEM ends as the buffer's status. */
void explain_json(const struct explain_extra *x, const struct cluster_explanation *e,
                  const struct cluster_status *status, const struct raft_view *raft, struct buf *b);

#endif
