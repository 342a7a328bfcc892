/* Module maps. */
#include <string.h>

#include "eval/builtins.h"

static const struct term *badmap(struct machine *m, const struct term *t)
{
	return machine_error_with(m, "badmap", t);
}

static bool is_map(const struct term *t)
{
	return term_type(t) == TERM_MAP;
}

/* Pairs being collected. */
struct pairs {
	struct vec keys;
	struct vec values;
};

static bool push_pair(struct machine *m, struct pairs *p, const struct term *key,
                      const struct term *value)
{
	return machine_charge(m, 1) && vec_push(m, &p->keys, key) && vec_push(m, &p->values, value);
}

static bool push_map(struct machine *m, struct pairs *p, const struct term *map)
{
	for (size_t i = 0; i < term_map_size(map); i++) {
		if (!push_pair(m, p, term_map_key(map, i), term_map_value(map, i)))
			return false;
	}
	return true;
}

static const struct term *made(struct machine *m, const struct pairs *p)
{
	if (m->signal != SIGNAL_NONE)
		return NULL;
	return term_map(m->arena, p->keys.at, p->values.at, p->keys.n);
}

static const struct term *pair(struct machine *m, const struct term *map, size_t i)
{
	return term_tuple2(m->arena, term_map_key(map, i), term_map_value(map, i));
}

BUILTIN(new)
{
	const struct pairs p = {{0}, {0}};

	return made(m, &p);
}

BUILTIN(keys)
{
	struct pairs p = {{0}, {0}};

	if (!is_map(args[0]))
		return badmap(m, args[0]);
	return push_map(m, &p, args[0]) ? vec_list(m, &p.keys) : NULL;
}

BUILTIN(values)
{
	struct pairs p = {{0}, {0}};

	if (!is_map(args[0]))
		return badmap(m, args[0]);
	return push_map(m, &p, args[0]) ? vec_list(m, &p.values) : NULL;
}

BUILTIN(to_list)
{
	struct vec v = {0};

	if (!is_map(args[0]))
		return badmap(m, args[0]);
	for (size_t i = 0; i < term_map_size(args[0]); i++) {
		if (!machine_charge(m, 1) || !vec_push(m, &v, pair(m, args[0], i)))
			return NULL;
	}
	return vec_list(m, &v);
}

BUILTIN(from_list)
{
	struct pairs p = {{0}, {0}};

	if (term_length(args[0]) < 0)
		return badarg(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		const struct term *x = term_head(l);

		if (term_type(x) != TERM_TUPLE || term_tuple_size(x) != 2)
			return badarg(m);
		if (!push_pair(m, &p, term_element(x, 0), term_element(x, 1)))
			return NULL;
	}
	return made(m, &p);
}

BUILTIN(from_keys)
{
	struct pairs p = {{0}, {0}};

	if (term_length(args[0]) < 0)
		return badarg(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		if (!push_pair(m, &p, term_head(l), args[1]))
			return NULL;
	}
	return made(m, &p);
}

BUILTIN(get_2)
{
	const struct term *v;

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	v = term_map_get(args[1], args[0]);
	return v == NULL ? machine_error_with(m, "badkey", args[0]) : v;
}

BUILTIN(get_3)
{
	const struct term *v;

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	v = term_map_get(args[1], args[0]);
	return v == NULL ? args[2] : v;
}

BUILTIN(find)
{
	const struct term *v;

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	v = term_map_get(args[1], args[0]);
	if (v == NULL)
		return term_atom(m->arena, "error");
	return term_tuple2(m->arena, term_atom(m->arena, "ok"), v);
}

BUILTIN(is_key)
{
	if (!is_map(args[1]))
		return badmap(m, args[1]);
	return term_bool(m->arena, term_map_get(args[1], args[0]) != NULL);
}

BUILTIN(size)
{
	if (!is_map(args[0]))
		return badmap(m, args[0]);
	return term_int(m->arena, (int64_t)term_map_size(args[0]));
}

static const struct term *put_in(struct machine *m, const struct term *map, const struct term *key,
                                 const struct term *value)
{
	struct pairs p = {{0}, {0}};

	if (!push_map(m, &p, map) || !push_pair(m, &p, key, value))
		return NULL;
	return made(m, &p);
}

