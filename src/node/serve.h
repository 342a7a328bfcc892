/* The leader's side of requests: proposals and read indexes, for itself and for members.
 *
 * Every answer waits for its confirmation: a write for its commit, a read for a round in which
 * a majority said, later than the read came in, that this node still leads in this term. Where
 * ERLMCP_QUORUM_SIZE asks for more members than a plain majority, a committed write also waits
 * for a round, which counts the stricter number. */
#ifndef NODE_SERVE_H
#define NODE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"
#include "base/status.h"
#include "cluster/limits.h"

enum { SERVE_MAX = 262144 }; /* proposals and asks in flight at a leader: four nodes' worth */

/* Who gets an answer. */
struct asker {
	bool local;
	char peer[NODE_NAME_MAX]; /* when not local */
	uint64_t request;         /* the asker's number: a request's, or a read batch's */
};

/* A command handed to consensus; its address is the tag. */
struct proposal {
	struct queue link;
	struct asker from;
};

/* An answer that waits for a round. */
struct ask {
	struct queue link;
	struct asker from;
	bool write;      /* a committed write that waits for the stricter quorum */
	uint64_t round;  /* 0: not yet part of a round */
	uint64_t term;   /* leadership it was noted in */
	uint64_t index;  /* the read index, or the write's index */
	uint8_t *result; /* write: owned */
	size_t len;
};

struct serve {
	size_t n;
	struct queue proposals; /* of struct proposal */
	struct queue asks;      /* of struct ask, in order of arrival */
};

void serve_init(struct serve *s);
void serve_close(struct serve *s);

/* NULL when out of memory or SERVE_MAX is reached. */
struct proposal *serve_propose(struct serve *s, const struct asker *from);
void serve_forget(struct serve *s, struct proposal *p);

/* Note an answer that must be confirmed; result is copied (write only). */
struct ask *serve_ask(struct serve *s, const struct asker *from, uint64_t term, uint64_t index,
                      const uint8_t *result, size_t len);
void serve_drop(struct serve *s, struct ask *a);

/* True when some ask is not yet part of a round. */
bool serve_wants_round(const struct serve *s);

/* All asks without a round become part of this one. */
void serve_join_round(struct serve *s, uint64_t round);

/* The first ask that a confirmed round of this term covers, or NULL. */
struct ask *serve_confirmed(const struct serve *s, uint64_t term, uint64_t round);

/* The first ask of another term than this one: its leadership ended; or NULL. */
struct ask *serve_stale(const struct serve *s, uint64_t term);

#endif
