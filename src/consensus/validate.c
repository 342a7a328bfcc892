/* What libraft may see. It asserts, and aborts the process, on messages that decode well but
 * make no sense; and it does wrong things on a few that do make sense. Nothing is handed over
 * before it was looked at here. For each assert (libraft 0.22.1) that a message can reach:
 *
 *  where in libraft                          what it assumes               kept by
 *  recv_*.c                id > 0, address                                 validate_message()
 *  recv_append_entries.c   not leading in the sender's term                second_leader()
 *  recv_append_entries.c   entries of one batch, batch set                 wire_entries()
 *  recv_append_entries.c   last index >= what the message reaches          trim_known()
 *  recv_install_snapshot.c not leading in the sender's term                second_leader()
 *  recv_install_snapshot.c last index >= snapshot's when it is not needed  snapshot_fits()
 *  recv_request_vote_result.c  pre-vote not granted beyond the next term   check_vote_result()
 *  recv_request_vote_result.c  result in our term or ignored               check_vote_result()
 *  legacy.c, recvCb()      no conflict with a committed entry              conflicts()
 *  replication.c           previous term 0 with index 0 only               check_append()
 *  replication.c           entry terms not 0                               check_entry()
 *  replication.c           new entries follow the last one                 trim_known()
 *  replication.c           snapshot's index and term not 0                 check_snapshot()
 *  replication.c           state is follower while persisting              never a candidate then
 *  trail.c                 terms never fall                                check_entries()
 *  trail.c                 truncation within the log                       conflicts()
 *  membership.c            a change entry decodes                          check_entry()
 *  configuration.c         buffers long enough, ids not 0                  wire_configuration_ok()
 *  progress.c              rejected beyond what was matched                check_append_result()
 *  progress.c              last index below the rejected one               libraft amends it
 *  legacy.c                applied <= committed                            repair_commit()
 *  legacy.c                no install while a snapshot is taken            check_snapshot()
 *  uv_append.c             entries are multiples of 8 bytes                check_entry()
 *
 * Wrong without an assert: a change entry that is not the first of a message is recorded under
 * the first one's index (receive.c delivers it in a message of its own); a second snapshot
 * during an install leaks (check_snapshot()); vote results raise the term of a node that asked
 * for nothing (check_vote_result()); answers to a leader of an older term acknowledge an index
 * that was never set (late_answer() in outbox.c). */
#include <assert.h>
#include <string.h>

#include "consensus/inside.h"

static enum status refuse(struct consensus *c, raft_id from, const char *why)
{
	inside_trace(c, 2, "message from %llu refused: %s", from, why);
	return ST_INVALID;
}

/* At most one leader can be elected in a term: a second one is lying or lost its disk. */
static bool second_leader(const struct consensus *c, raft_id from, raft_term term)
{
	raft_id leader = leader_of(c);

	return term == c->raft.current_term && leader != 0 && leader != from;
}

static const char *check_entry(const struct wire_entry *e)
{
	if (e->term == 0)
		return "an entry of term 0";
	if (e->type < RAFT_COMMAND || e->type > RAFT_CHANGE)
		return "an entry of unknown type";
	if (e->len == 0 || e->len % 8 != 0)
		return "an entry of odd size";
	if (e->type == RAFT_CHANGE && !wire_configuration_ok(e->bytes, e->len))
		return "an impossible configuration";
	return NULL;
}

static const char *check_entries(const struct wire *w)
{
	const struct raft_append_entries *m = &w->message.append_entries;
	struct wire_walk walk = wire_walk(w);
	raft_term term = m->prev_log_term;
	struct wire_entry e;

	while (wire_next(&walk, &e)) {
		const char *why = check_entry(&e);

		if (why != NULL)
			return why;
		if (e.term < term || e.term > m->term)
			return "entries out of order";
		term = e.term;
	}
	return NULL;
}

