#include "cluster/beats.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "cluster/lease.h"
#include "cluster/room.h"
#include "cluster/rounds.h"
#include "cluster/view.h"

void message_begin(struct cluster *c, unsigned type)
{
	const struct wire_head head = {
	    .type = (enum wire_type)type,
	    .cluster_id = c->identity.cluster_id,
	    .raft_id = c->identity.raft_id,
	    .boot = c->identity.boot,
	    .run = c->run,
	    .identity = c->identity.state,
	};

	buf_reset(&c->scratch);
	wire_put_head(&c->scratch, &head);
}

void message_send(struct cluster *c, const struct member *m)
{
	assert(buf_status(&c->scratch) == ST_OK); /* preallocated, and every message has a bound */
	outbox_send(&c->out, m->name, c->scratch.base, c->scratch.len);
}

static void fill_consensus(const struct cluster *c, struct wire_beat *beat)
{
	const struct raft_view *raft = c->raft;
	int64_t lease_left = lease_end_us(c, raft) - c->now_us;

	beat->started = true;
	beat->role = raft->role;
	beat->term = raft->term;
	beat->leader_id = raft->leader_id;
	beat->commit = raft->commit;
	beat->applied = raft->last_applied;
	beat->last_stored = raft->last_stored;
	beat->round = rounds_carried(c, raft);
	if (raft->role == ROLE_FOLLOWER && raft->leader_id != 0 && raft->promise_us > 0)
		beat->promise_us = raft->promise_us;
	if (lease_left > 0)
		beat->lease_left_us = lease_left;
}

/* What this step's beats have in common. */
static void beat_fill(const struct cluster *c, struct wire_beat *beat)
{
	memset(beat, 0, offsetof(struct wire_beat, names));
	view_report(c, beat);
	beat->state = c->state;
	beat->sent_us = c->now_us;
	if (c->raft->started)
		fill_consensus(c, beat);
}

static void beat_send(struct cluster *c, struct member *m, struct wire_beat *beat)
{
	/* A leader needs fresh promises; who sees other members than we do, or whose first
	 * beat on this link is missing, shall tell us at once. Answers never ask. */
	beat->ask = !m->answer_due && (c->raft->role == ROLE_LEADER || m->sent_us == 0 ||
	                               m->said.view_hash != beat->view_hash);
	beat->echo_us = m->sent_us;
	beat->held_us = m->sent_us == 0 ? 0 : c->now_us - m->arrived_us;
	message_begin(c, WIRE_BEAT);
	wire_put_beat(&c->scratch, beat);
	message_send(c, m);
	m->answer_due = false;
	m->next_beat_us = c->now_us + c->config.beat_interval_us;
}

void beats_send(struct cluster *c)
{
	struct wire_beat beat;
	bool filled = false;

	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		if (!m->linked || (!m->answer_due && m->next_beat_us > c->now_us))
			continue;
		if (!filled)
			beat_fill(c, &beat);
		filled = true;
		beat_send(c, m, &beat);
	}
}

void beats_hurry(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		c->members[i].next_beat_us = c->now_us;
		c->members[i].answer_due = false; /* a beat of our own may ask */
	}
}

int64_t beats_deadline_us(const struct cluster *c)
{
	int64_t deadline = c->now_us + IDLE_TICK_US;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->linked && m->next_beat_us < deadline)
			deadline = m->next_beat_us;
	}
	return deadline;
}
