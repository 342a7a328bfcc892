/* A disk in memory behind libraft's raft_io, with the identity file beside it.
 *
 * What is durable lives in struct disk_image and survives processes; what is under way lives in
 * struct disk_io and dies with its process. Operations take virtual time and finish in order.
 * When a process dies, what was not finished is gone, or, for the first write under way, torn:
 * a part of its entries is there. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <raft.h>

#include "base/prng.h"
#include "base/queue.h"
#include "base/status.h"
#include "cluster/identity.h"

/* What the whole log up to some entry is. */
struct disk_mark {
	raft_term term;  /* of that entry */
	uint64_t chain;  /* hash of all entries up to it */
	uint64_t config; /* hash of the newest configuration up to it */
};

struct disk_entry {
	struct disk_mark mark;
	unsigned type;  /* raft's entry type */
	uint8_t *bytes; /* owned */
	size_t len;
};

struct disk_image {
	bool has_identity;
	struct identity identity;
	raft_term term;
	raft_id vote;
	raft_index start;           /* index of the first entry */
	struct disk_entry *entries; /* owned */
	size_t n;
	size_t cap;
	bool has_snapshot;
	struct raft_snapshot snapshot;  /* one buffer */
	struct disk_mark snapshot_mark; /* of the log up to its index; zeros: unknown */
};

struct disk;

struct disk_ops {
	void *arg;
	/* False: the process is dead, nothing of this reaches the disk. */
	bool (*effect)(void *arg);
	/* An entry was handed to the disk: what the log is from now on. */
	void (*appended)(void *arg, raft_index index, const struct disk_mark *mark);
	void (*voted)(void *arg, raft_term term, raft_id vote);
	/* An operation will be finished then: disk_run() is wanted. */
	void (*due)(void *arg, int64_t at_us);
	/* The committed log up to an index; zeros: not known. */
	void (*committed)(void *arg, raft_index index, struct disk_mark *ret);
};

/* The log as it was handed over, whether written yet or not: index start + i. */
struct disk_shadow {
	raft_index start;
	struct disk_mark base;   /* just before start; zeros: unknown */
	struct disk_mark *marks; /* owned */
	size_t n;
	size_t cap;
};

struct disk {
	struct raft_io io;
	struct disk_image image;
	struct disk_shadow shadow;
	struct disk_ops ops;
	const int64_t *now_us; /* the world's */
	struct prng *random;
	struct queue pending; /* operations under way, in order */
	raft_index next;      /* index of the next append */
	int64_t last_due_us;  /* operations finish in order */
	int64_t latency_us;   /* of each operation, up to twice this */
	int64_t slow_us;      /* a fault adds this */
	bool full;            /* no space in reserve is reported */
	bool fail_append;     /* the next append fails */
	bool fail_meta;       /* the next term or vote cannot be stored */
};

void disk_init(struct disk *d);
void disk_close(struct disk *d);

/* A process opens it. */
void disk_open(struct disk *d, const struct disk_ops *ops, const int64_t *now_us,
               struct prng *random);

/* Finish what is due. */
void disk_run(struct disk *d);
int64_t disk_due_us(const struct disk *d);

/* The process died: what is under way is lost, or torn. Before core_close(). */
void disk_power_off(struct disk *d, bool torn);

/* Empty it; or copy what is durable. */
void disk_wipe(struct disk *d);
void disk_copy(const struct disk *from, struct disk *to);

/* The log as handed over, up to index; false when that is not in it. */
bool disk_mark_at(const struct disk *d, raft_index index, struct disk_mark *ret);
/* The end of it. */
struct disk_mark disk_last(const struct disk *d);
/* Hash of one member of a configuration; a configuration's is the sum over its members. */
uint64_t disk_member_hash(uint64_t id, bool voter);
/* True when the log up to index with this chain is durable here. */
bool disk_holds(const struct disk *d, raft_index index, uint64_t chain);

#endif
