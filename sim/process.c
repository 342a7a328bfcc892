#include "sim/process.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"
#include "sim/client.h"
#include "sim/network.h"
#include "sim/system.h"
#include "sim/thing.h"

enum {
	RESTART_MIN_US = 50000,   /* a supervisor starts it again no sooner ... */
	RESTART_MAX_US = 3000000, /* ... and no later than this */
	HAND_OVER_US = 1000000,   /* a stop in good order waits so long for the hand-over */
};

int64_t process_now(const struct node *node)
{
	return node->world->now_us + node->ahead_us;
}

bool process_effect(struct node *node)
{
	if (node->dead)
		return false;
	if (node->crash_in > 0 && --node->crash_in == 0) {
		node->dead = true;
		return false;
	}
	if (node->stall_in > 0 && --node->stall_in == 0)
		node->ahead_us += node->stall_us;
	return true;
}

/* --- Start --------------------------------------------------------------------------- */

/* As node/main.c does: the boot counter grows, durably, before anything else happens. */
static enum status load_identity(struct node *node, struct identity *id)
{
	const struct disk_image *m = &node->disk.image;
	enum status st;

	if (m->identity_rotten)
		return ST_CORRUPT;
	if (m->has_identity) {
		*id = m->identity;
	} else {
		memset(id, 0, sizeof *id);
		id->raft_id = prng_next(&node->random) | 1;
		id->promise_max_ms = node->config.election_max_ms;
	}
	id->boot++;
	st = disk_persist(&node->disk, id);
	if (st != ST_OK)
		return st;
	node->forgot = id->state != IDENTITY_EMPTY;
	check_identity(node, id);
	return ST_OK;
}

/* Its directory is moved aside: it comes back as a new, empty incarnation. */
static void empty(struct node *node)
{
	disk_wipe(&node->disk);
	check_wiped(node, !node->removed);
	node->removed = false;
}

/* It refuses to start from this disk, each time, until an operator comes. */
static void damaged(struct node *node, const char *why)
{
	world_tell(node->world, node, "fatal", "it cannot start: %s", why);
	node->aside = true;
	process_start_in(node, prng_range(&node->world->random, RESTART_MIN_US, RESTART_MAX_US));
}

static void refuse_start(struct node *node, enum status st, const char *why)
{
	char text[SIM_FAILURE_MAX];

	(void)snprintf(text, sizeof text, "%s", why);
	process_kill(node, true, false);
	if (st == ST_CORRUPT) {
		damaged(node, text);
		return;
	}
	world_tell(node->world, node, "fatal", "it cannot start: %s", text);
	process_start_in(node, RESTART_MAX_US);
}

static void reset_process(struct node *node)
{
	node->state = PROCESS_UP;
	node->dead = false;
	node->fatal = false;
	node->reset = false;
	node->closed = false;
	node->hand_over = false;
	node->countdown = false;
	node->ahead_us = 0;
	node->away_until_us = 0;
	node->crash_in = 0;
	node->stall_in = 0;
	world_turn_at(node, INT64_MAX);
	node->start_us = node->world->now_us;
	node->start_own_us = clock_read(node, node->world->now_us);
	node->epoch = 0;
	node->untrusted_clock = node->clock.drift_ppm > 5000 || node->clock.drift_ppm < -5000;
}

/* Links to these are kept from the beginning. */
static unsigned expected(const struct node *node)
{
	const struct world *w = node->world;
	bool all = node->config.cluster.n_expected == w->n;
	unsigned mask = (1U << (all ? w->n : w->plan.nodes)) - 1;

	return mask & ~(1U << node->at);
}

/* An operator holds it back, or it has an earlier release: until it starts again. */
static bool is_held(const struct node *node)
{
	return node->older || (node->world->plan.held == node->at + 1 && node->life < 2);
}

