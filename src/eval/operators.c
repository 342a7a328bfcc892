/* Arithmetic, comparison, boolean and list operators. */
#include <assert.h>
#include <math.h>

#include "eval/machine.h"
#include "term/integer.h"

static const struct term *badarith(struct machine *m)
{
	return machine_error_atom(m, "badarith");
}

static const struct term *integers(struct machine *m, enum integer_op op, const struct term *x,
                                   const struct term *y)
{
	const struct term *t = NULL;
	enum status st;

	if (!term_is_integer(x) || !term_is_integer(y))
		return badarith(m);
	if (!machine_charge(m, (term_weight(x) + term_weight(y)) / 4))
		return NULL;
	st = integer_compute(m->arena, op, x, y, &t);
	if (st == ST_OK)
		return t;
	if (st == ST_INVALID)
		return badarith(m);
	return st == ST_LIMIT ? machine_error_atom(m, "system_limit") : machine_limit(m, NULL);
}

static bool number(const struct term *t, double *ret)
{
	if (term_type(t) == TERM_FLOAT) {
		*ret = term_float_value(t);
		return true;
	}
	return term_is_integer(t) && integer_to_double(t, ret) == ST_OK;
}

static const struct term *floats(struct machine *m, enum ast_op op, const struct term *x,
                                 const struct term *y)
{
	double a;
	double b;
	double v = 0;

	if (!number(x, &a) || !number(y, &b) || (op == OP_DIVIDE && b == 0))
		return badarith(m);
	if (op == OP_PLUS)
		v = a + b;
	else if (op == OP_MINUS)
		v = a - b;
	else if (op == OP_TIMES)
		v = a * b;
	else
		v = a / b;
	return isfinite(v) ? term_float(m->arena, v) : badarith(m);
}

static const struct term *arithmetic(struct machine *m, enum ast_op op, enum integer_op integer,
                                     const struct term *x, const struct term *y)
{
	if (term_type(x) == TERM_FLOAT || term_type(y) == TERM_FLOAT)
		return floats(m, op, x, y);
	return integers(m, integer, x, y);
}

static const struct term *booleans(struct machine *m, enum ast_op op, const struct term *x,
                                   const struct term *y)
{
	const bool a = term_is_atom(x, "true");
	const bool b = term_is_atom(y, "true");

	if ((!a && !term_is_atom(x, "false")) || (!b && !term_is_atom(y, "false")))
		return machine_error_atom(m, "badarg");
	if (op == OP_AND)
		return term_bool(m->arena, a && b);
	return term_bool(m->arena, op == OP_OR ? a || b : a != b);
}

static const struct term *comparison(struct machine *m, enum ast_op op, const struct term *x,
                                     const struct term *y)
{
	const uint32_t weight = term_weight(x) < term_weight(y) ? term_weight(x) : term_weight(y);
	const bool exact = op == OP_EXACT || op == OP_NOT_EXACT;
	bool holds = false;
	int order;

	if (!machine_charge(m, weight / 8))
		return NULL;
	order = term_compare(x, y, exact);
	if (op == OP_EQUAL || op == OP_EXACT)
		holds = order == 0;
	else if (op == OP_NOT_EQUAL || op == OP_NOT_EXACT)
		holds = order != 0;
	else if (op == OP_LESS)
		holds = order < 0;
	else if (op == OP_LESS_EQUAL)
		holds = order <= 0;
	else if (op == OP_GREATER)
		holds = order > 0;
	else
		holds = order >= 0;
	return term_bool(m->arena, holds);
}

const struct term *operator_append(struct machine *m, const struct term *x, const struct term *y)
{
	struct vec v;

	if (term_type(x) == TERM_NIL)
		return y;
	if (!vec_of_list(m, x, &v))
		return machine_error_atom(m, "badarg");
	return term_list_tail(m->arena, v.at, v.n, y);
}

/* Each element of y takes away its first equal in x. */
static const struct term *subtract(struct machine *m, const struct term *x, const struct term *y)
{
	struct vec left;
	struct vec out = {0};

	if (!vec_of_list(m, x, &left) || term_length(y) < 0)
		return machine_error_atom(m, "badarg");
	for (; term_type(y) == TERM_CONS; y = term_tail(y)) {
		if (!machine_charge(m, left.n))
			return NULL;
		for (size_t i = 0; i < left.n; i++) {
			if (left.at[i] != NULL &&
			    term_compare(left.at[i], term_head(y), true) == 0) {
				left.at[i] = NULL;
				break;
			}
		}
	}
	for (size_t i = 0; i < left.n; i++) {
		if (left.at[i] != NULL && !vec_push(m, &out, left.at[i]))
			return NULL;
	}
	return vec_list(m, &out);
}

const struct term *operator_unary(struct machine *m, enum ast_op op, const struct term *x)
{
	switch (op) {
	case OP_NOT:
		if (term_is_atom(x, "true") || term_is_atom(x, "false"))
			return term_bool(m->arena, term_is_atom(x, "false"));
		return machine_error_atom(m, "badarg");
	case OP_BNOT:
		return integers(m, INTEGER_SUB, term_int(m->arena, -1), x);
	case OP_MINUS:
		if (term_type(x) == TERM_FLOAT)
			return term_float(m->arena, -term_float_value(x));
		return integers(m, INTEGER_SUB, term_int(m->arena, 0), x);
	default:
		assert(op == OP_PLUS);
		if (term_type(x) == TERM_FLOAT || term_is_integer(x))
			return x;
		return badarith(m);
	}
}

static const struct term *operator_integer(struct machine *m, enum ast_op op, const struct term *x,
                                           const struct term *y)
{
	switch (op) {
	case OP_DIV:
		return integers(m, INTEGER_DIV, x, y);
	case OP_REM:
		return integers(m, INTEGER_REM, x, y);
	case OP_BAND:
		return integers(m, INTEGER_AND, x, y);
	case OP_BOR:
		return integers(m, INTEGER_OR, x, y);
	case OP_BXOR:
		return integers(m, INTEGER_XOR, x, y);
	case OP_BSL:
		return integers(m, INTEGER_SHIFT_LEFT, x, y);
	default:
		assert(op == OP_BSR);
		return integers(m, INTEGER_SHIFT_RIGHT, x, y);
	}
}

const struct term *operator_binary(struct machine *m, enum ast_op op, const struct term *x,
                                   const struct term *y)
{
	switch (op) {
	case OP_PLUS:
		return arithmetic(m, op, INTEGER_ADD, x, y);
	case OP_MINUS:
		return arithmetic(m, op, INTEGER_SUB, x, y);
	case OP_TIMES:
		return arithmetic(m, op, INTEGER_MUL, x, y);
	case OP_DIVIDE:
		return floats(m, op, x, y);
	case OP_AND:
	case OP_OR:
	case OP_XOR:
		return booleans(m, op, x, y);
	case OP_APPEND:
		return operator_append(m, x, y);
	case OP_SUBTRACT:
		return subtract(m, x, y);
	case OP_SEND:
		return machine_error_atom(m, "sending_is_not_supported");
	case OP_EQUAL:
	case OP_NOT_EQUAL:
	case OP_EXACT:
	case OP_NOT_EXACT:
	case OP_LESS:
	case OP_LESS_EQUAL:
	case OP_GREATER:
	case OP_GREATER_EQUAL:
		return comparison(m, op, x, y);
	default:
		return operator_integer(m, op, x, y);
	}
}
