#include "sim/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/check.h"
#include "sim/member.h"
#include "sim/process.h"

enum {
	CLASSES = TRAFFIC_BULK + 1,
	RTO_MIN_US = 30000,   /* a lost segment is sent again after this at the earliest ... */
	RTO_MAX_US = 1000000, /* ... and, after a long outage, at the latest after this */
	DIAL_MIN_US = 50000,  /* between two attempts to connect */
	DIAL_MAX_US = 500000,
	DIAL_GIVE_UP_US = 1000000, /* a handshake that nobody answers */
};

enum packet_type { PACKET_DATA, PACKET_UP, PACKET_FIN };

struct packet {
	struct queue link;
	enum packet_type type;
	int64_t due_us;
	size_t len;
	uint8_t bytes[];
};

/* One direction of a connection. */
struct stream {
	struct queue packets[CLASSES];
	int64_t last_due_us[CLASSES];
	size_t n; /* packets waiting */
};

/* One end of a connection. */
struct end {
	bool up;
	uint64_t epoch;
	int64_t heard_us;
	bool gone; /* its process ended */
};

struct conn {
	uint64_t id;
	struct end ends[2];       /* lower node, higher node */
	struct stream streams[2]; /* sent by the lower node, by the higher node */
};

/* What is between two nodes: at most one connection that both know, and perhaps an older one
 * that one of them still believes in. */
struct pair {
	struct conn *conn; /* newest; NULL: none */
	bool dialling;     /* a handshake is under way */
	bool dial_spoiled; /* ... and something was cut meanwhile */
	int64_t dial_us;   /* earliest next attempt */
	int noisy;         /* connections break at once */
};

/* The wire in one direction. */
struct way {
	int cut;
	int64_t delay_us;
	int64_t slow_us;
	int loss; /* percent of packets that need a second sending */
	int corrupt;
	int duplicate;
	int64_t healed_us; /* nothing arrives before this: the retransmission is awaited */
};

struct network {
	struct prng random;
	struct pair pairs[SIM_NODES_MAX][SIM_NODES_MAX]; /* [lower][higher] */
	struct way ways[SIM_NODES_MAX][SIM_NODES_MAX];   /* [from][to] */
	uint64_t n_conns;
};

static struct pair *pair_of(struct network *net, unsigned a, unsigned b)
{
	assert(a != b);
	return a < b ? &net->pairs[a][b] : &net->pairs[b][a];
}

/* Which end of their connection node a is. */
static unsigned end_of(unsigned a, unsigned b)
{
	return a < b ? 0 : 1;
}

struct network *network_new(struct world *w)
{
	struct network *net = calloc(1, sizeof *net);

	assert(net != NULL);
	net->random = world_stream(w->plan.seed, 2);
	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned j = 0; j < w->n; j++)
			net->ways[i][j].delay_us = prng_range(&net->random, 100, 3000);
	}
	return net;
}

static void stream_clear(struct stream *s)
{
	for (unsigned class = 0; class < CLASSES; class ++) {
		struct queue *front;

		while ((front = queue_front(&s->packets[class])) != NULL) {
			queue_remove(front);
			free(CONTAINER_OF(front, struct packet, link));
		}
	}
	s->n = 0;
}

static void conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	stream_clear(&c->streams[0]);
	stream_clear(&c->streams[1]);
	free(c);
}

void network_free(struct network *net)
{
	if (net == NULL)
		return;
	for (unsigned i = 0; i < SIM_NODES_MAX; i++) {
		for (unsigned j = i + 1; j < SIM_NODES_MAX; j++)
			conn_free(net->pairs[i][j].conn);
	}
	free(net);
}

/* --- Streams ------------------------------------------------------------------------- */

/* Names a stream in an event: the pair, the direction, the class. */
static uint64_t stream_name(unsigned from, unsigned to, unsigned class)
{
	return (uint64_t)from << 16 | (uint64_t)to << 8 | class;
}

