#include "sim/client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "session/limits.h"
#include "sim/check.h"
#include "sim/process.h"
#include "sim/thing.h"

enum {
	THINGS_PERCENT = 45, /* of the operations are about things */
	OP_ABOUT = 24        /* characters that say what an operation is about */
};

struct client {
	unsigned home;    /* the node that it prefers */
	uint64_t op;      /* under way; 0: none */
	uint64_t process; /* its number in the history */
};

struct clients {
	struct prng random;
	struct client list[SIM_CLIENTS_MAX];
	unsigned n;
	struct op *ops; /* owned */
	uint64_t n_ops;
	struct session_id sessions[SIM_SESSIONS];
	uint64_t changes[SIM_SESSIONS]; /* newest operation that may change each; 0: none */
	struct buf command;
};

/* One way of an operation to a node and back. */
struct attempt {
	struct world *world;
	struct node *node;
	uint64_t op;
	unsigned number;
	enum status st;
	struct op answer;       /* what the node would say ... */
	struct thing_seen seen; /* ... of a thing that was read */
};

static struct op *op_at(struct clients *c, uint64_t id)
{
	assert(id >= 1 && id <= c->n_ops);
	return &c->ops[id - 1];
}

const struct op *clients_op(const struct world *w, uint64_t id)
{
	if (id < 1 || id > w->clients->n_ops)
		return NULL;
	return &w->clients->ops[id - 1];
}

uint64_t clients_newest_change(const struct world *w, unsigned session)
{
	return w->clients->changes[session];
}

/* --- Asking -------------------------------------------------------------------------- */

static void read_key(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value,
                     size_t value_len)
{
	struct op *answer = arg;

	if (key_len == 1 && key[0] == 'v' && value_len == sizeof answer->value)
		memcpy(&answer->value, value, value_len);
}

static void read_thing(struct attempt *a, const struct op *op)
{
	const struct thing *t = things_at(a->world, op->thing);

	things_look(core_store(a->node->core), t, op->numbers, &a->seen);
	a->answer.present = a->seen.present;
	a->answer.epoch = a->seen.epoch;
	a->answer.change = a->seen.revision;
	a->answer.value = a->seen.value;
}

static void read_store(struct attempt *a, const struct op *op)
{
	struct store *store = core_store(a->node->core);
	const struct session_id *id = &a->world->clients->sessions[op->session];
	struct session_view view;

	a->answer.index = store_index(store);
	if (op->thing != 0) {
		read_thing(a, op);
		return;
	}
	a->answer.count = store_count(store);
	a->answer.value = 0;
	a->answer.present = store_get(store, id, &view) == ST_OK;
	if (!a->answer.present)
		return;
	a->answer.change = view.revision;
	a->answer.epoch = view.epoch;
	if (store_keys(store, id, read_key, &a->answer) != ST_OK)
		a->answer.present = false;
}

static void ask_read(struct attempt *a);

/* An answer is made: what is read lives on, as at the doors of a node. */
static void answered(struct attempt *a, const struct op *op)
{
	const struct thing *t = things_at(a->world, op->thing);

	check_reply(a->node, op);
	if (t == NULL)
		return;
	check_thing_reply(a->node, op, &a->seen);
	if (op_reads(op->kind) && op->present)
		core_used(a->node->core, &t->id);
}

static void on_done(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct attempt *a = arg;
	struct world *w = a->world;
	struct node *node = a->node;
	const struct op *op = op_at(w->clients, a->op);
	bool read = op_reads(op->kind);
	struct store_answer answer;

	a->answer = *op;
	a->st = st;
	if (!node->dead && st == ST_OK && read) {
		read_store(a, op);
		if (!core_reads_valid(node->core)) {
			ask_read(a);
			return;
		}
	} else if (!node->dead && st == ST_OK) {
		if (store_result_decode(result, len, &answer) == ST_OK) {
			a->answer.result = answer.result;
			a->answer.revision = answer.revision;
			a->answer.epoch = answer.epoch;
			a->answer.detail = answer.detail;
		} else {
			world_fail(w, CHECK_RESULT, "%s gave a result that cannot be read",
			           node->name);
		}
	}
	if (!node->dead && st == ST_OK)
		answered(a, &a->answer);
	/* The answer leaves the node only if it lives. */
	if (!process_effect(node))
		a->st = ST_UNKNOWN;
	world_at(w, process_now(node), EVENT_REPLY, op->client, (uint64_t)(uintptr_t)a);
}

static void ask_read(struct attempt *a)
{
	core_read(a->node->core, op_at(a->world->clients, a->op)->confirm, on_done, a);
}

static const struct session_id *id_of(const struct world *w, const struct op *op)
{
	const struct thing *t = things_at(w, op->thing);

	return t != NULL ? &t->id : &w->clients->sessions[op->session];
}

