/* Text of metrics, as Prometheus reads it: its own format, or OpenMetrics 1.0.0. Pure. */
#ifndef NODE_EXPOSITION_H
#define NODE_EXPOSITION_H

#include <stdbool.h>

#include "base/buf.h"
#include "node/metrics.h"
#include "node/metrics_table.h"

enum exposition_format { FORMAT_PROMETHEUS, FORMAT_OPENMETRICS };

struct exposition {
	struct buf *b;
	enum exposition_format format;
	const struct metric *metric; /* whose samples follow */
	bool headed;                 /* its name, type and meaning are written */
};

/* One label of a sample. */
struct exposition_label {
	const char *name;
	const char *value; /* any text: it is escaped */
};

/* One sample of x->metric: a NAN is none. */
void exposition_put(struct exposition *x, const struct exposition_label *labels, size_t n_labels,
                    double value);
/* With one label, or none when label is NULL. */
void exposition_one(struct exposition *x, const char *label, const char *value_of_label,
                    double value);
void exposition_histogram(struct exposition *x, const struct exposition_label *labels,
                          size_t n_labels, const struct histogram *h);

#endif