/* Does it contradict what is committed here? Whatever a sane leader sends agrees with it. */
static bool conflicts(const struct consensus *c, const struct wire *w)
{
	const struct raft_append_entries *m = &w->message.append_entries;
	struct wire_walk walk = wire_walk(w);
	raft_index index = m->prev_log_index;
	raft_term local;
	struct wire_entry e;

	local = index == 0 ? 0 : trail_term(&c->raft.trail, index);
	if (index <= c->raft.commit_index && local != 0 && local != m->prev_log_term)
		return true;
	while (wire_next(&walk, &e) && ++index <= c->raft.commit_index) {
		local = trail_term(&c->raft.trail, index);
		if (local != 0 && local != e.term)
			return true;
	}
	return false;
}

/* Entries below our snapshot are committed and gone: libraft would take them for new ones.
 * Make the message begin at the snapshot instead. */
static void trim_known(struct consensus *c, struct wire *w)
{
	struct raft_append_entries *m = &w->message.append_entries;
	const struct raft_trail *t = &c->raft.trail;
	struct wire_walk walk = wire_walk(w);
	struct wire_entry e;
	raft_index index = m->prev_log_index;

	if (t->snapshot.index == 0 || index >= t->snapshot.index || index > t->offset ||
	    (index > 0 && trail_term(t, index) != 0) || (index == 0 && t->offset == 0))
		return;
	while (index < t->snapshot.index && wire_next(&walk, &e))
		index++;
	w->heads += (size_t)walk.at * WIRE_ENTRY_HEAD;
	w->payload += walk.offset;
	w->n -= walk.at;
	m->prev_log_index = t->snapshot.index;
	m->prev_log_term = t->snapshot.term;
}

static enum status check_append(struct consensus *c, raft_id from, struct wire *w)
{
	struct raft_append_entries *m = &w->message.append_entries;
	const char *why;

	if (m->term == 0)
		return refuse(c, from, "term 0");
	if ((m->prev_log_index == 0) != (m->prev_log_term == 0))
		return refuse(c, from, "previous index and term do not go together");
	if (m->prev_log_term > m->term)
		return refuse(c, from, "previous term beyond the present one");
	if (m->prev_log_index > INDEX_MAX)
		return refuse(c, from, "index beyond any log");
	if (second_leader(c, from, m->term))
		return refuse(c, from, "a second leader in our term");
	why = check_entries(w);
	if (why != NULL)
		return refuse(c, from, why);
	if (m->term < c->raft.current_term)
		return ST_OK; /* libraft says so to the sender */
	if (conflicts(c, w))
		return refuse(c, from, "conflict with a committed entry");
	trim_known(c, w);
	return ST_OK;
}

static enum status check_append_result(struct consensus *c, raft_id from, struct wire *w)
{
	struct raft_append_entries_result *m = &w->message.append_entries_result;
	struct peer *peer = peer_of(c, from);
	raft_index match = 0;

	if (m->term == 0)
		return refuse(c, from, "term 0");
	if (server_of(&c->raft.configuration, from) == NULL)
		return refuse(c, from, "result from outside of the configuration");
	if (peer != NULL) {
		peer->features = m->features;
		peer->capacity = m->capacity;
	}
	if (c->raft.state != RAFT_LEADER || m->term != c->raft.current_term)
		return ST_OK;
	if (m->rejected == 0 && m->last_log_index > trail_last(&c->raft.trail))
		return refuse(c, from, "acknowledges entries that do not exist");
	if (m->rejected == 0 || raft_match_index(&c->raft, from, &match) != 0)
		return ST_OK;
	/* From here on the sign of life counts, the rejection does not. */
	if (m->rejected <= match) {
		inside_trace(c, 1, "member %llu rejects entry %llu after it stored %llu", from,
		             m->rejected, match);
		m->rejected = 0;
		m->last_log_index = 0;
	} else if (peer != NULL && peer->snapshot != 0 && m->rejected == peer->snapshot &&
	           inside_now_ms(c) - peer->snapshot_ms < SNAPSHOT_RESEND_MS) {
		m->rejected = 0;
		m->last_log_index = 0;
	} else if (m->last_log_index < match) {
		m->last_log_index = match;
	}
	return ST_OK;
}

