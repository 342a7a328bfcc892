#include "one.h"

#include <stdio.h>
#include <string.h>

#include "testing.h"

static const struct session_attrs plain;

static int64_t now_us(void *arg)
{
	return ((struct one *)arg)->now_us;
}

static int64_t wall_ms(void *arg)
{
	(void)arg;
	return 0;
}

static uint64_t next_random(void *arg)
{
	(void)arg;
	return 7;
}

static void on_send(void *arg, const char *peer, enum traffic traffic, const uint8_t *bytes,
                    size_t len)
{
	struct one *o = arg;

	(void)traffic;
	assert_true(o->n_sent < SENT_MAX && len <= SENT_BYTES);
	(void)snprintf(o->sent[o->n_sent].peer, NODE_NAME_MAX, "%s", peer);
	memcpy(o->sent[o->n_sent].bytes, bytes, len);
	o->sent[o->n_sent++].len = len;
}

static enum status on_persist(void *arg, const struct identity *id)
{
	(void)arg;
	(void)id;
	return ST_OK;
}

static void on_reset(void *arg, const char *why)
{
	struct one *o = arg;

	o->resets++;
	(void)snprintf(o->why, sizeof o->why, "%s", why);
}

static void on_event(void *arg, const struct core_event *ev)
{
	struct one *o = arg;

	if (ev->type == CORE_ALARM && !ev->up)
		(void)snprintf(o->ended, sizeof o->ended, "%s", ev->text);
	if (ev->type != CORE_ALARM || !ev->up)
		return;
	o->alarms++;
	(void)snprintf(o->alarm, sizeof o->alarm, "%s", ev->text);
}

static void add_member(struct raft_view *view, uint64_t id, const char *name, bool voter)
{
	struct raft_voter *m = &view->members[view->n_members++];

	m->id = id;
	m->voter = voter;
	(void)snprintf(m->name, sizeof m->name, "%s", name);
	view->n_voters += voter;
}

/* A state with ten sessions and a mark; returns its index. */
static uint64_t fill(struct core *c)
{
	store_free(c->store);
	c->store = founded(STATE_VERSION_2);
	steps_seq = 1;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(create(c->store, i, &plain).result, RESULT_OK);
	assert_int_equal(mark(c->store).result, RESULT_OK);
	return store_index(c->store);
}

uint64_t open_one(struct one *o)
{
	const struct core_ops ops = {.arg = o,
	                             .now_us = now_us,
	                             .wall_ms = wall_ms,
	                             .random = next_random,
	                             .send = on_send,
	                             .persist = on_persist,
	                             .reset = on_reset,
	                             .event = on_event};
	const struct identity id = {.raft_id = SELF, .boot = 1};
	struct core_config config = {.cluster = {.self = "erlmcp@a",
	                                         .n_expected = 3,
	                                         .expected = {"erlmcp@a", "erlmcp@b", "erlmcp@c"},
	                                         .quorum_size = 3,
	                                         .beat_interval_us = 25 * MS,
	                                         .detection_us = 250 * MS,
	                                         .lease_guard_us = 10 * MS,
	                                         .promise_max_us = 1000 * MS},
	                             .election_ms = 250,
	                             .election_max_ms = 1000,
	                             .heartbeat_ms = 25};
	static const struct consensus_disks no_disks;
	struct fault fault;

	memset(o, 0, sizeof *o);
	o->now_us = (int64_t)1000 * MS;
	assert_int_equal(core_new(&config, &ops, &id, &no_disks, &fault, &o->core), ST_OK);
	o->core->view.self_id = SELF;
	add_member(&o->core->view, SELF, "erlmcp@a", true);
	add_member(&o->core->view, SECOND, "erlmcp@b", true);
	add_member(&o->core->view, THIRD, "erlmcp@c", true);
	add_member(&o->core->view, LEARNER, "erlmcp@d", false);
	return fill(o->core);
}

static void closed(void *arg)
{
	*(bool *)arg = true;
}

void close_one(struct one *o)
{
	bool done = false;

	core_close(o->core, closed, &done);
	assert_true(done);
	core_free(o->core);
}
