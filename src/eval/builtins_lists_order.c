/* Module lists: order, and lists of tuples with a key. */
#include <stdlib.h>
#include <string.h>

#include "eval/builtins.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */

/* How elements are compared; NULL fun: by term order. */
struct order {
	const struct term *fun; /* (X, Y) -> boolean(): X may come before Y */
	size_t key;             /* element of the tuples, from 1; 0: the term itself */
};

static const struct term *key_of(const struct order *o, const struct term *t)
{
	return o->key == 0 ? t : term_element(t, o->key - 1);
}

/* May x come before y? */
static bool before(struct machine *m, const struct order *o, const struct term *x,
                   const struct term *y)
{
	const struct term *two[] = {x, y};
	const struct term *v;

	if (o->fun == NULL) {
		x = key_of(o, x);
		y = key_of(o, y);
		return machine_charge(m, 1 + (term_weight(x) < term_weight(y) ? term_weight(x)
		                                                              : term_weight(y)) /
		                                 8) &&
		       term_compare(x, y, false) <= 0;
	}
	v = apply_fun(m, o->fun, two, 2);
	return v != NULL && term_is_atom(v, "true");
}

static void merge(struct machine *m, const struct order *o, const struct term **to,
                  const struct term *const from[], size_t half, size_t n)
{
	size_t i = 0;
	size_t j = half;

	for (size_t k = 0; k < n; k++) {
		if (j == n || (i < half && before(m, o, from[i], from[j])))
			to[k] = from[i++];
		else
			to[k] = from[j++];
		if (m->signal != SIGNAL_NONE)
			return;
	}
}

/* A stable merge sort, from the bottom up. */
static bool sort_vec(struct machine *m, const struct order *o, struct vec *v)
{
	const struct term **from = v->at;
	const struct term **to = arena_alloc(m->arena, (v->n + 1) * sizeof *to);

	if (to == NULL)
		return false;
	for (size_t width = 1; width < v->n; width *= 2) {
		const struct term **swap = from;

		for (size_t at = 0; at < v->n; at += 2 * width) {
			size_t left = v->n - at;
			size_t half = left < width ? left : width;

			merge(m, o, to + at, from + at, half, left < 2 * width ? left : 2 * width);
			if (m->signal != SIGNAL_NONE)
				return false;
		}
		from = to;
		to = swap;
	}
	v->at = from;
	return true;
}

/* Of neighbours that are equal the first one stays. */
static void drop_equals(struct machine *m, const struct order *o, struct vec *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n && m->signal == SIGNAL_NONE; i++) {
		if (kept > 0) {
			const struct term *last = v->at[kept - 1];

			if (o->fun == NULL
			        ? term_compare(key_of(o, last), key_of(o, v->at[i]), false) == 0
			        : before(m, o, last, v->at[i]) && before(m, o, v->at[i], last))
				continue;
		}
		v->at[kept++] = v->at[i];
	}
	v->n = kept;
}

static const struct term *sorted(struct machine *m, const struct order *o, const struct term *list,
                                 bool unique)
{
	struct vec v;

	if (!vec_of_list(m, list, &v))
		return o->key > 0 ? machine_error_with(m, "case_clause", list) : no_clause(m);
	for (size_t i = 0; o->key > 0 && i < v.n; i++) {
		if (term_type(v.at[i]) != TERM_TUPLE || term_tuple_size(v.at[i]) < o->key)
			return badarg(m);
	}
	if (!sort_vec(m, o, &v))
		return NULL;
	if (unique)
		drop_equals(m, o, &v);
	return m->signal == SIGNAL_NONE ? vec_list(m, &v) : NULL;
}

BUILTIN(sort)
{
	const struct order o = {NULL, 0};

	return sorted(m, &o, args[0], false);
}

BUILTIN(sort_2)
{
	const struct order o = {args[0], 0};

	return apply_is_fun(args[0], 2) ? sorted(m, &o, args[1], false) : no_clause(m);
}

