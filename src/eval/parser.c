/* Expressions by precedence climbing; operands are in files of their own. */
#include "eval/parser.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "eval/limits.h"
#include "eval/parser_core.h"

/* NOLINTBEGIN(misc-no-recursion,bugprone-sizeof-expression): recursion is bounded by p->nesting;
 * arrays of pointers are meant */

/* Erlang's levels: a larger number binds tighter. */
enum level {
	LEVEL_CATCH,
	LEVEL_MATCH,
	LEVEL_ORELSE,
	LEVEL_ANDALSO,
	LEVEL_COMPARE,
	LEVEL_LIST,
	LEVEL_ADD,
	LEVEL_MULTIPLY,
	LEVEL_PREFIX,
};

enum side { LEFT, RIGHT, NEITHER };

static const struct operator_row {
	const char *text;
	enum ast_kind kind;
	enum ast_op op;
	enum level level;
	enum side side;
} operators[] = {
    {"=", AST_MATCH, OP_EXACT, LEVEL_MATCH, RIGHT},
    {"!", AST_BINARY_OP, OP_SEND, LEVEL_MATCH, RIGHT},
    {"orelse", AST_ORELSE, OP_OR, LEVEL_ORELSE, RIGHT},
    {"andalso", AST_ANDALSO, OP_AND, LEVEL_ANDALSO, RIGHT},
    {"==", AST_BINARY_OP, OP_EQUAL, LEVEL_COMPARE, NEITHER},
    {"/=", AST_BINARY_OP, OP_NOT_EQUAL, LEVEL_COMPARE, NEITHER},
    {"=<", AST_BINARY_OP, OP_LESS_EQUAL, LEVEL_COMPARE, NEITHER},
    {"<", AST_BINARY_OP, OP_LESS, LEVEL_COMPARE, NEITHER},
    {">=", AST_BINARY_OP, OP_GREATER_EQUAL, LEVEL_COMPARE, NEITHER},
    {">", AST_BINARY_OP, OP_GREATER, LEVEL_COMPARE, NEITHER},
    {"=:=", AST_BINARY_OP, OP_EXACT, LEVEL_COMPARE, NEITHER},
    {"=/=", AST_BINARY_OP, OP_NOT_EXACT, LEVEL_COMPARE, NEITHER},
    {"++", AST_BINARY_OP, OP_APPEND, LEVEL_LIST, RIGHT},
    {"--", AST_BINARY_OP, OP_SUBTRACT, LEVEL_LIST, RIGHT},
    {"+", AST_BINARY_OP, OP_PLUS, LEVEL_ADD, LEFT},
    {"-", AST_BINARY_OP, OP_MINUS, LEVEL_ADD, LEFT},
    {"bor", AST_BINARY_OP, OP_BOR, LEVEL_ADD, LEFT},
    {"bxor", AST_BINARY_OP, OP_BXOR, LEVEL_ADD, LEFT},
    {"bsl", AST_BINARY_OP, OP_BSL, LEVEL_ADD, LEFT},
    {"bsr", AST_BINARY_OP, OP_BSR, LEVEL_ADD, LEFT},
    {"or", AST_BINARY_OP, OP_OR, LEVEL_ADD, LEFT},
    {"xor", AST_BINARY_OP, OP_XOR, LEVEL_ADD, LEFT},
    {"*", AST_BINARY_OP, OP_TIMES, LEVEL_MULTIPLY, LEFT},
    {"/", AST_BINARY_OP, OP_DIVIDE, LEVEL_MULTIPLY, LEFT},
    {"div", AST_BINARY_OP, OP_DIV, LEVEL_MULTIPLY, LEFT},
    {"rem", AST_BINARY_OP, OP_REM, LEVEL_MULTIPLY, LEFT},
    {"band", AST_BINARY_OP, OP_BAND, LEVEL_MULTIPLY, LEFT},
    {"and", AST_BINARY_OP, OP_AND, LEVEL_MULTIPLY, LEFT},
};

static const struct operator_row prefixes[] = {
    {"+", AST_UNARY, OP_PLUS, LEVEL_PREFIX, RIGHT},
    {"-", AST_UNARY, OP_MINUS, LEVEL_PREFIX, RIGHT},
    {"bnot", AST_UNARY, OP_BNOT, LEVEL_PREFIX, RIGHT},
    {"not", AST_UNARY, OP_NOT, LEVEL_PREFIX, RIGHT},
};

bool parser_out_of_memory(struct parser *p)
{
	if (p->st == ST_OK) {
		p->st = ST_LIMIT;
		p->fault = (struct parse_fault){p->token.line, p->token.column,
		                                "the program is too large"};
	}
	return false;
}

