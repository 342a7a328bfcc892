/* Messages of members on their way in: decoded, looked at, repaired where libraft would
 * misunderstand them, handed over. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "consensus/inside.h"

static void hand_in(struct consensus *c, struct raft_message *m)
{
	c->recv_cb(&c->io, m);
}

/* What a leader says, of our term or of an older one: see late_answer() in outbox.c. */
static void hand_in_leaders(struct consensus *c, struct raft_message *m, raft_term term)
{
	c->late = term < c->raft.current_term;
	hand_in(c, m);
	c->late = false;
}

/* libraft would take the commit index back when a message reaches less far than it does, and
 * abort. */
static void repair_commit(const struct consensus *c, struct raft_append_entries *m)
{
	if (m->leader_commit > c->raft.commit_index &&
	    m->prev_log_index + m->n_entries < c->raft.commit_index)
		m->leader_commit = c->raft.commit_index;
}

/* How many of the next entries go into one message for libraft: a change of configuration is
 * always the first, because libraft records it under the first one's index. */
static unsigned run_of(struct wire_walk walk)
{
	struct wire_entry e;
	unsigned n = 0;

	while (wire_next(&walk, &e) && (n == 0 || e.type != RAFT_CHANGE))
		n++;
	return n;
}

static bool begins_with_change(struct wire_walk walk)
{
	struct wire_entry e;

	return wire_next(&walk, &e) && e.type == RAFT_CHANGE;
}

/* libraft remembers one change of configuration that is not known to be committed. The next one
 * takes its place, and when that is cut off again the first is forgotten with it: majorities
 * would be counted over the past. But a leader makes a change only when the one before is
 * committed. So if its log is ours up to the next change, the one before is committed, and
 * libraft hears so first. */
static void commit_last_change(struct consensus *c, const struct raft_message *next)
{
	raft_index change = c->raft.configuration_uncommitted_index;
	struct raft_message m = *next;
	struct raft_append_entries *a = &m.append_entries;

	if (change == 0 || change > a->prev_log_index)
		return;
	a->entries = NULL;
	a->n_entries = 0;
	if (a->leader_commit < change)
		a->leader_commit = change;
	repair_commit(c, a);
	hand_in(c, &m);
}

static enum status hand_in_entries(struct consensus *c, const struct wire *w)
{
	struct raft_message m = w->message;
	struct raft_append_entries *a = &m.append_entries;
	raft_index index = a->prev_log_index;
	raft_term term = a->prev_log_term;
	struct wire_walk walk = wire_walk(w);
	unsigned n = run_of(walk);

	do {
		a->prev_log_index = index;
		a->prev_log_term = term;
		a->leader_commit = w->message.append_entries.leader_commit;
		if (begins_with_change(walk))
			commit_last_change(c, &m);
		a->n_entries = n;
		a->entries = NULL;
		if (n > 0) {
			enum status st = wire_entries(&walk, n, &a->entries);

			if (st != ST_OK)
				return st;
			term = a->entries[n - 1].term;
			index += n;
		}
		repair_commit(c, a);
		hand_in_leaders(c, &m, a->term);
		n = run_of(walk);
	} while (n > 0 && !c->failed);
	return ST_OK;
}

static enum status hand_in_snapshot(struct consensus *c, const struct wire *w)
{
	struct raft_message m = w->message;
	enum status st = wire_snapshot(w, &m.install_snapshot);

	if (st == ST_OK)
		hand_in_leaders(c, &m, m.install_snapshot.term);
	return st;
}

/* Whoever asks for our vote counts us as a voter, though our own log may not say so yet: the
 * entry that promotes us is perhaps what is to be committed with our vote (Raft thesis 4.2.2).
 * libraft would refuse by its own configuration, and where our vote is needed nobody would ever
 * lead again. */
static void hand_in_vote_request(struct consensus *c, struct raft_message *m)
{
	struct raft_configuration *conf = &c->raft.configuration;
	int role;
	unsigned i;

	for (i = 0; i < conf->n && conf->servers[i].id != c->raft.id; i++)
		;
	if (i == conf->n) {
		hand_in(c, m);
		return;
	}
	role = conf->servers[i].role;
	conf->servers[i].role = RAFT_VOTER;
	hand_in(c, m);
	/* Nothing in a vote request changes the configuration. */
	assert(i < conf->n && conf->servers[i].id == c->raft.id);
	conf->servers[i].role = role;
}

