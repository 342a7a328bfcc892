#include "eval/lexer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "eval/limits.h"
#include "term/integer.h"

static const char *const words[] = {
    "after", "and",    "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr",
    "bxor",  "case",   "catch",   "div",  "end",   "fun",  "if",  "not", "of",
    "or",    "orelse", "receive", "rem",  "try",   "when", "xor",
};

/* Longest first where one begins another. */
static const char *const puncts[] = {
    "=:=", "=/=", "...", "->", "<-", "<=", "=<", "==", "/=", ">=", "=>", ":=", "||",
    "<<",  ">>",  "++",  "--", "::", "..", "(",  ")",  "{",  "}",  "[",  "]",  ",",
    ";",   ":",   "|",   "=",  "<",  ">",  "+",  "-",  "*",  "/",  "#",  "!",  "?",
};

void lexer_init(struct lexer *lx, struct arena *a, const char *text, size_t len)
{
	*lx = (struct lexer){.arena = a, .at = text, .end = text + len, .line = 1, .column = 1};
}

static enum status fail(struct lexer *lx, const char *message)
{
	lx->message = message;
	return ST_INVALID;
}

static int peek(const struct lexer *lx, size_t ahead)
{
	return (size_t)(lx->end - lx->at) > ahead ? (unsigned char)lx->at[ahead] : -1;
}

/* Move over the next character; returns its code point, -1 when it is no UTF-8 or the end. */
static int64_t take(struct lexer *lx)
{
	uint32_t code;
	size_t width = utf8_read((const uint8_t *)lx->at, (size_t)(lx->end - lx->at), &code);

	if (width == 0)
		return -1;
	lx->at += width;
	lx->column++;
	if (code == '\n') {
		lx->line++;
		lx->column = 1;
	}
	return code;
}

static void skip_space(struct lexer *lx)
{
	for (;;) {
		int c = peek(lx, 0);

		if (c == '%') {
			while (peek(lx, 0) != -1 && peek(lx, 0) != '\n' && take(lx) >= 0)
				continue;
			if (peek(lx, 0) != -1 && peek(lx, 0) != '\n')
				return; /* no UTF-8: the next token reports it */
		} else if ((c >= 0 && c <= ' ') || (c == 0xc2 && peek(lx, 1) == 0xa0)) {
			(void)take(lx); /* or a no-break space, from a copied web page */
		} else {
			return;
		}
	}
}

static bool is_digit(int c, unsigned base)
{
	int value = 99;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'z')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'Z')
		value = c - 'A' + 10;
	return value < (int)base;
}

/* Digits with single underscores between them, appended to text without those. */
static void take_digits(struct lexer *lx, unsigned base, struct buf *text)
{
	while (is_digit(peek(lx, 0), base) ||
	       (text->len > 0 && peek(lx, 0) == '_' && is_digit(peek(lx, 1), base))) {
		int64_t c = take(lx);

		if (c != '_')
			buf_u8(text, (uint8_t)c);
	}
}

static enum status integer_token(struct lexer *lx, const struct buf *text, unsigned base,
                                 struct token *ret)
{
	enum status st =
	    integer_parse(lx->arena, (const char *)text->base, text->len, base, &ret->value);

	if (st == ST_LIMIT)
		return fail(lx, "integer too large");
	if (st == ST_INVALID)
		return fail(lx, "illegal integer");
	ret->kind = TOKEN_INTEGER;
	return st;
}

static enum status based_integer(struct lexer *lx, struct buf *text, struct token *ret)
{
	char *end;
	long base = strtol(buf_text(text), &end, 10);

	if (base < 2 || base > 36)
		return fail(lx, "illegal base");
	(void)take(lx);
	buf_reset(text);
	take_digits(lx, (unsigned)base, text);
	if (text->len == 0)
		return fail(lx, "illegal integer");
	return integer_token(lx, text, (unsigned)base, ret);
}

static enum status float_token(struct lexer *lx, struct buf *text, struct token *ret)
{
	double v;