static void stream_push(struct world *w, struct conn *c, unsigned from, unsigned to, unsigned class,
                        struct packet *p, int64_t at_us)
{
	struct network *net = w->net;
	struct stream *s = &c->streams[end_of(from, to)];
	struct way *way = &net->ways[from][to];
	int64_t due =
	    at_us + way->delay_us + way->slow_us + prng_range(&net->random, 0, way->delay_us / 2);

	if (way->loss > 0 && prng_range(&net->random, 0, 99) < way->loss) {
		/* The stream behind a lost segment waits for it, whatever its class. */
		due += prng_range(&net->random, RTO_MIN_US, 4 * RTO_MIN_US);
		for (unsigned i = 0; i < CLASSES; i++) {
			if (s->last_due_us[i] < due)
				s->last_due_us[i] = due;
		}
	}
	if (due < s->last_due_us[class])
		due = s->last_due_us[class];
	if (p->type != PACKET_DATA) {
		/* Both ends of a connection's life are ends of all its streams. */
		for (unsigned i = 0; i < CLASSES; i++)
			due = s->last_due_us[i] > due ? s->last_due_us[i] : due;
		for (unsigned i = 0; i < CLASSES; i++)
			s->last_due_us[i] = due;
	}
	s->last_due_us[class] = due;
	p->due_us = due;
	queue_push(&s->packets[class], &p->link);
	s->n++;
	world_at(w, due, EVENT_PACKET, c->id, stream_name(from, to, class));
}

static struct packet *packet_new(enum packet_type type, const uint8_t *bytes, size_t len)
{
	struct packet *p = malloc(sizeof *p + len);

	assert(p != NULL);
	p->type = type;
	p->len = len;
	if (len > 0)
		memcpy(p->bytes, bytes, len);
	return p;
}

static void give(struct world *w, unsigned to, unsigned from, enum input_type type, uint64_t epoch)
{
	world_note(w, 100 + type, (uint64_t)to << 8 | from, epoch);
	world_tell(w, &w->nodes[to], type == INPUT_UP ? "link+" : "link-", "%s epoch %llu",
	           w->nodes[from].name, (unsigned long long)epoch);
	process_input(&w->nodes[to], type, from, epoch, NULL, 0);
}

/* An end learns that its connection is gone. */
static void end_down(struct world *w, struct conn *c, unsigned node, unsigned peer)
{
	struct end *e = &c->ends[end_of(node, peer)];

	if (!e->up)
		return;
	e->up = false;
	if (w->nodes[node].state != PROCESS_DOWN)
		give(w, node, peer, INPUT_DOWN, e->epoch);
}

static void end_up(struct world *w, struct conn *c, unsigned node, unsigned peer)
{
	struct end *e = &c->ends[end_of(node, peer)];

	e->up = true;
	e->epoch = ++w->nodes[node].epoch;
	e->heard_us = w->now_us;
	give(w, node, peer, INPUT_UP, e->epoch);
}

/* Node a has given up its end: what it sent before may still arrive. */
static void say_goodbye(struct world *w, struct conn *c, unsigned a, unsigned b)
{
	if (c->ends[end_of(b, a)].up)
		stream_push(w, c, a, b, TRAFFIC_URGENT, packet_new(PACKET_FIN, NULL, 0), w->now_us);
}

