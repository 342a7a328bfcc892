/* Module erlang: from one kind of term to another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "eval/builtins.h"
#include "eval/decimal.h"
#include "eval/limits.h"
#include "eval/text.h"
#include "term/integer.h"

enum { NUMBER_TEXT_MAX = INTEGER_BITS_MAX + 16, DECIMALS_MAX = 253 };

/* The text of a list of Latin-1 characters (list) or of a binary; NULL: it is neither. The
 * caller closes out. */
static const char *plain_text(struct machine *m, const struct term *t, bool list, struct buf *out)
{
	buf_init(out, EVAL_TEXT_MAX);
	if (list != term_is_list(t) || (!list && term_type(t) != TERM_BINARY))
		return NULL;
	if (!text_bytes(m, t, out) || buf_text(out) == NULL)
		return NULL;
	return memchr(out->base, 0, out->len) == NULL ? buf_text(out) : NULL;
}

BUILTIN(atom_to_list)
{
	if (term_type(args[0]) != TERM_ATOM)
		return badarg(m);
	return text_from_utf8(m, term_atom_text(args[0]), strlen(term_atom_text(args[0])));
}

BUILTIN(atom_to_binary)
{
	if (term_type(args[0]) != TERM_ATOM)
		return badarg(m);
	return term_binary(m->arena, term_atom_text(args[0]), strlen(term_atom_text(args[0])));
}

static const struct term *atom_of_chars(struct machine *m, const struct chars *c)
{
	uint8_t text[ATOM_BYTES_MAX];
	size_t len = 0;

	if (c->n > ATOM_BYTES_MAX / 4)
		return machine_error_atom(m, "system_limit");
	for (size_t i = 0; i < c->n; i++) {
		if (c->at[i] == 0)
			return badarg(m);
		len += utf8_write(text + len, c->at[i]);
	}
	return term_atom_n(m->arena, (const char *)text, len);
}

BUILTIN(list_to_atom)
{
	struct chars c;

	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		if (term_type(term_head(l)) != TERM_INT)
			return badarg(m);
	}
	if (!term_is_list(args[0]) || !text_chars(m, args[0], TEXT_UTF8, &c))
		return badarg(m);
	return atom_of_chars(m, &c);
}

BUILTIN(binary_to_atom)
{
	struct chars c;

	if (term_type(args[0]) != TERM_BINARY || !text_chars(m, args[0], TEXT_UTF8, &c))
		return badarg(m);
	return atom_of_chars(m, &c);
}

static const struct term *to_integer(struct machine *m, const struct term *t, bool list,
                                     int64_t base)
{
	const struct term *v = NULL;
	enum status st = ST_INVALID;
	struct buf text;

	if (base >= 2 && base <= 36 && plain_text(m, t, list, &text) != NULL)
		st = integer_parse(m->arena, (const char *)text.base, text.len, (unsigned)base, &v);
	buf_close(&text);
	if (st == ST_LIMIT)
		return machine_error_atom(m, "system_limit");
	return st == ST_OK ? v : badarg(m);
}

static const struct term *to_integer_in(struct machine *m, const struct term *const args[],
                                        bool list)
{
	int64_t base;

	if (!small_int(args[1], &base) || base < 2 || base > 36)
		return badarg(m);
	return to_integer(m, args[0], list, base);
}

BUILTIN(list_to_integer)
{
	return to_integer(m, args[0], true, 10);
}

BUILTIN(list_to_integer_2)
{
	return to_integer_in(m, args, true);
}

BUILTIN(binary_to_integer)
{
	return to_integer(m, args[0], false, 10);
}

BUILTIN(binary_to_integer_2)
{
	return to_integer_in(m, args, false);
}

/* [+-]digits.digits[e[+-]digits]: less than strtod() takes. */
static bool is_float_text(const char *text)
{
	size_t n = strspn(text, "+-") > 1 ? 0 : strspn(text, "+-");
	size_t digits = strspn(text + n, "0123456789");

	n += digits;
	if (digits == 0 || text[n] != '.')
		return false;
	digits = strspn(text + n + 1, "0123456789");
	n += 1 + digits;
	if (digits == 0)
		return false;
	if (text[n] == 'e' || text[n] == 'E') {
		n++;
		n += text[n] == '-' || text[n] == '+';
		digits = strspn(text + n, "0123456789");
		n += digits;
	}
	return digits > 0 && text[n] == '\0';
}

