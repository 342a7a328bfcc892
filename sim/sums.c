#include "sim/sums.h"

#include <inttypes.h>

#define US_PER_HOUR 3.6e9

static void add_stats(struct sim_stats *s, const struct sim_stats *r)
{
	s->virtual_us += r->virtual_us;
	s->events += r->events;
	s->messages += r->messages;
	s->ops_ok += r->ops_ok;
	s->ops_fail += r->ops_fail;
	s->ops_unknown += r->ops_unknown;
	s->reads_checked += r->reads_checked;
	s->writes_checked += r->writes_checked;
	s->histories += r->histories;
	s->undecided += r->undecided;
	s->lin_steps += r->lin_steps;
	s->takeovers += r->takeovers;
	if (r->takeovers > 0 &&
	    (s->takeovers == r->takeovers || r->margin_min_us < s->margin_min_us))
		s->margin_min_us = r->margin_min_us;
	for (unsigned i = 0; i < SIM_MARGINS; i++)
		s->margins[i] += r->margins[i];
	s->commits += r->commits;
	s->elections += r->elections;
	s->orders += r->orders;
	s->steps += r->steps;
	s->stand_ins += r->stand_ins;
	s->removals += r->removals;
	s->refused_entries += r->refused_entries;
	s->refused_pictures += r->refused_pictures;
	s->refused_starts += r->refused_starts;
	s->pictures += r->pictures;
	s->chunks_stored += r->chunks_stored;
	s->chunks_reused += r->chunks_reused;
	s->chunks_read += r->chunks_read;
	s->fetches += r->fetches;
	s->fetches_done += r->fetches_done;
	s->fetches_given_up += r->fetches_given_up;
	s->fetches_cut_off += r->fetches_cut_off;
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		s->faults[i] += r->faults[i];
}

void sums_add(struct sums *s, const struct plan *plan, const struct run_result *result)
{
	struct sums_size *size = &s->sizes[plan->nodes];

	if (result->failed && s->failed < SUMS_FAILED_MAX)
		s->failures[s->failed] = plan->seed;
	s->n++;
	s->failed += result->failed;
	s->cpu_us += result->cpu_us;
	size->n++;
	size->failed += result->failed;
	size->virtual_us += result->stats.virtual_us;
	size->cpu_us += result->cpu_us;
	add_stats(&s->stats, &result->stats);
}

double sums_ratio(int64_t virtual_us, int64_t cpu_us)
{
	return (double)virtual_us / (double)(cpu_us > 0 ? cpu_us : 1);
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

static void print_failed(const struct sums *s, FILE *out)
{
	fprintf(out, "| failed | %" PRIu64, s->failed);
	for (uint64_t i = 0; i < s->failed && i < SUMS_FAILED_MAX; i++)
		fprintf(out, "%s%" PRIu64, i == 0 ? ": seeds " : ", ", s->failures[i]);
	fprintf(out, " |\n");
}

static void print_worlds(const struct sums *s, uint64_t first, FILE *out)
{
	const struct sim_stats *t = &s->stats;

	fprintf(out, "| worlds | |\n|---|---|\n");
	fprintf(out, "| seeds | %" PRIu64 " to %" PRIu64 " |\n", first, first + s->n - 1);
	print_failed(s, out);
	fprintf(out, "| virtual hours | %.1f |\n", (double)t->virtual_us / US_PER_HOUR);
	fprintf(out, "| times real time, on one core | %.0f |\n",
	        sums_ratio(t->virtual_us, s->cpu_us));
	fprintf(out, "| member messages | %" PRIu64 " |\n", t->messages);
	fprintf(out, "| elections won | %" PRIu64 " |\n", t->elections);
	fprintf(out, "| log entries committed | %" PRIu64 " |\n", t->commits);
	fprintf(out,
	        "| client operations: done, refused, unknown | %" PRIu64 ", %" PRIu64 ", %" PRIu64
	        " |\n",
	        t->ops_ok, t->ops_fail, t->ops_unknown);
	fprintf(out,
	        "| answers whose confirmations were counted: reads, writes | %" PRIu64 ", %" PRIu64
	        " |\n",
	        t->reads_checked, t->writes_checked);
	fprintf(out, "| client histories judged, undecided | %" PRIu64 ", %" PRIu64 " |\n",
	        t->histories, t->undecided);
	fprintf(out,
	        "| orders about members carried out, steps of changes, standbys that took over, "
	        "removed nodes that stopped | %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
	        " |\n",
	        t->orders, t->steps, t->stand_ins, t->removals);
	fprintf(out,
	        "| pictures taken; chunks stored, reused, read for a fetch | %" PRIu64 "; %" PRIu64
	        ", %" PRIu64 ", %" PRIu64 " |\n",
	        t->pictures, t->chunks_stored, t->chunks_reused, t->chunks_read);
	fprintf(out,
	        "| fetches begun, finished, given up, cut off | %" PRIu64 ", %" PRIu64 ", %" PRIu64
	        ", %" PRIu64 " |\n",
	        t->fetches, t->fetches_done, t->fetches_given_up, t->fetches_cut_off);
	fprintf(out,
	        "| newer states that an earlier release refused: in the log, in a picture, on its "
	        "own disk | %" PRIu64 ", %" PRIu64 ", %" PRIu64 " |\n",
	        t->refused_entries, t->refused_pictures, t->refused_starts);
	fprintf(out, "| leaders replaced while they were cut off | %" PRIu64 " |\n", t->takeovers);
	if (t->takeovers > 0)
		fprintf(out, "| fence margin: shortest, half of them below | %.1f ms, %.0f ms |\n",
		        (double)t->margin_min_us / 1000, median_ms(t));
}

static void print_sizes(const struct sums *s, FILE *out)
{
	fprintf(out,
	        "\n| nodes | worlds | failed | virtual hours | times real time, on one core |\n"
	        "|---|---|---|---|---|\n");
	for (unsigned i = 1; i <= SIM_NODES_MAX; i++) {
		const struct sums_size *z = &s->sizes[i];

		if (z->n == 0)
			continue;
		fprintf(out, "| %u | %" PRIu64 " | %" PRIu64 " | %.2f | %.0f |\n", i, z->n,
		        z->failed, (double)z->virtual_us / US_PER_HOUR,
		        sums_ratio(z->virtual_us, z->cpu_us));
	}
}

void sums_print(const struct sums *s, uint64_t first, FILE *out)
{
	print_worlds(s, first, out);
	print_sizes(s, out);
	fprintf(out, "\n| fault | times | what happens |\n|---|---|---|\n");
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		fprintf(out, "| %s | %" PRIu64 " | %s |\n", fault_word(i), s->stats.faults[i],
		        fault_text(i));
}

void sums_print_line(const struct sums *s, FILE *out)
{
	fprintf(out,
	        "%" PRIu64 " seeds, %" PRIu64 " failed, %.2f virtual hours, %.0f times real time\n",
	        s->n, s->failed, (double)s->stats.virtual_us / US_PER_HOUR,
	        sums_ratio(s->stats.virtual_us, s->cpu_us));
}