static enum status check_vote(struct consensus *c, raft_id from, struct wire *w)
{
	struct raft_request_vote *m = &w->message.request_vote;

	if (m->term == 0)
		return refuse(c, from, "term 0");
	if (m->candidate_id != from)
		return refuse(c, from, "asks for votes in another's name");
	if (m->last_log_term > m->term || (m->last_log_index == 0) != (m->last_log_term == 0))
		return refuse(c, from, "impossible log");
	if (c->ops.votes_muted(c->ops.arg))
		return ST_INVALID;
	/* libraft repeats the flag in later terms; it counts only in the term after the one in
	 * which our own leader said so. */
	if (m->disrupt_leader &&
	    (m->pre_vote || c->grant.candidate != from || c->grant.term + 1 != m->term))
		m->disrupt_leader = false;
	return ST_OK;
}

static enum status check_vote_result(struct consensus *c, raft_id from, struct wire *w)
{
	struct raft_request_vote_result *m = &w->message.request_vote_result;
	bool pre_vote;

	if (m->term == 0)
		return refuse(c, from, "term 0");
	if (server_of(&c->raft.configuration, from) == NULL)
		return refuse(c, from, "vote from outside of the configuration");
	if (c->raft.state != RAFT_CANDIDATE)
		return ST_INVALID; /* too late: nobody is asking any more */
	pre_vote = c->raft.candidate_state.in_pre_vote;
	if (m->vote_granted && m->term > c->raft.current_term + (pre_vote ? 1 : 0))
		return refuse(c, from, "a vote for a term that nobody asked about");
	return ST_OK;
}

/* A snapshot that does not reach beyond what is committed here must agree with it. */
static bool snapshot_fits(const struct consensus *c, const struct raft_install_snapshot *m)
{
	const struct raft_trail *t = &c->raft.trail;

	if (m->last_index > c->raft.commit_index || m->last_index <= t->snapshot.index)
		return true;
	return trail_term(t, m->last_index) == m->last_term;
}

/* What a snapshot carries: the manifest of a state, or the state of an earlier release. */
static enum status check_state(const struct wire *w, struct fault *fault, uint64_t *ret_index)
{
	if (manifest_is(w->data, w->data_len))
		return manifest_check(w->data, w->data_len, fault, ret_index);
	return store_snapshot_check(w->data, w->data_len, fault, ret_index);
}

static enum status check_snapshot(struct consensus *c, raft_id from, struct wire *w)
{
	const struct raft_install_snapshot *m = &w->message.install_snapshot;
	struct fault fault;
	uint64_t index;

	if (m->term == 0 || m->last_index == 0 || m->last_term == 0 || m->last_term > m->term ||
	    m->last_index > INDEX_MAX)
		return refuse(c, from, "impossible snapshot");
	if (m->conf_index == 0 || m->conf_index > m->last_index || !wire_servers_ok(w))
		return refuse(c, from, "snapshot without a possible configuration");
	if (second_leader(c, from, m->term))
		return refuse(c, from, "a second leader in our term");
	if (m->term >= c->raft.current_term && !snapshot_fits(c, m))
		return refuse(c, from, "conflict with a committed entry");
	/* Not lost for ever: the leader sends it again. A manifest is held back first. */
	if (c->raft.legacy.snapshot_install || c->raft.snapshot.installing)
		return ST_INVALID;
	if (c->raft.legacy.snapshot_taking &&
	    (c->fetch.installing || !manifest_is(w->data, w->data_len)))
		return ST_INVALID;
	if (check_state(w, &fault, &index) != ST_OK)
		return refuse(c, from, fault.what);
	if (index > m->last_index)
		return refuse(c, from, "snapshot's state is newer than its index");
	return ST_OK;
}

