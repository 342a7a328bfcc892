#include "raft_cluster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/command.h"
#include "session/store.h"

struct packet {
	struct queue link;
	int64_t due_us;
	unsigned from;
	unsigned to;
	enum traffic traffic;
	size_t len;
	uint8_t bytes[];
};

static int64_t now_us(void *arg)
{
	struct rc_node *node = arg;

	return node->cluster->now_us;
}

static bool votes_muted(void *arg)
{
	struct rc_node *node = arg;

	return node->muted;
}

static void packet_put(struct raft_cluster *rc, struct packet *p)
{
	struct queue *pos = rc->wire.prev;

	while (pos != &rc->wire && CONTAINER_OF(pos, struct packet, link)->due_us > p->due_us)
		pos = pos->prev;
	queue_push(pos->next, &p->link);
}

/* A slow line is full with a few of the small messages here: each byte counts as so many. */
enum { NARROW = 100 };

static size_t backlog(void *arg, const char *name)
{
	const struct rc_node *node = arg;
	const struct raft_cluster *rc = node->cluster;
	int64_t left_us;
	unsigned to;

	for (to = 0; to < rc->n && strcmp(rc->nodes[to].name, name) != 0; to++)
		;
	if (rc->byte_us == 0 || to == rc->n)
		return 0;
	left_us = rc->free_us[node->at][to] - rc->now_us;
	return left_us <= 0 ? 0 : (size_t)(left_us / rc->byte_us) * NARROW;
}

/* When a slow line has sent this message. */
static int64_t sent_us(struct raft_cluster *rc, unsigned from, unsigned to, enum traffic traffic,
                       size_t len)
{
	int64_t *free_us = &rc->free_us[from][to];

	if (traffic != TRAFFIC_NORMAL)
		return rc->now_us;
	if (*free_us < rc->now_us)
		*free_us = rc->now_us;
	*free_us += (int64_t)len * rc->byte_us;
	return *free_us;
}

/* Messages of one class and pair stay in order. */
static int64_t arrival(struct raft_cluster *rc, unsigned from, unsigned to, enum traffic traffic,
                       int64_t at_us)
{
	int64_t due_us = at_us + rc->latency_us + prng_range(&rc->prng, 0, rc->latency_us / 2);
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &rc->wire) {
		struct packet *p = CONTAINER_OF(pos, struct packet, link);

		if (p->from == from && p->to == to && p->due_us > due_us &&
		    (rc->byte_us == 0 || p->traffic == traffic))
			due_us = p->due_us;
	}
	return due_us;
}

static void send_cb(void *arg, uint64_t raft_id, const char *name, const uint8_t *bytes, size_t len,
                    enum traffic traffic)
{
	struct rc_node *node = arg;
	struct raft_cluster *rc = node->cluster;
	struct packet *p;
	unsigned to;

	for (to = 0; to < rc->n && rc->nodes[to].id != raft_id; to++)
		;
	if (to == rc->n || strcmp(rc->nodes[to].name, name) != 0)
		return; /* a configuration made up by a test */
	if (rc->spy != NULL)
		rc->spy(node->at, to, bytes, len);
	if (rc->cut[node->at][to] || !rc->nodes[to].up)
		return;
	p = malloc(sizeof *p + len);
	assert(p != NULL);
	p->due_us = arrival(rc, node->at, to, traffic, sent_us(rc, node->at, to, traffic, len));
	p->traffic = traffic;
	p->from = node->at;
	p->to = to;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	packet_put(rc, p);
}

static void proposed(void *arg, uint64_t tag, enum status st, uint64_t index, const uint8_t *result,
                     size_t len)
{
	struct rc_node *node = arg;
	struct rc_outcome *o = &node->cluster->outcomes[tag % RC_TAGS];
	struct store_answer answer;

	o->told = true;
	o->times++;
	o->st = st;
	o->index = index;
	if (st == ST_OK)
		assert(store_result_decode(result, len, &answer) == ST_OK);
}

static void fatal(void *arg, const char *why)
{
	struct rc_node *node = arg;

	(void)why;
	node->fatal = true;
}

static void node_init(struct raft_cluster *rc, unsigned at)
{
	struct rc_node *node = &rc->nodes[at];

	node->cluster = rc;
	node->at = at;
	node->id = 1000 + (uint64_t)prng_range(&rc->prng, 0, 89) * 10 + at;
	snprintf(node->name, sizeof node->name, "n%u@test", at);
	disk_init(&node->disk);
}

void rc_init(struct raft_cluster *rc, unsigned n, uint64_t seed)
{
	unsigned i;

	memset(rc, 0, sizeof *rc);
	rc->prng.state = seed;
	rc->n = n;
	rc->now_us = 1000000;
	rc->latency_us = 400;
	rc->next_tag = 1;
	queue_init(&rc->wire);
	rc->config.election_ms = 250;
	rc->config.election_max_ms = 1000;
	rc->config.heartbeat_ms = 25;
	rc->config.snapshot_threshold = 100000;
	rc->config.snapshot_trailing = 1000;
	for (i = 0; i < n; i++) {
		node_init(rc, i);
		rc->nodes[i].founder = true;
	}
}

