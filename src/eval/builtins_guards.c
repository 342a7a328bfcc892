/* Module erlang: what guards may call. */
#include <math.h>
#include <string.h>

#include "eval/builtins.h"
#include "term/integer.h"

static const struct term *answer(struct machine *m, bool v)
{
	return term_bool(m->arena, v);
}

BUILTIN(is_atom)
{
	return answer(m, term_type(args[0]) == TERM_ATOM);
}

BUILTIN(is_binary)
{
	return answer(m, term_type(args[0]) == TERM_BINARY && term_bit_size(args[0]) % 8 == 0);
}

BUILTIN(is_bitstring)
{
	return answer(m, term_type(args[0]) == TERM_BINARY);
}

BUILTIN(is_boolean)
{
	return answer(m, term_is_atom(args[0], "true") || term_is_atom(args[0], "false"));
}

BUILTIN(is_float)
{
	return answer(m, term_type(args[0]) == TERM_FLOAT);
}

BUILTIN(is_function_1)
{
	return answer(m, term_type(args[0]) == TERM_FUN);
}

BUILTIN(is_function_2)
{
	int64_t arity;

	if (!small_int(args[1], &arity) || arity < 0)
		return badarg(m);
	return answer(m, arity <= 255 && apply_is_fun(args[0], (unsigned)arity));
}

BUILTIN(is_integer)
{
	return answer(m, term_is_integer(args[0]));
}

BUILTIN(is_list)
{
	return answer(m, term_is_list(args[0]));
}

BUILTIN(is_map)
{
	return answer(m, term_type(args[0]) == TERM_MAP);
}

BUILTIN(is_map_key)
{
	if (term_type(args[1]) != TERM_MAP)
		return machine_error_with(m, "badmap", args[1]);
	return answer(m, term_map_get(args[1], args[0]) != NULL);
}

BUILTIN(is_number)
{
	return answer(m, term_is_integer(args[0]) || term_type(args[0]) == TERM_FLOAT);
}

BUILTIN(is_pid)
{
	return answer(m, term_type(args[0]) == TERM_PID);
}

BUILTIN(is_port)
{
	return answer(m, term_type(args[0]) == TERM_PORT);
}

BUILTIN(is_reference)
{
	return answer(m, term_type(args[0]) == TERM_REF);
}

BUILTIN(is_tuple)
{
	return answer(m, term_type(args[0]) == TERM_TUPLE);
}

static bool is_record_of(const struct term *t, const struct term *tag)
{
	return term_type(t) == TERM_TUPLE && term_tuple_size(t) > 0 &&
	       term_compare(term_element(t, 0), tag, true) == 0;
}

BUILTIN(is_record_2)
{
	if (term_type(args[1]) != TERM_ATOM)
		return badarg(m);
	return answer(m, is_record_of(args[0], args[1]));
}

BUILTIN(is_record_3)
{
	int64_t size;

	if (term_type(args[1]) != TERM_ATOM || !small_int(args[2], &size))
		return badarg(m);
	return answer(m,
	              is_record_of(args[0], args[1]) && (int64_t)term_tuple_size(args[0]) == size);
}

BUILTIN(do_abs)
{
	const struct term *t = args[0];

	if (term_type(t) == TERM_FLOAT)
		return term_float(m->arena, fabs(term_float_value(t)));
	if (!term_is_integer(t))
		return badarg(m);
	return integer_sign(t) < 0 ? operator_unary(m, OP_MINUS, t) : t;
}

BUILTIN(bit_size)
{
	if (term_type(args[0]) != TERM_BINARY)
		return badarg(m);
	return term_int(m->arena, (int64_t)term_bit_size(args[0]));
}

BUILTIN(byte_size)
{
	if (term_type(args[0]) != TERM_BINARY)
		return badarg(m);
	return term_int(m->arena, (int64_t)term_binary_bytes(args[0]).len);
}

static const struct term *rounded(struct machine *m, const struct term *t, double (*how)(double))
{
	if (term_is_integer(t))
		return t;
	if (term_type(t) != TERM_FLOAT)
		return badarg(m);
	return integer_from_double(m->arena, how(term_float_value(t)));
}

BUILTIN(do_ceil)
{
	return rounded(m, args[0], ceil);
}

