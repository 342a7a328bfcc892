#include "io/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "base/queue.h"

struct loop {
	uv_loop_t uv;
	struct loop_ops ops;
	uv_prepare_t prepare; /* makes the turns */
	uv_timer_t wake;      /* ends the wait at the owner's deadline */
	uv_timer_t after;     /* loop_after() */
	uv_signal_t sigterm;
	uv_signal_t sigint;
	void (*after_cb)(void *arg);
	void *after_arg;
	bool closed;
};

struct work {
	uv_work_t request;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

enum status loop_new(const struct loop_ops *ops, struct loop **ret)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return ST_NOMEM;
	l->ops = *ops;
	if (uv_loop_init(&l->uv) != 0) {
		free(l);
		return ST_IO;
	}
	/* These only fail for arguments that are wrong. */
	(void)uv_prepare_init(&l->uv, &l->prepare);
	(void)uv_timer_init(&l->uv, &l->wake);
	(void)uv_timer_init(&l->uv, &l->after);
	(void)uv_signal_init(&l->uv, &l->sigterm);
	(void)uv_signal_init(&l->uv, &l->sigint);
	l->prepare.data = l;
	l->after.data = l;
	l->sigterm.data = l;
	l->sigint.data = l;
	*ret = l;
	return ST_OK;
}

struct uv_loop_s *loop_uv(struct loop *l)
{
	return &l->uv;
}

static void on_wake(uv_timer_t *timer)
{
	(void)timer; /* the turn that it causes does the work */
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct loop *l = prepare->data;
	int64_t wait_us;

	l->ops.turn(l->ops.arg);
	if (l->closed)
		return;
	wait_us = l->ops.deadline_us(l->ops.arg) - l->ops.now_us(l->ops.arg);
	if (wait_us < 0)
		wait_us = 0;
	/* Timers count from the loop's cached time; rounded up, so that the deadline has passed. */
	uv_update_time(&l->uv);
	(void)uv_timer_start(&l->wake, on_wake, ((uint64_t)wait_us + 999) / 1000, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct loop *l = handle->data;

	l->ops.signalled(l->ops.arg, number);
}

enum status loop_start(struct loop *l)
{
	if (uv_signal_start(&l->sigterm, on_signal, SIGTERM) != 0 ||
	    uv_signal_start(&l->sigint, on_signal, SIGINT) != 0 ||
	    uv_prepare_start(&l->prepare, on_prepare) != 0)
		return ST_IO;
	return ST_OK;
}

void loop_run(struct loop *l)
{
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

static void on_after(uv_timer_t *timer)
{
	struct loop *l = timer->data;

	l->after_cb(l->after_arg);
}

void loop_after(struct loop *l, uint64_t after_ms, void (*cb)(void *arg), void *arg)
{
	if (l->closed)
		return;
	l->after_cb = cb;
	l->after_arg = arg;
	(void)uv_timer_start(&l->after, on_after, after_ms, 0);
}

static void on_work(uv_work_t *request)
{
	struct work *w = CONTAINER_OF(request, struct work, request);

	w->work(w->arg);
}

static void on_worked(uv_work_t *request, int status)
{
	struct work *w = CONTAINER_OF(request, struct work, request);
	const struct work copy = *w;

	assert(status == 0); /* nobody cancels */
	free(w);
	copy.done(copy.arg);
}

enum status loop_work(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct work *w = malloc(sizeof *w);

	if (w == NULL)
		return ST_NOMEM;
	w->work = work;
	w->done = done;
	w->arg = arg;
	if (uv_queue_work(&l->uv, &w->request, on_work, on_worked) != 0)
		abort(); /* only fails without a callback */
	return ST_OK;
}

void loop_close(struct loop *l)
{
	if (l->closed)
		return;
	l->closed = true;
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->wake, NULL);
	uv_close((uv_handle_t *)&l->after, NULL);
	uv_close((uv_handle_t *)&l->sigterm, NULL);
	uv_close((uv_handle_t *)&l->sigint, NULL);
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	/* Busy only when a room left a handle behind: that would be our bug. */
	if (uv_loop_close(&l->uv) != 0)
		abort();
	free(l);
}
