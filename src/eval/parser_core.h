/* What the files of the parser share: the token at hand, and how to say what is wrong.
 *
 * Functions return NULL after the first fault, which stays; p->token is the next unread one. */
#ifndef EVAL_PARSER_CORE_H
#define EVAL_PARSER_CORE_H

#include "eval/ast.h"
#include "eval/lexer.h"
#include "eval/parser.h"

struct name {
	const struct name *next;
	const char *text;
};

struct parser {
	struct arena *arena;
	struct lexer lexer;
	struct token token;
	struct parse_fault fault;
	enum status st;           /* first failure */
	const struct name *names; /* interned so far */
	unsigned n_names;
	unsigned nesting;
};

/* A growing array in the arena. */
struct items {
	const struct ast **at;
	size_t n;
	size_t cap;
};

bool parser_advance(struct parser *p);
bool parser_at(const struct parser *p, const char *word_or_punct);
/* Move over it if it is next. */
bool parser_accept(struct parser *p, const char *word_or_punct);
/* The same, and a fault when something else is. */
bool parser_expect(struct parser *p, const char *word_or_punct);
const struct ast *parser_fail(struct parser *p, const char *what);
/* "syntax error before: ..." at the next token. */
const struct ast *parser_unexpected(struct parser *p);
/* x with those kids. */
const struct ast *parser_with_kids(struct ast *x, const struct items *items);
bool parser_out_of_memory(struct parser *p);
struct ast *parser_node(struct parser *p, enum ast_kind kind);
bool parser_push(struct parser *p, struct items *items, const struct ast *x);
const char *parser_intern(struct parser *p, const char *text);
/* An array of n copies, or NULL. */
void *parser_array(struct parser *p, size_t n, size_t size);

const struct ast *parse_expr(struct parser *p);
const struct ast *parse_primary(struct parser *p);
/* What a primary starts with: no call, no module, no update behind it. */
const struct ast *parse_operand(struct parser *p);
/* One or more expressions between commas: an AST_BLOCK. */
const struct ast *parse_body(struct parser *p);

/* Forms that begin with a word: case, if, try, fun, begin. */
const struct ast *parse_word(struct parser *p);
/* <<...>>, with the brackets' opening read. */
const struct ast *parse_binary(struct parser *p);
/* The qualifiers of a comprehension, up to the closing bracket. */
bool parse_qualifiers(struct parser *p, struct ast *x, const char *closing);

#endif
