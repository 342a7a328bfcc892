/* A log's directory while no node runs on it: what it holds, and a new one for a new cluster.
 *
 * For operators: recovery from a lost majority, and restoring a backup. A log is never changed in
 * place: what is read is a copy, and what is written is a new directory. Entries that are stored
 * here and were perhaps never committed count as what they are: this node may have acknowledged
 * them, and the others, who knew better, are gone. */
#ifndef CONSENSUS_STORAGE_OFFLINE_H
#define CONSENSUS_STORAGE_OFFLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/limits.h"

struct store;

enum { OFFLINE_WHY_MAX = 1600 }; /* a path and a sentence */

struct offline_member {
	uint64_t id; /* raft id */
	char name[NODE_NAME_MAX];
	bool voter;
};

/* What a log's directory holds. */
struct offline_log {
	uint64_t term;           /* the newest that it knows */
	uint64_t snapshot_index; /* 0: it has none. Up to here everything was committed */
	uint64_t last_index;     /* of the last entry */
	uint64_t commands;       /* in the entries behind the snapshot */
	size_t n_members;        /* of the newest configuration in it */
	struct offline_member members[MEMBERS_MAX];
};

/* Read the log in dir, applying every entry to s, which is new. A copy is made beside it and
 * removed again. ST_CORRUPT: why names file, offset and rule. ST_NOT_FOUND: there is no log. */
CHECKED enum status offline_read(const char *dir, struct store *s, struct offline_log *ret,
                                 char why[OFFLINE_WHY_MAX]);

/* How a new log begins. */
struct offline_start {
	uint64_t raft_id; /* of the only voter */
	const char *name; /* its node name */
	uint64_t term;    /* in which the log begins */
	uint64_t index;   /* of its first configuration; behind all commands in the state */
};

/* Make dir, and in it a log that begins with the state in s and a configuration of one voter.
 * Durable when it returns ST_OK; otherwise remove it with copy_remove(). */
CHECKED enum status offline_write(const char *dir, struct store *s,
                                  const struct offline_start *start, char why[OFFLINE_WHY_MAX]);

#endif
