/* The chunk disk in memory, beside sim/disk.h: what is stored survives processes; a name that
 * was not made durable yet may be gone after a loss of power. */
#ifndef SIM_CHUNKS_H
#define SIM_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/queue.h"
#include "consensus/chunk_disk.h"

struct chunk_file {
	struct queue link;
	struct chunk_name name;
	bool durable;   /* its name too */
	bool rotten;    /* a byte of it has changed */
	uint8_t *bytes; /* owned */
	size_t len;
};

/* What can be made to fail, once each. */
enum chunk_failure {
	CHUNK_STORE = 1 << 0, /* the next chunk is not stored */
	CHUNK_SYNC = 1 << 1,  /* the next sync fails */
	CHUNK_READ = 1 << 2,  /* the next chunk is not read */
};

struct chunks {
	struct chunk_disk disk;
	struct chunk_disk_ops ops;
	bool heard;
	bool full;               /* stores are refused for want of space: the whole disk has none */
	bool no_space;           /* the same, for chunks only */
	bool short_of_memory;    /* nothing is begun */
	bool power_off_at_sync;  /* the machine loses power when the next sync is asked for */
	bool lost;               /* what was stored was taken away, or replaced by an old copy */
	unsigned failures;       /* enum chunk_failure, each taken off when it happens */
	int64_t slow_us;         /* a fault adds this to every operation */
	struct commit_mark mark; /* the last one; index 0: none */
	struct commit_mark old_mark; /* the one before it */
	uint64_t stored;             /* chunks that reached the disk, ever */
	uint64_t read;               /* chunks of its own that it read for a fetch, ever */
	struct queue files;          /* struct chunk_file */
	struct queue pending;        /* operations under way, in order */
	const int64_t *now_us;
	struct prng *random;
	int64_t last_due_us;
	int64_t latency_min_us;
	int64_t latency_max_us;
	/* An operation will be finished then; may be NULL. */
	void (*due)(void *arg, int64_t at_us);
	/* False: the process is dead, nothing of this reaches the disk; may be NULL. */
	bool (*effect)(void *arg);
	/* An operation was asked for, with this tag; lost_power: it is the last thing that happens.
	 * False: the process is dead. May be NULL. */
	bool (*asked)(void *arg, uint64_t tag, bool lost_power);
	void *arg;
};

void chunks_init(struct chunks *c);
/* Remove everything. Nothing is under way. */
void chunks_wipe(struct chunks *c);
void chunks_copy(const struct chunks *from, struct chunks *to);

/* A process begins or ends: what was under way is gone. */
void chunks_open(struct chunks *c, const int64_t *now_us, struct prng *random);
/* power: names that are not durable may be gone, too. */
void chunks_power_off(struct chunks *c, bool power);

/* What is stored is gone; with an old copy, that is there instead. Nothing is under way. */
void chunks_lose(struct chunks *c, const struct chunks *old);
/* Nothing goes wrong from now on. */
void chunks_heal(struct chunks *c);

/* The stored version of a chunk; NULL: it is not there. */
const struct chunk_file *chunks_find(const struct chunks *c, const struct chunk_name *name);

int64_t chunks_due_us(const struct chunks *c);
void chunks_run(struct chunks *c);

/* Let one stored chunk rot; its file's name, or NULL when there is none. Static. */
const char *chunks_rot(struct chunks *c, uint64_t where);
bool chunks_rotten(const struct chunks *c);

#endif
