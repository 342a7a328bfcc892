#include "sim_cluster.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/view.h"
#include "testing.h"

enum { STEP_US = 1000 };

/* --- Clocks, names, trace ------------------------------------------------------------ */

int64_t sim_clock_us(const struct sim_node *node)
{
	int64_t now = node->sim->now_us;

	return node->zero_us + now + now / 1000000 * node->drift_ppm +
	       now % 1000000 * node->drift_ppm / 1000000;
}

struct sim_node *sim_node(struct sim *s, char name)
{
	size_t at = (size_t)(name - 'a');

	assert(at < s->n);
	return &s->nodes[at];
}

char sim_letter(const struct sim_node *node)
{
	return (char)('a' + (char)node->at);
}

static void trace(struct sim_node *node, const char *fmt, ...) PRINTF(2, 3);

static void trace(struct sim_node *node, const char *fmt, ...)
{
	struct sim *s = node->sim;
	va_list args;

	if (s->quiet)
		return;
	buf_printf(&s->trace, "[%5" PRId64 "] %c: ", s->now_us / 1000, sim_letter(node));
	va_start(args, fmt);
	buf_vprintf(&s->trace, fmt, args);
	va_end(args);
	buf_u8(&s->trace, '\n');
}

/* --- The network --------------------------------------------------------------------- */

static struct sim_node *node_by_name(struct sim *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->nodes[i].name, name) == 0)
			return &s->nodes[i];
	}
	return NULL;
}

struct sim_node *sim_node_by_id(struct sim *s, uint64_t raft_id)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->nodes[i].raft.id == raft_id)
			return &s->nodes[i];
	}
	return NULL;
}

static void packet_free(struct sim_packet *p)
{
	free(p->raft);
	free(p->bytes);
	free(p);
}

static void way_clear(struct sim_way *way)
{
	while (way->first != NULL) {
		struct sim_packet *p = way->first;

		way->first = p->next;
		packet_free(p);
	}
	way->last = &way->first;
}

static void post(struct sim *s, size_t from, size_t to, const void *bytes, size_t len, bool raft)
{
	struct sim_way *way = &s->ways[from][to];
	struct sim_packet *p;

	if (s->links[from][to] == 0)
		return;
	p = calloc(1, sizeof *p);
	assert(p != NULL);
	p->at_us = s->now_us + way->delay_us;
	p->link = s->links[from][to];
	p->bytes = malloc(len);
	assert(p->bytes != NULL);
	memcpy(p->bytes, bytes, len);
	p->len = len;
	if (raft) {
		p->raft = (struct sim_raft_message *)(void *)p->bytes;
		p->bytes = NULL;
	}
	*way->last = p;
	way->last = &p->next;
}

static void on_raft_send(void *arg, const struct sim_raft_message *m)
{
	struct sim_node *node = arg;
	const struct sim_node *to = sim_node_by_id(node->sim, m->to);

	if (to != NULL)
		post(node->sim, node->at, to->at, m, sizeof *m, true);
}

/* --- One node ------------------------------------------------------------------------ */

static bool muted(const struct sim_node *node)
{
	return cluster_votes_muted(node->cluster, sim_clock_us(node));
}

static void bootstrap(struct sim_node *node)
{
	const struct identity *id = cluster_identity(node->cluster);
	struct sim_config config = {.n = id->n_members};

	for (size_t i = 0; i < id->n_members; i++) {
		config.members[i].id = id->members[i].raft_id;
		config.members[i].voter = true;
		memcpy(config.members[i].name, id->members[i].name, NODE_NAME_MAX);
	}
	sim_raft_bootstrap(&node->raft, sim_configs_add(&node->sim->configs, &config));
	sim_raft_start(&node->raft, sim_clock_us(node));
}

