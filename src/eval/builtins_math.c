/* Module math. */
#include <math.h>

#include "eval/builtins.h"
#include "term/integer.h"

static bool number(const struct term *t, double *ret)
{
	if (term_type(t) == TERM_FLOAT) {
		*ret = term_float_value(t);
		return true;
	}
	return term_is_integer(t) && integer_to_double(t, ret) == ST_OK;
}

static const struct term *one(struct machine *m, const struct term *const args[],
                              double (*f)(double))
{
	double x;

	if (!number(args[0], &x))
		return machine_error_atom(m, "badarg");
	x = f(x);
	return isfinite(x) ? term_float(m->arena, x) : machine_error_atom(m, "badarith");
}

static const struct term *two(struct machine *m, const struct term *const args[],
                              double (*f)(double, double))
{
	double x;
	double y;

	if (!number(args[0], &x) || !number(args[1], &y))
		return machine_error_atom(m, "badarg");
	x = f(x, y);
	return isfinite(x) ? term_float(m->arena, x) : machine_error_atom(m, "badarith");
}

#define MATH_1(name, f)                   \
	BUILTIN(name)                     \
	{                                 \
		return one(m, args, (f)); \
	}
#define MATH_2(name, f)                   \
	BUILTIN(name)                     \
	{                                 \
		return two(m, args, (f)); \
	}
MATH_1(math_acos, acos)
MATH_1(math_asin, asin)
MATH_1(math_atan, atan)
MATH_1(math_ceil, ceil)
MATH_1(math_cos, cos)
MATH_1(math_exp, exp)
MATH_1(math_floor, floor)
MATH_1(math_log, log)
MATH_1(math_log10, log10)
MATH_1(math_log2, log2)
MATH_1(math_sin, sin)
MATH_1(math_sqrt, sqrt)
MATH_1(math_tan, tan)
MATH_1(math_cosh, cosh)
MATH_1(math_sinh, sinh)
MATH_1(math_tanh, tanh)
MATH_2(math_atan2, atan2)
MATH_2(math_fmod, fmod)
MATH_2(math_pow, pow)

BUILTIN(math_pi)
{
	return term_float(m->arena, M_PI);
}

const struct builtin builtins_math[] = {
    {"acos", 1, math_acos},   {"asin", 1, math_asin}, {"atan", 1, math_atan},
    {"atan2", 2, math_atan2}, {"ceil", 1, math_ceil}, {"cos", 1, math_cos},
    {"cosh", 1, math_cosh},   {"exp", 1, math_exp},   {"floor", 1, math_floor},
    {"fmod", 2, math_fmod},   {"log", 1, math_log},   {"log10", 1, math_log10},
    {"log2", 1, math_log2},   {"pi", 0, math_pi},     {"pow", 2, math_pow},
    {"sin", 1, math_sin},     {"sinh", 1, math_sinh}, {"sqrt", 1, math_sqrt},
    {"tan", 1, math_tan},     {"tanh", 1, math_tanh}, {NULL, 0, NULL},
};
