/* What the tables of built-in functions share. */
#ifndef EVAL_BUILTINS_H
#define EVAL_BUILTINS_H

#include "eval/machine.h"

#define BUILTIN(name)                                                             \
	static const struct term *name(struct machine *m __attribute__((unused)), \
	                               const struct term *const args[] __attribute__((unused)))

/* Walks a list to its end: nil, or what is there instead. Each round costs a step. */
/* NOLINTBEGIN(bugprone-macro-parentheses): l is the name of the variable */
#define EACH(m, l, list)                                                                        \
	for (const struct term *l = (list);                                                     \
	     term_type(l) == TERM_CONS && (m)->signal == SIGNAL_NONE && machine_charge((m), 1); \
	     l = term_tail(l))
/* NOLINTEND(bugprone-macro-parentheses) */

/* The functions of one module; ends with a row without a name. */
extern const struct builtin builtins_erlang[];
extern const struct builtin builtins_guards[];  /* of erlang: tests and parts of terms */
extern const struct builtin builtins_convert[]; /* of erlang: from one kind to another */
extern const struct builtin builtins_lists[];
extern const struct builtin builtins_lists_make[];  /* of lists: making and flattening */
extern const struct builtin builtins_lists_order[]; /* of lists: sorting and keys */
extern const struct builtin builtins_lists_split[]; /* of lists: parts and pairs */
extern const struct builtin builtins_maps[];
extern const struct builtin builtins_string[];
extern const struct builtin builtins_string_old[]; /* of string: its older functions */
extern const struct builtin builtins_proplists[];
extern const struct builtin builtins_binary[];
extern const struct builtin builtins_unicode[];
extern const struct builtin builtins_math[];
extern const struct builtin builtins_help[]; /* of the shell: help(Module) */
extern const struct builtin builtins_io[];
extern const struct builtin builtins_io_lib[];
extern const struct builtin builtins_ordsets[];

static inline const struct term *badarg(struct machine *m)
{
	return machine_error_atom(m, "badarg");
}

/* No clause of the function takes these arguments. */
static inline const struct term *no_clause(struct machine *m)
{
	return machine_error_atom(m, "function_clause");
}

/* An integer that fits; false without a signal. */
static inline bool small_int(const struct term *t, int64_t *ret)
{
	if (term_type(t) != TERM_INT)
		return false;
	*ret = term_int_value(t);
	return true;
}

/* What a predicate says of x; anything but a boolean is an error with that tag. */
enum verdict { VERDICT_FALSE, VERDICT_TRUE, VERDICT_FAILED };

static inline enum verdict ask(struct machine *m, const struct term *fun, const struct term *x,
                               const char *tag)
{
	const struct term *v = apply_fun(m, fun, &x, 1);

	if (v != NULL && term_is_atom(v, "true"))
		return VERDICT_TRUE;
	if (v != NULL && term_is_atom(v, "false"))
		return VERDICT_FALSE;
	if (v != NULL)
		(void)machine_error_with(m, tag, v);
	return VERDICT_FAILED;
}

#endif
