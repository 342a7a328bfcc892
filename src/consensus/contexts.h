/* The process's contexts for asynchronous I/O, and who destroys them: see contexts.c. */
#ifndef CONSENSUS_CONTEXTS_H
#define CONSENSUS_CONTEXTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CONTEXTS_MAX = 64, /* known ones: a node has one for each file of a log that it writes */
	CONTEXTS_DOOMED_MAX = 8, /* waiting for the thread: it takes one in 20 to 50 ms */
};

struct context {
	unsigned long id; /* the kernel's, an address: not used again while the context exists */
	long in_flight;   /* submitted, and its completion not fetched yet */
};

/* Zeroed but for lock and wake; any thread may call. */
struct contexts {
	pthread_mutex_t lock;
	pthread_cond_t wake;                /* the thread: a context is doomed, or it has to end */
	struct context known[CONTEXTS_MAX]; /* without those that are doomed */
	unsigned long doomed[CONTEXTS_DOOMED_MAX]; /* oldest first */
	unsigned n_known;
	unsigned n_doomed;
	unsigned users;                    /* started and not stopped yet */
	bool running;                      /* the thread */
	pthread_t thread;                  /* while running */
	uint64_t destroyed;                /* by the thread */
	void (*destroy)(unsigned long id); /* blocks until the kernel is done with it */
};

/* The thread runs from the first start to the last stop, which ends when all doomed ones are
 * destroyed. Where it cannot run, nothing is put off. Both in one thread, the loop's. */
void contexts_start(struct contexts *c);
void contexts_stop(struct contexts *c);

/* What became of a context. Unknown ones are nobody's concern. */
void contexts_made(struct contexts *c, unsigned long id);
void contexts_submitted(struct contexts *c, unsigned long id, long n);
void contexts_fetched(struct contexts *c, unsigned long id, long n);

/* Somebody wants it destroyed, and it is known no longer. True: the thread does it. False: it has
 * to be done at once, because it is not known to be idle or there is no room. */
bool contexts_doom(struct contexts *c, unsigned long id);

/* Those of this process, whose destruction is the kernel's. */
struct contexts *contexts_own(void);

#endif
