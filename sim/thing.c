#include "sim/thing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_MAX = 4,     /* of one kind in use at a time */
	ID_FIRST_BYTES = 4 /* ids begin in so many ways */
};

struct things {
	struct prng random;
	struct thing *list; /* owned */
	uint64_t n;
	uint64_t slots[THING_KINDS][SLOTS_MAX]; /* in use; 0: none yet */
};

static const unsigned slots_n[THING_KINDS] = {
    [THING_SESSION] = 3, [THING_HANDLE] = 2, [THING_TASK] = 4};

static const enum op_kind makers[THING_KINDS] = {
    [THING_SESSION] = OP_OPEN, [THING_HANDLE] = OP_MINT, [THING_TASK] = OP_TASK};

/* What is done to a thing, how often. */
static const struct choice {
	enum thing_kind thing;
	enum op_kind op;
	unsigned percent;
} choices[] = {
    {THING_SESSION, OP_USE, 22},     {THING_SESSION, OP_APPEND, 28}, {THING_SESSION, OP_REPLAY, 16},
    {THING_SESSION, OP_TRIM, 5},     {THING_SESSION, OP_ASK, 8},     {THING_SESSION, OP_ANSWER, 8},
    {THING_SESSION, OP_QUESTION, 5}, {THING_SESSION, OP_DISMISS, 2}, {THING_SESSION, OP_CLAIM, 4},
    {THING_SESSION, OP_END, 2},      {THING_HANDLE, OP_SHOW, 50},    {THING_HANDLE, OP_SET, 44},
    {THING_HANDLE, OP_DROP, 6},      {THING_TASK, OP_POLL, 34},      {THING_TASK, OP_STEP, 28},
    {THING_TASK, OP_FINISH, 13},     {THING_TASK, OP_CANCEL, 7},     {THING_TASK, OP_TAKE, 14},
    {THING_TASK, OP_FORGET, 4},
};

static struct thing *thing_at(const struct world *w, uint64_t number)
{
	assert(number >= 1 && number <= w->things->n);
	return &w->things->list[number - 1];
}

const struct thing *things_at(const struct world *w, uint64_t number)
{
	return number < 1 || number > w->things->n ? NULL : thing_at(w, number);
}

uint64_t things_count(const struct world *w)
{
	return w->things->n;
}

/* --- Choosing ------------------------------------------------------------------------ */

static enum op_kind choose_op(struct prng *p, enum thing_kind kind)
{
	unsigned roll = (unsigned)(prng_next(p) % 100);

	for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
		if (choices[i].thing != kind)
			continue;
		if (roll < choices[i].percent)
			return choices[i].op;
		roll -= choices[i].percent;
	}
	assert(false);
	return makers[kind];
}

/* Most know what they were told last; some work on with what was true before. */
static uint64_t known(struct prng *p, uint64_t newest)
{
	return prng_next(p) % 8 == 0 && newest > 0 ? newest - 1 : newest;
}

static uint64_t choose_ttl(struct prng *p, enum thing_kind kind)
{
	if (kind == THING_SESSION)
		return (uint64_t)prng_range(p, 500, 4000);
	return prng_next(p) % 3 == 0 ? (uint64_t)prng_range(p, 2000, 6000) : 0;
}

static void make(struct things *t, enum thing_kind kind, unsigned slot, struct op *op)
{
	uint64_t parts[2] = {prng_next(&t->random), prng_next(&t->random)};
	struct thing *thing;

	assert(t->list != NULL && t->n < THINGS_MAX);
	thing = &t->list[t->n++];
	thing->kind = kind;
	thing->create = op->id;
	thing->ttl_ms = choose_ttl(&t->random, kind);
	memcpy(thing->id.bytes, parts, SESSION_ID_BYTES);
	/* In few chunks of the state, so that these have several things and several pieces. */
	thing->id.bytes[0] &= ID_FIRST_BYTES - 1;
	thing->id.bytes[1] = 0;
	t->slots[kind][slot] = t->n;
	op->kind = makers[kind];
	op->thing = t->n;
	op->numbers[kind == THING_HANDLE ? 0 : kind == THING_SESSION ? 1 : 2] = thing->ttl_ms;
	if (kind == THING_TASK)
		op->numbers[1] = prng_next(&t->random) & 1 ? TASK_ORPHAN_CLAIM : TASK_ORPHAN_FAIL;
}

