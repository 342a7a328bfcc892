/* Module erlang: tuples, exceptions, calls, and the operators as functions. */
#include <string.h>

#include "eval/builtins.h"
#include "eval/limits.h"
#include "eval/text.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */

BUILTIN(apply_2)
{
	struct vec v;

	if (!vec_of_list(m, args[1], &v))
		return badarg(m);
	return apply_fun(m, args[0], v.at, v.n);
}

BUILTIN(apply_3)
{
	struct vec v;

	if (term_type(args[0]) != TERM_ATOM || term_type(args[1]) != TERM_ATOM ||
	    !vec_of_list(m, args[2], &v))
		return badarg(m);
	return apply_function(m, term_atom_text(args[0]), term_atom_text(args[1]), v.at, v.n);
}

BUILTIN(do_error)
{
	return machine_raise(m, "error", args[0]);
}

BUILTIN(do_exit)
{
	return machine_raise(m, "exit", args[0]);
}

BUILTIN(do_throw)
{
	return machine_raise(m, "throw", args[0]);
}

BUILTIN(do_raise)
{
	static const char *const classes[] = {"error", "exit", "throw"};

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		if (term_is_atom(args[0], classes[i]))
			return machine_raise(m, classes[i], args[1]);
	}
	return badarg(m);
}