bool parser_advance(struct parser *p)
{
	enum status st;

	if (p->st != ST_OK)
		return false;
	st = lexer_next(&p->lexer, &p->token);
	if (st == ST_OK)
		return true;
	if (st != ST_INVALID)
		return parser_out_of_memory(p);
	p->st = st;
	p->fault = (struct parse_fault){p->token.line, p->token.column, p->lexer.message};
	return false;
}

bool parser_at(const struct parser *p, const char *text)
{
	if (p->st != ST_OK || (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_PUNCT))
		return false;
	return strcmp(p->token.text, text) == 0;
}

bool parser_accept(struct parser *p, const char *text)
{
	return parser_at(p, text) && parser_advance(p);
}

bool parser_expect(struct parser *p, const char *text)
{
	if (parser_at(p, text))
		return parser_advance(p);
	(void)parser_unexpected(p);
	return false;
}

const struct ast *parser_fail(struct parser *p, const char *what)
{
	if (p->st == ST_OK) {
		p->st = ST_INVALID;
		p->fault = (struct parse_fault){p->token.line, p->token.column, what};
	}
	return NULL;
}

const struct ast *parser_unexpected(struct parser *p)
{
	char text[160];
	struct buf found;
	const char *copy;

	if (p->st != ST_OK)
		return NULL;
	buf_init(&found, 4096);
	if (p->token.kind == TOKEN_END || p->token.kind == TOKEN_DOT)
		buf_printf(&found, "the end");
	else if (p->token.kind == TOKEN_ATOM || p->token.value == NULL)
		buf_printf(&found, "'%s'", p->token.text);
	else
		term_print_pretty(&found, p->token.value, 0);
	(void)snprintf(text, sizeof text, "syntax error before: %s",
	               buf_text(&found) == NULL ? "a long token" : buf_text(&found));
	buf_close(&found);
	copy = arena_copy(p->arena, text, strlen(text));
	return parser_fail(p, copy == NULL ? "syntax error" : copy);
}

struct ast *parser_node(struct parser *p, enum ast_kind kind)
{
	struct ast *x = p->st == ST_OK ? arena_alloc(p->arena, sizeof *x) : NULL;

	if (x == NULL) {
		(void)parser_out_of_memory(p);
		return NULL;
	}
	x->kind = kind;
	x->line = p->token.line;
	x->column = p->token.column;
	return x;
}

void *parser_array(struct parser *p, size_t n, size_t size)
{
	void *at = p->st == ST_OK ? arena_alloc(p->arena, (n + 1) * size) : NULL;

	if (at == NULL)
		(void)parser_out_of_memory(p);
	return at;
}

bool parser_push(struct parser *p, struct items *items, const struct ast *x)
{
	if (x == NULL)
		return false;
	if (items->n == items->cap) {
		size_t cap = items->cap == 0 ? 4 : items->cap * 2;
		const struct ast **at = parser_array(p, cap, sizeof *at);

		if (at == NULL)
			return false;
		if (items->n > 0)
			memcpy(at, items->at, items->n * sizeof *at);
		items->at = at;
		items->cap = cap;
	}
	items->at[items->n++] = x;
	return true;
}

const char *parser_intern(struct parser *p, const char *text)
{
	struct name *name;

	for (const struct name *n = p->names; n != NULL; n = n->next) {
		if (strcmp(n->text, text) == 0)
			return n->text;
	}
	if (p->n_names == EVAL_NAMES_MAX) {
		(void)parser_fail(p, "too many variables");
		return NULL;
	}
	name = parser_array(p, 1, sizeof *name);
	if (name == NULL)
		return NULL;
	name->text = text;
	name->next = p->names;
	p->names = name;
	p->n_names++;
	return text;
}

const struct ast *parser_with_kids(struct ast *x, const struct items *items)
{
	x->kids = items->at;
	x->n_kids = items->n;
	return x;
}

static const struct operator_row *find_operator(const struct parser *p,
                                                const struct operator_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (parser_at(p, rows[i].text))
			return &rows[i];
	}
	return NULL;
}

static const struct ast *climb(struct parser *p, enum level level);

static const struct ast *prefixed(struct parser *p)
{
	const struct operator_row *row =
	    find_operator(p, prefixes, sizeof prefixes / sizeof *prefixes);
	struct items items = {0};
	struct ast *x;

	if (row == NULL)
		return parse_primary(p);
	x = parser_node(p, AST_UNARY);
	if (x == NULL || !parser_advance(p))
		return NULL;
	x->op = row->op;
	if (!parser_push(p, &items, climb(p, LEVEL_PREFIX)))
		return NULL;
	return parser_with_kids(x, &items);
}