BUILTIN(put)
{
	return is_map(args[2]) ? put_in(m, args[2], args[0], args[1]) : badmap(m, args[2]);
}

BUILTIN(update)
{
	if (!is_map(args[2]))
		return badmap(m, args[2]);
	if (term_map_get(args[2], args[0]) == NULL)
		return machine_error_with(m, "badkey", args[0]);
	return put_in(m, args[2], args[0], args[1]);
}

static const struct term *update_with(struct machine *m, const struct term *key,
                                      const struct term *fun, const struct term *init,
                                      const struct term *map)
{
	const struct term *v;

	if (!is_map(map))
		return badmap(m, map);
	if (!apply_is_fun(fun, 1))
		return badarg(m);
	v = term_map_get(map, key);
	if (v == NULL && init == NULL)
		return machine_error_with(m, "badkey", key);
	v = v == NULL ? init : apply_fun(m, fun, &v, 1);
	return v == NULL ? NULL : put_in(m, map, key, v);
}

BUILTIN(update_with_3)
{
	return update_with(m, args[0], args[1], NULL, args[2]);
}

BUILTIN(update_with_4)
{
	return update_with(m, args[0], args[1], args[2], args[3]);
}

/* The pairs whose keys are, or are not, among those of a list or map. */
static const struct term *restricted(struct machine *m, const struct term *map,
                                     const struct term *among, bool keep)
{
	struct pairs p = {{0}, {0}};

	for (size_t i = 0; i < term_map_size(map); i++) {
		const struct term *key = term_map_key(map, i);

		if ((term_map_get(among, key) != NULL) == keep &&
		    !push_pair(m, &p, key, term_map_value(map, i)))
			return NULL;
	}
	return made(m, &p);
}

static const struct term *restricted_to_list(struct machine *m, const struct term *keys,
                                             const struct term *map, bool keep)
{
	const struct term *two[] = {keys, term_bool(m->arena, true)};
	const struct term *among;

	if (!is_map(map))
		return badmap(m, map);
	if (term_length(keys) < 0)
		return badarg(m);
	among = from_keys(m, two);
	return among == NULL ? NULL : restricted(m, map, among, keep);
}

BUILTIN(with)
{
	return restricted_to_list(m, args[0], args[1], true);
}

BUILTIN(without)
{
	return restricted_to_list(m, args[0], args[1], false);
}

BUILTIN(remove_key)
{
	const struct term *one;

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	one = term_cons(m->arena, args[0], term_nil(m->arena));
	return one == NULL ? NULL : restricted_to_list(m, one, args[1], false);
}

BUILTIN(take)
{
	const struct term *v;

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	v = term_map_get(args[1], args[0]);
	if (v == NULL)
		return term_atom(m->arena, "error");
	return term_tuple2(m->arena, v, remove_key(m, args));
}

BUILTIN(merge)
{
	struct pairs p = {{0}, {0}};

	for (size_t i = 0; i < 2; i++) {
		if (!is_map(args[i]))
			return badmap(m, args[i]);
	}
	if (!push_map(m, &p, args[0]) || !push_map(m, &p, args[1]))
		return NULL;
	return made(m, &p);
}

BUILTIN(merge_with)
{
	struct pairs p = {{0}, {0}};

	if (!is_map(args[1]) || !is_map(args[2]))
		return badmap(m, is_map(args[1]) ? args[2] : args[1]);
	if (!apply_is_fun(args[0], 3))
		return badarg(m);
	if (!push_map(m, &p, args[1]))
		return NULL;
	for (size_t i = 0; i < term_map_size(args[2]); i++) {
		const struct term *key = term_map_key(args[2], i);
		const struct term *three[] = {key, term_map_get(args[1], key),
		                              term_map_value(args[2], i)};
		const struct term *v =
		    three[1] == NULL ? three[2] : apply_fun(m, args[0], three, 3);

		if (v == NULL || !push_pair(m, &p, key, v))
			return NULL;
	}
	return made(m, &p);
}

BUILTIN(intersect)
{
	for (size_t i = 0; i < 2; i++) {
		if (!is_map(args[i]))
			return badmap(m, args[i]);
	}
	return restricted(m, args[1], args[0], true);
}

