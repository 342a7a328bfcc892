/* The evaluator at work: what its files share.
 *
 * Every function that can raise returns NULL (or false) with m->signal set; a NULL term without
 * a signal means that the arena is exhausted, which machine_eval() turns into a limit. Limits and
 * waiting for the host cannot be caught by the program. */
#ifndef EVAL_MACHINE_H
#define EVAL_MACHINE_H

#include "eval/ast.h"
#include "eval/eval.h"

enum signal {
	SIGNAL_NONE,
	SIGNAL_RAISE, /* klass, reason */
	SIGNAL_LIMIT, /* detail */
	SIGNAL_WAIT,  /* a host call is pending */
};

/* Bindings are a list that only grows at its front, so a fun keeps those of its making. */
struct binding {
	const struct binding *next;
	const char *name; /* interned */
	const struct term *value;
};

/* One call of the host, remembered between runs. */
struct host_call {
	enum { CALL_PENDING, CALL_VALUE, CALL_RAISE, CALL_UNDEFINED } state;
	const struct term *value;
};

struct host_calls {
	struct arena arena; /* arguments and answers: lives as long as the evaluation */
	struct host_call *at;
	uint32_t n;
};

struct machine {
	struct arena *arena; /* of this run */
	const struct eval_limits *limits;
	const struct eval_host *host;
	struct host_calls *calls;
	struct buf *output;
	uint32_t next_call; /* number of the next host call of this run */
	uint32_t next_fun;  /* funs made so far: makes them differ */
	uint64_t steps;
	unsigned depth;

	enum signal signal;
	const char *klass;
	const struct term *reason;
	const char *detail; /* of limits and undefined functions: which */
	unsigned line;      /* of an unbound variable */
	unsigned column;

	/* A call in tail position, to be made by the caller's loop. */
	const struct term *tail_fun;
	const struct term *const *tail_args;
	size_t tail_n;
};

/* What a fun of ours is made of. */
struct closure {
	const struct ast *fun;
	const struct binding *env;
};

typedef const struct term *builtin_fn(struct machine *m, const struct term *const args[]);

struct builtin {
	const char *name;
	unsigned arity;
	builtin_fn *fn;
};

/* A growing array of terms in the arena of the run. */
struct vec {
	const struct term **at;
	size_t n;
	size_t cap;
};

enum match { MATCH_NO, MATCH_YES, MATCH_FAILED };

/* machine.c */
const struct term *machine_raise(struct machine *m, const char *klass, const struct term *reason);
const struct term *machine_error(struct machine *m, const struct term *reason);
const struct term *machine_error_atom(struct machine *m, const char *reason);
const struct term *machine_error_with(struct machine *m, const char *tag, const struct term *x);
const struct term *machine_limit(struct machine *m, const char *detail);
/* Count work; false when there was too much. */
bool machine_charge(struct machine *m, uint64_t steps);
bool machine_enter(struct machine *m);
void machine_leave(struct machine *m);
bool vec_push(struct machine *m, struct vec *v, const struct term *t);
/* The elements of a proper list; false (and no signal) when t is none, or NULL arena. */
bool vec_of_list(struct machine *m, const struct term *t, struct vec *ret);
const struct term *vec_list(struct machine *m, const struct vec *v);

/* expressions.c */
const struct term *machine_eval(struct machine *m, const struct ast *x, const struct binding **env,
                                bool tail);
const struct term *machine_body(struct machine *m, const struct ast *block,
                                const struct binding **env, bool tail);
bool machine_bind(struct machine *m, const char *name, const struct term *value,
                  const struct binding **env);

/* control.c */
const struct term *control_case(struct machine *m, const struct ast *x, const struct binding **env,
                                bool tail);
const struct term *control_if(struct machine *m, const struct ast *x, const struct binding **env,
                              bool tail);
const struct term *control_try(struct machine *m, const struct ast *x, const struct binding **env);
const struct term *control_catch(struct machine *m, const struct ast *x,
                                 const struct binding **env);
const struct term *control_comprehension(struct machine *m, const struct ast *x,
                                         const struct binding *env);
/* Do the guards hold? None do when a signal other than an exception was raised. */
bool control_guards(struct machine *m, const struct ast_clause *c, const struct binding *env);

/* match.c. Variables bound behind barrier are as good as unbound: heads of funs shadow. */
enum match match_pattern(struct machine *m, const struct ast *pattern, const struct term *value,
                         const struct binding **env, const struct binding *barrier);

/* bits.c, bits_match.c */
const struct term *bits_construct(struct machine *m, const struct ast *x,
                                  const struct binding **env);
enum match bits_match(struct machine *m, const struct ast *pattern, const struct term *value,
                      const struct binding **env, const struct binding *barrier);
/* One round of a <= generator: matches at bit offset *at, moves it. */
enum match bits_match_at(struct machine *m, const struct ast *pattern, const struct term *value,
                         size_t *at, const struct binding **env, const struct binding *barrier);

/* operators.c */
const struct term *operator_unary(struct machine *m, enum ast_op op, const struct term *x);
const struct term *operator_binary(struct machine *m, enum ast_op op, const struct term *x,
                                   const struct term *y);
const struct term *operator_append(struct machine *m, const struct term *x, const struct term *y);

/* apply.c */
const struct term *apply_fun(struct machine *m, const struct term *fun,
                             const struct term *const args[], size_t n);
const struct term *apply_function(struct machine *m, const char *module, const char *function,
                                  const struct term *const args[], size_t n);
const struct term *apply_call(struct machine *m, const struct ast *x, const struct binding **env,
                              bool tail);
bool apply_is_fun(const struct term *t, unsigned arity);

/* builtins.c */
const struct builtin *builtin_find(const char *module, const char *function, size_t arity);
/* May guards call this function of module erlang? */
bool builtin_in_guards(const char *function, size_t arity);

#endif
