#include "sim/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"
#include "sim/client.h"
#include "sim/network.h"
#include "sim/operator.h"
#include "sim/process.h"
#include "sim/thing.h"

enum {
	MILLION = 1000000,
};

/* --- The heap ------------------------------------------------------------------------ */

static bool before(const struct event *x, const struct event *y)
{
	return x->at_us < y->at_us || (x->at_us == y->at_us && x->order < y->order);
}

static void heap_push(struct heap *h, const struct event *ev)
{
	size_t i = h->n;

	if (h->n == h->cap) {
		h->cap = h->cap == 0 ? 1024 : 2 * h->cap;
		h->items = realloc(h->items, h->cap * sizeof *h->items);
		assert(h->items != NULL);
	}
	h->n++;
	while (i > 0 && before(ev, &h->items[(i - 1) / 2])) {
		h->items[i] = h->items[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->items[i] = *ev;
}

static struct event heap_pop(struct heap *h)
{
	struct event top = h->items[0];
	struct event last = h->items[--h->n];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && before(&h->items[child + 1], &h->items[child]))
			child++;
		if (!before(&h->items[child], &last))
			break;
		h->items[i] = h->items[child];
		i = child;
	}
	h->items[i] = last;
	return top;
}

void world_at(struct world *w, int64_t at_us, enum event_type type, uint64_t a, uint64_t b)
{
	struct event ev = {.at_us = at_us < w->now_us ? w->now_us : at_us,
	                   .order = w->heap.order++,
	                   .type = type,
	                   .a = a,
	                   .b = b};

	heap_push(&w->heap, &ev);
}

void world_turn_at(struct node *node, int64_t at_us)
{
	struct world *w = node->world;

	w->turns[node->at] = (struct turn){at_us, at_us == INT64_MAX ? 0 : w->heap.order++};
}

/* False: nothing happens any more. */
static bool next_event(struct world *w, struct event *ret)
{
	const struct turn *first = &w->turns[0];

	for (unsigned i = 1; i < w->n; i++) {
		const struct turn *t = &w->turns[i];

		if (t->at_us < first->at_us ||
		    (t->at_us == first->at_us && t->order < first->order))
			first = t;
	}
	*ret = (struct event){.at_us = first->at_us,
	                      .order = first->order,
	                      .type = EVENT_TURN,
	                      .a = (uint64_t)(first - w->turns)};
	if (w->heap.n > 0 && !before(ret, &w->heap.items[0]))
		*ret = heap_pop(&w->heap);
	return ret->at_us < INT64_MAX;
}

/* --- Chance, clocks ------------------------------------------------------------------ */

struct prng world_stream(uint64_t seed, uint64_t purpose)
{
	struct prng p = {seed * UINT64_C(0x100000001B3) + purpose};

	(void)prng_next(&p);
	p.state ^= purpose << 32;
	return p;
}

bool world_chance(struct prng *p, unsigned percent)
{
	return prng_next(p) % 100 < percent;
}

int64_t clock_read(const struct node *node, int64_t world_us)
{
	const struct node_clock *c = &node->clock;
	int64_t span = world_us - c->set_us;

	return c->value_us + span + span / MILLION * c->drift_ppm +
	       span % MILLION * c->drift_ppm / MILLION;
}

int64_t clock_ask(struct node *node, int64_t world_us)
{
	struct node_clock *c = &node->clock;

	if (c->asked_us != world_us) {
		c->asked_us = world_us;
		c->told_us = clock_read(node, world_us);
	}
	return c->told_us;
}

int64_t clock_world(const struct node *node, int64_t own_us)
{
	const struct node_clock *c = &node->clock;
	double rate = 1.0 + (double)c->drift_ppm / (double)MILLION;
	int64_t at = c->set_us + (int64_t)((double)(own_us - c->value_us) / rate);

	while (clock_read(node, at) < own_us)
		at++;
	return at;
}

void clock_set_drift(struct node *node, int64_t drift_ppm)
{
	int64_t now_us = node->world->now_us;

	node->clock.value_us = clock_read(node, now_us);
	node->clock.set_us = now_us;
	node->clock.drift_ppm = drift_ppm;
	node->clock.asked_us = -1;
	if (drift_ppm > 5000 || drift_ppm < -5000)
		node->untrusted_clock = true;
}

