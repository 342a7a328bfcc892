#include "eval/format.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "eval/builtins.h"
#include "eval/decimal.h"
#include "eval/limits.h"
#include "term/integer.h"

/* ~F.P.PadModC while it is carried out. */
struct control {
	struct chars *out;
	const struct term *args; /* those that are left */
	int64_t width;           /* F: -1 none */
	int64_t precision;       /* P: -1 none */
	uint32_t pad;
	bool left;       /* F was negative */
	bool unicode;    /* t */
	bool no_strings; /* l */
};

struct source {
	const uint32_t *at;
	const uint32_t *end;
};

static bool fail(struct machine *m)
{
	(void)badarg(m);
	return false;
}

static const struct term *next_arg(struct machine *m, struct control *c)
{
	const struct term *t;

	if (term_type(c->args) != TERM_CONS) {
		(void)badarg(m);
		return NULL;
	}
	t = term_head(c->args);
	c->args = term_tail(c->args);
	return t;
}

static bool repeat(struct machine *m, struct chars *out, uint32_t code, int64_t n)
{
	if (n > EVAL_FIELD_MAX) {
		(void)machine_limit(m, "a field is too wide");
		return false;
	}
	for (; n > 0; n--) {
		if (!text_push(m, out, code))
			return false;
	}
	return machine_charge(m, 1);
}

/* The text in its field; what does not fit is stars, or cut off when cut. */
static bool field(struct machine *m, struct control *c, const uint32_t *at, size_t n, bool cut)
{
	const int64_t width = c->width;

	if (width < 0 || (int64_t)n == width) {
		for (size_t i = 0; i < n; i++) {
			if (!text_push(m, c->out, at[i]))
				return false;
		}
		return true;
	}
	if ((int64_t)n > width) {
		if (!cut)
			return repeat(m, c->out, '*', width);
		n = (size_t)width;
	}
	if (!c->left && !repeat(m, c->out, c->pad, width - (int64_t)n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!text_push(m, c->out, at[i]))
			return false;
	}
	return !c->left || repeat(m, c->out, c->pad, width - (int64_t)n);
}

/* Text made by the printers, into its field. */
static bool field_utf8(struct machine *m, struct control *c, const struct buf *text, bool cut)
{
	struct chars chars = {0};

	if (buf_status(text) != ST_OK) {
		(void)machine_limit(m, "the output is too long");
		return false;
	}
	for (size_t at = 0; at < text->len;) {
		uint32_t code = 0;
		size_t width = utf8_read(text->base + at, text->len - at, &code);

		assert(width > 0);
		if (!text_push(m, &chars, code))
			return false;
		at += width;
	}
	return field(m, c, chars.at, chars.n, cut);
}

/* How many characters the last line has so far: ~p breaks lines by it. */
static unsigned column(const struct chars *out)
{
	size_t at = out->n;

	while (at > 0 && out->at[at - 1] != '\n')
		at--;
	return (unsigned)(out->n - at) + 1;
}

static bool print_term(struct machine *m, struct control *c, bool pretty, unsigned depth)
{
	const struct term *t = next_arg(m, c);
	struct term_print_options o = {.pretty = pretty, .unicode = c->unicode, .depth = depth};
	struct buf text;
	bool ok;

	if (t == NULL || !machine_charge(m, term_weight(t)))
		return false;
	o.no_strings = c->no_strings;
	o.column = c->precision > 0 ? (unsigned)c->precision : column(c->out);
	o.width = c->width >= 0 ? (unsigned)c->width : 80;
	buf_init(&text, EVAL_OUTPUT_MAX);
	if (pretty || depth > 0)
		term_print_with(&text, t, &o);
	else
		term_print(&text, t);
	if (pretty)
		c->width = -1;
	ok = field_utf8(m, c, &text, false);
	buf_close(&text);
	return ok;
}

static bool print_deep(struct machine *m, struct control *c, bool pretty)
{
	const struct term *first = c->args;
	const struct term *depth;
	int64_t n;

	/* The depth is the argument behind the term. */
	if (next_arg(m, c) == NULL)
		return false;
	depth = next_arg(m, c);
	if (depth == NULL)
		return false;
	if (!small_int(depth, &n))
		return fail(m);
	first = term_cons(m->arena, term_head(first), c->args);
	if (first == NULL)
		return false;
	if (n == 0) {
		static const uint32_t dots[] = {'.', '.', '.'};

		return field(m, c, dots, 3, false);
	}
	c->args = first;
	return print_term(m, c, pretty, n < 0 ? 0 : (unsigned)(n > 100000 ? 100000 : n));
}

