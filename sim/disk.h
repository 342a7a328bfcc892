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

/* An entry and the hash of the whole log up to it. */
struct disk_entry {
	raft_term term;
	unsigned type;  /* raft's entry type */
	uint8_t *bytes; /* owned */
	size_t len;
	uint64_t chain;
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
	struct raft_snapshot snapshot; /* one buffer */
	uint64_t snapshot_chain;       /* of the log up to its index; 0: unknown */
};

struct disk;

struct disk_ops {
	void *arg;
	/* False: the process is dead, nothing of this reaches the disk. */
	bool (*effect)(void *arg);
	/* An entry was handed to the disk: what the log is from now on. */
	void (*appended)(void *arg, raft_index index, raft_term term, uint64_t chain);
	void (*voted)(void *arg, raft_term term, raft_id vote);
	/* An operation will be finished then: disk_run() is wanted. */
	void (*due)(void *arg, int64_t at_us);
	/* The chain of the committed log up to an index; 0: not known. */
	uint64_t (*chain_at)(void *arg, raft_index index);
};

/* The log as it was handed over, whether written yet or not: index start + i. */
struct disk_shadow {
	raft_index start;
	uint64_t base; /* chain just before start; 0: unknown */
	struct disk_mark {
		raft_term term;
		uint64_t chain;
	} * marks; /* owned */
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

/* Chain of the log as handed over; false when index is not in it. */
bool disk_chain(const struct disk *d, raft_index index, raft_term *term, uint64_t *ret);
/* True when the log up to index with this chain is durable here. */
bool disk_holds(const struct disk *d, raft_index index, uint64_t chain);

#endif
