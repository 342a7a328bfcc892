#include "term/term.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "term/repr.h"

/* NOLINTBEGIN(misc-no-recursion,bugprone-sizeof-expression): recursion is bounded by
 * TERM_DEPTH_MAX; arrays of pointers are meant */

#define SMALL_INT(v)                                                      \
	{                                                                 \
		.type = TERM_INT, .depth = 1, .weight = 1, .integer = (v) \
	}
#define SMALL_4(v)  SMALL_INT(v), SMALL_INT((v) + 1), SMALL_INT((v) + 2), SMALL_INT((v) + 3)
#define SMALL_16(v) SMALL_4(v), SMALL_4((v) + 4), SMALL_4((v) + 8), SMALL_4((v) + 12)
#define SMALL_64(v) SMALL_16(v), SMALL_16((v) + 16), SMALL_16((v) + 32), SMALL_16((v) + 48)

/* Characters are the commonest integers: text as a list shares these. */
static const struct term small_ints[256] = {SMALL_64(0), SMALL_64(64), SMALL_64(128),
                                            SMALL_64(192)};
static const struct term nil_term = {.type = TERM_NIL, .depth = 1, .weight = 1};
static const struct term empty_tuple = {.type = TERM_TUPLE, .depth = 1, .weight = 1};
static const struct term bool_terms[2] = {
    {.type = TERM_ATOM, .depth = 1, .weight = 1, .atom = {"false", 5}},
    {.type = TERM_ATOM, .depth = 1, .weight = 1, .atom = {"true", 4}},
};

struct term *term_alloc(struct arena *a, enum term_type type, size_t depth, uint64_t weight)
{
	struct term *t;

	if (depth > TERM_DEPTH_MAX || weight > TERM_WEIGHT_MAX) {
		a->failed = true;
		return NULL;
	}
	t = arena_alloc(a, sizeof *t);
	if (t == NULL)
		return NULL;
	t->type = (uint8_t)type;
	t->depth = (uint16_t)depth;
	t->weight = (uint32_t)weight;
	return t;
}

enum term_type term_type(const struct term *t)
{
	return (enum term_type)t->type;
}

uint32_t term_weight(const struct term *t)
{
	return t->weight;
}

const struct term *term_int(struct arena *a, int64_t v)
{
	struct term *t;

	if (v >= 0 && v < 256)
		return &small_ints[v];
	t = term_alloc(a, TERM_INT, 1, 1);
	if (t != NULL)
		t->integer = v;
	return t;
}

const struct term *term_big(struct arena *a, const struct term_big *big)
{
	struct term *t = term_alloc(a, TERM_BIG, 1, 1 + big->n / 4);

	assert(big->n > 0 && big->limbs[big->n - 1] != 0);
	if (t != NULL)
		t->big = *big;
	return t;
}

const struct term *term_float(struct arena *a, double v)
{
	struct term *t = term_alloc(a, TERM_FLOAT, 1, 1);

	assert(isfinite(v));
	if (t != NULL)
		t->real = v;
	return t;
}

const struct term *term_atom_n(struct arena *a, const char *text, size_t len)
{
	struct term *t;

	assert(len <= ATOM_BYTES_MAX);
	t = term_alloc(a, TERM_ATOM, 1, 1);
	if (t == NULL)
		return NULL;
	t->atom.text = arena_copy(a, text, len);
	t->atom.len = len;
	return t->atom.text == NULL ? NULL : t;
}

const struct term *term_atom(struct arena *a, const char *text)
{
	return term_atom_n(a, text, strlen(text));
}

const struct term *term_bool(struct arena *a, bool v)
{
	(void)a;
	return &bool_terms[v];
}

