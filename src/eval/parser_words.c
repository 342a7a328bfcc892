/* case, if, try, fun and begin: everything that has clauses. */
#include <stdlib.h>
#include <string.h>

#include "eval/parser_core.h"
#include "term/term.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */

/* Clauses of unknown number, grown in the arena. */
struct clauses {
	struct ast_clause *at;
	size_t n;
	size_t cap;
};

static struct ast_clause *next_clause(struct parser *p, struct clauses *clauses)
{
	if (clauses->n == clauses->cap) {
		size_t cap = clauses->cap == 0 ? 4 : clauses->cap * 2;
		struct ast_clause *at = parser_array(p, cap, sizeof *at);

		if (at == NULL)
			return NULL;
		if (clauses->n > 0)
			memcpy(at, clauses->at, clauses->n * sizeof *at);
		clauses->at = at;
		clauses->cap = cap;
	}
	return &clauses->at[clauses->n++];
}

static bool guards(struct parser *p, struct ast_clause *clause)
{
	struct items items = {0};

	do {
		if (!parser_push(p, &items, parse_body(p)))
			return false;
	} while (parser_accept(p, ";"));
	clause->guards = items.at;
	clause->n_guards = items.n;
	return true;
}

/* [when Guards] -> Body */
static bool guarded_body(struct parser *p, struct ast_clause *clause)
{
	if (parser_accept(p, "when") && !guards(p, clause))
		return false;
	if (!parser_expect(p, "->"))
		return false;
	clause->body = parse_body(p);
	return clause->body != NULL;
}

static bool one_pattern(struct parser *p, struct ast_clause *clause)
{
	struct items items = {0};

	if (!parser_push(p, &items, parse_expr(p)))
		return false;
	clause->patterns = items.at;
	clause->n_patterns = items.n;
	return true;
}

static bool case_clauses(struct parser *p, struct clauses *clauses)
{
	do {
		struct ast_clause *clause = next_clause(p, clauses);

		if (clause == NULL || !one_pattern(p, clause) || !guarded_body(p, clause))
			return false;
	} while (parser_accept(p, ";"));
	return true;
}

static const struct ast *parse_case(struct parser *p, struct ast *x)
{
	struct clauses clauses = {0};
	struct items items = {0};

	x->kind = AST_CASE;
	if (!parser_push(p, &items, parse_expr(p)) || !parser_expect(p, "of") ||
	    !case_clauses(p, &clauses) || !parser_expect(p, "end"))
		return NULL;
	x->kids = items.at;
	x->n_kids = items.n;
	x->clauses = clauses.at;
	x->n_clauses = clauses.n;
	return x;
}

static const struct ast *parse_if(struct parser *p, struct ast *x)
{
	struct clauses clauses = {0};

	x->kind = AST_IF;
	do {
		struct ast_clause *clause = next_clause(p, &clauses);

		if (clause == NULL || !guards(p, clause) || !parser_expect(p, "->"))
			return NULL;
		clause->body = parse_body(p);
		if (clause->body == NULL)
			return NULL;
	} while (parser_accept(p, ";"));
	x->clauses = clauses.at;
	x->n_clauses = clauses.n;
	return parser_expect(p, "end") ? x : NULL;
}

/* Class:Reason:Stack was read as an expression; take it apart. Without a class it is throw. */
static bool catch_pattern(struct parser *p, struct ast_clause *clause)
{
	const struct ast *x = parse_expr(p);
	const struct ast **patterns = parser_array(p, 2, sizeof *patterns);
	struct ast *class;

	if (x == NULL || patterns == NULL)
		return false;
	if (x->kind == AST_REMOTE && x->kids[0]->kind == AST_REMOTE) {
		clause->stack = x->kids[1];
		x = x->kids[0];
		if (clause->stack->kind != AST_VAR) {
			(void)parser_fail(p, "the stack trace must be a variable");
			return false;
		}
	}
	clause->patterns = patterns;
	clause->n_patterns = 2;
	if (x->kind == AST_REMOTE) {
		patterns[0] = x->kids[0];
		patterns[1] = x->kids[1];
		return true;
	}
	class = parser_node(p, AST_LITERAL);
	if (class == NULL)
		return false;
	class->value = term_atom(p->arena, "throw");
	patterns[0] = class;
	patterns[1] = x;
	return class->value != NULL;
}

static bool catch_clauses(struct parser *p, struct clauses *clauses)
{
	do {
		struct ast_clause *clause = next_clause(p, clauses);

		if (clause == NULL || !catch_pattern(p, clause) || !guarded_body(p, clause))
			return false;
	} while (parser_accept(p, ";"));
	return true;
}

