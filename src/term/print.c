/* Terms as text on one line: ~w, and the leaves of ~p. */
#include "term/print.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "term/integer.h"
#include "term/repr.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

void print_code(struct buf *b, uint32_t code)
{
	uint8_t bytes[4];

	buf_bytes(b, bytes, utf8_write(bytes, code));
}

bool print_is_text(uint32_t code)
{
	return (code >= ' ' && code <= '~') || (code >= 0xa0 && code <= 0xff) ||
	       (code >= '\b' && code <= '\r') || code == 27;
}

void print_char(struct buf *b, uint32_t code, char quote, bool unicode)
{
	static const char names[] = "\nn\tt\vv\bb\ff\rr\033e\177d";

	if (code == (uint8_t)quote || code == '\\') {
		buf_printf(b, "\\%c", (int)code);
		return;
	}
	if ((code >= ' ' && code <= '~') || (code >= 0xa0 && (code <= 0xff || unicode))) {
		print_code(b, code);
		return;
	}
	if (code > 0xff) {
		buf_printf(b, "\\x{%X}", (unsigned)code);
		return;
	}
	for (size_t i = 0; i < sizeof names - 1; i += 2) {
		if ((uint8_t)names[i] == code) {
			buf_printf(b, "\\%c", names[i + 1]);
			return;
		}
	}
	buf_printf(b, "\\%03o", (unsigned)code);
}

static bool is_lower(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7);
}

