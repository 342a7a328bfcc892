#include "node/metrics_view.h"

#include <math.h>
#include <string.h>

/* A struct is doubles from this place to its end. */
static void set_nan(void *base, size_t from, size_t size)
{
	const double nan_value = (double)NAN;

	for (size_t at = from; at + sizeof nan_value <= size; at += sizeof nan_value)
		memcpy((char *)base + at, &nan_value, sizeof nan_value);
}

static void from_recorded(struct metrics_view *v)
{
	const struct metrics *m = v->recorded;
	const uint64_t recoveries = m->automatic + m->by_hand;

	if (recoveries > 0)
		v->auto_recovery_success_ratio = (double)m->automatic / (double)recoveries;
	v->partition_active = m->incident.open ? 1 : 0;
	v->partitions = (double)m->partitions;
	v->connections_refused = (double)m->refused;
	v->raft_term_changes = (double)m->term_changes;
	v->raft_leader_changes = (double)m->leader_changes;
	v->clock_jumps = (double)m->clock_jumps;
	v->clock_jump_seconds = (double)m->clock_jump_us / 1e6;
}

void metrics_view_init(struct metrics_view *v, const struct metrics *recorded)
{
	memset(v, 0, sizeof *v);
	set_nan(v, offsetof(struct metrics_view, erlang_cluster_members), sizeof *v);
	v->recorded = recorded;
	v->node = "";
	from_recorded(v);
}

struct metrics_peer *metrics_view_peer(struct metrics_view *v, const char *node)
{
	for (size_t i = 0; i < v->n_peers; i++) {
		if (strcmp(v->peers[i].node, node) == 0)
			return &v->peers[i];
	}
	return NULL;
}

static double positive_s(int64_t us)
{
	return us < 0 ? 0.0 : (double)us / 1e6;
}

static double known_s(int64_t us)
{
	return us < 0 ? (double)NAN : (double)us / 1e6;
}

static void from_member(struct metrics_peer *p, const struct member_status *m,
                        const struct raft_view *raft)
{
	const uint64_t applied = m->self ? raft->last_applied : m->applied;
	const bool known = m->self || m->silent_us >= 0;

	p->up = m->self || m->heard ? 1 : 0;
	p->voter = m->voter ? 1 : 0;
	p->raft_leader = m->raft_id != 0 && m->raft_id == raft->leader_id ? 1 : 0;
	if (known)
		p->lag_entries = raft->commit > applied ? (double)(raft->commit - applied) : 0.0;
	for (size_t i = 0; i < raft->n_members && raft->role == ROLE_LEADER; i++) {
		if (raft->members[i].id == m->raft_id && raft->members[i].id != raft->self_id)
			p->raft_match_index = (double)raft->members[i].match;
	}
	if (m->self)
		return;
	p->heard = m->heard ? 1 : 0;
	p->hears_us = m->heard && m->hears_us ? 1 : 0;
	p->last_contact_seconds = known_s(m->silent_us);
	p->link_up = m->linked ? 1 : 0;
	p->link_rtt_seconds = known_s(m->rtt_us);
}

static void from_counts(struct metrics_view *v, struct metrics_peer *p)
{
	const struct metrics *m = v->recorded;

	p->losses = 0;
	p->returns = 0;
	for (size_t i = 0; i < m->n_members; i++) {
		if (strcmp(m->members[i].name, p->node) != 0)
			continue;
		p->losses = (double)m->members[i].losses;
		p->returns = (double)m->members[i].returns;
	}
}

static void put_members(struct metrics_view *v, const struct cluster_status *c,
                        const struct raft_view *raft)
{
	unsigned in_sight = 0;
	unsigned expected = 0;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member_status *m = &c->members[i];
		struct metrics_peer *p = &v->peers[v->n_peers];

		if (!m->member && !m->self)
			continue;
		v->n_peers++;
		p->node = m->name;
		set_nan(p, offsetof(struct metrics_peer, up), sizeof *p);
		from_member(p, m, raft);
		if (!m->self)
			from_counts(v, p);
		expected++;
		in_sight += m->self || m->heard;
	}
	v->erlang_cluster_members = in_sight;
	v->erlang_expected_members = expected > c->quorum_size ? expected : c->quorum_size;
}

static void put_verdict(struct metrics_view *v, const struct cluster_status *c, int64_t now_us)
{
	v->state = c->state;
	v->fenced = c->state == CLUSTER_FENCED ? 1 : 0;
	v->in_minority = c->side == SIDE_MINORITY ? 1 : 0;
	v->state_age_seconds = positive_s(now_us - c->state_since_us);
	v->reachable_members = c->reachable;
	v->needed_members = c->needed;
	v->spare_members = (double)c->reachable - (double)c->needed;
	v->configured_voters = c->configured;
	v->quorum_size = c->quorum_size;
	v->quorum_mismatch = c->quorum_mismatch ? 1 : 0;
	v->lease_remaining_seconds = positive_s(c->lease_left_us);
	v->shutdown_countdown_seconds = known_s(c->countdown_left_us);
}

static void put_raft(struct metrics_view *v, const struct raft_view *raft)
{
	v->raft_term = (double)raft->term;
	v->raft_leading = raft->started && raft->role == ROLE_LEADER ? 1 : 0;
	v->raft_leader_known = raft->leader_id != 0 ? 1 : 0;
	v->raft_stored_index = (double)raft->last_stored;
	v->raft_commit_index = (double)raft->commit;
	v->raft_applied_index = (double)raft->last_applied;
	v->raft_election_timeout_seconds = positive_s(raft->election_us);
}

void metrics_view_cluster(struct metrics_view *v, const struct cluster_status *c,
                          const struct raft_view *raft, int64_t now_us)
{
	put_verdict(v, c, now_us);
	put_raft(v, raft);
	put_members(v, c, raft);
}
