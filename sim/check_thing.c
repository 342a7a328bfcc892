/* Checkers of what clients made beside the registers: that it is there when that was told and
 * until it ends, that tasks end once and change by their present owner only, that epochs grow.
 *
 * All answers that leave a node are looked at, and each new state once, on the node that reaches
 * it first: that all nodes have the same state is another checker's. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "sim/check_things.h"
#include "sim/member.h"

enum {
	UNCHANGED_EVERY = 8,  /* what says that it did not change is looked at so seldom */
	LOOK_US = 500000,     /* what goes on without disturbance is looked at so often */
	CALM_US = 2000000,    /* a leader has done what was due after so long */
	DECIDED_US = 3000000, /* ... and decided about the tasks of lost owners after this */
};

void thing_fail(struct world *w, enum check check, uint64_t number, const char *fmt, ...)
{
	char text[SIM_FAILURE_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	world_fail(w, check, "t%" PRIu64 ": %s", number, text);
}

bool thing_refused(const struct op *op)
{
	return op->outcome == OUTCOME_FAIL ||
	       (op->outcome == OUTCOME_OK && op->result != RESULT_OK);
}

void thing_place(struct world *w, uint64_t number, uint64_t op, uint64_t revision)
{
	const struct op *writer = clients_op(w, op);
	uint64_t *known = &w->checks->revisions[op - 1];

	if (thing_refused(writer))
		thing_fail(w, CHECK_REFUSED, number,
		           "operation %" PRIu64 " was refused and took effect at entry %" PRIu64,
		           op, revision);
	if (*known == 0)
		*known = revision;
	if (*known != revision)
		thing_fail(w, CHECK_ONCE, number,
		           "operation %" PRIu64 " took effect at entry %" PRIu64
		           " and again at %" PRIu64,
		           op, *known, revision);
}

/* --- Epochs and tasks ---------------------------------------------------------------- */

/* An epoch as of a place in the log; fresh: somebody took it over there. */
static void see_epoch(struct world *w, uint64_t number, uint64_t index, uint64_t epoch, bool fresh)
{
	struct thing_watch *t = thing_watch(w, number);
	bool older = index < t->epoch_index;

	if ((older && epoch > t->epoch) ||
	    (index > t->epoch_index && (epoch < t->epoch || (fresh && epoch == t->epoch))))
		thing_fail(w, CHECK_EPOCH, number,
		           "it has epoch %" PRIu64 " at entry %" PRIu64 ", and %" PRIu64
		           " at entry %" PRIu64,
		           epoch, index, t->epoch, t->epoch_index);
	if (older)
		return;
	t->epoch_index = index;
	t->epoch = epoch > t->epoch ? epoch : t->epoch;
}

/* It ended at this place, by this operation (0: not known). */
static void see_end(struct world *w, uint64_t number, uint64_t revision, uint64_t op)
{
	struct thing_watch *t = thing_watch(w, number);

	if ((t->finished != 0 && t->finished != revision) ||
	    (op != 0 && t->finisher != 0 && t->finisher != op))
		thing_fail(w, CHECK_TASK, number,
		           "it ended at entry %" PRIu64 " (operation %" PRIu64
		           ") and again at %" PRIu64 " (operation %" PRIu64 ")",
		           t->finished, t->finisher, revision, op);
	t->finished = revision;
	t->finisher = op != 0 ? op : t->finisher;
}

static void see_task(struct world *w, uint64_t number, uint64_t index,
                     const struct thing_seen *seen)
{
	struct thing_watch *t = thing_watch(w, number);

	see_epoch(w, number, index, seen->epoch, false);
	if (seen->state == TASK_WORKING || seen->state == TASK_INPUT_REQUIRED) {
		if (t->finished != 0 && t->finished <= index)
			thing_fail(w, CHECK_TASK, number,
			           "it ended at entry %" PRIu64 " and goes on at %" PRIu64,
			           t->finished, index);
		return;
	}
	see_end(w, number, seen->revision, 0);
	if (t->state != TASK_WORKING && t->state != seen->state)
		thing_fail(w, CHECK_TASK, number, "it was %s and is %s", task_state_text(t->state),
		           task_state_text(seen->state));
	t->state = seen->state;
}

/* --- Answers ------------------------------------------------------------------------- */

static void told_made(struct world *w, const struct op *op)
{
	struct thing_watch *t = thing_watch(w, op->thing);

	if (t->gone_index != 0 && op->revision >= t->gone_index)
		thing_fail(w, CHECK_ONCE, op->thing,
		           "it was made at entry %" PRIu64 " and gone before at %" PRIu64,
		           op->revision, t->gone_index);
	t->made = op->revision;
}

/* A step of a task by whoever is its owner by the epoch that he tells. */
static void told_step(struct world *w, const struct op *op)
{
	if (op->epoch != op->numbers[0])
		thing_fail(w, CHECK_TASK, op->thing,
		           "operation %" PRIu64 " changed it under epoch %" PRIu64
		           ", it has epoch %" PRIu64,
		           op->id, op->numbers[0], op->epoch);
	see_epoch(w, op->thing, op->revision, op->epoch, false);
}

/* A handle was set where it had the revision that was expected: no change lies in between. */
static void told_set(struct world *w, const struct op *op)
{
	struct thing_watch *t = thing_watch(w, op->thing);

	if (op->numbers[0] != 0 && t->set_index > op->numbers[0] && t->set_index < op->revision)
		thing_fail(w, CHECK_LINEARIZABLE, op->thing,
		           "it was set at entry %" PRIu64 " where it had revision %" PRIu64
		           ", and entry %" PRIu64 " had set it before",
		           op->revision, op->numbers[0], t->set_index);
	if (op->revision > t->set_index)
		t->set_index = op->revision;
}

static void told_written(struct world *w, const struct op *op)
{
	switch (op->kind) {
	case OP_OPEN:
	case OP_MINT:
	case OP_TASK:
		told_made(w, op);
		break;
	case OP_SET:
		told_set(w, op);
		break;
	case OP_APPEND:
		stream_appended(w, op);
		break;
	case OP_ASK:
		question_asked(w, op);
		break;
	case OP_ANSWER:
		question_answered(w, op);
		break;
	case OP_CLAIM:
	case OP_TAKE:
		see_epoch(w, op->thing, op->revision, op->epoch, true);
		break;
	case OP_STEP:
		told_step(w, op);
		break;
	case OP_FINISH:
		told_step(w, op);
		see_end(w, op->thing, op->revision, op->id);
		break;
	case OP_CANCEL:
		see_end(w, op->thing, op->revision, op->id);
		break;
	default:
		break;
	}
	/* Streams and questions are the server's doing: no use of the session. */
	if (op->kind == OP_OPEN || op->kind == OP_ANSWER || op->kind == OP_CLAIM ||
	    things_at(w, op->thing)->kind != THING_SESSION)
		thing_watch(w, op->thing)->use = op->id;
}

/* Where it was told to be, somebody must have ended it. */
static void told_absent(struct world *w, const struct op *op)
{
	const struct thing_watch *t = thing_watch(w, op->thing);
	const struct thing *thing = things_at(w, op->thing);

	if (t->made != 0 && t->made <= op->index && t->ends == 0 &&
	    (thing->ttl_ms == 0 || t->seen_index > op->index))
		thing_fail(w, thing->kind == THING_TASK ? CHECK_TASK : CHECK_EXPIRY, op->thing,
		           "it was made at entry %" PRIu64 " and is not there at entry %" PRIu64,
		           t->made, op->index);
}

static void told_read(struct node *node, const struct op *op, const struct thing_seen *seen)
{
	struct world *w = node->world;

	if (!seen->present) {
		told_absent(w, op);
		return;
	}
	if (op->kind == OP_USE || op->kind == OP_SHOW) /* a task lives on by its changes only */
		expiry_used(node, op->thing, seen);
	if (op->kind == OP_REPLAY)
		stream_seen(w, op->thing, op->numbers, op->index, seen);
	else if (op->kind == OP_QUESTION)
		question_seen(w, op->thing, op->numbers[1], op->index, seen);
	else if (op->kind == OP_POLL)
		see_task(w, op->thing, op->index, seen);
	else if (op->kind == OP_USE)
		see_epoch(w, op->thing, op->index, seen->epoch, false);
}

void check_thing_reply(struct node *node, const struct op *answer, const struct thing_seen *seen)
{
	if (op_reads(answer->kind))
		told_read(node, answer, seen);
	else if (answer->result == RESULT_OK)
		told_written(node->world, answer);
}

/* --- Wishes -------------------------------------------------------------------------- */

static bool ends_it(const struct op *op)
{
	return op->kind == OP_END || op->kind == OP_DROP || op->kind == OP_FORGET;
}

void thing_invoked(struct world *w, const struct op *op)
{
	struct thing_watch *t;

	if (op->thing == 0)
		return;
	t = thing_watch(w, op->thing);
	if (!op_reads(op->kind) && op->id == things_at(w, op->thing)->create)
		t->live = true;
	t->ends += ends_it(op);
	if (op->kind == OP_TRIM && op->numbers[1] > t->streams[op->numbers[0] - 1].trimmed)
		t->streams[op->numbers[0] - 1].trimmed = op->numbers[1];
	if (op->kind == OP_DISMISS)
		question_wanted_gone(w, op);
}

void thing_outcome(struct world *w, const struct op *op)
{
	if (op->thing != 0 && ends_it(op) && thing_refused(op))
		thing_watch(w, op->thing)->ends--;
}

/* --- States -------------------------------------------------------------------------- */

/* The streams and the newest question of a session. */
static void see_session(struct world *w, uint64_t number, const struct store *store, uint64_t index)
{
	const struct thing *thing = things_at(w, number);
	const uint64_t question[2] = {0, thing->question};
	struct thing_seen seen;

	for (uint64_t stream = 1; stream <= THING_STREAMS; stream++) {
		const uint64_t asked[2] = {stream, 0};

		things_look(store, thing, asked, &seen);
		stream_seen(w, number, asked, index, &seen);
	}
	if (thing->question == 0)
		return;
	things_look(store, thing, question, &seen);
	question_seen(w, number, thing->question, index, &seen);
}

static void see_gone(struct world *w, uint64_t number, uint64_t before, uint64_t index)
{
	struct thing_watch *t = thing_watch(w, number);
	bool was = t->seen_index != 0 || (t->made != 0 && t->made <= index);

	if (!was) /* not made yet, or never */
		return;
	t->live = false;
	t->gone_index = index;
	if (t->ends == 0)
		expiry_gone(w, number, before, index);
}

static bool see_thing(struct world *w, uint64_t number, const struct store *store, uint64_t before)
{
	static const uint64_t nothing[2] = {0, 0};
	struct thing_watch *t = thing_watch(w, number);
	const struct thing *thing = things_at(w, number);
	uint64_t index = store_index(store);
	struct thing_seen seen;

	things_look(store, thing, nothing, &seen);
	if (!seen.present) {
		see_gone(w, number, before, index);
		return false;
	}
	t->seen_index = index;
	expiry_present(w, number, index, &seen);
	if (thing->kind == THING_SESSION) {
		see_epoch(w, number, index, seen.epoch, false);
		if (seen.revision != t->revision || index % UNCHANGED_EVERY == 0)
			see_session(w, number, store, index);
	} else if (thing->kind == THING_TASK) {
		see_task(w, number, index, &seen);
	}
	t->revision = seen.revision;
	return true;
}

void thing_turn(struct node *node)
{
	struct world *w = node->world;
	struct checks *k = w->checks;
	const struct store *store = core_store(node->core);
	uint64_t before = k->things_index;
	size_t n[THING_KINDS] = {0};
	struct store_usage usage;

	if (store_index(store) <= before)
		return;
	k->things_index = store_index(store);
	while (k->things_first <= things_count(w) && !thing_watch(w, k->things_first)->live &&
	       thing_watch(w, k->things_first)->gone_index != 0)
		k->things_first++;
	for (uint64_t i = k->things_first; i <= things_count(w); i++) {
		if (thing_watch(w, i)->live && see_thing(w, i, store, before))
			n[things_at(w, i)->kind]++;
	}
	store_usage(store, &usage);
	if (usage.handles != n[THING_HANDLE] || usage.tasks != n[THING_TASK])
		world_fail(w, CHECK_DUPLICATE,
		           "%s has %zu handles and %zu tasks, clients made %zu and %zu", node->name,
		           usage.handles, usage.tasks, n[THING_HANDLE], n[THING_TASK]);
	session_count(node, n[THING_SESSION]);
}

/* --- Without disturbance ------------------------------------------------------------- */

static bool runs(const struct world *w, uint64_t origin)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->nodes[i].core != NULL && core_origin(w->nodes[i].core) == origin)
			return true;
	}
	return false;
}