static const struct ast *infix(struct parser *p, const struct operator_row *row,
                               const struct ast *left)
{
	struct ast *x = parser_node(p, row->kind);
	struct items items = {0};

	if (x == NULL || !parser_advance(p) || !parser_push(p, &items, left))
		return NULL;
	x->op = row->op;
	x->line = left->line;
	x->column = left->column;
	if (!parser_push(p, &items, climb(p, row->side == RIGHT ? row->level : row->level + 1)))
		return NULL;
	return parser_with_kids(x, &items);
}

static const struct ast *climb_from(struct parser *p, enum level level)
{
	const struct ast *left = prefixed(p);

	while (left != NULL) {
		const struct operator_row *row =
		    find_operator(p, operators, sizeof operators / sizeof *operators);

		if (row == NULL || row->level < level)
			break;
		left = infix(p, row, left);
		/* a < b < c is not Erlang. */
		if (row->side == NEITHER && left != NULL) {
			const struct operator_row *next =
			    find_operator(p, operators, sizeof operators / sizeof *operators);

			if (next != NULL && next->level == row->level)
				return parser_unexpected(p);
		}
	}
	return left;
}

static const struct ast *climb(struct parser *p, enum level level)
{
	const struct ast *x;

	if (p->nesting == EVAL_NESTING_MAX)
		return parser_fail(p, "expression is nested too deeply");
	p->nesting++;
	x = climb_from(p, level);
	p->nesting--;
	return x;
}

const struct ast *parse_expr(struct parser *p)
{
	struct items items = {0};
	struct ast *x;

	if (!parser_at(p, "catch"))
		return climb(p, LEVEL_MATCH);
	if (p->nesting == EVAL_NESTING_MAX)
		return parser_fail(p, "expression is nested too deeply");
	x = parser_node(p, AST_CATCH);
	if (x == NULL || !parser_advance(p))
		return NULL;
	p->nesting++;
	(void)parser_push(p, &items, parse_expr(p));
	p->nesting--;
	return p->st == ST_OK ? parser_with_kids(x, &items) : NULL;
}

const struct ast *parse_body(struct parser *p)
{
	struct ast *x = parser_node(p, AST_BLOCK);
	struct items items = {0};

	if (x == NULL)
		return NULL;
	do {
		if (!parser_push(p, &items, parse_expr(p)))
			return NULL;
	} while (parser_accept(p, ","));
	return parser_with_kids(x, &items);
}

static enum status parse_all(struct parser *p, bool keep_dotted, struct items *items)
{
	(void)parser_advance(p);
	while (p->st == ST_OK && p->token.kind != TOKEN_END) {
		const struct ast *body = parse_body(p);

		if (body != NULL && keep_dotted)
			(void)parser_push(p, items, body);
		for (size_t i = 0; body != NULL && !keep_dotted && i < body->n_kids; i++)
			(void)parser_push(p, items, body->kids[i]);
		if (p->st != ST_OK)
			break;
		if (p->token.kind == TOKEN_DOT)
			(void)parser_advance(p);
		else if (p->token.kind != TOKEN_END || keep_dotted)
			(void)parser_unexpected(p);
	}
	return p->st;
}

static enum status parse(struct arena *a, const char *text, size_t len, bool dotted,
                         const struct ast **ret, struct parse_fault *ret_fault)
{
	struct parser p = {.arena = a};
	struct items items = {0};
	struct ast *x;

	if (len > EVAL_TEXT_MAX) {
		*ret_fault = (struct parse_fault){1, 1, "the program is too large"};
		return ST_LIMIT;
	}
	lexer_init(&p.lexer, a, text, len);
	(void)parse_all(&p, dotted, &items);
	if (items.n == 0 && !dotted)
		(void)parser_fail(&p, "there is no expression");
	x = parser_node(&p, AST_BLOCK);
	if (p.st != ST_OK) {
		*ret_fault = p.fault;
		return p.st;
	}
	*ret = parser_with_kids(x, &items);
	return ST_OK;
}

enum status parse_program(struct arena *a, const char *text, size_t len, const struct ast **ret,
                          struct parse_fault *ret_fault)
{
	return parse(a, text, len, false, ret, ret_fault);
}

enum status parse_dotted(struct arena *a, const char *text, size_t len, const struct ast **ret,
                         struct parse_fault *ret_fault)
{
	return parse(a, text, len, true, ret, ret_fault);
}
/* NOLINTEND(misc-no-recursion,bugprone-sizeof-expression) */