BUILTIN(usort)
{
	const struct order o = {NULL, 0};

	return sorted(m, &o, args[0], true);
}

BUILTIN(usort_2)
{
	const struct order o = {args[0], 0};

	return apply_is_fun(args[0], 2) ? sorted(m, &o, args[1], true) : no_clause(m);
}

static bool key_arg(const struct term *t, struct order *o)
{
	int64_t key;

	if (!small_int(t, &key) || key < 1)
		return false;
	o->key = (size_t)key;
	return true;
}

BUILTIN(keysort)
{
	struct order o = {NULL, 0};

	return key_arg(args[0], &o) ? sorted(m, &o, args[1], false) : no_clause(m);
}

BUILTIN(ukeysort)
{
	struct order o = {NULL, 0};

	return key_arg(args[0], &o) ? sorted(m, &o, args[1], true) : no_clause(m);
}

/* Two sorted lists into one. */
BUILTIN(merge_2)
{
	const struct order o = {NULL, 0};
	struct vec x;
	struct vec y;
	struct vec out = {0};

	if (!vec_of_list(m, args[0], &x) || !vec_of_list(m, args[1], &y))
		return no_clause(m);
	out.n = x.n + y.n;
	out.at = arena_alloc(m->arena, 2 * (out.n + 1) * sizeof *out.at);
	if (out.at == NULL)
		return NULL;
	memcpy(out.at + out.n, x.at, x.n * sizeof *out.at);
	memcpy(out.at + out.n + x.n, y.at, y.n * sizeof *out.at);
	merge(m, &o, out.at, out.at + out.n, x.n, out.n);
	return m->signal == SIGNAL_NONE ? vec_list(m, &out) : NULL;
}

BUILTIN(merge_1)
{
	struct vec lists;
	const struct term *out = term_nil(m->arena);

	if (!vec_of_list(m, args[0], &lists))
		return no_clause(m);
	for (size_t i = 0; i < lists.n && out != NULL; i++) {
		const struct term *two[] = {out, lists.at[i]};

		out = merge_2(m, two);
	}
	return out;
}

static bool has_key(const struct term *t, size_t n, const struct term *key)
{
	return term_type(t) == TERM_TUPLE && term_tuple_size(t) >= n &&
	       term_compare(term_element(t, n - 1), key, false) == 0;
}

/* The cell whose tuple has the key, nil when none has, NULL with a signal. */
static const struct term *find_key(struct machine *m, const struct term *key,
                                   const struct term *position, const struct term *list)
{
	struct order o = {NULL, 0};

	if (!key_arg(position, &o) || term_length(list) < 0)
		return badarg(m);
	for (; term_type(list) == TERM_CONS; list = term_tail(list)) {
		if (!machine_charge(m, 1))
			return NULL;
		if (has_key(term_head(list), o.key, key))
			return list;
	}
	return list;
}

BUILTIN(keyfind)
{
	const struct term *cell = find_key(m, args[0], args[1], args[2]);

	if (cell == NULL)
		return NULL;
	return term_type(cell) == TERM_CONS ? term_head(cell) : term_bool(m->arena, false);
}

BUILTIN(keymember)
{
	const struct term *cell = find_key(m, args[0], args[1], args[2]);

	return cell == NULL ? NULL : term_bool(m->arena, term_type(cell) == TERM_CONS);
}

BUILTIN(keysearch)
{
	const struct term *cell = find_key(m, args[0], args[1], args[2]);

	if (cell == NULL)
		return NULL;
	if (term_type(cell) != TERM_CONS)
		return term_bool(m->arena, false);
	return term_tuple2(m->arena, term_atom(m->arena, "value"), term_head(cell));
}

/* The list with what is at cell replaced: by x and what follows, or, x NULL, by what follows. */
static const struct term *with_cell(struct machine *m, const struct term *list,
                                    const struct term *cell, const struct term *x)
{
	const struct term *tail = term_tail(cell);
	struct vec v = {0};

	for (; list != cell; list = term_tail(list)) {
		if (!vec_push(m, &v, term_head(list)))
			return NULL;
	}
	if (x != NULL)
		tail = term_cons(m->arena, x, tail);
	return term_list_tail(m->arena, v.at, v.n, tail);
}