/* Leader: one change of the configuration, as consensus/ would propose it. */
static void change_config(struct sim_node *node, const struct cluster_action *a)
{
	struct sim_config config = *sim_raft_config(&node->raft);
	size_t i = 0;

	while (i < config.n && config.members[i].id != a->raft_id)
		i++;
	if (a->type == CLUSTER_PLAN || a->type == CLUSTER_PLAN_END) {
		config.plan = a->plan; /* all zero at the end */
	} else if (a->type == CLUSTER_EXPEL) {
		assert(i < config.n);
		config.members[i] = config.members[--config.n];
	} else if (a->type == CLUSTER_ADMIT) {
		assert(i == config.n);
		config.n++;
		config.members[i] = (struct raft_voter){.id = a->raft_id};
		(void)snprintf(config.members[i].name, NODE_NAME_MAX, "%s", a->peer);
	} else {
		assert(i < config.n);
		config.members[i].voter = a->type == CLUSTER_PROMOTE;
	}
	(void)sim_raft_append(&node->raft, sim_configs_add(&node->sim->configs, &config));
}

static void trace_change(struct sim_node *node, const struct cluster_action *a)
{
	static const char *const words[] = {[CLUSTER_EXPEL] = "expels",
	                                    [CLUSTER_ADMIT] = "admits",
	                                    [CLUSTER_PROMOTE] = "promotes",
	                                    [CLUSTER_DEMOTE] = "demotes"};

	if (a->type == CLUSTER_PLAN || a->type == CLUSTER_PLAN_END)
		trace(node, "plan %s: %s", a->type == CLUSTER_PLAN ? "begins" : "ends", a->text);
	else
		trace(node, "%s %s", words[a->type], a->peer + strlen("erlmcp@"));
}

static void on_confirmed(struct sim_node *node, const struct cluster_action *a)
{
	if (a->round != node->round || a->term != node->round_term)
		return;
	node->confirmed = a->round;
	if (a->term < node->round_floor)
		fail_msg("seed %" PRIu64 ": round %" PRIu64 " of %c in term %" PRIu64
		         " was confirmed although term %" PRIu64 " had committed before",
		         node->sim->seed, a->round, sim_letter(node), a->term, node->round_floor);
}

static void node_stop(struct sim_node *node);

static void perform_change(struct sim_node *node, const struct cluster_action *a)
{
	if (a->type == CLUSTER_BOOTSTRAP) {
		trace(node, "bootstraps");
		bootstrap(node);
	} else if (a->type == CLUSTER_START) {
		trace(node, "starts as a learner");
		sim_raft_start(&node->raft, sim_clock_us(node));
	} else if (a->type == CLUSTER_YIELD) {
		trace(node, "yields to %s", a->peer + strlen("erlmcp@"));
		cluster_release_lease(node->cluster);
		node->released_term = node->raft.term;
		sim_raft_transfer(&node->raft, sim_clock_us(node), a->raft_id);
	} else {
		trace_change(node, a);
		change_config(node, a);
	}
}

/* False when the node is gone and the rest of its actions with it. */
static bool perform(struct sim_node *node, const struct cluster_action *a)
{
	struct sim *s = node->sim;

	switch (a->type) {
	case CLUSTER_SEND:
		post(s, node->at, node_by_name(s, a->peer)->at, a->bytes, a->len, false);
		break;
	case CLUSTER_STATE:
		trace(node, "%s -> %s%s%s", cluster_state_name(a->from), cluster_state_name(a->to),
		      s->with_why ? ": " : "", s->with_why ? a->text : "");
		break;
	case CLUSTER_PERSIST:
		node->disk = *cluster_identity(node->cluster);
		break;
	case CLUSTER_CONFIRMED:
		on_confirmed(node, a);
		break;
	case CLUSTER_MEMBER:
		trace(node, "%s %s", a->peer + strlen("erlmcp@"), a->up ? "connected" : "lost");
		break;
	case CLUSTER_COUNTDOWN:
		trace(node, "countdown %s, %u of %u", a->up ? "begins" : "aborted", a->reachable,
		      a->needed);
		break;
	case CLUSTER_ALARM:
		trace(node, "alarm %s: %s", a->up ? "raised" : "cleared", a->text);
		break;
	case CLUSTER_SHUTDOWN:
		trace(node, "shutdown%s", a->force ? "" : " (dry run)");
		break;
	case CLUSTER_MEET:
		s->met[node->at][node_by_name(s, a->peer)->at] = true;
		break;
	case CLUSTER_PART:
		break;
	case CLUSTER_RESET:
		trace(node, "resets");
		sim_wipe(s, sim_letter(node));
		node_stop(node);
		return false;
	default:
		perform_change(node, a);
	}
	return true;
}