const struct term *term_binary_new(struct arena *a, size_t len, uint8_t **ret_bytes)
{
	struct term *t = term_alloc(a, TERM_BINARY, 1, 1 + len / 32);
	uint8_t *bytes;

	if (t == NULL)
		return NULL;
	bytes = arena_alloc(a, len > 0 ? len : 1);
	if (bytes == NULL)
		return NULL;
	t->bytes = (struct term_bytes){bytes, len, 8};
	*ret_bytes = bytes;
	return t;
}

const struct term *term_binary(struct arena *a, const void *bytes, size_t len)
{
	uint8_t *copy;
	const struct term *t = term_binary_new(a, len, &copy);

	if (t != NULL && len > 0)
		memcpy(copy, bytes, len);
	return t;
}

const struct term *term_bitstring(struct arena *a, const void *bytes, size_t n_bits)
{
	size_t len = n_bits / 8 + (n_bits % 8 != 0);
	struct term *t = term_alloc(a, TERM_BINARY, 1, 1 + len / 32);
	uint8_t *copy;

	if (t == NULL)
		return NULL;
	copy = arena_alloc(a, len > 0 ? len : 1);
	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, bytes, len);
	if (n_bits % 8 != 0)
		copy[len - 1] &= (uint8_t)(0xff00u >> (n_bits % 8));
	t->bytes = (struct term_bytes){copy, len, n_bits % 8 == 0 ? 8 : (unsigned)(n_bits % 8)};
	return t;
}

const struct term *term_nil(struct arena *a)
{
	(void)a;
	return &nil_term;
}

const struct term *term_cons(struct arena *a, const struct term *head, const struct term *tail)
{
	struct term *t;
	size_t depth;

	if (head == NULL || tail == NULL)
		return NULL;
	depth = tail->depth + (size_t)!term_is_list(tail);
	if (depth < (size_t)head->depth + 1)
		depth = (size_t)head->depth + 1;
	t = term_alloc(a, TERM_CONS, depth, (uint64_t)1 + head->weight + tail->weight);
	if (t == NULL)
		return NULL;
	t->cons.head = head;
	t->cons.tail = tail;
	t->cons.len = term_length(tail) < 0 ? -1 : term_length(tail) + 1;
	return t;
}

const struct term *term_list_tail(struct arena *a, const struct term *const items[], size_t n,
                                  const struct term *tail)
{
	const struct term *list = tail;

	while (n > 0)
		list = term_cons(a, items[--n], list);
	return list;
}

const struct term *term_list(struct arena *a, const struct term *const items[], size_t n)
{
	return term_list_tail(a, items, n, &nil_term);
}

const struct term *term_string(struct arena *a, const char *utf8)
{
	size_t len = strlen(utf8);
	const struct term *list = &nil_term;
	size_t at = len;

	while (at > 0 && list != NULL) {
		size_t start = at - 1;
		uint32_t code = 0;

		while (start > 0 && at - start < 4 && ((uint8_t)utf8[start] & 0xc0) == 0x80)
			start--;
		if (utf8_read((const uint8_t *)utf8 + start, at - start, &code) != at - start) {
			start = at - 1; /* not UTF-8: the byte stands for itself */
			code = (uint8_t)utf8[start];
		}
		list = term_cons(a, term_int(a, code), list);
		at = start;
	}
	return list;
}

/* Depth and weight of a compound term over its children; false when one of them is NULL. */
static bool sum_up(const struct term *const items[], size_t n, size_t *depth, uint64_t *weight)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i] == NULL)
			return false;
		if (items[i]->depth >= *depth)
			*depth = (size_t)items[i]->depth + 1;
		*weight += items[i]->weight;
	}
	return true;
}

const struct term *term_tuple(struct arena *a, const struct term *const items[], size_t n)
{
	const struct term **copy;
	struct term *t;
	size_t depth = 1;
	uint64_t weight = 1;

	if (n == 0)
		return &empty_tuple;
	if (!sum_up(items, n, &depth, &weight))
		return NULL;
	t = term_alloc(a, TERM_TUPLE, depth, weight);
	copy = t == NULL ? NULL : arena_alloc(a, n * sizeof *copy);
	if (copy == NULL)
		return NULL;
	memcpy(copy, items, n * sizeof *copy);
	t->tuple.items = copy;
	t->tuple.n = n;
	return t;
}

