/* Patterns against values. */
#include <assert.h>
#include <string.h>

#include "eval/machine.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by machine_enter() */

static enum match compare(struct machine *m, const struct term *x, const struct term *y)
{
	if (!machine_charge(m, term_weight(x) / 8))
		return MATCH_FAILED;
	return term_compare(x, y, true) == 0 ? MATCH_YES : MATCH_NO;
}

static enum match match_variable(struct machine *m, const struct ast *pattern,
                                 const struct term *value, const struct binding **env,
                                 const struct binding *barrier)
{
	if (strcmp(pattern->name, "_") == 0)
		return MATCH_YES;
	for (const struct binding *b = *env; b != barrier && b != NULL; b = b->next) {
		if (b->name == pattern->name)
			return compare(m, b->value, value);
	}
	return machine_bind(m, pattern->name, value, env) ? MATCH_YES : MATCH_FAILED;
}

static enum match match_list(struct machine *m, const struct ast *pattern, const struct term *value,
                             const struct binding **env, const struct binding *barrier)
{
	for (size_t i = 0; i < pattern->n_kids; i++) {
		enum match result;

		if (term_type(value) != TERM_CONS)
			return MATCH_NO;
		result = match_pattern(m, pattern->kids[i], term_head(value), env, barrier);
		if (result != MATCH_YES)
			return result;
		value = term_tail(value);
	}
	if (pattern->tail != NULL)
		return match_pattern(m, pattern->tail, value, env, barrier);
	return term_type(value) == TERM_NIL ? MATCH_YES : MATCH_NO;
}

static enum match match_tuple(struct machine *m, const struct ast *pattern,
                              const struct term *value, const struct binding **env,
                              const struct binding *barrier)
{
	enum match result = MATCH_YES;

	if (term_type(value) != TERM_TUPLE || term_tuple_size(value) != pattern->n_kids)
		return MATCH_NO;
	for (size_t i = 0; result == MATCH_YES && i < pattern->n_kids; i++)
		result = match_pattern(m, pattern->kids[i], term_element(value, i), env, barrier);
	return result;
}

/* Keys are expressions over what is bound already; further keys of the value do not matter. */
static enum match match_map(struct machine *m, const struct ast *pattern, const struct term *value,
                            const struct binding **env, const struct binding *barrier)
{
	enum match result = MATCH_YES;

	if (term_type(value) != TERM_MAP || pattern->tail != NULL)
		return MATCH_NO;
	for (size_t i = 0; result == MATCH_YES && i < pattern->n_kids; i += 2) {
		const struct term *key = machine_eval(m, pattern->kids[i], env, false);
		const struct term *found = key == NULL ? NULL : term_map_get(value, key);

		if (key == NULL)
			return MATCH_FAILED;
		if (found == NULL)
			return MATCH_NO;
		result = match_pattern(m, pattern->kids[i + 1], found, env, barrier);
	}
	return result;
}

/* "prefix" ++ Rest, with the prefix a literal. */
static enum match match_prefix(struct machine *m, const struct ast *pattern,
                               const struct term *value, const struct binding **env,
                               const struct binding *barrier)
{
	const struct term *prefix = machine_eval(m, pattern->kids[0], env, false);

	if (prefix == NULL)
		return MATCH_FAILED;
	for (; term_type(prefix) == TERM_CONS; prefix = term_tail(prefix)) {
		if (term_type(value) != TERM_CONS ||
		    term_compare(term_head(prefix), term_head(value), true) != 0)
			return MATCH_NO;
		value = term_tail(value);
	}
	return match_pattern(m, pattern->kids[1], value, env, barrier);
}

/* Pattern = Pattern: both must match. */
static enum match match_both(struct machine *m, const struct ast *pattern, const struct term *value,
                             const struct binding **env, const struct binding *barrier)
{
	enum match result = match_pattern(m, pattern->kids[0], value, env, barrier);

	if (result == MATCH_YES)
		result = match_pattern(m, pattern->kids[1], value, env, barrier);
	return result;
}

static enum match match_node(struct machine *m, const struct ast *pattern, const struct term *value,
                             const struct binding **env, const struct binding *barrier)
{
	const struct term *t;

	switch (pattern->kind) {
	case AST_LITERAL:
		return compare(m, pattern->value, value);
	case AST_VAR:
		return match_variable(m, pattern, value, env, barrier);
	case AST_LIST:
		return match_list(m, pattern, value, env, barrier);
	case AST_TUPLE:
		return match_tuple(m, pattern, value, env, barrier);
	case AST_MAP:
		return match_map(m, pattern, value, env, barrier);
	case AST_BINARY:
		return bits_match(m, pattern, value, env, barrier);
	case AST_MATCH:
		return match_both(m, pattern, value, env, barrier);
	case AST_BINARY_OP:
		if (pattern->op == OP_APPEND)
			return match_prefix(m, pattern, value, env, barrier);
		break;
	case AST_UNARY:
		break;
	default:
		(void)machine_error_atom(m, "illegal_pattern");
		return MATCH_FAILED;
	}
	/* Arithmetic of literals. */
	t = machine_eval(m, pattern, env, false);
	return t == NULL ? MATCH_FAILED : compare(m, t, value);
}

enum match match_pattern(struct machine *m, const struct ast *pattern, const struct term *value,
                         const struct binding **env, const struct binding *barrier)
{
	enum match result;

	assert(m->signal == SIGNAL_NONE);
	if (!machine_enter(m))
		return MATCH_FAILED;
	result = match_node(m, pattern, value, env, barrier);
	machine_leave(m);
	return result;
}
/* NOLINTEND(misc-no-recursion) */