static const struct term *to_float(struct machine *m, const struct term *t, bool list)
{
	struct buf text;
	const char *s = plain_text(m, t, list, &text);
	double v = s != NULL && is_float_text(s) ? strtod(s, NULL) : INFINITY;

	buf_close(&text);
	return isfinite(v) ? term_float(m->arena, v) : badarg(m);
}

BUILTIN(list_to_float)
{
	return to_float(m, args[0], true);
}

BUILTIN(binary_to_float)
{
	return to_float(m, args[0], false);
}

static const struct term *from_integer(struct machine *m, const struct term *t, int64_t base,
                                       bool list)
{
	const struct term *v = NULL;
	struct buf text;

	if (!term_is_integer(t) || base < 2 || base > 36 || !machine_charge(m, term_weight(t)))
		return badarg(m);
	buf_init(&text, NUMBER_TEXT_MAX);
	integer_print(&text, t, (unsigned)base, false);
	if (buf_status(&text) == ST_OK)
		v = list ? text_from_utf8(m, text.base, text.len)
		         : term_binary(m->arena, text.base, text.len);
	buf_close(&text);
	return v;
}

BUILTIN(integer_to_list)
{
	return from_integer(m, args[0], 10, true);
}

BUILTIN(integer_to_binary)
{
	return from_integer(m, args[0], 10, false);
}

BUILTIN(integer_to_list_2)
{
	int64_t base;

	return small_int(args[1], &base) ? from_integer(m, args[0], base, true) : badarg(m);
}

BUILTIN(integer_to_binary_2)
{
	int64_t base;

	return small_int(args[1], &base) ? from_integer(m, args[0], base, false) : badarg(m);
}

struct float_form {
	char form; /* 'e': scientific, 'f': decimals, 's': shortest */
	int64_t digits;
	bool compact;
};

static bool float_option(const struct term *t, struct float_form *form)
{
	if (term_is_atom(t, "compact")) {
		form->compact = true;
		return true;
	}
	if (term_is_atom(t, "short")) {
		form->form = 's';
		return true;
	}
	if (term_type(t) != TERM_TUPLE || term_tuple_size(t) != 2 ||
	    !small_int(term_element(t, 1), &form->digits) || form->digits < 0)
		return false;
	if (term_is_atom(term_element(t, 0), "decimals") && form->digits <= DECIMALS_MAX)
		form->form = 'f';
	else if (term_is_atom(term_element(t, 0), "scientific") && form->digits <= 249)
		form->form = 'e';
	else
		return false;
	return true;
}

static void drop_zeros(struct buf *text)
{
	while (text->len > 1 && text->base[text->len - 1] == '0' &&
	       text->base[text->len - 2] != '.')
		text->len--;
}

static const struct term *from_float(struct machine *m, const struct term *t,
                                     const struct float_form *form, bool list)
{
	const struct term *v = NULL;
	struct buf text;

	if (term_type(t) != TERM_FLOAT)
		return badarg(m);
	buf_init(&text, 1024);
	if (form->form == 's')
		term_print_float(&text, term_float_value(t));
	else if (form->form == 'f')
		decimal_plain(&text, term_float_value(t), (int)form->digits);
	else
		buf_printf(&text, "%.*e", (int)form->digits, term_float_value(t));
	if (form->form == 'f' && form->compact && form->digits > 0)
		drop_zeros(&text);
	if (buf_status(&text) == ST_OK)
		v = list ? text_from_utf8(m, text.base, text.len)
		         : term_binary(m->arena, text.base, text.len);
	buf_close(&text);
	return v;
}

static const struct term *from_float_with(struct machine *m, const struct term *const args[],
                                          bool list)
{
	struct float_form form = {'e', 20, false};
	const struct term *l = args[1];

	for (; term_type(l) == TERM_CONS; l = term_tail(l)) {
		if (!float_option(term_head(l), &form))
			return badarg(m);
	}
	return term_type(l) == TERM_NIL ? from_float(m, args[0], &form, list) : badarg(m);
}