BUILTIN(do_floor)
{
	return rounded(m, args[0], floor);
}

BUILTIN(do_round)
{
	return rounded(m, args[0], round);
}

BUILTIN(do_trunc)
{
	return rounded(m, args[0], trunc);
}

BUILTIN(to_float)
{
	double v;

	if (term_type(args[0]) == TERM_FLOAT)
		return args[0];
	if (!term_is_integer(args[0]) || integer_to_double(args[0], &v) != ST_OK)
		return badarg(m);
	return term_float(m->arena, v);
}

BUILTIN(element)
{
	int64_t n;

	if (!small_int(args[0], &n) || term_type(args[1]) != TERM_TUPLE || n < 1 ||
	    n > (int64_t)term_tuple_size(args[1]))
		return badarg(m);
	return term_element(args[1], (size_t)n - 1);
}

BUILTIN(hd)
{
	return term_type(args[0]) == TERM_CONS ? term_head(args[0]) : badarg(m);
}

BUILTIN(tl)
{
	return term_type(args[0]) == TERM_CONS ? term_tail(args[0]) : badarg(m);
}

BUILTIN(length)
{
	if (term_length(args[0]) < 0)
		return badarg(m);
	return term_int(m->arena, term_length(args[0]));
}

BUILTIN(map_get)
{
	const struct term *v;

	if (term_type(args[1]) != TERM_MAP)
		return machine_error_with(m, "badmap", args[1]);
	v = term_map_get(args[1], args[0]);
	return v == NULL ? machine_error_with(m, "badkey", args[0]) : v;
}

BUILTIN(map_size)
{
	if (term_type(args[0]) != TERM_MAP)
		return machine_error_with(m, "badmap", args[0]);
	return term_int(m->arena, (int64_t)term_map_size(args[0]));
}

BUILTIN(tuple_size)
{
	if (term_type(args[0]) != TERM_TUPLE)
		return badarg(m);
	return term_int(m->arena, (int64_t)term_tuple_size(args[0]));
}

BUILTIN(size)
{
	return term_type(args[0]) == TERM_TUPLE ? tuple_size(m, args) : byte_size(m, args);
}

BUILTIN(do_max)
{
	return term_compare(args[0], args[1], false) >= 0 ? args[0] : args[1];
}

BUILTIN(do_min)
{
	return term_compare(args[0], args[1], false) <= 0 ? args[0] : args[1];
}

BUILTIN(self)
{
	const struct term_node_id id = {.node = "nonode@nohost"};

	if (m->host != NULL && m->host->self != NULL)
		return term_copy(m->arena, m->host->self);
	return term_pid(m->arena, &id);
}

const struct builtin builtins_guards[] = {
    {"is_atom", 1, is_atom},
    {"is_binary", 1, is_binary},
    {"is_bitstring", 1, is_bitstring},
    {"is_boolean", 1, is_boolean},
    {"is_float", 1, is_float},
    {"is_function", 1, is_function_1},
    {"is_function", 2, is_function_2},
    {"is_integer", 1, is_integer},
    {"is_list", 1, is_list},
    {"is_map", 1, is_map},
    {"is_map_key", 2, is_map_key},
    {"is_number", 1, is_number},
    {"is_pid", 1, is_pid},
    {"is_port", 1, is_port},
    {"is_record", 2, is_record_2},
    {"is_record", 3, is_record_3},
    {"is_reference", 1, is_reference},
    {"is_tuple", 1, is_tuple},
    {"abs", 1, do_abs},
    {"bit_size", 1, bit_size},
    {"byte_size", 1, byte_size},
    {"ceil", 1, do_ceil},
    {"element", 2, element},
    {"float", 1, to_float},
    {"floor", 1, do_floor},
    {"hd", 1, hd},
    {"length", 1, length},
    {"map_get", 2, map_get},
    {"map_size", 1, map_size},
    {"max", 2, do_max},
    {"min", 2, do_min},
    {"round", 1, do_round},
    {"self", 0, self},
    {"size", 1, size},
    {"tl", 1, tl},
    {"trunc", 1, do_trunc},
    {"tuple_size", 1, tuple_size},
    {NULL, 0, NULL},
};
