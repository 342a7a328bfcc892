#include "one_room.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "testing.h"

enum { TERM = 5, CLUSTER = 77 };

static void name_of(char peer, char *ret)
{
	(void)snprintf(ret, NODE_NAME_MAX, "erlmcp@%c", peer);
}

static uint64_t id_of(char peer)
{
	return (uint64_t)(peer - 'a') + 1;
}

static void step(struct one_room *r, enum cluster_event_type type, char peer, uint64_t epoch,
                 const struct buf *message)
{
	char name[NODE_NAME_MAX];
	struct cluster_event ev = {
	    .type = type,
	    .now_us = r->now_us,
	    .raft = &r->view,
	    .peer = name,
	    .epoch = epoch,
	    .bytes = message == NULL ? NULL : message->base,
	    .len = message == NULL ? 0 : message->len,
	    .random = 1234,
	};

	name_of(peer, name);
	cluster_step(r->c, &ev, &r->actions);
}

void room_open(struct one_room *r, size_t n, unsigned quorum_size, bool leads)
{
	struct cluster_config config = {
	    .self = "erlmcp@a",
	    .n_expected = n,
	    .quorum_size = quorum_size,
	    .beat_interval_us = 25000,
	    .detection_us = 250000,
	    .shutdown_delay_us = 10000000,
	    .lease_guard_us = 10000,
	    .promise_max_us = 300000,
	};
	struct identity id = {
	    .state = IDENTITY_FOUNDER,
	    .cluster_id = CLUSTER,
	    .raft_id = 1,
	    .boot = 1,
	    .promise_max_ms = 300,
	};
	struct fault fault;

	memset(r, 0, sizeof *r);
	r->now_us = ROOM_START_US;
	r->run = 1;
	r->view = (struct raft_view){
	    .started = true,
	    .role = leads ? ROLE_LEADER : ROLE_FOLLOWER,
	    .self_id = 1,
	    .leader_id = leads ? 1 : 2,
	    .term = TERM,
	    .commit = 10,
	    .last_stored = 10,
	    .last_applied = 10,
	    .term_committed = leads,
	    .promise_us = leads ? 0 : 200000,
	    .n_voters = n,
	    .n_members = n,
	};
	for (size_t i = 0; i < n; i++) {
		char peer = (char)('a' + (char)i);

		name_of(peer, config.expected[i]);
		name_of(peer, r->view.members[i].name);
		r->view.members[i].id = id_of(peer);
		r->view.members[i].voter = true;
	}
	if (cluster_new(&config, &id, r->now_us, &fault, &r->c) != ST_OK)
		fail_msg("%s", fault.what);
	for (size_t i = 1; i < n; i++)
		step(r, CLUSTER_LINK_UP, (char)('a' + (char)i), 1, NULL);
}

void room_close(struct one_room *r)
{
	cluster_free(r->c);
}

void room_tick(struct one_room *r)
{
	step(r, CLUSTER_TICK, 'a', 0, NULL);
}

struct wire_beat room_beat(const struct one_room *r, char peer)
{
	struct wire_beat beat;
	char name[NODE_NAME_MAX];

	memset(&beat, 0, sizeof beat);
	beat.state = CLUSTER_SERVING;
	beat.sent_us = 1;
	beat.echo_us = r->now_us;
	beat.started = true;
	beat.role = r->view.leader_id == id_of(peer) ? ROLE_LEADER : ROLE_FOLLOWER;
	beat.term = TERM;
	beat.leader_id = r->view.leader_id;
	beat.commit = 10;
	beat.applied = 10;
	beat.last_stored = 10;
	beat.n = 2;
	name_of(peer, name);
	beat.names[0] = wire_name_hash(name);
	beat.names[1] = wire_name_hash("erlmcp@a");
	beat.rows[0].version = 1;
	beat.rows[0].edges[1].up = true; /* it hears this node */
	beat.rows[1].age_ms = WIRE_AGE_UNKNOWN;
	return beat;
}

void room_say(struct one_room *r, char peer, uint64_t epoch, const struct wire_beat *beat)
{
	const struct wire_head head = {
	    .type = WIRE_BEAT,
	    .cluster_id = CLUSTER,
	    .raft_id = id_of(peer),
	    .boot = 1,
	    .run = r->run,
	    .identity = IDENTITY_FOUNDER,
	};
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	wire_put_head(&b, &head);
	wire_put_beat(&b, beat);
	assert(buf_status(&b) == ST_OK);
	step(r, CLUSTER_MESSAGE, peer, epoch, &b);
	buf_close(&b);
}

const struct cluster_action *room_action(const struct one_room *r, enum cluster_action_type type,
                                         size_t nth)
{
	for (size_t i = 0; i < r->actions.n; i++) {
		if (r->actions.items[i].type == type && nth-- == 0)
			return &r->actions.items[i];
	}
	return NULL;
}

struct wire_beat room_sent(const struct one_room *r, char peer)
{
	const struct cluster_action *a;
	struct wire_beat beat;

	for (size_t i = 0; (a = room_action(r, CLUSTER_SEND, i)) != NULL; i++) {
		struct cursor c = cursor_of(a->bytes, a->len);
		struct wire_head head;

		if (a->peer[strlen("erlmcp@")] == peer && wire_get_head(&c, &head) == ST_OK &&
		    head.type == WIRE_BEAT && wire_get_beat(&c, &beat) == ST_OK)
			return beat;
	}
	fail_msg("no beat was sent to %c", peer);
	return beat;
}
