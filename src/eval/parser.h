/* Erlang text into a program: several expressions, separated by commas or ended by dots. */
#ifndef EVAL_PARSER_H
#define EVAL_PARSER_H

#include "eval/ast.h"

struct parse_fault {
	unsigned line;
	unsigned column;
	const char *message; /* in the arena, or static */
};

/* *ret: an AST_BLOCK. ST_INVALID: *ret_fault says why. ST_LIMIT: too large or nested. */
CHECKED enum status parse_program(struct arena *a, const char *text, size_t len,
                                  const struct ast **ret, struct parse_fault *ret_fault);

/* Dotted expressions, each a kid of the AST_BLOCK. */
CHECKED enum status parse_dotted(struct arena *a, const char *text, size_t len,
                                 const struct ast **ret, struct parse_fault *ret_fault);

#endif
