/* What is committed, from one start to the next.
 *
 * libraft loads the log and learns what of it is committed from the next leader's first message, or
 * as a leader from its first entry: then it applies all of it at once, and the loop stands still
 * for a second where a hundred megabytes lie behind the snapshot. A node that is silent for so long
 * is lost to the others, and one that leads has lost its lease. So what is known to be committed is
 * noted now and then, and applied while the node starts, when nobody expects a word from it.
 *
 * An entry that was committed once is committed for good, and so is all before it in a log that has
 * an entry of this term at this index (Raft thesis 3.4 and 3.6): an old note is a true one. That
 * holds within one cluster; so a note counts only for the member that wrote it, whose raft id is as
 * new as its identity. */
#include "consensus/inside.h"

/* As a leader would say it. libraft itself looks whether the log has that entry, and does nothing
 * when it has not. */
static void tell_committed(struct consensus *c, const struct commit_mark *mark)
{
	struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
	struct raft_append_entries *a = &m.append_entries;

	m.server_id = c->raft.id;
	m.server_address = c->address;
	a->term = c->raft.current_term;
	a->prev_log_index = mark->index;
	a->prev_log_term = mark->term;
	a->leader_commit = mark->index;
	c->recv_cb(&c->io, &m);
	/* Once more: the time until an election runs from now, not from before it was applied. */
	c->recv_cb(&c->io, &m);
	/* Nobody leads yet: with a leader in sight others would be refused a vote. */
	if (c->raft.state == RAFT_FOLLOWER)
		c->raft.follower_state.current_leader.id = 0;
}

/* Nothing is said to anybody meanwhile: shim_send(). */
void mark_apply(struct consensus *c)
{
	const struct raft *r = &c->raft;
	struct commit_mark mark;

	if (c->chunks->marked(c->chunks, &mark) != ST_OK || r->state != RAFT_FOLLOWER)
		return;
	if (mark.member == r->id && mark.index > r->commit_index)
		tell_committed(c, &mark);
}

/* Only what is on this disk, too: a leader's entries may be committed by others before that. */
void mark_after(struct consensus *c)
{
	const struct raft *r = &c->raft;
	struct commit_mark mark;

	if (c->picture.all_bytes == c->marked_bytes ||
	    c->picture.all_bytes - c->marked_bytes < c->config.mark_bytes)
		return;
	mark.member = r->id;
	mark.index = r->last_applied < r->last_stored ? r->last_applied : r->last_stored;
	mark.term = trail_term(&r->trail, mark.index);
	if (mark.term != 0 && c->chunks->mark(c->chunks, &mark))
		c->marked_bytes = c->picture.all_bytes;
}