/* --- Steps ---------------------------------------------------------------------------- */

static void step(struct sim_node *node, struct cluster_event *ev)
{
	struct cluster_actions actions;
	struct raft_view view;
	struct cluster *c = node->cluster;
	bool on = true;

	sim_raft_view(&node->raft, sim_clock_us(node), &view);
	ev->now_us = sim_clock_us(node);
	ev->raft = &view;
	ev->random = prng_next(&node->sim->random);
	cluster_step(c, ev, &actions);
	for (size_t i = 0; i < actions.n && on; i++)
		on = perform(node, &actions.items[i]);
	if (on && cluster_state(c) != CLUSTER_STOPPED) {
		sim_check(node->sim);
		return;
	}
	if (on)
		node_stop(node);
	cluster_free(c);
}

static void link_event(struct sim_node *node, const struct sim_node *peer, bool up, uint64_t epoch)
{
	struct cluster_event ev = {
	    .type = up ? CLUSTER_LINK_UP : CLUSTER_LINK_DOWN,
	    .peer = peer->name,
	    .epoch = epoch,
	};

	if (node->running)
		step(node, &ev);
}

static void link_close(struct sim *s, size_t a, size_t b)
{
	uint64_t number = s->links[a][b];

	if (number == 0)
		return;
	s->links[a][b] = 0;
	s->links[b][a] = 0;
	s->redial_us[a][b] = s->now_us + SIM_REDIAL_US;
	s->redial_us[b][a] = s->redial_us[a][b];
	s->met[a][b] = false;
	s->met[b][a] = false;
	link_event(&s->nodes[a], &s->nodes[b], false, number);
	link_event(&s->nodes[b], &s->nodes[a], false, number);
}

static void link_open(struct sim *s, size_t a, size_t b)
{
	uint64_t number = ++s->n_links;

	s->links[a][b] = number;
	s->links[b][a] = number;
	s->ways[a][b].heard_us = s->now_us;
	s->ways[b][a].heard_us = s->now_us;
	link_event(&s->nodes[a], &s->nodes[b], true, number);
	link_event(&s->nodes[b], &s->nodes[a], true, number);
}

/* The room itself is freed by the caller: an action of it may be at hand. */
static void node_stop(struct sim_node *node)
{
	struct sim *s = node->sim;

	node->running = false;
	node->paused = false;
	node->cluster = NULL;
	sim_raft_forget(&node->raft);
	for (size_t i = 0; i < s->n; i++)
		link_close(s, node->at, i);
}

void sim_kill(struct sim *s, char name)
{
	struct sim_node *node = sim_node(s, name);
	struct cluster *c = node->cluster;

	trace(node, "killed");
	node_stop(node);
	cluster_free(c);
}

void sim_wipe(struct sim *s, char name)
{
	struct sim_node *node = sim_node(s, name);

	memset(&node->disk, 0, sizeof node->disk);
	node->disk.raft_id = prng_next(&s->random) | 1;
	sim_raft_init(&node->raft, node->disk.raft_id, &s->configs, prng_next(&s->random));
	node->raft.send = on_raft_send;
	node->raft.arg = node;
}

static void start_one(struct sim_node *node)
{
	struct fault fault;

	assert(!node->running);
	node->disk.boot++;
	if (cluster_new(&node->config, &node->disk, sim_clock_us(node), &fault, &node->cluster) !=
	    ST_OK)
		fail_msg("%s", fault.what);
	node->running = true;
	if (node->disk.state != IDENTITY_EMPTY)
		sim_raft_start(&node->raft, sim_clock_us(node));
}

