/* The simulator's command line; see doc/testing.md. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"
#include "sim/sums.h"

struct command {
	struct sim_options options;
	uint64_t seeds;   /* 0: one world */
	unsigned jobs;    /* worlds at a time */
	const char *plan; /* file, or NULL */
	const char *history;
	bool shrink;
	bool table;
	bool print;
	bool here; /* in this very process, for a debugger */
	double length;
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, 'n'},
    {"nodes", required_argument, NULL, 'N'},
    {"length", required_argument, NULL, 'l'},
    {"plan", required_argument, NULL, 'p'},
    {"history", required_argument, NULL, 'H'},
    {"trace", no_argument, NULL, 't'},
    {"messages", no_argument, NULL, 'm'},
    {"shrink", no_argument, NULL, 'x'},
    {"table", no_argument, NULL, 'T'},
    {"print-plan", no_argument, NULL, 'P'},
    {"legend", no_argument, NULL, 'L'},
    {"checks", no_argument, NULL, 'C'},
    {"jobs", required_argument, NULL, 'j'},
    {"here", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void usage(FILE *out)
{
	fprintf(
	    out,
	    "usage: sim [--seed S] [--nodes N] [--length SECONDS] [--trace [--messages]]\n"
	    "           [--history FILE] [--print-plan] [--here]\n"
	    "       sim --plan FILE ...       replay a schedule\n"
	    "       sim --shrink ...          print the shortest schedule that still fails\n"
	    "       sim --seeds N [--seed FIRST] [--jobs J] [--table] [--plan FILE]\n"
	    "                                 worlds of consecutive seeds; or one schedule in all\n"
	    "       sim --legend | --checks\n");
}

/* What is only asked for. Returns the exit code. */
static int tell(int option)
{
	switch (option) {
	case 'L':
		world_legend(stdout);
		return 0;
	case 'C':
		check_list(stdout);
		return 0;
	default:
		usage(option == 'h' ? stdout : stderr);
		return option == 'h' ? 0 : 64;
	}
}

static bool read_options(int argc, char **argv, struct command *c, int *exit_code)
{
	int option;

	c->options.out = stdout;
	c->options.seed = 1;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			c->options.seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			c->seeds = strtoull(optarg, NULL, 10);
			break;
		case 'j':
			c->jobs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'N':
			c->options.nodes = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			c->length = strtod(optarg, NULL);
			break;
		case 'p':
			c->plan = optarg;
			break;
		case 'H':
			c->history = optarg;
			break;
		case 't':
			c->options.trace = true;
			break;
		case 'm':
			c->options.messages = true;
			break;
		case 'x':
			c->shrink = true;
			break;
		case 'T':
			c->table = true;
			break;
		case 'P':
			c->print = true;
			break;
		case 'd':
			c->here = true;
			break;
		default:
			*exit_code = tell(option);
			return false;
		}
	}
	c->options.length_us = (int64_t)(c->length * 1000000);
	return true;
}

static bool make_plan(const struct command *c, uint64_t seed, struct plan *ret)
{
	unsigned line;
	FILE *in;
	enum status st;

	if (c->plan == NULL) {
		plan_make(seed, c->options.nodes, c->options.length_us, ret);
		return true;
	}
	in = fopen(c->plan, "r");
	if (in == NULL) {
		fprintf(stderr, "sim: %s cannot be read\n", c->plan);
		return false;
	}
	st = plan_read(in, ret, &line);
	(void)fclose(in);
	if (st != ST_OK)
		fprintf(stderr, "sim: %s:%u: not a line of a schedule\n", c->plan, line);
	return st == ST_OK;
}

static int run_one(struct command *c)
{
	struct run_result result;
	struct plan plan;

	if (!make_plan(c, c->options.seed, &plan))
		return 64;
	if (c->print || c->shrink)
		fprintf(stderr, "# schedule of seed %" PRIu64 ": %zu faults\n", plan.seed, plan.n);
	if (c->print) {
		plan_print(&plan, stdout);
		return 0;
	}
	if (c->shrink) {
		run_shrink(&c->options, &plan, stderr);
		plan_print(&plan, stdout);
		return 0;
	}
	if (c->history != NULL && (c->options.history = fopen(c->history, "w")) == NULL) {
		fprintf(stderr, "sim: %s cannot be written\n", c->history);
		return 73;
	}
	if (c->options.trace)
		world_legend(stdout);
	run_here(&c->options, &plan, &result);
	if (c->options.history != NULL)
		(void)fclose(c->options.history);
	printf("seed %" PRIu64 ", %u nodes: %s; hash %016" PRIx64 ", %.1f virtual s, %" PRIu64
	       " operations done, %.0f times real time\n",
	       plan.seed, plan.nodes, result.failed ? result.failure : "all checks hold",
	       result.hash, (double)result.stats.virtual_us / 1e6, result.stats.ops_ok,
	       sums_ratio(result.stats.virtual_us, result.cpu_us));
	return result.failed ? 1 : 0;
}

static void take_result(void *arg, const struct plan *plan, const struct run_result *result)
{
	sums_add(arg, plan, result);
	if (!result->failed)
		return;
	printf("seed %" PRIu64 ", %u nodes: %s\n", plan->seed, plan->nodes, result->failure);
	(void)fflush(stdout);
}

static int run_many(const struct command *c)
{
	struct sums sums = {0};
	struct plan plan;
	const struct run_series series = {.plan = c->plan != NULL ? &plan : NULL,
	                                  .first = c->options.seed,
	                                  .n = c->seeds,
	                                  .jobs = c->jobs,
	                                  .arg = &sums,
	                                  .done = take_result};

	if (!make_plan(c, c->options.seed, &plan))
		return 64;
	run_series(&c->options, &series);
	if (c->table)
		sums_print(&sums, c->options.seed, stdout);
	sums_print_line(&sums, stdout);
	return sums.failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct command c = {0};
	int exit_code = 0;

	if (!read_options(argc, argv, &c, &exit_code))
		return exit_code;
	return c.seeds > 0 ? run_many(&c) : run_one(&c);
}
