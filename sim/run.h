/* Runs worlds one by one, each in a process of its own: an assertion that fails in one of them
 * is a failure like any other. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/world.h"

struct run_result {
	bool failed;
	char failure[SIM_FAILURE_MAX];
	uint64_t hash;
	int64_t cpu_us; /* processor time that it took */
	struct sim_stats stats;
};

/* Run a plan here. */
void run_here(const struct sim_options *options, const struct plan *plan, struct run_result *ret);

/* Run it in a child. quiet: what the child prints is dropped. */
void run_apart(const struct sim_options *options, const struct plan *plan, bool quiet,
               struct run_result *ret);

/* Worlds of consecutive seeds, several at a time. */
struct run_series {
	const struct plan *plan; /* the schedule of all of them; NULL: as each seed says */
	uint64_t first;          /* seed */
	uint64_t n;
	unsigned jobs; /* at a time; 0: one */
	void *arg;
	/* Called for each in the order of the seeds, however many run at a time. */
	void (*done)(void *arg, const struct plan *plan, const struct run_result *result);
};
void run_series(const struct sim_options *options, const struct run_series *series);

/* The shortest plan found that fails in the same check. Prints its steps on err. */
void run_shrink(const struct sim_options *options, struct plan *plan, FILE *err);

#endif
