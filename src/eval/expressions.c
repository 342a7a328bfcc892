/* Evaluation of expressions; those with clauses are in control.c. */
#include <assert.h>
#include <string.h>

#include "eval/machine.h"

/* NOLINTBEGIN(misc-no-recursion,bugprone-sizeof-expression): recursion is bounded by
 * machine_enter(); arrays of pointers are meant */

bool machine_bind(struct machine *m, const char *name, const struct term *value,
                  const struct binding **env)
{
	struct binding *b = arena_alloc(m->arena, sizeof *b);

	if (b == NULL) {
		(void)machine_limit(m, NULL);
		return false;
	}
	b->name = name;
	b->value = value;
	b->next = *env;
	*env = b;
	return true;
}

static const struct term *variable(struct machine *m, const struct ast *x,
                                   const struct binding *env)
{
	for (; env != NULL; env = env->next) {
		if (env->name == x->name)
			return env->value;
	}
	(void)machine_error_with(m, "unbound", term_atom(m->arena, x->name));
	m->line = x->line;
	m->column = x->column;
	return NULL;
}

/* The kids' values; NULL after a signal. One more slot than kids, so that none is fine. */
static const struct term **eval_kids(struct machine *m, const struct ast *x, size_t from,
                                     const struct binding **env)
{
	const struct term **values = arena_alloc(m->arena, (x->n_kids - from + 1) * sizeof *values);

	if (values == NULL) {
		(void)machine_limit(m, NULL);
		return NULL;
	}
	for (size_t i = from; i < x->n_kids; i++) {
		values[i - from] = machine_eval(m, x->kids[i], env, false);
		if (values[i - from] == NULL)
			return NULL;
	}
	return values;
}

static const struct term *make_list(struct machine *m, const struct ast *x,
                                    const struct binding **env)
{
	const struct term **values = eval_kids(m, x, 0, env);
	const struct term *tail = term_nil(m->arena);

	if (values == NULL)
		return NULL;
	if (x->tail != NULL) {
		tail = machine_eval(m, x->tail, env, false);
		if (tail == NULL)
			return NULL;
	}
	return term_list_tail(m->arena, values, x->n_kids, tail);
}

static const struct term *make_tuple(struct machine *m, const struct ast *x,
                                     const struct binding **env)
{
	const struct term **values = eval_kids(m, x, 0, env);

	return values == NULL ? NULL : term_tuple(m->arena, values, x->n_kids);
}

/* The pairs of the map that is updated, followed by room for n more; NULL after a signal. */
static const struct term **update_base(struct machine *m, const struct term *base, size_t n,
                                       size_t *ret_size)
{
	const size_t size = base == NULL ? 0 : term_map_size(base);
	const struct term **pairs = arena_alloc(m->arena, 2 * (size + n + 1) * sizeof *pairs);

	if (pairs == NULL || !machine_charge(m, size)) {
		(void)machine_limit(m, NULL);
		return NULL;
	}
	for (size_t i = 0; i < size; i++) {
		pairs[i] = term_map_key(base, i);
		pairs[size + n + i] = term_map_value(base, i);
	}
	*ret_size = size;
	return pairs;
}

static bool has_key(const struct term *base, const struct term *const keys[], size_t n,
                    const struct term *key)
{
	if (base != NULL && term_map_get(base, key) != NULL)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (term_compare(keys[i], key, true) == 0)
			return true;
	}
	return false;
}

static const struct term *make_map(struct machine *m, const struct ast *x,
                                   const struct binding **env)
{
	const size_t n = x->n_kids / 2;
	const struct term *base = NULL;
	const struct term **values;
	const struct term **pairs;
	size_t size;

	if (x->tail != NULL) {
		base = machine_eval(m, x->tail, env, false);
		if (base == NULL)
			return NULL;
	}
	values = eval_kids(m, x, 0, env);
	if (values == NULL)
		return NULL;
	if (base != NULL && term_type(base) != TERM_MAP)
		return machine_error_with(m, "badmap", base);
	pairs = update_base(m, base, n, &size);
	if (pairs == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct term *key = values[2 * i];

		if (x->exact[i] && !has_key(base, pairs + size, i, key))
			return machine_error_with(m, "badkey", key);
		pairs[size + i] = key;
		pairs[2 * size + n + i] = values[2 * i + 1];
	}
	return term_map(m->arena, pairs, pairs + size + n, size + n);
}

static const struct term *unary(struct machine *m, const struct ast *x, const struct binding **env)
{
	const struct term *v = machine_eval(m, x->kids[0], env, false);

	return v == NULL ? NULL : operator_unary(m, x->op, v);
}

static const struct term *binary(struct machine *m, const struct ast *x, const struct binding **env)
{
	const struct term *left = machine_eval(m, x->kids[0], env, false);
	const struct term *right;

	if (left == NULL)
		return NULL;
	right = machine_eval(m, x->kids[1], env, false);
	return right == NULL ? NULL : operator_binary(m, x->op, left, right);
}

