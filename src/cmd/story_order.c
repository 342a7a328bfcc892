/* The order of the story: by time, never against cause and effect. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/story.h"

/* event comes after cause. */
struct cause {
	size_t event;
	size_t cause;
};

struct ordering {
	struct story *s;
	struct cause *causes; /* owned; sorted by event */
	size_t n_causes;
	size_t cap;
	bool failed;             /* out of memory */
	struct story_event *out; /* owned until it is the story's */
	size_t n_out;
	size_t *place; /* owned; where each event went, plus one; 0: not yet */
	size_t next[STORY_NODES_MAX];
	size_t end[STORY_NODES_MAX];
};

static void add_cause(struct ordering *o, size_t event, size_t cause)
{
	if (event == cause)
		return;
	if (o->n_causes == o->cap) {
		const size_t cap = o->cap == 0 ? 256 : o->cap * 2;
		struct cause *bigger = realloc(o->causes, cap * sizeof *bigger);

		if (bigger == NULL) {
			o->failed = true;
			return;
		}
		o->causes = bigger;
		o->cap = cap;
	}
	o->causes[o->n_causes++] = (struct cause){event, cause};
}

static const char *name_of(const struct ordering *o, size_t event)
{
	return o->s->nodes[o->s->events[event].node].name;
}

static bool is_about(const struct ordering *o, size_t event, const char *what, const char *peer,
                     int64_t term)
{
	const struct story_event *e = &o->s->events[event];

	return story_is(e, what) && strcmp(story_text_of(e, "peer"), peer) == 0 &&
	       story_int_of(e, "term") == term;
}

/* --- Who caused whom ----------------------------------------------------------------- */

/* Votes that the winner cannot have done without: the earliest of a majority. */
static void needed_votes(struct ordering *o, size_t won, const char *winner, int64_t term)
{
	const struct story *s = o->s;
	size_t votes[STORY_NODES_MAX];
	size_t n = 0;
	size_t voters = 0;

	for (size_t i = 0; i < s->n_events; i++) {
		size_t at = n;

		if (s->events[i].node == s->events[won].node &&
		    story_int_of(&s->events[i], "voters") > 0)
			voters = (size_t)story_int_of(&s->events[i], "voters");
		if (!is_about(o, i, "vote", winner, term) || n == STORY_NODES_MAX ||
		    s->events[i].node == s->events[won].node)
			continue;
		for (; at > 0 && s->events[votes[at - 1]].at_us > s->events[i].at_us; at--)
			votes[at] = votes[at - 1];
		votes[at] = i;
		n++;
	}
	for (size_t i = 0; i < n && i < voters / 2; i++)
		add_cause(o, won, votes[i]);
}

/* What follows from this election: others follow, are confirmed; and who was asked to vote. */
static void follow_election(struct ordering *o, size_t won)
{
	const struct story *s = o->s;
	const char *winner = name_of(o, won);
	const int64_t term = story_int_of(&s->events[won], "term");
	size_t asked = won;

	needed_votes(o, won, winner, term);
	/* The first: a node that starts again tells its vote of that term once more. */
	for (size_t i = 0; i < s->n_events && asked == won; i++) {
		if (s->events[i].node == s->events[won].node &&
		    s->events[i].at_us <= s->events[won].at_us &&
		    is_about(o, i, "vote", winner, term))
			asked = i;
	}
	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];

		if (e->node == s->events[won].node)
			continue;
		if (is_about(o, i, "leader", winner, term) ||
		    (story_is(e, "state") && strcmp(story_text_of(e, "leader"), winner) == 0 &&
		     story_int_of(e, "leader_term") == term))
			add_cause(o, i, won);
		else if (asked != won && is_about(o, i, "vote", winner, term))
			add_cause(o, i, asked);
	}
}

/* Somebody is heard after it started, lost after it stopped: only where the clocks leave it open.
 */
static void follow_life(struct ordering *o, size_t heard)
{
	const struct story *s = o->s;
	const struct story_event *e = &s->events[heard];
	const char *what = story_int_of(e, "up") ? "start" : "stop";

	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *life = &s->events[i];

		if (story_is(life, what) && strcmp(name_of(o, i), story_text_of(e, "peer")) == 0 &&
		    life->error_us >= 0 && e->error_us >= 0 && life->at_us > e->at_us &&
		    life->at_us - e->at_us <= life->error_us + e->error_us)
			add_cause(o, heard, i);
	}
}

