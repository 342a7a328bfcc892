/* Messages of libraft on their way out: the rules of departure, and the wire's classes.
 *
 *  - while votes are muted no vote is asked for (and none was given);
 *  - a refused pre-vote tells this node's own term: libraft echoes the asker's, so that a
 *    candidate with a better log but an older term would ask in vain for ever;
 *  - before TimeoutNow leaves, every member is told whom the leadership goes to;
 *  - a snapshot that is on its way is not sent once more at every heartbeat;
 *  - an empty message overtakes entries that are queued in a slower class: while some may be
 *    on their way it refers to what the follower has already acknowledged, else it would be
 *    refused and the entries sent twice;
 *  - an answer to a leader of an older term acknowledges nothing;
 *  - long runs of entries are cut into messages that do not hold up others. */
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

static void send_out(struct consensus *c, raft_id id, const char *name, enum traffic traffic)
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
	send_out(c, m->server_id, name, classes[m->type]);
}

/* A lost entry is noticed by an empty message that refers to it; so this ends soon after the
 * last entry was sent. */
static void anchor_heartbeat(const struct consensus *c, const struct peer *peer, int64_t now_ms,
                             struct raft_append_entries *a)
{
	raft_index match;
	raft_term term;

	if (now_ms - peer->entries_ms >= c->raft.election_timeout / 2 ||
	    raft_match_index(&c->raft, peer->id, &match) != 0 || match == 0 ||
	    match >= a->prev_log_index)
		return;
	term = trail_term(&c->raft.trail, match);
	if (term == 0)
		return;
	a->prev_log_index = match;
	a->prev_log_term = term;
}

static void send_entries(struct consensus *c, struct raft_message *m, const char *name)
{
	struct raft_append_entries *a = &m->append_entries;
	struct peer *peer = peer_of(c, m->server_id);
	int64_t now_ms = inside_now_ms(c);
	unsigned first = 0;

	if (peer != NULL && a->n_entries == 0)
		anchor_heartbeat(c, peer, now_ms, a);
	if (peer != NULL && a->n_entries > 0)
		peer->entries_ms = now_ms;
	do {
		unsigned n = 0;
		size_t size = 0;

		while (first + n < a->n_entries && n < WIRE_ENTRIES_MAX &&
		       (n == 0 || size + a->entries[first + n].buf.len <= WIRE_BATCH_MAX)) {
			size += a->entries[first + n].buf.len;
			n++;
		}
		buf_reset(&c->out);
		wire_encode(&c->out, m, first, n);
		send_out(c, m->server_id, name, n == 0 ? TRAFFIC_URGENT : TRAFFIC_NORMAL);
		first += n;
	} while (first < a->n_entries);
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
		send_out(c, server->id, name, TRAFFIC_URGENT);
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
		send_entries(c, m, name);
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

	if (!c->failed && !c->closing)
		send_one(c, &copy);
	/* The bytes were copied: libraft may have its entries back. */
	cb(request, 0);
	return 0;
}
