/* Checkers of what clients are told.
 *
 * Every answer names its place in the log: a write where it took effect, a read up to where the
 * store had been applied. Linearizable means, then: an answer's place is not older than what
 * anybody had been shown when the question was asked, and what a read shows is the newest write
 * up to its place. The first says that no answer is stale; the second that the store is right. */
#include <inttypes.h>

#include "sim/check_inside.h"
#include "sim/member.h"

static void check_place_in_time(struct world *w, const struct op *op)
{
	bool write = !op_reads(op->kind);
	uint64_t place = write ? op->revision : op->index;

	if (write && op->result != RESULT_OK)
		return;
	if (place < op->floor || (write && place == op->floor))
		world_fail(w, CHECK_LINEARIZABLE,
		           "operation %" PRIu64 " (%s) of client %u at %s is at entry %" PRIu64
		           ", entry %" PRIu64 " had been shown before it was asked",
		           op->id, write ? "write" : "read", op->client, w->nodes[op->node].name,
		           place, op->floor);
	if (place > w->checks->floor)
		w->checks->floor = place;
}

/* --- Values -------------------------------------------------------------------------- */

static bool took_effect(const struct op *op)
{
	return op->outcome == OUTCOME_OK && op->result == RESULT_OK;
}

/* The put whose value was read, and where it took effect. */
static bool check_writer(struct world *w, const struct op *op, const struct op *put)
{
	uint64_t *revision;

	if (put == NULL || put->kind != OP_PUT || put->session != op->session) {
		world_fail(w, CHECK_LINEARIZABLE, "operation %" PRIu64 " read a value nobody wrote",
		           op->id);
		return false;
	}
	if (put->outcome == OUTCOME_FAIL ||
	    (put->outcome == OUTCOME_OK && put->result != RESULT_OK)) {
		world_fail(w, CHECK_REFUSED,
		           "operation %" PRIu64 " read what %" PRIu64 " wrote, which was refused",
		           op->id, put->id);
		return false;
	}
	revision = &w->checks->revisions[put->id - 1];
	if (*revision == 0)
		*revision = took_effect(put) ? put->revision : op->change;
	if (*revision != op->change) {
		world_fail(w, CHECK_ONCE,
		           "operation %" PRIu64 " wrote at entry %" PRIu64 " and again at %" PRIu64,
		           put->id, *revision, op->change);
		return false;
	}
	return true;
}

static void tell_lost(struct world *w, const struct op *op, uint64_t lost)
{
	world_fail(w, CHECK_LINEARIZABLE,
	           "operation %" PRIu64 " at entry %" PRIu64 " does not show operation %" PRIu64,
	           op->id, op->index, lost);
}

/* No write that was acknowledged lies between what was read and the read. The oldest changes of
 * a session have all ended; of them only the newest place is of interest, and kept. */
static void check_present(struct world *w, const struct op *op)
{
	struct ended *ended = &w->checks->ended[op->session];
	struct ended run = {0, 0};
	uint64_t id = clients_newest_change(w, op->session);
	const struct op *x;

	for (; id > ended->id || (id != 0 && ended->revision > op->change); id = x->before) {
		x = clients_op(w, id);
		if (took_effect(x) && x->revision > op->change && x->revision <= op->index) {
			tell_lost(w, op, id);
			return;
		}
		if (x->outcome == OUTCOME_NONE && id > ended->id)
			run = (struct ended){0, 0};
		else if (run.id == 0)
			run.id = id;
		if (took_effect(x) && x->revision > run.revision)
			run.revision = x->revision;
	}
	if (run.id > ended->id)
		ended->id = run.id;
	if (run.revision > ended->revision)
		ended->revision = run.revision;
}

/* Nor does one that made what is absent, unless some delete explains it. */
static void check_absent(struct world *w, const struct op *op)
{
	uint64_t id = clients_newest_change(w, op->session);
	uint64_t lost = 0;
	const struct op *x;

	for (; id != 0; id = x->before) {
		x = clients_op(w, id);
		if (x->kind == OP_DELETE &&
		    (x->outcome == OUTCOME_NONE || x->outcome == OUTCOME_UNKNOWN ||
		     (took_effect(x) && x->revision <= op->index)))
			return;
		if (took_effect(x) && x->revision <= op->index)
			lost = id;
	}
	if (lost != 0)
		tell_lost(w, op, lost);
}

static void check_value(struct world *w, const struct op *op)
{
	if (!op->present)
		check_absent(w, op);
	else if (op->value == 0 || check_writer(w, op, clients_op(w, op->value)))
		check_present(w, op);
}

void check_op(struct world *w, const struct op *op)
{
	struct watch *watch = &w->checks->watches[op->node];

	judge_answer(w, op);
	thing_outcome(w, op);
	if (w->settled_us > 0 && op->invoked_us >= w->settled_us && op->outcome != OUTCOME_OK &&
	    member_serves(w, op->node))
		world_fail(w, CHECK_HEALS, "operation %" PRIu64 " at %s failed after healing",
		           op->id, w->nodes[op->node].name);
	if (op->outcome != OUTCOME_OK)
		return;
	watch->ok_us = w->now_us;
	if (w->settled_us > 0 && op->invoked_us >= w->settled_us)
		watch->ops_ok++;
	check_place_in_time(w, op);
	if (op->kind == OP_READ)
		check_value(w, op);
}