BUILTIN(keydelete)
{
	const struct term *cell;

	if (term_length(args[2]) < 0)
		return no_clause(m);
	cell = find_key(m, args[0], args[1], args[2]);
	if (cell == NULL)
		return NULL;
	return term_type(cell) == TERM_CONS ? with_cell(m, args[2], cell, NULL) : args[2];
}

BUILTIN(keyreplace)
{
	const struct term *cell;

	if (term_length(args[2]) < 0 || term_type(args[3]) != TERM_TUPLE)
		return no_clause(m);
	cell = find_key(m, args[0], args[1], args[2]);
	if (cell == NULL)
		return NULL;
	return term_type(cell) == TERM_CONS ? with_cell(m, args[2], cell, args[3]) : args[2];
}

BUILTIN(keystore)
{
	const struct term *cell;
	struct vec v;

	if (term_length(args[2]) < 0 || term_type(args[3]) != TERM_TUPLE)
		return no_clause(m);
	cell = find_key(m, args[0], args[1], args[2]);
	if (cell == NULL)
		return NULL;
	if (term_type(cell) == TERM_CONS)
		return with_cell(m, args[2], cell, args[3]);
	if (!vec_of_list(m, args[2], &v) || !vec_push(m, &v, args[3]))
		return NULL;
	return vec_list(m, &v);
}

BUILTIN(keytake)
{
	const struct term *cell;

	if (term_length(args[2]) < 0)
		return no_clause(m);
	cell = find_key(m, args[0], args[1], args[2]);
	if (cell == NULL)
		return NULL;
	if (term_type(cell) != TERM_CONS)
		return term_bool(m->arena, false);
	return term_tuple3(m->arena, term_atom(m->arena, "value"), term_head(cell),
	                   with_cell(m, args[2], cell, NULL));
}

BUILTIN(keymap)
{
	struct order o = {NULL, 0};
	struct vec v;

	if (!key_arg(args[1], &o) || !vec_of_list(m, args[2], &v))
		return no_clause(m);
	for (size_t i = 0; i < v.n; i++) {
		const struct term *three[] = {args[1], v.at[i], NULL};
		const struct term *x;

		if (term_type(v.at[i]) != TERM_TUPLE || term_tuple_size(v.at[i]) < o.key)
			return badarg(m);
		x = term_element(v.at[i], o.key - 1);
		three[2] = apply_fun(m, args[0], &x, 1);
		if (three[2] == NULL)
			return NULL;
		v.at[i] = apply_function(m, "erlang", "setelement", three, 3);
		if (v.at[i] == NULL)
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(uniq)
{
	struct vec v = {0};

	if (term_length(args[0]) < 0)
		return no_clause(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		bool seen = false;

		if (!machine_charge(m, 1 + v.n / 4))
			return NULL;
		for (size_t i = 0; !seen && i < v.n; i++)
			seen = term_compare(v.at[i], term_head(l), true) == 0;
		if (!seen && !vec_push(m, &v, term_head(l)))
			return NULL;
	}
	return vec_list(m, &v);
}

const struct builtin builtins_lists_order[] = {
    {"keydelete", 3, keydelete}, {"keyfind", 3, keyfind},       {"keymap", 3, keymap},
    {"keymember", 3, keymember}, {"keyreplace", 4, keyreplace}, {"keysearch", 3, keysearch},
    {"keysort", 2, keysort},     {"keystore", 4, keystore},     {"keytake", 3, keytake},
    {"merge", 1, merge_1},       {"merge", 2, merge_2},         {"sort", 1, sort},
    {"sort", 2, sort_2},         {"ukeysort", 2, ukeysort},     {"uniq", 1, uniq},
    {"usort", 1, usort},         {"usort", 2, usort_2},         {NULL, 0, NULL},
};
/* NOLINTEND(bugprone-sizeof-expression) */
