/* What goes wrong with connections, and how it heals. */
#include "sim/network_inside.h"

#include "sim/member.h"

/* What waited is sent again, after a while that grew with the outage. */
static void resume(struct world *w, unsigned from, unsigned to)
{
	struct network *net = w->net;
	struct conn *c = pair_of(net, from, to)->conn;

	net->ways[from][to].healed_us = w->now_us + prng_range(&net->random, 0, RTO_MAX_US);
	if (c == NULL)
		return;
	for (unsigned class = 0; class < CLASSES; class ++) {
		struct queue *pos;
		struct queue *after;

		QUEUE_EACH (pos, after, &c->streams[end_of(from, to)].packets[class])
			world_at(w, net->ways[from][to].healed_us, EVENT_PACKET, c->id,
			         stream_name(from, to, class));
	}
}

void network_cut(struct world *w, unsigned from, unsigned to, int delta)
{
	struct way *way = &w->net->ways[from][to];

	way->cut += delta;
	assert(way->cut >= 0);
	if (delta > 0)
		pair_of(w->net, from, to)->dial_spoiled = true;
	else if (way->cut == 0)
		resume(w, from, to);
}

void network_noisy(struct world *w, unsigned a, unsigned b, int delta)
{
	struct pair *pair = pair_of(w->net, a, b);

	pair->noisy += delta;
	assert(pair->noisy >= 0);
	if (delta > 0) {
		pair->dial_spoiled = true;
		conn_break(w, a, b);
	}
}

void network_slow(struct world *w, unsigned from, unsigned to, int64_t delta_us)
{
	w->net->ways[from][to].slow_us += delta_us;
}

void network_loss(struct world *w, unsigned from, unsigned to, int percent)
{
	w->net->ways[from][to].loss += percent;
}

void network_corrupt(struct world *w, unsigned from, unsigned to, int delta)
{
	w->net->ways[from][to].corrupt += delta;
}

void network_reorder(struct world *w, unsigned from, unsigned to, int64_t delta_us)
{
	w->net->ways[from][to].reorder_us += delta_us;
}

void network_duplicate(struct world *w, unsigned from, unsigned to, int delta)
{
	w->net->ways[from][to].duplicate += delta;
}

/* Both learn of it, one perhaps later than the other; what was on its way is lost. */
void network_reset(struct world *w, unsigned a, unsigned b)
{
	struct pair *pair = pair_of(w->net, a, b);

	if (pair->conn == NULL)
		return;
	if (prng_next(&w->net->random) & 1) {
		conn_break(w, a, b);
		return;
	}
	stream_clear(&pair->conn->streams[end_of(a, b)]);
	end_down(w, pair->conn, a, b);
	say_goodbye(w, pair->conn, a, b);
}

void network_heal(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned j = 0; j < w->n; j++) {
			struct way *way = &w->net->ways[i][j];
			bool was_cut = way->cut > 0;

			if (i == j)
				continue;
			way->cut = 0;
			way->slow_us = 0;
			way->loss = 0;
			way->corrupt = 0;
			way->duplicate = 0;
			way->reorder_us = 0;
			pair_of(w->net, i, j)->noisy = 0;
			if (was_cut)
				resume(w, i, j);
		}
	}
}

bool network_clean(const struct world *w, unsigned a, unsigned b)
{
	const struct way *there = &w->net->ways[a][b];
	const struct way *back = &w->net->ways[b][a];

	return passable(w, a, b) && member_linked(w, a, b) && there->slow_us == 0 &&
	       back->slow_us == 0 && there->loss == 0 && back->loss == 0 && there->corrupt == 0 &&
	       back->corrupt == 0;
}