	buf_u8(text, (uint8_t)take(lx)); /* the point */
	take_digits(lx, 10, text);
	if (peek(lx, 0) == 'e' || peek(lx, 0) == 'E') {
		const bool sign = peek(lx, 1) == '-' || peek(lx, 1) == '+';

		if (is_digit(peek(lx, sign ? 2 : 1), 10)) {
			buf_u8(text, (uint8_t)take(lx));
			if (sign)
				buf_u8(text, (uint8_t)take(lx));
			take_digits(lx, 10, text);
		}
	}
	if (buf_text(text) == NULL)
		return ST_LIMIT;
	v = strtod(buf_text(text), NULL);
	if (!isfinite(v))
		return fail(lx, "illegal float");
	ret->kind = TOKEN_FLOAT;
	ret->value = term_float(lx->arena, v);
	return ret->value == NULL ? ST_LIMIT : ST_OK;
}

static enum status number_token(struct lexer *lx, struct token *ret)
{
	struct buf text;
	enum status st;

	buf_init(&text, EVAL_TEXT_MAX);
	take_digits(lx, 10, &text);
	if (peek(lx, 0) == '#')
		st = based_integer(lx, &text, ret);
	else if (peek(lx, 0) == '.' && is_digit(peek(lx, 1), 10))
		st = float_token(lx, &text, ret);
	else
		st = integer_token(lx, &text, 10, ret);
	buf_close(&text);
	return st;
}

static int64_t hex_escape(struct lexer *lx)
{
	const bool braces = peek(lx, 0) == '{';
	int64_t v = 0;
	int n = 0;

	if (braces)
		(void)take(lx);
	while (is_digit(peek(lx, 0), 16) && n < (braces ? 7 : 2)) {
		int64_t c = take(lx);

		v = v * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		n++;
	}
	if (n == 0 || (!braces && n < 2) || (braces && take(lx) != '}'))
		return -1;
	return utf8_is_code_point(v) ? v : -1;
}

/* What follows a backslash; -1 when that is nothing Erlang knows. */
static int64_t escape(struct lexer *lx)
{
	static const char names[] = "n\nt\tr\rb\bf\fv\ve\033s d\177";
	int64_t c = take(lx);

	if (c >= '0' && c <= '7') {
		int64_t v = c - '0';

		for (int i = 0; i < 2 && is_digit(peek(lx, 0), 8); i++)
			v = v * 8 + take(lx) - '0';
		return v;
	}
	if (c == 'x')
		return hex_escape(lx);
	if (c == '^') {
		c = take(lx);
		return (c >= '@' && c <= '_') || (c >= 'a' && c <= 'z') ? c & 0x1f : -1;
	}
	for (size_t i = 0; i < sizeof names - 1; i += 2) {
		if (c == names[i])
			return (unsigned char)names[i + 1];
	}
	return c;
}

/* Characters up to the closing quote, as UTF-8. */
static enum status quoted(struct lexer *lx, int quote, struct buf *text)
{
	(void)take(lx);
	for (;;) {
		uint8_t bytes[4];
		int64_t c;

		if (peek(lx, 0) == -1)
			return fail(lx, quote == '"' ? "unterminated string" : "unterminated atom");
		c = take(lx);
		if (c == quote)
			return ST_OK;
		if (c == '\\')
			c = escape(lx);
		if (c < 0)
			return fail(lx, "illegal character or escape");
		buf_bytes(text, bytes, utf8_write(bytes, (uint32_t)c));
		if (buf_status(text) != ST_OK)
			return ST_LIMIT;
	}
}

static enum status atom_from(struct lexer *lx, const char *text, size_t len, struct token *ret)
{
	size_t n = 0;

	if (memchr(text, 0, len) != NULL)
		return fail(lx, "NUL in an atom is not supported");
	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	if (n > ATOM_BYTES_MAX / 4)
		return fail(lx, "illegal atom: longer than 255 characters");
	ret->kind = TOKEN_ATOM;
	ret->value = term_atom_n(lx->arena, text, len);
	if (ret->value == NULL)
		return ST_LIMIT;
	ret->text = term_atom_text(ret->value);
	return ST_OK;
}

static enum status string_from(struct lexer *lx, const struct buf *text, struct token *ret)
{
	const struct term *list = term_nil(lx->arena);
	size_t at = text->len;

