#include "sim/operator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"
#include "sim/member.h"
#include "sim/process.h"

enum {
	WISHES_MAX = 8,             /* orders that wait at a time */
	PATIENCE_US = 12000000,     /* an order that is not carried out is given up after this */
	AGAIN_MIN_US = 200000,      /* between two attempts */
	AGAIN_MAX_US = 1500000,     /* the same */
	STUCK_US = 5000000,         /* a change that does not move is cancelled after this */
	SAFE_PAUSE_US = 8000000,    /* nobody is made to go for so long after a disk was damaged */
	AFTER_HEALING_US = 3000000, /* for so long he goes on with what he wanted before */
};

/* Something that he wants. */
struct wish {
	bool used;
	bool asked;      /* a node has the order and has not answered */
	uint64_t number; /* tells its answers from those to others */
	struct order order;
	unsigned subject; /* node; w->n: none */
	int64_t next_us;  /* of the next attempt */
	int64_t until_us; /* he gives up then */
};

struct orders {
	struct prng random;
	struct wish wishes[WISHES_MAX];
	uint64_t numbers;
	uint64_t plan;   /* the change that was under way at the last look; 0: none */
	uint64_t shape;  /* of the configuration then */
	int64_t plan_us; /* something of it last moved */
};

/* What an answer belongs to. */
struct asking {
	struct world *w;
	struct node *node;
	uint64_t number;
};

static const struct {
	enum order_type type;
	enum plan_kind kind;
} kinds[FAULT_KINDS] = {
    [FAULT_MEMBER_JOIN] = {ORDER_PLAN, PLAN_JOIN},
    [FAULT_MEMBER_STANDBY] = {ORDER_PLAN, PLAN_STANDBY},
    [FAULT_MEMBER_REPLACE] = {ORDER_PLAN, PLAN_REPLACE},
    [FAULT_MEMBER_PROMOTE] = {ORDER_PLAN, PLAN_PROMOTE},
    [FAULT_MEMBER_DEMOTE] = {ORDER_PLAN, PLAN_DEMOTE},
    [FAULT_MEMBER_LEAVE] = {ORDER_PLAN, PLAN_LEAVE},
    [FAULT_MEMBER_CANCEL] = {ORDER_CANCEL, PLAN_NONE},
    [FAULT_MEMBER_LEAD] = {ORDER_TRANSFER, PLAN_NONE},
};

static struct wish *add(struct world *w, enum order_type type, enum plan_kind kind,
                        unsigned subject)
{
	struct orders *o = w->orders;

	for (unsigned i = 0; i < WISHES_MAX; i++) {
		struct wish *wish = &o->wishes[i];

		if (wish->used)
			continue;
		*wish = (struct wish){.used = true,
		                      .number = ++o->numbers,
		                      .order = {.type = type, .kind = kind},
		                      .subject = subject,
		                      .next_us = w->now_us,
		                      .until_us = w->now_us + PATIENCE_US};
		if (subject < w->n)
			memcpy(wish->order.subject, w->nodes[subject].name, NODE_NAME_MAX);
		return wish;
	}
	return NULL;
}

void operator_wants(struct world *w, const struct plan_fault *f)
{
	struct wish *wish = add(w, kinds[f->kind].type, kinds[f->kind].kind, f->a - 1);

	if (wish != NULL && f->kind == FAULT_MEMBER_REPLACE)
		memcpy(wish->order.other, w->nodes[f->b - 1].name, NODE_NAME_MAX);
}

/* --- What has to be done by hand ----------------------------------------------------- */

static bool admits(const struct wish *wish)
{
	return wish->order.type == ORDER_PLAN &&
	       (wish->order.kind == PLAN_JOIN || wish->order.kind == PLAN_STANDBY ||
	        wish->order.kind == PLAN_REPLACE);
}

static bool lets_go(const struct wish *wish)
{
	return wish->order.type == ORDER_PLAN &&
	       (wish->order.kind == PLAN_LEAVE || wish->order.kind == PLAN_DEMOTE ||
	        wish->order.kind == PLAN_REPLACE);
}

static void set_aside(struct node *node)
{
	process_kill(node, true, false);
	world_tell(node->world, node, "operator", "moves the directory aside");
	process_know_everybody(node);
	node->aside = true;
	process_start_in(node, 0);
}

/* A disk that is lost, found out or not, leaves no room for somebody else to go. */
static bool is_safe(const struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->nodes[i].aside || disk_rotten(&w->nodes[i].disk))
			return false;
	}
	return w->now_us - check_damaged_us(w) >= SAFE_PAUSE_US;
}

/* --- Orders -------------------------------------------------------------------------- */

