/* Orders about the members: taken on any node, judged and carried out by the leader.
 *
 * The leader answers when the plan is committed; from then on it goes on by itself, whoever
 * leads. A node that does not lead asks the leader, once: who gets no answer may order again,
 * because an order that took effect is one that is under way. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/core_internal.h"

enum {
	ORDER_PATIENCE_US = 10000000, /* a commit, an election, and a commit */
	ORDER_HELD_US = 5000000,      /* until the step under way is committed */
	ORDER_RETRY_US = 20000,       /* between looks at it */
};

/* An order that the leader carries out. */
struct carried {
	struct core *core;
	struct asker from;
	core_order_cb cb; /* a local one's */
	void *arg;
	struct order order;
	int64_t deadline_us; /* until when it is held back */
	struct order_verdict verdict;
};

static void answer(struct carried *o, enum status st, const char *text)
{
	struct forward f = {.type = FORWARD_ORDERED,
	                    .request = o->from.request,
	                    .st = st,
	                    .bytes = (const uint8_t *)text,
	                    .len = strlen(text)};

	if (o->from.local)
		o->cb(o->arg, st, text);
	else
		core_forward(o->core, o->from.peer, &f, TRAFFIC_NORMAL);
	free(o);
}

static void carried_out(void *arg, enum status st)
{
	struct carried *o = arg;

	o->core->changing = false;
	o->core->dirty = true;
	if (st == ST_OK)
		answer(o, ST_OK, o->verdict.text);
	else
		answer(o, ST_UNKNOWN,
		       "leadership changed meanwhile: it may have begun; look at `cluster status`, "
		       "or order it again");
}

static void handed_over(void *arg, enum status st)
{
	struct carried *o = arg;

	if (st == ST_OK)
		answer(o, ST_OK, o->verdict.text);
	else
		answer(o, ST_TIMEOUT, "it did not take over in time; an election decides");
}

static enum status carry_out(struct core *c, const struct order *order, struct carried *o)
{
	enum status st;

	if (c->changing || !c->view.config_committed)
		return ST_AGAIN;
	if (order->type == ORDER_TRANSFER) {
		cluster_release_lease(c->cluster);
		return consensus_transfer(c->consensus, o->verdict.raft_id, handed_over, o);
	}
	if (order->type == ORDER_CANCEL) {
		st = consensus_remove(c->consensus, o->verdict.plan.id, carried_out, o);
	} else {
		o->verdict.plan.id = c->ops.random(c->ops.arg) | 1;
		st = consensus_record_plan(c->consensus, &o->verdict.plan, carried_out, o);
	}
	c->changing = st == ST_OK;
	return st;
}

/* A step is being committed: the order is judged again when it is. False: there is no place. */
static bool hold(struct core *c, struct carried *o)
{
	if (c->ops.now_us(c->ops.arg) >= o->deadline_us)
		return false;
	for (size_t i = 0; i < ORDERS_MAX; i++) {
		if (c->held[i] == NULL) {
			c->held[i] = o;
			c->held_us = c->ops.now_us(c->ops.arg);
			return true;
		}
	}
	return false;
}

static void lead(struct core *c, struct carried *o)
{
	enum status st;

	core_sample(c);
	cluster_judge(c->cluster, &c->view, c->ops.now_us(c->ops.arg), &o->order, &o->verdict);
	st = o->verdict.st;
	if (st == ST_OK) {
		st = carry_out(c, &o->order, o);
		if (st == ST_OK)
			return;
		(void)snprintf(o->verdict.text, sizeof o->verdict.text,
		               "the change cannot begin: %s", status_text(st));
	}
	/* What libraft is busy with ends, too. */
	if ((st == ST_AGAIN || (st == ST_BUSY && o->verdict.st == ST_OK)) && hold(c, o))
		return;
	answer(o, st == ST_AGAIN ? ST_BUSY : st, o->verdict.text);
}

/* --- On any node --------------------------------------------------------------------- */

static void ask_leader(struct core *c, const struct order *order, core_order_cb cb, void *arg)
{
	struct forward f = {.type = FORWARD_ORDER};
	struct order_wait *w = NULL;
	struct buf b;

	for (size_t i = 0; i < ORDERS_MAX && w == NULL; i++)
		w = c->orders[i].id == 0 ? &c->orders[i] : NULL;
	if (w == NULL) {
		cb(arg, ST_BUSY, "too many orders are waiting: try again");
		return;
	}
	w->id = c->requests.next_id++;
	w->deadline_us = c->ops.now_us(c->ops.arg) + ORDER_PATIENCE_US;
	w->cb = cb;
	w->arg = arg;
	buf_init(&b, 4 * NODE_NAME_MAX);
	forward_put_order(&b, order);
	assert(buf_status(&b) != ST_LIMIT);
	f.request = w->id;
	f.bytes = b.base;
	f.len = b.len;
	if (buf_status(&b) == ST_OK)
		core_forward(c, core_leader_name(c), &f, TRAFFIC_NORMAL);
	buf_close(&b);
}

