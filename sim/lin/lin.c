#include "lin/lin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lin/limits.h"
#include "lin/search.h"
#include "lin/shrink.h"

/* One key's share of the history. */
struct share {
	struct lin_op *ops;
	size_t n;
	uint32_t key;
};

static bool matters(const struct history_op *op)
{
	return op->outcome == HISTORY_OK || (op->outcome == HISTORY_INFO && op->f != HISTORY_READ);
}

static struct lin_op lin_op_of(const struct history_op *op, uint32_t origin)
{
	struct lin_op l = {
	    .effect = LIN_WRITE,
	    .ok = op->outcome == HISTORY_OK,
	    .expected = op->expected,
	    .value = op->value,
	    .invoked = op->invoked,
	    .returned = op->outcome == HISTORY_OK ? op->returned : HISTORY_NEVER,
	    .origin = origin,
	};

	if (op->f == HISTORY_READ) {
		l.effect = LIN_READ;
		l.expected = op->value;
	} else if (op->f == HISTORY_CAS || op->f == HISTORY_CREATE) {
		l.effect = LIN_SWAP;
	}
	return l;
}

/* The operations, one key's behind another's; next[key] is where the key's begin, and ends as
 * where they end. */
static void deal(const struct history *h, struct lin_op *ops, size_t *next)
{
	size_t at = 0;

	for (size_t i = 0; i < h->n_ops; i++)
		next[h->ops[i].key] += matters(&h->ops[i]);
	for (size_t key = 0; key < h->n_symbols; key++) {
		size_t n = next[key];

		next[key] = at;
		at += n;
	}
	for (size_t i = 0; i < h->n_ops; i++) {
		if (matters(&h->ops[i]))
			ops[next[h->ops[i].key]++] = lin_op_of(&h->ops[i], (uint32_t)i);
	}
}

/* Keep the explanation when it is the shortest so far. */
static enum status explain(struct lin_result *r, const struct share *share)
{
	struct lin_op *ops = malloc((share->n + 1) * sizeof *ops);
	uint32_t *shown = NULL;
	size_t n = share->n;
	enum status st = ST_NOMEM;

	if (ops == NULL)
		return st;
	memcpy(ops, share->ops, n * sizeof *ops);
	st = lin_shrink(ops, &n);
	if (st != ST_OK || (r->shown != NULL && n >= r->n_shown))
		goto out;
	shown = malloc((n + 1) * sizeof *shown);
	if (shown == NULL) {
		st = ST_NOMEM;
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		shown[i] = ops[i].origin;
	free(r->shown);
	r->shown = shown;
	r->n_shown = n;
	r->key = share->key;
out:
	free(ops);
	return st;
}

static enum status check_key(struct lin_result *r, const struct share *share, uint64_t *budget)
{
	enum lin_verdict verdict;
	enum status st = lin_search(share->ops, share->n, budget, &verdict);

	if (st != ST_OK)
		return st;
	r->n_keys++;
	r->n_undecided += verdict == LIN_UNDECIDED;
	if (verdict != LIN_VIOLATED)
		return ST_OK;
	r->n_violated++;
	return r->n_violated <= LIN_SHOWN_KEYS_MAX ? explain(r, share) : ST_OK;
}

enum status lin_check(const struct history *h, uint64_t budget, struct lin_result *ret)
{
	struct lin_op *ops = calloc(h->n_ops + 1, sizeof *ops);
	size_t *ends = calloc(h->n_symbols + 1, sizeof *ends);
	struct lin_result r = {.verdict = LIN_OK};
	uint64_t left = budget;
	enum status st = ST_NOMEM;
	size_t begin = 0;

	if (ops == NULL || ends == NULL)
		goto out;
	st = ST_OK;
	deal(h, ops, ends);
	for (uint32_t key = 0; key < h->n_symbols && st == ST_OK; key++) {
		const struct share share = {ops + begin, ends[key] - begin, key};

		if (share.n > 0)
			st = check_key(&r, &share, &left);
		begin = ends[key];
	}
	if (st != ST_OK)
		goto out;
	r.steps = budget - left;
	if (r.n_violated > 0)
		r.verdict = LIN_VIOLATED;
	else if (r.n_undecided > 0)
		r.verdict = LIN_UNDECIDED;
	*ret = r;
	r.shown = NULL;
out:
	free(r.shown);
	free(ops);
	free(ends);
	return st;
}

void lin_result_close(struct lin_result *r)
{
	free(r->shown);
	memset(r, 0, sizeof *r);
}