void clock_stop_for(struct node *node, int64_t us)
{
	node->clock.value_us -= us;
	node->clock.asked_us = -1;
	node->untrusted_clock = true;
}

/* --- Story and failure --------------------------------------------------------------- */

void world_note(struct world *w, uint64_t what, uint64_t a, uint64_t b)
{
	uint64_t h = w->hash;

	h = (h ^ (uint64_t)w->now_us) * UINT64_C(0x9E3779B97F4A7C15);
	h = (h ^ what ^ h >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
	h = (h ^ a ^ h >> 31) * UINT64_C(0x94D049BB133111EB);
	w->hash = (h ^ b ^ h >> 30) * UINT64_C(0x9E3779B97F4A7C15);
}

bool world_tells(const struct world *w)
{
	return w->options.trace;
}

static void tell(struct world *w, const struct node *node, const char *code, const char *text)
{
	fprintf(w->options.out, "%11.6f %-2s %-10s %s\n", (double)w->now_us / (double)MILLION,
	        node == NULL ? "--" : node->name + strlen("erlmcp@"), code, text);
}

void world_tell(struct world *w, const struct node *node, const char *code, const char *fmt, ...)
{
	char text[SIM_FAILURE_MAX];
	va_list args;

	if (!w->options.trace)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	tell(w, node, code, text);
}

void world_fail(struct world *w, enum check check, const char *fmt, ...)
{
	int used;
	va_list args;

	if (w->failed)
		return;
	w->failed = true;
	used = snprintf(w->failure, sizeof w->failure, "%s: ", check_name(check));
	va_start(args, fmt);
	(void)vsnprintf(w->failure + used, sizeof w->failure - (size_t)used, fmt, args);
	va_end(args);
	if (w->options.trace)
		tell(w, NULL, "FAILED", w->failure);
}

static const struct {
	const char *code;
	const char *text;
} legend[] = {
    {"fault", "a fault of the schedule begins or ends"},
    {"start", "a process starts; boot counter and log on its disk"},
    {"down", "a process is gone"},
    {"died", "it died at some step of a turn"},
    {"stop", "SIGTERM"},
    {"stalled", "it was paused at some step of a turn"},
    {"link+", "its connection to a member is up"},
    {"link-", "... is down"},
    {"member", "the cluster room heard or lost a member"},
    {"state", "its life cycle moved, with the evidence"},
    {"leader", "the leader as it knows it"},
    {"wins", "it leads from now on"},
    {"take-over", "... from a leader that does not know it yet"},
    {"commit", "the newest committed entry, when it is first seen"},
    {"countdown", "the minority countdown"},
    {"shutdown", "the countdown is over"},
    {"alarm", "an alarm was raised or is over"},
    {"founded", "its identity changed"},
    {"reset", "its disk is set aside: a new incarnation follows"},
    {"operator", "what is ordered about the members, and the answer"},
    {"fetch", "it fetches a picture of the state from the leader"},
    {"version", "its state has another version"},
    {"members", "a step of a change of the members"},
    {"fatal", "it has to stop"},
    {"note", "diagnosis of its rooms"},
    {"ask", "a client asks a node"},
    {"ok", "... and is answered"},
    {"no", "... and is refused: certainly nothing happened"},
    {"unknown", "... and does not know the outcome"},
    {"message", "a member message arrives (with --messages)"},
    {"heal", "no fault any more"},
    {"FAILED", "a check failed"},
};

void world_legend(FILE *out)
{
	fprintf(out, "# seconds, node, what, details. What:\n");
	for (size_t i = 0; i < sizeof legend / sizeof legend[0]; i++)
		fprintf(out, "#   %-10s %s\n", legend[i].code, legend[i].text);
	fprintf(out, "# faults, their nodes a and b counted from 1, standbys last:\n");
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		fprintf(out, "#   %-14s %s\n", fault_word(i), fault_text(i));
}

/* --- Running ------------------------------------------------------------------------- */

static void dispatch_node(struct world *w, const struct event *ev)
{
	struct node *node = &w->nodes[ev->a];

	if (node->life != ev->b)
		return;
	if (ev->type == EVENT_START)
		process_start(node);
	else if (ev->type == EVENT_CLOSE)
		process_close(node);
}

static void heal(struct world *w)
{
	w->healed = true;
	w->healed_us = w->now_us;
	world_tell(w, NULL, "heal", "everything works from now on");
	fault_heal_all(w);
}

static void dispatch(struct world *w, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_TURN:
		process_turn(&w->nodes[ev->a]);
		break;
	case EVENT_START:
	case EVENT_CLOSE:
		dispatch_node(w, ev);
		break;
	case EVENT_PACKET:
		network_packet(w, ev->a, ev->b);
		break;
	case EVENT_DIALLED:
		network_dialled(w, (unsigned)ev->a, (unsigned)ev->b);
		break;
	case EVENT_NET:
		network_tick(w);
		operator_act(w);
		check_time(w);
		break;
	case EVENT_CLIENT:
		clients_act(w, (unsigned)ev->a, ev->b);
		break;
	case EVENT_REPLY:
		clients_reply(w, ev->b);
		break;
	case EVENT_FAULT:
		fault_begin(w, ev->a);
		break;
	case EVENT_END:
		fault_end(w, ev->a);
		break;
	case EVENT_HEAL:
		heal(w);
		break;
	}
}

