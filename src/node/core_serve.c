/* The leader's answers: to this node's own requests and to members that forward theirs. */
#include <assert.h>
#include <string.h>

#include "node/core_internal.h"

/* An answer to a write: to the local request, or back over the link. */
static void answer_write(struct core *c, const struct asker *to, enum status st, uint64_t index,
                         const uint8_t *result, size_t len)
{
	struct forward f = {.type = FORWARD_DONE,
	                    .request = to->request,
	                    .st = st,
	                    .index = index,
	                    .bytes = result,
	                    .len = len};
	struct request *q;
	struct buf b;

	if (!to->local) {
		buf_init(&b, len + 64);
		forward_encode(&f, &b);
		if (buf_status(&b) == ST_OK)
			core_send(c, to->peer, CHANNEL_FORWARD, TRAFFIC_NORMAL, b.base, b.len);
		buf_close(&b);
		return;
	}
	q = requests_find(&c->requests, to->request);
	if (q == NULL)
		return; /* over time meanwhile */
	if (st == ST_NOT_LEADER || st == ST_UNKNOWN || st == ST_BUSY)
		requests_requeue(&c->requests, q); /* the same origin sequence: takes effect once */
	else if (st != ST_OK && q->sent_again)
		/* This sending was refused; what became of the ones before it is not known. */
		requests_finish(&c->requests, q, ST_UNKNOWN, NULL, 0);
	else
		requests_finish(&c->requests, q, st, result, len);
}

static void answer_read(struct core *c, const struct asker *to, enum status st, uint64_t index)
{
	struct forward f = {
	    .type = FORWARD_INDEX, .request = to->request, .st = st, .index = index};
	struct read_batch *batch;
	struct buf b;

	if (!to->local) {
		buf_init(&b, 64);
		forward_encode(&f, &b);
		if (buf_status(&b) == ST_OK)
			core_send(c, to->peer, CHANNEL_FORWARD, TRAFFIC_URGENT, b.base, b.len);
		buf_close(&b);
		return;
	}
	batch = requests_find_batch(&c->requests, to->request);
	if (batch == NULL)
		return;
	if (st != ST_OK) {
		requests_drop_batch(&c->requests, batch);
		return;
	}
	batch->confirmed = true;
	batch->index = index;
}

/* The time in the log is the leader's, wherever the client is: one clock tells what is used and
 * what expires, and members whose clocks differ do not end each other's sessions. */
static enum status propose(struct core *c, const struct proposal *p, const uint8_t *bytes,
                           size_t len)
{
	buf_reset(&c->stamped);
	buf_bytes(&c->stamped, bytes, len);
	if (buf_status(&c->stamped) != ST_OK)
		return buf_status(&c->stamped);
	command_stamp_time(c->stamped.base, c->ops.wall_ms(c->ops.arg));
	if (command_type_of(bytes) == COMMAND_MARK)
		consensus_flush(
		    c->consensus); /* it begins its entry: all before is a state with an index */
	return consensus_propose(c->consensus, (uint64_t)(uintptr_t)p, c->stamped.base, len);
}

void core_propose(struct core *c, const struct asker *from, const uint8_t *bytes, size_t len)
{
	struct proposal *p;
	enum status st;

	if (c->consensus == NULL || c->view.role != ROLE_LEADER) {
		answer_write(c, from, ST_NOT_LEADER, 0, NULL, 0);
		return;
	}
	if (command_upgrades_to(bytes, len) > store_newest(c->store)) {
		answer_write(c, from, ST_UNSUPPORTED, 0, NULL, 0);
		return;
	}
	p = serve_propose(&c->serve, from);
	if (p == NULL) {
		answer_write(c, from, ST_BUSY, 0, NULL, 0);
		return;
	}
	st = propose(c, p, bytes, len);
	if (st != ST_OK) {
		answer_write(c, from, st, 0, NULL, 0);
		serve_forget(&c->serve, p);
	}
}

/* True when ERLMCP_QUORUM_SIZE asks for more than a majority of the configuration. */
static bool strict_quorum(const struct core *c)
{
	return c->config.cluster.quorum_size / 2 > c->view.n_voters / 2;
}

void core_proposed(void *arg, uint64_t tag, enum status st, uint64_t index, const uint8_t *result,
                   size_t len)
{
	static const uint8_t nothing[1];
	struct core *c = arg;
	/* The tag is the address that core_propose() gave.
	 * NOLINTNEXTLINE(performance-no-int-to-ptr) */
	struct proposal *p = (struct proposal *)(uintptr_t)tag;

	if (st == ST_OK && strict_quorum(c)) {
		if (serve_ask(&c->serve, &p->from, c->view.term, index,
		              result == NULL ? nothing : result, len) == NULL)
			answer_write(c, &p->from, ST_UNKNOWN, 0, NULL, 0);
	} else {
		answer_write(c, &p->from, st, index, result, len);
	}
	serve_forget(&c->serve, p);
}

