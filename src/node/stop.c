/* Leaving in good order: leadership is handed over, requests are answered, then everything is
 * closed, last opened first. A second request to stop, or too long a wait, closes at once. */
#include <assert.h>
#include <signal.h>
#include <unistd.h>

#include "node/node_internal.h"

enum {
	CLOSE_WAIT_S = 2,    /* a healthy backend closes in milliseconds */
	HAND_OVER_MS = 1000, /* longer than a transfer between healthy members takes */
	ANSWER_WAIT_MS = 10, /* between looks whether evaluations are still under way */
	ANSWER_WAITS =
	    50, /* `erlmcp eval "init:stop()."` prints ok; no loop in it stops the stop */
};

static void nothing_left(void *arg)
{
	(void)arg; /* memory is released after the loop has ended */
}

/* libraft's backend waits for a failed write when it is closed, and that never ends. Nothing is
 * lost by ending without it: nobody was answered since the failure. */
static void end_now(int number)
{
	(void)number;
	_exit(EXIT_DISK);
}

static void close_all(struct node *n)
{
	if (n->closed)
		return;
	n->closed = true;
	if (n->exit_code == EXIT_DISK) {
		(void)signal(SIGALRM, end_now);
		(void)alarm(CLOSE_WAIT_S);
	}
	loop_close(n->loop);
	notify_close(n->manager);
	n->manager = NULL;
	if (n->storage != NULL)
		storage_hold(n->storage, false); /* no turn will submit any more */
	if (n->core != NULL)
		core_close(n->core, nothing_left, n);
	(void)jobs_close(&n->jobs);
	if (n->control != NULL)
		control_close(n->control, nothing_left, n);
	if (n->clients != NULL)
		clients_close(n->clients, nothing_left, n);
	if (n->http != NULL)
		http_server_close(n->http, nothing_left, n);
	if (n->net != NULL)
		net_close(n->net, nothing_left, n);
}

static void on_close_time(void *arg)
{
	close_all(arg);
}

static void close_soon(struct node *n, uint64_t after_ms)
{
	loop_after(n->loop, after_ms, on_close_time, n);
}

/* May be called from within consensus: everything is closed in a later turn of the loop. */
static void handed_over(void *arg)
{
	close_soon(arg, 0);
}

static void on_stop_time(void *arg)
{
	struct node *n = arg;

	if (n->jobs.n > 0 && n->stop_waits++ < ANSWER_WAITS) {
		loop_after(n->loop, ANSWER_WAIT_MS, on_stop_time, n);
		return;
	}
	close_soon(n, HAND_OVER_MS);
	core_hand_over(n->core, handed_over, n);
}

void node_stop(struct node *n, int exit_code, const char *why)
{
	if (n->stopping_now) {
		close_soon(n, 0);
		return;
	}
	n->stopping_now = true;
	n->exit_code = exit_code;
	log_line(n->log, LOG_INFO, "Stopping: %s", why);
	notify_stopping(n->manager);
	recorder_begin(n->recorder, "stop", node_now_us(NULL), node_wall_ms(NULL));
	recorder_text(n->recorder, "why", why);
	recorder_int(n->recorder, "exit_code", exit_code);
	recorder_end(n->recorder);
	if (!n->running)
		close_all(n); /* it never ran, so nothing is in the middle of anything */
	else if (exit_code != EXIT_STOPPED)
		close_soon(n, 0); /* nobody to hand leadership to, or no trust in this node */
	else
		loop_after(n->loop, 0, on_stop_time, n);
}
