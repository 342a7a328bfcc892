/* How long to wait before believing in silence: the election timeout that the network deserves.
 *
 * Fast detection and no false alarms pull in opposite directions. On a quiet network beats come
 * like clockwork and the shortest timeout is safe; where segments get lost, TCP delivers late
 * and in bursts, and the same timeout would fence healthy nodes. So the gaps between the beats
 * of each member are watched: the timeout is the mean gap plus a multiple of its deviation, as
 * TCP computes its own retransmission timeout (RFC 6298), and never below a multiple of the
 * second longest gap of the last half minute (one long gap is an accident, two are the weather).
 * It grows at once and shrinks slowly.
 *
 * A gap as long as the detection time is a cut, not jitter, and teaches nothing.
 *
 * Pure: time is an argument. Consensus never shortens a running promise for it, and the longest
 * timeout is bounded by the cluster's settings, so leases stay safe whatever is computed here. */
#ifndef NODE_PACE_H
#define NODE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/limits.h"

enum {
	PACE_WINDOW_US = 15000000, /* long gaps are remembered for one to two windows */
	PACE_SETTLE_US = 1000000,  /* after a cut or on a new link TCP catches up in bursts: gaps of
	                              this first second say nothing of the network's steady state */
	PACE_PEAK_FACTOR = 3, /* timeout >= this many times the second longest gap: a lost segment's
	                         recovery may itself be lost, and then once more */
};

struct pace_peer {
	char name[NODE_NAME_MAX]; /* "" marks a free place */
	uint64_t epoch;           /* of the link: its first beat starts anew */
	int64_t heard_us;         /* last beat */
	int64_t settled_us;       /* gaps before this time are not learned from */
	int64_t mean_us;          /* smoothed gap */
	int64_t deviation_us;     /* smoothed deviation from it */
	int64_t longest_us;       /* longest gap of this window */
	int64_t peak_us;          /* second longest gap of this window */
	int64_t old_peak_us;      /* second longest gap of the window before */
};

struct pace {
	int64_t low_us;    /* never wait less: election_ms */
	int64_t high_us;   /* never wait more: election_max_ms */
	int64_t cut_us;    /* gaps from here on are cuts */
	int64_t window_us; /* the present window began */
	struct pace_peer peers[MEMBERS_MAX];
};

void pace_init(struct pace *p, int64_t low_us, int64_t high_us, int64_t cut_us);

/* A beat of a member arrived over its link of this epoch. */
void pace_heard(struct pace *p, const char *peer, uint64_t epoch, int64_t now_us);

/* The election timeout at present. */
int64_t pace_election_us(const struct pace *p);

#endif