/* andalso, orelse: the right side only when the left one does not decide. */
static const struct term *short_circuit(struct machine *m, const struct ast *x,
                                        const struct binding **env, bool tail)
{
	const struct term *left = machine_eval(m, x->kids[0], env, false);
	const char *decides = x->kind == AST_ANDALSO ? "false" : "true";
	const char *other = x->kind == AST_ANDALSO ? "true" : "false";

	if (left == NULL || term_is_atom(left, decides))
		return left;
	if (!term_is_atom(left, other))
		return machine_error_with(m, "badarg", left);
	return machine_eval(m, x->kids[1], env, tail);
}

static const struct term *match(struct machine *m, const struct ast *x, const struct binding **env)
{
	const struct term *v = machine_eval(m, x->kids[1], env, false);
	enum match result;

	if (v == NULL)
		return NULL;
	result = match_pattern(m, x->kids[0], v, env, NULL);
	if (result == MATCH_NO)
		return machine_error_with(m, "badmatch", v);
	return result == MATCH_YES ? v : NULL;
}

static const struct term *make_fun(struct machine *m, const struct ast *x,
                                   const struct binding *env)
{
	/* As a shell of OTP 25 names the funs that it interprets. */
	enum { INDEX_OF_ARITY_0 = 43, UNIQ = 3316493 };
	const size_t arity = x->clauses[0].n_patterns;
	struct closure *closure = arena_alloc(m->arena, sizeof *closure);
	struct term_fun fun = {.kind = TERM_FUN_LOCAL, .module = "erl_eval"};

	if (closure == NULL)
		return machine_limit(m, NULL);
	closure->fun = x;
	closure->env = env;
	fun.arity = (unsigned)arity;
	fun.index = arity <= 20 ? INDEX_OF_ARITY_0 - (uint32_t)arity : 0;
	fun.uniq = UNIQ;
	fun.closure = closure;
	return term_fun(m->arena, &fun);
}

/* fun name/1 means the function of module erlang: there are no others without a module. */
static const struct term *fun_reference(struct machine *m, const struct ast *x,
                                        const struct binding **env)
{
	const struct term **values = eval_kids(m, x, 0, env);
	const size_t last = x->n_kids - 1;
	struct term_fun fun = {.kind = TERM_FUN_EXPORT, .module = "erlang"};

	if (values == NULL)
		return NULL;
	if (term_type(values[last]) != TERM_INT || term_int_value(values[last]) < 0 ||
	    term_int_value(values[last]) > 255 || term_type(values[last - 1]) != TERM_ATOM ||
	    term_type(values[0]) != TERM_ATOM)
		return machine_error_atom(m, "badarg");
	if (last == 2)
		fun.module = term_atom_text(values[0]);
	fun.function = term_atom_text(values[last - 1]);
	fun.arity = (unsigned)term_int_value(values[last]);
	return term_fun(m->arena, &fun);
}

const struct term *machine_body(struct machine *m, const struct ast *block,
                                const struct binding **env, bool tail)
{
	const struct term *value = NULL;

	assert(block->kind == AST_BLOCK);
	for (size_t i = 0; i < block->n_kids; i++) {
		value = machine_eval(m, block->kids[i], env, tail && i + 1 == block->n_kids);
		if (value == NULL)
			return NULL;
	}
	return value;
}

static const struct term *eval_node(struct machine *m, const struct ast *x,
                                    const struct binding **env, bool tail)
{
	switch (x->kind) {
	case AST_LITERAL:
		return x->value;
	case AST_VAR:
		return variable(m, x, *env);
	case AST_LIST:
		return make_list(m, x, env);
	case AST_TUPLE:
		return make_tuple(m, x, env);
	case AST_MAP:
		return make_map(m, x, env);
	case AST_BINARY:
		return bits_construct(m, x, env);
	case AST_UNARY:
		return unary(m, x, env);
	case AST_BINARY_OP:
		return binary(m, x, env);
	case AST_ANDALSO:
	case AST_ORELSE:
		return short_circuit(m, x, env, tail);
	case AST_MATCH:
		return match(m, x, env);
	case AST_CALL:
		return apply_call(m, x, env, tail);
	case AST_REMOTE:
		return machine_error_atom(m, "badarg");
	case AST_BLOCK:
		return machine_body(m, x, env, tail);
	case AST_CASE:
		return control_case(m, x, env, tail);
	case AST_IF:
		return control_if(m, x, env, tail);
	case AST_TRY:
		return control_try(m, x, env);
	case AST_CATCH:
		return control_catch(m, x, env);
	case AST_FUN:
		return make_fun(m, x, *env);
	case AST_FUN_REF:
		return fun_reference(m, x, env);
	case AST_LIST_COMP:
	case AST_BIN_COMP:
		return control_comprehension(m, x, *env);
	}
	return NULL;
}

const struct term *machine_eval(struct machine *m, const struct ast *x, const struct binding **env,
                                bool tail)
{
	const struct term *value;

	assert(m->signal == SIGNAL_NONE);
	if (!machine_enter(m))
		return NULL;
	value = eval_node(m, x, env, tail);
	machine_leave(m);
	if (value == NULL && m->signal == SIGNAL_NONE)
		return machine_limit(m, NULL);
	return m->signal == SIGNAL_NONE ? value : NULL;
}
/* NOLINTEND(misc-no-recursion,bugprone-sizeof-expression) */
