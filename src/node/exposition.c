#include "node/exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A counter's family has no _total in OpenMetrics. */
static size_t family_len(const struct exposition *x)
{
	const size_t len = strlen(x->metric->name);
	const size_t total = sizeof "_total" - 1;

	return x->format == FORMAT_OPENMETRICS && x->metric->type == METRIC_COUNTER ? len - total
	                                                                            : len;
}

/* Help texts hold neither backslashes nor line ends: a test says so. */
static void put_heading(struct exposition *x)
{
	const struct metric *m = x->metric;
	const int len = (int)family_len(x);

	if (x->headed)
		return;
	x->headed = true;
	buf_printf(x->b, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, m->name, m->help, len, m->name,
	           metric_type_name(m->type));
	if (x->format == FORMAT_OPENMETRICS && m->unit[0] != '\0')
		buf_printf(x->b, "# UNIT %.*s %s\n", len, m->name, m->unit);
}

static void put_escaped(struct buf *b, const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			buf_u8(b, '\\');
		if (*c == '\n')
			buf_bytes(b, "\\n", 2);
		else
			buf_u8(b, (uint8_t)*c);
	}
}

static void put_labels(struct buf *b, const struct exposition_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s%s=\"", i == 0 ? "" : ",", labels[i].name);
		put_escaped(b, labels[i].value);
		buf_u8(b, '"');
	}
}

static void put_number(struct buf *b, double value)
{
	if (value == floor(value) && fabs(value) < 9e15)
		buf_printf(b, " %.0f\n", value);
	else
		buf_printf(b, " %.15g\n", value);
}

void exposition_put(struct exposition *x, const struct exposition_label *labels, size_t n_labels,
                    double value)
{
	if (isnan(value))
		return;
	put_heading(x);
	buf_printf(x->b, "%s", x->metric->name);
	if (n_labels > 0) {
		buf_u8(x->b, '{');
		put_labels(x->b, labels, n_labels);
		buf_u8(x->b, '}');
	}
	put_number(x->b, value);
}

void exposition_one(struct exposition *x, const char *label, const char *value_of_label,
                    double value)
{
	const struct exposition_label one = {label, value_of_label};

	exposition_put(x, &one, label == NULL ? 0 : 1, value);
}

static void put_bucket(struct exposition *x, const struct exposition_label *labels, size_t n_labels,
                       const char *bound, uint64_t count)
{
	buf_printf(x->b, "%s_bucket{", x->metric->name);
	put_labels(x->b, labels, n_labels);
	buf_printf(x->b, "%sle=\"%s\"} %" PRIu64 "\n", n_labels == 0 ? "" : ",", bound, count);
}

static void put_end(struct exposition *x, const char *suffix, const struct exposition_label *labels,
                    size_t n_labels, double value)
{
	buf_printf(x->b, "%s_%s", x->metric->name, suffix);
	if (n_labels > 0) {
		buf_u8(x->b, '{');
		put_labels(x->b, labels, n_labels);
		buf_u8(x->b, '}');
	}
	put_number(x->b, value);
}

void exposition_histogram(struct exposition *x, const struct exposition_label *labels,
                          size_t n_labels, const struct histogram *h)
{
	const int64_t *bounds = histogram_bounds_us(h->scale);
	uint64_t sum = 0;

	assert(x->metric->type == METRIC_HISTOGRAM);
	put_heading(x);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		const double s = (double)bounds[i] / 1e6;
		char bound[32];

		sum += h->counts[i];
		(void)snprintf(bound, sizeof bound, s == floor(s) ? "%.1f" : "%.9g", s);
		put_bucket(x, labels, n_labels, bound, sum);
	}
	put_bucket(x, labels, n_labels, "+Inf", h->n);
	put_end(x, "sum", labels, n_labels, (double)h->sum_us / 1e6);
	put_end(x, "count", labels, n_labels, (double)h->n);
}
