#include "node/pace.h"

#include <assert.h>
#include <string.h>

void pace_init(struct pace *p, int64_t low_us, int64_t high_us, int64_t cut_us)
{
	assert(low_us > 0 && low_us <= high_us);
	memset(p, 0, sizeof *p);
	p->low_us = low_us;
	p->high_us = high_us;
	p->cut_us = cut_us;
}

/* The member's place, a fresh one if need be; NULL when all are taken. */
static struct pace_peer *place_of(struct pace *p, const char *name)
{
	size_t i;

	for (i = 0; i < MEMBERS_MAX; i++) {
		if (strcmp(p->peers[i].name, name) == 0)
			return &p->peers[i];
		if (p->peers[i].name[0] == '\0') {
			assert(strlen(name) < sizeof p->peers[i].name);
			memcpy(p->peers[i].name, name, strlen(name) + 1);
			return &p->peers[i];
		}
	}
	return NULL;
}

static void turn_window(struct pace *p, int64_t now_us)
{
	size_t i;

	if (now_us - p->window_us < PACE_WINDOW_US)
		return;
	p->window_us = now_us;
	for (i = 0; i < MEMBERS_MAX; i++) {
		p->peers[i].old_peak_us = p->peers[i].peak_us;
		p->peers[i].peak_us = 0;
		p->peers[i].longest_us = 0;
	}
}

static void learn(struct pace_peer *peer, int64_t gap_us)
{
	int64_t error = gap_us - peer->mean_us;

	if (peer->mean_us == 0) {
		peer->mean_us = gap_us;
	} else {
		/* Gains of RFC 6298: one eighth for the mean, one quarter for the deviation. */
		peer->mean_us += error / 8;
		peer->deviation_us += ((error < 0 ? -error : error) - peer->deviation_us) / 4;
	}
	if (gap_us > peer->longest_us) {
		peer->peak_us = peer->longest_us;
		peer->longest_us = gap_us;
	} else if (gap_us > peer->peak_us) {
		peer->peak_us = gap_us;
	}
}

void pace_heard(struct pace *p, const char *peer_name, uint64_t epoch, int64_t now_us)
{
	struct pace_peer *peer = place_of(p, peer_name);

	if (peer == NULL)
		return;
	turn_window(p, now_us);
	if (peer->epoch != epoch || now_us - peer->heard_us >= p->cut_us)
		peer->settled_us = now_us + PACE_SETTLE_US;
	else if (now_us >= peer->settled_us)
		learn(peer, now_us - peer->heard_us);
	peer->epoch = epoch;
	peer->heard_us = now_us;
}

static int64_t longer(int64_t x, int64_t y)
{
	return x > y ? x : y;
}

int64_t pace_election_us(const struct pace *p)
{
	int64_t want = p->low_us;
	size_t i;

	for (i = 0; i < MEMBERS_MAX; i++) {
		const struct pace_peer *peer = &p->peers[i];

		if (peer->name[0] == '\0')
			break; /* places are given out in order */
		want = longer(want, PACE_PEAK_FACTOR * longer(peer->peak_us, peer->old_peak_us));
		want = longer(want, peer->mean_us + 8 * peer->deviation_us);
	}
	return want < p->high_us ? want : p->high_us;
}
