/* Membership changes and leadership transfer, one at a time each.
 *
 * libraft's callbacks are not used: what became of a request is read off its state after each
 * call. A learner is added in two steps (libraft first adds a spare member that gets no log);
 * a change of leader in between leaves the spare, and adding it again does the second step. */
#include <assert.h>

#include "cluster/plan_name.h"
#include "consensus/inside.h"

void change_fail(struct consensus *c, enum status st)
{
	struct change done = c->change;
	struct transfer over = c->transfer;

	c->change.kind = CHANGE_NONE;
	c->transfer.active = false;
	if (done.kind != CHANGE_NONE && done.cb != NULL)
		done.cb(done.arg, st);
	if (over.active && over.cb != NULL)
		over.cb(over.arg, st);
}

static enum status change_may(const struct consensus *c)
{
	if (c->failed || c->closing)
		return ST_CLOSED;
	if (!c->started || c->raft.state != RAFT_LEADER || raft_transferee(&c->raft) != 0)
		return ST_NOT_LEADER;
	if (c->change.kind != CHANGE_NONE || c->raft.legacy.change != NULL ||
	    c->raft.configuration_uncommitted_index != 0)
		return ST_BUSY;
	return ST_OK;
}

/* Hand one step to libraft. */
static enum status change_submit(struct consensus *c, enum change_kind kind, raft_id id,
                                 const char *address)
{
	struct raft_change *request = &c->change.request;
	int rv;

	inside_enter(c);
	switch (kind) {
	case CHANGE_ADD:
		rv = address != NULL ? raft_add(&c->raft, request, id, address, NULL)
		                     : raft_assign(&c->raft, request, id, RAFT_STANDBY, NULL);
		break;
	case CHANGE_PROMOTE:
		rv = raft_assign(&c->raft, request, id, RAFT_VOTER, NULL);
		break;
	case CHANGE_DEMOTE:
		rv = raft_assign(&c->raft, request, id, RAFT_STANDBY, NULL);
		break;
	case CHANGE_REMOVE:
		rv = raft_remove(&c->raft, request, id, NULL);
		break;
	case CHANGE_RECORD:
		rv = raft_add(&c->raft, request, id, address, NULL);
		break;
	default:
		rv = RAFT_INVALID;
		break;
	}
	/* libraft keeps the request after some of its failures. */
	if (rv != 0 && c->raft.legacy.change == request)
		c->raft.legacy.change = NULL;
	inside_leave(c);
	return inside_status(rv);
}

static enum status change_begin(struct consensus *c, const struct change *what, const char *address)
{
	enum status st;

	st = change_submit(c, what->kind, what->id, address);
	if (st != ST_OK)
		return st;
	c->change.kind = what->kind;
	c->change.id = what->id;
	c->change.term = c->raft.current_term;
	c->change.cb = what->cb;
	c->change.arg = what->arg;
	return ST_OK;
}

enum status consensus_add_learner(struct consensus *c, uint64_t raft_id, const char *name,
                                  consensus_change_cb done_cb, void *arg)
{
	const struct change what = {.kind = CHANGE_ADD, .id = raft_id, .cb = done_cb, .arg = arg};
	const struct raft_server *server = server_of(&c->raft.configuration, raft_id);
	char address[ADDRESS_MAX];
	enum status st = change_may(c);

	assert(c->depth == 0);
	if (st != ST_OK)
		return st;
	if (server != NULL && server->role != RAFT_SPARE)
		return ST_EXISTS;
	if (server == NULL && c->raft.configuration.n >= MEMBERS_MAX)
		return ST_LIMIT;
	if (raft_id == 0)
		return ST_INVALID;
	address_of(name, raft_id, address);
	return change_begin(c, &what, server == NULL ? address : NULL);
}

/* Whom a change is about, when there may be one now. */
static enum status find(const struct consensus *c, uint64_t raft_id, const struct raft_server **ret)
{
	const struct raft_server *server = server_of(&c->raft.configuration, raft_id);
	enum status st = change_may(c);

