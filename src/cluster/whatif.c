#include "cluster/whatif.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/room.h"
#include "cluster/view.h"

enum {
	FLYING_MAX = 16 << 20, /* messages of one step: 16 members to 15 others, the longest */
	START_US = 1000000,    /* of virtual time: not zero, which means never */
	MARGIN_US = 1000000,   /* after everything that the settings can take */
	LOG_END = 10,          /* all members have the same short log */
	CLUSTER_ID = 1,
};

struct place {
	struct cluster *c;     /* owned */
	struct raft_view view; /* as Raft would give it */
	bool alive;
	int64_t heard_us;                /* Raft: last heard its leader */
	int64_t timeout_us;              /* Raft: then it wants to lead */
	int64_t contact_us[MEMBERS_MAX]; /* Raft, leader: last heard them */
};

struct whatif {
	const struct whatif_question *q;
	const struct whatif_cut *cut; /* NULL: not yet */
	struct whatif_answer *ret;
	int64_t now_us;
	int64_t cut_us;
	bool closed;       /* links over the cut were given up */
	uint64_t term;     /* newest */
	uint64_t random;   /* a plain count: nothing here needs more */
	struct buf flying; /* sent in this step: from, to, length, bytes */
	struct buf landed; /* sent in the step before */
	struct place places[MEMBERS_MAX];
};

/* --- The network --------------------------------------------------------------------- */

static bool open_way(const struct whatif *w, size_t from, size_t to)
{
	if (!w->places[from].alive || !w->places[to].alive)
		return false;
	if (w->cut == NULL)
		return true;
	/* One connection serves both ways: it cannot live with half of them for long. */
	if (w->closed && w->cut->blocked[to][from])
		return false;
	return !w->cut->blocked[from][to];
}

static bool open_both(const struct whatif *w, size_t a, size_t b)
{
	return open_way(w, a, b) && open_way(w, b, a);
}

static size_t place_of(const struct whatif *w, const char *name)
{
	size_t i = 0;

	while (i < w->q->n && strcmp(w->q->members[i].name, name) != 0)
		i++;
	return i;
}

static void send(struct whatif *w, size_t from, const struct cluster_action *a)
{
	const size_t to = place_of(w, a->peer);

	if (to == w->q->n || !open_way(w, from, to))
		return;
	buf_u8(&w->flying, (uint8_t)from);
	buf_u8(&w->flying, (uint8_t)to);
	buf_u32(&w->flying, (uint32_t)a->len);
	buf_bytes(&w->flying, a->bytes, a->len);
}

/* --- Raft ---------------------------------------------------------------------------- */

static void lead(struct whatif *w, size_t at)
{
	struct place *p = &w->places[at];

	p->view.role = ROLE_LEADER;
	p->view.term = ++w->term;
	p->view.leader_id = p->view.self_id;
	p->view.promise_us = 0;
	p->view.transferring = false;
	for (size_t i = 0; i < w->q->n; i++)
		p->contact_us[i] = w->now_us;
	if (w->cut != NULL && w->ret->nodes[at].led_us < 0)
		w->ret->nodes[at].led_us = w->now_us - w->cut_us;
}

static void follow(struct whatif *w, size_t at, const struct place *leader)
{
	struct place *p = &w->places[at];

	p->view.role = ROLE_FOLLOWER;
	p->view.term = leader->view.term;
	p->view.leader_id = leader->view.self_id;
	p->view.promise_us = p->timeout_us;
	p->heard_us = w->now_us;
}

static void have_no_leader(struct place *p)
{
	p->view.role = ROLE_FOLLOWER;
	p->view.leader_id = 0;
	p->view.promise_us = 0;
}

static unsigned voters(const struct whatif *w)
{
	return (unsigned)w->places[0].view.n_voters;
}

