/* A raft_io in memory: deterministic, with a disk that takes virtual time and survives its
 * node. What was not finished when a node died is gone, as on a real disk. */
#ifndef SUPPORT_MEMORY_IO_H
#define SUPPORT_MEMORY_IO_H

#include <stdbool.h>
#include <stdint.h>

#include <raft.h>

#include "base/queue.h"

/* What is durable. */
struct memory_disk {
	raft_term term;
	raft_id vote;
	raft_index start;           /* index of the first entry */
	struct raft_entry *entries; /* each with memory of its own */
	size_t n;
	bool has_snapshot;
	struct raft_snapshot snapshot; /* one buffer */
};

struct memory_io {
	struct raft_io io;
	struct memory_disk *disk;
	struct queue pending; /* operations under way, in order */
	int64_t *now_us;      /* the simulation's clock */
	int64_t latency_us;   /* of each operation */
	raft_index next;      /* index of the next append */
	bool fail_writes;     /* appends fail with RAFT_IOERR */
	bool fail_meta;       /* term and vote cannot be stored */
};

void memory_disk_init(struct memory_disk *d);
void memory_disk_close(struct memory_disk *d);

void memory_io_init(struct memory_io *m, struct memory_disk *disk, int64_t *now_us,
                    int64_t latency_us);

/* When the next operation is finished; INT64_MAX when there is none. */
int64_t memory_io_due_us(const struct memory_io *m);

/* Finish what is due now. */
void memory_io_run(struct memory_io *m);

#endif