void process_start(struct node *node)
{
	const struct core_ops ops = system_core(node);
	const struct disk_ops disk_ops = system_disk(node);
	const struct consensus_disks disks = {&node->disk.io, &node->disk.chunks.disk};
	struct world *w = node->world;
	struct identity id;
	struct fault fault;
	const char *why = "";
	enum status st;

	if (node->state != PROCESS_DOWN)
		return;
	if (node->aside)
		empty(node);
	node->life++;
	node->aside = false;
	node->keeps = expected(node);
	st = load_identity(node, &id);
	if (st != ST_OK) {
		refuse_start(node, st, status_text(st));
		return;
	}
	reset_process(node);
	disk_open(&node->disk, &disk_ops, &w->now_us, &node->random);
	world_note(w, 300, node->at, id.boot);
	world_tell(w, node, "start", "boot %llu, log %llu..%llu", (unsigned long long)id.boot,
	           (unsigned long long)node->disk.image.start,
	           (unsigned long long)(node->disk.image.start + node->disk.image.n - 1));
	node->takes = is_held(node) ? STATE_VERSION_2 : STATE_VERSION_NEWEST;
	node->config.cluster.state_takes = node->takes;
	st = core_new(&node->config, &ops, &id, &disks, &fault, &node->core);
	if (st != ST_OK) {
		world_fail(w, CHECK_START, "%s: %s", node->name, fault.what);
		node->state = PROCESS_DOWN;
		return;
	}
	check_started(node);
	st = core_start(node->core, &why);
	if (st != ST_OK && check_refused_start(node))
		st = ST_UNSUPPORTED; /* as node/main.c: nothing is damaged, nothing set aside */
	if (st == ST_CORRUPT && !disk_rotten(&node->disk))
		world_fail(w, CHECK_START, "%s cannot load its log: %s", node->name, why);
	if (st == ST_OK)
		node->disk.chunks.lost = false; /* nothing that counts */
	if (st == ST_OK)
		process_wake(node);
	else
		refuse_start(node, st, why);
}

void process_start_in(struct node *node, int64_t us)
{
	world_at(node->world, node->world->now_us + us, EVENT_START, node->at, node->life);
}

/* --- Turns --------------------------------------------------------------------------- */

void process_wake_at(struct node *node, int64_t world_us)
{
	struct world *w = node->world;

	if (node->state == PROCESS_DOWN || w->turns[node->at].at_us <= world_us)
		return;
	if (world_us < node->away_until_us)
		world_us = node->away_until_us;
	if (world_us < w->now_us)
		world_us = w->now_us;
	if (world_us < w->turns[node->at].at_us)
		world_turn_at(node, world_us);
}

void process_wake(struct node *node)
{
	struct world *w = node->world;
	int64_t in_us = prng_range(&w->random, SIM_TURN_MIN_US, SIM_TURN_MAX_US);

	if (node->busy_us > 0)
		in_us += prng_range(&w->random, 0, node->busy_us);
	process_wake_at(node, w->now_us + in_us);
}

bool process_has_input(const struct node *node)
{
	return !queue_empty(&node->inbox);
}

void process_input(struct node *node, enum input_type type, unsigned from, uint64_t epoch,
                   const uint8_t *bytes, size_t len)
{
	struct input *in;

	if (node->state == PROCESS_DOWN)
		return;
	in = malloc(sizeof *in + len);
	assert(in != NULL);
	in->type = type;
	in->from = from;
	in->epoch = epoch;
	in->len = len;
	if (len > 0)
		memcpy(in->bytes, bytes, len);
	queue_push(&node->inbox, &in->link);
	if (!node->paused)
		process_wake(node);
}

static void clear_inbox(struct node *node)
{
	struct queue *front;

	while ((front = queue_front(&node->inbox)) != NULL) {
		queue_remove(front);
		free(CONTAINER_OF(front, struct input, link));
	}
}

static void take_input(struct node *node, const struct input *in)
{
	const char *peer = node->world->nodes[in->from].name;

	switch (in->type) {
	case INPUT_UP:
		core_link_up(node->core, peer, in->epoch);
		break;
	case INPUT_DOWN:
		core_link_down(node->core, peer, in->epoch);
		break;
	case INPUT_STRANGER:
		core_stranger(node->core, peer, in->bytes, in->len);
		break;
	case INPUT_MESSAGE:
		network_heard(node->world, node->at, in->from, in->epoch);
		core_message(node->core, peer, in->epoch, in->bytes, in->len);
		break;
	}
}

/* A pause in the middle of the turn: the node is away until its time has caught up. */
static void catch_up(struct node *node)
{
	int64_t away_us = node->ahead_us;

	if (away_us == 0)
		return;
	node->ahead_us = 0;
	world_tell(node->world, node, "stalled", "for %lld ms within a turn",
	           (long long)away_us / 1000);
	node->away_until_us = node->world->now_us + away_us;
	process_wake_at(node, node->away_until_us);
}

