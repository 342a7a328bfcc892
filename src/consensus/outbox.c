/* Messages of libraft on their way out: the rules of departure, and the wire's classes.
 *
 *  - while votes are muted no vote is asked for (and none was given);
 *  - a refused pre-vote tells this node's own term: libraft echoes the asker's, so that a
 *    candidate with a better log but an older term would ask in vain for ever;
 *  - before TimeoutNow leaves, every member is told whom the leadership goes to;
 *  - a snapshot that is on its way is not sent once more at every heartbeat;
 *  - an answer to a leader of an older term acknowledges nothing;
 *  - entries and empty messages beside them have rules of their own: runs.c. */
#include <assert.h>
#include <string.h>

#include "consensus/inside.h"

static const enum traffic classes[] = {
    [RAFT_APPEND_ENTRIES_RESULT] = TRAFFIC_URGENT, [RAFT_REQUEST_VOTE] = TRAFFIC_URGENT,
    [RAFT_REQUEST_VOTE_RESULT] = TRAFFIC_URGENT,   [RAFT_INSTALL_SNAPSHOT] = TRAFFIC_BULK,
    [RAFT_TIMEOUT_NOW] = TRAFFIC_URGENT,           [RAFT_APPEND_ENTRIES] = TRAFFIC_NORMAL,
};

/* The configuration knows the name; a member that is not in it (yet) answers by the address
 * that the question came with. libraft's pointer may be stale for snapshots, which are read
 * from disk first. */
static bool destination(const struct consensus *c, const struct raft_message *m,
                        char name[NODE_NAME_MAX])
{
	const struct raft_server *server = server_of(&c->raft.configuration, m->server_id);
	const char *address = m->type == RAFT_INSTALL_SNAPSHOT ? NULL : m->server_address;

	if (server != NULL)
		address = server->address;
	if (address == NULL)
		return false;
	address_name(address, name);
	return true;
}

void send_to_member(struct consensus *c, raft_id id, const char *name, enum traffic traffic)
{
	if (buf_status(&c->out) == ST_OK)
		c->ops.send(c->ops.arg, id, name, c->out.base, c->out.len, traffic);
	else
		inside_trace(c, 1, "a message to %s was dropped: %s", name,
		             status_text(buf_status(&c->out)));
	if (c->out.cap > WIRE_KEEP_MAX) {
		buf_close(&c->out);
		buf_init(&c->out, WIRE_MESSAGE_MAX);
	}
}

static void send_message(struct consensus *c, const struct raft_message *m, const char *name)
{
	buf_reset(&c->out);
	wire_encode(&c->out, m, 0, 0);
	send_to_member(c, m->server_id, name, classes[m->type]);
}

/* True: the order is kept; libraft gets its entries back later. */
static bool send_entries(struct consensus *c, struct raft_io_send *order, struct raft_message *m,
                         raft_io_send_cb cb)
{
	struct peer *peer = peer_of(c, m->server_id);

	if (peer == NULL || !destination(c, m, peer->way.name))
		return false;
	if (m->append_entries.n_entries > 0)
		return runs_take(c, peer, order, m, cb);
	runs_beat(c, peer, m);
	return false;
}

static void send_snapshot(struct consensus *c, struct raft_message *m, const char *name)
{
	struct raft_install_snapshot *s = &m->install_snapshot;
	struct peer *peer = peer_of(c, m->server_id);
	int64_t now_ms = inside_now_ms(c);

	/* The snapshot read from disk may be newer than the one that libraft asked for. */
	s->last_term = trail_term(&c->raft.trail, s->last_index);
	if (s->last_term == 0)
		return;
	if (peer != NULL) {
		if (peer->snapshot == s->last_index &&
		    now_ms - peer->snapshot_ms < SNAPSHOT_RESEND_MS)
			return;
		peer->snapshot = s->last_index;
		peer->snapshot_ms = now_ms;
	}
	send_message(c, m, name);
}

static void send_hand_over(struct consensus *c, raft_id candidate)
{
	unsigned i;

	c->grant.term = c->raft.current_term;
	c->grant.candidate = candidate;
	for (i = 0; i < c->raft.configuration.n; i++) {
		const struct raft_server *server = &c->raft.configuration.servers[i];
		char name[NODE_NAME_MAX];

		if (server->id == c->raft.id)
			continue;
		address_name(server->address, name);
		buf_reset(&c->out);
		wire_encode_hand_over(&c->out, &c->grant);
		send_to_member(c, server->id, name, TRAFFIC_URGENT);
	}
}

/* To a leader of an older term libraft tells its own term, and as the last index that it has
 * stored whatever lies on its stack. Should that leader win this very term, it would count
 * entries as stored here that never were. The term is all that there is to say. */
static void late_answer(struct raft_append_entries_result *m)
{
	m->rejected = 0;
	m->last_log_index = 0;
}

static void send_one(struct consensus *c, struct raft_message *m)
{
	char name[NODE_NAME_MAX];

	if (!destination(c, m, name))
		return;
	switch (m->type) {
	case RAFT_APPEND_ENTRIES:
		assert(0); /* send_entries() */
		return;
	case RAFT_INSTALL_SNAPSHOT:
		send_snapshot(c, m, name);
		return;
	case RAFT_REQUEST_VOTE:
		if (c->ops.votes_muted(c->ops.arg))
			return;
		break;
	case RAFT_REQUEST_VOTE_RESULT:
		if (m->request_vote_result.pre_vote && !m->request_vote_result.vote_granted &&
		    m->request_vote_result.term < c->raft.current_term)
			m->request_vote_result.term = c->raft.current_term;
		break;
	case RAFT_TIMEOUT_NOW:
		send_hand_over(c, m->server_id);
		break;
	case RAFT_APPEND_ENTRIES_RESULT:
		if (c->late)
			late_answer(&m->append_entries_result);
		break;
	}
	send_message(c, m, name);
}

int shim_send(struct raft_io *io, struct raft_io_send *request, const struct raft_message *message,
              raft_io_send_cb cb)
{
	struct consensus *c = CONTAINER_OF(io, struct consensus, io);
	struct raft_message copy = *message;

	if (!c->started || c->failed || c->closing) {
		cb(request, 0);
		return 0;
	}
	if (copy.type != RAFT_APPEND_ENTRIES)
		send_one(c, &copy);
	else if (send_entries(c, request, &copy, cb))
		return 0;
	/* The bytes were copied: libraft may have its own back. */
	cb(request, 0);
	return 0;
}