/* The leader's heartbeats arrive, and their answers. */
static void play_leader(struct whatif *w, size_t at)
{
	struct place *p = &w->places[at];
	unsigned contacts = 0;

	for (size_t i = 0; i < w->q->n; i++) {
		const struct place *other = &w->places[i];

		if (i != at && open_both(w, at, i) && other->view.term > p->view.term) {
			have_no_leader(p);
			return;
		}
		if (i != at && open_both(w, at, i))
			follow(w, i, p);
		if (i == at || open_both(w, at, i))
			p->contact_us[i] = w->now_us;
		contacts +=
		    w->q->members[i].voter && w->now_us - p->contact_us[i] < w->q->election_us;
	}
	if (contacts <= voters(w) / 2)
		have_no_leader(p);
}

/* A vote is given by who has no leader. */
static void play_candidate(struct whatif *w, size_t at)
{
	unsigned votes = 0;

	for (size_t i = 0; i < w->q->n; i++)
		votes += w->q->members[i].voter &&
		         (i == at || (open_both(w, at, i) && w->places[i].view.leader_id == 0));
	if (votes > voters(w) / 2)
		lead(w, at);
}

static void play_raft(struct whatif *w)
{
	for (size_t i = 0; i < w->q->n; i++) {
		if (w->places[i].alive && w->places[i].view.role == ROLE_LEADER)
			play_leader(w, i);
	}
	for (size_t i = 0; i < w->q->n; i++) {
		struct place *p = &w->places[i];
		const int64_t left = p->heard_us + p->timeout_us - w->now_us;

		if (!p->alive || p->view.role == ROLE_LEADER)
			continue;
		p->view.promise_us = p->view.leader_id != 0 && left > 0 ? left : 0;
		if (left <= 0)
			have_no_leader(p);
	}
	/* Who could win would win by chance: the first by name does. */
	for (size_t i = 0; i < w->q->n; i++) {
		const struct place *p = &w->places[i];

		if (p->alive && p->view.leader_id == 0 && w->q->members[i].voter)
			play_candidate(w, i);
	}
}

/* --- The rooms ----------------------------------------------------------------------- */

static void take(struct whatif *w, size_t at, const struct cluster_actions *actions)
{
	struct whatif_node *node = &w->ret->nodes[at];

	for (size_t i = 0; i < actions->n; i++) {
		const struct cluster_action *a = &actions->items[i];

		if (a->type == CLUSTER_SEND)
			send(w, at, a);
		else if (a->type == CLUSTER_STATE && a->to == CLUSTER_FENCED && w->cut != NULL &&
		         node->fenced_us < 0)
			node->fenced_us = w->now_us - w->cut_us;
		else if (a->type == CLUSTER_PLAN && w->ret->stand_in[0] == '\0')
			(void)snprintf(w->ret->stand_in, sizeof w->ret->stand_in, "%s", a->text);
	}
	/* A hand-over: the lease goes first. */
	for (size_t i = 0; i < actions->n; i++) {
		const struct cluster_action *a = &actions->items[i];
		const size_t to = a->type == CLUSTER_YIELD ? place_of(w, a->peer) : w->q->n;

		if (to == w->q->n || !open_both(w, at, to))
			continue;
		cluster_release_lease(w->places[at].c);
		have_no_leader(&w->places[at]);
		lead(w, to);
		return;
	}
}

static void step(struct whatif *w, size_t at, struct cluster_event *ev)
{
	struct cluster_actions actions;

	ev->now_us = w->now_us;
	ev->raft = &w->places[at].view;
	ev->random = ++w->random;
	cluster_step(w->places[at].c, ev, &actions);
	take(w, at, &actions);
}

static void link_all(struct whatif *w, enum cluster_event_type type)
{
	for (size_t i = 0; i < w->q->n; i++) {
		for (size_t j = 0; j < w->q->n; j++) {
			struct cluster_event ev = {.type = type, .epoch = 1};

			ev.peer = w->q->members[j].name;
			if (i != j && w->places[i].alive &&
			    (type == CLUSTER_LINK_UP || !open_both(w, i, j)))
				step(w, i, &ev);
		}
	}
}

