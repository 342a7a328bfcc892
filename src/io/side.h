/* A second loop, in a thread of its own, for a while in which the node's loop cannot turn.
 *
 * Nothing is opened while that while is short: most are. The owner's functions run in the thread;
 * what they share with the rest of the process they have to guard themselves. */
#ifndef IO_SIDE_H
#define IO_SIDE_H

#include <stdbool.h>

#include "base/status.h"

struct uv_loop_s;
struct side;

enum {
	SIDE_PATIENCE_MS = 250, /* shorter than this: nothing is opened. Well within a second */
	SIDE_TICK_MS = 100,     /* between calls of tick() */
	SIDE_LINGER_MS = 50,    /* for answers under way when it ends: some round trips */
	SIDE_LOOK_MS = 2,       /* between looks whether they are gone */
};

struct side_ops {
	void *arg;
	/* Open handles on this loop. */
	void (*open)(void *arg, struct uv_loop_s *loop);
	void (*tick)(void *arg);
	/* It ends: take nobody new. Then, until true or for SIDE_LINGER_MS: is nobody left? */
	void (*leave)(void *arg);
	bool (*is_empty)(void *arg);
	/* Close all handles. */
	void (*close)(void *arg);
};

/* Copies ops. ST_NOMEM: there is no thread to be had. */
CHECKED enum status side_start(const struct side_ops *ops, struct side **ret);

/* End it and wait until the thread is gone. */
void side_end(struct side *s);

#endif