struct rc_node *rc_join(struct raft_cluster *rc)
{
	assert(rc->n < RC_MAX);
	node_init(rc, rc->n);
	return &rc->nodes[rc->n++];
}

static void found(struct raft_cluster *rc, struct rc_node *node)
{
	struct identity *identity = calloc(1, sizeof *identity);
	enum status st;
	unsigned i;

	assert(identity != NULL);
	for (i = 0; i < rc->n; i++) {
		struct identity_member *member;

		if (!rc->nodes[i].founder)
			continue;
		member = &identity->members[identity->n_members++];
		snprintf(member->name, sizeof member->name, "%s", rc->nodes[i].name);
		member->raft_id = rc->nodes[i].id;
	}
	st = consensus_bootstrap(node->consensus, identity);
	assert(st == ST_OK || st == ST_EXISTS);
	(void)st;
	free(identity);
}

void rc_start(struct raft_cluster *rc, unsigned at)
{
	struct rc_node *node = &rc->nodes[at];
	struct consensus_config config = rc->config;
	const struct consensus_ops ops = {.arg = node,
	                                  .now_us = now_us,
	                                  .votes_muted = votes_muted,
	                                  .send = send_cb,
	                                  .backlog = backlog,
	                                  .proposed = proposed,
	                                  .fatal = fatal};
	const struct disk_ops nobody = {.arg = node};
	const struct consensus_disks disks = {&node->disk.io, &node->disk.chunks.disk};
	const char *why;
	enum status st;

	assert(!node->up);
	config.raft_id = node->id;
	config.name = node->name;
	config.seed = prng_next(&rc->prng);
	disk_open(&node->disk, &nobody, &rc->now_us, &rc->disk_prng);
	st = store_new(&node->store);
	assert(st == ST_OK);
	if (node->takes != 0)
		store_take_up_to(node->store, node->takes);
	st = consensus_new(&config, &ops, &disks, node->store, &node->consensus);
	assert(st == ST_OK);
	if (node->founder)
		found(rc, node);
	node->up = true;
	node->closed = false;
	node->begun = consensus_start(node->consensus, &why);
	assert(node->begun == ST_OK || node->takes != 0);
}

void rc_start_all(struct raft_cluster *rc)
{
	unsigned i;

	for (i = 0; i < rc->n; i++)
		rc_start(rc, i);
}

static void closed(void *arg)
{
	struct rc_node *node = arg;

	node->closed = true;
}

void rc_stop(struct raft_cluster *rc, unsigned at)
{
	struct rc_node *node = &rc->nodes[at];

	node->up = false;
	consensus_close(node->consensus, closed, node);
	assert(node->closed);
	consensus_free(node->consensus);
	store_free(node->store);
	node->consensus = NULL;
	node->store = NULL;
}

void rc_close(struct raft_cluster *rc)
{
	struct queue *front;
	unsigned i;

	for (i = 0; i < rc->n; i++) {
		if (rc->nodes[i].up)
			rc_stop(rc, i);
		disk_close(&rc->nodes[i].disk);
	}
	while ((front = queue_front(&rc->wire)) != NULL) {
		queue_remove(front);
		free(CONTAINER_OF(front, struct packet, link));
	}
}

void rc_isolate(struct raft_cluster *rc, unsigned at, bool cut)
{
	unsigned i;

	for (i = 0; i < RC_MAX; i++) {
		if (i == at)
			continue;
		rc->cut[at][i] = cut;
		rc->cut[i][at] = cut;
	}
}

enum status rc_inject(struct raft_cluster *rc, unsigned from, unsigned to, const uint8_t *bytes,
                      size_t len)
{
	return consensus_receive(rc->nodes[to].consensus, rc->nodes[from].id, rc->nodes[from].name,
	                         bytes, len);
}

static void deliver(struct raft_cluster *rc)
{
	struct queue *front = queue_front(&rc->wire);
	struct packet *p;

	if (front == NULL)
		return;
	p = CONTAINER_OF(front, struct packet, link);
	if (p->due_us > rc->now_us)
		return;
	queue_remove(&p->link);
	if (rc->nodes[p->to].up && !rc->cut[p->from][p->to]) {
		enum status st = rc_inject(rc, p->from, p->to, p->bytes, p->len);

		/* Dropped by a rule is fine, malformed is not. */
		assert(st != ST_MALFORMED && st != ST_LIMIT && st != ST_UNSUPPORTED);
		(void)st;
	}
	free(p);
}

static int64_t next_us(const struct raft_cluster *rc)
{
	struct queue *front = queue_front(&rc->wire);
	int64_t due_us =
	    front == NULL ? INT64_MAX : CONTAINER_OF(front, struct packet, link)->due_us;
	unsigned i;

	for (i = 0; i < rc->n; i++) {
		const struct rc_node *node = &rc->nodes[i];
		int64_t t;

		if (!node->up)
			continue;
		t = disk_due_us(&node->disk);
		due_us = t < due_us ? t : due_us;
		t = consensus_deadline_us(node->consensus);
		due_us = t < due_us ? t : due_us;
	}
	return due_us;
}

