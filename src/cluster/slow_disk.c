#include "cluster/slow_disk.h"

#include "cluster/alarm.h"
#include "cluster/detectors.h"
#include "cluster/view.h"

void slow_disk_init(struct slow_disk *s)
{
	s->index = 0;
	s->slow_since_us = -1;
}

/* What was waited for is on the disk. */
static void arrived(struct slow_disk *s, int64_t now_us)
{
	if (now_us - s->since_us < SLOW_DISK_US)
		s->slow_since_us = -1;
	else
		s->worst_us = now_us - s->since_us;
	s->index = 0;
}

static void watch(struct slow_disk *s, const struct raft_view *raft, int64_t now_us)
{
	if (s->index != 0 && raft->last_stored >= s->index)
		arrived(s, now_us);
	if (s->index == 0 && raft->commit > raft->last_stored) {
		s->index = raft->commit;
		s->since_us = now_us;
	}
	if (s->index == 0 || now_us - s->since_us < SLOW_DISK_US)
		return;
	if (s->slow_since_us < 0)
		s->slow_since_us = s->since_us;
	if (now_us - s->since_us > s->worst_us)
		s->worst_us = now_us - s->since_us;
}

const struct member *slow_disk_advance(struct cluster *c)
{
	struct slow_disk *s = &c->slow_disk;
	const struct raft_view *raft = c->raft;
	const struct member *to;

	if (!raft->started || raft->role != ROLE_LEADER) {
		slow_disk_init(s);
		if (c->now_us - s->told_us > SLOW_DISK_TOLD_US)
			alarm_clear(c, cluster_self(c), ALARM_SLOW_DISK);
		return NULL;
	}
	watch(s, raft, c->now_us);
	if (s->slow_since_us < 0 || c->now_us - s->slow_since_us < SLOW_DISK_PATIENCE_US)
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