static void again(struct world *w, struct wish *wish)
{
	wish->asked = false;
	wish->next_us = w->now_us + prng_range(&w->orders->random, AGAIN_MIN_US, AGAIN_MAX_US);
}

static struct wish *wish_of(struct orders *o, uint64_t number)
{
	for (unsigned i = 0; i < WISHES_MAX; i++) {
		if (o->wishes[i].used && o->wishes[i].number == number)
			return &o->wishes[i];
	}
	return NULL;
}

static void answered(void *arg, enum status st, const char *text)
{
	struct asking *a = arg;
	struct world *w = a->w;
	struct wish *wish = wish_of(w->orders, a->number);

	world_note(w, 700, a->number, st);
	world_tell(w, a->node, "operator", "is told %s: %s", status_name(st), text);
	if (a->node->dead)
		st = ST_UNKNOWN;
	free(a);
	if (wish == NULL)
		return;
	if (st == ST_OK || st == ST_EXISTS || st == ST_INVALID || st == ST_LIMIT ||
	    (st == ST_NOT_FOUND && wish->order.type == ORDER_CANCEL)) {
		w->stats.orders += st == ST_OK;
		wish->used = false;
		return;
	}
	/* As the answer says: the leader knows that it is no member any more. */
	if (st == ST_REFUSED && admits(wish) && strstr(text, "was a member before") != NULL)
		set_aside(&w->nodes[wish->subject]);
	again(w, wish);
}

static struct node *any_node(struct world *w)
{
	unsigned first = (unsigned)(prng_next(&w->orders->random) % w->n);

	for (unsigned i = 0; i < w->n; i++) {
		struct node *node = &w->nodes[(first + i) % w->n];

		if (node->state == PROCESS_UP && !node->paused &&
		    node->away_until_us <= w->now_us && core_may_serve(node->core))
			return node;
	}
	return NULL;
}

static void ask(struct world *w, struct wish *wish)
{
	struct node *node = any_node(w);
	struct asking *a;

	if (admits(wish) && w->nodes[wish->subject].removed &&
	    w->nodes[wish->subject].state == PROCESS_DOWN && !w->nodes[wish->subject].aside)
		set_aside(&w->nodes[wish->subject]);
	if (node == NULL || (lets_go(wish) && !is_safe(w))) {
		again(w, wish);
		return;
	}
	a = malloc(sizeof *a);
	assert(a != NULL);
	*a = (struct asking){w, node, wish->number};
	wish->asked = true;
	world_tell(w, node, "operator", "orders change %u (kind %u) of %s %s",
	           (unsigned)wish->order.type, (unsigned)wish->order.kind, wish->order.subject,
	           wish->order.other);
	core_order(node->core, &wish->order, answered, a);
	process_wake(node);
}

/* A change whose subject is gone for good waits for ever: that is for him to see. */
static void watch_change(struct world *w)
{
	struct orders *o = w->orders;
	const struct raft_view *view = member_view(w);
	uint64_t plan = view == NULL ? 0 : view->plan.id;
	uint64_t shape = view == NULL ? 0 : member_hash(view);

	if (plan == 0 || plan != o->plan || shape != o->shape) {
		o->plan = plan;
		o->shape = shape;
		o->plan_us = w->now_us;
	} else if (w->now_us - o->plan_us >= STUCK_US) {
		o->plan_us = w->now_us;
		(void)add(w, ORDER_CANCEL, PLAN_NONE, w->n);
	}
}

/* When all is well again nothing new is begun. */
static bool is_too_late(const struct world *w, const struct wish *wish)
{
	return w->healed && wish->order.type != ORDER_CANCEL &&
	       w->now_us - w->healed_us >= AFTER_HEALING_US;
}

void operator_act(struct world *w)
{
	watch_change(w);
	for (unsigned i = 0; i < WISHES_MAX; i++) {
		struct wish *wish = &w->orders->wishes[i];

		if (!wish->used || wish->asked || wish->next_us > w->now_us)
			continue;
		if (wish->until_us <= w->now_us || is_too_late(w, wish))
			wish->used = false;
		else
			ask(w, wish);
	}
}

bool operator_busy(const struct world *w)
{
	const struct raft_view *view = member_view(w);

	for (unsigned i = 0; i < WISHES_MAX; i++) {
		const struct wish *wish = &w->orders->wishes[i];

		if (wish->used && (wish->asked || w->healed))
			return true;
	}
	return view != NULL && view->plan.id != 0;
}

struct orders *operator_new(struct world *w)
{
	struct orders *o = calloc(1, sizeof *o);

	assert(o != NULL);
	o->random = world_stream(w->plan.seed, 6);
	return o;
}

void operator_free(struct orders *o)
{
	free(o);
}
