#include "io/side.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

struct side {
	struct side_ops ops;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows, up to woken */
	pthread_cond_t told;  /* that it shall end */
	bool ending;
	bool turning; /* the loop turns, end can be sent to */
	uv_loop_t loop;
	uv_async_t end;
	uv_timer_t timer; /* ticks, then looks */
	unsigned looks;   /* since it shall end */
};

static void on_look(uv_timer_t *timer)
{
	struct side *s = timer->data;

	if (!s->ops.is_empty(s->ops.arg) && s->looks++ < SIDE_LINGER_MS / SIDE_LOOK_MS)
		return;
	s->ops.close(s->ops.arg);
	uv_close((uv_handle_t *)&s->end, NULL);
	uv_close((uv_handle_t *)&s->timer, NULL);
}

static void on_end(uv_async_t *end)
{
	struct side *s = end->data;

	s->ops.leave(s->ops.arg);
	(void)uv_timer_start(&s->timer, on_look, 0, SIDE_LOOK_MS);
}

static void on_tick(uv_timer_t *timer)
{
	const struct side *s = timer->data;

	s->ops.tick(s->ops.arg);
}

/* True when it was told to end meanwhile. */
static bool ends_soon(struct side *s)
{
	struct timespec until = {0, 0};
	bool ending;
	int rv = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SIDE_PATIENCE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&s->lock);
	while (!s->ending && rv == 0)
		rv = pthread_cond_timedwait(&s->told, &s->lock, &until);
	ending = s->ending;
	pthread_mutex_unlock(&s->lock);
	return ending;
}

/* False when it was told to end before that could be sent to the loop. */
static bool turns(struct side *s)
{
	bool turning;

	pthread_mutex_lock(&s->lock);
	s->turning = !s->ending;
	turning = s->turning;
	pthread_mutex_unlock(&s->lock);
	return turning;
}

static void *run(void *arg)
{
	struct side *s = arg;
	int rv;

	if (ends_soon(s) || uv_loop_init(&s->loop) != 0)
		return NULL;
	if (uv_async_init(&s->loop, &s->end, on_end) != 0)
		goto out_loop;
	(void)uv_timer_init(&s->loop, &s->timer);
	s->end.data = s;
	s->timer.data = s;
	s->ops.open(s->ops.arg, &s->loop);
	(void)uv_timer_start(&s->timer, on_tick, 0, SIDE_TICK_MS);
	if (!turns(s))
		on_end(&s->end);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
out_loop:
	rv = uv_loop_close(&s->loop);
	assert(rv == 0); /* the owner has closed all handles */
	return NULL;
}

enum status side_start(const struct side_ops *ops, struct side **ret)
{
	struct side *s = calloc(1, sizeof *s);
	pthread_condattr_t attributes;

	if (s == NULL)
		return ST_NOMEM;
	s->ops = *ops;
	/* These do not fail with such arguments. */
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->told, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		goto err_lock;
	*ret = s;
	return ST_OK;
err_lock:
	(void)pthread_cond_destroy(&s->told);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	return ST_NOMEM;
}

void side_end(struct side *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	if (s->turning)
		(void)uv_async_send(&s->end);
	pthread_cond_signal(&s->told);
	pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	(void)pthread_cond_destroy(&s->told);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
