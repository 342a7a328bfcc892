/* Module lists: walking, folding, building. */
#include <string.h>

#include "eval/builtins.h"

BUILTIN(all)
{
	if (term_length(args[1]) < 0)
		return machine_error_with(m, "case_clause", args[1]);
	EACH(m, l, args[1])
	{
		enum verdict v = ask(m, args[0], term_head(l), "case_clause");

		if (v == VERDICT_FALSE)
			return term_bool(m->arena, false);
		if (v == VERDICT_FAILED)
			return NULL;
	}
	return term_bool(m->arena, true);
}

BUILTIN(any)
{
	if (term_length(args[1]) < 0)
		return machine_error_with(m, "case_clause", args[1]);
	EACH(m, l, args[1])
	{
		enum verdict v = ask(m, args[0], term_head(l), "case_clause");

		if (v == VERDICT_TRUE)
			return term_bool(m->arena, true);
		if (v == VERDICT_FAILED)
			return NULL;
	}
	return term_bool(m->arena, false);
}

BUILTIN(append_1)
{
	struct vec lists;
	const struct term *out;

	if (!vec_of_list(m, args[0], &lists))
		return no_clause(m);
	if (lists.n == 0)
		return args[0];
	out = lists.at[lists.n - 1];
	for (size_t i = lists.n - 1; i > 0 && out != NULL; i--)
		out = operator_append(m, lists.at[i - 1], out);
	return out;
}

BUILTIN(append_2)
{
	return operator_append(m, args[0], args[1]);
}

BUILTIN(subtract)
{
	return operator_binary(m, OP_SUBTRACT, args[0], args[1]);
}

BUILTIN(delete)
{
	struct vec v = {0};

	EACH(m, l, args[1])
	{
		if (term_compare(term_head(l), args[0], true) == 0)
			return term_list_tail(m->arena, v.at, v.n, term_tail(l));
		if (!vec_push(m, &v, term_head(l)))
			return NULL;
	}
	return term_length(args[1]) < 0 ? no_clause(m) : args[1];
}

