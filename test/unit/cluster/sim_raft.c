#include "sim_raft.h"

#include <assert.h>
#include <string.h>

int sim_configs_add(struct sim_configs *configs, const struct sim_config *config)
{
	assert(configs->n < SIM_CONFIGS_MAX);
	configs->list[configs->n] = *config;
	return (int)configs->n++;
}

void sim_raft_init(struct sim_raft *r, uint64_t id, struct sim_configs *configs, uint64_t seed)
{
	memset(r, 0, sizeof *r);
	r->id = id;
	r->configs = configs;
	r->random.state = seed;
}

const struct sim_config *sim_raft_config(const struct sim_raft *r)
{
	for (size_t i = r->last; i > 0; i--) {
		if (r->log[i].config != SIM_PLAIN)
			return &r->configs->list[r->log[i].config];
	}
	return NULL;
}

static bool is_voter(const struct sim_raft *r, uint64_t id)
{
	const struct sim_config *config = sim_raft_config(r);

	for (size_t i = 0; config != NULL && i < config->n; i++) {
		if (config->members[i].id == id)
			return config->members[i].voter;
	}
	return false;
}

/* Line the book about peers up with the newest configuration, keeping what is known. */
static void follow_config(struct sim_raft *r)
{
	const struct sim_config *config = sim_raft_config(r);
	size_t n = config == NULL ? 0 : config->n;

	for (size_t i = 0; i < n; i++) {
		uint64_t id = config->members[i].id;
		size_t j = i;

		while (j < MEMBERS_MAX && r->peers[j].id != id)
			j++;
		if (j == i)
			continue;
		if (j < MEMBERS_MAX) {
			r->peers[i] = r->peers[j];
			continue;
		}
		memset(&r->peers[i], 0, sizeof r->peers[i]);
		r->peers[i].id = id;
	}
	for (size_t i = n; i < MEMBERS_MAX; i++)
		r->peers[i].id = 0;
}

static void to_follower(struct sim_raft *r, int64_t now_us)
{
	r->role = ROLE_FOLLOWER;
	r->leader_id = 0;
	r->disrupt = false;
	r->transfer_to = 0;
	r->timer_us = now_us;
	r->timeout_us = prng_range(&r->random, SIM_ELECTION_US, 2 * (int64_t)SIM_ELECTION_US);
}

static void set_term(struct sim_raft *r, uint64_t term, int64_t now_us)
{
	r->term = term;
	r->voted_for = 0;
	to_follower(r, now_us);
}

void sim_raft_forget(struct sim_raft *r)
{
	r->started = false;
	r->commit = 0;
	to_follower(r, 0);
}

void sim_raft_bootstrap(struct sim_raft *r, int config)
{
	if (r->last > 0)
		return;
	r->last = 1;
	r->term = 1;
	r->log[1] = (struct sim_entry){.term = 1, .config = config};
}

static void post(struct sim_raft *r, struct sim_raft_message *m, enum sim_raft_type type,
                 uint64_t to, uint64_t term)
{
	m->type = type;
	m->from = r->id;
	m->to = to;
	m->term = term;
	r->send(r->arg, m);
}

/* --- Leading ------------------------------------------------------------------------- */

static void send_log(struct sim_raft *r, uint64_t to)
{
	struct sim_raft_message m = {.last = r->last, .commit = r->commit};

	memcpy(m.log, r->log, sizeof m.log);
	post(r, &m, SIM_APPEND, to, r->term);
}

static void advance_commit(struct sim_raft *r)
{
	const struct sim_config *config = sim_raft_config(r);

	for (size_t at = r->last; at > r->commit && r->log[at].term == r->term; at--) {
		size_t voters = 0;
		size_t have = 0;

		for (size_t i = 0; i < config->n; i++) {
			voters += config->members[i].voter;
			have += config->members[i].voter &&
			        (config->members[i].id == r->id || r->peers[i].match >= at);
		}
		if (have > voters / 2) {
			r->commit = at;
			return;
		}
	}
}

static void beat(struct sim_raft *r, int64_t now_us)
{
	follow_config(r);
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		if (r->peers[i].id != 0 && r->peers[i].id != r->id)
			send_log(r, r->peers[i].id);
	}
	advance_commit(r);
	r->beat_us = now_us + SIM_HEARTBEAT_US;
}

bool sim_raft_append(struct sim_raft *r, int config)
{
	if (!r->started || r->role != ROLE_LEADER || r->transfer_to != 0)
		return false;
	assert(r->last + 1 < SIM_LOG_MAX);
	r->log[++r->last] = (struct sim_entry){.term = r->term, .config = config};
	r->beat_us = 0;
	return true;
}

