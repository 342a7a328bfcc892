#include "node/core_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "session/limits.h"

enum {
	MEMBER_MESSAGE_MAX = 128 << 20, /* a whole snapshot travels as one message */
	NOTE_MAX = 4096,                /* text of one event */
	RUN_ROUNDS_MAX = 64,            /* turns until one core_run() gives the loop back */
	PENDING_POLL_US = 20000,        /* pending requests are looked at this often */
	ELECTION_PATIENCE = 4, /* election timeouts: a leader is found sooner, or not at all */
};

void core_emit(struct core *c, const struct core_event *ev)
{
	c->ops.event(c->ops.arg, ev);
}

void core_sample(struct core *c)
{
	uint64_t moves;

	if (c->consensus == NULL || !c->started) {
		memset(&c->view, 0, sizeof c->view);
		return;
	}
	moves = consensus_moves(c->consensus);
	if (c->view.started && moves == c->sampled)
		c->view.promise_us = consensus_promise_us(c->consensus);
	else
		consensus_view(c->consensus, &c->view);
	c->view.state_version = store_version(c->store);
	c->sampled = moves;
}

struct cluster_event core_cluster_event(struct core *c, enum cluster_event_type type)
{
	struct cluster_event ev = {
	    .type = type,
	    .now_us = c->ops.now_us(c->ops.arg),
	    .raft = &c->view,
	    .random = c->ops.random(c->ops.arg),
	};

	return ev;
}

void core_send(struct core *c, const char *peer, enum member_channel channel, enum traffic traffic,
               const uint8_t *bytes, size_t len)
{
	buf_reset(&c->out);
	buf_u8(&c->out, (uint8_t)channel);
	buf_bytes(&c->out, bytes, len);
	if (buf_status(&c->out) == ST_OK)
		buf_u32(&c->out, core_checksum(c->out.base, c->out.len));
	if (buf_status(&c->out) != ST_OK)
		return;
	c->sending = true;
	c->ops.send(c->ops.arg, peer, traffic, c->out.base, c->out.len);
	c->sending = false;
}

void core_forward(struct core *c, const char *peer, const struct forward *f, enum traffic traffic)
{
	struct buf b;

	buf_init(&b, f->len + 64);
	forward_encode(f, &b);
	if (buf_status(&b) == ST_OK)
		core_send(c, peer, CHANNEL_FORWARD, traffic, b.base, b.len);
	buf_close(&b);
}

static int64_t ops_now(void *arg)
{
	struct core *c = arg;

	return c->ops.now_us(c->ops.arg);
}

static bool ops_votes_muted(void *arg)
{
	struct core *c = arg;

	return cluster_votes_muted(c->cluster, c->ops.now_us(c->ops.arg));
}

static void ops_send(void *arg, uint64_t raft_id, const char *name, const uint8_t *bytes,
                     size_t len, enum traffic traffic)
{
	struct core *c = arg;
	const uint64_t there = cluster_peer_id(c->cluster, name);

	/* Not for another incarnation under that name: the one meant lost its disk. */
	if (there != 0 && there != raft_id)
		return;
	core_send(c, name, CHANNEL_RAFT, traffic, bytes, len);
}

static size_t ops_backlog(void *arg, const char *name)
{
	const struct core *c = arg;

	return c->ops.backlog(c->ops.arg, name);
}

static void ops_changed(void *arg)
{
	struct core *c = arg;

	c->dirty = true;
}

static void ops_fatal(void *arg, const char *why)
{
	const struct core *c = arg;
	const struct core_event ev = {
	    .type = store_beyond(c->store) != 0 ? CORE_REFUSED : CORE_FATAL, .text = why};

	core_emit(arg, &ev);
}

static void ops_loading(void *arg, uint64_t done, uint64_t all)
{
	const struct core *c = arg;

	c->ops.loading(c->ops.arg, done, all);
}

static void ops_trace(void *arg, int level, const char *text)
{
	const struct core_event ev = {.type = CORE_TRACE, .level = level, .text = text};

	core_emit(arg, &ev);
}

/* A data directory is one member's: under another name it would speak for somebody else. */
static enum status check_name(struct core *c, const char **why)
{
	size_t i;

	core_sample(c);
	for (i = 0; i < c->view.n_members; i++) {
		if (c->view.members[i].id != c->view.self_id ||
		    strcmp(c->view.members[i].name, c->config.cluster.self) == 0)
			continue;
		buf_reset(&c->note);
		buf_printf(&c->note,
		           "it belongs to node '%s', this node is '%s': start it under its "
		           "own name, or use another data directory",
		           c->view.members[i].name, c->config.cluster.self);
		*why = buf_text(&c->note);
		return ST_INVALID;
	}
	return ST_OK;
}