static void encode(struct world *w, struct op *op, const struct command_head *head)
{
	struct clients *c = w->clients;

	if (op->thing != 0)
		things_address(w, op);
	buf_reset(&c->command);
	op_encode(&c->command, head, op, id_of(w, op));
	assert(buf_status(&c->command) == ST_OK);
}

static bool can_ask(const struct world *w, unsigned node)
{
	const struct node *n = &w->nodes[node];

	return n->state == PROCESS_UP && !n->paused && n->away_until_us <= w->now_us;
}

/* The home node, or with some chance any other that answers. */
static bool choose_node(struct world *w, const struct client *client, unsigned *ret)
{
	struct prng *p = &w->clients->random;
	unsigned at = client->home;

	if (!can_ask(w, at) || world_chance(p, 20))
		at = (unsigned)(prng_next(p) % w->n);
	if (!can_ask(w, at))
		return false;
	*ret = at;
	return true;
}

static const char *about(const struct op *op, char text[OP_ABOUT])
{
	if (op->thing != 0)
		(void)snprintf(text, OP_ABOUT, "t%" PRIu64, op->thing);
	else
		(void)snprintf(text, OP_ABOUT, "s%u", op->session + 1);
	return text;
}

static void ask(struct world *w, struct op *op, unsigned at)
{
	struct node *node = &w->nodes[at];
	struct attempt *a = calloc(1, sizeof *a);
	struct command_head head = {.now_ms = 0};
	char request_id[32];
	char text[OP_ABOUT];

	assert(a != NULL);
	op->node = at;
	op->attempts++;
	*a = (struct attempt){.world = w, .node = node, .op = op->id, .number = op->attempts};
	world_note(w, 400, op->id, at);
	world_tell(w, node, "ask", "%s %s (operation %" PRIu64 ", client %u, attempt %u)",
	           op_name(op->kind), about(op, text), op->id, op->client, op->attempts);
	if (op_reads(op->kind)) {
		ask_read(a);
	} else {
		core_stamp(node->core, &head);
		head.request_id_len =
		    (size_t)snprintf(request_id, sizeof request_id, "r%" PRIu64, op->id);
		head.request_id = (const uint8_t *)request_id;
		encode(w, op, &head);
		core_write(node->core, &head, w->clients->command.base, w->clients->command.len,
		           on_done, a);
	}
	process_wake(node);
	world_at(w, w->now_us + SIM_PATIENCE_US, EVENT_CLIENT, op->client,
	         op->id << 8 | op->attempts);
}

static enum op_kind choose_kind(struct prng *p)
{
	unsigned roll = (unsigned)(prng_next(p) % 100);

	if (roll < 15)
		return OP_CREATE;
	if (roll < 50)
		return OP_PUT;
	if (roll < 92)
		return OP_READ;
	return roll < 97 ? OP_DELETE : OP_COUNT;
}

/* Some are used all the time and some hardly: pictures then share what did not change. */
static unsigned choose_session(struct prng *p)
{
	unsigned least = SIM_SESSIONS - 1;

	for (unsigned i = 0; i < 3; i++) {
		unsigned at = (unsigned)(prng_next(p) % SIM_SESSIONS);

		least = at < least ? at : least;
	}
	return least;
}

static void choose_register(struct prng *p, struct op *op)
{
	op->kind = choose_kind(p);
	op->session = choose_session(p);
}

static void begin(struct world *w, unsigned at)
{
	struct clients *c = w->clients;
	struct client *client = &c->list[at];
	struct op *op;
	unsigned node;

	if (c->n_ops == SIM_OPS_MAX)
		return;
	if (!choose_node(w, client, &node)) {
		world_at(w, w->now_us + SIM_CLIENT_GAP_US, EVENT_CLIENT, at, 0);
		return;
	}
	op = &c->ops[c->n_ops++];
	*op = (struct op){.id = c->n_ops,
	                  .client = at,
	                  .process = client->process,
	                  .invoked_us = w->now_us,
	                  .floor = check_floor(w),
	                  .confirm = world_chance(&c->random, 10)};
	if (world_chance(&c->random, THINGS_PERCENT))
		things_choose(w, op);
	else
		choose_register(&c->random, op);
	if (op->thing == 0 && !op_reads(op->kind)) {
		op->before = c->changes[op->session];
		c->changes[op->session] = op->id;
	}
	client->op = op->id;
	check_invoked(w, op);
	ask(w, op, node);
}

static void pause_client(struct world *w, unsigned at)
{
	world_at(w, w->now_us + prng_range(&w->clients->random, 1000, SIM_CLIENT_GAP_US),
	         EVENT_CLIENT, at, 0);
}