/* The numbers of an operation on a thing that is there. */
static void fill(struct prng *p, const struct thing *thing, struct op *op)
{
	uint64_t stream = prng_next(p) % THING_STREAMS;

	switch (op->kind) {
	case OP_APPEND:
		op->numbers[0] = stream + 1;
		op->numbers[1] = THING_KEEPS;
		if (thing->next[stream] + THING_KEEPS > THING_EVENTS)
			op->kind = OP_REPLAY;
		break;
	case OP_TRIM:
	case OP_REPLAY:
		op->numbers[0] = stream + 1;
		op->numbers[1] = thing->next[stream];
		for (unsigned i = 0; i < 4 && op->numbers[1] > 0; i++)
			op->numbers[1] -= prng_next(p) & 1;
		break;
	case OP_ASK:
		op->numbers[0] = stream + 1;
		break;
	case OP_ANSWER:
	case OP_DISMISS:
		op->numbers[0] = thing->question;
		break;
	case OP_QUESTION:
		op->numbers[1] = thing->question;
		break;
	case OP_SET:
		op->numbers[0] = prng_next(p) & 1 ? known(p, thing->revision) : 0;
		break;
	case OP_STEP:
		op->numbers[0] = known(p, thing->epoch);
		op->numbers[1] = prng_next(p) & 1 ? TASK_WORKING : TASK_INPUT_REQUIRED;
		break;
	case OP_FINISH:
		op->numbers[0] = known(p, thing->epoch);
		op->numbers[1] = prng_next(p) & 1 ? TASK_COMPLETED : TASK_FAILED;
		break;
	case OP_TAKE:
		op->numbers[0] = known(p, thing->epoch);
		break;
	default:
		break;
	}
}

void things_choose(struct world *w, struct op *op)
{
	static const enum thing_kind rolls[] = {THING_SESSION, THING_SESSION, THING_SESSION,
	                                        THING_HANDLE,  THING_TASK,    THING_TASK};
	struct things *t = w->things;
	enum thing_kind kind = rolls[prng_next(&t->random) % 6];
	unsigned slot = (unsigned)(prng_next(&t->random) % slots_n[kind]);
	const struct thing *thing = things_at(w, t->slots[kind][slot]);

	/* What is over is asked for once more now and then. */
	if (t->n < THINGS_MAX &&
	    (thing == NULL || (thing->over && !world_chance(&t->random, 30)))) {
		make(t, kind, slot, op);
		return;
	}
	assert(thing != NULL);
	op->thing = t->slots[kind][slot];
	op->kind = choose_op(&t->random, kind);
	fill(&t->random, thing, op);
}

void things_address(struct world *w, struct op *op)
{
	uint64_t origin = core_origin(w->nodes[op->node].core);

	if (op->kind == OP_TASK || op->kind == OP_CLAIM || op->kind == OP_OPEN)
		op->numbers[0] = origin;
	else if (op->kind == OP_TAKE)
		op->numbers[1] = origin;
}

/* --- Learning ------------------------------------------------------------------------ */

static void learn_written(struct thing *t, const struct op *op)
{
	switch (op->kind) {
	case OP_OPEN:
	case OP_MINT:
	case OP_TASK:
		t->made = true;
		t->epoch = op->epoch;
		t->revision = op->revision;
		break;
	case OP_APPEND:
		if (op->detail + 1 > t->next[op->numbers[0] - 1])
			t->next[op->numbers[0] - 1] = op->detail + 1;
		break;
	case OP_ASK:
		t->question = op->detail;
		break;
	case OP_SET:
		t->revision = op->revision;
		break;
	case OP_TAKE:
	case OP_CLAIM:
		t->epoch = op->epoch;
		break;
	case OP_FINISH:
	case OP_CANCEL:
	case OP_END:
	case OP_DROP:
	case OP_FORGET:
		t->over = true;
		break;
	default:
		break;
	}
}

