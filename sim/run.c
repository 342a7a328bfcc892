#include "sim/run.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUN_LIMIT_S = 300 }; /* a world that does not end is a failure, too */

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

void run_apart(const struct sim_options *options, const struct plan *plan, bool quiet,
               struct run_result *ret)
{
	int ends[2];
	int status = 0;
	pid_t pid;
	ssize_t n;

	memset(ret, 0, sizeof *ret);
	ret->failed = true;
	(void)snprintf(ret->failure, sizeof ret->failure, "crash: no child");
	(void)fflush(NULL);
	if (pipe(ends) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		child(options, plan, quiet, ends[1]);
	}
	(void)close(ends[1]);
	n = read(ends[0], ret, sizeof *ret);
	(void)close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return;
	if (n == (ssize_t)sizeof *ret)
		return;
	ret->failed = true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		(void)snprintf(ret->failure, sizeof ret->failure, "crash: it does not end");
	else
		(void)snprintf(ret->failure, sizeof ret->failure,
		               "crash: an assertion or a signal");
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
