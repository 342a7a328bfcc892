/* May this node be given work, and if not, why and what to do: one word for machines, two
 * sentences for people. Pure. Words are documented in doc/reference/http.md and stay. */
#ifndef NODE_HEALTH_H
#define NODE_HEALTH_H

#include <stdbool.h>

#include "base/buf.h"
#include "cluster/cluster.h"

struct health_view {
	const char *node;
	bool loading;   /* what is on the disk is being read */
	bool starting;  /* not everything is open yet */
	bool stopping;  /* told to stop */
	bool may_serve; /* core_may_serve() */
	bool damaged;   /* its memory changed by itself */
	bool disk_full; /* writes are refused: a majority has no space */
	unsigned alarms;
	const char *leader; /* NULL: none is known */
	int64_t uptime_ms;
	const struct cluster_status *cluster; /* loading: only why, with the progress, counts */
};

struct health {
	bool ready;
	const char *reason;  /* the word; static */
	const char *message; /* static, or the view's */
	const char *remedy;  /* static */
};

struct health health_of(const struct health_view *v);

/* As a JSON object and a line end. ST_NOMEM in b. */
void health_json(const struct health_view *v, const struct health *h, struct buf *b);

#endif