void core_note_read(struct core *c, const struct asker *from)
{
	if (c->consensus == NULL || c->view.role != ROLE_LEADER) {
		answer_read(c, from, ST_NOT_LEADER, 0);
		return;
	}
	/* The index is noted when the round opens: only then is it known whether an entry of this
	 * term is committed (Raft thesis, section 6.4). */
	if (serve_ask(&c->serve, from, c->view.term, 0, NULL, 0) == NULL)
		answer_read(c, from, ST_BUSY, 0);
}

/* Reads that join the next round see everything committed by now. */
static void note_indexes(struct core *c)
{
	struct queue *pos;

	for (pos = c->serve.asks.prev; pos != &c->serve.asks; pos = pos->prev) {
		struct ask *a = CONTAINER_OF(pos, struct ask, link);

		if (a->round != 0)
			break;
		if (!a->write)
			a->index = c->view.commit;
	}
}

void core_open_round(struct core *c)
{
	struct cluster_event ev;
	struct cluster_actions actions;
	uint64_t round;

	if (!serve_wants_round(&c->serve))
		return;
	core_sample(c);
	core_drop_stale_asks(c);
	if (!serve_wants_round(&c->serve))
		return;
	if (!c->view.term_committed) {
		consensus_settle(c->consensus);
		return; /* asked again in the next turn */
	}
	note_indexes(c);
	ev = core_cluster_event(c, CLUSTER_TICK);
	if (cluster_open_round(c->cluster, &ev, &round, &actions) != ST_OK)
		return; /* fenced: the askers' own deadlines or fences end these */
	serve_join_round(&c->serve, round);
	core_perform(c, &actions);
}

void core_confirmed(struct core *c, uint64_t term, uint64_t round)
{
	struct ask *a;

	while ((a = serve_confirmed(&c->serve, term, round)) != NULL) {
		if (a->write)
			answer_write(c, &a->from, ST_OK, a->index, a->result, a->len);
		else
			answer_read(c, &a->from, ST_OK, a->index);
		serve_drop(&c->serve, a);
	}
}

void core_drop_stale_asks(struct core *c)
{
	const uint64_t term = c->view.role == ROLE_LEADER ? c->view.term : 0;
	struct ask *a;

	while ((a = serve_stale(&c->serve, term)) != NULL) {
		if (a->write)
			answer_write(c, &a->from, ST_UNKNOWN, 0, NULL, 0);
		else
			answer_read(c, &a->from, ST_NOT_LEADER, 0);
		serve_drop(&c->serve, a);
	}
}

/* The leader's answer to a write of ours. */
static void take_done(struct core *c, const struct forward *f)
{
	const struct asker self = {.local = true, .request = f->request};

	if (f->st == ST_NOT_LEADER || f->st == ST_UNKNOWN || f->st == ST_BUSY)
		return; /* the review sends it again after the retry interval */
	answer_write(c, &self, f->st, f->index, f->bytes, f->len);
}

void core_take_forward(struct core *c, const char *peer, const uint8_t *bytes, size_t len)
{
	struct asker from = {.local = false};
	struct fault fault;
	struct forward f;

	if (forward_decode(bytes, len, &f) != ST_OK || strlen(peer) >= sizeof from.peer)
		return;
	memcpy(from.peer, peer, strlen(peer) + 1);
	from.request = f.request;
	switch (f.type) {
	case FORWARD_WRITE:
		if (command_check(f.bytes, f.len, &fault) != ST_OK)
			answer_write(c, &from, ST_INVALID, 0, NULL, 0);
		else
			core_propose(c, &from, f.bytes, f.len);
		break;
	case FORWARD_READ:
		core_note_read(c, &from);
		break;
	case FORWARD_DONE:
		take_done(c, &f);
		break;
	case FORWARD_INDEX:
		from.local = true;
		answer_read(c, &from, f.st, f.index);
		break;
	case FORWARD_ORDER:
		core_take_order(c, &from, f.bytes, f.len);
		break;
	case FORWARD_ORDERED:
		core_take_ordered(c, &f);
		break;
	case FORWARD_PRESENT:
		core_take_present(c, cluster_peer_id(c->cluster, peer), &f);
		break;
	}
}
