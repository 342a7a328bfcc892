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

struct chunks {
	struct chunk_disk disk;
	struct chunk_disk_ops ops;
	bool heard;
	bool full;            /* stores are refused for want of space */
	struct queue files;   /* struct chunk_file */
	struct queue pending; /* operations under way, in order */
	const int64_t *now_us;
	struct prng *random;
	int64_t last_due_us;
	int64_t latency_min_us;
	int64_t latency_max_us;
	/* An operation will be finished then; may be NULL. */
	void (*due)(void *arg, int64_t at_us);
	/* False: the process is dead, nothing of this reaches the disk; may be NULL. */
	bool (*effect)(void *arg);
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

int64_t chunks_due_us(const struct chunks *c);
void chunks_run(struct chunks *c);

/* Let one stored chunk rot; its file's name, or NULL when there is none. Static. */
const char *chunks_rot(struct chunks *c, uint64_t where);
bool chunks_rotten(const struct chunks *c);

#endif
