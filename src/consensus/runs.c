/* Entries on their way to the members: what libraft wants sent, and no more of it at a time than
 * a link takes.
 *
 * libraft counts entries, not bytes, and knows nothing of links: until the first answer it wants
 * the same entries sent with every heartbeat, and while it has entries to send it sends no empty
 * message. On a slow link both are fatal: megabytes sent twice, and a follower that does not
 * hear of its leader for as long as they take. So
 *
 *  - a run of entries waits here, in libraft's memory, while the link has enough before it;
 *  - what is on its way is not sent again, only what goes beyond it;
 *  - an empty message, which overtakes entries, goes out once a heartbeat beside them;
 *  - all of that is forgotten when it is lost: the member refused something, the link was made
 *    anew, nothing has moved for an election timeout, or this node leads in another term. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/inside.h"

/* One order of libraft's to send entries. */
struct run {
	struct queue link;          /* in the way's runs */
	struct raft_io_send *order; /* libraft's; its entries stay until the callback */
	raft_io_send_cb cb;
	struct raft_message message; /* copied; the entries are libraft's */
	unsigned next;               /* of the entries: what is sent next */
};

void runs_init(struct way *way)
{
	memset(way, 0, sizeof *way);
	queue_init(&way->runs);
}

static void run_end(struct run *run, int status)
{
	queue_remove(&run->link);
	run->cb(run->order, status);
	free(run);
}

void runs_forget(struct way *way, int status)
{
	struct queue *front;

	while (way->runs.next != NULL && (front = queue_front(&way->runs)) != NULL)
		run_end(CONTAINER_OF(front, struct run, link), status);
	way->first = 0;
	way->last = 0;
}

void runs_close(struct consensus *c)
{
	unsigned i;

	for (i = 0; i < MEMBERS_MAX; i++)
		runs_forget(&c->peers[i].way, RAFT_CANCELED);
}

static raft_index match_of(const struct consensus *c, raft_id id)
{
	raft_index match;

	return raft_match_index(&c->raft, id, &match) == 0 ? match : 0;
}

static bool is_full(const struct consensus *c, const struct way *way)
{
	return c->ops.backlog != NULL && c->ops.backlog(c->ops.arg, way->name) > RUNS_AHEAD_MAX;
}

/* True when entries are on their way that the member has not acknowledged. */
static bool is_under_way(const struct consensus *c, const struct peer *peer)
{
	return peer->way.last > match_of(c, peer->id);
}

/* See what became of what was sent; forget what is lost. */
static void review(struct consensus *c, struct peer *peer)
{
	struct way *way = &peer->way;
	const int64_t now_ms = inside_now_ms(c);
	const raft_index match = match_of(c, peer->id);

	if (way->last == 0)
		return;
	if (c->raft.state != RAFT_LEADER || c->raft.current_term != way->term) {
		runs_forget(way, RAFT_CANCELED);
		return;
	}
	if (match > way->match || match >= way->last || is_full(c, way))
		way->moved_ms = now_ms;
	way->match = match;
	if (now_ms - way->moved_ms >= (int64_t)c->raft.election_timeout)
		runs_forget(way, 0);
}

static void send_some(struct consensus *c, struct peer *peer, struct run *run)
{
	const struct raft_append_entries *a = &run->message.append_entries;
	size_t size = 0;
	unsigned n = 0;

	while (run->next + n < a->n_entries && n < WIRE_ENTRIES_MAX &&
	       (n == 0 || size + a->entries[run->next + n].buf.len <= WIRE_BATCH_MAX)) {
		size += a->entries[run->next + n].buf.len;
		n++;
	}
	assert(n > 0);
	buf_reset(&c->out);
	wire_encode(&c->out, &run->message, run->next, n);
	send_to_member(c, peer->id, peer->way.name, TRAFFIC_NORMAL);
	run->next += n;
	peer->way.moved_ms = inside_now_ms(c);
}

