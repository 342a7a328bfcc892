/* What the network is made of; shared by network*.c only. */
#ifndef SIM_NETWORK_INSIDE_H
#define SIM_NETWORK_INSIDE_H

#include <assert.h>

#include "sim/framing.h"
#include "sim/network.h"

enum {
	CLASSES = TRAFFIC_BULK + 1,
	RTO_MAX_US =
	    1000000, /* after a long outage a segment is sent again at the latest after this */
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
	size_t n;     /* packets waiting */
	size_t bytes; /* of normal messages among them */
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
	bool framed;              /* packets are pieces of a byte stream, not whole messages */
	struct framing wires[2];  /* framed: of the lower node, of the higher node */
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
	int64_t reorder_us; /* a class may be later than the others by up to this */
	int64_t healed_us;  /* nothing arrives before this: the retransmission is awaited */
};

struct network {
	struct prng random;
	struct pair pairs[SIM_NODES_MAX][SIM_NODES_MAX]; /* [lower][higher] */
	struct way ways[SIM_NODES_MAX][SIM_NODES_MAX];   /* [from][to] */
	uint64_t n_conns;
	unsigned narrow; /* a byte that waits counts as so many: links that are soon full */
};

static inline struct pair *pair_of(struct network *net, unsigned a, unsigned b)
{
	assert(a != b);
	return a < b ? &net->pairs[a][b] : &net->pairs[b][a];
}

/* Which end of their connection node a is. */
static inline unsigned end_of(unsigned a, unsigned b)
{
	return a < b ? 0 : 1;
}

/* Lose all that is under way in it. */
void stream_clear(struct stream *s);
/* Names a stream in an event: the pair, the direction, the class. */
uint64_t stream_name(unsigned from, unsigned to, unsigned class);
/* An end learns that its connection is gone. */
void end_down(struct world *w, struct conn *c, unsigned node, unsigned peer);
/* Node a has given up its end: what it sent before may still arrive. */
void say_goodbye(struct world *w, struct conn *c, unsigned a, unsigned b);
/* Both ends learn at once. */
void conn_break(struct world *w, unsigned a, unsigned b);
/* Nothing keeps the two from connecting. */
bool passable(const struct world *w, unsigned a, unsigned b);

#endif