static const struct ast *parse_try(struct parser *p, struct ast *x)
{
	struct clauses of = {0};
	struct clauses catches = {0};
	struct items items = {0};

	x->kind = AST_TRY;
	if (!parser_push(p, &items, parse_body(p)))
		return NULL;
	if (parser_accept(p, "of") && !case_clauses(p, &of))
		return NULL;
	if (!parser_at(p, "catch") && !parser_at(p, "after"))
		return parser_unexpected(p);
	if (parser_accept(p, "catch") && !catch_clauses(p, &catches))
		return NULL;
	if (parser_accept(p, "after")) {
		x->after = parse_body(p);
		if (x->after == NULL)
			return NULL;
	}
	x->kids = items.at;
	x->n_kids = items.n;
	x->clauses = of.at;
	x->n_clauses = of.n;
	x->catches = catches.at;
	x->n_catches = catches.n;
	return parser_expect(p, "end") ? x : NULL;
}

/* fun name/1, fun m:f/1; any part may be a variable. */
static const struct ast *fun_reference(struct parser *p, struct ast *x)
{
	struct items items = {0};
	const struct ast *name = parse_primary(p);

	x->kind = AST_FUN_REF;
	if (name == NULL)
		return NULL;
	if (name->kind == AST_REMOTE) {
		if (!parser_push(p, &items, name->kids[0]))
			return NULL;
		name = name->kids[1];
	}
	if (!parser_push(p, &items, name) || !parser_expect(p, "/") ||
	    !parser_push(p, &items, parse_primary(p)))
		return NULL;
	x->kids = items.at;
	x->n_kids = items.n;
	return x;
}

static bool fun_arguments(struct parser *p, struct ast_clause *clause)
{
	struct items items = {0};

	if (!parser_expect(p, "("))
		return false;
	while (!parser_at(p, ")")) {
		if (!parser_push(p, &items, parse_expr(p)))
			return false;
		if (!parser_accept(p, ","))
			break;
	}
	clause->patterns = items.at;
	clause->n_patterns = items.n;
	return parser_expect(p, ")");
}

static bool fun_clauses(struct parser *p, struct ast *x, struct clauses *clauses)
{
	do {
		struct ast_clause *clause;

		/* The first clause's name was read to tell it from a reference. */
		if (x->name != NULL && clauses->n > 0) {
			if (p->token.kind != TOKEN_VAR || strcmp(p->token.text, x->name) != 0)
				return parser_unexpected(p) != NULL;
			(void)parser_advance(p);
		}
		clause = next_clause(p, clauses);
		if (clause == NULL || !fun_arguments(p, clause) || !guarded_body(p, clause))
			return false;
		if (clause->n_patterns != clauses->at[0].n_patterns)
			return parser_fail(p, "head mismatch: clauses of a fun differ in arity") !=
			       NULL;
	} while (parser_accept(p, ";"));
	return true;
}

static bool named_fun_follows(const struct parser *p)
{
	struct lexer ahead = p->lexer;
	struct token token;

	return p->token.kind == TOKEN_VAR && lexer_next(&ahead, &token) == ST_OK &&
	       token.kind == TOKEN_PUNCT && strcmp(token.text, "(") == 0;
}

static const struct ast *parse_fun(struct parser *p, struct ast *x)
{
	struct clauses clauses = {0};

	x->kind = AST_FUN;
	if (named_fun_follows(p)) {
		x->name = parser_intern(p, p->token.text);
		(void)parser_advance(p);
	} else if (!parser_at(p, "(")) {
		return fun_reference(p, x);
	}
	if (!fun_clauses(p, x, &clauses) || !parser_expect(p, "end"))
		return NULL;
	x->clauses = clauses.at;
	x->n_clauses = clauses.n;
	return x;
}

const struct ast *parse_word(struct parser *p)
{
	struct ast *x = parser_node(p, AST_BLOCK);
	const struct ast *body;

	if (x == NULL)
		return NULL;
	if (parser_at(p, "receive"))
		return parser_fail(p, "receive is not supported: there is no mailbox here");
	if (parser_accept(p, "case"))
		return parse_case(p, x);
	if (parser_accept(p, "if"))
		return parse_if(p, x);
	if (parser_accept(p, "try"))
		return parse_try(p, x);
	if (parser_accept(p, "fun"))
		return parse_fun(p, x);
	if (!parser_accept(p, "begin"))
		return parser_unexpected(p);
	body = parse_body(p);
	return body != NULL && parser_expect(p, "end") ? body : NULL;
}
/* NOLINTEND(bugprone-sizeof-expression) */