/* The elements of a tuple with room for one more. */
static const struct term **elements(struct machine *m, const struct term *t, size_t *ret_n)
{
	const size_t n = term_tuple_size(t);
	const struct term **items = arena_alloc(m->arena, (n + 1) * sizeof *items);

	if (items == NULL || !machine_charge(m, n / 4)) {
		(void)machine_limit(m, NULL);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		items[i] = term_element(t, i);
	*ret_n = n;
	return items;
}

BUILTIN(setelement)
{
	const struct term **items;
	int64_t at;
	size_t n;

	if (!small_int(args[0], &at) || term_type(args[1]) != TERM_TUPLE || at < 1 ||
	    at > (int64_t)term_tuple_size(args[1]))
		return badarg(m);
	items = elements(m, args[1], &n);
	if (items == NULL)
		return NULL;
	items[at - 1] = args[2];
	return term_tuple(m->arena, items, n);
}

BUILTIN(append_element)
{
	const struct term **items;
	size_t n;

	if (term_type(args[0]) != TERM_TUPLE)
		return badarg(m);
	items = elements(m, args[0], &n);
	if (items == NULL)
		return NULL;
	items[n] = args[1];
	return term_tuple(m->arena, items, n + 1);
}

BUILTIN(insert_element)
{
	const struct term **items;
	int64_t at;
	size_t n;

	if (!small_int(args[0], &at) || term_type(args[1]) != TERM_TUPLE || at < 1 ||
	    at > (int64_t)term_tuple_size(args[1]) + 1)
		return badarg(m);
	items = elements(m, args[1], &n);
	if (items == NULL)
		return NULL;
	memmove(&items[at], &items[at - 1], (n - (size_t)(at - 1)) * sizeof *items);
	items[at - 1] = args[2];
	return term_tuple(m->arena, items, n + 1);
}

BUILTIN(delete_element)
{
	const struct term **items;
	int64_t at;
	size_t n;

	if (!small_int(args[0], &at) || term_type(args[1]) != TERM_TUPLE || at < 1 ||
	    at > (int64_t)term_tuple_size(args[1]))
		return badarg(m);
	items = elements(m, args[1], &n);
	if (items == NULL)
		return NULL;
	memmove(&items[at - 1], &items[at], (n - (size_t)at) * sizeof *items);
	return term_tuple(m->arena, items, n - 1);
}

BUILTIN(make_tuple)
{
	const struct term **items;
	int64_t n;

	if (!small_int(args[0], &n) || n < 0)
		return badarg(m);
	if (n > TERM_WEIGHT_MAX)
		return machine_error_atom(m, "system_limit");
	items = machine_charge(m, (uint64_t)n / 4)
	            ? arena_alloc(m->arena, ((size_t)n + 1) * sizeof *items)
	            : NULL;
	if (items == NULL)
		return machine_limit(m, NULL);
	for (int64_t i = 0; i < n; i++)
		items[i] = args[1];
	return term_tuple(m->arena, items, (size_t)n);
}

BUILTIN(tuple_to_list)
{
	const struct term **items;
	size_t n;

	if (term_type(args[0]) != TERM_TUPLE)
		return badarg(m);
	items = elements(m, args[0], &n);
	return items == NULL ? NULL : term_list(m->arena, items, n);
}

BUILTIN(list_to_tuple)
{
	struct vec v;

	if (!vec_of_list(m, args[0], &v))
		return badarg(m);
	return term_tuple(m->arena, v.at, v.n);
}

BUILTIN(binary_part)
{
	int64_t start;
	int64_t len;
	int64_t size;

	if (term_type(args[0]) != TERM_BINARY || !small_int(args[1], &start) ||
	    !small_int(args[2], &len))
		return badarg(m);
	size = (int64_t)term_binary_bytes(args[0]).len;
	if (len < 0 && len >= -size) {
		start += len;
		len = -len;
	}
	if (start < 0 || len < 0 || start > size || len > size - start ||
	    !machine_charge(m, (uint64_t)len / 256))
		return badarg(m);
	return term_binary(m->arena, term_binary_bytes(args[0]).base + start, (size_t)len);
}

BUILTIN(binary_part_2)
{
	const struct term *three[3];

	if (term_type(args[1]) != TERM_TUPLE || term_tuple_size(args[1]) != 2)
		return badarg(m);
	three[0] = args[0];
	three[1] = term_element(args[1], 0);
	three[2] = term_element(args[1], 1);
	return binary_part(m, three);
}

BUILTIN(split_binary)
{
	struct term_bytes bytes;
	int64_t at;

	if (term_type(args[0]) != TERM_BINARY || !small_int(args[1], &at))
		return badarg(m);
	bytes = term_binary_bytes(args[0]);
	if (at < 0 || at > (int64_t)bytes.len)
		return badarg(m);
	return term_tuple2(m->arena, term_binary(m->arena, bytes.base, (size_t)at),
	                   term_binary(m->arena, bytes.base + at, bytes.len - (size_t)at));
}

BUILTIN(iolist_size)
{
	struct buf bytes;
	const struct term *t = NULL;

	buf_init(&bytes, EVAL_MEMORY);
	if (text_bytes(m, args[0], &bytes))
		t = term_int(m->arena, (int64_t)bytes.len);
	buf_close(&bytes);
	return t == NULL ? badarg(m) : t;
}

BUILTIN(iolist_to_binary)
{
	struct buf bytes;
	const struct term *t = NULL;

	buf_init(&bytes, EVAL_MEMORY);
	if (text_bytes(m, args[0], &bytes))
		t = term_binary(m->arena, bytes.base, bytes.len);
	buf_close(&bytes);
	return t == NULL && !m->arena->failed ? badarg(m) : t;
}

BUILTIN(to_external)
{
	struct buf bytes;
	const struct term *t = NULL;
	enum status st;

	buf_init(&bytes, EVAL_MEMORY);
	st = machine_charge(m, term_weight(args[0])) ? term_encode(args[0], &bytes) : ST_LIMIT;
	if (st == ST_OK)
		t = term_binary(m->arena, bytes.base, bytes.len);
	else if (st != ST_UNSUPPORTED)
		(void)machine_limit(m, NULL);
	buf_close(&bytes);
	return st == ST_UNSUPPORTED ? badarg(m) : t;
}

BUILTIN(from_external)
{
	const struct term *t = NULL;
	struct term_bytes bytes;
	enum status st;
	size_t used;

	if (term_type(args[0]) != TERM_BINARY)
		return badarg(m);
	bytes = term_binary_bytes(args[0]);
	if (!machine_charge(m, bytes.len / 4))
		return NULL;
	st = term_decode(m->arena, bytes.base, bytes.len, &used, &t);
	if (st == ST_LIMIT || st == ST_NOMEM)
		return machine_limit(m, NULL);
	return st == ST_OK ? t : badarg(m);
}

/* Hidden in Erlang, too, but what lists:map(fun erlang:'+'/2...) needs. */
#define OPERATOR(function, op)                                   \
	BUILTIN(function)                                        \
	{                                                        \
		return operator_binary(m, op, args[0], args[1]); \
	}
OPERATOR(op_plus, OP_PLUS)
OPERATOR(op_minus, OP_MINUS)
OPERATOR(op_times, OP_TIMES)
OPERATOR(op_divide, OP_DIVIDE)
OPERATOR(op_div, OP_DIV)
OPERATOR(op_rem, OP_REM)
OPERATOR(op_band, OP_BAND)
OPERATOR(op_bor, OP_BOR)
OPERATOR(op_bxor, OP_BXOR)
OPERATOR(op_bsl, OP_BSL)
OPERATOR(op_bsr, OP_BSR)
OPERATOR(op_and, OP_AND)
OPERATOR(op_or, OP_OR)
OPERATOR(op_xor, OP_XOR)
OPERATOR(op_equal, OP_EQUAL)
OPERATOR(op_not_equal, OP_NOT_EQUAL)
OPERATOR(op_exact, OP_EXACT)
OPERATOR(op_not_exact, OP_NOT_EXACT)
OPERATOR(op_less, OP_LESS)
OPERATOR(op_less_equal, OP_LESS_EQUAL)
OPERATOR(op_greater, OP_GREATER)
OPERATOR(op_greater_equal, OP_GREATER_EQUAL)
OPERATOR(op_append, OP_APPEND)
OPERATOR(op_subtract, OP_SUBTRACT)

BUILTIN(op_not)
{
	return operator_unary(m, OP_NOT, args[0]);
}

BUILTIN(op_bnot)
{
	return operator_unary(m, OP_BNOT, args[0]);
}

BUILTIN(op_negate)
{
	return operator_unary(m, OP_MINUS, args[0]);
}

const struct builtin builtins_erlang[] = {
    {"apply", 2, apply_2},
    {"apply", 3, apply_3},
    {"append_element", 2, append_element},
    {"binary_part", 2, binary_part_2},
    {"binary_part", 3, binary_part},
    {"binary_to_term", 1, from_external},
    {"delete_element", 2, delete_element},
    {"error", 1, do_error},
    {"error", 2, do_error},
    {"exit", 1, do_exit},
    {"insert_element", 3, insert_element},
    {"iolist_size", 1, iolist_size},
    {"iolist_to_binary", 1, iolist_to_binary},
    {"list_to_binary", 1, iolist_to_binary},
    {"list_to_tuple", 1, list_to_tuple},
    {"make_tuple", 2, make_tuple},
    {"raise", 3, do_raise},
    {"setelement", 3, setelement},
    {"split_binary", 2, split_binary},
    {"term_to_binary", 1, to_external},
    {"throw", 1, do_throw},
    {"tuple_to_list", 1, tuple_to_list},
    {"+", 2, op_plus},
    {"-", 2, op_minus},
    {"*", 2, op_times},
    {"/", 2, op_divide},
    {"div", 2, op_div},
    {"rem", 2, op_rem},
    {"band", 2, op_band},
    {"bor", 2, op_bor},
    {"bxor", 2, op_bxor},
    {"bsl", 2, op_bsl},
    {"bsr", 2, op_bsr},
    {"and", 2, op_and},
    {"or", 2, op_or},
    {"xor", 2, op_xor},
    {"==", 2, op_equal},
    {"/=", 2, op_not_equal},
    {"=:=", 2, op_exact},
    {"=/=", 2, op_not_exact},
    {"<", 2, op_less},
    {"=<", 2, op_less_equal},
    {">", 2, op_greater},
    {">=", 2, op_greater_equal},
    {"++", 2, op_append},
    {"--", 2, op_subtract},
    {"not", 1, op_not},
    {"bnot", 1, op_bnot},
    {"-", 1, op_negate},
    {NULL, 0, NULL},
};
/* NOLINTEND(bugprone-sizeof-expression) */