static void deliver(struct whatif *w)
{
	struct buf swap = w->landed;
	struct cursor in;

	w->landed = w->flying;
	w->flying = swap;
	buf_reset(&w->flying);
	in = cursor_of(w->landed.base, w->landed.len);
	while (in.left > 0) {
		struct cluster_event ev = {.type = CLUSTER_MESSAGE, .epoch = 1};
		uint8_t from = 0;
		uint8_t to = 0;
		uint32_t len = 0;

		if (cursor_u8(&in, &from) != ST_OK || cursor_u8(&in, &to) != ST_OK ||
		    cursor_u32(&in, &len) != ST_OK || cursor_bytes(&in, len, &ev.bytes) != ST_OK)
			assert(false && "we wrote these ourselves");
		ev.peer = w->q->members[from].name;
		ev.len = len;
		if (open_way(w, from, to))
			step(w, to, &ev);
	}
}

static void run_for(struct whatif *w, int64_t us)
{
	const int64_t end_us = w->now_us + us;

	while (w->now_us < end_us) {
		w->now_us += WHATIF_STEP_US;
		play_raft(w);
		deliver(w);
		for (size_t i = 0; i < w->q->n; i++) {
			struct cluster_event tick = {.type = CLUSTER_TICK};

			if (w->places[i].alive)
				step(w, i, &tick);
		}
	}
}

/* --- Making and asking --------------------------------------------------------------- */

static void set_view(const struct whatif *w, size_t at, struct raft_view *v)
{
	const struct whatif_question *q = w->q;

	*v = (struct raft_view){
	    .started = true,
	    .role = ROLE_FOLLOWER,
	    .self_id = q->members[at].id,
	    .term = w->term,
	    .commit = LOG_END,
	    .last_stored = LOG_END,
	    .last_applied = LOG_END,
	    .term_committed = true,
	    .election_us = q->election_us,
	    .n_members = q->n,
	    .config_committed = true,
	};
	memcpy(v->members, q->members, sizeof v->members);
	for (size_t i = 0; i < q->n; i++) {
		v->members[i].match = LOG_END;
		v->n_voters += q->members[i].voter;
	}
}

static enum status make_room(struct whatif *w, size_t at, struct fault *fault)
{
	const struct whatif_question *q = w->q;
	struct cluster_config config = q->config;
	struct place *p = &w->places[at];
	const struct identity id = {
	    .state = IDENTITY_FOUNDER,
	    .cluster_id = CLUSTER_ID,
	    .raft_id = q->members[at].id,
	    .boot = 1,
	    .logged = true,
	    .promise_max_ms = (uint32_t)(config.promise_max_us / 1000),
	};

	assert(at < q->n);
	memcpy(config.self, q->members[at].name, sizeof config.self);
	config.n_expected = q->n;
	for (size_t i = 0; i < q->n; i++)
		memcpy(config.expected[i], q->members[i].name, sizeof config.expected[i]);
	config.join = JOIN_NO;
	config.lost_disk = false;
	p->alive = true;
	p->heard_us = w->now_us;
	/* libraft draws from [base, 2 * base): here they are spread evenly. */
	p->timeout_us = q->election_us + q->election_us * (int64_t)at / (int64_t)q->n;
	set_view(w, at, &p->view);
	return cluster_new(&config, &id, w->now_us, fault, &p->c);
}

static void explain_node(struct whatif *w, size_t at)
{
	struct whatif_node *node = &w->ret->nodes[at];
	const struct place *p = &w->places[at];
	size_t i;

	node->dead = !p->alive;
	if (node->dead)
		return;
	cluster_explain(p->c, &p->view, w->now_us, &node->now);
	node->leads = p->view.role == ROLE_LEADER && cluster_may_serve(p->c, &p->view, w->now_us);
	for (i = 0; i < w->q->n; i++) {
		const struct member *m = view_find(p->c, w->q->members[i].name);

		node->reaches[i] = i == at || (m != NULL && view_in_sight(p->c, m));
	}
	if (node->leads)
		w->ret->leader = (int)at;
}