static void step(struct raft_cluster *rc, int64_t end_us)
{
	int64_t due_us = next_us(rc);
	unsigned i;

	rc->steps++;
	if (due_us > end_us)
		due_us = end_us;
	if (due_us > rc->now_us)
		rc->now_us = due_us;
	for (i = 0; i < rc->n; i++) {
		struct rc_node *node = &rc->nodes[i];

		if (!node->up)
			continue;
		disk_run(&node->disk);
		if (consensus_deadline_us(node->consensus) <= rc->now_us)
			consensus_tick(node->consensus);
	}
	deliver(rc);
}

bool rc_run_until(struct raft_cluster *rc, rc_until until, unsigned arg, int64_t ms)
{
	int64_t end_us = rc->now_us + ms * 1000;

	while (rc->now_us < end_us) {
		if (until != NULL && until(rc, arg))
			return true;
		step(rc, end_us);
	}
	return until != NULL && until(rc, arg);
}

void rc_run_ms(struct raft_cluster *rc, int64_t ms)
{
	(void)rc_run_until(rc, NULL, 0, ms);
}

struct raft_view rc_view(struct raft_cluster *rc, unsigned at)
{
	struct raft_view view;

	memset(&view, 0, sizeof view);
	if (rc->nodes[at].up)
		consensus_view(rc->nodes[at].consensus, &view);
	return view;
}

int rc_leader(struct raft_cluster *rc)
{
	uint64_t term = 0;
	int leader = -1;
	unsigned i;

	for (i = 0; i < rc->n; i++) {
		struct raft_view view = rc_view(rc, i);

		if (view.role == ROLE_LEADER && view.term > term) {
			term = view.term;
			leader = (int)i;
		}
	}
	return leader;
}

bool rc_has_leader(struct raft_cluster *rc, unsigned arg)
{
	int leader = rc_leader(rc);

	(void)arg;
	return leader >= 0 && rc_view(rc, (unsigned)leader).term_committed;
}

bool rc_other_leads(struct raft_cluster *rc, unsigned arg)
{
	int leader = rc_leader(rc);

	return leader >= 0 && leader != (int)arg && rc_view(rc, (unsigned)leader).term_committed;
}

struct session_id rc_session(unsigned number)
{
	const uint32_t spread = number * 2654435761U;
	const struct session_id id = {.bytes = {(uint8_t)(spread >> 24), (uint8_t)(spread >> 16),
	                                        (uint8_t)(spread >> 8), (uint8_t)spread}};

	return id;
}

unsigned rc_follower(struct raft_cluster *rc)
{
	return rc_leader(rc) == 2 ? 1 : 2;
}

bool rc_in_sync(struct raft_cluster *rc, unsigned at)
{
	int leader = rc_leader(rc);

	return leader >= 0 && rc->nodes[at].up &&
	       store_digest(rc->nodes[at].store) == store_digest(rc->nodes[leader].store);
}

static struct command_head next_head(struct rc_node *node)
{
	const struct command_head head = {.origin = {node->id, ++node->commands},
	                                  .now_ms = node->cluster->now_us / 1000};

	return head;
}

/* Closes b. */
static uint64_t propose(struct raft_cluster *rc, unsigned at, struct buf *b, enum status *st)
{
	uint64_t tag = rc->next_tag;

	*st = consensus_propose(rc->nodes[at].consensus, tag, b->base, b->len);
	buf_close(b);
	if (*st != ST_OK)
		return 0;
	memset(&rc->outcomes[tag % RC_TAGS], 0, sizeof rc->outcomes[0]);
	return rc->next_tag++;
}

uint64_t rc_create(struct raft_cluster *rc, unsigned at, unsigned number, enum status *st)
{
	const struct command_head head = next_head(&rc->nodes[at]);
	const struct session_id id = rc_session(number);
	struct buf b;

	buf_init(&b, 1024);
	command_create(&b, &head, &id, (const uint8_t *)"test", 4);
	return propose(rc, at, &b, st);
}

uint64_t rc_upgrade(struct raft_cluster *rc, unsigned at, uint32_t version, enum status *st)
{
	const struct command_head head = next_head(&rc->nodes[at]);
	struct buf b;

	buf_init(&b, 1024);
	command2_upgrade(&b, &head, version);
	return propose(rc, at, &b, st);
}

static bool told(struct raft_cluster *rc, unsigned tag)
{
	return rc->outcomes[tag % RC_TAGS].told;
}

bool rc_wait(struct raft_cluster *rc, uint64_t tag, int64_t ms)
{
	return rc_run_until(rc, told, (unsigned)tag, ms);
}

void rc_change_cb(void *arg, enum status st)
{
	struct raft_cluster *rc = arg;

	rc->change = st;
	rc->change_told = true;
}
