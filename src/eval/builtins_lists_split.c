/* Module lists: parts of lists, and several lists side by side. */
#include <string.h>

#include "eval/builtins.h"

BUILTIN(droplast)
{
	struct vec v;

	if (!vec_of_list(m, args[0], &v) || v.n == 0)
		return no_clause(m);
	v.n--;
	return vec_list(m, &v);
}

/* Elements before the first one that the predicate refuses; *ret_rest: from that one on. */
static bool while_true(struct machine *m, const struct term *fun, const struct term *list,
                       struct vec *v, const struct term **ret_rest)
{
	for (; term_type(list) == TERM_CONS; list = term_tail(list)) {
		enum verdict verdict;

		if (!machine_charge(m, 1))
			return false;
		verdict = ask(m, fun, term_head(list), "case_clause");
		if (verdict == VERDICT_FALSE)
			break;
		if (verdict != VERDICT_TRUE || !vec_push(m, v, term_head(list)))
			return false;
	}
	if (!term_is_list(list)) {
		(void)no_clause(m);
		return false;
	}
	*ret_rest = list;
	return true;
}

BUILTIN(dropwhile)
{
	const struct term *rest;
	struct vec v = {0};

	return while_true(m, args[0], args[1], &v, &rest) ? rest : NULL;
}

BUILTIN(takewhile)
{
	const struct term *rest;
	struct vec v = {0};

	return while_true(m, args[0], args[1], &v, &rest) ? vec_list(m, &v) : NULL;
}

BUILTIN(splitwith)
{
	const struct term *rest;
	struct vec v = {0};

	if (!while_true(m, args[0], args[1], &v, &rest))
		return NULL;
	return term_tuple2(m->arena, vec_list(m, &v), rest);
}

BUILTIN(partition)
{
	struct vec yes = {0};
	struct vec no = {0};

	if (term_length(args[1]) < 0)
		return no_clause(m);
	for (const struct term *l = args[1]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		enum verdict v = machine_charge(m, 1) ? ask(m, args[0], term_head(l), "case_clause")
		                                      : VERDICT_FAILED;

		if (v == VERDICT_FAILED ||
		    !vec_push(m, v == VERDICT_TRUE ? &yes : &no, term_head(l)))
			return NULL;
	}
	return term_tuple2(m->arena, vec_list(m, &yes), vec_list(m, &no));
}

static bool same(struct machine *m, const struct term *x, const struct term *y)
{
	return machine_charge(m, 1) && term_compare(x, y, true) == 0;
}

BUILTIN(prefix)
{
	const struct term *x = args[0];
	const struct term *y = args[1];

	for (; term_type(x) == TERM_CONS; x = term_tail(x)) {
		if (term_type(y) != TERM_CONS || !same(m, term_head(x), term_head(y)))
			return term_bool(m->arena, false);
		y = term_tail(y);
	}
	if (!term_is_list(x) || !term_is_list(y))
		return no_clause(m);
	return term_bool(m->arena, true);
}

BUILTIN(suffix)
{
	int64_t more = term_length(args[1]) - term_length(args[0]);
	const struct term *y = args[1];

	if (term_length(args[0]) < 0 || term_length(args[1]) < 0)
		return badarg(m);
	for (; more > 0 && machine_charge(m, 1); more--)
		y = term_tail(y);
	return term_bool(m->arena, more == 0 && term_compare(args[0], y, true) == 0);
}

BUILTIN(split)
{
	struct vec v = {0};
	const struct term *l = args[1];
	int64_t n;

	if (!small_int(args[0], &n) || n < 0 || !term_is_list(l))
		return badarg(m);
	for (; n > 0; n--) {
		if (term_type(l) != TERM_CONS)
			return badarg(m);
		if (!machine_charge(m, 1) || !vec_push(m, &v, term_head(l)))
			return NULL;
		l = term_tail(l);
	}
	return term_tuple2(m->arena, vec_list(m, &v), l);
}