BUILTIN(filter)
{
	struct vec v = {0};

	if (!apply_is_fun(args[0], 1))
		return no_clause(m);
	if (term_length(args[1]) < 0)
		return machine_error_with(m, "bad_generator", args[1]);
	EACH(m, l, args[1])
	{
		enum verdict verdict = ask(m, args[0], term_head(l), "bad_filter");

		if (verdict == VERDICT_FAILED)
			return NULL;
		if (verdict == VERDICT_TRUE && !vec_push(m, &v, term_head(l)))
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(filtermap)
{
	struct vec v = {0};

	if (term_length(args[1]) < 0)
		return no_clause(m);
	EACH(m, l, args[1])
	{
		const struct term *x = term_head(l);
		const struct term *r = apply_fun(m, args[0], &x, 1);

		if (r == NULL || term_is_atom(r, "false"))
			continue;
		if (term_type(r) == TERM_TUPLE && term_tuple_size(r) == 2 &&
		    term_is_atom(term_element(r, 0), "true"))
			x = term_element(r, 1);
		else if (!term_is_atom(r, "true"))
			return machine_error_with(m, "case_clause", r);
		if (!vec_push(m, &v, x))
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(flatmap)
{
	const struct term *out = term_nil(m->arena);
	struct vec v = {0};

	if (term_length(args[1]) < 0)
		return no_clause(m);
	EACH(m, l, args[1])
	{
		const struct term *x = term_head(l);

		if (!vec_push(m, &v, apply_fun(m, args[0], &x, 1)))
			return NULL;
	}
	while (v.n > 0 && out != NULL)
		out = operator_append(m, v.at[--v.n], out);
	return out;
}

BUILTIN(foldl)
{
	const struct term *acc = args[1];

	if (!apply_is_fun(args[0], 2))
		return no_clause(m);
	if (term_length(args[2]) < 0)
		return machine_error_with(m, "case_clause", args[2]);
	EACH(m, l, args[2])
	{
		const struct term *two[] = {term_head(l), acc};

		acc = apply_fun(m, args[0], two, 2);
		if (acc == NULL)
			return NULL;
	}
	return acc;
}

BUILTIN(foldr)
{
	const struct term *acc = args[1];
	struct vec v;

	if (!apply_is_fun(args[0], 2) || !vec_of_list(m, args[2], &v))
		return no_clause(m);
	while (v.n > 0 && acc != NULL) {
		const struct term *two[] = {v.at[--v.n], acc};

		acc = apply_fun(m, args[0], two, 2);
	}
	return acc;
}

BUILTIN(foreach)
{
	if (term_length(args[1]) < 0 || !apply_is_fun(args[0], 1))
		return no_clause(m);
	EACH(m, l, args[1])
	{
		const struct term *x = term_head(l);

		if (apply_fun(m, args[0], &x, 1) == NULL)
			return NULL;
	}
	return term_atom(m->arena, "ok");
}

BUILTIN(last)
{
	const struct term *l = args[0];

	if (term_length(l) < 1 || !machine_charge(m, (uint64_t)term_length(l) / 4))
		return no_clause(m);
	while (term_type(term_tail(l)) == TERM_CONS)
		l = term_tail(l);
	return term_head(l);
}

BUILTIN(map)
{
	struct vec v = {0};

	if (!apply_is_fun(args[0], 1))
		return no_clause(m);
	if (term_length(args[1]) < 0)
		return machine_error_with(m, "case_clause", args[1]);
	EACH(m, l, args[1])
	{
		const struct term *x = term_head(l);

		if (!vec_push(m, &v, apply_fun(m, args[0], &x, 1)))
			return NULL;
	}
	return vec_list(m, &v);
}

static const struct term *map_fold(struct machine *m, const struct term *const args[], bool right)
{
	const struct term *acc = args[1];
	struct vec v;
	const struct term *list;

	if (!vec_of_list(m, args[2], &v))
		return no_clause(m);
	for (size_t i = 0; i < v.n; i++) {
		const size_t at = right ? v.n - 1 - i : i;
		const struct term *two[] = {v.at[at], acc};
		const struct term *r = apply_fun(m, args[0], two, 2);

		if (r == NULL)
			return NULL;
		if (term_type(r) != TERM_TUPLE || term_tuple_size(r) != 2)
			return machine_error_with(m, "badmatch", r);
		v.at[at] = term_element(r, 0);
		acc = term_element(r, 1);
	}
	list = vec_list(m, &v);
	return term_tuple2(m->arena, list, acc);
}

BUILTIN(mapfoldl)
{
	return map_fold(m, args, false);
}

BUILTIN(mapfoldr)
{
	return map_fold(m, args, true);
}

static const struct term *extreme(struct machine *m, const struct term *list, int sign)
{
	const struct term *best;

	if (term_length(list) < 1)
		return no_clause(m);
	best = term_head(list);
	EACH(m, l, term_tail(list))
	{
		if (sign * term_compare(term_head(l), best, false) > 0)
			best = term_head(l);
	}
	return best;
}

BUILTIN(do_max)
{
	return extreme(m, args[0], 1);
}

BUILTIN(do_min)
{
	return extreme(m, args[0], -1);
}

BUILTIN(member)
{
	if (term_length(args[1]) < 0)
		return badarg(m);
	EACH(m, l, args[1])
	{
		if (term_compare(term_head(l), args[0], true) == 0)
			return term_bool(m->arena, true);
	}
	return term_bool(m->arena, false);
}

/* The list behind its first n elements, or NULL: it is shorter. */
static const struct term *skip(struct machine *m, const struct term *l, int64_t n)
{
	for (; n > 0; n--) {
		if (term_type(l) != TERM_CONS || !machine_charge(m, 1))
			return NULL;
		l = term_tail(l);
	}
	return l;
}

BUILTIN(nth)
{
	const struct term *l;
	int64_t n;

	if (!small_int(args[0], &n) || n < 1)
		return no_clause(m);
	l = skip(m, args[1], n - 1);
	return l != NULL && term_type(l) == TERM_CONS ? term_head(l) : no_clause(m);
}

BUILTIN(nthtail)
{
	const struct term *l;
	int64_t n;

	if (!small_int(args[0], &n) || n < 0)
		return no_clause(m);
	l = skip(m, args[1], n);
	return l != NULL && term_is_list(l) ? l : no_clause(m);
}

static const struct term *reverse_onto(struct machine *m, const struct term *list,
                                       const struct term *tail)
{
	EACH(m, l, list)
	{
		tail = term_cons(m->arena, term_head(l), tail);
		if (tail == NULL)
			return NULL;
	}
	return tail;
}

BUILTIN(reverse)
{
	return term_length(args[0]) < 0 ? no_clause(m)
	                                : reverse_onto(m, args[0], term_nil(m->arena));
}

BUILTIN(reverse_2)
{
	return term_length(args[0]) < 0 ? badarg(m) : reverse_onto(m, args[0], args[1]);
}

BUILTIN(search)
{
	if (term_length(args[1]) < 0)
		return no_clause(m);
	EACH(m, l, args[1])
	{
		enum verdict v = ask(m, args[0], term_head(l), "case_clause");

		if (v == VERDICT_TRUE)
			return term_tuple2(m->arena, term_atom(m->arena, "value"), term_head(l));
		if (v == VERDICT_FAILED)
			return NULL;
	}
	return term_bool(m->arena, false);
}

BUILTIN(sum)
{
	const struct term *sum = term_int(m->arena, 0);

	if (term_length(args[0]) < 0)
		return no_clause(m);
	EACH(m, l, args[0])
	{
		sum = operator_binary(m, OP_PLUS, sum, term_head(l));
		if (sum == NULL)
			return NULL;
	}
	return sum;
}

const struct builtin builtins_lists[] = {
    {"all", 2, all},
    {"any", 2, any},
    {"append", 1, append_1},
    {"append", 2, append_2},
    {"delete", 2, delete},
    {"filter", 2, filter},
    {"filtermap", 2, filtermap},
    {"flatmap", 2, flatmap},
    {"foldl", 3, foldl},
    {"foldr", 3, foldr},
    {"foreach", 2, foreach},
    {"last", 1, last},
    {"map", 2, map},
    {"mapfoldl", 3, mapfoldl},
    {"mapfoldr", 3, mapfoldr},
    {"max", 1, do_max},
    {"member", 2, member},
    {"min", 1, do_min},
    {"nth", 2, nth},
    {"nthtail", 2, nthtail},
    {"reverse", 1, reverse},
    {"reverse", 2, reverse_2},
    {"search", 2, search},
    {"subtract", 2, subtract},
    {"sum", 1, sum},
    {NULL, 0, NULL},
};
