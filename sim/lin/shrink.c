#include "lin/shrink.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lin/limits.h"

/* What can be left out as a whole: all operations of a value, or one read. */
struct shrink {
	struct lin_op *ops;   /* kept so far */
	size_t n;             /* how many */
	struct lin_op *trial; /* without what is tried to be left out */
	size_t n_trial;       /* how many */
	uint32_t *units;      /* values, or origins of reads */
	size_t n_units;       /* how many */
	bool by_value;        /* units are values */
	uint64_t budget;      /* steps left for all searches */
};

static enum status is_violated(struct shrink *s, const struct lin_op *ops, size_t n, bool *ret)
{
	enum lin_verdict verdict;
	uint64_t budget = s->budget;
	enum status st = lin_search(ops, n, &budget, &verdict);

	s->budget = budget;
	if (st == ST_OK)
		*ret = verdict == LIN_VIOLATED;
	return st;
}

/* The history as it was at a position: what had not returned may still happen. */
static void cut_off(struct shrink *s, uint32_t end)
{
	s->n_trial = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct lin_op op = s->ops[i];

		if (op.invoked >= end)
			continue;
		if (op.ok && op.returned >= end) {
			op.ok = false;
			op.returned = HISTORY_NEVER;
		}
		if (op.ok || op.effect != LIN_READ)
			s->trial[s->n_trial++] = op;
	}
}

static void keep_trial(struct shrink *s)
{
	memcpy(s->ops, s->trial, s->n_trial * sizeof *s->ops);
	s->n = s->n_trial;
}

/* Cut behind the first answer that no order explains. */
static enum status cut(struct shrink *s)
{
	uint32_t low = 0;
	uint32_t high = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->ops[i].ok && s->ops[i].returned >= high)
			high = s->ops[i].returned + 1;
	}
	while (low + 1 < high) {
		uint32_t middle = low + (high - low) / 2;
		bool violated;
		enum status st;

		cut_off(s, middle);
		st = is_violated(s, s->trial, s->n_trial, &violated);
		if (st != ST_OK)
			return st;
		if (violated)
			high = middle;
		else
			low = middle;
	}
	cut_off(s, high);
	keep_trial(s);
	return ST_OK;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static uint32_t value_of(const struct lin_op *op)
{
	return op->effect == LIN_READ ? op->expected : op->value;
}

/* Collect the units, each once: values that no swap depends on, or single reads. */
static void find_units(struct shrink *s, bool by_value)
{
	size_t n = 0;

	s->by_value = by_value;
	s->n_units = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (by_value)
			s->units[n++] = value_of(&s->ops[i]);
		else if (s->ops[i].effect == LIN_READ)
			s->units[n++] = s->ops[i].origin;
	}
	qsort(s->units, n, sizeof *s->units, by_number);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || s->units[i] != s->units[s->n_units - 1])
			s->units[s->n_units++] = s->units[i];
	}
	if (!by_value)
		return;
	for (size_t i = 0; i < s->n; i++) {
		const struct lin_op *op = &s->ops[i];
		uint32_t *unit = NULL;

		if (op->effect == LIN_SWAP)
			unit =
			    bsearch(&op->expected, s->units, s->n_units, sizeof *unit, by_number);
		if (unit == NULL)
			continue;
		s->n_units--;
		memmove(unit, unit + 1, (size_t)(s->units + s->n_units - unit) * sizeof *unit);
	}
}

/* The operations without units [begin, end). */
static void leave_out(struct shrink *s, size_t begin, size_t end)
{
	s->n_trial = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct lin_op *op = &s->ops[i];
		uint32_t unit = s->by_value ? value_of(op) : op->origin;

		if ((!s->by_value && op->effect != LIN_READ) ||
		    bsearch(&unit, s->units + begin, end - begin, sizeof unit, by_number) == NULL)
			s->trial[s->n_trial++] = *op;
	}
}

/* Leave out as many units as possible, in runs of halved length. */
static enum status thin_out(struct shrink *s, bool by_value)
{
	find_units(s, by_value);
	for (size_t run = s->n_units; run > 0; run /= 2) {
		size_t begin = 0;

		while (begin < s->n_units) {
			size_t end = begin + run < s->n_units ? begin + run : s->n_units;
			bool violated;
			enum status st;

			leave_out(s, begin, end);
			st = is_violated(s, s->trial, s->n_trial, &violated);
			if (st != ST_OK)
				return st;
			if (!violated) {
				begin = end;
				continue;
			}
			keep_trial(s);
			memmove(s->units + begin, s->units + end,
			        (s->n_units - end) * sizeof *s->units);
			s->n_units -= end - begin;
		}
	}
	return ST_OK;
}

enum status lin_shrink(struct lin_op *ops, size_t *n)
{
	struct shrink s = {.ops = ops, .n = *n, .budget = LIN_BUDGET_DEFAULT};
	enum status st = ST_NOMEM;

	s.trial = malloc((*n + 1) * sizeof *s.trial);
	s.units = malloc((*n + 1) * sizeof *s.units);
	if (s.trial != NULL && s.units != NULL)
		st = cut(&s);
	if (st == ST_OK)
		st = thin_out(&s, true);
	if (st == ST_OK)
		st = thin_out(&s, false);
	if (st == ST_OK)
		*n = s.n;
	free(s.trial);
	free(s.units);
	return st;
}
