/* Calls: of funs, of functions known here, and of the host's. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "eval/machine.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */

bool apply_is_fun(const struct term *t, unsigned arity)
{
	return term_type(t) == TERM_FUN && term_fun_of(t)->arity == arity;
}

static const struct term *undefined(struct machine *m, const char *module, const char *function,
                                    size_t n)
{
	struct buf text;
	const char *copy = NULL;

	(void)machine_error_atom(m, "undef");
	buf_init(&text, (size_t)4 * ATOM_BYTES_MAX);
	if (strcmp(module, "erlang") != 0)
		buf_printf(&text, "%s:", module);
	buf_printf(&text, "%s/%zu", function, n);
	if (buf_text(&text) != NULL)
		copy = arena_copy(m->arena, text.base, text.len);
	buf_close(&text);
	if (m->signal == SIGNAL_RAISE)
		m->detail = copy;
	return NULL;
}

/* The answer to a host call of an earlier run, or of this one. */
static const struct term *answered(struct machine *m, const struct host_call *c, const char *module,
                                   const char *function, size_t n)
{
	switch (c->state) {
	case CALL_PENDING:
		m->signal = SIGNAL_WAIT;
		return NULL;
	case CALL_VALUE:
		return c->value;
	case CALL_RAISE:
		return machine_error(m, c->value);
	case CALL_UNDEFINED:
		return undefined(m, module, function, n);
	}
	return NULL;
}

static bool ask_host(struct machine *m, uint32_t number, const char *module, const char *function,
                     const struct term *const args[], size_t n)
{
	struct host_calls *calls = m->calls;
	struct host_call *c = &calls->at[number];
	const struct term **copies = arena_alloc(&calls->arena, (n + 1) * sizeof *copies);
	const struct term *value = NULL;
	enum host_answer answer = HOST_UNDEFINED;

	for (size_t i = 0; copies != NULL && i < n; i++) {
		copies[i] = term_copy(&calls->arena, args[i]);
		if (copies[i] == NULL)
			copies = NULL;
	}
	if (copies == NULL)
		return false;
	if (m->host != NULL && m->host->call != NULL)
		answer = m->host->call(m->host->arg, number, module, function, copies, n,
		                       &calls->arena, &value);
	if ((answer == HOST_VALUE || answer == HOST_RAISE) && value == NULL)
		return false;
	c->value = value;
	c->state = answer == HOST_VALUE   ? CALL_VALUE
	           : answer == HOST_RAISE ? CALL_RAISE
	           : answer == HOST_WAIT  ? CALL_PENDING
	                                  : CALL_UNDEFINED;
	calls->n++;
	return true;
}

static const struct term *call_host(struct machine *m, const char *module, const char *function,
                                    const struct term *const args[], size_t n)
{
	const uint32_t number = m->next_call;

	if (number >= m->limits->calls)
		return machine_limit(m, "too many calls of the node's functions");
	if (number == m->calls->n && !ask_host(m, number, module, function, args, n))
		return machine_limit(m, "the arguments or answers of calls are too large");
	m->next_call++;
	return answered(m, &m->calls->at[number], module, function, n);
}

const struct term *apply_function(struct machine *m, const char *module, const char *function,
                                  const struct term *const args[], size_t n)
{
	const struct builtin *b = builtin_find(module, function, n);
	const struct term *v;

	if (b == NULL)
		return call_host(m, module, function, args, n);
	if (!machine_enter(m))
		return NULL;
	v = b->fn(m, args);
	machine_leave(m);
	if (v == NULL && m->signal == SIGNAL_NONE)
		return machine_limit(m, NULL);
	return m->signal == SIGNAL_NONE ? v : NULL;
}

static const struct term *badarity(struct machine *m, const struct term *fun,
                                   const struct term *const args[], size_t n)
{
	const struct term *list = term_list(m->arena, args, n);

	return machine_error_with(m, "badarity", term_tuple2(m->arena, fun, list));
}

static enum match match_head(struct machine *m, const struct ast_clause *c,
                             const struct term *const args[], const struct binding **env)
{
	const struct binding *barrier = *env;
	enum match result = MATCH_YES;

	for (size_t i = 0; result == MATCH_YES && i < c->n_patterns; i++)
		result = match_pattern(m, c->patterns[i], args[i], env, barrier);
	if (result == MATCH_YES && !control_guards(m, c, *env))
		return m->signal == SIGNAL_NONE ? MATCH_NO : MATCH_FAILED;
	return result;
}

