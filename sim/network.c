#include "sim/network_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/check.h"
#include "sim/member.h"
#include "sim/process.h"

enum {
	RTO_MIN_US = 30000,  /* a lost segment is sent again after this at the earliest */
	DIAL_MIN_US = 50000, /* between two attempts to connect */
	DIAL_MAX_US = 500000,
	DIAL_GIVE_UP_US = 1000000, /* a handshake that nobody answers */
	READ_MAX = 4096,           /* bytes that a read of a socket finds */
	NARROW = 1000,             /* a link is full with a few of the small messages here */
};

struct network *network_new(struct world *w)
{
	struct network *net = calloc(1, sizeof *net);

	assert(net != NULL);
	net->random = world_stream(w->plan.seed, 2);
	net->narrow = prng_range(&net->random, 0, 2) > 0 ? 1 : NARROW;
	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned j = 0; j < w->n; j++)
			net->ways[i][j].delay_us = prng_range(&net->random, 100, 3000);
	}
	return net;
}

void stream_clear(struct stream *s)
{
	for (unsigned class = 0; class < CLASSES; class ++) {
		struct queue *front;

		while ((front = queue_front(&s->packets[class])) != NULL) {
			queue_remove(front);
			free(CONTAINER_OF(front, struct packet, link));
		}
	}
	s->n = 0;
	s->bytes = 0;
}

static void conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	stream_clear(&c->streams[0]);
	stream_clear(&c->streams[1]);
	for (unsigned i = 0; i < 2 && c->framed; i++)
		framing_close(&c->wires[i]);
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

uint64_t stream_name(unsigned from, unsigned to, unsigned class)
{
	return (uint64_t)from << 16 | (uint64_t)to << 8 | class;
}

/* Takes the packet, which leaves when it says that it is due. */
static void stream_push(struct world *w, struct conn *c, unsigned from, unsigned to, unsigned class,
                        struct packet *p)
{
	struct network *net = w->net;
	struct stream *s = &c->streams[end_of(from, to)];
	struct way *way = &net->ways[from][to];
	int64_t due = p->due_us + way->delay_us + way->slow_us +
	              prng_range(&net->random, 0, way->delay_us / 2);

	if (way->loss > 0 && prng_range(&net->random, 0, 99) < way->loss) {
		/* The stream behind a lost segment waits for it, whatever its class. */
		due += prng_range(&net->random, RTO_MIN_US, INT64_C(4) * RTO_MIN_US);
		for (unsigned i = 0; i < CLASSES; i++) {
			if (s->last_due_us[i] < due)
				s->last_due_us[i] = due;
		}
	}
	if (way->reorder_us > 0)
		due += prng_range(&net->random, 0, way->reorder_us);
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
	s->bytes += class == TRAFFIC_NORMAL ? p->len : 0;
	world_at(w, due, EVENT_PACKET, c->id, stream_name(from, to, class));
}