static void deliver(struct world *w, struct conn *c, unsigned from, unsigned to, struct packet *p)
{
	struct network *net = w->net;
	struct way *way = &net->ways[from][to];
	struct end *e = &c->ends[end_of(to, from)];

	if (p->type == PACKET_UP) {
		if (e->gone)
			say_goodbye(w, c, to, from);
		else
			end_up(w, c, to, from);
		return;
	}
	if (p->type == PACKET_FIN) {
		end_down(w, c, to, from);
		return;
	}
	if (!e->up)
		return;
	w->stats.messages++;
	if (way->corrupt > 0 && p->len > 0 && prng_range(&net->random, 0, 9) == 0) {
		size_t at = (size_t)prng_range(&net->random, 0, (int64_t)p->len - 1);

		p->bytes[at] ^= (uint8_t)prng_range(&net->random, 1, 255);
	}
	world_note(w, 110, (uint64_t)from << 8 | to, XXH3_64bits(p->bytes, p->len));
	if (w->options.messages)
		world_tell(w, &w->nodes[to], "message", "%c of %s, %zu bytes", p->bytes[0],
		           w->nodes[from].name, p->len);
	process_input(&w->nodes[to], INPUT_MESSAGE, from, e->epoch, p->bytes, p->len);
	if (way->duplicate > 0 && prng_range(&net->random, 0, 3) == 0)
		process_input(&w->nodes[to], INPUT_MESSAGE, from, e->epoch, p->bytes, p->len);
}

void network_packet(struct world *w, uint64_t conn, uint64_t stream)
{
	unsigned from = (unsigned)(stream >> 16);
	unsigned to = (unsigned)(stream >> 8 & 0xFF);
	unsigned class = (unsigned)(stream & 0xFF);
	struct way *way = &w->net->ways[from][to];
	struct conn *c = pair_of(w->net, from, to)->conn;
	struct stream *s;
	struct queue *front;

	if (c == NULL || c->id != conn)
		return;
	s = &c->streams[end_of(from, to)];
	front = queue_front(&s->packets[class]);
	if (way->cut > 0 || front == NULL)
		return; /* healing looks again */
	if (w->now_us < way->healed_us) {
		world_at(w, way->healed_us, EVENT_PACKET, conn, stream);
		return;
	}
	if (CONTAINER_OF(front, struct packet, link)->due_us > w->now_us)
		return;
	queue_remove(front);
	s->n--;
	deliver(w, c, from, to, CONTAINER_OF(front, struct packet, link));
	free(CONTAINER_OF(front, struct packet, link));
}

static struct node *node_named(struct world *w, const char *name)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (strcmp(w->nodes[i].name, name) == 0)
			return &w->nodes[i];
	}
	return NULL;
}

void network_send(struct world *w, struct node *from, const char *name, enum traffic traffic,
                  const uint8_t *bytes, size_t len, int64_t at_us)
{
	struct node *to = node_named(w, name);
	struct conn *c;

	if (to == NULL || to == from)
		return;
	c = pair_of(w->net, from->at, to->at)->conn;
	if (c == NULL || !c->ends[end_of(from->at, to->at)].up ||
	    c->streams[end_of(from->at, to->at)].n >= SIM_QUEUE_MAX)
		return;
	check_sent(from, to, bytes, len);
	stream_push(w, c, from->at, to->at, traffic, packet_new(PACKET_DATA, bytes, len), at_us);
}

/* --- Connections --------------------------------------------------------------------- */

static void conn_break(struct world *w, unsigned a, unsigned b)
{
	struct pair *pair = pair_of(w->net, a, b);

	if (pair->conn == NULL)
		return;
	stream_clear(&pair->conn->streams[0]);
	stream_clear(&pair->conn->streams[1]);
	end_down(w, pair->conn, a, b);
	end_down(w, pair->conn, b, a);
	pair->dial_us = w->now_us + prng_range(&w->net->random, DIAL_MIN_US, DIAL_MAX_US);
}

void network_gone(struct world *w, unsigned node, bool told)
{
	for (unsigned peer = 0; peer < w->n; peer++) {
		struct pair *pair;

		if (peer == node)
			continue;
		pair = pair_of(w->net, node, peer);
		if (pair->conn == NULL)
			continue;
		if (pair->conn->ends[end_of(node, peer)].up && told)
			say_goodbye(w, pair->conn, node, peer);
		pair->conn->ends[end_of(node, peer)].up = false;
		pair->conn->ends[end_of(node, peer)].gone = true;
		pair->dial_us = w->now_us + prng_range(&w->net->random, DIAL_MIN_US, DIAL_MAX_US);
	}
}

