/* When to try to reach a node again: jittered exponential backoff that never gives up.
 *
 * The first retry comes after about 50 ms, so that a blip heals at once; the cap is low,
 * because a cluster of a few nodes is not a crowd, and a healed network should be noticed
 * soon. Evidence of life from the node (a connection, a refused one) starts it over. */
#ifndef DIST_DIAL_H
#define DIST_DIAL_H

#include <stdint.h>

enum {
	DIAL_FIRST_MS = 50, /* first retry */
	DIAL_CAP_MS = 200,  /* longest wait between attempts */
	DIAL_CONNECT_MIN_MS = 100,
	DIAL_CONNECT_MS = 300,    /* one attempt: a lost SYN is not worth the kernel's 1 s */
	DIAL_HANDSHAKE_MS = 2000, /* from connected to authenticated */
};

struct dial {
	unsigned failures; /* in a row */
	int64_t next_ms;   /* no attempt before */
};

void dial_init(struct dial *d, int64_t now_ms);
/* An attempt failed: wait between half and all of the present step. random: any number. */
void dial_failed(struct dial *d, int64_t now_ms, uint64_t random);
/* The node is alive: begin again at the first step, but at the soonest after it. */
void dial_alive(struct dial *d, int64_t now_ms);

/* How long to wait for a connection to a node that once took connect_ms to reach (negative:
 * never yet). A cut swallows the first packet: the shorter the wait, the sooner a healed
 * network is noticed. */
int64_t dial_patience(int64_t connect_ms);

#endif
