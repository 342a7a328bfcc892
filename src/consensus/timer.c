/* Randomized timeouts: when this node would stand for election, and what it may promise.
 *
 * libraft draws a timeout between one and two election timeouts. The draw is replaced after
 * each call that made one, for take-overs that are punctual and do not split the votes:
 *
 *  - a follower waits one election timeout, plus a share that grows with its rank among the
 *    voters other than its leader (so they stand up one after the other), plus a little chance;
 *  - a follower without a leader waits about half as long: there is nobody to be patient with;
 *  - a candidate asks for pre-votes again and again at short intervals: its first round is
 *    refused by everybody whose own timer still runs, and the take-over should follow soon
 *    after the last needed one has run out;
 *  - a candidate whose real election failed waits by rank, and then asks for pre-votes first:
 *    its term grows at most once for each majority that was ready to vote.
 *
 * A follower of a leader has promised its votes away until its timer runs out: a running
 * timer is never shortened. */
#include <assert.h>

#include "consensus/inside.h"

static unsigned *timeout_of(struct raft *r)
{
	return r->state == RAFT_CANDIDATE ? &r->candidate_state.randomized_election_timeout
	                                  : &r->follower_state.randomized_election_timeout;
}

/* How many voters come before this one, counting neither it nor its leader. */
static unsigned rank_of(const struct consensus *c, raft_id leader)
{
	const struct raft_configuration *conf = &c->raft.configuration;
	unsigned rank = 0;
	unsigned i;

	for (i = 0; i < conf->n; i++) {
		const struct raft_server *s = &conf->servers[i];

		if (s->role == RAFT_VOTER && s->id < c->raft.id && s->id != leader)
			rank++;
	}
	return rank;
}

static unsigned chance(struct consensus *c, unsigned max)
{
	return (unsigned)prng_range(&c->prng, 0, max);
}

/* Base plus this node's share of spread, capped at the longest promise allowed. */
static unsigned ranked(struct consensus *c, unsigned base, unsigned spread, raft_id leader)
{
	size_t voters = voters_of(&c->raft.configuration);
	unsigned n = voters == 0 ? 1 : (unsigned)voters;
	unsigned max = 2 * c->raft.election_timeout;
	unsigned ms = base + rank_of(c, leader) * spread / n + chance(c, spread / (2 * n));

	if (max > c->config.election_max_ms)
		max = c->config.election_max_ms;
	return ms < max ? ms : max;
}

static unsigned draw(struct consensus *c)
{
	unsigned election = c->raft.election_timeout;
	unsigned retry = election / 12;

	if (c->raft.state == RAFT_FOLLOWER && c->raft.follower_state.current_leader.id != 0)
		return ranked(c, election, election, c->raft.follower_state.current_leader.id);
	if (c->raft.state == RAFT_FOLLOWER)
		return ranked(c, election / 2, election / 2, 0);
	if (!c->raft.candidate_state.in_pre_vote)
		return ranked(c, election / 4, election / 2, 0);
	if (retry < PRE_VOTE_RETRY_MIN_MS)
		retry = PRE_VOTE_RETRY_MIN_MS;
	return retry + chance(c, retry);
}

void timer_after(struct consensus *c)
{
	struct raft *r = &c->raft;
	int64_t start_ms = (int64_t)r->election_timer_start;
	raft_id leader = 0;
	unsigned *timeout;
	unsigned ms;

	if (r->state != RAFT_FOLLOWER && r->state != RAFT_CANDIDATE) {
		c->promised_ms = 0;
		c->leader_id = 0;
		c->roll_ms = 0;
		return;
	}
	timeout = timeout_of(r);
	if (r->state == RAFT_FOLLOWER)
		leader = r->follower_state.current_leader.id;
	/* A new draw of libraft's, or a leader that the old one was not ranked for. */
	if (*timeout != c->roll_ms || leader != c->leader_id) {
		ms = draw(c);
		if (leader != 0 && start_ms + ms < c->promised_ms)
			ms = (unsigned)(c->promised_ms - start_ms);
		*timeout = ms;
		c->roll_ms = ms;
		c->leader_id = leader;
	}
	c->promised_ms = leader != 0 ? start_ms + *timeout : 0;
}

void timer_before_tick(struct consensus *c)
{
	struct raft *r = &c->raft;

	if (r->state != RAFT_CANDIDATE || r->candidate_state.in_pre_vote ||
	    inside_now_ms(c) < (int64_t)raft_timeout(r))
		return;
	r->candidate_state.in_pre_vote = true;
	r->candidate_state.disrupt_leader = false;
}

void consensus_set_election(struct consensus *c, unsigned election_ms)
{
	unsigned max = c->config.election_max_ms / 2;

	assert(c->depth == 0);
	if (election_ms > max)
		election_ms = max;
	if (election_ms < c->config.election_ms)
		election_ms = c->config.election_ms;
	/* libraft triples this value, with a heartbeat of 15, as one of a test's. */
	if (election_ms == 150)
		election_ms++;
	if (!c->started || c->closing || election_ms == c->raft.election_timeout)
		return;
	inside_enter(c);
	raft_set_election_timeout(&c->raft, election_ms);
	inside_leave(c);
}

int64_t consensus_deadline_us(const struct consensus *c)
{
	const int64_t batch_us = batch_due_us(c);
	int64_t due_us;
	int64_t due_ms;

	if (!c->started || c->closing || c->failed)
		return INT64_MAX;
	due_ms = picture_due_ms(c);
	if (fetch_due_ms(c) < due_ms)
		due_ms = fetch_due_ms(c);
	if (runs_due_ms(c) < due_ms)
		due_ms = runs_due_ms(c);
	if (due_ms <= c->last_ms)
		return 0;
	if ((int64_t)raft_timeout(&c->raft) < due_ms)
		due_ms = (int64_t)raft_timeout(&c->raft);
	due_us = due_ms * 1000;
	if (due_us < c->last_tick_us + 1000)
		due_us = c->last_tick_us + 1000;
	return batch_us < due_us ? batch_us : due_us;
}

void consensus_tick(struct consensus *c)
{
	assert(c->depth == 0);
	if (!c->started || c->closing || c->failed)
		return;
	consensus_flush(c);
	picture_step(c);
	fetch_step(c);
	runs_pump(c);
	c->last_tick_us = c->ops.now_us(c->ops.arg);
	if (inside_now_ms(c) < (int64_t)raft_timeout(&c->raft))
		return;
	inside_enter(c);
	timer_before_tick(c);
	c->tick_cb(&c->io);
	inside_leave(c);
}
