/* Erlang expressions, evaluated for operators: `erlmcp eval`, bin/erl -eval.
 *
 * Pure: text and bindings in, value or exception out. Calls to functions that touch the world
 * go through the host. A host function that cannot answer yet returns ST_AGAIN: the evaluation
 * stops, and the caller runs it again when the answer is there. The results of earlier host
 * calls are remembered by their order, so each takes effect once (evaluation is deterministic:
 * replay reaches the same calls). Depth, steps, memory and host calls are bounded. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "term/term.h"

enum eval_outcome {
	EVAL_VALUE,     /* done: value */
	EVAL_EXCEPTION, /* raised: klass ("error", "exit", "throw"), reason; or a limit was hit */
	EVAL_SYNTAX,    /* the text is not Erlang: line, column, message */
	EVAL_WAIT,      /* a host call is pending: run again after eval_answer() */
};

/* How the host answers a call to module:function/arity. */
enum host_answer {
	HOST_VALUE,     /* *ret is the value */
	HOST_RAISE,     /* *ret is the reason of an error exception */
	HOST_UNDEFINED, /* no such function: the evaluator raises undef */
	HOST_WAIT,      /* started; eval_answer(call) follows */
};

struct eval_host {
	void *arg;
	/* Args live until eval_free(). call numbers the host calls of this evaluation from 0. */
	enum host_answer (*call)(void *arg, uint32_t call, const char *module, const char *function,
	                         const struct term *const args[], size_t n_args,
	                         struct arena *arena, const struct term **ret);
	/* self() as seen by expressions; NULL: <0.0.0>-like local pid. */
	const struct term *self;
};

struct eval_limits {
	uint64_t steps; /* reductions in one run */
	size_t memory;  /* bytes of terms */
	unsigned depth; /* nesting of expressions and calls */
	uint32_t calls; /* host calls */
};

/* What an operator's command gets: generous, but a node never hangs or bloats. */
extern const struct eval_limits eval_limits_default;

struct eval;

/* Copies text. */
CHECKED enum status eval_new(const char *text, size_t len, const struct eval_host *host,
                             const struct eval_limits *limits, struct eval **ret);
void eval_free(struct eval *e);

struct eval_result {
	enum eval_outcome outcome;
	const struct term *value;  /* VALUE; lives until eval_free() or the next run */
	const char *klass;         /* EXCEPTION */
	const struct term *reason; /* EXCEPTION */
	unsigned line;             /* SYNTAX, and a variable that is unbound; 1-based; else 0 */
	unsigned column;           /* the same */
	const char *message;       /* SYNTAX: what is wrong, one line. EXCEPTION: which function is
	                            * undefined, or which limit was hit; else NULL */
	const char *output;        /* what io:format and friends wrote, NUL-terminated */
	size_t output_len;
};

/* Run, or run again after EVAL_WAIT. */
void eval_run(struct eval *e, struct eval_result *ret);

/* The answer of pending host call number `call`: value copied. ok = false: an error exception
 * with that reason. */
CHECKED enum status eval_answer(struct eval *e, uint32_t call, bool ok, const struct term *value);

/* What a shell prints for a result: the value as ~p, or "** exception error: ..." as Erlang's
 * shell words it. One trailing newline. */
void eval_print(const struct eval_result *r, struct buf *b);

/* Parse a file of dotted Erlang terms (sys.config): a list of terms. */
CHECKED enum status eval_consult(struct arena *a, const char *text, size_t len,
                                 const struct term **ret, unsigned *ret_line, unsigned *ret_column,
                                 const char **ret_message);

#endif
