/* The history of all clients, judged at the end by the linearizability checker of sim/lin, which
 * knows nothing of logs. In it a session is a register: created with 0, written by puts, null
 * when absent. A handle without a time to live is one, too, created with a value. Counts span all
 * sessions and are left out. */
#include <assert.h>
#include <inttypes.h>

#include "lin/lin.h"
#include "sim/check_inside.h"
#include "sim/thing.h"

static const struct {
	bool judged;
	enum history_f f;
} history_fs[OP_KINDS] = {
    [OP_CREATE] = {true, HISTORY_CREATE}, [OP_PUT] = {true, HISTORY_WRITE},
    [OP_READ] = {true, HISTORY_READ},     [OP_DELETE] = {true, HISTORY_DELETE},
    [OP_MINT] = {true, HISTORY_CREATE},   [OP_SET] = {true, HISTORY_WRITE},
    [OP_SHOW] = {true, HISTORY_READ},     [OP_DROP] = {true, HISTORY_DELETE},
};

/* What ends by itself is no register. */
static bool judged(struct world *w, const struct op *op)
{
	const struct thing *t = things_at(w, op->thing);

	return history_fs[op->kind].judged && (t == NULL || t->ttl_ms == 0);
}

static uint32_t number(struct history *h, uint64_t value)
{
	uint32_t symbol;
	enum status st = history_integer(h, (int64_t)value, &symbol);

	assert(st == ST_OK);
	(void)st;
	return symbol;
}

static uint32_t key(struct history *h, const struct op *op)
{
	char text[16];
	uint32_t symbol;
	enum status st;

	if (op->thing != 0)
		(void)snprintf(text, sizeof text, "\"h%u\"", (unsigned)op->thing);
	else
		(void)snprintf(text, sizeof text, "\"s%u\"", op->session + 1);
	st = history_symbol(h, text, &symbol);
	assert(st == ST_OK);
	(void)st;
	return symbol;
}

void check_invoked(struct world *w, const struct op *op)
{
	struct history *h = &w->checks->history;
	struct history_op asked = {.f = history_fs[op->kind].f};
	enum status st;

	thing_invoked(w, op);
	if (!judged(w, op))
		return;
	asked.process = number(h, op->process);
	asked.key = key(h, op);
	if (op->kind == OP_PUT || op->kind == OP_SET || op->kind == OP_MINT)
		asked.value = number(h, op->id);
	else if (op->kind == OP_CREATE)
		asked.value = number(h, 0);
	st = history_invoke(h, &asked, w->now_us);
	assert(st == ST_OK);
	(void)st;
}

void judge_answer(struct world *w, const struct op *op)
{
	struct history *h = &w->checks->history;
	enum history_outcome outcome = HISTORY_FAIL;
	uint32_t value = HISTORY_NULL;
	enum status st;

	if (!judged(w, op))
		return;
	if (op->outcome == OUTCOME_UNKNOWN)
		outcome = HISTORY_INFO;
	else if (op->outcome == OUTCOME_OK && (op_reads(op->kind) || op->result == RESULT_OK))
		outcome = HISTORY_OK;
	if (op_reads(op->kind) && op->present)
		value = number(h, op->value);
	st = history_return(h, number(h, op->process), outcome, value, w->now_us);
	assert(st == ST_OK);
	(void)st;
}

void judge_history(struct world *w)
{
	struct history *h = &w->checks->history;
	struct lin_result r;
	enum status st = lin_check(h, SIM_LIN_STEPS, &r);
	const struct history_op *op;

	assert(st == ST_OK);
	(void)st;
	w->stats.histories++;
	w->stats.lin_steps += r.steps;
	w->stats.undecided += r.verdict == LIN_UNDECIDED;
	if (r.verdict == LIN_VIOLATED) {
		op = &h->ops[r.shown[0]];
		world_fail(
		    w, CHECK_LINEARIZABLE,
		    "no order explains %zu operations of %s, the first a %s asked at %" PRId64
		    " us (--history and lincheck show them)",
		    r.n_shown, history_text(h, r.key), history_f_name(op->f), op->invoke_time);
	}
	lin_result_close(&r);
}

void check_save(struct world *w, FILE *out)
{
	enum status st = history_save(&w->checks->history, out);

	if (st != ST_OK)
		fprintf(stderr, "sim: the history cannot be written: %s\n", status_text(st));
}
