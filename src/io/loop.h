/* The loop that a node lives on: turns, one deadline, signals, one delayed call, workers.
 *
 * Before each wait the owner's turn() runs; the loop then waits for sockets, but not beyond the
 * owner's deadline. Nothing is decided here. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdint.h>

#include "base/status.h"

struct loop;
struct uv_loop_s;

struct loop_ops {
	void *arg;
	/* Do what is due; called once in every turn, before the loop waits. */
	void (*turn)(void *arg);
	/* When turn() must run again, at the latest. */
	int64_t (*deadline_us)(void *arg);
	/* The clock of that deadline, fresh. */
	int64_t (*now_us)(void *arg);
	/* SIGTERM or SIGINT arrived. */
	void (*signalled)(void *arg, int number);
};

/* Make it; turns begin with loop_start(). Copies ops. ST_NOMEM, ST_IO. */
CHECKED enum status loop_new(const struct loop_ops *ops, struct loop **ret);

/* For the rooms that put their own handles on it. */
struct uv_loop_s *loop_uv(struct loop *l);

/* From now on turns are made and signals are taken. ST_IO. */
CHECKED enum status loop_start(struct loop *l);

/* Until nothing is left on the loop. */
void loop_run(struct loop *l);

/* Call cb once after this many milliseconds, from the loop; a later call replaces this one. */
void loop_after(struct loop *l, uint64_t after_ms, void (*cb)(void *arg), void *arg);

/* Run work(arg) on a worker thread, then done(arg) on the loop. ST_NOMEM. */
CHECKED enum status loop_work(struct loop *l, void (*work)(void *arg), void (*done)(void *arg),
                              void *arg);

/* No more turns and signals: the loop ends when the others have closed their handles. */
void loop_close(struct loop *l);

/* After loop_run() has returned. */
void loop_free(struct loop *l);

#endif
