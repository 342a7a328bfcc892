/* All events on the clock of one node. */
#include <stdlib.h>
#include <string.h>

#include "cmd/story.h"

enum { EDGE_US = 60000000 }; /* a measurement may be so much older than the first event */

/* How the clock of one node differs from that of another, at some time. */
struct measure {
	size_t a;
	size_t b;
	unsigned epoch_a;
	int64_t at_us;     /* by a's clock */
	int64_t offset_us; /* b's minus a's */
	int64_t error_us;
};

struct clocks {
	const struct story *s;
	struct measure *items; /* owned */
	size_t n;
};

/* Where the clock of a machine's last boot has been seen. */
struct span {
	int64_t first_us;
	int64_t last_us;
};

static struct span seen(const struct story *s, size_t node)
{
	struct span span = {s->nodes[node].boot_us, s->nodes[node].boot_us};

	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];

		if (e->node != node || e->epoch != s->nodes[node].epoch)
			continue;
		if (span.first_us == 0 || e->boot_us < span.first_us)
			span.first_us = e->boot_us;
		if (e->boot_us > span.last_us)
			span.last_us = e->boot_us;
	}
	return span;
}

static bool fits(const struct clocks *c, const struct measure *m, const struct span *of_b)
{
	const int64_t there = m->at_us + m->offset_us;

	return m->epoch_a == c->s->nodes[m->a].epoch && there >= of_b->first_us - EDGE_US &&
	       there <= of_b->last_us + EDGE_US;
}

static void add_recorded(struct clocks *c, const struct span spans[])
{
	const struct story *s = c->s;

	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];
		struct measure m = {.a = e->node, .epoch_a = e->epoch, .at_us = e->boot_us};
		const char *peer = story_text_of(e, "peer");

		if (json_object_get(e->record, "error_us") == NULL)
			continue;
		while (m.b < s->n_nodes && strcmp(s->nodes[m.b].name, peer) != 0)
			m.b++;
		m.offset_us = story_int_of(e, "offset_us");
		m.error_us = story_int_of(e, "error_us");
		if (m.b < s->n_nodes && fits(c, &m, &spans[m.b]))
			c->items[c->n++] = m;
	}
}

/* Whoever asked both knows how they differ. */
static void add_asked(struct clocks *c)
{
	const struct story *s = c->s;

	for (size_t a = 0; a < s->n_nodes; a++) {
		for (size_t b = 0; b < s->n_nodes; b++) {
			const struct story_node *x = &s->nodes[a];
			const struct story_node *y = &s->nodes[b];

			if (a != b && x->error_us >= 0 && y->error_us >= 0)
				c->items[c->n++] = (struct measure){a,
				                                    b,
				                                    x->epoch,
				                                    x->boot_us,
				                                    y->offset_us - x->offset_us,
				                                    x->error_us + y->error_us};
		}
	}
}

static int64_t apart(int64_t x, int64_t y)
{
	return x > y ? x - y : y - x;
}

/* The time on b's clock when a's is at_us, with the least error. -1: not measured. */
static int64_t convert(const struct clocks *c, size_t a, size_t b, int64_t at_us, int64_t *ret)
{
	int64_t best = -1;

	for (size_t i = 0; i < c->n; i++) {
		const struct measure *m = &c->items[i];
		const bool ahead = m->a == a && m->b == b;
		const int64_t then = ahead ? m->at_us : m->at_us + m->offset_us;
		int64_t error;

		if (!ahead && !(m->a == b && m->b == a))
			continue;
		error = m->error_us + apart(at_us, then) / CLOCK_DRIFT_DIVISOR;
		if (best >= 0 && error >= best)
			continue;
		best = error;
		*ret = ahead ? at_us + m->offset_us : at_us - m->offset_us;
	}
	return best;
}

/* The same by way of a third one. */
static int64_t convert_by(const struct clocks *c, size_t a, size_t b, int64_t at_us, int64_t *ret)
{
	int64_t best = convert(c, a, b, at_us, ret);

	for (size_t by = 0; best < 0 && by < c->s->n_nodes; by++) {
		int64_t middle = 0;
		int64_t there = 0;
		const int64_t first = by == a || by == b ? -1 : convert(c, a, by, at_us, &middle);
		const int64_t second = first < 0 ? -1 : convert(c, by, b, middle, &there);

		if (second < 0)
			continue;
		best = first + second;
		*ret = there;
	}
	return best;
}

static void map_event(const struct clocks *c, struct story *s, struct story_event *e)
{
	const bool booted = e->epoch != s->nodes[e->node].epoch;

	e->error_us = -1;
	if (!booted && e->node == s->reference) {
		e->at_us = e->boot_us;
		e->error_us = 0;
	} else if (!booted) {
		e->error_us = convert_by(c, e->node, s->reference, e->boot_us, &e->at_us);
	}
	if (e->error_us < 0)
		e->at_us = e->wall_ms * 1000 - s->wall_base_us;
	if (s->nodes[e->node].worst_us >= 0)
		s->nodes[e->node].worst_us =
		    e->error_us < 0 || e->error_us > s->nodes[e->node].worst_us
		        ? e->error_us
		        : s->nodes[e->node].worst_us;
}

/* Who saw most of it, if the first one did not record anything. */
static size_t choose_reference(const struct story *s)
{
	size_t best = 0;

	for (size_t i = 1; i < s->n_nodes && s->nodes[0].n_events == 0; i++) {
		if (s->nodes[i].n_events > s->nodes[best].n_events)
			best = i;
	}
	return best;
}

enum status story_map(struct story *s)
{
	struct span spans[STORY_NODES_MAX];
	struct clocks c = {.s = s};

	s->reference = choose_reference(s);
	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];

		if (e->node == s->reference && e->epoch == s->nodes[e->node].epoch)
			s->wall_base_us = e->wall_ms * 1000 - e->boot_us;
	}
	c.items = calloc(s->n_events + (size_t)STORY_NODES_MAX * STORY_NODES_MAX, sizeof *c.items);
	if (c.items == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < s->n_nodes; i++)
		spans[i] = seen(s, i);
	add_recorded(&c, spans);
	add_asked(&c);
	for (size_t i = 0; i < s->n_nodes; i++)
		s->nodes[i].worst_us = 0;
	for (size_t i = 0; i < s->n_events; i++)
		map_event(&c, s, &s->events[i]);
	free(c.items);
	return ST_OK;
}
