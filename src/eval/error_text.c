/* What an operator sees: the value, or the error in the words of Erlang's shell. */
#include <string.h>

#include "eval/eval.h"

enum { SCREEN_WIDTH = 80 };

/* Reasons that are one atom. */
static const struct {
	const char *reason;
	const char *text;
} plain_reasons[] = {
    {"badarg", "bad argument"},
    {"badarith", "an error occurred when evaluating an arithmetic expression"},
    {"function_clause", "no function clause matching"},
    {"if_clause", "no true branch found when evaluating an if expression"},
    {"noproc", "no such process or port"},
    {"notalive", "the node cannot be part of a distributed system"},
    {"noconnection", "no connection"},
    {"timeout_value", "bad receive timeout value"},
    {"illegal_pattern", "illegal pattern"},
    {"sending_is_not_supported", "sending messages is not supported here"},
};

/* Reasons that are a tag and the culprit. */
static const struct {
	const char *tag;
	const char *text;
} tagged_reasons[] = {
    {"badarg", "bad argument: "},
    {"badmatch", "no match of right hand side value "},
    {"case_clause", "no case clause matching "},
    {"try_clause", "no try clause matching "},
    {"badfun", "bad function "},
    {"badmap", "bad map: "},
    {"badkey", "bad key: "},
    {"bad_filter", "bad filter "},
    {"bad_generator", "bad generator "},
    {"nocatch", "no catch for "},
};

static void print_value(struct buf *b, size_t start, const struct term *t)
{
	const struct term_print_options o = {
	    .pretty = true, .column = (unsigned)(b->len - start + 1), .width = SCREEN_WIDTH};

	term_print_with(b, t, &o);
}

static void print_badarity(struct buf *b, const struct term *t)
{
	static const char *const words[] = {"no arguments", "one argument", "two arguments"};
	const struct term *fun = term_element(t, 0);
	const int64_t n = term_length(term_element(t, 1));

	buf_printf(b, "%s with arity %u called with ",
	           term_fun_of(fun)->kind == TERM_FUN_LOCAL ? "interpreted function" : "function",
	           term_fun_of(fun)->arity);
	if (n >= 0 && n <= 2)
		buf_printf(b, "%s", words[n]);
	else
		buf_printf(b, "%lld arguments", (long long)n);
}

static bool is_badarity(const struct term *reason)
{
	const struct term *t;

	if (!term_is_atom(term_element(reason, 0), "badarity"))
		return false;
	t = term_element(reason, 1);
	return term_type(t) == TERM_TUPLE && term_tuple_size(t) == 2 &&
	       term_type(term_element(t, 0)) == TERM_FUN;
}

static bool print_tagged(struct buf *b, size_t start, const struct term *reason)
{
	const struct term *tag;

	if (term_type(reason) != TERM_TUPLE || term_tuple_size(reason) != 2)
		return false;
	tag = term_element(reason, 0);
	if (is_badarity(reason)) {
		print_badarity(b, term_element(reason, 1));
		return true;
	}
	for (size_t i = 0; i < sizeof tagged_reasons / sizeof *tagged_reasons; i++) {
		if (!term_is_atom(tag, tagged_reasons[i].tag))
			continue;
		buf_printf(b, "%s", tagged_reasons[i].text);
		print_value(b, start, term_element(reason, 1));
		return true;
	}
	return false;
}

static void print_error(struct buf *b, size_t start, const struct eval_result *r)
{
	if (term_is_atom(r->reason, "undef")) {
		buf_printf(b, "undefined function");
		if (r->message != NULL)
			buf_printf(b, " %s", r->message);
		return;
	}
	if (term_is_atom(r->reason, "system_limit")) {
		buf_printf(b, "a system limit has been reached");
		if (r->message != NULL)
			buf_printf(b, " (%s)", r->message);
		return;
	}
	for (size_t i = 0; i < sizeof plain_reasons / sizeof *plain_reasons; i++) {
		if (term_is_atom(r->reason, plain_reasons[i].reason)) {
			buf_printf(b, "%s", plain_reasons[i].text);
			return;
		}
	}
	if (!print_tagged(b, start, r->reason))
		print_value(b, start, r->reason);
}

static void print_exception(struct buf *b, const struct eval_result *r)
{
	const size_t start = b->len;
	const bool unbound = r->line > 0 && term_type(r->reason) == TERM_TUPLE;

	if (unbound) {
		buf_printf(b, "** %u:%u: variable '%s' is unbound", r->line, r->column,
		           term_atom_text(term_element(r->reason, 1)));
		return;
	}
	buf_printf(b, "** exception %s: ", r->klass);
	if (strcmp(r->klass, "error") == 0)
		print_error(b, start, r);
	else
		print_value(b, start, r->reason);
}

void eval_print(const struct eval_result *r, struct buf *b)
{
	switch (r->outcome) {
	case EVAL_VALUE:
		term_print_pretty(b, r->value, SCREEN_WIDTH);
		break;
	case EVAL_EXCEPTION:
		print_exception(b, r);
		break;
	case EVAL_SYNTAX:
		buf_printf(b, "** %u:%u: %s", r->line, r->column, r->message);
		break;
	case EVAL_WAIT:
		return;
	}
	buf_u8(b, '\n');
}