bool world_run(struct world *w)
{
	int64_t end_us = w->plan.length_us + SIM_HEAL_US + SIM_SERVING_US + SIM_QUIET_US;
	struct event ev;

	for (unsigned i = 0; i < w->n; i++)
		world_at(w, prng_range(&w->random, 0, 300000), EVENT_START, i, 0);
	for (size_t i = 0; i < w->plan.n; i++)
		world_at(w, w->plan.faults[i].at_us, EVENT_FAULT, i, 0);
	world_at(w, w->plan.length_us, EVENT_HEAL, 0, 0);
	world_at(w, SIM_NET_TICK_US, EVENT_NET, 0, 0);
	clients_start(w);
	while (!w->failed && next_event(w, &ev)) {
		if (ev.at_us > end_us ||
		    (w->settled_us > 0 && ev.at_us > w->settled_us + SIM_QUIET_US))
			break;
		w->now_us = ev.at_us;
		w->stats.events++;
		dispatch(w, &ev);
	}
	if (!w->failed)
		check_end(w);
	if (w->options.history != NULL)
		check_save(w, w->options.history);
	for (unsigned i = 0; i < w->n; i++) {
		w->stats.chunks_stored += w->nodes[i].disk.chunks.stored;
		w->stats.chunks_read += w->nodes[i].disk.chunks.read;
	}
	w->stats.virtual_us = w->now_us;
	return !w->failed;
}

struct world *world_new(const struct sim_options *options, const struct plan *plan)
{
	struct world *w = calloc(1, sizeof *w);

	assert(w != NULL && plan->nodes >= 1 && plan->nodes + plan->standbys <= SIM_NODES_MAX);
	w->options = *options;
	w->plan = *plan;
	w->n = plan->nodes + plan->standbys;
	w->random = world_stream(plan->seed, 1);
	w->stats.margin_min_us = INT64_MAX;
	for (unsigned i = 0; i < w->n; i++)
		process_init(w, i);
	w->net = network_new(w);
	w->checks = checks_new(w);
	w->clients = clients_new(w);
	w->things = things_new(w);
	w->orders = operator_new(w);
	return w;
}

void world_free(struct world *w)
{
	if (w == NULL)
		return;
	w->failed = true; /* what the ends of processes still say is of no interest */
	w->options.trace = false;
	for (unsigned i = 0; i < w->n; i++)
		process_free(&w->nodes[i]);
	clients_free(w->clients);
	things_free(w->things);
	checks_free(w->checks);
	network_free(w->net);
	operator_free(w->orders);
	for (size_t i = 0; i < w->heap.n; i++) {
		if (w->heap.items[i].type == EVENT_REPLY)
			clients_forget(w->heap.items[i].b);
	}
	free(w->heap.items);
	free(w);
}
