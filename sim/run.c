#include "sim/run.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	RUN_LIMIT_S = 300, /* a world that does not end is a failure, too */
	RUN_WINDOW = 64,   /* worlds begun or waiting for an earlier one to be told */
	PIPE_PIECE = 4096, /* Linux: so much is written to a pipe in one piece */
};

static_assert(sizeof(struct run_result) <= PIPE_PIECE, "a result is written in one piece");

/* Of this process: other work of the machine does not count. */
static int64_t cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void run_here(const struct sim_options *options, const struct plan *plan, struct run_result *ret)
{
	int64_t begin_us = cpu_us();
	struct world *w = world_new(options, plan);

	(void)world_run(w);
	memset(ret, 0, sizeof *ret);
	ret->failed = w->failed;
	memcpy(ret->failure, w->failure, sizeof ret->failure);
	ret->hash = w->hash;
	ret->stats = w->stats;
	world_free(w);
	ret->cpu_us = cpu_us() - begin_us;
}

static void child(const struct sim_options *options, const struct plan *plan, bool quiet, int out)
{
	struct run_result result;

	if (quiet) {
		int fd = open("/dev/null", O_WRONLY);

		(void)dup2(fd, STDERR_FILENO);
	}
	(void)alarm(RUN_LIMIT_S);
	run_here(options, plan, &result);
	_exit(write(out, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
}

/* One child process with its world. */
struct child {
	pid_t pid;
	int fd; /* its result comes here; -1: there is none (any more) */
	struct plan plan;
	struct run_result result;
};

static void child_start(const struct sim_options *options, bool quiet, struct child *ret)
{
	int ends[2];

	memset(&ret->result, 0, sizeof ret->result);
	ret->result.failed = true;
	(void)snprintf(ret->result.failure, sizeof ret->result.failure, "crash: no child");
	ret->fd = -1;
	(void)fflush(NULL);
	if (pipe(ends) != 0)
		return;
	ret->pid = fork();
	if (ret->pid == 0) {
		(void)close(ends[0]);
		child(options, &ret->plan, quiet, ends[1]);
	}
	(void)close(ends[1]);
	if (ret->pid < 0)
		(void)close(ends[0]);
	else
		ret->fd = ends[0];
}

/* Waits for it, unless its result is there. */
static void child_finish(struct child *c)
{
	struct run_result *r = &c->result;
	struct run_result said;
	int status = 0;
	ssize_t n;

	if (c->fd < 0)
		return;
	/* Results are smaller than a pipe: they come whole or not at all. */
	n = read(c->fd, &said, sizeof said);
	(void)close(c->fd);
	c->fd = -1;
	if (waitpid(c->pid, &status, 0) != c->pid)
		return;
	if (n == (ssize_t)sizeof said)
		*r = said;
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		(void)snprintf(r->failure, sizeof r->failure, "crash: it does not end");
	else
		(void)snprintf(r->failure, sizeof r->failure, "crash: an assertion or a signal");
}

void run_apart(const struct sim_options *options, const struct plan *plan, bool quiet,
               struct run_result *ret)
{
	struct child c = {.plan = *plan};

	child_start(options, quiet, &c);
	child_finish(&c);
	*ret = c.result;
}

/* --- Many ---------------------------------------------------------------------------- */

/* Wait until some of them end; how many did. */
static unsigned collect(struct child *children, uint64_t from, uint64_t to)
{
	struct pollfd fds[RUN_WINDOW];
	unsigned n = 0;

	for (uint64_t i = from; i < to; i++)
		fds[i - from] =
		    (struct pollfd){.fd = children[i % RUN_WINDOW].fd, .events = POLLIN};
	if (poll(fds, to - from, -1) < 0)
		return 0; /* a signal */
	for (uint64_t i = from; i < to; i++) {
		if (fds[i - from].revents == 0)
			continue;
		child_finish(&children[i % RUN_WINDOW]);
		n++;
	}
	return n;
}

static void plan_of(const struct sim_options *options, const struct run_series *s, uint64_t seed,
                    struct plan *ret)
{
	if (s->plan == NULL) {
		plan_make(seed, options->nodes, options->length_us, ret);
		return;
	}
	*ret = *s->plan;
	ret->seed = seed;
}

void run_series(const struct sim_options *options, const struct run_series *s)
{
	struct child *children = calloc(RUN_WINDOW, sizeof *children);
	const unsigned jobs = s->jobs > 0 ? s->jobs : 1;
	unsigned running = 0;
	uint64_t begun = 0;
	uint64_t told = 0;

	assert(children != NULL);
	while (told < s->n) {
		struct child *next = &children[told % RUN_WINDOW];

		if (told < begun && next->fd < 0) {
			s->done(s->arg, &next->plan, &next->result);
			told++;
		} else if (running < jobs && begun < s->n && begun - told < RUN_WINDOW) {
			next = &children[begun % RUN_WINDOW];
			plan_of(options, s, s->first + begun, &next->plan);
			child_start(options, true, next);
			running += next->fd >= 0;
			begun++;
		} else {
			running -= collect(children, told, begun);
		}
	}
	free(children);
}

/* --- Shrinking ----------------------------------------------------------------------- */

/* Failures are the same when the same checker found them. */
static bool same(const struct run_result *a, const struct run_result *b)
{
	size_t len = strcspn(a->failure, ":");

	return b->failed && strncmp(a->failure, b->failure, len + 1) == 0;
}

/* Try without the faults [from, from + n). */
static bool try_without(const struct sim_options *options, struct plan *plan, size_t from, size_t n,
                        const struct run_result *goal)
{
	struct plan shorter = *plan;
	struct run_result result;

	memmove(&shorter.faults[from], &shorter.faults[from + n],
	        (shorter.n - from - n) * sizeof shorter.faults[0]);
	shorter.n -= n;
	run_apart(options, &shorter, true, &result);
	if (!same(goal, &result))
		return false;
	*plan = shorter;
	return true;
}

static bool shrink_faults(const struct sim_options *options, struct plan *plan,
                          const struct run_result *goal, FILE *err)
{
	bool any = false;
	size_t chunk = plan->n / 2 > 0 ? plan->n / 2 : 1;

	for (; chunk > 0; chunk /= 2) {
		for (size_t i = 0; i + chunk <= plan->n;) {
			if (!try_without(options, plan, i, chunk, goal)) {
				i += chunk;
				continue;
			}
			any = true;
			fprintf(err, "# %zu faults are enough\n", plan->n);
		}
	}
	return any;
}

void run_shrink(const struct sim_options *options, struct plan *plan, FILE *err)
{
	struct sim_options quiet = *options;
	struct run_result goal;

	quiet.trace = false;
	quiet.messages = false;
	quiet.history = NULL;
	run_apart(&quiet, plan, true, &goal);
	if (!goal.failed) {
		fprintf(err, "# it does not fail\n");
		return;
	}
	fprintf(err, "# %s\n", goal.failure);
	while (shrink_faults(&quiet, plan, &goal, err))
		;
}
