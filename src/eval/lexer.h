/* Erlang text into tokens. Positions are 1-based; columns count characters. */
#ifndef EVAL_LEXER_H
#define EVAL_LEXER_H

#include "term/term.h"

enum token_kind {
	TOKEN_END, /* of the text */
	TOKEN_DOT, /* a full stop: followed by white space, a comment, or the end */
	TOKEN_ATOM,
	TOKEN_VAR,
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_CHAR,
	TOKEN_STRING,
	TOKEN_WORD,  /* a reserved word */
	TOKEN_PUNCT, /* anything else: "->", "<<", ... */
};

struct token {
	enum token_kind kind;
	unsigned line;
	unsigned column;
	const char *text;         /* atom, variable, word, punctuation: NUL-terminated */
	const struct term *value; /* atom, integer, float, char, string: its term */
};

struct lexer {
	struct arena *arena; /* tokens' text and values */
	const char *at;      /* next unread byte */
	const char *end;
	unsigned line;
	unsigned column;
	const char *message; /* after ST_INVALID: what is wrong; static or in the arena */
};

void lexer_init(struct lexer *lx, struct arena *a, const char *text, size_t len);

/* ST_INVALID: lx->message, and *ret has the position. ST_LIMIT: the arena is exhausted. */
CHECKED enum status lexer_next(struct lexer *lx, struct token *ret);

#endif
