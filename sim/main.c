/* The simulator's command line; see doc/testing.md. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"

struct command {
	struct sim_options options;
	uint64_t seeds;   /* 0: one world */
	const char *plan; /* file, or NULL */
	const char *history;
	bool shrink;
	bool table;
	bool print;
	bool here; /* in this very process, for a debugger */
	double length;
};

/* Sums over many worlds. */
struct sums {
	uint64_t n;
	uint64_t failed;
	int64_t cpu_us;
	struct sim_stats stats;
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, 's'},  {"seeds", required_argument, NULL, 'n'},
    {"nodes", required_argument, NULL, 'N'}, {"length", required_argument, NULL, 'l'},
    {"plan", required_argument, NULL, 'p'},  {"history", required_argument, NULL, 'H'},
    {"trace", no_argument, NULL, 't'},       {"messages", no_argument, NULL, 'm'},
    {"shrink", no_argument, NULL, 'x'},      {"table", no_argument, NULL, 'T'},
    {"print-plan", no_argument, NULL, 'P'},  {"legend", no_argument, NULL, 'L'},
    {"checks", no_argument, NULL, 'C'},      {"here", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
};

static void usage(FILE *out)
{
	fprintf(out,
	        "usage: sim [--seed S] [--nodes N] [--length SECONDS] [--trace [--messages]]\n"
	        "           [--history FILE] [--print-plan] [--here]\n"
	        "       sim --plan FILE ...       replay a schedule\n"
	        "       sim --shrink ...          print the shortest schedule that still fails\n"
	        "       sim --seeds N [--seed FIRST] [--table]\n"
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

static double ratio(int64_t virtual_us, int64_t cpu_us)
{
	return (double)virtual_us / (double)(cpu_us > 0 ? cpu_us : 1);
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
	       ratio(result.stats.virtual_us, result.cpu_us));
	return result.failed ? 1 : 0;
}

static void add(struct sums *s, const struct run_result *r)
{
	s->n++;
	s->failed += r->failed;
	s->cpu_us += r->cpu_us;
	s->stats.virtual_us += r->stats.virtual_us;
	s->stats.events += r->stats.events;
	s->stats.messages += r->stats.messages;
	s->stats.ops_ok += r->stats.ops_ok;
	s->stats.ops_fail += r->stats.ops_fail;
	s->stats.ops_unknown += r->stats.ops_unknown;
	s->stats.reads_checked += r->stats.reads_checked;
	s->stats.writes_checked += r->stats.writes_checked;
	s->stats.histories += r->stats.histories;
	s->stats.undecided += r->stats.undecided;
	s->stats.lin_steps += r->stats.lin_steps;
	s->stats.takeovers += r->stats.takeovers;
	if (r->stats.takeovers > 0 && (s->stats.takeovers == r->stats.takeovers ||
	                               r->stats.margin_min_us < s->stats.margin_min_us))
		s->stats.margin_min_us = r->stats.margin_min_us;
	for (unsigned i = 0; i < SIM_MARGINS; i++)
		s->stats.margins[i] += r->stats.margins[i];
	s->stats.commits += r->stats.commits;
	s->stats.elections += r->stats.elections;
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		s->stats.faults[i] += r->stats.faults[i];
}

/* Half of the fence margins are no longer than this. */
static double median_ms(const struct sim_stats *s)
{
	uint64_t n = 0;
	unsigned i = 0;

	while (i < SIM_MARGINS - 1 && 2 * (n + s->margins[i]) < s->takeovers)
		n += s->margins[i++];
	return (i + 1) * (double)SIM_MARGIN_US / 1000;
}

static void print_margins(const struct sim_stats *s)
{
	printf("| leaders replaced while they were cut off | %" PRIu64 " |\n", s->takeovers);
	if (s->takeovers > 0)
		printf("| fence margin: shortest, half of them below | %.1f ms, %.0f ms |\n",
		       (double)s->margin_min_us / 1000, median_ms(s));
}

/* The table of doc/testing.md. */
static void print_table(const struct sums *s, uint64_t first)
{
	printf("| worlds | |\n|---|---|\n");
	printf("| seeds | %" PRIu64 " to %" PRIu64 " |\n", first, first + s->n - 1);
	printf("| failed | %" PRIu64 " |\n", s->failed);
	printf("| virtual hours | %.1f |\n", (double)s->stats.virtual_us / 3.6e9);
	printf("| member messages | %" PRIu64 " |\n", s->stats.messages);
	printf("| elections won | %" PRIu64 " |\n", s->stats.elections);
	printf("| log entries committed | %" PRIu64 " |\n", s->stats.commits);
	printf("| client operations: done, refused, unknown | %" PRIu64 ", %" PRIu64 ", %" PRIu64
	       " |\n",
	       s->stats.ops_ok, s->stats.ops_fail, s->stats.ops_unknown);
	printf("| answers whose confirmations were counted: reads, writes | %" PRIu64 ", %" PRIu64
	       " |\n",
	       s->stats.reads_checked, s->stats.writes_checked);
	printf("| client histories judged, undecided | %" PRIu64 ", %" PRIu64 " |\n",
	       s->stats.histories, s->stats.undecided);
	print_margins(&s->stats);
	printf("\n| fault | times | what happens |\n|---|---|---|\n");
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		printf("| %s | %" PRIu64 " | %s |\n", fault_word(i), s->stats.faults[i],
		       fault_text(i));
}

static int run_many(const struct command *c)
{
	struct sums sums = {0};

	for (uint64_t i = 0; i < c->seeds; i++) {
		uint64_t seed = c->options.seed + i;
		struct run_result result;
		struct plan plan;

		if (!make_plan(c, seed, &plan))
			return 64;
		run_apart(&c->options, &plan, true, &result);
		add(&sums, &result);
		if (result.failed)
			printf("seed %" PRIu64 ": %s\n", seed, result.failure);
		(void)fflush(stdout);
	}
	if (c->table)
		print_table(&sums, c->options.seed);
	printf("%" PRIu64 " seeds, %" PRIu64 " failed, %.2f virtual hours, %.0f times real time\n",
	       sums.n, sums.failed, (double)sums.stats.virtual_us / 3.6e9,
	       ratio(sums.stats.virtual_us, sums.cpu_us));
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
