#include "consensus/consensus.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/plan_name.h"
#include "consensus/inside.h"

static void trace_cb(struct raft_tracer *tracer, int type, const void *data)
{
	struct consensus *c = CONTAINER_OF(tracer, struct consensus, tracer);
	const struct raft_tracer_info *info = data;

	if (type == RAFT_TRACER_DIAGNOSTIC)
		c->ops.trace(c->ops.arg, info->diagnostic.level, info->diagnostic.message);
}

static bool config_ok(const struct consensus_config *config)
{
	return config->raft_id != 0 && config->name != NULL &&
	       strlen(config->name) < NODE_NAME_MAX && config->election_ms >= ELECTION_MIN_MS &&
	       config->election_max_ms / 2 >= config->election_ms && config->heartbeat_ms > 0 &&
	       config->heartbeat_ms <= config->election_ms / 2 && config->snapshot_threshold > 0 &&
	       config->snapshot_trailing > 0;
}

static void raft_setup(struct consensus *c)
{
	struct raft *r = &c->raft;

	/* Without a reader nothing is formatted. */
	c->tracer.version = 2;
	c->tracer.emit = trace_cb;
	r->tracer = c->ops.trace != NULL ? &c->tracer : NULL;
	raft_seed(r, (unsigned)prng_next(&c->prng));
	/* Before the heartbeat: libraft triples one pair of values that it takes for a test's. */
	raft_set_election_timeout(r, c->config.election_ms);
	raft_set_heartbeat_timeout(r, c->config.heartbeat_ms);
	raft_set_pre_vote(r, true);
	raft_set_max_inflight_entries(r, INFLIGHT_ENTRIES_MAX);
	raft_set_snapshot_threshold(r, c->config.snapshot_threshold);
	raft_set_snapshot_trailing(r, c->config.snapshot_trailing);
	/* One that a member lost by dying is sent again after this; until then libraft takes its
	 * rejections for old ones as soon as a newer snapshot is there. */
	raft_set_install_snapshot_timeout(r, SNAPSHOT_RESEND_MS);
	/* Space is watched by consensus_disk_full(): libraft's own refusal reaches calls that
	 * cannot be refused (a new leader's first entry) and aborts. */
	raft_set_capacity_threshold(r, 0);
}

enum status consensus_new(const struct consensus_config *config, const struct consensus_ops *ops,
                          const struct consensus_disks *disks, struct store *store,
                          struct consensus **ret)
{
	struct consensus *c;
	int rv;

	assert(disks->log != NULL && disks->chunks != NULL && store != NULL);
	assert(ops->now_us != NULL && ops->votes_muted != NULL && ops->send != NULL);
	assert(ops->proposed != NULL && ops->fatal != NULL);
	if (!config_ok(config))
		return ST_INVALID;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return ST_NOMEM;
	c->config = *config;
	c->ops = *ops;
	c->disk = disks->log;
	c->chunks = disks->chunks;
	c->store = store;
	c->prng.state = config->seed;
	snprintf(c->name, sizeof c->name, "%s", config->name);
	c->config.name = c->name;
	address_of(c->name, config->raft_id, c->address);
	buf_init(&c->out, WIRE_MESSAGE_MAX);
	shim_init(c);
	machine_init(c);
	rv = raft_init(&c->raft, &c->io, &c->fsm, config->raft_id, c->address);
	c->usable = inside_status(rv);
	c->inited = rv == 0;
	if (c->inited)
		raft_setup(c);
	else
		snprintf(c->why, sizeof c->why, "%s", c->io.errmsg);
	*ret = c;
	return ST_OK;
}

enum status consensus_bootstrap(struct consensus *c, const struct identity *founding)
{
	struct raft_configuration conf;
	char address[ADDRESS_MAX];
	enum status st;
	size_t i;
	int rv = 0;

	assert(!c->started);
	if (!c->inited)
		return c->usable;
	raft_configuration_init(&conf);
	for (i = 0; i < founding->n_members && rv == 0; i++) {
		address_of(founding->members[i].name, founding->members[i].raft_id, address);
		rv = raft_configuration_add(&conf, founding->members[i].raft_id, address,
		                            RAFT_VOTER);
	}
	st = rv == 0 && conf.n > 0 ? ST_OK : ST_INVALID;
	if (st == ST_OK)
		st = inside_status(raft_bootstrap(&c->raft, &conf));
	raft_configuration_close(&conf);
	return st;
}

enum status consensus_start(struct consensus *c, const char **why)
{
	int rv;

	assert(!c->started && !c->closing);
	*why = c->why;
	if (!c->inited)
		return c->usable;
	inside_enter(c);
	rv = raft_start(&c->raft);
	if (rv == 0)
		mark_apply(c);
	c->depth--;
	if (rv != 0) {
		if (c->why[0] == '\0')
			snprintf(c->why, sizeof c->why, "%s", c->io.errmsg);
		/* libraft reports a file that was cut short like a failing disk. */
		if (rv == RAFT_IOERR && (strstr(c->why, "short read") != NULL ||
		                         strstr(c->why, "file has only") != NULL))
			return ST_CORRUPT;
		return inside_status(rv);
	}
	if (c->failed)
		return ST_IO;
	c->started = true;
	chunks_listen(c);
	picture_keep(c);
	inside_enter(c);
	inside_leave(c);
	return ST_OK;
}

