/* What the kernel and the disk tell about this process and its host.
 *
 * /proc answers from memory and is read at each scrape. The disk may hang, so a worker looks at
 * it, and a scrape gets what was last seen. */
#ifndef NODE_HOST_FIGURES_H
#define NODE_HOST_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "node/metrics_view.h"

struct loop;

enum {
	DISK_LOOK_US = 10 * 1000 * 1000, /* between looks: a scrape interval */
	DISK_FILES_MAX = 100000,         /* of one directory; more are not counted */
};

struct disk_figures {
	const char *dir; /* borrowed; NULL: nobody looks */
	bool looking;    /* a worker is on it */
	bool known;      /* the following were seen */
	int64_t seen_us;
	/* Written by the worker while looking is set. */
	bool failed;
	double log_bytes;
	double state_bytes;
	double free_bytes;
	double size_bytes;
};

/* Fill in the process's figures; now_us: CLOCK_BOOTTIME, wall_ms: the same moment. */
void host_process(struct metrics_view *v, int64_t now_us, int64_t wall_ms);
/* The network devices' counters. */
void host_network(struct metrics_view *v);
/* What was last seen of the disk; look again when that is old. */
void host_disk(struct metrics_view *v, struct disk_figures *d, struct loop *loop, int64_t now_us);

/* One line of /proc/net/dev. False: it is none about a device. */
bool host_device_line(const char *line, struct metrics_device *ret);

#endif