BUILTIN(map)
{
	struct pairs p = {{0}, {0}};

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	if (!apply_is_fun(args[0], 2))
		return badarg(m);
	for (size_t i = 0; i < term_map_size(args[1]); i++) {
		const struct term *two[] = {term_map_key(args[1], i), term_map_value(args[1], i)};

		if (!push_pair(m, &p, two[0], apply_fun(m, args[0], two, 2)))
			return NULL;
	}
	return made(m, &p);
}

BUILTIN(filter)
{
	struct pairs p = {{0}, {0}};

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	if (!apply_is_fun(args[0], 2))
		return badarg(m);
	for (size_t i = 0; i < term_map_size(args[1]); i++) {
		const struct term *two[] = {term_map_key(args[1], i), term_map_value(args[1], i)};
		const struct term *v = apply_fun(m, args[0], two, 2);

		if (v == NULL)
			return NULL;
		if (term_is_atom(v, "true") && !push_pair(m, &p, two[0], two[1]))
			return NULL;
		if (!term_is_atom(v, "true") && !term_is_atom(v, "false"))
			return machine_error_with(m, "case_clause", v);
	}
	return made(m, &p);
}

BUILTIN(filtermap)
{
	struct pairs p = {{0}, {0}};

	if (!is_map(args[1]))
		return badmap(m, args[1]);
	if (!apply_is_fun(args[0], 2))
		return badarg(m);
	for (size_t i = 0; i < term_map_size(args[1]); i++) {
		const struct term *two[] = {term_map_key(args[1], i), term_map_value(args[1], i)};
		const struct term *v = apply_fun(m, args[0], two, 2);

		if (v == NULL)
			return NULL;
		if (term_is_atom(v, "false"))
			continue;
		if (term_type(v) == TERM_TUPLE && term_tuple_size(v) == 2 &&
		    term_is_atom(term_element(v, 0), "true"))
			two[1] = term_element(v, 1);
		else if (!term_is_atom(v, "true"))
			return machine_error_with(m, "case_clause", v);
		if (!push_pair(m, &p, two[0], two[1]))
			return NULL;
	}
	return made(m, &p);
}

BUILTIN(fold)
{
	const struct term *acc = args[1];

	if (!is_map(args[2]))
		return badmap(m, args[2]);
	if (!apply_is_fun(args[0], 3))
		return badarg(m);
	for (size_t i = 0; acc != NULL && i < term_map_size(args[2]); i++) {
		const struct term *three[] = {term_map_key(args[2], i), term_map_value(args[2], i),
		                              acc};

		acc = apply_fun(m, args[0], three, 3);
	}
	return acc;
}

BUILTIN(foreach)
{
	if (!is_map(args[1]))
		return badmap(m, args[1]);
	if (!apply_is_fun(args[0], 2))
		return badarg(m);
	for (size_t i = 0; i < term_map_size(args[1]); i++) {
		const struct term *two[] = {term_map_key(args[1], i), term_map_value(args[1], i)};

		if (apply_fun(m, args[0], two, 2) == NULL)
			return NULL;
	}
	return term_atom(m->arena, "ok");
}

const struct builtin builtins_maps[] = {
    {"filter", 2, filter},
    {"filtermap", 2, filtermap},
    {"find", 2, find},
    {"fold", 3, fold},
    {"foreach", 2, foreach},
    {"from_keys", 2, from_keys},
    {"from_list", 1, from_list},
    {"get", 2, get_2},
    {"get", 3, get_3},
    {"intersect", 2, intersect},
    {"is_key", 2, is_key},
    {"keys", 1, keys},
    {"map", 2, map},
    {"merge", 2, merge},
    {"merge_with", 3, merge_with},
    {"new", 0, new},
    {"put", 3, put},
    {"remove", 2, remove_key},
    {"size", 1, size},
    {"take", 2, take},
    {"to_list", 1, to_list},
    {"update", 3, update},
    {"update_with", 3, update_with_3},
    {"update_with", 4, update_with_4},
    {"values", 1, values},
    {"with", 2, with},
    {"without", 2, without},
    {NULL, 0, NULL},
};