static void raft_closed(struct raft *r)
{
	struct consensus *c = CONTAINER_OF(r, struct consensus, raft);

	c->inited = false;
	c->closed_cb(c->closed_arg);
}

void consensus_close(struct consensus *c, void (*closed_cb)(void *arg), void *arg)
{
	size_t i;

	assert(!c->closing && c->depth == 0);
	c->closing = true;
	c->moves++;
	c->closed_cb = closed_cb;
	c->closed_arg = arg;
	for (i = 0; i < c->batch.n; i++) {
		const struct outcome o = {.tag = c->batch.tags[i], .st = ST_NOT_LEADER};

		outcome_add(c, &o, NULL);
	}
	c->batch.n = 0;
	inflight_fail(c, ST_UNKNOWN);
	outcomes_tell(c);
	change_fail(c, ST_UNKNOWN);
	if (c->inited)
		raft_close(&c->raft, raft_closed);
	else
		closed_cb(arg);
}

void consensus_free(struct consensus *c)
{
	if (c == NULL)
		return;
	assert(!c->inited);
	machine_close(c);
	buf_close(&c->out);
	free(c);
}

void consensus_settle(struct consensus *c)
{
	assert(c->depth == 0);
	if (!c->started || c->closing)
		return;
	inside_enter(c);
	inside_leave(c);
}

void consensus_link_reset(struct consensus *c, uint64_t raft_id)
{
	unsigned i;

	for (i = 0; i < MEMBERS_MAX; i++) {
		if (c->peers[i].id != raft_id)
			continue;
		c->peers[i].snapshot = 0;
		runs_forget(&c->peers[i].way, 0);
		if (c->fetch.active && c->fetch.from == raft_id)
			c->fetch.patience_ms = FETCH_RETRY_MS;
	}
}

static void view_members(const struct consensus *c, struct raft_view *view)
{
	const struct raft_configuration *conf = &c->raft.configuration;
	unsigned i;

	for (i = 0; i < conf->n && i < MEMBERS_MAX; i++) {
		const struct raft_server *server = &conf->servers[i];
		struct raft_voter *member = &view->members[view->n_members];
		raft_index match;

		/* An incarnation never changes its name. */
		if (member->id != server->id)
			address_name(server->address, member->name);
		member->id = server->id;
		member->match = 0;
		if (plan_name_read(member->name, &view->plan)) {
			view->plan.id = server->id;
			member->id = 0; /* the next one takes this place */
			continue;
		}
		member->voter = server->role == RAFT_VOTER;
		member->spare = server->role == RAFT_SPARE;
		if (c->raft.state == RAFT_LEADER &&
		    raft_match_index(&c->raft, server->id, &match) == 0)
			member->match = match;
		view->n_voters += member->voter;
		view->n_members++;
	}
	view->config_committed = c->raft.configuration_uncommitted_index == 0;
}

/* libraft refuses votes until its timer runs out. One millisecond is kept back: its clock has
 * no finer grain. */
int64_t consensus_promise_us(const struct consensus *c)
{
	const struct raft *r = &c->raft;
	int64_t end_us;
	int64_t left_us;

	if (r->state != RAFT_FOLLOWER || leader_of(c) == 0 || c->failed)
		return 0;
	/* The leader has given its lease up: its candidate gets our vote at any time. */
	if (c->grant.term == r->current_term)
		return 0;
	end_us =
	    (int64_t)(r->election_timer_start + r->follower_state.randomized_election_timeout) *
	    1000;
	left_us = end_us - c->ops.now_us(c->ops.arg) - 1000;
	return left_us > 0 ? left_us : 0;
}

uint64_t consensus_moves(const struct consensus *c)
{
	return c->moves;
}

static enum raft_role role_of(const struct raft *r)
{
	switch (r->state) {
	case RAFT_LEADER:
		return ROLE_LEADER;
	case RAFT_CANDIDATE:
		return ROLE_CANDIDATE;
	default:
		return ROLE_FOLLOWER;
	}
}

uint64_t consensus_loaded_vote(const struct consensus *c, uint64_t *ret_term)
{
	*ret_term = c->loaded_vote_term;
	return c->loaded_vote;
}

void consensus_view(const struct consensus *c, struct raft_view *ret)
{
	const struct raft *r = &c->raft;

	if (!c->started || c->closing) {
		memset(ret, 0, sizeof *ret);
		return;
	}
	memset(ret, 0, offsetof(struct raft_view, members));
	ret->started = true;
	ret->role = role_of(r);
	ret->self_id = r->id;
	ret->leader_id = leader_of(c);
	ret->term = r->current_term;
	ret->voted_for = r->voted_for;
	ret->commit = r->commit_index;
	ret->last_stored = r->last_stored;
	ret->last_applied = r->last_applied;
	ret->term_committed =
	    r->state == RAFT_LEADER && trail_term(&r->trail, r->commit_index) == r->current_term;
	ret->transferring = raft_transferee(r) != 0;
	ret->promise_us = consensus_promise_us(c);
	ret->election_us = (int64_t)r->election_timeout * 1000;
	view_members(c, ret);
}