enum status core_start_consensus(struct core *c, bool bootstrap, const char **why)
{
	const struct identity *id = cluster_identity(c->cluster);
	const struct consensus_config config = {
	    .raft_id = id->raft_id,
	    .name = c->config.cluster.self,
	    .election_ms = c->config.election_ms,
	    .election_max_ms = c->config.election_max_ms,
	    .heartbeat_ms = c->config.heartbeat_ms,
	    .snapshot_threshold = c->config.snapshot_threshold,
	    .snapshot_trailing = c->config.snapshot_trailing,
	    .snapshot_bytes = c->config.snapshot_bytes,
	    .mark_bytes = c->config.mark_bytes,
	    .piece_bytes = c->config.piece_bytes,
	    .seed = c->ops.random(c->ops.arg),
	};
	const struct consensus_ops ops = {
	    .arg = c,
	    .now_us = ops_now,
	    .votes_muted = ops_votes_muted,
	    .send = ops_send,
	    .backlog = c->ops.backlog != NULL ? ops_backlog : NULL,
	    .changed = ops_changed,
	    .proposed = core_proposed,
	    .fatal = ops_fatal,
	    .loading = c->ops.loading != NULL ? ops_loading : NULL,
	    .trace = c->config.trace ? ops_trace : NULL,
	};
	enum status st;

	assert(!c->started);
	*why = "the consensus log cannot be opened";
	if (c->consensus == NULL) {
		st = consensus_new(&config, &ops, &c->disks, c->store, &c->consensus);
		if (st != ST_OK)
			return st;
	}
	if (bootstrap) {
		st = consensus_bootstrap(c->consensus, id);
		if (st != ST_OK && st != ST_EXISTS) {
			*why = "the founding configuration cannot be written";
			return st;
		}
	}
	st = consensus_start(c->consensus, why);
	if (st != ST_OK)
		return st;
	c->started = true;
	c->dirty = true;
	c->noted_vote = consensus_loaded_vote(c->consensus, &c->noted_vote_term);
	return check_name(c, why);
}

enum status core_new(const struct core_config *config, const struct core_ops *ops,
                     const struct identity *identity, const struct consensus_disks *disks,
                     struct fault *fault, struct core **ret)
{
	struct core *c = calloc(1, sizeof *c);
	enum status st;

	if (c == NULL)
		return ST_NOMEM;
	c->config = *config;
	c->ops = *ops;
	c->disks = *disks;
	c->persisted = *identity;
	st = store_new(&c->store);
	if (st != ST_OK)
		goto err_core;
	if (config->cluster.state_takes != 0)
		store_take_up_to(c->store, config->cluster.state_takes);
	c->config.cluster.state_takes = store_newest(c->store);
	st = cluster_new(&c->config.cluster, identity, ops->now_us(ops->arg), fault, &c->cluster);
	if (st != ST_OK)
		goto err_store;
	c->origin = ops->random(ops->arg) | 1;
	pace_init(&c->pace, (int64_t)config->election_ms * 1000,
	          (int64_t)config->election_max_ms * 500, config->cluster.detection_us * 2);
	requests_init(&c->requests);
	/* A leader's late answer to the process before this one must not fit a request of ours. */
	c->requests.next_id = c->origin;
	serve_init(&c->serve);
	house_init(&c->house);
	buf_init(&c->out, MEMBER_MESSAGE_MAX);
	buf_init(&c->note, NOTE_MAX);
	buf_init(&c->stamped, COMMAND_MAX);
	*ret = c;
	return ST_OK;
err_store:
	store_free(c->store);
err_core:
	free(c);
	return st;
}

enum status core_start(struct core *c, const char **why)
{
	const struct identity *id = cluster_identity(c->cluster);
	enum status st;

	if (id->state == IDENTITY_EMPTY)
		return ST_OK;
	/* A founder whose process died between its record and its first entry bootstraps again:
	 * the record is the same, so the entry is too. */
	st = core_start_consensus(c, id->state == IDENTITY_FOUNDER && !id->logged, why);
	/* Without the entries that it acknowledged it must not vote under its old identity. */
	if (st == ST_OK && id->logged && c->view.last_stored == 0) {
		*why = "the log is empty, but this node has stored entries in it";
		st = ST_CORRUPT;
	}
	return st;
}

void core_close(struct core *c, void (*closed_cb)(void *arg), void *arg)
{
	c->closing = true;
	core_review_orders(c, true);
	requests_refuse(&c->requests, ST_CLOSED);
	requests_deliver(&c->requests);
	core_audit_close(c);
	if (c->consensus == NULL)
		closed_cb(arg);
	else
		consensus_close(c->consensus, closed_cb, arg);
}

void core_free(struct core *c)
{
	if (c == NULL)
		return;
	core_audit_free(c);
	serve_close(&c->serve);
	requests_close(&c->requests);
	if (c->consensus != NULL)
		consensus_free(c->consensus);
	cluster_free(c->cluster);
	store_free(c->store);
	buf_close(&c->out);
	buf_close(&c->note);
	buf_close(&c->stamped);
	free(c);
}

