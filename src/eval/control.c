/* What chooses between clauses, and comprehensions. */
#include <assert.h>
#include <string.h>

#include "eval/bits.h"
#include "eval/machine.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by machine_enter() */

static void clear_signal(struct machine *m)
{
	m->signal = SIGNAL_NONE;
	m->reason = NULL;
	m->detail = NULL;
}

/* One alternative: all of its tests must be true; an exception in it means no. */
static bool tests_hold(struct machine *m, const struct ast *tests, const struct binding *env)
{
	for (size_t i = 0; i < tests->n_kids; i++) {
		const struct binding *inner = env;
		const struct term *v = machine_eval(m, tests->kids[i], &inner, false);

		if (m->signal == SIGNAL_RAISE)
			clear_signal(m);
		if (v == NULL || !term_is_atom(v, "true"))
			return false;
	}
	return true;
}

bool control_guards(struct machine *m, const struct ast_clause *c, const struct binding *env)
{
	for (size_t i = 0; i < c->n_guards && m->signal == SIGNAL_NONE; i++) {
		if (tests_hold(m, c->guards[i], env))
			return m->signal == SIGNAL_NONE;
	}
	return c->n_guards == 0;
}

/* The first clause that takes the value; NULL with or without a signal when none does. */
static const struct ast_clause *choose(struct machine *m, const struct ast_clause *clauses,
                                       size_t n, const struct term *value,
                                       const struct binding **env)
{
	for (size_t i = 0; i < n; i++) {
		const struct binding *inner = *env;
		enum match result = match_pattern(m, clauses[i].patterns[0], value, &inner, NULL);

		if (result == MATCH_FAILED)
			return NULL;
		if (result == MATCH_YES && control_guards(m, &clauses[i], inner)) {
			*env = inner;
			return &clauses[i];
		}
		if (m->signal != SIGNAL_NONE)
			return NULL;
	}
	return NULL;
}

const struct term *control_case(struct machine *m, const struct ast *x, const struct binding **env,
                                bool tail)
{
	const struct term *v = machine_eval(m, x->kids[0], env, false);
	const struct ast_clause *c;

	if (v == NULL)
		return NULL;
	c = choose(m, x->clauses, x->n_clauses, v, env);
	if (c != NULL)
		return machine_body(m, c->body, env, tail);
	return m->signal == SIGNAL_NONE ? machine_error_with(m, "case_clause", v) : NULL;
}

const struct term *control_if(struct machine *m, const struct ast *x, const struct binding **env,
                              bool tail)
{
	for (size_t i = 0; i < x->n_clauses; i++) {
		if (control_guards(m, &x->clauses[i], *env))
			return machine_body(m, x->clauses[i].body, env, tail);
		if (m->signal != SIGNAL_NONE)
			return NULL;
	}
	return machine_error_atom(m, "if_clause");
}

/* Runs the catch clause that takes the exception at hand, which stays if none does. */
static const struct term *handle(struct machine *m, const struct ast *x, const struct binding *env)
{
	const char *klass = m->klass;
	const struct term *reason = m->reason;
	const struct term *class_atom;
	const char *detail = m->detail;

	clear_signal(m);
	class_atom = term_atom(m->arena, klass);
	for (size_t i = 0; class_atom != NULL && i < x->n_catches; i++) {
		const struct ast_clause *c = &x->catches[i];
		const struct binding *inner = env;
		enum match result = match_pattern(m, c->patterns[0], class_atom, &inner, NULL);

		if (result == MATCH_YES)
			result = match_pattern(m, c->patterns[1], reason, &inner, NULL);
		if (result == MATCH_FAILED)
			return NULL;
		if (result == MATCH_NO)
			continue;
		if (c->stack != NULL &&
		    !machine_bind(m, c->stack->name, term_nil(m->arena), &inner))
			return NULL;
		if (control_guards(m, c, inner))
			return machine_body(m, c->body, &inner, false);
		if (m->signal != SIGNAL_NONE)
			return NULL;
	}
	(void)machine_raise(m, klass, reason);
	m->detail = m->signal == SIGNAL_RAISE ? detail : m->detail;
	return NULL;
}