BUILTIN(float_to_list)
{
	const struct float_form form = {'e', 20, false};

	return from_float(m, args[0], &form, true);
}

BUILTIN(float_to_binary)
{
	const struct float_form form = {'e', 20, false};

	return from_float(m, args[0], &form, false);
}

BUILTIN(float_to_list_2)
{
	return from_float_with(m, args, true);
}

BUILTIN(float_to_binary_2)
{
	return from_float_with(m, args, false);
}

static const struct term *bytes_list(struct machine *m, const uint8_t *bytes, size_t n)
{
	const struct term *list = term_nil(m->arena);

	if (!machine_charge(m, n / 4))
		return NULL;
	while (n > 0)
		list = term_cons(m->arena, term_int(m->arena, bytes[--n]), list);
	return list;
}

BUILTIN(binary_to_list)
{
	struct term_bytes bytes;

	if (term_type(args[0]) != TERM_BINARY || term_bit_size(args[0]) % 8 != 0)
		return badarg(m);
	bytes = term_binary_bytes(args[0]);
	return bytes_list(m, bytes.base, bytes.len);
}

BUILTIN(binary_to_list_3)
{
	struct term_bytes bytes;
	int64_t first;
	int64_t last;

	if (term_type(args[0]) != TERM_BINARY || !small_int(args[1], &first) ||
	    !small_int(args[2], &last))
		return badarg(m);
	bytes = term_binary_bytes(args[0]);
	if (first < 1 || last < first || last > (int64_t)bytes.len)
		return badarg(m);
	return bytes_list(m, bytes.base + first - 1, (size_t)(last - first + 1));
}

static const struct term *printed(struct machine *m, const struct term *t)
{
	const struct term *v = NULL;
	struct buf text;

	buf_init(&text, 4096);
	term_print(&text, t);
	if (buf_status(&text) == ST_OK)
		v = text_from_utf8(m, text.base, text.len);
	buf_close(&text);
	return v;
}

BUILTIN(pid_to_list)
{
	return term_type(args[0]) == TERM_PID ? printed(m, args[0]) : badarg(m);
}

BUILTIN(ref_to_list)
{
	return term_type(args[0]) == TERM_REF ? printed(m, args[0]) : badarg(m);
}

BUILTIN(port_to_list)
{
	return term_type(args[0]) == TERM_PORT ? printed(m, args[0]) : badarg(m);
}

BUILTIN(fun_to_list)
{
	return term_type(args[0]) == TERM_FUN ? printed(m, args[0]) : badarg(m);
}

const struct builtin builtins_convert[] = {
    {"atom_to_binary", 1, atom_to_binary},
    {"atom_to_binary", 2, atom_to_binary},
    {"atom_to_list", 1, atom_to_list},
    {"binary_to_atom", 1, binary_to_atom},
    {"binary_to_atom", 2, binary_to_atom},
    {"binary_to_existing_atom", 1, binary_to_atom},
    {"binary_to_existing_atom", 2, binary_to_atom},
    {"binary_to_float", 1, binary_to_float},
    {"binary_to_integer", 1, binary_to_integer},
    {"binary_to_integer", 2, binary_to_integer_2},
    {"binary_to_list", 1, binary_to_list},
    {"binary_to_list", 3, binary_to_list_3},
    {"float_to_binary", 1, float_to_binary},
    {"float_to_binary", 2, float_to_binary_2},
    {"float_to_list", 1, float_to_list},
    {"float_to_list", 2, float_to_list_2},
    {"fun_to_list", 1, fun_to_list},
    {"integer_to_binary", 1, integer_to_binary},
    {"integer_to_binary", 2, integer_to_binary_2},
    {"integer_to_list", 1, integer_to_list},
    {"integer_to_list", 2, integer_to_list_2},
    {"list_to_atom", 1, list_to_atom},
    {"list_to_existing_atom", 1, list_to_atom},
    {"list_to_float", 1, list_to_float},
    {"list_to_integer", 1, list_to_integer},
    {"list_to_integer", 2, list_to_integer_2},
    {"pid_to_list", 1, pid_to_list},
    {"port_to_list", 1, port_to_list},
    {"ref_to_list", 1, ref_to_list},
    {NULL, 0, NULL},
};