/* A member that does not serve any more: may the others go on without it for good? */
static void judge_lost(struct whatif *w)
{
	const struct place *leader = &w->places[w->ret->leader];

	for (size_t i = 0; i < w->q->n; i++) {
		struct order order = {.type = ORDER_PLAN, .kind = PLAN_LEAVE};
		struct order_verdict verdict;

		if (w->ret->nodes[w->ret->leader].reaches[i])
			continue;
		memcpy(order.subject, w->q->members[i].name, sizeof order.subject);
		cluster_judge(leader->c, &leader->view, w->now_us, &order, &verdict);
		(void)snprintf(w->ret->remove[i], sizeof w->ret->remove[i], "%s", verdict.text);
	}
}

/* Time that everything takes which follows from a cut: detection, an election that begins anew,
 * and a hand-over to a better placed leader. */
static int64_t settling_us(const struct whatif_question *q)
{
	return 2 * q->config.detection_us + 2 * q->config.promise_max_us + YIELD_PATIENCE_US +
	       YIELD_INTERVAL_US + MARGIN_US;
}

static void play(struct whatif *w, const struct whatif_cut *cut)
{
	const struct whatif_question *q = w->q;
	struct whatif_answer *a = w->ret;
	size_t first = 0;

	for (size_t i = 0; i < q->n; i++) {
		if (q->members[i].id == q->leader_id ||
		    (q->leader_id == 0 && q->members[i].voter)) {
			first = i;
			break;
		}
	}
	lead(w, first);
	link_all(w, CLUSTER_LINK_UP);
	run_for(w, 2 * q->config.detection_us + MARGIN_US);
	w->cut = cut;
	w->cut_us = w->now_us;
	for (size_t i = 0; i < q->n; i++)
		w->places[i].alive = !cut->dead[i];
	run_for(w, q->config.detection_us + q->config.beat_interval_us);
	w->closed = true;
	link_all(w, CLUSTER_LINK_DOWN);
	run_for(w, settling_us(q));
	a->at_us = w->now_us - w->cut_us;
	for (size_t i = 0; i < q->n; i++)
		explain_node(w, i);
	if (a->leader < 0)
		return;
	judge_lost(w);
	/* Who stands by does not have to wait here. */
	if (q->config.standby_after_us > 0)
		w->places[a->leader].c->config.standby_after_us = 1;
	a->stand_in[0] = '\0';
	run_for(w, 2 * q->config.detection_us);
}

enum status whatif_run(const struct whatif_question *q, const struct whatif_cut *cut,
                       struct whatif_answer *ret, char why[WHATIF_TEXT_MAX])
{
	struct whatif *w = calloc(1, sizeof *w);
	struct fault fault = {.what = "out of memory"};
	enum status st = ST_OK;

	assert(q->n > 0 && q->n <= MEMBERS_MAX);
	if (w == NULL)
		return ST_NOMEM;
	memset(ret, 0, sizeof *ret);
	ret->n = q->n;
	ret->leader = -1;
	w->q = q;
	w->ret = ret;
	w->now_us = START_US;
	buf_init(&w->flying, FLYING_MAX);
	buf_init(&w->landed, FLYING_MAX);
	for (size_t i = 0; i < q->n && st == ST_OK; i++) {
		ret->nodes[i].fenced_us = -1;
		ret->nodes[i].led_us = -1;
		st = make_room(w, i, &fault);
	}
	if (st == ST_OK)
		play(w, cut);
	if (st == ST_OK && buf_status(&w->flying) != ST_OK)
		st = ST_NOMEM;
	if (st != ST_OK)
		(void)snprintf(why, WHATIF_TEXT_MAX, "%s", fault.what);
	for (size_t i = 0; i < q->n; i++)
		cluster_free(w->places[i].c);
	buf_close(&w->flying);
	buf_close(&w->landed);
	free(w);
	return st;
}
