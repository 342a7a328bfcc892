/* Erlang's term order: number < atom < reference < fun < port < pid < tuple < map < nil < list
 * < bitstring. Terms are never deeper than TERM_DEPTH_MAX, which bounds the recursion. */
#include <assert.h>
#include <string.h>

#include "term/repr.h"
#include "term/term.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int rank(const struct term *t)
{
	return t->type <= TERM_FLOAT ? TERM_INT : t->type;
}

static int compare_bytes(const struct term_bytes *x, const struct term_bytes *y)
{
	size_t len = x->len < y->len ? x->len : y->len;
	int order = len == 0 ? 0 : memcmp(x->base, y->base, len);

	if (order != 0)
		return order;
	if (x->len != y->len)
		return ORDER(x->len, y->len);
	return ORDER(x->tail, y->tail);
}

static int compare_ids(const struct term_node_id *x, const struct term_node_id *y)
{
	int order = strcmp(x->node, y->node);

	if (order == 0)
		order = ORDER(x->creation, y->creation);
	if (order == 0)
		order = ORDER(x->serial, y->serial);
	if (order == 0)
		order = ORDER(x->id, y->id);
	if (order == 0)
		order = ORDER(x->n_words, y->n_words);
	for (unsigned i = x->n_words; order == 0 && i > 0; i--)
		order = ORDER(x->words[i - 1], y->words[i - 1]);
	return order;
}

static int compare_funs(const struct term_fun *x, const struct term_fun *y)
{
	int order = ORDER(x->kind, y->kind);

	if (order == 0)
		order = strcmp(x->module, y->module);
	if (order == 0)
		order = strcmp(x->function, y->function);
	if (order == 0)
		order = ORDER(x->arity, y->arity);
	if (order == 0)
		order = ORDER(x->index, y->index);
	if (order == 0)
		order = ORDER(x->uniq, y->uniq);
	if (order == 0)
		order = ORDER((uintptr_t)x->closure, (uintptr_t)y->closure);
	if (order == 0)
		order = ORDER(x->raw_len, y->raw_len);
	if (order == 0 && x->raw_len > 0)
		order = memcmp(x->raw, y->raw, x->raw_len);
	return order;
}

static int compare_items(const struct term *const x[], const struct term *const y[], size_t n,
                         bool exact)
{
	for (size_t i = 0; i < n; i++) {
		int order = term_compare(x[i], y[i], exact);

		if (order != 0)
			return order;
	}
	return 0;
}

/* By size, then keys (where 1 and 1.0 always differ), then values. */
static int compare_maps(const struct term *x, const struct term *y, bool exact)
{
	int order = ORDER(x->map.n, y->map.n);

	if (order == 0)
		order = compare_items(x->map.keys, y->map.keys, x->map.n, true);
	if (order == 0)
		order = compare_items(x->map.values, y->map.values, x->map.n, exact);
	return order;
}

static int compare_lists(const struct term *x, const struct term *y, bool exact)
{
	while (x->type == TERM_CONS && y->type == TERM_CONS) {
		int order;

		if (x == y)
			return 0;
		order = term_compare(x->cons.head, y->cons.head, exact);
		if (order != 0)
			return order;
		x = x->cons.tail;
		y = y->cons.tail;
	}
	return term_compare(x, y, exact);
}

int term_compare(const struct term *x, const struct term *y, bool exact)
{
	int order;

	if (x == y)
		return 0;
	order = ORDER(rank(x), rank(y));
	if (order != 0)
		return order;
	switch ((enum term_type)x->type) {
	case TERM_INT:
	case TERM_BIG:
	case TERM_FLOAT:
		return term_compare_numbers(x, y, exact);
	case TERM_ATOM:
		return strcmp(x->atom.text, y->atom.text);
	case TERM_REF:
	case TERM_PORT:
	case TERM_PID:
		return compare_ids(x->id, y->id);
	case TERM_FUN:
		return compare_funs(x->fun, y->fun);
	case TERM_TUPLE:
		order = ORDER(x->tuple.n, y->tuple.n);
		if (order != 0)
			return order;
		return compare_items(x->tuple.items, y->tuple.items, x->tuple.n, exact);
	case TERM_MAP:
		return compare_maps(x, y, exact);
	case TERM_NIL:
		return 0;
	case TERM_CONS:
		return compare_lists(x, y, exact);
	case TERM_BINARY:
		return compare_bytes(&x->bytes, &y->bytes);
	}
	return 0;
}
/* NOLINTEND(misc-no-recursion) */
