/* Modules io and io_lib. Output is collected for the caller of the evaluation. */
#include <string.h>

#include "base/utf8.h"
#include "eval/builtins.h"
#include "eval/format.h"
#include "eval/limits.h"

static const struct term *put(struct machine *m, const uint32_t *at, size_t n)
{
	uint8_t bytes[4];

	for (size_t i = 0; i < n; i++)
		buf_bytes(m->output, bytes, utf8_write(bytes, at[i]));
	if (buf_status(m->output) != ST_OK)
		return machine_limit(m, "too much output");
	return term_atom(m->arena, "ok");
}

static const struct term *format_out(struct machine *m, const struct term *format,
                                     const struct term *args)
{
	struct chars out = {0};

	return format_text(m, format, args, &out) ? put(m, out.at, out.n) : NULL;
}

BUILTIN(io_format_1)
{
	return format_out(m, args[0], term_nil(m->arena));
}

BUILTIN(io_format_2)
{
	return format_out(m, args[0], args[1]);
}

/* The device is ignored: there is one. */
BUILTIN(io_format_3)
{
	return format_out(m, args[1], args[2]);
}

BUILTIN(io_put_chars)
{
	struct chars c;

	if (!text_chars(m, args[0], TEXT_UTF8, &c))
		return badarg(m);
	return put(m, c.at, c.n);
}

BUILTIN(io_put_chars_2)
{
	return io_put_chars(m, args + 1);
}

BUILTIN(io_nl)
{
	static const uint32_t newline = '\n';

	return put(m, &newline, 1);
}

static const struct term *printed(struct machine *m, const struct term *t, bool pretty, bool out)
{
	const struct term_print_options o = {.pretty = pretty, .column = 1, .width = 80};
	const struct term *v = NULL;
	struct buf text;

	if (!machine_charge(m, term_weight(t)))
		return NULL;
	buf_init(&text, EVAL_OUTPUT_MAX);
	if (pretty)
		term_print_with(&text, t, &o);
	else
		term_print(&text, t);
	if (buf_status(&text) != ST_OK) {
		(void)machine_limit(m, "too much output");
	} else if (out) {
		buf_bytes(m->output, text.base, text.len);
		v = buf_status(m->output) == ST_OK ? term_atom(m->arena, "ok")
		                                   : machine_limit(m, "too much output");
	} else {
		v = text_from_utf8(m, text.base, text.len);
	}
	buf_close(&text);
	return v;
}

BUILTIN(io_write)
{
	return printed(m, args[0], false, true);
}

BUILTIN(io_print)
{
	return printed(m, args[0], true, true);
}

BUILTIN(io_lib_format)
{
	struct chars out = {0};

	return format_text(m, args[0], args[1], &out) ? text_list(m, out.at, out.n) : NULL;
}

BUILTIN(io_lib_write)
{
	return printed(m, args[0], false, false);
}

BUILTIN(io_lib_print)
{
	return printed(m, args[0], true, false);
}

static bool printable(const struct term *t, bool unicode)
{
	if (term_length(t) < 0)
		return false;
	for (; term_type(t) == TERM_CONS; t = term_tail(t)) {
		const struct term *x = term_head(t);
		int64_t c;

		if (!small_int(x, &c))
			return false;
		if (!((c >= 32 && c <= 126) || (c >= 0xa0 && c <= 0xff) || (c >= 8 && c <= 13) ||
		      c == 27 || (unicode && c > 0xff && utf8_is_code_point(c))))
			return false;
	}
	return true;
}

BUILTIN(io_lib_printable)
{
	return term_bool(m->arena, printable(args[0], false));
}

BUILTIN(io_lib_printable_unicode)
{
	return term_bool(m->arena, printable(args[0], true));
}

/* help/0,1,2 print what the host's erlmcp_help:text tells. */
static const struct term *help(struct machine *m, const struct term *const args[], size_t n)
{
	const struct term *told = apply_function(m, "erlmcp_help", "text", args, n);
	struct term_bytes text;

	if (told == NULL)
		return NULL;
	if (term_type(told) != TERM_TUPLE || term_tuple_size(told) != 2 ||
	    term_type(term_element(told, 1)) != TERM_BINARY)
		return told;
	text = term_binary_bytes(term_element(told, 1));
	buf_bytes(m->output, text.base, text.len);
	return buf_status(m->output) == ST_OK ? term_atom(m->arena, "ok")
	                                      : machine_limit(m, "too much output");
}

BUILTIN(help_0)
{
	return help(m, args, 0);
}

BUILTIN(help_1)
{
	return help(m, args, 1);
}

BUILTIN(help_2)
{
	return help(m, args, 2);
}

const struct builtin builtins_help[] = {
    {"help", 0, help_0}, {"help", 1, help_1}, {"help", 2, help_2}, {NULL, 0, NULL}};

const struct builtin builtins_io[] = {
    {"format", 1, io_format_1}, {"format", 2, io_format_2},     {"format", 3, io_format_3},
    {"fwrite", 1, io_format_1}, {"fwrite", 2, io_format_2},     {"fwrite", 3, io_format_3},
    {"nl", 0, io_nl},           {"put_chars", 1, io_put_chars}, {"put_chars", 2, io_put_chars_2},
    {"write", 1, io_write},     {"print", 1, io_print},         {NULL, 0, NULL},
};

const struct builtin builtins_io_lib[] = {
    {"format", 2, io_lib_format},
    {"fwrite", 2, io_lib_format},
    {"print", 1, io_lib_print},
    {"printable_latin1_list", 1, io_lib_printable},
    {"printable_list", 1, io_lib_printable},
    {"printable_unicode_list", 1, io_lib_printable_unicode},
    {"write", 1, io_lib_write},
    {NULL, 0, NULL},
};