	assert(c->depth == 0);
	if (st != ST_OK)
		return st;
	if (server == NULL)
		return ST_NOT_FOUND;
	*ret = server;
	return ST_OK;
}

enum status consensus_promote(struct consensus *c, uint64_t raft_id, consensus_change_cb done_cb,
                              void *arg)
{
	const struct change what = {
	    .kind = CHANGE_PROMOTE, .id = raft_id, .cb = done_cb, .arg = arg};
	const struct raft_server *server;
	enum status st = find(c, raft_id, &server);

	if (st != ST_OK)
		return st;
	if (server->role == RAFT_VOTER)
		return ST_EXISTS;
	/* A spare gets no log: it could never catch up. */
	if (server->role == RAFT_SPARE)
		return ST_INVALID;
	return change_begin(c, &what, NULL);
}

enum status consensus_demote(struct consensus *c, uint64_t raft_id, consensus_change_cb done_cb,
                             void *arg)
{
	const struct change what = {
	    .kind = CHANGE_DEMOTE, .id = raft_id, .cb = done_cb, .arg = arg};
	const struct raft_server *server;
	enum status st = find(c, raft_id, &server);

	if (st != ST_OK)
		return st;
	if (server->role != RAFT_VOTER)
		return ST_EXISTS;
	/* A leader hands over first; a cluster without voters could never do anything again. */
	if (raft_id == c->raft.id || voters_of(&c->raft.configuration) == 1)
		return ST_INVALID;
	return change_begin(c, &what, NULL);
}

enum status consensus_remove(struct consensus *c, uint64_t raft_id, consensus_change_cb done_cb,
                             void *arg)
{
	const struct change what = {
	    .kind = CHANGE_REMOVE, .id = raft_id, .cb = done_cb, .arg = arg};
	const struct raft_server *server;
	enum status st = find(c, raft_id, &server);

	if (st != ST_OK)
		return st;
	/* A cluster without voters could never do anything again. */
	if (server->role == RAFT_VOTER && voters_of(&c->raft.configuration) == 1)
		return ST_INVALID;
	return change_begin(c, &what, NULL);
}

enum status consensus_record_plan(struct consensus *c, const struct raft_plan *plan,
                                  consensus_change_cb done_cb, void *arg)
{
	const struct change what = {
	    .kind = CHANGE_RECORD, .id = plan->id, .cb = done_cb, .arg = arg};
	char name[PLAN_NAME_MAX];
	char address[ADDRESS_MAX];
	struct raft_plan recorded;
	enum status st = change_may(c);
	unsigned i;

	assert(c->depth == 0 && plan->id != 0);
	if (st != ST_OK)
		return st;
	if (c->raft.configuration.n >= MEMBERS_MAX)
		return ST_LIMIT;
	for (i = 0; i < c->raft.configuration.n; i++) {
		address_name(c->raft.configuration.servers[i].address, address);
		if (plan_name_read(address, &recorded))
			return ST_EXISTS;
	}
	plan_name_write(plan, name);
	address_of(name, plan->id, address);
	return change_begin(c, &what, address);
}

/* What a finished request of libraft's came to. */
static enum status change_outcome(const struct consensus *c)
{
	const struct raft_server *server = server_of(&c->raft.configuration, c->change.id);
	bool settled = c->raft.configuration_uncommitted_index == 0;

	if (c->change.kind == CHANGE_REMOVE && server == NULL && settled)
		return ST_OK;
	if (c->raft.state != RAFT_LEADER || c->raft.current_term != c->change.term)
		return ST_UNKNOWN;
	switch (c->change.kind) {
	case CHANGE_ADD:
		if (server == NULL)
			return ST_TIMEOUT;
		return server->role == RAFT_SPARE ? ST_AGAIN : ST_OK;
	case CHANGE_PROMOTE:
		return server != NULL && server->role == RAFT_VOTER ? ST_OK : ST_TIMEOUT;
	case CHANGE_DEMOTE:
		return server != NULL && server->role == RAFT_STANDBY ? ST_OK : ST_TIMEOUT;
	case CHANGE_RECORD:
		return server != NULL ? ST_OK : ST_TIMEOUT;
	default:
		return ST_TIMEOUT;
	}
}

