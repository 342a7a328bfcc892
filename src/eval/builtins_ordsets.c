/* Module ordsets: sets as sorted lists. */
#include "eval/builtins.h"

BUILTIN(new)
{
	return term_nil(m->arena);
}

BUILTIN(from_list)
{
	return apply_function(m, "lists", "usort", args, 1);
}

BUILTIN(to_list)
{
	return args[0];
}

BUILTIN(is_element)
{
	return apply_function(m, "lists", "member", args, 2);
}

BUILTIN(size)
{
	return apply_function(m, "erlang", "length", args, 1);
}

BUILTIN(set_union)
{
	const struct term *both = operator_append(m, args[0], args[1]);

	return both == NULL ? NULL : from_list(m, &both);
}

BUILTIN(add_element)
{
	const struct term *list = term_cons(m->arena, args[0], args[1]);

	return list == NULL ? NULL : from_list(m, &list);
}

BUILTIN(subtract)
{
	return operator_binary(m, OP_SUBTRACT, args[0], args[1]);
}

BUILTIN(del_element)
{
	return apply_function(m, "lists", "delete", args, 2);
}

BUILTIN(intersection)
{
	const struct term *only = subtract(m, args);
	const struct term *two[] = {args[0], only};

	return only == NULL ? NULL : subtract(m, two);
}

BUILTIN(is_subset)
{
	const struct term *rest = subtract(m, args);

	return rest == NULL ? NULL : term_bool(m->arena, term_type(rest) == TERM_NIL);
}

const struct builtin builtins_ordsets[] = {
    {"add_element", 2, add_element},
    {"del_element", 2, del_element},
    {"from_list", 1, from_list},
    {"intersection", 2, intersection},
    {"is_element", 2, is_element},
    {"is_subset", 2, is_subset},
    {"new", 0, new},
    {"size", 1, size},
    {"subtract", 2, subtract},
    {"to_list", 1, to_list},
    {"union", 2, set_union},
    {NULL, 0, NULL},
};