/* One call of a fun of ours; its own tail call is left in m->tail_fun. */
static const struct term *call_closure(struct machine *m, const struct term *fun,
                                       const struct term *const args[])
{
	const struct closure *closure = term_fun_of(fun)->closure;
	const struct ast *x = closure->fun;

	for (size_t i = 0; i < x->n_clauses; i++) {
		const struct binding *env = closure->env;
		enum match result;

		if (x->name != NULL && !machine_bind(m, x->name, fun, &env))
			return NULL;
		result = match_head(m, &x->clauses[i], args, &env);
		if (result == MATCH_FAILED)
			return NULL;
		if (result == MATCH_YES)
			return machine_body(m, x->clauses[i].body, &env, true);
	}
	return machine_error_atom(m, "function_clause");
}

static const struct term *call_once(struct machine *m, const struct term *fun,
                                    const struct term *const args[], size_t n)
{
	const struct term_fun *f;

	if (term_type(fun) != TERM_FUN)
		return machine_error_with(m, "badfun", fun);
	f = term_fun_of(fun);
	if (f->kind == TERM_FUN_OPAQUE)
		return machine_error_with(m, "badfun", fun);
	if (f->arity != n)
		return badarity(m, fun, args, n);
	if (f->kind == TERM_FUN_EXPORT)
		return apply_function(m, f->module, f->function, args, n);
	return call_closure(m, fun, args);
}

const struct term *apply_fun(struct machine *m, const struct term *fun,
                             const struct term *const args[], size_t n)
{
	const struct term *v;

	if (m->signal != SIGNAL_NONE || !machine_enter(m))
		return NULL;
	v = call_once(m, fun, args, n);
	while (m->tail_fun != NULL && m->signal == SIGNAL_NONE) {
		fun = m->tail_fun;
		m->tail_fun = NULL;
		if (!machine_charge(m, 1))
			v = NULL;
		else
			v = call_once(m, fun, m->tail_args, m->tail_n);
	}
	m->tail_fun = NULL;
	machine_leave(m);
	if (v == NULL && m->signal == SIGNAL_NONE)
		return machine_limit(m, NULL);
	return m->signal == SIGNAL_NONE ? v : NULL;
}

static const struct term **arguments(struct machine *m, const struct ast *x,
                                     const struct binding **env)
{
	const struct term **args = arena_alloc(m->arena, x->n_kids * sizeof *args);

	if (args == NULL) {
		(void)machine_limit(m, NULL);
		return NULL;
	}
	for (size_t i = 1; i < x->n_kids; i++) {
		args[i - 1] = machine_eval(m, x->kids[i], env, false);
		if (args[i - 1] == NULL)
			return NULL;
	}
	return args;
}

static const struct term *call_remote(struct machine *m, const struct ast *x,
                                      const struct binding **env)
{
	const struct ast *callee = x->kids[0];
	const struct term *module = machine_eval(m, callee->kids[0], env, false);
	const struct term *function;
	const struct term **args;

	if (module == NULL)
		return NULL;
	function = machine_eval(m, callee->kids[1], env, false);
	args = function == NULL ? NULL : arguments(m, x, env);
	if (args == NULL)
		return NULL;
	if (term_type(module) != TERM_ATOM || term_type(function) != TERM_ATOM)
		return machine_error_atom(m, "badarg");
	return apply_function(m, term_atom_text(module), term_atom_text(function), args,
	                      x->n_kids - 1);
}

const struct term *apply_call(struct machine *m, const struct ast *x, const struct binding **env,
                              bool tail)
{
	const struct ast *callee = x->kids[0];
	const struct term **args;
	const struct term *fun;

	if (callee->kind == AST_REMOTE)
		return call_remote(m, x, env);
	if (callee->kind == AST_LITERAL && term_type(callee->value) == TERM_ATOM) {
		args = arguments(m, x, env);
		if (args == NULL)
			return NULL;
		return apply_function(m, "erlang", term_atom_text(callee->value), args,
		                      x->n_kids - 1);
	}
	fun = machine_eval(m, callee, env, false);
	args = fun == NULL ? NULL : arguments(m, x, env);
	if (args == NULL)
		return NULL;
	if (!tail)
		return apply_fun(m, fun, args, x->n_kids - 1);
	m->tail_fun = fun;
	m->tail_args = args;
	m->tail_n = x->n_kids - 1;
	return fun;
}
/* NOLINTEND(bugprone-sizeof-expression) */