static bool print_string(struct machine *m, struct control *c)
{
	const struct term *t = next_arg(m, c);
	struct chars chars = {0};

	if (t == NULL)
		return false;
	if (term_type(t) == TERM_ATOM) {
		const char *text = term_atom_text(t);
		const struct term *list = text_from_utf8(m, text, strlen(text));

		if (list == NULL || !text_chars(m, list, TEXT_UTF8, &chars))
			return false;
	} else if (!text_chars(m, t, c->unicode ? TEXT_UTF8 : TEXT_LATIN1, &chars)) {
		return fail(m);
	}
	for (size_t i = 0; !c->unicode && i < chars.n; i++) {
		if (chars.at[i] > 255)
			return fail(m);
	}
	if (c->precision >= 0 && c->precision < (int64_t)chars.n)
		chars.n = (size_t)c->precision;
	/* A precision alone is a field, too. */
	if (c->width < 0 && c->precision > (int64_t)chars.n)
		c->width = c->precision;
	return field(m, c, chars.at, chars.n, true);
}

static bool print_char(struct machine *m, struct control *c)
{
	const struct term *t = next_arg(m, c);
	struct chars chars = {0};
	int64_t n = c->precision >= 0 ? c->precision : (c->width >= 0 ? c->width : 1);
	uint32_t code;

	if (t == NULL)
		return false;
	if (term_type(t) != TERM_INT || !utf8_is_code_point(term_int_value(t)))
		return fail(m);
	code = (uint32_t)term_int_value(t);
	if (!c->unicode)
		code &= 0xff;
	return repeat(m, &chars, code, n) && field(m, c, chars.at, chars.n, true);
}

/* ~b, ~B: plain; ~+, ~#: with the base in front; ~x, ~X: with a prefix of the caller's. */
static bool print_integer(struct machine *m, struct control *c, uint32_t code)
{
	const struct term *t = next_arg(m, c);
	const int64_t base = c->precision >= 0 ? c->precision : 10;
	const bool lower = code == 'b' || code == 'x' || code == '+';
	struct chars prefix = {0};
	struct buf text;
	bool ok;

	if (t == NULL)
		return false;
	if (!term_is_integer(t) || base < 2 || base > 36)
		return fail(m);
	if (code == 'x' || code == 'X') {
		const struct term *p = next_arg(m, c);

		if (p == NULL)
			return false;
		if (term_type(p) == TERM_ATOM)
			p = text_from_utf8(m, term_atom_text(p), strlen(term_atom_text(p)));
		if (p == NULL || !text_chars(m, p, TEXT_UTF8, &prefix))
			return fail(m);
	}
	buf_init(&text, EVAL_TEXT_MAX);
	if (integer_sign(t) < 0) {
		buf_u8(&text, '-');
		t = operator_unary(m, OP_MINUS, t);
	}
	for (size_t i = 0; i < prefix.n; i++) {
		uint8_t bytes[4];

		buf_bytes(&text, bytes, utf8_write(bytes, prefix.at[i]));
	}
	if (code == '+' || code == '#')
		buf_printf(&text, "%d#", (int)base);
	if (t != NULL)
		integer_print(&text, t, (unsigned)base, lower);
	ok = t != NULL && field_utf8(m, c, &text, false);
	buf_close(&text);
	return ok;
}

/* ~g: plain where that is short, else scientific. */
static void general(struct buf *text, double v, int precision)
{
	const double size = fabs(v);

	if (size >= 0.1 && size < 10000) {
		int digits = size < 1 ? 0 : size < 10 ? 1 : size < 100 ? 2 : size < 1000 ? 3 : 4;

		if (precision > digits) {
			decimal_fixed(text, v, precision - digits);
			return;
		}
	}
	decimal_scientific(text, v, precision < 2 ? 2 : precision);
}