static int by_event(const void *a, const void *b)
{
	const struct cause *x = a;
	const struct cause *y = b;

	return x->event < y->event ? -1 : x->event > y->event;
}

static void find_causes(struct ordering *o)
{
	const struct story *s = o->s;

	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];

		if (story_is(e, "leader") && strcmp(story_text_of(e, "peer"), name_of(o, i)) == 0)
			follow_election(o, i);
		else if (story_is(e, "member"))
			follow_life(o, i);
	}
	if (o->n_causes > 0)
		qsort(o->causes, o->n_causes, sizeof o->causes[0], by_event);
}

/* --- Merging ------------------------------------------------------------------------- */

static size_t first_cause(const struct ordering *o, size_t event)
{
	size_t low = 0;
	size_t high = o->n_causes;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (o->causes[mid].event < event)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_ready(const struct ordering *o, size_t event)
{
	for (size_t i = first_cause(o, event); i < o->n_causes && o->causes[i].event == event;
	     i++) {
		if (o->place[o->causes[i].cause] == 0)
			return false;
	}
	return true;
}

/* It cannot be earlier than its causes; when the clocks say so beyond their errors, that is told.
 */
static void follow_causes(struct ordering *o, size_t event, struct story_event *e)
{
	for (size_t i = first_cause(o, event); i < o->n_causes && o->causes[i].event == event;
	     i++) {
		const size_t place = o->place[o->causes[i].cause];
		const struct story_event *cause = place == 0 ? NULL : &o->out[place - 1];

		if (cause == NULL || cause->at_us <= e->at_us)
			continue;
		e->late |= cause->error_us >= 0 && e->error_us >= 0 &&
		           cause->at_us - e->at_us > cause->error_us + e->error_us + STORY_TURN_US;
		e->at_us = cause->at_us;
	}
}

/* The earliest of the nodes' next events whose causes were told; should causes go round, which
 * broken clocks or files can do, the earliest of all. */
static size_t choose(const struct ordering *o)
{
	const struct story *s = o->s;
	size_t best = STORY_NODES_MAX;
	bool best_ready = false;

	for (size_t n = 0; n < s->n_nodes; n++) {
		bool ready;

		if (o->next[n] == o->end[n])
			continue;
		ready = is_ready(o, o->next[n]);
		if (best == STORY_NODES_MAX || (ready && !best_ready) ||
		    (ready == best_ready &&
		     s->events[o->next[n]].at_us < s->events[o->next[best]].at_us)) {
			best = n;
			best_ready = ready;
		}
	}
	return best;
}

static void merge(struct ordering *o)
{
	struct story *s = o->s;
	int64_t last[STORY_NODES_MAX];

	for (size_t n = 0; n < STORY_NODES_MAX; n++)
		last[n] = INT64_MIN;
	while (o->n_out < s->n_events) {
		const size_t n = choose(o);
		struct story_event *e = &o->out[o->n_out];
		size_t event;

		assert(n < STORY_NODES_MAX); /* nothing is left only when all are out */
		event = o->next[n]++;
		*e = s->events[event];
		if (e->at_us < last[n])
			e->at_us = last[n]; /* its own order is certain */
		follow_causes(o, event, e);
		last[n] = e->at_us;
		o->place[event] = ++o->n_out;
	}
}

/* Each node's events together, in their own order. */
static int by_node(const void *a, const void *b)
{
	const struct story_event *x = a;
	const struct story_event *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	if (x->boot_us != y->boot_us)
		return x->boot_us < y->boot_us ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

enum status story_order(struct story *s)
{
	struct ordering o = {.s = s};
	enum status st = story_map(s);

	if (st != ST_OK || s->n_events == 0)
		return st;
	qsort(s->events, s->n_events, sizeof s->events[0], by_node);
	for (size_t i = s->n_events; i > 0; i--)
		o.next[s->events[i - 1].node] = i - 1;
	for (size_t i = 0; i < s->n_events; i++)
		o.end[s->events[i].node] = i + 1;
	find_causes(&o);
	o.out = calloc(s->cap, sizeof *o.out);
	o.place = calloc(s->n_events, sizeof *o.place);
	if (o.failed || o.out == NULL || o.place == NULL) {
		free(o.out);
		st = ST_NOMEM;
	} else {
		merge(&o);
		free(s->events);
		s->events = o.out;
	}
	free(o.causes);
	free(o.place);
	return st;
}