static bool is_name_char(uint32_t c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '@' || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static bool is_reserved(const char *text, size_t len)
{
	static const char *const words[] = {
	    "after", "and",  "andalso", "band",   "begin",   "bnot", "bor", "bsl",  "bsr",
	    "bxor",  "case", "catch",   "cond",   "div",     "end",  "fun", "if",   "let",
	    "not",   "of",   "or",      "orelse", "receive", "rem",  "try", "when", "xor",
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
			return true;
	}
	return false;
}

bool term_atom_needs_quotes(const char *text, size_t len)
{
	uint32_t code;

	if (is_reserved(text, len))
		return true;
	for (size_t at = 0; at < len;) {
		size_t width = utf8_read((const uint8_t *)text + at, len - at, &code);

		if (width == 0 || !is_name_char(code) || (at == 0 && !is_lower(code)))
			return true;
		at += width;
	}
	return len == 0;
}

static void print_atom(struct buf *b, const char *text, size_t len, bool unicode)
{
	uint32_t code;
	size_t width;

	if (!term_atom_needs_quotes(text, len)) {
		buf_bytes(b, text, len);
		return;
	}
	buf_u8(b, '\'');
	for (size_t at = 0; at < len; at += width) {
		width = utf8_read((const uint8_t *)text + at, len - at, &code);
		if (width == 0) {
			width = 1;
			code = (uint8_t)text[at];
		}
		print_char(b, code, '\'', unicode);
	}
	buf_u8(b, '\'');
}

/* The mantissa of "d.ddde+xx" raised by one in its last place; false when it overflows. */
static bool raise_last_digit(char *text)
{
	char *at = strchr(text, 'e') - 1;

	for (; at >= text; at--) {
		if (*at == '.')
			continue;
		if (*at != '9') {
			++*at;
			return true;
		}
		*at = '0';
	}
	return false;
}

/* Does some decimal of that precision read back as v? The nearest one does, except next to a
 * power of two, where floats lie closer below than above: there its upper neighbour may. */
static bool decimal_of(double v, int precision, char *text, size_t cap)
{
	(void)snprintf(text, cap, "%.*e", precision, v);
	if (strtod(text, NULL) == v)
		return true;
	return raise_last_digit(text) && strtod(text, NULL) == v;
}

/* Decimal digits and exponent such that 0.d1d2d3... * 10^exponent is the shortest text that
 * reads back as v > 0. Returns how many digits. */
static int shortest_digits(double v, char digits[20], int *exponent)
{
	char text[40];
	int precision = 0;
	int n = 0;

	while (!decimal_of(v, precision, text, sizeof text) && precision < 17)
		precision++;
	*exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
	for (const char *c = text; *c != 'e'; c++) {
		if (*c != '.')
			digits[n++] = *c;
	}
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	return n;
}

static void print_plain(struct buf *b, const char *digits, int n, int exponent)
{
	if (exponent <= 0) {
		buf_printf(b, "0.%.*s%s", -exponent, "0000000000000000000000", digits);
	} else if (exponent >= n) {
		buf_printf(b, "%s%.*s.0", digits, exponent - n, "0000000000000000000000");
	} else {
		buf_printf(b, "%.*s.%s", exponent, digits, digits + exponent);
	}
}

void term_print_float(struct buf *b, double v)
{
	const double scientific_from = 9007199254740992.0; /* from 2^53 on */
	char digits[20];
	char scientific[48];
	int exponent;
	int plain_len;
	int n;

	if (signbit(v))
		buf_u8(b, '-');
	v = fabs(v);
	if (v == 0) {
		buf_bytes(b, "0.0", 3);
		return;
	}
	n = shortest_digits(v, digits, &exponent);
	(void)snprintf(scientific, sizeof scientific, "%c.%se%d", digits[0],
	               n > 1 ? digits + 1 : "0", exponent - 1);
	if (exponent <= 0)
		plain_len = 2 - exponent + n;
	else
		plain_len = exponent >= n ? exponent + 2 : n + 1;
	if (v < scientific_from && plain_len <= (int)strlen(scientific))
		print_plain(b, digits, n, exponent);
	else
		buf_bytes(b, scientific, strlen(scientific));
}

static void print_ref(struct buf *b, const struct term_node_id *id)
{
	buf_printf(b, "#Ref<0");
	for (unsigned i = id->n_words; i > 0; i--)
		buf_printf(b, ".%u", (unsigned)id->words[i - 1]);
	buf_u8(b, '>');
}

static void print_fun(struct buf *b, const struct term_fun *fun, bool unicode)
{
	if (fun->kind != TERM_FUN_EXPORT) {
		buf_printf(b, "#Fun<%s.%u.%u>", fun->module, (unsigned)fun->index,
		           (unsigned)fun->uniq);
		return;
	}
	buf_printf(b, "fun ");
	print_atom(b, fun->module, strlen(fun->module), unicode);
	buf_u8(b, ':');
	print_atom(b, fun->function, strlen(fun->function), unicode);
	buf_printf(b, "/%u", fun->arity);
}

void print_leaf(struct buf *b, const struct term *t, bool unicode)
{
	switch ((enum term_type)t->type) {
	case TERM_INT:
		buf_printf(b, "%lld", (long long)t->integer);
		return;
	case TERM_BIG:
		integer_print(b, t, 10, false);
		return;
	case TERM_FLOAT:
		term_print_float(b, t->real);
		return;
	case TERM_ATOM:
		print_atom(b, t->atom.text, t->atom.len, unicode);
		return;
	case TERM_REF:
		print_ref(b, t->id);
		return;
	case TERM_FUN:
		print_fun(b, t->fun, unicode);
		return;
	case TERM_PORT:
		buf_printf(b, "#Port<0.%llu>", (unsigned long long)t->id->id);
		return;
	case TERM_PID:
		buf_printf(b, "<0.%llu.%u>", (unsigned long long)t->id->id,
		           (unsigned)t->id->serial);
		return;
	case TERM_TUPLE:
	case TERM_MAP:
	case TERM_NIL:
	case TERM_CONS:
	case TERM_BINARY:
		break;
	}
	assert(false && "not a leaf");
}

void print_bytes(struct buf *b, const struct term *t, size_t max)
{
	const struct term_bytes *bytes = &t->bytes;

	buf_bytes(b, "<<", 2);
	for (size_t i = 0; i < bytes->len && buf_status(b) == ST_OK; i++) {
		if (i > 0)
			buf_u8(b, ',');
		if (max > 0 && i + 1 >= max && i + 1 < bytes->len) {
			buf_bytes(b, "...", 3);
			break;
		}
		if (i + 1 < bytes->len || bytes->tail == 8)
			buf_printf(b, "%u", (unsigned)bytes->base[i]);
		else
			buf_printf(b, "%u:%u", (unsigned)(bytes->base[i] >> (8 - bytes->tail)),
			           bytes->tail);
	}
	buf_bytes(b, ">>", 2);
}

static void write_term(struct buf *b, const struct term *t, bool unicode);

static void write_list(struct buf *b, const struct term *t, bool unicode)
{
	char before = '[';

	for (; t->type == TERM_CONS && buf_status(b) == ST_OK; t = t->cons.tail) {
		buf_u8(b, (uint8_t)before);
		write_term(b, t->cons.head, unicode);
		before = ',';
	}
	if (t->type != TERM_NIL && t->type != TERM_CONS) {
		buf_u8(b, '|');
		write_term(b, t, unicode);
	}
	buf_u8(b, ']');
}

static void write_map(struct buf *b, const struct term *t, bool unicode)
{
	buf_bytes(b, "#{", 2);
	for (size_t i = 0; i < t->map.n && buf_status(b) == ST_OK; i++) {
		if (i > 0)
			buf_u8(b, ',');
		write_term(b, t->map.keys[i], unicode);
		buf_bytes(b, " => ", 4);
		write_term(b, t->map.values[i], unicode);
	}
	buf_u8(b, '}');
}

static void write_tuple(struct buf *b, const struct term *t, bool unicode)
{
	buf_u8(b, '{');
	for (size_t i = 0; i < t->tuple.n && buf_status(b) == ST_OK; i++) {
		if (i > 0)
			buf_u8(b, ',');
		write_term(b, t->tuple.items[i], unicode);
	}
	buf_u8(b, '}');
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
static void write_term(struct buf *b, const struct term *t, bool unicode)
{
	if (t->type == TERM_CONS)
		write_list(b, t, unicode);
	else if (t->type == TERM_NIL)
		buf_bytes(b, "[]", 2);
	else if (t->type == TERM_TUPLE)
		write_tuple(b, t, unicode);
	else if (t->type == TERM_MAP)
		write_map(b, t, unicode);
	else if (t->type == TERM_BINARY)
		print_bytes(b, t, 0);
	else
		print_leaf(b, t, unicode);
}

void term_print(struct buf *b, const struct term *t)
{
	write_term(b, t, false);
}
/* NOLINTEND(misc-no-recursion) */
