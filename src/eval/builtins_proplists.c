/* Module proplists. */
#include <string.h>

#include "eval/builtins.h"

/* Is x the entry of key: {Key, ...}, or the bare atom? */
static bool is_entry(const struct term *x, const struct term *key)
{
	if (term_type(x) == TERM_TUPLE && term_tuple_size(x) >= 1)
		return term_compare(term_element(x, 0), key, true) == 0;
	return term_type(x) == TERM_ATOM && term_compare(x, key, true) == 0;
}

/* The value of an entry: true for a bare atom; NULL: it has none, or memory ran out. */
static const struct term *entry_value(struct machine *m, const struct term *x)
{
	if (term_type(x) == TERM_ATOM)
		return term_bool(m->arena, true);
	return term_tuple_size(x) == 2 ? term_element(x, 1) : NULL;
}

/* The first entry of key; NULL: none, or a signal. */
static const struct term *first_entry(struct machine *m, const struct term *key,
                                      const struct term *list)
{
	for (; term_type(list) == TERM_CONS; list = term_tail(list)) {
		if (!machine_charge(m, 1))
			return NULL;
		if (is_entry(term_head(list), key))
			return term_head(list);
	}
	if (term_type(list) != TERM_NIL)
		(void)no_clause(m);
	return NULL;
}

static const struct term *get_value(struct machine *m, const struct term *key,
                                    const struct term *list, const struct term *otherwise)
{
	const struct term *x = first_entry(m, key, list);
	const struct term *v = x == NULL ? NULL : entry_value(m, x);

	if (m->signal != SIGNAL_NONE)
		return NULL;
	return v == NULL ? otherwise : v;
}

BUILTIN(get_value_2)
{
	return get_value(m, args[0], args[1], term_atom(m->arena, "undefined"));
}

BUILTIN(get_value_3)
{
	return get_value(m, args[0], args[1], args[2]);
}

BUILTIN(get_bool)
{
	const struct term *v = get_value(m, args[0], args[1], args[0]);

	return v == NULL ? NULL : term_bool(m->arena, v != args[0] && term_is_atom(v, "true"));
}

BUILTIN(is_defined)
{
	const struct term *x = first_entry(m, args[0], args[1]);

	return m->signal == SIGNAL_NONE ? term_bool(m->arena, x != NULL) : NULL;
}

static const struct term *as_tuple(struct machine *m, const struct term *x)
{
	if (term_type(x) != TERM_ATOM)
		return x;
	return term_tuple2(m->arena, x, term_bool(m->arena, true));
}

BUILTIN(lookup)
{
	const struct term *x = first_entry(m, args[0], args[1]);

	if (m->signal != SIGNAL_NONE)
		return NULL;
	return x == NULL ? term_atom(m->arena, "none") : as_tuple(m, x);
}

enum collect { COLLECT_VALUES, COLLECT_ENTRIES, COLLECT_OTHERS };

static const struct term *collect(struct machine *m, const struct term *const args[],
                                  enum collect what)
{
	struct vec v = {0};

	if (term_length(args[1]) < 0)
		return no_clause(m);
	for (const struct term *l = args[1]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		const struct term *x = term_head(l);

		if (!machine_charge(m, 1))
			return NULL;
		if (is_entry(x, args[0]) == (what == COLLECT_OTHERS))
			continue;
		if (what == COLLECT_VALUES)
			x = entry_value(m, x);
		else if (what == COLLECT_ENTRIES)
			x = as_tuple(m, x);
		if (x == NULL && what == COLLECT_VALUES)
			continue;
		if (!vec_push(m, &v, x))
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(get_all_values)
{
	return collect(m, args, COLLECT_VALUES);
}

BUILTIN(lookup_all)
{
	return collect(m, args, COLLECT_ENTRIES);
}

BUILTIN(delete)
{
	return collect(m, args, COLLECT_OTHERS);
}

static const struct term *key_of(const struct term *x)
{
	if (term_type(x) == TERM_ATOM)
		return x;
	return term_type(x) == TERM_TUPLE && term_tuple_size(x) >= 1 ? term_element(x, 0) : NULL;
}

BUILTIN(get_keys)
{
	struct vec v = {0};
	const struct term *list;

	if (term_length(args[0]) < 0)
		return no_clause(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		const struct term *key = key_of(term_head(l));

		if (!machine_charge(m, 1) || (key != NULL && !vec_push(m, &v, key)))
			return NULL;
	}
	list = vec_list(m, &v);
	return list == NULL ? NULL : apply_function(m, "lists", "usort", &list, 1);
}

/* Of equal keys the first entry counts. */
BUILTIN(to_map)
{
	struct vec pairs = {0};
	const struct term *list;

	if (term_length(args[0]) < 0)
		return no_clause(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		const struct term *x = term_head(l);
		bool entry = key_of(x) != NULL && entry_value(m, x) != NULL;

		if (!machine_charge(m, 1) || (entry && !vec_push(m, &pairs, as_tuple(m, x))))
			return NULL;
	}
	list = vec_list(m, &pairs);
	list = list == NULL ? NULL : apply_function(m, "lists", "reverse", &list, 1);
	return list == NULL ? NULL : apply_function(m, "maps", "from_list", &list, 1);
}

BUILTIN(from_map)
{
	return apply_function(m, "maps", "to_list", args, 1);
}

BUILTIN(property_1)
{
	if (term_type(args[0]) == TERM_TUPLE && term_tuple_size(args[0]) == 2 &&
	    term_type(term_element(args[0], 0)) == TERM_ATOM &&
	    term_is_atom(term_element(args[0], 1), "true"))
		return term_element(args[0], 0);
	return args[0];
}

BUILTIN(property_2)
{
	const struct term *t = term_tuple2(m->arena, args[0], args[1]);

	return t == NULL ? NULL : property_1(m, &t);
}

static const struct term *each(struct machine *m, const struct term *list,
                               const struct term *(*how)(struct machine *, const struct term *))
{
	struct vec v = {0};

	if (term_length(list) < 0)
		return no_clause(m);
	for (; term_type(list) == TERM_CONS; list = term_tail(list)) {
		if (!machine_charge(m, 1) || !vec_push(m, &v, how(m, term_head(list))))
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(unfold)
{
	return each(m, args[0], as_tuple);
}

static const struct term *as_property(struct machine *m, const struct term *t)
{
	return property_1(m, &t);
}

BUILTIN(compact)
{
	return each(m, args[0], as_property);
}

const struct builtin builtins_proplists[] = {
    {"compact", 1, compact},       {"delete", 2, delete},
    {"from_map", 1, from_map},     {"get_all_values", 2, get_all_values},
    {"get_bool", 2, get_bool},     {"get_keys", 1, get_keys},
    {"get_value", 2, get_value_2}, {"get_value", 3, get_value_3},
    {"is_defined", 2, is_defined}, {"lookup", 2, lookup},
    {"lookup_all", 2, lookup_all}, {"property", 1, property_1},
    {"property", 2, property_2},   {"to_map", 1, to_map},
    {"unfold", 1, unfold},         {NULL, 0, NULL},
};