static const struct term *try_protected(struct machine *m, const struct ast *x,
                                        const struct binding *env)
{
	const struct binding *inner = env;
	const struct term *v = machine_body(m, x->kids[0], &inner, false);
	const struct ast_clause *c;

	if (v == NULL)
		return m->signal == SIGNAL_RAISE ? handle(m, x, env) : NULL;
	if (x->n_clauses == 0)
		return v;
	/* What the clauses behind "of" raise is not for this try to catch. */
	c = choose(m, x->clauses, x->n_clauses, v, &inner);
	if (c != NULL)
		return machine_body(m, c->body, &inner, false);
	return m->signal == SIGNAL_NONE ? machine_error_with(m, "try_clause", v) : NULL;
}

const struct term *control_try(struct machine *m, const struct ast *x, const struct binding **env)
{
	const struct binding *inner = *env;
	const struct term *v = try_protected(m, x, *env);
	const struct term *reason = m->reason;
	const char *detail = m->detail;
	const char *klass = m->klass;

	if (x->after == NULL || (v == NULL && m->signal != SIGNAL_RAISE))
		return v;
	clear_signal(m);
	if (machine_body(m, x->after, &inner, false) == NULL)
		return NULL;
	if (v == NULL) {
		(void)machine_raise(m, klass, reason);
		m->detail = detail;
	}
	return v;
}

/* {'EXIT',{Reason,Stack}} for an error, {'EXIT',Reason} for an exit, the value for a throw. */
const struct term *control_catch(struct machine *m, const struct ast *x, const struct binding **env)
{
	const struct binding *inner = *env;
	const struct term *v = machine_eval(m, x->kids[0], &inner, false);
	const struct term *reason = m->reason;
	const char *klass = m->klass;

	if (v != NULL || m->signal != SIGNAL_RAISE) {
		*env = inner;
		return v;
	}
	clear_signal(m);
	if (strcmp(klass, "throw") == 0)
		return reason;
	if (strcmp(klass, "error") == 0)
		reason = term_tuple2(m->arena, reason, term_nil(m->arena));
	return term_tuple2(m->arena, term_atom(m->arena, "EXIT"), reason);
}

/* A comprehension while it runs. */
struct comprehension {
	const struct ast *x;
	struct vec out;          /* of a list */
	struct bits_writer bits; /* of a binary */
};

static bool run_qualifier(struct machine *m, struct comprehension *c, size_t i,
                          const struct binding *env);

static bool yield(struct machine *m, struct comprehension *c, const struct binding *env)
{
	const struct term *v = machine_eval(m, c->x->kids[0], &env, false);

	if (v == NULL)
		return false;
	if (c->x->kind == AST_LIST_COMP) {
		if (vec_push(m, &c->out, v))
			return true;
		(void)machine_limit(m, NULL);
		return false;
	}
	if (term_type(v) != TERM_BINARY) {
		(void)machine_error_atom(m, "badarg");
		return false;
	}
	return bits_append(m, &c->bits, v, term_bit_size(v));
}

/* Could the expression stand in a guard? Calls could when the function may be called there. */
static bool is_guard(struct machine *m, const struct ast *x)
{
	const struct ast *callee;
	bool ok = true;
	size_t i = 0;

	if (x->kind == AST_CALL) {
		callee = x->kids[0];
		if (callee->kind == AST_REMOTE && callee->kids[0]->kind == AST_LITERAL &&
		    term_is_atom(callee->kids[0]->value, "erlang"))
			callee = callee->kids[1];
		if (callee->kind != AST_LITERAL || term_type(callee->value) != TERM_ATOM ||
		    !builtin_in_guards(term_atom_text(callee->value), x->n_kids - 1))
			return false;
		i = 1;
	} else if (x->kind > AST_ORELSE || (x->kind == AST_BINARY_OP && x->op >= OP_APPEND)) {
		return false;
	}
	if (!machine_enter(m))
		return false;
	for (; ok && i < x->n_kids; i++)
		ok = is_guard(m, x->kids[i]);
	machine_leave(m);
	return ok && (x->tail == NULL || x->kind != AST_MAP);
}