/* A task of a lost owner fails, or waits for another one. */
static void check_orphan(struct node *leader, uint64_t number, const struct thing_seen *seen)
{
	struct world *w = leader->world;
	struct thing_watch *t = thing_watch(w, number);
	int64_t since_us = w->checks->watches[leader->at].led_us;

	if (!seen->present || seen->owner == 0 || seen->state > TASK_INPUT_REQUIRED ||
	    runs(w, seen->owner)) {
		t->orphan_us = 0;
		return;
	}
	if (t->orphan_us == 0)
		t->orphan_us = w->now_us;
	since_us = since_us > t->orphan_us ? since_us : t->orphan_us;
	since_us = since_us > w->healed_us ? since_us : w->healed_us;
	if (w->settled_us > 0 && w->now_us - since_us > THING_ORPHAN_US + DECIDED_US)
		thing_fail(w, CHECK_TASK, number,
		           "its owner has been gone for %" PRId64
		           " ms, and nothing was decided about it",
		           (w->now_us - t->orphan_us) / 1000);
}

void thing_time(struct world *w)
{
	static const uint64_t nothing[2] = {0, 0};
	struct node *leader = member_leader(w);
	int64_t led_us;

	if (!w->healed || leader == NULL || w->now_us < w->checks->things_us)
		return;
	w->checks->things_us = w->now_us + LOOK_US;
	led_us = w->checks->watches[leader->at].led_us;
	for (uint64_t i = w->checks->things_first; i <= things_count(w); i++) {
		struct thing_seen seen;

		if (!thing_watch(w, i)->live && thing_watch(w, i)->used.at_us == 0)
			continue;
		things_look(core_store(leader->core), things_at(w, i), nothing, &seen);
		if (things_at(w, i)->kind == THING_TASK)
			check_orphan(leader, i, &seen);
		if (w->settled_us > 0 && w->now_us - led_us > CALM_US &&
		    w->now_us - w->healed_us > CALM_US)
			expiry_time(leader, i, &seen);
	}
}
