/* Contexts for asynchronous I/O are destroyed in a thread of their own.
 *
 * libraft makes one for each segment of the log, and destroys it in the loop's thread when the
 * segment is full. The kernel waits two RCU grace periods before io_destroy() returns, 20 to 50 ms,
 * and the whole node with it. Nothing but the call's own promise needs that wait: when it returns,
 * no write of the context touches the caller's memory or file any more. Where all that was
 * submitted has been fetched, that is true before the call, and it can be made by somebody else,
 * later.
 *
 * So submissions and fetched completions are counted for each context. Only one with nothing in
 * flight is put off; all others are destroyed at once, as the caller asked. A context is
 * forgotten before the kernel hears of its end, because its id may be given away during the call.
 *
 * What tells us is syscall.c. Nothing depends on this but speed. Reasons and figures:
 * doc/decisions/0010-contexts.md. */
#include "consensus/contexts.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

static struct context *find(struct contexts *c, unsigned long id)
{
	for (unsigned i = 0; i < c->n_known; i++) {
		if (c->known[i].id == id)
			return &c->known[i];
	}
	return NULL;
}

void contexts_made(struct contexts *c, unsigned long id)
{
	struct context *known;

	pthread_mutex_lock(&c->lock);
	known = find(c, id);
	if (known == NULL && c->n_known < CONTEXTS_MAX)
		known = &c->known[c->n_known++];
	if (known != NULL)
		*known = (struct context){.id = id};
	pthread_mutex_unlock(&c->lock);
}

void contexts_submitted(struct contexts *c, unsigned long id, long n)
{
	struct context *known;

	pthread_mutex_lock(&c->lock);
	known = find(c, id);
	if (known != NULL)
		known->in_flight += n;
	pthread_mutex_unlock(&c->lock);
}

void contexts_fetched(struct contexts *c, unsigned long id, long n)
{
	contexts_submitted(c, id, -n);
}

bool contexts_doom(struct contexts *c, unsigned long id)
{
	struct context *known;
	bool idle = false;

	pthread_mutex_lock(&c->lock);
	known = find(c, id);
	if (known != NULL) {
		idle = known->in_flight == 0 && c->running && c->n_doomed < CONTEXTS_DOOMED_MAX;
		*known = c->known[--c->n_known];
	}
	if (idle) {
		c->doomed[c->n_doomed++] = id;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
	return idle;
}

/* With the lock held, but for the call itself. */
static void destroy_oldest(struct contexts *c)
{
	const unsigned long id = c->doomed[0];

	c->n_doomed--;
	memmove(&c->doomed[0], &c->doomed[1], c->n_doomed * sizeof c->doomed[0]);
	pthread_mutex_unlock(&c->lock);
	c->destroy(id);
	pthread_mutex_lock(&c->lock);
	c->destroyed++;
}

static void *run(void *arg)
{
	struct contexts *c = arg;

	pthread_mutex_lock(&c->lock);
	while (c->users > 0 || c->n_doomed > 0) {
		if (c->n_doomed > 0)
			destroy_oldest(c);
		else
			pthread_cond_wait(&c->wake, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Signals are for the loop's thread. */
static bool run_thread(struct contexts *c)
{
	sigset_t all;
	sigset_t before;
	bool done;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	done = pthread_create(&c->thread, NULL, run, c) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return done;
}

void contexts_start(struct contexts *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->users++ == 0)
		c->running = run_thread(c);
	pthread_mutex_unlock(&c->lock);
}

void contexts_stop(struct contexts *c)
{
	bool last;

	pthread_mutex_lock(&c->lock);
	assert(c->users > 0);
	last = --c->users == 0 && c->running;
	if (last) {
		c->running = false;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&c->lock);
	if (last)
		pthread_join(c->thread, NULL);
}
