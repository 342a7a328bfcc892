#include "node/jobs.h"

#include <assert.h>
#include <stdlib.h>

#include "node/api.h"
#include "node/node_internal.h"

struct job {
	struct queue link; /* in jobs.waiting, or nowhere */
	struct jobs *jobs;
	struct eval *eval;
	struct eval_result result;
	const struct api_entry *entry;  /* call that the last run stopped at */
	const struct term *const *args; /* its arguments, in the evaluation's memory */
	uint32_t call;                  /* its number */
	job_done_cb done;
	void *arg;
};

static void job_next(struct job *job);

void jobs_init(struct jobs *j, struct node *node)
{
	*j = (struct jobs){.node = node};
	queue_init(&j->waiting);
}

static void job_free(struct job *job)
{
	job->jobs->n--;
	eval_free(job->eval);
	free(job);
}

/* Worker thread: only looks the function up; the loop's thread makes the call. The parameters are
 * the evaluator's. NOLINTNEXTLINE(readability-function-size) */
static enum host_answer on_host_call(void *arg, uint32_t call, const char *module,
                                     const char *function, const struct term *const args[],
                                     size_t n_args, struct arena *arena, const struct term **ret)
{
	struct job *job = arg;

	(void)arena;
	(void)ret;
	if (n_args > API_ARGS_MAX)
		return HOST_UNDEFINED;
	job->entry = api_find(module, function, (unsigned)n_args);
	if (job->entry == NULL)
		return HOST_UNDEFINED;
	job->args = args;
	job->call = call;
	return HOST_WAIT;
}

static void run(void *arg)
{
	struct job *job = arg;

	eval_run(job->eval, &job->result);
}

static void finish(struct job *job)
{
	job->done(job->arg, job->jobs->closing ? NULL : &job->result);
	job_free(job);
}

static void on_answer(void *arg, bool ok, const struct term *value)
{
	struct job *job = arg;

	if (value == NULL || eval_answer(job->eval, job->call, ok, value) != ST_OK) {
		job->result = (struct eval_result){.outcome = EVAL_EXCEPTION, .klass = "error"};
		finish(job);
		return;
	}
	job_next(job);
}

static void start_waiting(struct jobs *j)
{
	while (j->n_running < JOBS_RUNNING_MAX && !queue_empty(&j->waiting)) {
		struct job *job = CONTAINER_OF(queue_front(&j->waiting), struct job, link);

		queue_remove(&job->link);
		j->n_waiting--;
		job_next(job);
	}
}

static void ran(void *arg)
{
	struct job *job = arg;
	struct jobs *j = job->jobs;

	j->n_running--;
	if (job->result.outcome == EVAL_WAIT && !j->closing)
		api_call(j->node, job->entry, job->args, on_answer, job);
	else
		finish(job);
	start_waiting(j);
}

static void job_next(struct job *job)
{
	struct jobs *j = job->jobs;

	if (j->closing) {
		finish(job);
		return;
	}
	if (j->n_running >= JOBS_RUNNING_MAX) {
		queue_push(&j->waiting, &job->link);
		j->n_waiting++;
		return;
	}
	j->n_running++;
	if (loop_work(j->node->loop, run, ran, job) != ST_OK) {
		j->n_running--;
		job->result = (struct eval_result){.outcome = EVAL_EXCEPTION, .klass = "error"};
		finish(job);
	}
}

enum status jobs_start(struct jobs *j, const char *text, size_t len, job_done_cb done, void *arg)
{
	struct eval_host host = {.call = on_host_call};
	struct job *job;
	enum status st;

	if (j->closing)
		return ST_CLOSED;
	if (j->n_waiting >= JOBS_WAITING_MAX) {
		j->refused++;
		return ST_BUSY;
	}
	job = calloc(1, sizeof *job);
	if (job == NULL)
		return ST_NOMEM;
	host.arg = job;
	queue_init(&job->link);
	job->jobs = j;
	job->done = done;
	job->arg = arg;
	st = eval_new(text, len, &host, &eval_limits_default, &job->eval);
	if (st != ST_OK) {
		free(job);
		return st;
	}
	j->n++;
	job_next(job);
	return ST_OK;
}

bool jobs_close(struct jobs *j)
{
	j->closing = true;
	while (!queue_empty(&j->waiting)) {
		struct job *job = CONTAINER_OF(queue_front(&j->waiting), struct job, link);

		queue_remove(&job->link);
		j->n_waiting--;
		finish(job);
	}
	return j->n == 0;
}