static bool awake(const struct world *w, unsigned node)
{
	return w->nodes[node].state == PROCESS_UP && !w->nodes[node].paused;
}

static bool passable(const struct world *w, unsigned a, unsigned b)
{
	return w->net->ways[a][b].cut == 0 && w->net->ways[b][a].cut == 0 &&
	       w->net->pairs[a < b ? a : b][a < b ? b : a].noisy == 0;
}

static void dial(struct world *w, unsigned a, unsigned b)
{
	struct network *net = w->net;
	struct pair *pair = pair_of(net, a, b);
	int64_t trips = 2 * (net->ways[a][b].delay_us + net->ways[b][a].delay_us) +
	                net->ways[a][b].slow_us + net->ways[b][a].slow_us;

	pair->dialling = true;
	pair->dial_spoiled = !passable(w, a, b);
	if (pair->dial_spoiled)
		trips = pair->noisy > 0 ? 1000 : DIAL_GIVE_UP_US;
	world_at(w, w->now_us + trips, EVENT_DIALLED, a, b);
}

/* The higher node accepts and is up first; the lower one is when the last word arrives. */
void network_dialled(struct world *w, unsigned a, unsigned b)
{
	struct network *net = w->net;
	struct pair *pair = pair_of(net, a, b);
	struct conn *c;

	pair->dialling = false;
	pair->dial_us = w->now_us + prng_range(&net->random, DIAL_MIN_US, DIAL_MAX_US);
	if (pair->dial_spoiled || !passable(w, a, b) || !awake(w, a) || !awake(w, b))
		return;
	if (pair->conn != NULL) {
		if (pair->conn->ends[0].up && pair->conn->ends[1].up)
			return;
		conn_break(w, a, b); /* the end that still believed in it learns now */
		conn_free(pair->conn);
	}
	c = calloc(1, sizeof *c);
	assert(c != NULL);
	c->id = ++net->n_conns;
	for (unsigned i = 0; i < CLASSES; i++) {
		queue_init(&c->streams[0].packets[i]);
		queue_init(&c->streams[1].packets[i]);
	}
	pair->conn = c;
	end_up(w, c, b, a);
	stream_push(w, c, b, a, TRAFFIC_URGENT, packet_new(PACKET_UP, NULL, 0), w->now_us);
}

static void check_silence(struct world *w, struct conn *c, unsigned node, unsigned peer)
{
	struct end *e = &c->ends[end_of(node, peer)];

	if (!e->up || !awake(w, node) || process_has_input(&w->nodes[node]) ||
	    w->now_us - e->heard_us < SIM_SILENCE_US)
		return;
	end_down(w, c, node, peer);
	say_goodbye(w, c, node, peer);
}

void network_heard(struct world *w, unsigned node, unsigned from, uint64_t epoch)
{
	struct conn *c = pair_of(w->net, node, from)->conn;

	if (c != NULL && c->ends[end_of(node, from)].epoch == epoch)
		c->ends[end_of(node, from)].heard_us = w->now_us;
}

void network_tick(struct world *w)
{
	for (unsigned a = 0; a < w->n; a++) {
		for (unsigned b = a + 1; b < w->n; b++) {
			struct pair *pair = &w->net->pairs[a][b];

			if (pair->conn != NULL) {
				check_silence(w, pair->conn, a, b);
				check_silence(w, pair->conn, b, a);
			}
			if ((pair->conn == NULL || !pair->conn->ends[0].up ||
			     !pair->conn->ends[1].up) &&
			    !pair->dialling && w->now_us >= pair->dial_us && awake(w, a) &&
			    awake(w, b) && member_linked(w, a, b))
				dial(w, a, b);
		}
	}
	world_at(w, w->now_us + SIM_NET_TICK_US, EVENT_NET, 0, 0);
}

/* --- Faults -------------------------------------------------------------------------- */

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
