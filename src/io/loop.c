#include "io/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/queue.h"

enum { SOON_US = 1000 }; /* what libuv's timers, of whole milliseconds, would double */

struct loop {
	uv_loop_t uv;
	struct loop_ops ops;
	uv_prepare_t prepare; /* makes the turns */
	uv_timer_t wake;      /* ends the wait at the owner's deadline */
	uv_poll_t soon;       /* the same, to the microsecond, when that is sooner than */
	int soon_fd;          /* libuv's timers can tell: a timerfd */
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
	l->soon_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->soon_fd < 0)
		goto err_loop;
	if (uv_loop_init(&l->uv) != 0)
		goto err_soon;
	/* These only fail for arguments that are wrong. */
	(void)uv_prepare_init(&l->uv, &l->prepare);
	(void)uv_timer_init(&l->uv, &l->wake);
	(void)uv_timer_init(&l->uv, &l->after);
	(void)uv_poll_init(&l->uv, &l->soon, l->soon_fd);
	(void)uv_signal_init(&l->uv, &l->sigterm);
	(void)uv_signal_init(&l->uv, &l->sigint);
	l->prepare.data = l;
	l->after.data = l;
	l->sigterm.data = l;
	l->sigint.data = l;
	l->soon.data = l;
	*ret = l;
	return ST_OK;
err_soon:
	(void)close(l->soon_fd);
err_loop:
	free(l);
	return ST_IO;
}

struct uv_loop_s *loop_uv(struct loop *l)
{
	return &l->uv;
}

static void on_wake(uv_timer_t *timer)
{
	(void)timer; /* the turn that it causes does the work */
}

static void on_soon(uv_poll_t *soon, int status, int events)
{
	const struct loop *l = soon->data;
	uint64_t times;

	(void)status;
	(void)events;
	/* Nothing to read when it was set anew meanwhile. */
	(void)!read(l->soon_fd, &times, sizeof times);
}

/* Wake up within the millisecond. A deadline that no longer holds wakes in vain, once. */
static void wake_soon(struct loop *l, int64_t wait_us)
{
	const struct itimerspec at = {.it_value.tv_nsec = wait_us * 1000};

	(void)timerfd_settime(l->soon_fd, 0, &at, NULL);
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
	if (wait_us > 0 && wait_us < SOON_US)
		wake_soon(l, wait_us);
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
	    uv_poll_start(&l->soon, UV_READABLE, on_soon) != 0 ||
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
	uv_close((uv_handle_t *)&l->soon, NULL);
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
	(void)close(l->soon_fd);
	free(l);
}
