/* A data directory whose node is stopped: set aside, looked at, and founded anew.
 *
 * Nothing is ever deleted or changed in place. What a node leaves behind is renamed to
 * raft.aside-STAMP and identity.aside-STAMP in the same directory. What takes its place, a log and
 * an identity, is written to rescue.new and read back; then one rename, to rescue.ready-STAMP,
 * decides. Before it the directory is as it was, behind it the rest is done by whoever comes
 * next: the command, the command again, or the node's start. So a crash leaves the old or the new,
 * never some of both. The caller holds the directory's lock (io/lockfile.h). */
#ifndef NODE_RESCUE_H
#define NODE_RESCUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/identity.h"
#include "consensus/storage_offline.h"

struct store;

enum { ASIDE_NAME_MAX = 48 };

/* Finish what a crash interrupted: a rescue that was decided, or a setting aside. aside: the log's
 * directory of before, "" when there was none. ST_NOT_FOUND: there is nothing to finish. ST_IO. */
CHECKED enum status rescue_finish(const char *data_dir, char ret_aside[ASIDE_NAME_MAX],
                                  char why[OFFLINE_WHY_MAX]);
/* True when rescue_finish() would have to finish a rescue. */
bool rescue_is_decided(const char *data_dir);

/* Rename log and identity. name: of the log's directory now, without the path. ST_IO. */
CHECKED enum status rescue_set_aside(const char *data_dir, char ret_name[ASIDE_NAME_MAX]);

/* This node was more than empty, and its data is set aside: until it belongs to a cluster again
 * it founds none. A file in the data directory says so, and why. */
CHECKED enum status rescue_mark_lost(const char *data_dir, const char *why);
bool rescue_is_lost(const char *data_dir);
void rescue_unmark_lost(const char *data_dir);

/* What a stopped node has. */
struct rescue {
	struct identity identity;
	struct offline_log log;
	char name[NODE_NAME_MAX]; /* its own, as the log's configuration has it; "": not in it */
};

/* Read identity and log; every entry is applied to s, which is new. why: what is wrong with
 * which file. */
CHECKED enum status rescue_look(const char *data_dir, struct store *s, struct rescue *ret,
                                char why[OFFLINE_WHY_MAX]);

/* A new cluster with one member, out of a state. */
struct rescue_plan {
	const char *name;        /* of its only member */
	uint32_t promise_max_ms; /* longest promise that it will ever allow */
	uint64_t term;           /* its log begins in this one */
	uint64_t index;          /* and at this index, behind all commands in the state */
	uint64_t parent_id;      /* the cluster that the state comes from */
	uint64_t parent_index;   /* last index taken over */
};

/* Write the new log, read it back, set what is there aside, and put the new one in its place.
 * aside: "" when there was nothing. ST_OK: the next start of the node is that of the new
 * cluster. */
CHECKED enum status rescue_found(const char *data_dir, struct store *s,
                                 const struct rescue_plan *plan, struct identity *ret,
                                 char ret_aside[ASIDE_NAME_MAX], char why[OFFLINE_WHY_MAX]);

#endif