static bool run_filter(struct machine *m, struct comprehension *c, size_t i,
                       const struct binding *env)
{
	const struct ast *filter = c->x->qualifiers[i].source;
	const bool guard = is_guard(m, filter);
	const struct term *v =
	    m->signal == SIGNAL_NONE ? machine_eval(m, filter, &env, false) : NULL;

	/* What could stand in a guard fails like one. */
	if (guard && m->signal == SIGNAL_RAISE) {
		clear_signal(m);
		return true;
	}
	if (v == NULL)
		return false;
	if (term_is_atom(v, "true"))
		return run_qualifier(m, c, i + 1, env);
	if (guard || term_is_atom(v, "false"))
		return true;
	(void)machine_error_with(m, "bad_filter", v);
	return false;
}

static bool run_list(struct machine *m, struct comprehension *c, size_t i,
                     const struct binding *env)
{
	const struct ast_qualifier *q = &c->x->qualifiers[i];
	const struct binding *source_env = env;
	const struct term *list = machine_eval(m, q->source, &source_env, false);

	if (list == NULL)
		return false;
	for (; term_type(list) == TERM_CONS; list = term_tail(list)) {
		const struct binding *inner = env;
		enum match result;

		if (!machine_charge(m, 1))
			return false;
		result = match_pattern(m, q->pattern, term_head(list), &inner, env);
		if (result == MATCH_FAILED)
			return false;
		if (result == MATCH_YES && !run_qualifier(m, c, i + 1, inner))
			return false;
	}
	if (term_type(list) == TERM_NIL)
		return true;
	(void)machine_error_with(m, "bad_generator", list);
	return false;
}

static bool run_bits(struct machine *m, struct comprehension *c, size_t i,
                     const struct binding *env)
{
	const struct ast_qualifier *q = &c->x->qualifiers[i];
	const struct binding *source_env = env;
	const struct term *source = machine_eval(m, q->source, &source_env, false);
	size_t at = 0;

	if (source == NULL)
		return false;
	if (term_type(source) != TERM_BINARY || q->pattern->kind != AST_BINARY) {
		(void)machine_error_with(m, "bad_generator", source);
		return false;
	}
	for (;;) {
		const struct binding *inner = env;
		size_t before = at;
		enum match result = bits_match_at(m, q->pattern, source, &at, &inner, env);

		if (result == MATCH_FAILED || !machine_charge(m, 1))
			return false;
		if (result == MATCH_YES && !run_qualifier(m, c, i + 1, inner))
			return false;
		if (at == before)
			return true; /* the rest is too short, or the pattern takes nothing */
	}
}

/* Recursion is bounded by the qualifiers of the text. */
static bool run_qualifier(struct machine *m, struct comprehension *c, size_t i,
                          const struct binding *env)
{
	bool ok;

	if (i == c->x->n_items)
		return yield(m, c, env);
	if (!machine_enter(m))
		return false;
	if (c->x->qualifiers[i].pattern == NULL)
		ok = run_filter(m, c, i, env);
	else if (c->x->qualifiers[i].bits)
		ok = run_bits(m, c, i, env);
	else
		ok = run_list(m, c, i, env);
	machine_leave(m);
	return ok;
}

const struct term *control_comprehension(struct machine *m, const struct ast *x,
                                         const struct binding *env)
{
	struct comprehension c = {.x = x};
	const struct term *v = NULL;

	bits_writer_init(&c.bits);
	if (run_qualifier(m, &c, 0, env))
		v = x->kind == AST_LIST_COMP ? vec_list(m, &c.out) : bits_writer_term(m, &c.bits);
	bits_writer_close(&c.bits);
	return v;
}
/* NOLINTEND(misc-no-recursion) */
