/* Module lists: making lists, and making them flat. */
#include <string.h>

#include "eval/builtins.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

/* The text of one element of concat/1. */
static const struct term *thing_to_list(struct machine *m, const struct term *t)
{
	static const char *const makers[] = {
	    [TERM_INT] = "integer_to_list",
	    [TERM_BIG] = "integer_to_list",
	    [TERM_FLOAT] = "float_to_list",
	    [TERM_ATOM] = "atom_to_list",
	};

	if (term_is_list(t))
		return t;
	if (term_type(t) > TERM_ATOM)
		return no_clause(m);
	return apply_function(m, "erlang", makers[term_type(t)], &t, 1);
}

BUILTIN(concat)
{
	struct vec v = {0};
	const struct term *list;

	if (term_length(args[0]) < 0)
		return no_clause(m);
	EACH(m, l, args[0])
	{
		if (!vec_push(m, &v, thing_to_list(m, term_head(l))))
			return NULL;
	}
	list = vec_list(m, &v);
	return list == NULL ? NULL : apply_function(m, "lists", "append", &list, 1);
}

BUILTIN(duplicate)
{
	const struct term *list = term_nil(m->arena);
	int64_t n;

	if (!small_int(args[0], &n) || n < 0)
		return no_clause(m);
	if (n > TERM_WEIGHT_MAX)
		return machine_limit(m, "a list is too long");
	for (; n > 0 && list != NULL && machine_charge(m, 1); n--)
		list = term_cons(m->arena, args[1], list);
	return list;
}

static const struct term *enumerate(struct machine *m, int64_t at, int64_t step,
                                    const struct term *list)
{
	struct vec v = {0};

	if (term_length(list) < 0)
		return no_clause(m);
	EACH(m, l, list)
	{
		if (!vec_push(m, &v, term_tuple2(m->arena, term_int(m->arena, at), term_head(l))))
			return NULL;
		at += step;
	}
	return vec_list(m, &v);
}

BUILTIN(enumerate_1)
{
	return enumerate(m, 1, 1, args[0]);
}

BUILTIN(enumerate_2)
{
	int64_t at;

	return small_int(args[0], &at) ? enumerate(m, at, 1, args[1]) : no_clause(m);
}

BUILTIN(flatlength)
{
	int64_t n = 0;

	if (term_length(args[0]) < 0)
		return no_clause(m);
	EACH(m, l, args[0])
	{
		const struct term *x = term_head(l);

		if (term_is_list(x)) {
			x = machine_enter(m) ? flatlength(m, &x) : NULL;
			if (x == NULL)
				return NULL;
			machine_leave(m);
			n += term_int_value(x);
		} else {
			n++;
		}
	}
	return term_int(m->arena, n);
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
static bool flatten_into(struct machine *m, const struct term *list, struct vec *v)
{
	EACH(m, l, list)
	{
		const struct term *x = term_head(l);

		if (term_length(x) < 0 && term_is_list(x)) {
			(void)no_clause(m);
			return false;
		}
		if (term_is_list(x) ? !flatten_into(m, x, v) : !vec_push(m, v, x))
			return false;
	}
	return m->signal == SIGNAL_NONE;
}

BUILTIN(flatten)
{
	struct vec v = {0};

	if (term_length(args[0]) < 0)
		return no_clause(m);
	return flatten_into(m, args[0], &v) ? vec_list(m, &v) : NULL;
}

BUILTIN(flatten_2)
{
	struct vec v = {0};

	if (term_length(args[0]) < 0)
		return no_clause(m);
	return flatten_into(m, args[0], &v) ? term_list_tail(m->arena, v.at, v.n, args[1]) : NULL;
}

BUILTIN(join)
{
	struct vec v = {0};

	if (term_length(args[1]) < 0)
		return no_clause(m);
	EACH(m, l, args[1])
	{
		if (v.n > 0 && !vec_push(m, &v, args[0]))
			return NULL;
		if (!vec_push(m, &v, term_head(l)))
			return NULL;
	}
	return vec_list(m, &v);
}

static const struct term *sequence(struct machine *m, int64_t first, int64_t last, int64_t step)
{
	const struct term *list = term_nil(m->arena);
	int64_t n;

	if (step == 0 || (step > 0 && first > last) || (step < 0 && first < last))
		return list;
	n = (last - first) / step;
	if (n >= TERM_WEIGHT_MAX)
		return machine_limit(m, "a list is too long");
	for (; n >= 0 && list != NULL && machine_charge(m, 1); n--)
		list = term_cons(m->arena, term_int(m->arena, first + n * step), list);
	return list;
}

BUILTIN(seq_2)
{
	int64_t first;
	int64_t last;

	if (!small_int(args[0], &first) || !small_int(args[1], &last) || first - 1 > last)
		return no_clause(m);
	return sequence(m, first, last, 1);
}

BUILTIN(seq_3)
{
	int64_t first;
	int64_t last;
	int64_t step;
	const int64_t far = INT64_MAX / 4;

	if (!small_int(args[0], &first) || !small_int(args[1], &last) || !small_int(args[2], &step))
		return badarg(m);
	if (first > far || first < -far || last > far || last < -far || step > far || step < -far)
		return machine_limit(m, "a list is too long");
	if ((step > 0 && first - step > last) || (step < 0 && first - step < last) ||
	    (step == 0 && first != last))
		return badarg(m);
	if (step == 0)
		return term_list(m->arena, args, 1);
	return sequence(m, first, last, step);
}

const struct builtin builtins_lists_make[] = {
    {"concat", 1, concat},
    {"duplicate", 2, duplicate},
    {"enumerate", 1, enumerate_1},
    {"enumerate", 2, enumerate_2},
    {"flatlength", 1, flatlength},
    {"flatten", 1, flatten},
    {"flatten", 2, flatten_2},
    {"join", 2, join},
    {"seq", 2, seq_2},
    {"seq", 3, seq_3},
    {NULL, 0, NULL},
};
/* NOLINTEND(misc-no-recursion) */