void sim_start(struct sim *s, const char *nodes)
{
	for (; *nodes != '\0'; nodes++)
		start_one(sim_node(s, *nodes));
}

void sim_pause(struct sim *s, char node)
{
	trace(sim_node(s, node), "stopped by a signal");
	sim_node(s, node)->paused = true;
	sim_node(s, node)->paused_us = s->now_us;
}

void sim_resume(struct sim *s, char node)
{
	trace(sim_node(s, node), "continues");
	sim_node(s, node)->paused = false;
	if (s->broken_clocks) /* as under a hypervisor */
		sim_node(s, node)->zero_us -= s->now_us - sim_node(s, node)->paused_us;
}

/* --- Making and freeing -------------------------------------------------------------- */

static void init_node(struct sim *s, size_t at, const struct sim_options *o)
{
	struct sim_node *node = &s->nodes[at];
	struct cluster_config *config = &node->config;
	const size_t founders = o->founders != 0 ? o->founders : s->n;

	node->sim = s;
	node->at = at;
	(void)snprintf(node->name, sizeof node->name, "erlmcp@%c", sim_letter(node));
	node->zero_us = prng_range(&s->random, 1, 1000000000);
	memcpy(config->self, node->name, sizeof config->self);
	config->n_expected = founders;
	for (size_t i = 0; i < founders; i++)
		(void)snprintf(config->expected[i], NODE_NAME_MAX, "erlmcp@%c", (char)('a' + i));
	if (at >= founders) {
		config->n_expected = 2;
		memcpy(config->expected[1], node->name, NODE_NAME_MAX);
	}
	config->quorum_size = o->quorum_size != 0 ? o->quorum_size : (unsigned)founders;
	config->standby_after_us = o->standby_after_us;
	config->beat_interval_us = SIM_BEAT_US;
	config->detection_us = o->detection_us != 0 ? o->detection_us : SIM_DETECTION_US;
	config->shutdown_delay_us =
	    o->shutdown_delay_us != 0 ? o->shutdown_delay_us : INT64_C(10000000);
	config->force_shutdown = o->force_shutdown;
	config->start_period_us = INT64_C(60000000);
	config->lease_guard_us = 10000;
	config->promise_max_us = 2 * (int64_t)SIM_ELECTION_US;
	sim_wipe(s, sim_letter(node));
}

struct sim *sim_new(size_t n, const struct sim_options *options)
{
	const struct sim_options defaults = {.seed = 1};
	struct sim *s = calloc(1, sizeof *s);

	assert(s != NULL && n <= SIM_NODES_MAX);
	if (options == NULL)
		options = &defaults;
	s->n = n;
	s->seed = options->seed;
	s->random.state = options->seed;
	buf_init(&s->trace, SIM_TRACE_MAX);
	for (size_t i = 0; i < n; i++) {
		init_node(s, i, options);
		for (size_t j = 0; j < n; j++) {
			s->ways[i][j].last = &s->ways[i][j].first;
			s->ways[i][j].delay_us = 1000;
		}
	}
	return s;
}

void sim_free(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->n; j++)
			way_clear(&s->ways[i][j]);
		cluster_free(s->nodes[i].cluster);
	}
	buf_close(&s->trace);
	free(s);
}

/* --- Faults -------------------------------------------------------------------------- */

void sim_drop_link(struct sim *s, char a, char b)
{
	link_close(s, sim_node(s, a)->at, sim_node(s, b)->at);
}

/* --- Running ------------------------------------------------------------------------- */

static void deliver(struct sim *s, size_t from, size_t to, struct sim_packet *p)
{
	struct sim_node *node = &s->nodes[to];
	struct cluster_event ev = {
	    .type = CLUSTER_MESSAGE,
	    .peer = s->nodes[from].name,
	    .epoch = p->link,
	    .bytes = p->bytes,
	    .len = p->len,
	};

	if (p->link == s->links[from][to])
		s->ways[from][to].heard_us = s->now_us;
	if (view_find(node->cluster, ev.peer) == NULL)
		ev.type = CLUSTER_STRANGER;
	if (p->raft == NULL)
		step(node, &ev);
	else if (p->link == s->links[from][to] &&
	         cluster_peer_id(node->cluster, ev.peer) == p->raft->from)
		sim_raft_receive(&node->raft, sim_clock_us(node), muted(node), p->raft);
}