void core_order(struct core *c, const struct order *order, core_order_cb cb, void *arg)
{
	struct cluster_status *status;
	struct raft_view raft;
	struct carried *o;
	enum status why;

	core_sample(c);
	if (core_refuses(c, &why)) {
		status = malloc(sizeof *status);
		if (status != NULL)
			core_status(c, status, &raft);
		cb(arg, why, status == NULL ? status_text(why) : status->why);
		free(status);
		return;
	}
	if (core_leader_name(c) == NULL) {
		cb(arg, ST_NO_LEADER, "no leader is known now: try again");
		return;
	}
	if (c->view.role != ROLE_LEADER) {
		ask_leader(c, order, cb, arg);
		return;
	}
	o = calloc(1, sizeof *o);
	if (o == NULL) {
		cb(arg, ST_NOMEM, status_text(ST_NOMEM));
		return;
	}
	*o = (struct carried){.core = c, .from = {.local = true}, .cb = cb, .arg = arg};
	o->order = *order;
	o->deadline_us = c->ops.now_us(c->ops.arg) + ORDER_HELD_US;
	lead(c, o);
}

void core_take_order(struct core *c, const struct asker *from, const uint8_t *bytes, size_t len)
{
	struct carried *o;
	struct order order;

	if (forward_get_order(bytes, len, &order) != ST_OK)
		return;
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return;
	o->core = c;
	o->from = *from;
	o->order = order;
	o->deadline_us = c->ops.now_us(c->ops.arg) + ORDER_HELD_US;
	lead(c, o);
}

static void finish(struct order_wait *w, enum status st, const char *text)
{
	struct order_wait done = *w;

	w->id = 0;
	done.cb(done.arg, st, text);
}

void core_take_ordered(struct core *c, const struct forward *f)
{
	char text[ORDER_TEXT_MAX];
	size_t len = f->len < sizeof text ? f->len : sizeof text - 1;

	memcpy(text, f->bytes, len);
	text[len] = '\0';
	for (size_t i = 0; i < ORDERS_MAX; i++) {
		if (c->orders[i].id != 0 && c->orders[i].id == f->request) {
			finish(&c->orders[i], f->st, text);
			return;
		}
	}
}

void core_review_orders(struct core *c, bool closing)
{
	const int64_t now_us = c->ops.now_us(c->ops.arg);

	for (size_t i = 0; i < ORDERS_MAX; i++) {
		struct order_wait *w = &c->orders[i];
		struct carried *o = c->held[i];

		c->held[i] = NULL;
		if (o != NULL && closing)
			answer(o, ST_CLOSED, "this node stops");
		else if (o != NULL)
			lead(c, o);
		if (w->id != 0 && closing)
			finish(w, ST_CLOSED, "this node stops");
		else if (w->id != 0 && w->deadline_us <= now_us)
			finish(w, ST_TIMEOUT,
			       "the leader did not answer in time: look at `cluster status`, or "
			       "order it again");
	}
}

int64_t core_orders_deadline_us(const struct core *c)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < ORDERS_MAX; i++) {
		if (c->orders[i].id != 0 && c->orders[i].deadline_us < at)
			at = c->orders[i].deadline_us;
		if (c->held[i] != NULL && c->held_us + ORDER_RETRY_US < at)
			at = c->held_us + ORDER_RETRY_US;
	}
	return at;
}

/* --- Only about this node ------------------------------------------------------------ */

enum status core_found(struct core *c, const char names[][NODE_NAME_MAX], size_t n,
                       char text[ORDER_TEXT_MAX])
{
	struct cluster_event ev;
	struct cluster_actions actions;
	enum status st;

	core_sample(c);
	ev = core_cluster_event(c, CLUSTER_TICK);
	st = cluster_found(c->cluster, &ev, names, n, text, &actions);
	core_perform(c, &actions);
	c->dirty = true;
	return st;
}

void core_reset_view(struct core *c)
{
	struct cluster_event ev;
	struct cluster_actions actions;

	core_sample(c);
	ev = core_cluster_event(c, CLUSTER_TICK);
	cluster_reset_view(c->cluster, &ev, &actions);
	core_perform(c, &actions);
	c->dirty = true;
}