/* From the first'th element on, at most n of them. */
static const struct term *part(struct machine *m, const struct term *l, int64_t first, int64_t n)
{
	struct vec v = {0};

	for (; first > 1; first--) {
		if (!machine_charge(m, 1))
			return NULL;
		if (term_type(l) != TERM_CONS)
			return l;
		l = term_tail(l);
	}
	for (; n > 0 && term_type(l) == TERM_CONS; n--) {
		if (!machine_charge(m, 1) || !vec_push(m, &v, term_head(l)))
			return NULL;
		l = term_tail(l);
	}
	return vec_list(m, &v);
}

BUILTIN(sublist_2)
{
	int64_t n;

	if (!small_int(args[1], &n) || n < 0 || !term_is_list(args[0]))
		return no_clause(m);
	return part(m, args[0], 1, n);
}

BUILTIN(sublist_3)
{
	int64_t first;
	int64_t n;

	if (!small_int(args[1], &first) || !small_int(args[2], &n) || first < 1 || n < 0 ||
	    !term_is_list(args[0]))
		return no_clause(m);
	return part(m, args[0], first, n);
}

/* Lists of the same length side by side, each row given to the fun, or made a tuple. */
static const struct term *zip(struct machine *m, const struct term *fun,
                              const struct term *const lists[], size_t n)
{
	const struct term *row[3];
	const struct term *at[3];
	struct vec v = {0};

	for (size_t i = 0; i < n; i++) {
		at[i] = lists[i];
		if (term_length(at[i]) < 0 || term_length(at[i]) != term_length(at[0]))
			return no_clause(m);
	}
	while (term_type(at[0]) == TERM_CONS) {
		if (!machine_charge(m, 1))
			return NULL;
		for (size_t i = 0; i < n; i++) {
			row[i] = term_head(at[i]);
			at[i] = term_tail(at[i]);
		}
		if (!vec_push(m, &v,
		              fun == NULL ? term_tuple(m->arena, row, n)
		                          : apply_fun(m, fun, row, n)))
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(zip_2)
{
	return zip(m, NULL, args, 2);
}

BUILTIN(zip_3)
{
	return zip(m, NULL, args, 3);
}

BUILTIN(zipwith)
{
	return zip(m, args[0], args + 1, 2);
}

BUILTIN(zipwith3)
{
	return zip(m, args[0], args + 1, 3);
}

static const struct term *unzip(struct machine *m, const struct term *list, size_t n)
{
	struct vec columns[3] = {{0}, {0}, {0}};
	const struct term *lists[3];

	if (term_length(list) < 0)
		return no_clause(m);
	for (; term_type(list) == TERM_CONS; list = term_tail(list)) {
		const struct term *row = term_head(list);

		if (term_type(row) != TERM_TUPLE || term_tuple_size(row) != n)
			return no_clause(m);
		for (size_t i = 0; i < n; i++) {
			if (!machine_charge(m, 1) ||
			    !vec_push(m, &columns[i], term_element(row, i)))
				return NULL;
		}
	}
	for (size_t i = 0; i < n; i++)
		lists[i] = vec_list(m, &columns[i]);
	return term_tuple(m->arena, lists, n);
}

BUILTIN(unzip_2)
{
	return unzip(m, args[0], 2);
}

BUILTIN(unzip_3)
{
	return unzip(m, args[0], 3);
}

const struct builtin builtins_lists_split[] = {
    {"droplast", 1, droplast},
    {"dropwhile", 2, dropwhile},
    {"partition", 2, partition},
    {"prefix", 2, prefix},
    {"split", 2, split},
    {"splitwith", 2, splitwith},
    {"sublist", 2, sublist_2},
    {"sublist", 3, sublist_3},
    {"suffix", 2, suffix},
    {"takewhile", 2, takewhile},
    {"unzip", 1, unzip_2},
    {"unzip3", 1, unzip_3},
    {"zip", 2, zip_2},
    {"zip3", 3, zip_3},
    {"zipwith", 3, zipwith},
    {"zipwith3", 4, zipwith3},
    {NULL, 0, NULL},
};