static void change_step(struct consensus *c)
{
	const struct change done = c->change;
	enum status st;

	if (done.kind == CHANGE_NONE || c->raft.legacy.change != NULL)
		return;
	st = change_outcome(c);
	if (st == ST_AGAIN) {
		st = change_submit(c, CHANGE_ADD, done.id, NULL);
		if (st == ST_OK)
			return;
	}
	c->change.kind = CHANGE_NONE;
	if (done.cb != NULL)
		done.cb(done.arg, st);
}

/* Make libraft step down: a result from a later term does it. The next leader of this node or
 * of another has a new term, and with it a new lease. */
static void step_down(struct consensus *c)
{
	struct raft_message m = {.type = RAFT_APPEND_ENTRIES_RESULT};
	unsigned i;

	for (i = 0; i < c->raft.configuration.n; i++) {
		const struct raft_server *server = &c->raft.configuration.servers[i];

		if (server->id == c->raft.id)
			continue;
		m.server_id = server->id;
		m.server_address = server->address;
		m.append_entries_result.version = 0;
		m.append_entries_result.term = c->raft.current_term + 1;
		inside_enter(c);
		c->recv_cb(&c->io, &m);
		inside_leave(c);
		return;
	}
}

static void transfer_step(struct consensus *c)
{
	struct transfer over = c->transfer;
	bool leads;

	if (!over.active || c->raft.transfer != NULL)
		return;
	leads = c->raft.state == RAFT_LEADER && c->raft.current_term == over.term;
	c->transfer.active = false;
	if (leads) {
		inside_trace(c, 2, "leadership transfer failed: stepping down");
		step_down(c);
	}
	if (over.cb != NULL)
		over.cb(over.arg, leads || c->raft.state == RAFT_LEADER ? ST_TIMEOUT : ST_OK);
}

void change_after(struct consensus *c)
{
	change_step(c);
	transfer_step(c);
}

/* The voter that has most of our log: it can take over soonest. */
static raft_id most_advanced(const struct consensus *c)
{
	raft_index best_match = 0;
	raft_id best = 0;
	unsigned i;

	for (i = 0; i < c->raft.configuration.n; i++) {
		const struct raft_server *server = &c->raft.configuration.servers[i];
		raft_index match;

		if (server->id == c->raft.id || server->role != RAFT_VOTER ||
		    raft_match_index(&c->raft, server->id, &match) != 0)
			continue;
		if (best == 0 || match > best_match) {
			best = server->id;
			best_match = match;
		}
	}
	return best;
}

enum status consensus_transfer(struct consensus *c, uint64_t raft_id, consensus_change_cb done_cb,
                               void *arg)
{
	const struct raft_server *server;
	enum status st = change_may(c);
	int rv;

	assert(c->depth == 0);
	if (st != ST_OK)
		return st;
	if (c->transfer.active || c->raft.transfer != NULL)
		return ST_BUSY;
	if (raft_id == 0)
		raft_id = most_advanced(c);
	server = server_of(&c->raft.configuration, raft_id);
	if (server == NULL)
		return ST_NOT_FOUND;
	if (server->role != RAFT_VOTER || raft_id == c->raft.id)
		return ST_INVALID;
	consensus_flush(c);
	inside_enter(c);
	rv = raft_transfer(&c->raft, &c->transfer.request, raft_id, NULL);
	if (rv == 0) {
		c->transfer.active = true;
		c->transfer.term = c->raft.current_term;
		c->transfer.cb = done_cb;
		c->transfer.arg = arg;
	}
	inside_leave(c);
	return inside_status(rv);
}