static bool print_float(struct machine *m, struct control *c, uint32_t code)
{
	const struct term *t = next_arg(m, c);
	const int precision = c->precision >= 0 ? (int)c->precision : 6;
	struct buf text;
	double v;
	bool ok;

	if (t == NULL)
		return false;
	if (term_type(t) != TERM_FLOAT || precision < (code == 'e' ? 2 : 1) || precision > 1000)
		return fail(m);
	v = term_float_value(t);
	buf_init(&text, 4096);
	if (code == 'f')
		decimal_fixed(&text, v, precision);
	else if (code == 'e')
		decimal_scientific(&text, v, precision);
	else
		general(&text, v, precision);
	ok = field_utf8(m, c, &text, false);
	buf_close(&text);
	return ok;
}

static bool carry_out(struct machine *m, struct control *c, uint32_t code)
{
	switch (code) {
	case 'p':
		return print_term(m, c, true, 0);
	case 'w':
		return print_term(m, c, false, 0);
	case 'P':
		return print_deep(m, c, true);
	case 'W':
		return print_deep(m, c, false);
	case 's':
		return print_string(m, c);
	case 'c':
		return print_char(m, c);
	case 'b':
	case 'B':
	case 'x':
	case 'X':
	case '+':
	case '#':
		return print_integer(m, c, code);
	case 'f':
	case 'e':
	case 'g':
		return print_float(m, c, code);
	case 'i':
		return next_arg(m, c) != NULL;
	case 'n':
	case '~':
		return repeat(m, c->out, code == 'n' ? '\n' : '~', c->width >= 0 ? c->width : 1);
	default:
		return fail(m);
	}
}

/* A number, or * for the next argument; *ret stays when there is none. */
static bool read_number(struct machine *m, struct source *s, struct control *c, int64_t *ret)
{
	int64_t v = 0;

	if (s->at < s->end && *s->at == '*') {
		const struct term *t = next_arg(m, c);

		s->at++;
		if (t == NULL)
			return false;
		return small_int(t, ret) ? true : fail(m);
	}
	if (s->at == s->end || *s->at < '0' || *s->at > '9')
		return true;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
		v = v * 10 + (*s->at++ - '0');
		if (v > EVAL_FIELD_MAX)
			return fail(m);
	}
	*ret = v;
	return true;
}

static bool read_control(struct machine *m, struct source *s, struct control *c)
{
	bool negative = false;

	c->width = -1;
	c->precision = -1;
	c->pad = ' ';
	c->left = c->unicode = c->no_strings = false;
	if (s->at < s->end && *s->at == '-') {
		negative = true;
		s->at++;
	}
	if (!read_number(m, s, c, &c->width))
		return false;
	if (c->width < -1) {
		negative = true;
		c->width = -c->width;
	}
	c->left = negative;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!read_number(m, s, c, &c->precision))
			return false;
		if (s->at + 1 < s->end && *s->at == '.') {
			c->pad = s->at[1];
			s->at += 2;
		}
	}
	for (; s->at < s->end && (*s->at == 't' || *s->at == 'l' || *s->at == 'k'); s->at++) {
		c->unicode = c->unicode || *s->at == 't';
		c->no_strings = c->no_strings || *s->at == 'l';
	}
	return s->at < s->end ? true : fail(m);
}

static bool format_chars(struct machine *m, struct source *s, struct control *c)
{
	while (s->at < s->end) {
		uint32_t code = *s->at++;

		if (code != '~') {
			if (!text_push(m, c->out, code))
				return false;
			continue;
		}
		if (!read_control(m, s, c) || !carry_out(m, c, *s->at++))
			return false;
	}
	return term_type(c->args) == TERM_NIL ? true : fail(m);
}

bool format_text(struct machine *m, const struct term *format, const struct term *args,
                 struct chars *out)
{
	struct control c = {.out = out, .args = args};
	struct source s;
	struct chars chars;

	if (term_type(format) == TERM_ATOM)
		format = text_from_utf8(m, term_atom_text(format), strlen(term_atom_text(format)));
	if (format == NULL)
		return false;
	if (!text_chars(m, format, TEXT_UTF8, &chars) || !term_is_list(args))
		return fail(m);
	s.at = chars.at;
	s.end = chars.at == NULL ? NULL : chars.at + chars.n;
	return format_chars(m, &s, &c);
}