void things_learn(struct world *w, const struct op *op, const struct thing_seen *seen)
{
	struct thing *t = thing_at(w, op->thing);

	if (op->outcome != OUTCOME_OK) {
		t->over = t->over || op->id == t->create;
	} else if (op_reads(op->kind)) {
		t->over = t->over || (t->made && !seen->present);
		if (seen->present && seen->epoch > t->epoch)
			t->epoch = seen->epoch;
		if (seen->present && seen->revision > t->revision)
			t->revision = seen->revision;
	} else if (op->result == RESULT_OK) {
		learn_written(t, op);
	} else if (op->result == RESULT_NOT_FOUND || op->result == RESULT_FINISHED ||
	           op->id == t->create) {
		t->over = true;
	}
}

/* --- Looking ------------------------------------------------------------------------- */

static uint64_t value_of(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	if (len == sizeof value)
		memcpy(&value, bytes, len);
	return value;
}

static bool take_event(void *arg, const struct event_view *event)
{
	struct thing_seen *seen = arg;

	if (seen->n_events == THING_KEEPS)
		return false;
	seen->events[seen->n_events++] = (struct thing_event){event->number, event->revision,
	                                                      value_of(event->bytes, event->len)};
	return true;
}

static void look_stream(const struct streams *streams, uint64_t stream, uint64_t after,
                        struct thing_seen *ret)
{
	struct stream_view view;
	uint64_t first;

	if (streams == NULL || streams_get(streams, (uint32_t)stream, &view) != ST_OK)
		return;
	ret->first = view.first;
	ret->next = view.next;
	if (after + 1 < view.first)
		after = view.first - 1;
	if (streams_replay(streams, (uint32_t)stream, after, take_event, ret, &first) != ST_OK)
		ret->n_events = 0;
}

static void look_question(const struct pending *pending, uint64_t question, struct thing_seen *ret)
{
	struct question_view view;

	if (pending == NULL || pending_get(pending, question, &view) != ST_OK)
		return;
	ret->asked = true;
	ret->answer = view.answered ? value_of(view.answer, view.answer_len) : 0;
}

static void look_session(const struct store *store, const struct thing *t,
                         const uint64_t numbers[2], struct thing_seen *ret)
{
	struct session_view view;

	ret->present = store_get(store, &t->id, &view) == ST_OK;
	if (!ret->present)
		return;
	ret->epoch = view.epoch;
	ret->revision = view.revision;
	ret->owner = view.owner;
	ret->active_ms = view.active_ms;
	ret->ttl_ms = (int64_t)view.ttl_ms;
	look_stream(store_streams(store, &t->id), numbers[0], numbers[1], ret);
	look_question(store_pending(store, &t->id), numbers[1], ret);
}

static void look_handle(const struct store *store, const struct thing *t, struct thing_seen *ret)
{
	struct handle_view view;

	ret->present = store_handle(store, &t->id, &view) == ST_OK;
	if (!ret->present)
		return;
	ret->revision = view.revision;
	ret->active_ms = view.active_ms;
	ret->ttl_ms = view.ttl_ms;
	ret->value = value_of(view.value.at, view.value.len);
}

static void look_task(const struct store *store, const struct thing *t, struct thing_seen *ret)
{
	struct task_view view;

	ret->present = store_task(store, &t->id, &view) == ST_OK;
	if (!ret->present)
		return;
	ret->epoch = view.epoch;
	ret->revision = view.revision;
	ret->owner = view.owner;
	ret->active_ms = view.active_ms;
	ret->ttl_ms = view.ttl_ms;
	ret->state = view.state;
}

void things_look(const struct store *store, const struct thing *t, const uint64_t numbers[2],
                 struct thing_seen *ret)
{
	memset(ret, 0, sizeof *ret);
	if (t->kind == THING_SESSION)
		look_session(store, t, numbers, ret);
	else if (t->kind == THING_HANDLE)
		look_handle(store, t, ret);
	else
		look_task(store, t, ret);
}

/* --- Making and freeing -------------------------------------------------------------- */

struct things *things_new(struct world *w)
{
	struct things *t = calloc(1, sizeof *t);

	assert(t != NULL);
	t->random = world_stream(w->plan.seed, 6);
	t->list = calloc(THINGS_MAX, sizeof *t->list);
	assert(t->list != NULL);
	return t;
}

void things_free(struct things *t)
{
	if (t == NULL)
		return;
	free(t->list);
	free(t);
}