static enum status dispatch(struct consensus *c, struct wire *w)
{
	switch (w->kind) {
	case RAFT_APPEND_ENTRIES:
		return hand_in_entries(c, w);
	case RAFT_INSTALL_SNAPSHOT:
		return hand_in_snapshot(c, w);
	case WIRE_HAND_OVER:
		c->grant = w->hand_over;
		return ST_OK;
	case RAFT_APPEND_ENTRIES_RESULT:
		if (w->message.append_entries_result.rejected > 0)
			runs_refused(c, w->message.server_id,
			             w->message.append_entries_result.rejected);
		hand_in(c, &w->message);
		return ST_OK;
	case RAFT_REQUEST_VOTE:
		hand_in_vote_request(c, &w->message);
		return ST_OK;
	default:
		hand_in(c, &w->message);
		return ST_OK;
	}
}

/* Only what a leader says in our term makes it our leader of that term. */
static void note_leader(struct consensus *c, raft_id from, const struct wire *w)
{
	const struct raft *r = &c->raft;
	raft_term term;

	if (w->kind == RAFT_APPEND_ENTRIES)
		term = w->message.append_entries.term;
	else if (w->kind == RAFT_INSTALL_SNAPSHOT)
		term = w->message.install_snapshot.term;
	else
		return;
	if (r->state == RAFT_FOLLOWER && r->current_term == term &&
	    r->follower_state.current_leader.id == from)
		c->leader_term = term;
}

static enum status receive_raft(struct consensus *c, raft_id from, const char *from_name,
                                struct wire *w)
{
	enum status st;

	address_of(from_name, from, c->from_address);
	w->message.server_id = from;
	w->message.server_address = c->from_address;
	st = dispatch(c, w);
	note_leader(c, from, w);
	return st;
}

void receive_install(struct consensus *c, raft_id from, const char *from_name, const uint8_t *bytes,
                     size_t len)
{
	struct wire w;

	if (wire_decode(bytes, len, &w) == ST_OK && validate_message(c, from, &w) == ST_OK)
		(void)receive_raft(c, from, from_name, &w);
}

/* A manifest is held back until the state is here; ST_NOT_FOUND: libraft shall see it now. */
static enum status hold_back(struct consensus *c, raft_id from, const char *from_name,
                             const struct wire *w, struct cursor message)
{
	if (w->kind != RAFT_INSTALL_SNAPSHOT || !manifest_is(w->data, w->data_len))
		return ST_NOT_FOUND;
	return fetch_begin(c, from, from_name, message.at, message.left, w);
}

static enum status receive_chunk(struct consensus *c, raft_id from, const char *from_name,
                                 const uint8_t *bytes, size_t len)
{
	struct chunk_piece piece;
	struct chunk_want want;
	struct chunk_name bad;
	enum status st;

	if (bytes[1] == WIRE_WANT) {
		st = wire_decode_want(bytes, len, &want);
		return st == ST_OK ? pieces_want(c, from, from_name, &want) : st;
	}
	if (bytes[1] == WIRE_BAD) {
		st = wire_decode_bad(bytes, len, &bad);
		return st == ST_OK ? pieces_bad(c, &bad) : st;
	}
	st = wire_decode_piece(bytes, len, &piece);
	return st == ST_OK ? fetch_piece(c, from, &piece) : st;
}

enum status consensus_receive(struct consensus *c, uint64_t from_id, const char *from_name,
                              const uint8_t *bytes, size_t len)
{
	struct wire w;
	enum status st;

	assert(c->depth == 0);
	if (!c->started || c->closing || c->failed)
		return ST_CLOSED;
	if (strlen(from_name) >= NODE_NAME_MAX || from_id == 0 || from_id == c->raft.id)
		return ST_INVALID;
	if (wire_is_chunk(bytes, len))
		return receive_chunk(c, from_id, from_name, bytes, len);
	st = wire_decode(bytes, len, &w);
	if (st != ST_OK)
		return st;
	inside_enter(c);
	st = validate_message(c, from_id, &w);
	if (st == ST_OK)
		st = hold_back(c, from_id, from_name, &w, cursor_of(bytes, len));
	if (st == ST_NOT_FOUND)
		st = receive_raft(c, from_id, from_name, &w);
	inside_leave(c);
	runs_pump(c);
	return st;
}
