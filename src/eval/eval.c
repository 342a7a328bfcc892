#include "eval/eval.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "eval/limits.h"
#include "eval/machine.h"
#include "eval/parser.h"

const struct eval_limits eval_limits_default = {
    .steps = EVAL_STEPS,
    .memory = EVAL_MEMORY,
    .depth = EVAL_DEPTH,
    .calls = EVAL_CALLS,
};

struct eval {
	struct arena program;     /* the parsed text */
	const struct ast *body;   /* NULL: it did not parse */
	struct parse_fault fault; /* why */
	enum status parsed;
	struct eval_host host;
	struct eval_limits limits;
	struct host_calls calls; /* answers so far, kept between runs */
	struct arena values;     /* of the last run */
	struct buf output;       /* of the last run */
};

enum status eval_new(const char *text, size_t len, const struct eval_host *host,
                     const struct eval_limits *limits, struct eval **ret)
{
	struct eval *e = calloc(1, sizeof *e);

	if (e == NULL)
		return ST_NOMEM;
	e->limits = limits != NULL ? *limits : eval_limits_default;
	if (host != NULL)
		e->host = *host;
	e->calls.at = calloc(e->limits.calls + (size_t)1, sizeof *e->calls.at);
	if (e->calls.at == NULL)
		goto err_eval;
	arena_init(&e->program, EVAL_AST_MAX);
	arena_init(&e->calls.arena, EVAL_ANSWERS_MAX);
	buf_init(&e->output, EVAL_OUTPUT_MAX);
	e->parsed = parse_program(&e->program, text, len, &e->body, &e->fault);
	*ret = e;
	return ST_OK;
err_eval:
	free(e);
	return ST_NOMEM;
}

void eval_free(struct eval *e)
{
	if (e == NULL)
		return;
	arena_close(&e->values);
	arena_close(&e->calls.arena);
	arena_close(&e->program);
	buf_close(&e->output);
	free(e->calls.at);
	free(e);
}

static void finish(struct machine *m, const struct term *value, struct eval_result *ret)
{
	switch (m->signal) {
	case SIGNAL_NONE:
		ret->outcome = EVAL_VALUE;
		ret->value = value;
		break;
	case SIGNAL_RAISE:
		ret->outcome = EVAL_EXCEPTION;
		ret->klass = m->klass;
		ret->reason = m->reason;
		ret->message = m->detail;
		ret->line = m->line;
		ret->column = m->column;
		break;
	case SIGNAL_LIMIT:
		ret->outcome = EVAL_EXCEPTION;
		ret->klass = "error";
		ret->message = m->detail;
		break;
	case SIGNAL_WAIT:
		ret->outcome = EVAL_WAIT;
		break;
	}
}

/* The reason of a limit needs memory when there may be none left: it has its own. */
static const struct term *limit_reason(struct eval *e)
{
	arena_close(&e->values);
	arena_init(&e->values, 4096);
	return term_atom(&e->values, "system_limit");
}

void eval_run(struct eval *e, struct eval_result *ret)
{
	struct machine m = {
	    .limits = &e->limits,
	    .host = &e->host,
	    .calls = &e->calls,
	    .arena = &e->values,
	    .output = &e->output,
	};
	const struct binding *env = NULL;
	const char *text;

	*ret = (struct eval_result){.outcome = EVAL_SYNTAX};
	if (e->parsed != ST_OK) {
		ret->line = e->fault.line;
		ret->column = e->fault.column;
		ret->message = e->fault.message;
		ret->output = "";
		return;
	}
	arena_close(&e->values);
	arena_init(&e->values, e->limits.memory);
	buf_reset(&e->output);
	finish(&m, machine_body(&m, e->body, &env, false), ret);
	if (m.signal == SIGNAL_LIMIT)
		ret->reason = limit_reason(e);
	text = buf_text(&e->output);
	ret->output = text == NULL ? "" : text;
	ret->output_len = text == NULL ? 0 : e->output.len;
}

enum status eval_answer(struct eval *e, uint32_t call, bool ok, const struct term *value)
{
	const struct term *copy;

	assert(call < e->calls.n && e->calls.at[call].state == CALL_PENDING);
	copy = term_copy(&e->calls.arena, value);
	if (copy == NULL)
		return ST_LIMIT;
	e->calls.at[call].value = copy;
	e->calls.at[call].state = ok ? CALL_VALUE : CALL_RAISE;
	return ST_OK;
}
