/* Evaluations under way: text of an operator or a foreign node's call.
 *
 * The evaluator runs on a worker thread, so that no expression delays a heartbeat; calls to the
 * API registry come back to the loop's thread, and the evaluation is replayed with their
 * answers (see eval/eval.h). */
#ifndef NODE_JOBS_H
#define NODE_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/queue.h"
#include "base/status.h"
#include "eval/eval.h"

struct node;

enum {
	JOBS_RUNNING_MAX = 2,   /* worker threads that evaluations may take from the disk */
	JOBS_WAITING_MAX = 256, /* further ones wait for their turn, others are refused */
};

struct jobs {
	struct node *node;
	struct queue waiting; /* of struct job: not yet on a worker */
	size_t n_waiting;
	size_t n_running; /* on a worker right now */
	size_t n;         /* all, those that wait for an answer of the registry included */
	uint64_t refused; /* because as many as may waited */
	bool closing;
};

/* The result lives until the callback returns; NULL: the node stops, only release arg. */
typedef void (*job_done_cb)(void *arg, const struct eval_result *result);

void jobs_init(struct jobs *j, struct node *node);

/* Start one. Copies text. ST_BUSY: too many wait; ST_NOMEM. done comes exactly once, later. */
CHECKED enum status jobs_start(struct jobs *j, const char *text, size_t len, job_done_cb done,
                               void *arg);

/* No new ones; those under way end without a result. True when none is left. */
bool jobs_close(struct jobs *j);

#endif