const struct term *term_tuple2(struct arena *a, const struct term *x, const struct term *y)
{
	const struct term *items[] = {x, y};

	return term_tuple(a, items, 2);
}

const struct term *term_tuple3(struct arena *a, const struct term *x, const struct term *y,
                               const struct term *z)
{
	const struct term *items[] = {x, y, z};

	return term_tuple(a, items, 3);
}

struct pair {
	const struct term *key;
	const struct term *value;
	size_t order; /* position as given: of equal keys the last one wins */
};

static int pair_compare(const void *x, const void *y)
{
	const struct pair *p = x;
	const struct pair *q = y;
	int order = term_compare(p->key, q->key, true);

	if (order != 0)
		return order;
	return p->order < q->order ? -1 : p->order > q->order;
}

/* Sort pairs and drop those that a later equal key replaces; returns how many are left. */
static size_t pairs_settle(struct pair *pairs, size_t n)
{
	size_t kept = 0;

	qsort(pairs, n, sizeof *pairs, pair_compare);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && term_compare(pairs[i].key, pairs[i + 1].key, true) == 0)
			continue;
		pairs[kept++] = pairs[i];
	}
	return kept;
}

static bool keys_ascend(const struct term *const keys[], size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (term_compare(keys[i - 1], keys[i], true) >= 0)
			return false;
	}
	return true;
}

/* A map whose keys are in order already. */
static const struct term *map_of(struct arena *a, const struct term *const keys[],
                                 const struct term *const values[], size_t n)
{
	const struct term **copy;
	struct term *t;
	size_t depth = 1;
	uint64_t weight = 1;

	if (!sum_up(keys, n, &depth, &weight) || !sum_up(values, n, &depth, &weight))
		return NULL;
	t = term_alloc(a, TERM_MAP, depth, weight);
	copy = t == NULL ? NULL : arena_alloc(a, (2 * n + 1) * sizeof *copy);
	if (copy == NULL)
		return NULL;
	if (n > 0) {
		memcpy(copy, keys, n * sizeof *copy);
		memcpy(copy + n, values, n * sizeof *copy);
	}
	t->map.keys = copy;
	t->map.values = copy + n;
	t->map.n = n;
	return t;
}

const struct term *term_map(struct arena *a, const struct term *const keys[],
                            const struct term *const values[], size_t n)
{
	const struct term **sorted;
	struct pair *pairs;

	for (size_t i = 0; i < n; i++) {
		if (keys[i] == NULL || values[i] == NULL)
			return NULL;
	}
	if (keys_ascend(keys, n))
		return map_of(a, keys, values, n);
	pairs = arena_alloc(a, n * sizeof *pairs);
	sorted = arena_alloc(a, 2 * n * sizeof *sorted);
	if (pairs == NULL || sorted == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct pair){keys[i], values[i], i};
	n = pairs_settle(pairs, n);
	for (size_t i = 0; i < n; i++) {
		sorted[i] = pairs[i].key;
		sorted[n + i] = pairs[i].value;
	}
	return map_of(a, sorted, sorted + n, n);
}

static const struct term *identity(struct arena *a, enum term_type type,
                                   const struct term_node_id *id)
{
	struct term *t = term_alloc(a, type, 1, 1);
	struct term_node_id *copy = t == NULL ? NULL : arena_alloc(a, sizeof *copy);

	if (copy == NULL)
		return NULL;
	*copy = *id;
	/* Only what travels counts: the rest would make equal identities differ. */
	if (type == TERM_REF)
		copy->id = 0;
	else
		copy->n_words = 0;
	if (type != TERM_PID)
		copy->serial = 0;
	copy->node = arena_copy(a, id->node, strlen(id->node));
	t->id = copy;
	return copy->node == NULL ? NULL : t;
}