static enum status check_timeout_now(struct consensus *c, raft_id from, struct wire *w)
{
	const struct raft_timeout_now *m = &w->message.timeout_now;

	if (m->term != c->raft.current_term || leader_of(c) != from)
		return refuse(c, from, "told to take over by another than our leader");
	/* A node that forgot its promises must not vote, not even for itself. */
	if (c->ops.votes_muted(c->ops.arg))
		return ST_INVALID;
	return ST_OK;
}

static enum status check_hand_over(struct consensus *c, raft_id from, struct wire *w)
{
	if (w->hand_over.term != c->raft.current_term || leader_of(c) != from)
		return refuse(c, from, "hand-over by another than our leader");
	if (w->hand_over.candidate == 0)
		return refuse(c, from, "hand-over to nobody");
	return ST_OK;
}

static enum status (*const checks[])(struct consensus *c, raft_id from, struct wire *w) = {
    [RAFT_APPEND_ENTRIES] = check_append,     [RAFT_APPEND_ENTRIES_RESULT] = check_append_result,
    [RAFT_REQUEST_VOTE] = check_vote,         [RAFT_REQUEST_VOTE_RESULT] = check_vote_result,
    [RAFT_INSTALL_SNAPSHOT] = check_snapshot, [RAFT_TIMEOUT_NOW] = check_timeout_now,
    [WIRE_HAND_OVER] = check_hand_over,
};

static raft_term wire_term(const struct wire *w)
{
	switch (w->kind) {
	case RAFT_APPEND_ENTRIES:
		return w->message.append_entries.term;
	case RAFT_APPEND_ENTRIES_RESULT:
		return w->message.append_entries_result.term;
	case RAFT_REQUEST_VOTE:
		return w->message.request_vote.term;
	case RAFT_REQUEST_VOTE_RESULT:
		return w->message.request_vote_result.term;
	case RAFT_INSTALL_SNAPSHOT:
		return w->message.install_snapshot.term;
	default:
		return 0;
	}
}

enum status validate_message(struct consensus *c, raft_id from, struct wire *w)
{
	if (from == 0 || from == c->raft.id)
		return refuse(c, from, "impossible sender");
	if (wire_term(w) > TERM_MAX)
		return refuse(c, from, "term beyond any cluster's life");
	return checks[w->kind](c, from, w);
}

static const char *check_loaded_entry(const struct raft_entry *entry, raft_term last)
{
	const struct wire_entry e = {entry->term, entry->type, entry->buf.base, entry->buf.len};

	if (entry->term < last)
		return "terms fall";
	return check_entry(&e);
}

enum status validate_loaded(const struct loaded *l, const char **why)
{
	const struct raft_snapshot *s = l->snapshot;
	raft_term last = 0;
	size_t i;

	*why = "entries or a vote without a term";
	if (l->term == 0 && (l->vote != 0 || s != NULL || l->n > 0))
		return ST_CORRUPT;
	*why = "the log does not begin with a configuration";
	if (s == NULL && l->n > 0 && (l->start != 1 || l->entries[0].type != RAFT_CHANGE))
		return ST_CORRUPT;
	*why = "entries are missing behind the snapshot";
	if (s == NULL ? l->start != 1 : l->start > s->index + 1)
		return ST_CORRUPT;
	*why = "impossible snapshot";
	if (s != NULL && (s->index == 0 || s->term == 0 || s->term > l->term || s->n_bufs != 1 ||
	                  s->configuration.n == 0 || s->configuration.n > MEMBERS_MAX))
		return ST_CORRUPT;
	for (i = 0; i < l->n; i++) {
		*why = check_loaded_entry(&l->entries[i], last);
		if (*why != NULL)
			return ST_CORRUPT;
		last = l->entries[i].term;
	}
	*why = "an entry from a later term";
	return last > l->term ? ST_CORRUPT : ST_OK;
}
