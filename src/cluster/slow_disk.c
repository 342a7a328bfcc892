#include "cluster/slow_disk.h"

#include "cluster/alarm.h"
#include "cluster/detectors.h"
#include "cluster/view.h"

void slow_disk_init(struct slow_disk *s)
{
	s->index = 0;
	s->slow_since_us = -1;
}

/* What was waited for is on the disk. True: that took long. */
static bool arrived(struct slow_disk *s, int64_t now_us)
{
	const bool slow = now_us - s->since_us >= SLOW_DISK_US;

	s->index = 0;
	if (!slow) {
		s->slow_since_us = -1;
		return false;
	}
	s->ended_us = now_us;
	return true;
}

/* True while something waits for long, and when it has just ended: a slow wait of the past tells
 * nothing of a disk that has had nothing to do since. */
static bool watch(struct slow_disk *s, const struct raft_view *raft, int64_t now_us)
{
	bool slow = false;

	if (s->index != 0 && raft->last_stored >= s->index)
		slow = arrived(s, now_us);
	if (s->index == 0 && now_us - s->ended_us >= SLOW_DISK_PATIENCE_US)
		s->slow_since_us = -1;
	if (s->index == 0 && raft->commit > raft->last_stored) {
		s->index = raft->commit;
		s->since_us = now_us;
	}
	if (s->index == 0 || now_us - s->since_us < SLOW_DISK_US)
		return slow;
	if (s->slow_since_us < 0) {
		s->slow_since_us = s->since_us;
		s->worst_us = 0;
	}
	if (now_us - s->since_us > s->worst_us)
		s->worst_us = now_us - s->since_us;
	return true;
}

const struct member *slow_disk_advance(struct cluster *c)
{
	struct slow_disk *s = &c->slow_disk;
	const struct raft_view *raft = c->raft;
	const struct member *to;

	if (c->now_us - s->told_us > SLOW_DISK_TOLD_US)
		alarm_clear(c, cluster_self(c), ALARM_SLOW_DISK);
	if (!raft->started || raft->role != ROLE_LEADER) {
		slow_disk_init(s);
		return NULL;
	}
	if (!watch(s, raft, c->now_us) || s->slow_since_us < 0 ||
	    c->now_us - s->slow_since_us < SLOW_DISK_PATIENCE_US)
		return NULL;
	to = detectors_peace(c) ? detectors_best_placed(c, view_needed(c, raft)) : NULL;
	s->told_us = c->now_us;
	alarm_raise(
	    c, cluster_self(c), ALARM_SLOW_DISK,
	    "a majority had entries on disk %lld ms before this node had them; leadership is "
	    "handed over; look at this node's disk and at what else writes to it",
	    (long long)(s->worst_us / 1000));
	return to != NULL && detectors_keeps_up(c, to) ? to : NULL;
}
