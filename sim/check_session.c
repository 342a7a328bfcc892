/* Checkers of sessions: epochs, and one creation for each life of a session. They look at all
 * answers and, entry by entry, at the replicated state of all nodes. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "session/limits.h"
#include "sim/check_inside.h"

/* An epoch as seen at an entry of the log: never less than at an older one. An answer shows the
 * state in the midst of its entry: other commands of the same entry may have changed the epoch
 * before and after, also by ending a life of the session and beginning another. A state and a read
 * show it after the whole entry: final. */
static void see_epoch(struct node *node, unsigned session, uint64_t index, uint64_t epoch,
                      bool final)
{
	struct session_watch *s = &node->world->checks->sessions[session];
	bool back =
	    (index > s->epoch_index || (index == s->epoch_index && final)) && epoch < s->epoch;
	bool ahead = (index < s->epoch_index || (index == s->epoch_index && s->epoch_final)) &&
	             epoch > s->epoch;

	if (epoch == 0 || back || ahead)
		world_fail(node->world, CHECK_EPOCH,
		           "s%u has epoch %" PRIu64 " at entry %" PRIu64 " (%s), and %" PRIu64
		           " at entry %" PRIu64,
		           session + 1, epoch, index, node->name, s->epoch, s->epoch_index);
	if (index < s->epoch_index)
		return;
	s->epoch_final = final || (index == s->epoch_index && s->epoch_final);
	s->epoch = index > s->epoch_index || epoch > s->epoch ? epoch : s->epoch;
	s->epoch_index = index;
}

/* --- Two creations ------------------------------------------------------------------- */

static bool failed(const struct op *op)
{
	return op->outcome == OUTCOME_FAIL ||
	       (op->outcome == OUTCOME_OK && op->result != RESULT_OK);
}

/* The session may have been deleted between these entries. */
static bool may_be_deleted(struct world *w, unsigned session, uint64_t from, uint64_t to)
{
	const struct op *op;
	uint64_t id;

	for (id = clients_newest_change(w, session); id != 0; id = op->before) {
		uint64_t at = w->checks->revisions[id - 1];

		op = clients_op(w, id);
		if (op->kind == OP_DELETE && !failed(op) && (at == 0 || (at >= from && at <= to)))
			return true;
	}
	return false;
}

/* Creations of the same session next to this one in the log, before and after it. */
static void check_created(struct node *node, const struct op *op)
{
	struct world *w = node->world;
	const struct op *other;
	uint64_t id;

	for (id = clients_newest_change(w, op->session); id != 0; id = other->before) {
		uint64_t at = w->checks->revisions[id - 1];
		uint64_t from = at < op->revision ? at : op->revision;
		uint64_t to = at < op->revision ? op->revision : at;

		other = clients_op(w, id);
		if (other->kind != OP_CREATE || id == op->id || at == 0)
			continue;
		if (!may_be_deleted(w, op->session, from, to))
			world_fail(w, CHECK_DUPLICATE,
			           "operations %" PRIu64 " and %" PRIu64
			           " both created s%u, at entries %" PRIu64 " and %" PRIu64,
			           op->id, id, op->session + 1, op->revision, at);
	}
}

/* --- Answers ------------------------------------------------------------------------- */

void session_written(struct node *node, const struct op *op)
{
	if (op->kind != OP_CREATE && op->kind != OP_PUT)
		return;
	see_epoch(node, op->session, op->revision, op->epoch, false);
	if (op->kind == OP_CREATE)
		check_created(node, op);
}

void session_read(struct node *node, const struct op *op)
{
	if (op->kind == OP_READ && op->present)
		see_epoch(node, op->session, op->index, op->epoch, true);
}

/* --- State --------------------------------------------------------------------------- */

/* A session as it is in a node's state; created_ms tells one life of it from the next. */
static void see_session(struct node *node, unsigned at, const struct session_view *view)
{
	struct world *w = node->world;
	uint64_t index = store_index(core_store(node->core));
	struct session_watch *s = &w->checks->sessions[at];

	see_epoch(node, at, index, view->epoch, true);
	if (index < s->index)
		return;
	if (s->index != 0 && s->created_ms != view->created_ms &&
	    !may_be_deleted(w, at, s->index, index))
		world_fail(w, CHECK_DUPLICATE,
		           "s%u was created anew between entries %" PRIu64 " and %" PRIu64
		           " (%s), and nobody deleted it",
		           at + 1, s->index, index, node->name);
	s->index = index;
	s->created_ms = view->created_ms;
}

void session_turn(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];
	const struct store *store = core_store(node->core);
	struct session_view view;
	struct session_id id;

	if (store_index(store) == watch->seen_index)
		return;
	watch->seen_index = store_index(store);
	watch->registers = 0;
	for (unsigned i = 0; i < SIM_SESSIONS; i++) {
		id = clients_session_id(node->world, i);
		if (store_get(store, &id, &view) != ST_OK)
			continue;
		see_session(node, i, &view);
		watch->registers++;
	}
}

void session_count(struct node *node, size_t others)
{
	const struct watch *watch = &node->world->checks->watches[node->at];

	if (watch->registers + others != store_count(core_store(node->core)))
		world_fail(node->world, CHECK_DUPLICATE, "%s has a session that nobody asked for",
		           node->name);
}

/* --- Snapshots ----------------------------------------------------------------------- */

/* What a snapshot of its state restores is that state, with all that decides about retries. */
void session_end(struct node *node)
{
	const struct store *store = core_store(node->core);
	struct store *again;
	struct fault fault;
	struct buf b;
	enum status st;

	st = store_new(&again);
	assert(st == ST_OK);
	buf_init(&b, SNAPSHOT_MAX);
	st = store_snapshot(store, &b);
	if (st == ST_OK)
		st = store_restore(again, b.base, b.len, &fault);
	if (st != ST_OK || store_digest(again) != store_digest(store) ||
	    store_index(again) != store_index(store) || store_count(again) != store_count(store))
		world_fail(node->world, CHECK_SNAPSHOT,
		           "%s has state %016" PRIx64 ", its snapshot restores %016" PRIx64,
		           node->name, store_digest(store), store_digest(again));
	buf_close(&b);
	store_free(again);
}
