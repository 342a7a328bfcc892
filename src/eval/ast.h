/* A parsed program. Patterns and guards are expressions, too: what matches decides. */
#ifndef EVAL_AST_H
#define EVAL_AST_H

#include "term/term.h"

enum ast_kind {
	AST_LITERAL,   /* value */
	AST_VAR,       /* name; "_" matches anything */
	AST_LIST,      /* kids; tail */
	AST_TUPLE,     /* kids */
	AST_MAP,       /* kids: key, value, key, value...; tail: the map that is updated */
	AST_BINARY,    /* segments */
	AST_UNARY,     /* op kid */
	AST_BINARY_OP, /* kid op kid */
	AST_ANDALSO,
	AST_ORELSE,
	AST_MATCH,     /* kid = kid */
	AST_CALL,      /* kids: what is called, arguments */
	AST_REMOTE,    /* kid : kid */
	AST_BLOCK,     /* kids, evaluated in order */
	AST_CASE,      /* kid; clauses */
	AST_IF,        /* clauses */
	AST_TRY,       /* kids: body; clauses: of; catches; after */
	AST_CATCH,     /* kid */
	AST_FUN,       /* clauses; name when it has one */
	AST_FUN_REF,   /* kids: function, arity; or module, function, arity */
	AST_LIST_COMP, /* kid; generators and filters */
	AST_BIN_COMP,
};

enum ast_op {
	OP_PLUS,
	OP_MINUS,
	OP_TIMES,
	OP_DIVIDE,
	OP_DIV,
	OP_REM,
	OP_BAND,
	OP_BOR,
	OP_BXOR,
	OP_BSL,
	OP_BSR,
	OP_BNOT,
	OP_NOT,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_EQUAL,
	OP_NOT_EQUAL,
	OP_EXACT,
	OP_NOT_EXACT,
	OP_LESS,
	OP_LESS_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
	OP_APPEND,
	OP_SUBTRACT,
	OP_SEND,
};

enum segment_type {
	SEGMENT_INTEGER,
	SEGMENT_FLOAT,
	SEGMENT_BINARY, /* bytes or bits: as its unit says */
	SEGMENT_UTF8,
	SEGMENT_UTF16,
	SEGMENT_UTF32,
};

struct ast;

/* One field of a binary: Value:Size/Type. */
struct ast_segment {
	const struct ast *value;
	const struct ast *size; /* NULL: the type's own */
	enum segment_type type;
	bool little;
	bool is_signed;
	unsigned unit; /* bits that size counts */
};

struct ast_clause {
	const struct ast **patterns; /* of a fun: one per argument; of a catch: class, reason */
	size_t n_patterns;
	const struct ast *stack;   /* of a catch: the variable of the stack trace, or NULL */
	const struct ast **guards; /* alternatives, each an AST_BLOCK of tests; none: true */
	size_t n_guards;
	const struct ast *body; /* AST_BLOCK */
};

/* Of a comprehension: a filter, or a generator with a pattern. */
struct ast_qualifier {
	const struct ast *pattern; /* NULL: a filter */
	const struct ast *source;
	bool bits; /* <= */
};

struct builtin;

struct ast {
	enum ast_kind kind;
	enum ast_op op;
	unsigned line;
	unsigned column;
	const struct term *value; /* LITERAL */
	const char *name;         /* VAR, FUN: interned, so that equal names are equal pointers */
	const struct ast **kids;
	size_t n_kids;
	const struct ast *tail;
	const bool *exact; /* MAP: per pair, := instead of => */
	const struct ast_clause *clauses;
	size_t n_clauses;
	const struct ast_clause *catches;
	size_t n_catches;
	const struct ast *after;
	const struct ast_segment *segments;
	const struct ast_qualifier *qualifiers;
	size_t n_items; /* segments or qualifiers */
};

#endif