static void to_leader(struct sim_raft *r, int64_t now_us)
{
	r->role = ROLE_LEADER;
	r->leader_id = r->id;
	r->timer_us = now_us;
	r->disrupt = false;
	follow_config(r);
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		r->peers[i].match = 0;
		r->peers[i].contact_us = now_us;
	}
	(void)sim_raft_append(r, SIM_PLAIN);
	beat(r, now_us);
}

static bool has_contact(const struct sim_raft *r, int64_t now_us)
{
	const struct sim_config *config = sim_raft_config(r);
	size_t voters = 0;
	size_t heard = 0;

	for (size_t i = 0; i < config->n; i++) {
		voters += config->members[i].voter;
		heard +=
		    config->members[i].voter && (config->members[i].id == r->id ||
		                                 now_us - r->peers[i].contact_us < SIM_ELECTION_US);
	}
	return heard > voters / 2;
}

static void lead(struct sim_raft *r, int64_t now_us)
{
	follow_config(r);
	if (r->transfer_to != 0 && now_us >= r->transfer_end_us)
		r->transfer_to = 0;
	if (!has_contact(r, now_us))
		to_follower(r, now_us);
	else if (now_us >= r->beat_us)
		beat(r, now_us);
}

void sim_raft_transfer(struct sim_raft *r, int64_t now_us, uint64_t to)
{
	struct sim_raft_message m = {.last = r->last};

	if (r->role != ROLE_LEADER)
		return;
	send_log(r, to);
	r->transfer_to = to;
	r->transfer_end_us = now_us + SIM_ELECTION_US;
	post(r, &m, SIM_TIMEOUT_NOW, to, r->term);
}

/* --- Elections ----------------------------------------------------------------------- */

static void tally(struct sim_raft *r, int64_t now_us);

static void ask_votes(struct sim_raft *r, int64_t now_us)
{
	struct sim_raft_message m = {.pre = r->pre, .disrupt = r->disrupt, .last = r->last};

	if (!r->pre) {
		r->term++;
		r->voted_for = r->id;
	}
	r->timer_us = now_us;
	r->timeout_us = prng_range(&r->random, SIM_ELECTION_US, 2 * (int64_t)SIM_ELECTION_US);
	follow_config(r);
	memcpy(m.log, r->log, sizeof m.log);
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		r->peers[i].granted = r->peers[i].id == r->id;
		if (r->peers[i].id != 0 && r->peers[i].id != r->id && is_voter(r, r->peers[i].id))
			post(r, &m, SIM_VOTE_ASK, r->peers[i].id, r->term + (r->pre ? 1 : 0));
	}
	tally(r, now_us);
}

static void tally(struct sim_raft *r, int64_t now_us)
{
	const struct sim_config *config = sim_raft_config(r);
	size_t voters = 0;
	size_t granted = 0;

	for (size_t i = 0; i < config->n; i++) {
		voters += config->members[i].voter;
		granted += config->members[i].voter && r->peers[i].granted;
	}
	if (granted <= voters / 2)
		return;
	if (!r->pre) {
		to_leader(r, now_us);
		return;
	}
	r->pre = false;
	ask_votes(r, now_us);
}

static void to_candidate(struct sim_raft *r, int64_t now_us, bool disrupt)
{
	r->role = ROLE_CANDIDATE;
	r->leader_id = 0;
	r->disrupt = disrupt;
	r->pre = !disrupt;
	ask_votes(r, now_us);
}

static bool log_is_older(const struct sim_raft_message *m, const struct sim_raft *r)
{
	uint64_t theirs = m->last == 0 ? 0 : m->log[m->last].term;
	uint64_t ours = r->last == 0 ? 0 : r->log[r->last].term;

	return theirs < ours || (theirs == ours && m->last < r->last);
}

static void on_vote_ask(struct sim_raft *r, int64_t now_us, const struct sim_raft_message *m)
{
	struct sim_raft_message answer = {.pre = m->pre};
	bool has_leader = r->role == ROLE_LEADER || (r->role == ROLE_FOLLOWER && r->leader_id != 0);

	if (has_leader && !m->disrupt)
		goto answer;
	if (!m->pre && m->term > r->term)
		set_term(r, m->term, now_us);
	if (m->term < r->term || !is_voter(r, r->id) || log_is_older(m, r))
		goto answer;
	if (m->pre) {
		answer.granted = true;
	} else if (r->voted_for == 0 || r->voted_for == m->from) {
		r->voted_for = m->from;
		r->timer_us = now_us;
		answer.granted = true;
	}
answer:
	post(r, &answer, SIM_VOTE, m->from, m->pre ? m->term : r->term);
}

static void on_vote(struct sim_raft *r, int64_t now_us, const struct sim_raft_message *m)
{
	if (r->role != ROLE_CANDIDATE || m->pre != r->pre || !m->granted ||
	    m->term != r->term + (r->pre ? 1 : 0))
		return;
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		r->peers[i].granted |= r->peers[i].id == m->from;
	tally(r, now_us);
}