const struct term *term_pid(struct arena *a, const struct term_node_id *id)
{
	return identity(a, TERM_PID, id);
}

const struct term *term_port(struct arena *a, const struct term_node_id *id)
{
	return identity(a, TERM_PORT, id);
}

const struct term *term_ref(struct arena *a, const struct term_node_id *id)
{
	assert(id->n_words >= 1 && id->n_words <= 5);
	return identity(a, TERM_REF, id);
}

const struct term *term_fun(struct arena *a, const struct term_fun *fun)
{
	struct term *t = term_alloc(a, TERM_FUN, 1, 1 + fun->raw_len / 32);
	struct term_fun *copy = t == NULL ? NULL : arena_alloc(a, sizeof *copy);
	const char *function = fun->function == NULL ? "" : fun->function;

	if (copy == NULL)
		return NULL;
	*copy = *fun;
	copy->module = arena_copy(a, fun->module, strlen(fun->module));
	copy->function = arena_copy(a, function, strlen(function));
	copy->raw = (uint8_t *)arena_copy(a, fun->raw, fun->raw_len);
	t->fun = copy;
	return copy->module == NULL || copy->function == NULL || copy->raw == NULL ? NULL : t;
}

static const struct term **copy_items(struct arena *a, const struct term *const items[], size_t n)
{
	const struct term **copy = arena_alloc(a, (n + 1) * sizeof *copy);

	for (size_t i = 0; copy != NULL && i < n; i++)
		copy[i] = term_copy(a, items[i]);
	return copy;
}

static const struct term *copy_list(struct arena *a, const struct term *t)
{
	const struct term *first = NULL;
	struct term *last = NULL;

	for (; t->type == TERM_CONS; t = t->cons.tail) {
		struct term *cell = arena_alloc(a, sizeof *cell);

		if (cell == NULL)
			return NULL;
		*cell = *t;
		cell->cons.head = term_copy(a, t->cons.head);
		if (cell->cons.head == NULL)
			return NULL;
		if (last == NULL)
			first = cell;
		else
			last->cons.tail = cell;
		last = cell;
	}
	assert(last != NULL);
	last->cons.tail = term_copy(a, t);
	return last->cons.tail == NULL ? NULL : first;
}

const struct term *term_copy(struct arena *a, const struct term *t)
{
	const struct term **items;
	const struct term **values;

	switch ((enum term_type)t->type) {
	case TERM_INT:
		return term_int(a, t->integer);
	case TERM_FLOAT:
		return term_float(a, t->real);
	case TERM_ATOM:
		return term_atom_n(a, t->atom.text, t->atom.len);
	case TERM_NIL:
		return &nil_term;
	case TERM_BIG: {
		struct term_big big = t->big;

		big.limbs = (uint64_t *)(void *)arena_copy(a, big.limbs, big.n * sizeof *big.limbs);
		return big.limbs == NULL ? NULL : term_big(a, &big);
	}
	case TERM_REF:
	case TERM_PORT:
	case TERM_PID:
		return identity(a, (enum term_type)t->type, t->id);
	case TERM_FUN:
		return term_fun(a, t->fun);
	case TERM_BINARY:
		return term_bitstring(a, t->bytes.base, term_bit_size(t));
	case TERM_CONS:
		return copy_list(a, t);
	case TERM_TUPLE:
		items = copy_items(a, t->tuple.items, t->tuple.n);
		return items == NULL ? NULL : term_tuple(a, items, t->tuple.n);
	case TERM_MAP:
		items = copy_items(a, t->map.keys, t->map.n);
		values = copy_items(a, t->map.values, t->map.n);
		if (items == NULL || values == NULL)
			return NULL;
		return term_map(a, items, values, t->map.n);
	}
	return NULL;
}
/* NOLINTEND(misc-no-recursion,bugprone-sizeof-expression) */