static void finish(struct world *w, struct op *op, enum op_outcome outcome, enum status st)
{
	struct client *client = &w->clients->list[op->client];
	static const char *const codes[] = {"", "ok", "no", "unknown"};
	char text[OP_ABOUT];

	op->outcome = outcome;
	op->ended_us = w->now_us;
	world_note(w, 410 + outcome, op->id, op->revision ^ op->index ^ op->value << 32);
	world_tell(w, &w->nodes[op->node], codes[outcome],
	           "%s %s (operation %" PRIu64 "): %s, revision %" PRIu64 ", index %" PRIu64
	           ", value %" PRIu64 " of %" PRIu64,
	           op_name(op->kind), about(op, text), op->id, status_name(st), op->revision,
	           op->index, op->value, op->change);
	client->op = 0;
	if (outcome == OUTCOME_UNKNOWN)
		client->process += w->clients->n;
	w->stats.ops_ok += outcome == OUTCOME_OK;
	w->stats.ops_fail += outcome == OUTCOME_FAIL;
	w->stats.ops_unknown += outcome == OUTCOME_UNKNOWN;
	check_op(w, op);
	if (op->thing != 0 && outcome != OUTCOME_OK)
		things_learn(w, op, NULL);
	pause_client(w, op->client);
}

/* It may have happened: ask again under the same request id, or leave it at that. */
static void unsure(struct world *w, struct op *op, enum status st)
{
	unsigned node;

	if (op->attempts < 4 && world_chance(&w->clients->random, 70) &&
	    choose_node(w, &w->clients->list[op->client], &node))
		ask(w, op, node);
	else
		finish(w, op, OUTCOME_UNKNOWN, st);
}

static bool certainly_not(enum status st)
{
	return st == ST_FENCED || st == ST_NO_LEADER || st == ST_BUSY || st == ST_NO_SPACE ||
	       st == ST_CLOSED || st == ST_INVALID;
}

static void take_answer(struct op *op, const struct attempt *a)
{
	op->result = a->answer.result;
	op->revision = a->answer.revision;
	op->index = a->answer.index;
	op->present = a->answer.present;
	op->value = a->answer.value;
	op->change = a->answer.change;
	op->epoch = a->answer.epoch;
	op->count = a->answer.count;
	op->detail = a->answer.detail;
}

void clients_reply(struct world *w, uint64_t reply)
{
	/* The reply is the attempt's address. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	struct attempt *a = (struct attempt *)(uintptr_t)reply;
	struct op *op = op_at(w->clients, a->op);
	bool read = op_reads(op->kind);

	if (w->clients->list[op->client].op != op->id || op->attempts != a->number) {
		free(a);
		return;
	}
	/* One answer in fifty is lost on its way to the client. */
	if (!w->healed && world_chance(&w->clients->random, 2))
		a->st = ST_UNKNOWN;
	if (a->st == ST_OK && !(!read && a->answer.result == RESULT_STALE)) {
		take_answer(op, a);
		finish(w, op, OUTCOME_OK, a->st);
		if (op->thing != 0)
			things_learn(w, op, &a->seen);
	} else if (read || (op->attempts == 1 && certainly_not(a->st))) {
		finish(w, op, OUTCOME_FAIL, a->st);
	} else {
		unsure(w, op, a->st);
	}
	free(a);
}

void clients_forget(uint64_t reply)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	free((struct attempt *)(uintptr_t)reply);
}

void clients_act(struct world *w, unsigned client, uint64_t patience)
{
	struct client *c = &w->clients->list[client];
	struct op *op;

	if (patience == 0) {
		if (c->op == 0)
			begin(w, client);
		return;
	}
	if (c->op != patience >> 8)
		return;
	op = op_at(w->clients, c->op);
	if (op->attempts != (patience & 0xFF))
		return;
	op->attempts++; /* an answer that still comes is not listened to */
	if (op_reads(op->kind))
		finish(w, op, OUTCOME_FAIL, ST_TIMEOUT);
	else
		unsure(w, op, ST_TIMEOUT);
}

struct session_id clients_session_id(const struct world *w, unsigned session)
{
	return w->clients->sessions[session];
}

/* --- Making and freeing -------------------------------------------------------------- */

struct clients *clients_new(struct world *w)
{
	struct clients *c = calloc(1, sizeof *c);

	assert(c != NULL);
	c->random = world_stream(w->plan.seed, 4);
	c->ops = calloc(SIM_OPS_MAX, sizeof *c->ops);
	assert(c->ops != NULL);
	c->n = 2 * w->n;
	for (unsigned i = 0; i < c->n; i++) {
		c->list[i].home = i % w->n;
		c->list[i].process = i;
	}
	for (unsigned i = 0; i < SIM_SESSIONS; i++) {
		uint64_t parts[2] = {prng_next(&c->random), prng_next(&c->random)};

		memcpy(c->sessions[i].bytes, parts, SESSION_ID_BYTES);
	}
	buf_init(&c->command, COMMAND_MAX);
	return c;
}

void clients_free(struct clients *c)
{
	if (c == NULL)
		return;
	buf_close(&c->command);
	free(c->ops);
	free(c);
}

void clients_start(struct world *w)
{
	for (unsigned i = 0; i < w->clients->n; i++)
		pause_client(w, i);
}
