/* Operands: literals, variables, brackets of all kinds but <<>>, and what may follow an operand. */
#include "eval/parser_core.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */

static const struct ast *literal(struct parser *p)
{
	struct ast *x = parser_node(p, AST_LITERAL);

	if (x == NULL)
		return NULL;
	x->value = p->token.value;
	return parser_advance(p) ? x : NULL;
}

/* Strings that follow each other are one. */
static const struct ast *string(struct parser *p)
{
	struct ast *x = parser_node(p, AST_LITERAL);
	const struct term **chars;
	size_t n = 0;

	if (x == NULL)
		return NULL;
	x->value = p->token.value;
	if (!parser_advance(p) || p->token.kind != TOKEN_STRING)
		return p->st == ST_OK ? x : NULL;
	while (p->st == ST_OK && p->token.kind == TOKEN_STRING) {
		size_t len = (size_t)term_length(x->value);

		chars = parser_array(p, len, sizeof *chars);
		if (chars == NULL)
			return NULL;
		n = 0;
		for (const struct term *l = x->value; n < len; l = term_tail(l))
			chars[n++] = term_head(l);
		x->value = term_list_tail(p->arena, chars, n, p->token.value);
		if (x->value == NULL)
			(void)parser_out_of_memory(p);
		(void)parser_advance(p);
	}
	return p->st == ST_OK ? x : NULL;
}

static const struct ast *variable(struct parser *p)
{
	struct ast *x = parser_node(p, AST_VAR);

	if (x == NULL)
		return NULL;
	x->name = parser_intern(p, p->token.text);
	return parser_advance(p) ? x : NULL;
}

/* Expressions between commas, up to the closing bracket, which is read. */
static bool sequence(struct parser *p, const char *closing, struct items *items)
{
	if (parser_accept(p, closing))
		return p->st == ST_OK;
	do {
		if (!parser_push(p, items, parse_expr(p)))
			return false;
	} while (parser_accept(p, ","));
	return parser_expect(p, closing);
}

static const struct ast *comprehension(struct parser *p, struct ast *x, const struct ast *body)
{
	struct items items = {0};

	x->kind = AST_LIST_COMP;
	if (!parser_push(p, &items, body) || !parse_qualifiers(p, x, "]"))
		return NULL;
	return parser_with_kids(x, &items);
}

static const struct ast *list(struct parser *p)
{
	struct ast *x = parser_node(p, AST_LIST);
	struct items items = {0};

	if (x == NULL || !parser_advance(p))
		return NULL;
	if (parser_at(p, "]")) {
		x->kind = AST_LITERAL;
		x->value = term_nil(p->arena);
		return parser_advance(p) ? x : NULL;
	}
	do {
		if (!parser_push(p, &items, parse_expr(p)))
			return NULL;
		if (items.n == 1 && parser_accept(p, "||"))
			return comprehension(p, x, items.at[0]);
	} while (parser_accept(p, ","));
	if (parser_accept(p, "|")) {
		x->tail = parse_expr(p);
		if (x->tail == NULL)
			return NULL;
	}
	return parser_expect(p, "]") ? parser_with_kids(x, &items) : NULL;
}

static const struct ast *tuple(struct parser *p)
{
	struct ast *x = parser_node(p, AST_TUPLE);
	struct items items = {0};

	if (x == NULL || !parser_advance(p) || !sequence(p, "}", &items))
		return NULL;
	return parser_with_kids(x, &items);
}

/* #{...}: makes a map, or, behind an expression, updates one. */
static const struct ast *map(struct parser *p, const struct ast *updated)
{
	struct ast *x = parser_node(p, AST_MAP);
	struct items items = {0};
	struct items exact = {0};
	bool *flags;

	if (x == NULL || !parser_advance(p))
		return NULL;
	if (!parser_at(p, "{"))
		return parser_fail(p, "records are not supported");
	(void)parser_advance(p);
	x->tail = updated;
	while (!parser_at(p, "}")) {
		if (!parser_push(p, &items, parse_expr(p)))
			return NULL;
		if (!parser_at(p, "=>") && !parser_at(p, ":="))
			return parser_unexpected(p);
		if (!parser_push(p, &exact, parser_at(p, ":=") ? x : items.at[items.n - 1]))
			return NULL;
		if (!parser_advance(p) || !parser_push(p, &items, parse_expr(p)))
			return NULL;
		if (!parser_accept(p, ","))
			break;
		if (parser_at(p, "}"))
			return parser_unexpected(p);
	}
	if (!parser_expect(p, "}"))
		return NULL;
	flags = parser_array(p, exact.n, sizeof *flags);
	if (flags == NULL)
		return NULL;
	for (size_t i = 0; i < exact.n; i++)
		flags[i] = exact.at[i] == x;
	x->exact = flags;
	return parser_with_kids(x, &items);
}

static const struct ast *parenthesis(struct parser *p)
{
	const struct ast *x;

	if (!parser_advance(p))
		return NULL;
	x = parse_expr(p);
	return x != NULL && parser_expect(p, ")") ? x : NULL;
}

const struct ast *parse_operand(struct parser *p)
{
	switch (p->token.kind) {
	case TOKEN_ATOM:
	case TOKEN_INTEGER:
	case TOKEN_FLOAT:
	case TOKEN_CHAR:
		return literal(p);
	case TOKEN_STRING:
		return string(p);
	case TOKEN_VAR:
		return variable(p);
	case TOKEN_WORD:
		return parse_word(p);
	case TOKEN_END:
	case TOKEN_DOT:
	case TOKEN_PUNCT:
		break;
	}
	if (parser_at(p, "("))
		return parenthesis(p);
	if (parser_at(p, "["))
		return list(p);
	if (parser_at(p, "{"))
		return tuple(p);
	if (parser_at(p, "<<"))
		return parse_binary(p);
	if (parser_at(p, "#"))
		return map(p, NULL);
	return parser_unexpected(p);
}

static const struct ast *call(struct parser *p, const struct ast *callee)
{
	struct ast *x = parser_node(p, AST_CALL);
	struct items items = {0};

	if (x == NULL || !parser_advance(p) || !parser_push(p, &items, callee) ||
	    !sequence(p, ")", &items))
		return NULL;
	x->line = callee->line;
	x->column = callee->column;
	return parser_with_kids(x, &items);
}

static const struct ast *remote(struct parser *p, const struct ast *module)
{
	struct ast *x = parser_node(p, AST_REMOTE);
	struct items items = {0};

	if (x == NULL || !parser_advance(p) || !parser_push(p, &items, module) ||
	    !parser_push(p, &items, parse_operand(p)))
		return NULL;
	x->line = module->line;
	x->column = module->column;
	return parser_with_kids(x, &items);
}

const struct ast *parse_primary(struct parser *p)
{
	const struct ast *x = p->st == ST_OK ? parse_operand(p) : NULL;

	while (x != NULL) {
		if (parser_at(p, "("))
			x = call(p, x);
		else if (parser_at(p, ":"))
			x = remote(p, x);
		else if (parser_at(p, "#"))
			x = map(p, x);
		else
			break;
	}
	return p->st == ST_OK ? x : NULL;
}
/* NOLINTEND(bugprone-sizeof-expression) */
