/* EPMD as a program of its own; see epmd_alone.h. */
#include "io/epmd_alone.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

#include "io/epmd_serve.h"

enum { SIGNALS = 2 };

struct alone {
	uv_loop_t loop;
	struct epmd_serve *serve;
	uv_signal_t signals[SIGNALS]; /* SIGTERM and SIGINT */
	bool stopping;
};

static void alone_stop(void *arg)
{
	struct alone *a = arg;

	if (a->stopping)
		return;
	a->stopping = true;
	epmd_serve_close(a->serve, NULL, NULL);
	for (size_t i = 0; i < SIGNALS; i++)
		uv_close((uv_handle_t *)&a->signals[i], NULL);
}

static void alone_signal(uv_signal_t *handle, int signum)
{
	(void)signum;
	alone_stop(handle->data);
}

enum status epmd_alone(uint16_t port)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT};
	struct alone a;
	bool failed = false;
	enum status st;

	memset(&a, 0, sizeof a);
	if (uv_loop_init(&a.loop) != 0)
		return ST_NOMEM;
	st = epmd_serve_open(&a.loop, port, true, alone_stop, &a, &a.serve);
	if (st != ST_OK) {
		(void)uv_loop_close(&a.loop);
		return st;
	}
	for (size_t i = 0; i < SIGNALS; i++) {
		a.signals[i].data = &a;
		failed |= uv_signal_init(&a.loop, &a.signals[i]) != 0;
		failed |= uv_signal_start(&a.signals[i], alone_signal, numbers[i]) != 0;
	}
	if (failed)
		alone_stop(&a);
	uv_run(&a.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&a.loop) != 0 || failed ? ST_IO : ST_OK;
}