/* --- Following ----------------------------------------------------------------------- */

static void on_append(struct sim_raft *r, int64_t now_us, const struct sim_raft_message *m)
{
	struct sim_raft_message answer = {.last = 0};
	size_t at = 1;

	if (m->term > r->term)
		set_term(r, m->term, now_us);
	if (m->term < r->term) {
		post(r, &answer, SIM_APPENDED, m->from, r->term);
		return;
	}
	if (r->role == ROLE_CANDIDATE)
		to_follower(r, now_us);
	r->leader_id = m->from;
	r->timer_us = now_us;
	while (at <= m->last && at <= r->last && m->log[at].term == r->log[at].term)
		at++;
	/* A shorter log of the same leader is only late: nothing is cut off for it. */
	if (at <= m->last) {
		assert(at > r->commit);
		memcpy(r->log, m->log, sizeof r->log);
		r->last = m->last;
	}
	if (m->commit > r->commit)
		r->commit = m->commit;
	answer.last = m->last;
	post(r, &answer, SIM_APPENDED, m->from, r->term);
}

static void on_appended(struct sim_raft *r, int64_t now_us, const struct sim_raft_message *m)
{
	if (m->term > r->term)
		set_term(r, m->term, now_us); /* a leader that meets a newer term steps down */
	if (r->role != ROLE_LEADER || m->term != r->term)
		return;
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		if (r->peers[i].id != m->from)
			continue;
		r->peers[i].contact_us = now_us;
		if (m->last > r->peers[i].match)
			r->peers[i].match = m->last;
	}
	advance_commit(r);
}

void sim_raft_receive(struct sim_raft *r, int64_t now_us, bool muted,
                      const struct sim_raft_message *m)
{
	if (!r->started || m->to != r->id)
		return;
	if (m->type == SIM_VOTE_ASK && !muted)
		on_vote_ask(r, now_us, m);
	else if (m->type == SIM_VOTE)
		on_vote(r, now_us, m);
	else if (m->type == SIM_APPEND)
		on_append(r, now_us, m);
	else if (m->type == SIM_APPENDED)
		on_appended(r, now_us, m);
	else if (m->type == SIM_TIMEOUT_NOW && r->leader_id == m->from && m->term == r->term &&
	         m->last == r->last && is_voter(r, r->id) && !muted)
		to_candidate(r, now_us, true);
}

void sim_raft_start(struct sim_raft *r, int64_t now_us)
{
	r->started = true;
	r->commit = r->last > 0 ? 1 : 0; /* the bootstrap entry counts as committed */
	to_follower(r, now_us);
}

void sim_raft_tick(struct sim_raft *r, int64_t now_us, bool muted)
{
	const struct sim_config *config = sim_raft_config(r);
	bool alone = config != NULL && config->n == 1;

	if (!r->started)
		return;
	if (r->role == ROLE_LEADER)
		lead(r, now_us);
	else if ((alone || now_us - r->timer_us >= r->timeout_us) && is_voter(r, r->id) && !muted)
		to_candidate(r, now_us, false);
}

void sim_raft_view(const struct sim_raft *r, int64_t now_us, struct raft_view *ret)
{
	const struct sim_config *config = sim_raft_config(r);
	int64_t promise_us = r->timer_us + r->timeout_us - now_us;

	memset(ret, 0, sizeof *ret);
	if (!r->started)
		return;
	ret->started = true;
	ret->role = r->role;
	ret->self_id = r->id;
	ret->leader_id = r->leader_id;
	ret->term = r->term;
	ret->commit = r->commit;
	ret->last_stored = r->last > r->unstored ? r->last - r->unstored : 0;
	ret->last_applied = r->commit;
	ret->term_committed = r->role == ROLE_LEADER && r->log[r->commit].term == r->term;
	ret->transferring = r->transfer_to != 0;
	ret->election_us = SIM_ELECTION_US;
	if (r->role == ROLE_FOLLOWER && r->leader_id != 0 && promise_us > 0)
		ret->promise_us = promise_us;
	for (size_t i = 0; config != NULL && i < config->n; i++) {
		ret->members[i] = config->members[i];
		ret->members[i].match = 0;
		if (r->role == ROLE_LEADER && r->peers[i].id == config->members[i].id)
			ret->members[i].match = r->peers[i].match;
		ret->n_voters += config->members[i].voter;
	}
	ret->n_members = config == NULL ? 0 : config->n;
	if (config != NULL)
		ret->plan = config->plan;
	ret->config_committed = true;
	for (size_t i = r->commit + 1; i <= r->last; i++)
		ret->config_committed &= r->log[i].config == SIM_PLAIN;
}