static struct packet *packet_new(enum packet_type type, const uint8_t *bytes, size_t len,
                                 int64_t due_us)
{
	struct packet *p = malloc(sizeof *p + len);

	assert(p != NULL);
	p->type = type;
	p->due_us = due_us;
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

void end_down(struct world *w, struct conn *c, unsigned node, unsigned peer)
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

void say_goodbye(struct world *w, struct conn *c, unsigned a, unsigned b)
{
	if (c->ends[end_of(b, a)].up)
		stream_push(w, c, a, b, TRAFFIC_URGENT, packet_new(PACKET_FIN, NULL, 0, w->now_us));
}

/* Where a message arrives. */
struct arrival {
	struct world *w;
	unsigned from;
	unsigned to;
	uint64_t epoch;
};

static void arrive(void *arg, const uint8_t *bytes, size_t len)
{
	const struct arrival *at = arg;
	struct world *w = at->w;
	struct node *to = &w->nodes[at->to];

	w->stats.messages++;
	world_note(w, 110, (uint64_t)at->from << 8 | at->to, XXH3_64bits(bytes, len));
	if (w->options.messages)
		world_tell(w, to, "message", "%c of %s, %zu bytes", bytes[0],
		           w->nodes[at->from].name, len);
	process_input(to, INPUT_MESSAGE, at->from, at->epoch, bytes, len);
	if (w->net->ways[at->from][at->to].duplicate > 0 && prng_range(&w->net->random, 0, 3) == 0)
		process_input(to, INPUT_MESSAGE, at->from, at->epoch, bytes, len);
}

/* Bytes that are no frames: the connection is closed, as io/net does. */
static void misbehaved(struct world *w, struct conn *c, unsigned from, unsigned to)
{
	end_down(w, c, to, from);
	say_goodbye(w, c, to, from);
}

static void deliver(struct world *w, struct conn *c, unsigned from, unsigned to, struct packet *p)
{
	struct network *net = w->net;
	struct way *way = &net->ways[from][to];
	struct end *e = &c->ends[end_of(to, from)];
	struct arrival arrival = {w, from, to, e->epoch};

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
	if (way->corrupt > 0 && p->len > 0 && prng_range(&net->random, 0, 9) == 0) {
		size_t at = (size_t)prng_range(&net->random, 0, (int64_t)p->len - 1);

		p->bytes[at] ^= (uint8_t)prng_range(&net->random, 1, 255);
	}
	if (!c->framed)
		arrive(&arrival, p->bytes, p->len);
	else if (framing_take(&c->wires[end_of(to, from)], p->bytes, p->len, arrive, &arrival) !=
	         ST_OK)
		misbehaved(w, c, from, to);
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
	s->bytes -= class == TRAFFIC_NORMAL ? CONTAINER_OF(front, struct packet, link)->len : 0;
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

/* A message becomes bytes, and these arrive in pieces of any length: one stream for all classes,
 * because the sender's kernel takes them at once. A reset loses it from any byte on. */
static void push_pieces(struct world *w, struct conn *c, unsigned from, unsigned to,
                        const struct buf *wire, int64_t at_us)
{
	size_t at = 0;

	assert(buf_status(wire) == ST_OK);
	while (at < wire->len) {
		size_t n = (size_t)prng_range(&w->net->random, 1, READ_MAX);

		n = n < wire->len - at ? n : wire->len - at;
		stream_push(w, c, from, to, TRAFFIC_URGENT,
		            packet_new(PACKET_DATA, wire->base + at, n, at_us));
		at += n;
	}
}

void network_send(struct node *from, const char *to_name, enum traffic traffic,
                  const uint8_t *bytes, size_t len, int64_t at_us)
{
	static const enum link_class classes[] = {[TRAFFIC_URGENT] = LINK_URGENT,
	                                          [TRAFFIC_NORMAL] = LINK_NORMAL,
	                                          [TRAFFIC_BULK] = LINK_BULK};
	struct world *w = from->world;
	struct node *to = node_named(w, to_name);
	struct buf wire;
	struct conn *c;

	if (to == NULL || to == from)
		return;
	c = pair_of(w->net, from->at, to->at)->conn;
	if (c == NULL || !c->ends[end_of(from->at, to->at)].up ||
	    c->streams[end_of(from->at, to->at)].n >= SIM_QUEUE_MAX)
		return;
	check_sent(from, to, bytes, len);
	if (!c->framed) {
		stream_push(w, c, from->at, to->at, traffic,
		            packet_new(PACKET_DATA, bytes, len, at_us));
		return;
	}
	buf_init(&wire, LINK_MESSAGE_MAX);
	framing_send(&c->wires[end_of(from->at, to->at)], classes[traffic], bytes, len, &wire);
	push_pieces(w, c, from->at, to->at, &wire, at_us);
	buf_close(&wire);
}

size_t network_backlog(const struct node *from, const char *to_name)
{
	struct world *w = from->world;
	const struct node *to = node_named(w, to_name);
	const struct conn *c;

	if (to == NULL || to == from)
		return 0;
	c = pair_of(w->net, from->at, to->at)->conn;
	return c == NULL ? 0 : c->streams[end_of(from->at, to->at)].bytes * w->net->narrow;
}

/* --- Connections --------------------------------------------------------------------- */

void conn_break(struct world *w, unsigned a, unsigned b)
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

static bool keeps(const struct world *w, unsigned node, unsigned peer)
{
	return w->nodes[node].keeps >> peer & 1;
}

void network_keep(struct node *node, const char *peer, bool keep)
{
	struct world *w = node->world;
	const struct node *to = node_named(w, peer);
	struct conn *c;

	if (to == NULL || to == node)
		return;
	if (keep) {
		node->keeps |= 1U << to->at;
		return;
	}
	node->keeps &= ~(1U << to->at);
	c = pair_of(w->net, node->at, to->at)->conn;
	if (c != NULL && c->ends[end_of(node->at, to->at)].up) {
		end_down(w, c, node->at, to->at);
		say_goodbye(w, c, node->at, to->at);
	}
}

static bool awake(const struct world *w, unsigned node)
{
	return w->nodes[node].state == PROCESS_UP && !w->nodes[node].paused;
}

bool passable(const struct world *w, unsigned a, unsigned b)
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

/* The first word of a node to one that takes it for no member: the cluster room's channel byte and
 * the sum behind it are all that is looked at. */
static void speak_as_member(struct world *w, unsigned from, unsigned to)
{
	static const uint8_t channel = 'C';
	struct buf word;

	buf_init(&word, LINK_MESSAGE_MAX);
	buf_u8(&word, channel);
	buf_u32(&word, (uint32_t)XXH3_64bits(&channel, 1));
	assert(buf_status(&word) == ST_OK);
	process_input(&w->nodes[to], INPUT_STRANGER, from, 0, word.base, word.len);
	buf_close(&word);
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
	if (!member_linked(w, a, b)) {
		if (keeps(w, a, b))
			speak_as_member(w, a, b);
		else if (keeps(w, b, a))
			speak_as_member(w, b, a);
		return;
	}
	if (pair->conn != NULL) {
		if (pair->conn->ends[0].up && pair->conn->ends[1].up)
			return;
		conn_break(w, a, b); /* the end that still believed in it learns now */
		conn_free(pair->conn);
	}
	c = calloc(1, sizeof *c);
	assert(c != NULL);
	c->id = ++net->n_conns;
	c->framed = w->plan.framed;
	for (unsigned i = 0; i < 2 && c->framed; i++)
		framing_init(&c->wires[i], w->nodes[i == 0 ? a : b].name);
	for (unsigned i = 0; i < CLASSES; i++) {
		queue_init(&c->streams[0].packets[i]);
		queue_init(&c->streams[1].packets[i]);
	}
	pair->conn = c;
	end_up(w, c, b, a);
	stream_push(w, c, b, a, TRAFFIC_URGENT, packet_new(PACKET_UP, NULL, 0, w->now_us));
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
			    awake(w, b) && (keeps(w, a, b) || keeps(w, b, a)))
				dial(w, a, b);
		}
	}
	world_at(w, w->now_us + SIM_NET_TICK_US, EVENT_NET, 0, 0);
}