static void plan_turn(struct node *node, int64_t own_us)
{
	const int64_t now_us = node->world->now_us;
	const int64_t own_now_us = clock_ask(node, now_us);
	int64_t wait_us = own_us - own_now_us;

	if (wait_us < 0)
		wait_us = 0;
	/* As the loop in io/: whole milliseconds, rounded up. */
	wait_us = (wait_us + 999) / 1000 * 1000;
	process_wake_at(node, wait_us == 0 ? now_us + SIM_TURN_MAX_US
	                                   : clock_world(node, own_now_us + wait_us));
	if (disk_due_us(&node->disk) < INT64_MAX)
		process_wake_at(node, disk_due_us(&node->disk));
	if (process_has_input(node))
		process_wake(node);
}

/* It died or has to stop in this turn. */
static void after_life(struct node *node)
{
	struct world *w = node->world;
	bool reset = node->reset && !node->dead;

	if (node->dead)
		world_tell(w, node, "died", "in the middle of a turn");
	process_kill(node, true, node->dead);
	if (reset)
		empty(node);
	/* A supervisor may know that it need not start again, or not. */
	if (node->removed && prng_next(&w->random) & 1)
		return;
	process_start_in(node, prng_range(&w->random, RESTART_MIN_US, RESTART_MAX_US));
}

void process_turn(struct node *node)
{
	struct queue *front;
	int64_t due_us = 0;

	world_turn_at(node, INT64_MAX);
	if (node->state == PROCESS_DOWN || node->paused)
		return;
	disk_run(&node->disk);
	while (!node->dead && !node->fatal && (front = queue_front(&node->inbox)) != NULL) {
		struct input *in = CONTAINER_OF(front, struct input, link);

		queue_remove(front);
		take_input(node, in);
		free(in);
	}
	if (!node->dead && !node->fatal)
		due_us = core_run(node->core);
	if (node->dead || node->fatal) {
		node->ahead_us = 0;
		after_life(node);
		return;
	}
	check_turn(node);
	if (node->ahead_us > 0)
		catch_up(node);
	else
		plan_turn(node, due_us);
}

/* --- Ends ---------------------------------------------------------------------------- */

static void on_closed(void *arg)
{
	struct node *node = arg;

	node->closed = true;
}

void process_kill(struct node *node, bool told, bool torn)
{
	struct world *w = node->world;

	if (node->state == PROCESS_DOWN)
		return;
	world_note(w, 301, node->at, node->life);
	world_tell(w, node, "down", "%s", torn ? "in the middle of its writes" : "");
	node->dead = true;
	disk_power_off(&node->disk, torn);
	core_close(node->core, on_closed, node);
	assert(node->closed);
	core_free(node->core);
	node->core = NULL;
	node->state = PROCESS_DOWN;
	world_turn_at(node, INT64_MAX);
	node->life++;
	node->paused = false;
	node->ahead_us = 0;
	clear_inbox(node);
	network_gone(w, node->at, told);
}

static void hand_over_done(void *arg)
{
	struct node *node = arg;

	node->hand_over = false;
	if (!node->dead && node->state == PROCESS_STOPPING)
		world_at(node->world, node->world->now_us, EVENT_CLOSE, node->at, node->life);
}

void process_stop(struct node *node)
{
	struct world *w = node->world;

	if (node->state != PROCESS_UP || node->paused)
		return;
	node->state = PROCESS_STOPPING;
	world_tell(w, node, "stop", "in good order");
	world_at(w, w->now_us + HAND_OVER_US, EVENT_CLOSE, node->at, node->life);
	if (!node->hand_over) {
		node->hand_over = true;
		core_hand_over(node->core, hand_over_done, node);
	}
	process_wake(node);
}

void process_close(struct node *node)
{
	if (node->state != PROCESS_STOPPING)
		return;
	disk_seal(&node->disk);
	process_kill(node, true, false);
	if (node->world->healed)
		process_start_in(node, 0);
}

void process_pause(struct node *node)
{
	if (node->state == PROCESS_DOWN || node->paused)
		return;
	node->paused = true;
	node->paused_us = node->world->now_us;
	node->asleep_us = 0;
}

/* The loop's timer counts CLOCK_MONOTONIC, which stands still in suspend. */
void process_suspend(struct node *node)
{
	const int64_t turn_us = node->world->turns[node->at].at_us;

	if (node->state == PROCESS_DOWN || node->paused)
		return;
	process_pause(node);
	node->asleep_us = turn_us == INT64_MAX ? 0 : turn_us - node->world->now_us;
}

void process_resume(struct node *node)
{
	if (!node->paused)
		return;
	node->paused = false;
	world_turn_at(node, INT64_MAX);
	if (node->asleep_us > 0 && !process_has_input(node) &&
	    disk_due_us(&node->disk) > node->world->now_us)
		process_wake_at(node, node->world->now_us + node->asleep_us);
	else
		process_wake(node);
}

