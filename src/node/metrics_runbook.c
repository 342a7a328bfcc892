#include "node/metrics_runbook.h"

#include <math.h>
#include <stdio.h>

/* RB-010, "Runbook Metrics". */
enum { DETECTION_TARGET_S = 30, MANUAL_TARGET_S = 300 };
static const double automatic_target = 0.95;

/* The bound of the highest bucket in use. */
static double worst_s(const struct histogram *h)
{
	int i = HISTOGRAM_BUCKETS;

	while (i >= 0 && h->counts[i] == 0)
		i--;
	if (i < 0)
		return (double)NAN;
	return i == HISTOGRAM_BUCKETS ? (double)INFINITY
	                              : (double)histogram_bounds_us(h->scale)[i] / 1e6;
}

void runbook_metrics(const struct metrics *m, struct runbook_metric ret[RUNBOOK_METRICS])
{
	const uint64_t recoveries = m->automatic + m->by_hand;

	ret[0] = (struct runbook_metric){"Partition Detection Time",
	                                 "partition_detection_seconds",
	                                 DETECTION_TARGET_S,
	                                 histogram_mean_s(&m->detection),
	                                 worst_s(&m->detection),
	                                 m->detection.n,
	                                 false};
	ret[1] = (struct runbook_metric){
	    "Auto-Recovery Success",
	    "auto_recovery_success_ratio",
	    automatic_target,
	    recoveries == 0 ? (double)NAN : (double)m->automatic / (double)recoveries,
	    (double)NAN,
	    recoveries,
	    true};
	ret[2] = (struct runbook_metric){"Manual Recovery Time",
	                                 "manual_recovery_seconds",
	                                 MANUAL_TARGET_S,
	                                 histogram_mean_s(&m->manual),
	                                 worst_s(&m->manual),
	                                 m->manual.n,
	                                 false};
}

static bool is_met(const struct runbook_metric *r)
{
	return r->ratio ? r->value > r->target : r->value < r->target;
}

static void print_target(const struct runbook_metric *r, char *ret, size_t cap)
{
	if (r->ratio)
		(void)snprintf(ret, cap, "> %.0f%%", r->target * 100);
	else if (r->target >= 60)
		(void)snprintf(ret, cap, "< %.0f min", r->target / 60);
	else
		(void)snprintf(ret, cap, "< %.0f sec", r->target);
}

static void print_value(const struct runbook_metric *r, char *ret, size_t cap)
{
	if (isnan(r->value))
		(void)snprintf(ret, cap, "none yet");
	else if (r->ratio)
		(void)snprintf(ret, cap, "%.1f%%", r->value * 100);
	else
		(void)snprintf(ret, cap, "%.3f sec", r->value);
}

void runbook_print(const struct metrics *m, struct buf *b)
{
	struct runbook_metric all[RUNBOOK_METRICS];

	runbook_metrics(m, all);
	buf_printf(b, "%-25s %-9s %-12s %-10s %6s  %s\n", "Metric", "Target", "Current", "Worst",
	           "Count", "Met");
	for (unsigned i = 0; i < RUNBOOK_METRICS; i++) {
		const struct runbook_metric *r = &all[i];
		char target[32];
		char value[32];
		char worst[32] = "-";

		print_target(r, target, sizeof target);
		print_value(r, value, sizeof value);
		if (isinf(r->worst))
			(void)snprintf(worst, sizeof worst, "> 10 min");
		else if (!isnan(r->worst))
			(void)snprintf(worst, sizeof worst, "<= %g s", r->worst);
		buf_printf(b, "%-25s %-9s %-12s %-10s %6llu  %s\n", r->title, target, value, worst,
		           (unsigned long long)r->n,
		           isnan(r->value) ? "-"
		           : is_met(r)     ? "yes"
		                           : "NO");
	}
	buf_printf(b, "\nAs this node saw it since its process started; current is the mean.\n");
}