void core_step(struct core *c, const struct cluster_event *ev)
{
	struct cluster_actions actions;

	cluster_step(c->cluster, ev, &actions);
	core_perform(c, &actions);
}

/* The leader's node name as the configuration has it; NULL: none known. */
const char *core_member_name(const struct core *c, uint64_t raft_id)
{
	size_t i;

	for (i = 0; i < c->view.n_members; i++) {
		if (c->view.members[i].id == raft_id)
			return c->view.members[i].name;
	}
	return NULL;
}

const char *core_leader_name(const struct core *c)
{
	return core_member_name(c, c->view.leader_id); /* 0 is nobody's */
}

/* Send this node's queued writes to the leader, itself or another. */
static void send_writes(struct core *c, int64_t now_us)
{
	const char *leader = core_leader_name(c);

	if (leader == NULL)
		return;
	while (!queue_empty(&c->requests.queued)) {
		struct request *q =
		    CONTAINER_OF(queue_front(&c->requests.queued), struct request, link);
		const struct asker self = {.local = true, .request = q->id};

		requests_mark_sent(&c->requests, q, &c->view, now_us);
		if (c->view.role == ROLE_LEADER) {
			core_propose(c, &self, q->bytes, q->len);
			if (q->state == REQUEST_QUEUED)
				return; /* too much in flight: the next turn tries again */
		} else {
			struct forward f = {.type = FORWARD_WRITE,
			                    .request = q->id,
			                    .bytes = q->bytes,
			                    .len = q->len};

			core_forward(c, leader, &f, TRAFFIC_NORMAL);
		}
	}
}

/* Gather the reads that came since the last turn into one batch, and ask for its index. */
static void send_reads(struct core *c, int64_t now_us)
{
	const char *leader = core_leader_name(c);
	struct forward f = {.type = FORWARD_READ};
	struct read_batch *b;

	if (leader == NULL)
		return;
	b = requests_open_batch(&c->requests, &c->view, now_us);
	if (b == NULL)
		return;
	f.request = b->id;
	if (c->view.role == ROLE_LEADER && c->config.reads_by_lease && !b->confirm &&
	    core_reads_valid(c)) {
		b->confirmed =
		    true; /* the reader asks core_reads_valid() again after it has read */
		b->index = c->view.commit;
	} else if (c->view.role == ROLE_LEADER) {
		const struct asker self = {.local = true, .request = b->id};

		core_note_read(c, &self);
	} else {
		core_forward(c, leader, &f, TRAFFIC_URGENT);
	}
}

bool core_refuses(const struct core *c, enum status *ret_why)
{
	if (c->audit.totals.damaged) {
		*ret_why = ST_FENCED;
		return true;
	}
	switch (cluster_state(c->cluster)) {
	case CLUSTER_FENCED:
		/* With a majority in sight a leader is being elected: requests wait for it, and are
		 * confirmed like all others. If that takes long, the leader is one whom this node
		 * does not reach. */
		*ret_why = ST_FENCED;
		return cluster_in_minority(c->cluster, &c->view) ||
		       c->ops.now_us(c->ops.arg) - cluster_state_since_us(c->cluster) >
		           ELECTION_PATIENCE * pace_election_us(&c->pace);
	case CLUSTER_FORMING:
		*ret_why = ST_NO_LEADER;
		return true;
	case CLUSTER_STOPPED:
		*ret_why = ST_CLOSED;
		return true;
	default:
		return false;
	}
}

static void review(struct core *c, int64_t now_us)
{
	enum status why;

	if (core_refuses(c, &why)) {
		requests_refuse(&c->requests, why);
		return;
	}
	if (c->view.leader_id == c->reviewed_leader && c->view.term == c->reviewed_term &&
	    now_us < c->review_us)
		return;
	c->reviewed_leader = c->view.leader_id;
	c->reviewed_term = c->view.term;
	c->review_us = now_us + PENDING_POLL_US;
	requests_review(&c->requests, &c->view, now_us);
}

/* Tell when another member leads, or nobody. */
static void note_leader(struct core *c)
{
	struct core_event ev = {.type = CORE_LEADER, .term = c->view.term, .text = ""};

	if (c->view.leader_id == c->noted_leader && c->view.term == c->noted_term)
		return;
	/* A term without a leader yet is a candidacy, not news. */
	if (c->view.leader_id == 0 && c->noted_leader == 0)
		return;
	c->noted_leader = c->view.leader_id;
	c->noted_term = c->view.term;
	ev.peer = core_leader_name(c);
	if (ev.peer == NULL)
		ev.peer = "";
	core_emit(c, &ev);
}