static void run_way(struct sim *s, size_t from, size_t to)
{
	struct sim_way *way = &s->ways[from][to];

	while (!way->cut && s->nodes[to].running && !s->nodes[to].paused && way->first != NULL &&
	       way->first->at_us <= s->now_us) {
		struct sim_packet *p = way->first;

		way->first = p->next;
		if (way->first == NULL)
			way->last = &way->first;
		deliver(s, from, to, p);
		packet_free(p);
	}
}

/* Links of running nodes come up when nothing is in the way, and are closed for silence. */
static void run_link(struct sim *s, size_t a, size_t b)
{
	bool open = !s->ways[a][b].cut && !s->ways[b][a].cut;
	bool alive = s->nodes[a].running && s->nodes[b].running && !s->nodes[a].paused &&
	             !s->nodes[b].paused;
	bool silent = s->now_us - s->ways[a][b].heard_us > SIM_SILENCE_US ||
	              s->now_us - s->ways[b][a].heard_us > SIM_SILENCE_US;

	if (s->links[a][b] != 0 && alive && (silent || s->met[a][b] || s->met[b][a]))
		link_close(s, a, b);
	else if (s->links[a][b] == 0 && open && alive && s->now_us >= s->redial_us[a][b])
		link_open(s, a, b);
}

static void run_node(struct sim_node *node)
{
	struct cluster_event ev = {.type = CLUSTER_TICK};

	sim_raft_tick(&node->raft, sim_clock_us(node), muted(node));
	if (node->raft.role == ROLE_LEADER && node->leader_term != node->raft.term) {
		node->leader_term = (unsigned)node->raft.term;
		trace(node, "leads term %u", node->leader_term);
	}
	if (node->raft.commit > 1 &&
	    node->raft.log[node->raft.commit].term > node->sim->commit_term)
		node->sim->commit_term = node->raft.log[node->raft.commit].term;
	step(node, &ev);
}

static void run_step(struct sim *s)
{
	s->now_us += STEP_US;
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->n; j++) {
			if (i != j)
				run_way(s, i, j);
			if (i < j)
				run_link(s, i, j); /* what waits is read before the end */
		}
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->nodes[i].running && !s->nodes[i].paused)
			run_node(&s->nodes[i]);
	}
}

void sim_run_ms(struct sim *s, int64_t ms)
{
	while (ms-- > 0)
		run_step(s);
}

/* --- Doing and asking ---------------------------------------------------------------- */

void sim_transfer(struct sim *s, char to)
{
	struct sim_node *node = sim_node(s, sim_leader(s));

	trace(node, "hands over to %c", to);
	cluster_release_lease(node->cluster);
	node->released_term = node->raft.term;
	sim_raft_transfer(&node->raft, sim_clock_us(node), sim_node(s, to)->raft.id);
}

bool sim_round(struct sim *s, char name)
{
	struct sim_node *node = sim_node(s, name);
	struct cluster_event ev = {.type = CLUSTER_TICK, .now_us = sim_clock_us(node)};
	struct cluster_actions actions;
	struct raft_view view;
	uint64_t round;

	sim_raft_view(&node->raft, ev.now_us, &view);
	ev.raft = &view;
	ev.random = prng_next(&s->random);
	if (cluster_open_round(node->cluster, &ev, &round, &actions) != ST_OK)
		return false;
	node->round = round;
	node->round_term = view.term;
	node->round_floor = s->commit_term;
	for (size_t i = 0; i < actions.n; i++)
		(void)perform(node, &actions.items[i]);
	return true;
}

void sim_inject(struct sim *s, char from, char to, const uint8_t *bytes, size_t len)
{
	post(s, sim_node(s, from)->at, sim_node(s, to)->at, bytes, len, false);
}