/* --- Making and freeing -------------------------------------------------------------- */

/* One of three was started to join, with a vote or without; the others wait for an order. */
static void configure_standby(struct node *node)
{
	static const enum join_wish wishes[] = {JOIN_NO, JOIN_NO,      JOIN_NO,
	                                        JOIN_NO, JOIN_STANDBY, JOIN_VOTER};
	struct cluster_config *c = &node->config.cluster;

	memcpy(c->expected[c->n_expected++], node->name, NODE_NAME_MAX);
	c->join = wishes[prng_next(&node->random) % 6];
}

static void configure(struct world *w, struct node *node, struct prng *p)
{
	static const unsigned elections[] = {250, 250, 250, 150, 400};
	struct cluster_config *c = &node->config.cluster;
	unsigned election = elections[prng_next(p) % 5];

	node->config.election_ms = election;
	node->config.election_max_ms = 2000;
	node->config.heartbeat_ms = election / 10;
	node->config.snapshot_threshold = (unsigned)prng_range(p, 12, 200);
	node->config.snapshot_trailing = (unsigned)prng_range(p, 1, 32);
	node->config.reads_by_lease = prng_next(p) % 5 == 0;
	node->config.request_timeout_us = 5000000;
	node->config.orphan_us = THING_ORPHAN_US;
	if (election != 250) { /* in two worlds of five the members compare their states */
		node->config.audit_us = 2000000;
		node->config.scrub_us = 20000000;
	}
	c->n_expected = w->plan.nodes;
	c->quorum_size = w->plan.nodes;
	c->beat_interval_us = (int64_t)node->config.heartbeat_ms * 1000;
	c->detection_us = (int64_t)election * 1000;
	c->shutdown_delay_us = prng_range(p, 1000000, 10000000);
	c->force_shutdown = prng_next(p) % 3 == 0;
	c->start_period_us = 10000000;
	c->lease_guard_us = 10000;
	c->promise_max_us = 2000000;
	c->standby_after_us = prng_next(p) % 4 == 0 ? 0 : prng_range(p, 1000000, 5000000);
	if (prng_next(p) % 3 == 0) /* chunks travel in many pieces */
		node->config.piece_bytes = (uint32_t)prng_range(p, 1000, 8000);
	for (unsigned i = 0; i < w->plan.nodes; i++)
		(void)snprintf(c->expected[i], NODE_NAME_MAX, "erlmcp@n%u", i + 1);
	if (node->at >= w->plan.nodes) /* a standby expects itself, too: nobody else does */
		configure_standby(node);
}

void process_init(struct world *w, unsigned at)
{
	struct node *node = &w->nodes[at];
	/* The same configuration on every node. */
	struct prng shared = world_stream(w->plan.seed, 3);
	int64_t latency_us;

	node->world = w;
	node->at = at;
	node->random = world_stream(w->plan.seed, 16 + at);
	(void)snprintf(node->name, sizeof node->name, "erlmcp@n%u", at + 1);
	node->clock.value_us = prng_range(&node->random, 1, INT64_C(1000000000));
	node->clock.asked_us = -1;
	node->clock.wall_ms = INT64_C(1700000000000) + prng_range(&node->random, -5000, 5000);
	node->clock.drift_ppm = prng_range(&node->random, -200, 200);
	configure(w, node, &shared);
	memcpy(node->config.cluster.self, node->name, NODE_NAME_MAX);
	queue_init(&node->inbox);
	disk_init(&node->disk);
	latency_us = prng_range(&node->random, 100, 2000);
	node->disk.latency_min_us = latency_us / 2;
	node->disk.latency_max_us = 2 * latency_us;
	for (unsigned i = 0; i < SIM_COPIES; i++)
		disk_init(&node->copies[i]);
	world_turn_at(node, INT64_MAX);
}

void process_know_everybody(struct node *node)
{
	struct cluster_config *c = &node->config.cluster;
	const struct world *w = node->world;

	for (unsigned i = 0; i < w->n; i++)
		memcpy(c->expected[i], w->nodes[i].name, NODE_NAME_MAX);
	c->n_expected = w->n;
}

void process_free(struct node *node)
{
	process_kill(node, false, false);
	disk_close(&node->disk);
	for (unsigned i = 0; i < SIM_COPIES; i++)
		disk_close(&node->copies[i]);
}