/* One turn: what consensus did is shown to the cluster, what clients asked is sent. */
static void turn(struct core *c)
{
	int64_t now_us = c->ops.now_us(c->ops.arg);
	struct cluster_event ev;

	core_tell_downs(c);
	core_tell_stranger(c);
	if (c->started && now_us >= consensus_deadline_us(c->consensus))
		consensus_tick(c->consensus);
	core_sample(c);
	if (c->dirty || now_us >= cluster_deadline_us(c->cluster)) {
		c->dirty = false;
		ev = core_cluster_event(c, CLUSTER_TICK);
		core_step(c, &ev);
		core_sample(c);
	}
	if (c->view.last_stored > 0 && cluster_note_logged(c->cluster))
		core_persist(c);
	core_note_vote(c);
	note_leader(c);
	core_drop_stale_asks(c);
	core_review_orders(c, false);
	review(c, now_us);
	if (c->started) {
		core_keep_house(c, now_us);
		core_audit_step(c, now_us);
		core_sync_step(c, now_us);
		consensus_set_election(c->consensus, (unsigned)(pace_election_us(&c->pace) / 1000));
		send_writes(c, now_us);
		send_reads(c, now_us);
		consensus_flush_gathered(c->consensus);
		core_note_disk(c, c->view.role == ROLE_LEADER && consensus_disk_full(c->consensus),
		               consensus_disk_short(c->consensus));
		core_open_round(c);
		core_sample(c);
		requests_serve(&c->requests, c->view.last_applied);
	}
	requests_deliver(&c->requests);
}

int64_t core_run(struct core *c)
{
	int64_t due_us = 0;
	unsigned i;

	for (i = 0; i < RUN_ROUNDS_MAX && !c->closing; i++) {
		turn(c);
		due_us = core_deadline_us(c);
		if (due_us > c->ops.now_us(c->ops.arg))
			break;
	}
	return due_us;
}

int64_t core_deadline_us(const struct core *c)
{
	int64_t at = cluster_deadline_us(c->cluster);
	int64_t other;

	if (c->dirty || !queue_empty(&c->requests.done))
		return 0;
	if (c->started) {
		other = consensus_deadline_us(c->consensus);
		at = other < at ? other : at;
		other = core_audit_deadline_us(c);
		at = other < at ? other : at;
		other = house_deadline_us(&c->house, &c->view);
		at = other < at ? other : at;
	}
	if (c->requests.n > 0 && c->review_us < at)
		at = c->review_us;
	other = core_orders_deadline_us(c);
	return other < at ? other : at;
}

void core_stamp(struct core *c, struct command_head *head)
{
	head->origin.id = c->origin;
	head->origin.seq = ++c->seq;
	head->now_ms = c->ops.wall_ms(c->ops.arg);
}

static struct request *submit(struct core *c, bool read, const uint8_t *bytes, size_t len,
                              core_done_cb cb, void *arg)
{
	const int64_t now_us = c->ops.now_us(c->ops.arg);
	struct request *q = requests_add(&c->requests, read, bytes, len,
	                                 now_us + c->config.request_timeout_us, cb, arg);
	enum status why;

	if (q == NULL) {
		cb(arg, ST_BUSY, NULL, 0);
		return NULL;
	}
	if (core_refuses(c, &why))
		requests_finish(&c->requests, q, why, NULL, 0);
	return q;
}

void core_write(struct core *c, const struct command_head *head, const uint8_t *bytes, size_t len,
                core_done_cb cb, void *arg)
{
	assert(head->origin.seq > 0 && head->origin.seq <= c->seq);
	(void)submit(c, false, bytes, len, cb, arg);
}

void core_write_encoded(struct core *c, const uint8_t *bytes, size_t len, core_done_cb cb,
                        void *arg)
{
	struct request *q = submit(c, false, bytes, len, cb, arg);
	struct command_head head = {0};

	if (q == NULL || q->state == REQUEST_DONE)
		return;
	core_stamp(c, &head);
	command_stamp(q->bytes, &head);
}

void core_read(struct core *c, bool confirm, core_done_cb cb, void *arg)
{
	struct request *q = submit(c, true, NULL, 0, cb, arg);

	if (q != NULL)
		q->confirm = confirm;
}

bool core_reads_valid(struct core *c)
{
	if (!c->config.reads_by_lease)
		return true; /* confirmed by a round: no clock is involved */
	core_sample(c);
	if (c->view.role != ROLE_LEADER)
		return true; /* a follower's reads are always confirmed by a round */
	return c->view.term_committed &&
	       cluster_may_serve(c->cluster, &c->view, c->ops.now_us(c->ops.arg));
}

struct store *core_store(struct core *c)
{
	return c->store;
}

const struct identity *core_identity(const struct core *c)
{
	return cluster_identity(c->cluster);
}

size_t core_pending(const struct core *c)
{
	return c->requests.n;
}
