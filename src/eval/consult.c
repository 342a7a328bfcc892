/* Files of dotted Erlang terms: sys.config. */
#include "eval/eval.h"
#include "eval/limits.h"
#include "eval/machine.h"
#include "eval/parser.h"

/* Only what file:consult/1 takes: literals and what is built of them. */
/* NOLINTNEXTLINE(misc-no-recursion): a program is no deeper than the parser allows */
static bool is_constant(const struct ast *x, const struct ast **ret_wrong)
{
	switch (x->kind) {
	case AST_LITERAL:
		return true;
	case AST_MAP:
		if (x->tail != NULL) {
			*ret_wrong = x; /* an update */
			return false;
		}
		break;
	case AST_UNARY:
	case AST_LIST:
	case AST_TUPLE:
		break;
	case AST_BINARY:
		for (size_t i = 0; i < x->n_items; i++) {
			if (!is_constant(x->segments[i].value, ret_wrong))
				return false;
		}
		return true;
	default:
		*ret_wrong = x;
		return false;
	}
	for (size_t i = 0; i < x->n_kids; i++) {
		if (!is_constant(x->kids[i], ret_wrong))
			return false;
	}
	return x->tail == NULL || is_constant(x->tail, ret_wrong);
}

static enum status consult_terms(struct arena *a, const struct ast *program,
                                 const struct term **ret, struct parse_fault *fault)
{
	struct host_calls calls = {.at = NULL};
	struct eval_limits limits = eval_limits_default;
	struct machine m = {.limits = &limits, .calls = &calls, .arena = a};
	const struct binding *env = NULL;
	struct vec terms = {0};
	const struct term *list;

	limits.calls = 0;
	for (size_t i = 0; i < program->n_kids; i++) {
		const struct ast *body = program->kids[i];
		const struct ast *wrong = body->n_kids > 1 ? body->kids[1] : NULL;
		const struct term *t;

		if (wrong != NULL || !is_constant(body->kids[0], &wrong)) {
			*fault = (struct parse_fault){wrong->line, wrong->column, "bad term"};
			return ST_INVALID;
		}
		t = machine_eval(&m, body->kids[0], &env, false);
		if (t == NULL || !vec_push(&m, &terms, t)) {
			*fault = (struct parse_fault){body->line, body->column, "bad term"};
			return m.signal == SIGNAL_RAISE ? ST_INVALID : ST_LIMIT;
		}
	}
	list = vec_list(&m, &terms);
	if (list == NULL)
		return ST_LIMIT;
	*ret = list;
	return ST_OK;
}

/* NOLINTNEXTLINE(readability-function-size): a term, or where and why there is none */
enum status eval_consult(struct arena *a, const char *text, size_t len, const struct term **ret,
                         unsigned *ret_line, unsigned *ret_column, const char **ret_message)
{
	struct parse_fault fault = {0};
	const struct ast *program;
	enum status st = parse_dotted(a, text, len, &program, &fault);

	if (st == ST_OK)
		st = consult_terms(a, program, ret, &fault);
	if (st != ST_OK) {
		*ret_line = fault.line;
		*ret_column = fault.column;
		*ret_message = fault.message;
	}
	return st;
}
