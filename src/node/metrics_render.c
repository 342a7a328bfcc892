#include "node/metrics_render.h"

#include <assert.h>
#include <string.h>

static double double_at(const void *base, size_t at)
{
	double value;

	memcpy(&value, (const char *)base + at, sizeof value);
	return value;
}

static void put_metric(struct exposition *x, const struct metrics_view *v)
{
	const struct metric *m = x->metric;

	switch (m->source) {
	case FROM_VIEW:
		exposition_one(x, NULL, NULL, double_at(v, m->at));
		break;
	case FROM_PEER:
		for (size_t i = 0; i < v->n_peers; i++)
			exposition_one(x, "node", v->peers[i].node, double_at(&v->peers[i], m->at));
		break;
	case FROM_HISTOGRAM:
		exposition_histogram(x, NULL, 0,
		                     (const struct histogram *)((const char *)v->recorded + m->at));
		break;
	case FROM_FUNCTION:
		m->put(x, v);
		break;
	}
}

void metrics_render(const struct metrics_view *v, enum exposition_format format,
                    const char *pattern, struct buf *b)
{
	struct exposition x = {.b = b, .format = format};

	assert(v->recorded != NULL);
	for (size_t i = 0; i < metrics_n; i++) {
		if (pattern != NULL && strstr(metrics_table[i].name, pattern) == NULL)
			continue;
		x.metric = &metrics_table[i];
		x.headed = false;
		put_metric(&x, v);
	}
	if (format == FORMAT_OPENMETRICS)
		buf_printf(b, "# EOF\n");
}