	/* From the end, so that the list is built in one go. */
	while (at > 0 && list != NULL) {
		size_t start = at - 1;
		uint32_t code = 0;

		while (start > 0 && (text->base[start] & 0xc0) == 0x80)
			start--;
		(void)utf8_read(text->base + start, at - start, &code);
		list = term_cons(lx->arena, term_int(lx->arena, code), list);
		at = start;
	}
	ret->kind = TOKEN_STRING;
	ret->value = list;
	return list == NULL ? ST_LIMIT : ST_OK;
}

static enum status quoted_token(struct lexer *lx, int quote, struct token *ret)
{
	struct buf text;
	enum status st;

	buf_init(&text, EVAL_TEXT_MAX);
	st = quoted(lx, quote, &text);
	if (st == ST_OK && buf_text(&text) == NULL)
		st = ST_LIMIT;
	if (st == ST_OK && quote == '"')
		st = string_from(lx, &text, ret);
	else if (st == ST_OK)
		st = atom_from(lx, (const char *)text.base, text.len, ret);
	buf_close(&text);
	return st;
}

static enum status char_token(struct lexer *lx, struct token *ret)
{
	int64_t c;

	(void)take(lx);
	c = take(lx);
	if (c == '\\')
		c = escape(lx);
	if (c < 0)
		return fail(lx, "illegal character");
	ret->kind = TOKEN_CHAR;
	ret->value = term_int(lx->arena, c);
	return ret->value == NULL ? ST_LIMIT : ST_OK;
}

/* Letters as Erlang counts them: Latin-1. */
static bool is_lower(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7);
}

static bool is_upper(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || c == '_' || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static bool is_name(uint32_t c)
{
	return is_lower(c) || is_upper(c) || (c >= '0' && c <= '9') || c == '@';
}

static enum status name_token(struct lexer *lx, bool variable, struct token *ret)
{
	const char *start = lx->at;
	uint32_t code;
	char *text;
	size_t len;

	while (utf8_read((const uint8_t *)lx->at, (size_t)(lx->end - lx->at), &code) > 0 &&
	       is_name(code))
		(void)take(lx);
	len = (size_t)(lx->at - start);
	text = arena_copy(lx->arena, start, len);
	if (text == NULL)
		return ST_LIMIT;
	ret->text = text;
	ret->kind = TOKEN_VAR;
	if (variable)
		return ST_OK;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i], text) == 0) {
			ret->kind = TOKEN_WORD;
			return ST_OK;
		}
	}
	return atom_from(lx, text, len, ret);
}

static enum status punct_token(struct lexer *lx, struct token *ret)
{
	for (size_t i = 0; i < sizeof puncts / sizeof *puncts; i++) {
		size_t len = strlen(puncts[i]);

		if ((size_t)(lx->end - lx->at) >= len && memcmp(lx->at, puncts[i], len) == 0) {
			ret->kind = TOKEN_PUNCT;
			ret->text = puncts[i];
			lx->at += len;
			lx->column += (unsigned)len;
			return ST_OK;
		}
	}
	return fail(lx, "illegal character");
}

static bool is_full_stop(const struct lexer *lx)
{
	int next = peek(lx, 1); /* -1 at the end */

	return peek(lx, 0) == '.' && (next <= ' ' || next == '%');
}

enum status lexer_next(struct lexer *lx, struct token *ret)
{
	uint32_t code;

	skip_space(lx);
	*ret = (struct token){.kind = TOKEN_END, .line = lx->line, .column = lx->column};
	if (lx->at == lx->end)
		return ST_OK;
	if (utf8_read((const uint8_t *)lx->at, (size_t)(lx->end - lx->at), &code) == 0)
		return fail(lx, "text is not UTF-8");
	if (is_full_stop(lx)) {
		ret->kind = TOKEN_DOT;
		(void)take(lx);
		return ST_OK;
	}
	if (code >= '0' && code <= '9')
		return number_token(lx, ret);
	if (code == '"' || code == '\'')
		return quoted_token(lx, (int)code, ret);
	if (code == '$')
		return char_token(lx, ret);
	if (is_lower(code) || is_upper(code))
		return name_token(lx, is_upper(code), ret);
	return punct_token(lx, ret);
}