static void pump(struct consensus *c, struct peer *peer)
{
	struct way *way = &peer->way;
	struct queue *front;

	while ((front = queue_front(&way->runs)) != NULL && !is_full(c, way)) {
		struct run *run = CONTAINER_OF(front, struct run, link);

		send_some(c, peer, run);
		if (run->next == run->message.append_entries.n_entries)
			run_end(run, 0);
	}
}

void runs_pump(struct consensus *c)
{
	unsigned i;

	c->runs_ms = inside_now_ms(c);
	for (i = 0; i < MEMBERS_MAX; i++) {
		struct peer *peer = &c->peers[i];

		if (peer->id == 0 || queue_empty(&peer->way.runs))
			continue;
		review(c, peer);
		pump(c, peer);
	}
}

int64_t runs_due_ms(const struct consensus *c)
{
	unsigned i;

	for (i = 0; i < MEMBERS_MAX; i++) {
		if (c->peers[i].id != 0 && !queue_empty(&c->peers[i].way.runs))
			return c->runs_ms + RUNS_POLL_MS;
	}
	return INT64_MAX;
}

/* An empty message overtakes entries: it refers to what the member has acknowledged, else it
 * would be refused and the entries sent twice. */
static void anchor(const struct consensus *c, const struct peer *peer,
                   struct raft_append_entries *a)
{
	const raft_index match = match_of(c, peer->id);
	raft_term term;

	if (!is_under_way(c, peer) || match == 0 || match >= a->prev_log_index)
		return;
	term = trail_term(&c->raft.trail, match);
	if (term == 0)
		return;
	a->prev_log_index = match;
	a->prev_log_term = term;
}

void runs_beat(struct consensus *c, struct peer *peer, const struct raft_message *m)
{
	struct raft_message empty = *m;

	review(c, peer);
	empty.append_entries.n_entries = 0;
	empty.append_entries.entries = NULL;
	anchor(c, peer, &empty.append_entries);
	peer->way.beat_ms = inside_now_ms(c);
	buf_reset(&c->out);
	wire_encode(&c->out, &empty, 0, 0);
	send_to_member(c, peer->id, peer->way.name, TRAFFIC_URGENT);
}

/* How many of the entries from index on are on their way already; what does not continue them
 * takes their place. */
static unsigned overlap(const struct consensus *c, struct way *way, raft_index index, unsigned n)
{
	if (way->last == 0 || index < way->first || index > way->last + 1) {
		runs_forget(way, 0);
		way->first = index;
		way->term = c->raft.current_term;
		return 0;
	}
	return way->last - index + 1 < n ? (unsigned)(way->last - index + 1) : n;
}

bool runs_take(struct consensus *c, struct peer *peer, struct raft_io_send *order,
               const struct raft_message *m, raft_io_send_cb cb)
{
	const struct raft_append_entries *a = &m->append_entries;
	const raft_index first = a->prev_log_index + 1;
	struct way *way = &peer->way;
	struct run *run = NULL;
	unsigned known;

	review(c, peer);
	known = overlap(c, way, first, a->n_entries);
	if (known < a->n_entries)
		run = calloc(1, sizeof *run);
	if (run != NULL) {
		*run = (struct run){.order = order, .cb = cb, .message = *m, .next = known};
		queue_push(&way->runs, &run->link);
		way->last = a->prev_log_index + a->n_entries;
		way->match = match_of(c, peer->id);
		way->moved_ms = inside_now_ms(c);
		pump(c, peer);
	}
	/* Perhaps the callback came within pump(). */
	if (inside_now_ms(c) - way->beat_ms >= (int64_t)c->raft.heartbeat_timeout)
		runs_beat(c, peer, m);
	return run != NULL;
}

void runs_refused(struct consensus *c, raft_id id, raft_index rejected)
{
	struct peer *peer = peer_of(c, id);
	const int64_t now_ms = inside_now_ms(c);

	/* Of several messages behind a gap each is refused: one new start answers all of them. */
	if (peer == NULL || peer->way.last == 0 ||
	    (rejected + 1 != peer->way.first &&
	     now_ms - peer->way.refused_ms < (int64_t)c->raft.election_timeout / 2))
		return;
	peer->way.refused_ms = now_ms;
	runs_forget(&peer->way, 0);
}
