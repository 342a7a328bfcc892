/* A disk in memory behind libraft's raft_io, with the identity file beside it: the simulator's,
 * and the one of the consensus room's own tests.
 *
 * What is durable lives in struct disk_image and survives processes; what is under way dies with
 * its process. Operations take virtual time and finish in order. When a process dies, what was
 * not finished is gone, or torn: a part of its entries is there.
 *
 * Rot is bytes that changed by themselves. The bytes stay here as they are; what is marked is
 * reported as consensus/storage.c and libraft report it on real files: with the file's name when
 * it is loaded or read. Nobody can tell the rot of the very last write from its torn end, so that
 * write does not rot here. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <raft.h>

#include "base/prng.h"
#include "base/queue.h"
#include "base/status.h"
#include "cluster/identity.h"
#include "sim/chunks.h"

/* What the whole log up to some entry is. */
struct disk_mark {
	raft_term term;  /* of that entry */
	uint64_t chain;  /* hash of all entries up to it */
	uint64_t config; /* hash of the newest configuration up to it */
};

struct disk_entry {
	struct disk_mark mark;
	unsigned type;  /* raft's entry type */
	unsigned batch; /* the write that it came with: one checksum for all of it */
	bool rotten;    /* that checksum does not fit any more */
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
	raft_index open_from;           /* entries from here on are in the open segment */
	unsigned batches;               /* writes so far */
	bool identity_rotten;           /* until the file is replaced */
	bool snapshot_rotten;           /* until a newer one is stored */
	unsigned meta_rotten;           /* writes until both metadata files are replaced */
};

/* What can be made to fail, once each. */
enum disk_failure {
	DISK_APPEND = 1 << 0,   /* the next append is refused at once */
	DISK_WRITE = 1 << 1,    /* the next append fails while it is written */
	DISK_META = 1 << 2,     /* the next term or vote cannot be stored */
	DISK_TRUNCATE = 1 << 3, /* the next truncation is not done, and no write after it */
	DISK_PUT = 1 << 4,      /* the next snapshot cannot be stored */
	DISK_GET = 1 << 5,      /* the next snapshot cannot be read */
	DISK_LOAD = 1 << 6,     /* the next load fails */
	DISK_PERSIST = 1 << 7,  /* the next identity cannot be stored */
};

/* What can rot. */
enum disk_part { DISK_IDENTITY, DISK_METADATA, DISK_ENTRY, DISK_SNAPSHOT, DISK_CHUNK, DISK_PARTS };

struct disk;

/* Whom it tells; each may be NULL. */
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
	/* struct chunks: asked */
	bool (*chunk_asked)(void *arg, uint64_t tag, bool lost_power);
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
	struct chunks chunks; /* of the state */
	struct disk_image image;
	struct disk_shadow shadow;
	struct disk_ops ops;
	const int64_t *now_us; /* the world's */
	struct prng *random;
	struct queue pending;   /* operations under way, in order */
	raft_index next;        /* index of the next append */
	int64_t last_due_us;    /* operations finish in order */
	int64_t latency_min_us; /* of each operation, at the least ... */
	int64_t latency_max_us; /* ... and at the most */
	int64_t slow_us;        /* a fault adds this */
	bool full;              /* no space in reserve is reported */
	unsigned failures;      /* enum disk_failure, each taken off when it happens */
	bool broken;            /* a truncation failed: this process writes nothing more */
};

void disk_init(struct disk *d);
void disk_close(struct disk *d);

/* A process opens it. */
void disk_open(struct disk *d, const struct disk_ops *ops, const int64_t *now_us,
               struct prng *random);

/* Replace the identity file. ST_NO_SPACE, ST_IO: it is as before. */
CHECKED enum status disk_persist(struct disk *d, const struct identity *id);

/* Finish what is due. */
void disk_run(struct disk *d);
int64_t disk_due_us(const struct disk *d);

/* The process died: what is under way is lost, or torn. Before core_close(). */
void disk_power_off(struct disk *d, bool torn);

/* The process ended in good order: no segment is open any more. */
void disk_seal(struct disk *d);

/* Let a part of it rot; where: which entry. The name of the file, or NULL when there is none. */
const char *disk_rot(struct disk *d, enum disk_part part, uint64_t where);
/* True while something on it is rotten. */
bool disk_rotten(const struct disk *d);

/* Empty it; or copy what is durable. */
void disk_wipe(struct disk *d);
void disk_copy(const struct disk *from, struct disk *to);

/* The log as handed over, up to index; false when that is not in it. */
bool disk_mark_at(const struct disk *d, raft_index index, struct disk_mark *ret);
/* The end of it. */
struct disk_mark disk_last(const struct disk *d);
/* Hash of one member of a configuration; a configuration's is the sum over its members. */
static inline uint64_t disk_member_hash(uint64_t id, bool voter)
{
	struct prng p = {id ^ (uint64_t)voter << 63};

	return prng_next(&p);
}
/* True when the log up to index with this chain is durable here. */
bool disk_holds(const struct disk *d, raft_index index, uint64_t chain);

#endif
