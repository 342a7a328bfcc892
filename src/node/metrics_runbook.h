/* The runbook metrics of RB-010, each against its target. */
#ifndef NODE_METRICS_RUNBOOK_H
#define NODE_METRICS_RUNBOOK_H

#include "base/buf.h"
#include "node/metrics.h"

enum { RUNBOOK_METRICS = 3 };

struct runbook_metric {
	const char *title; /* as RB-010 calls it */
	const char *word;  /* its label */
	double target;     /* seconds, or a ratio */
	double value;      /* mean; NAN: there was none */
	double worst;      /* upper bound of the worst one, in seconds; NAN: none, or a ratio */
	uint64_t n;        /* how many there were */
	bool ratio;        /* more is better; else seconds, less is better */
};

void runbook_metrics(const struct metrics *m, struct runbook_metric ret[RUNBOOK_METRICS]);

/* As a table for a terminal. */
void runbook_print(const struct metrics *m, struct buf *b);

#endif
