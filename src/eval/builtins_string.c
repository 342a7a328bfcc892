/* Module string: the functions that take lists of characters and binaries alike. Characters are
 * code points; clusters of several are not joined. */
#include <string.h>

#include "eval/builtins.h"
#include "eval/limits.h"
#include "eval/text.h"

/* Text that came as a binary goes back as one. */
static const struct term *like(struct machine *m, const struct term *model, const uint32_t *at,
                               size_t n)
{
	return term_type(model) == TERM_BINARY ? text_binary(m, at, n) : text_list(m, at, n);
}

static bool chars_of(struct machine *m, const struct term *t, struct chars *ret)
{
	if (text_chars(m, t, TEXT_UTF8, ret))
		return true;
	(void)badarg(m);
	return false;
}

/* The same for functions that have clauses for texts only. */
static bool chars_or_no_clause(struct machine *m, const struct term *t, struct chars *ret)
{
	if (term_is_list(t) || term_type(t) == TERM_BINARY)
		return chars_of(m, t, ret);
	(void)no_clause(m);
	return false;
}

static uint32_t upper(uint32_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7))
		return c - 32;
	if ((c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) || (c >= 0x430 && c <= 0x44f))
		return c - 32;
	return c >= 0x450 && c <= 0x45f ? c - 80 : c;
}

static uint32_t lower(uint32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7))
		return c + 32;
	if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 32;
	return c >= 0x400 && c <= 0x40f ? c + 80 : c;
}

static const struct term *converted(struct machine *m, const struct term *t,
                                    uint32_t (*how)(uint32_t))
{
	struct chars c;

	if (!text_chars(m, t, TEXT_UTF8, &c))
		return machine_error_with(m, "badarg", t);
	for (size_t i = 0; i < c.n; i++)
		c.at[i] = how(c.at[i]);
	return like(m, t, c.at, c.n);
}

BUILTIN(uppercase)
{
	return converted(m, args[0], upper);
}

BUILTIN(lowercase)
{
	return converted(m, args[0], lower);
}

BUILTIN(titlecase)
{
	struct chars c;

	if (!chars_of(m, args[0], &c))
		return NULL;
	if (c.n > 0)
		c.at[0] = upper(c.at[0]);
	return like(m, args[0], c.at, c.n);
}

BUILTIN(length)
{
	struct chars c;
	int64_t n = 0;

	if (!chars_or_no_clause(m, args[0], &c))
		return NULL;
	/* A carriage return and its line feed are one. */
	for (size_t i = 0; i < c.n; i++)
		n += !(i > 0 && c.at[i] == '\n' && c.at[i - 1] == '\r');
	return term_int(m->arena, n);
}

BUILTIN(is_empty)
{
	const struct term *t = args[0];

	return term_bool(m->arena, term_type(t) == TERM_NIL ||
	                               (term_type(t) == TERM_BINARY && term_bit_size(t) == 0));
}

BUILTIN(to_graphemes)
{
	struct chars c;

	return chars_of(m, args[0], &c) ? text_list(m, c.at, c.n) : NULL;
}

BUILTIN(reverse)
{
	struct chars c;

	if (!chars_of(m, args[0], &c))
		return NULL;
	for (size_t i = 0; i < c.n / 2; i++) {
		uint32_t swap = c.at[i];

		c.at[i] = c.at[c.n - 1 - i];
		c.at[c.n - 1 - i] = swap;
	}
	return text_list(m, c.at, c.n);
}

static const struct term *equal(struct machine *m, const struct term *const args[], bool fold)
{
	struct chars x;
	struct chars y;
	bool same;

	if (!chars_or_no_clause(m, args[0], &x) || !chars_or_no_clause(m, args[1], &y))
		return NULL;
	same = x.n == y.n;
	for (size_t i = 0; same && i < x.n; i++)
		same = x.at[i] == y.at[i] || (fold && lower(x.at[i]) == lower(y.at[i]));
	return term_bool(m->arena, same);
}

BUILTIN(equal_2)
{
	return equal(m, args, false);
}

BUILTIN(equal_3)
{
	return equal(m, args, term_is_atom(args[2], "true"));
}

static bool among(uint32_t code, const struct chars *set)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->at[i] == code)
			return true;
	}
	return false;
}

/* What string:trim/1 takes for white space. */
static bool white_set(struct machine *m, struct chars *ret)
{
	static const uint32_t white[] = {9,    10,     11,     12,     13,    32,
	                                 0x85, 0x200e, 0x200f, 0x2028, 0x2029};

	*ret = (struct chars){0};
	for (size_t i = 0; i < sizeof white / sizeof *white; i++) {
		if (!text_push(m, ret, white[i]))
			return false;
	}
	return true;
}

static const struct term *trim(struct machine *m, const struct term *t, bool front, bool back,
                               const struct chars *set)
{
	struct chars c;
	size_t from = 0;

	if (!chars_or_no_clause(m, t, &c) || !machine_charge(m, c.n))
		return NULL;
	while (front && from < c.n && among(c.at[from], set))
		from++;
	while (back && c.n > from && among(c.at[c.n - 1], set))
		c.n--;
	return like(m, t, c.at == NULL ? NULL : c.at + from, c.n - from);
}

static bool trim_sides(const struct term *t, bool *front, bool *back)
{
	*front = term_is_atom(t, "leading") || term_is_atom(t, "both");
	*back = term_is_atom(t, "trailing") || term_is_atom(t, "both");
	return *front || *back;
}

BUILTIN(trim_1)
{
	struct chars set;

	return white_set(m, &set) ? trim(m, args[0], true, true, &set) : NULL;
}

BUILTIN(trim_2)
{
	struct chars set;
	bool front;
	bool back;

	if (!trim_sides(args[1], &front, &back))
		return no_clause(m);
	return white_set(m, &set) ? trim(m, args[0], front, back, &set) : NULL;
}

BUILTIN(trim_3)
{
	struct chars set;
	bool front;
	bool back;

	if (!trim_sides(args[1], &front, &back))
		return no_clause(m);
	return chars_of(m, args[2], &set) ? trim(m, args[0], front, back, &set) : NULL;
}

/* Position of pattern in c from `from` on, or -1. */
static int64_t find_in(struct machine *m, const struct chars *c, size_t from,
                       const struct chars *pattern)
{
	for (size_t at = from; pattern->n > 0 && at + pattern->n <= c->n; at++) {
		if (c->at[at] != pattern->at[0])
			continue;
		if (!machine_charge(m, 1 + pattern->n / 8))
			return -1;
		if (memcmp(c->at + at, pattern->at, pattern->n * sizeof *c->at) == 0)
			return (int64_t)at;
	}
	return -1;
}

static int64_t find_last(struct machine *m, const struct chars *c, const struct chars *pattern)
{
	int64_t last = -1;
	int64_t at = find_in(m, c, 0, pattern);

	while (at >= 0) {
		last = at;
		at = find_in(m, c, (size_t)at + 1, pattern);
	}
	return last;
}

static const struct term *find(struct machine *m, const struct term *const args[], bool trailing)
{
	struct chars c;
	struct chars pattern;
	int64_t at;

	if (!chars_of(m, args[0], &c) || !chars_of(m, args[1], &pattern))
		return NULL;
	if (pattern.n == 0)
		return args[0];
	at = trailing ? find_last(m, &c, &pattern) : find_in(m, &c, 0, &pattern);
	if (m->signal != SIGNAL_NONE)
		return NULL;
	if (at < 0)
		return term_atom(m->arena, "nomatch");
	return like(m, args[0], c.at + at, c.n - (size_t)at);
}

BUILTIN(find_2)
{
	return find(m, args, false);
}

BUILTIN(find_3)
{
	return find(m, args, term_is_atom(args[2], "trailing"));
}

BUILTIN(prefix)
{
	struct chars c;
	struct chars pattern;

	if (!chars_of(m, args[0], &c) || !chars_of(m, args[1], &pattern))
		return NULL;
	if (pattern.n > c.n ||
	    (pattern.n > 0 && memcmp(c.at, pattern.at, pattern.n * sizeof *c.at) != 0))
		return term_atom(m->arena, "nomatch");
	return like(m, args[0], c.at == NULL ? NULL : c.at + pattern.n, c.n - pattern.n);
}

static const struct term *slice(struct machine *m, const struct term *t, int64_t from, int64_t n)
{
	struct chars c;

	if (!chars_or_no_clause(m, t, &c))
		return NULL;
	if (from > (int64_t)c.n)
		from = (int64_t)c.n;
	if (n < 0 || n > (int64_t)c.n - from)
		n = (int64_t)c.n - from;
	return like(m, t, c.at == NULL ? NULL : c.at + from, (size_t)n);
}

BUILTIN(slice_2)
{
	int64_t from;

	if (!small_int(args[1], &from) || from < 0)
		return no_clause(m);
	return slice(m, args[0], from, -1);
}

BUILTIN(slice_3)
{
	int64_t from;
	int64_t n = -1;

	if (!small_int(args[1], &from) || from < 0 ||
	    (!term_is_atom(args[2], "infinity") && (!small_int(args[2], &n) || n < 0)))
		return no_clause(m);
	return slice(m, args[0], from, n);
}

enum where { SPLIT_FIRST, SPLIT_LAST, SPLIT_ALL };

/* The parts of text between occurrences of a pattern. */
static bool split_parts(struct machine *m, const struct term *const args[], enum where where,
                        struct vec *parts, const struct term *between)
{
	struct chars c;
	struct chars pattern;
	size_t from = 0;
	int64_t at;

	if (!chars_of(m, args[0], &c) || !chars_of(m, args[1], &pattern))
		return false;
	at = where == SPLIT_LAST ? find_last(m, &c, &pattern) : find_in(m, &c, 0, &pattern);
	while (at >= 0 && m->signal == SIGNAL_NONE) {
		if (!vec_push(m, parts, like(m, args[0], c.at + from, (size_t)at - from)) ||
		    (between != NULL && !vec_push(m, parts, between)))
			return false;
		from = (size_t)at + pattern.n;
		at = where == SPLIT_ALL ? find_in(m, &c, from, &pattern) : -1;
	}
	return m->signal == SIGNAL_NONE &&
	       vec_push(m, parts, like(m, args[0], c.at == NULL ? NULL : c.at + from, c.n - from));
}

static bool where_of(const struct term *t, enum where *ret)
{
	*ret = term_is_atom(t, "all")        ? SPLIT_ALL
	       : term_is_atom(t, "trailing") ? SPLIT_LAST
	                                     : SPLIT_FIRST;
	return *ret != SPLIT_FIRST || term_is_atom(t, "leading");
}

BUILTIN(split_2)
{
	struct vec parts = {0};

	return split_parts(m, args, SPLIT_FIRST, &parts, NULL) ? vec_list(m, &parts) : NULL;
}

BUILTIN(split_3)
{
	struct vec parts = {0};
	enum where where;

	if (!where_of(args[2], &where))
		return no_clause(m);
	return split_parts(m, args, where, &parts, NULL) ? vec_list(m, &parts) : NULL;
}

BUILTIN(replace_3)
{
	struct vec parts = {0};

	return split_parts(m, args, SPLIT_FIRST, &parts, args[2]) ? vec_list(m, &parts) : NULL;
}

BUILTIN(replace_4)
{
	struct vec parts = {0};
	enum where where;

	if (!where_of(args[3], &where))
		return no_clause(m);
	return split_parts(m, args, where, &parts, args[2]) ? vec_list(m, &parts) : NULL;
}

/* Parts between any of the separators; empty ones are left out. */
BUILTIN(lexemes)
{
	struct chars c;
	struct chars set;
	struct vec parts = {0};
	size_t at = 0;

	if (!chars_or_no_clause(m, args[0], &c) || !chars_of(m, args[1], &set) ||
	    !machine_charge(m, c.n))
		return NULL;
	while (at < c.n) {
		size_t from;

		while (at < c.n && among(c.at[at], &set))
			at++;
		from = at;
		while (at < c.n && !among(c.at[at], &set))
			at++;
		if (at > from && !vec_push(m, &parts, like(m, args[0], c.at + from, at - from)))
			return NULL;
	}
	return vec_list(m, &parts);
}

/* What is added around a text, which stays as it is: [Pad, Text], [Text | Pad]. */
static const struct term *pad(struct machine *m, const struct term *t, const struct term *to,
                              const struct term *side, uint32_t code)
{
	struct chars c;
	int64_t width;
	const struct term *fill[2] = {NULL, NULL};

	if (!small_int(to, &width) || (!term_is_list(t) && term_type(t) != TERM_BINARY))
		return no_clause(m);
	if (!chars_of(m, t, &c))
		return NULL;
	if (width > EVAL_FIELD_MAX)
		return machine_limit(m, "a pad is too long");
	width = width > (int64_t)c.n ? width - (int64_t)c.n : 0;
	for (size_t i = 0; i < 2; i++) {
		struct chars some = {0};
		int64_t n = width;

		if (term_is_atom(side, "both"))
			n = i == 0 ? width / 2 : width - width / 2;
		while (n-- > 0) {
			if (!text_push(m, &some, code))
				return NULL;
		}
		fill[i] = text_list(m, some.at, some.n);
		if (fill[i] == NULL)
			return NULL;
	}
	if (term_is_atom(side, "trailing"))
		return term_cons(m->arena, t, fill[0]);
	if (term_is_atom(side, "both"))
		return term_cons(
		    m->arena, fill[0],
		    term_cons(m->arena, t, term_cons(m->arena, fill[1], term_nil(m->arena))));
	if (!term_is_atom(side, "leading"))
		return no_clause(m);
	return term_cons(m->arena, fill[0], term_cons(m->arena, t, term_nil(m->arena)));
}

BUILTIN(pad_2)
{
	const struct term *trailing = term_atom(m->arena, "trailing");

	return trailing == NULL ? NULL : pad(m, args[0], args[1], trailing, ' ');
}

BUILTIN(pad_3)
{
	return pad(m, args[0], args[1], args[2], ' ');
}

BUILTIN(pad_4)
{
	int64_t code;

	if (!small_int(args[3], &code) || code < 0 || code > 0x10ffff)
		return no_clause(m);
	return pad(m, args[0], args[1], args[2], (uint32_t)code);
}

static size_t skip_sign(const struct chars *c, size_t at)
{
	return at + (at < c->n && (c->at[at] == '-' || c->at[at] == '+'));
}

static size_t skip_digits(const struct chars *c, size_t at)
{
	while (at < c->n && c->at[at] >= '0' && c->at[at] <= '9')
		at++;
	return at;
}

/* Where the number ends that the text starts with; 0: there is none. */
static size_t number_end(const struct chars *c, bool real)
{
	const size_t start = skip_sign(c, 0);
	size_t end = skip_digits(c, start);
	size_t fraction;
	size_t exponent;

	if (end == start || !real)
		return end == start ? 0 : end;
	if (end == c->n || c->at[end] != '.')
		return 0;
	fraction = skip_digits(c, end + 1);
	if (fraction == end + 1)
		return 0;
	if (fraction == c->n || (c->at[fraction] != 'e' && c->at[fraction] != 'E'))
		return fraction;
	exponent = skip_sign(c, fraction + 1);
	end = skip_digits(c, exponent);
	return end == exponent ? fraction : end;
}

static const struct term *no_number(struct machine *m, const char *why)
{
	return term_tuple2(m->arena, term_atom(m->arena, "error"), term_atom(m->arena, why));
}

/* {Number, Rest} or {error, no_integer}: what the text starts with. */
static const struct term *leading_number(struct machine *m, const struct term *t, bool real)
{
	struct chars c;
	const struct term *text;
	const struct term *v;
	size_t end;

	if (!text_chars(m, t, TEXT_UTF8, &c))
		return m->signal == SIGNAL_NONE ? no_number(m, "badarg") : NULL;
	end = number_end(&c, real);
	if (end == 0)
		return no_number(m, real ? "no_float" : "no_integer");
	text = text_list(m, c.at, end);
	if (text == NULL)
		return NULL;
	v = apply_function(m, "erlang", real ? "list_to_float" : "list_to_integer", &text, 1);
	return v == NULL ? NULL : term_tuple2(m->arena, v, like(m, t, c.at + end, c.n - end));
}

BUILTIN(to_integer)
{
	return leading_number(m, args[0], false);
}

BUILTIN(to_float)
{
	return leading_number(m, args[0], true);
}

const struct builtin builtins_string[] = {
    {"casefold", 1, lowercase},
    {"equal", 2, equal_2},
    {"equal", 3, equal_3},
    {"find", 2, find_2},
    {"find", 3, find_3},
    {"is_empty", 1, is_empty},
    {"length", 1, length},
    {"lexemes", 2, lexemes},
    {"lowercase", 1, lowercase},
    {"pad", 2, pad_2},
    {"pad", 3, pad_3},
    {"pad", 4, pad_4},
    {"prefix", 2, prefix},
    {"replace", 3, replace_3},
    {"replace", 4, replace_4},
    {"reverse", 1, reverse},
    {"slice", 2, slice_2},
    {"slice", 3, slice_3},
    {"split", 2, split_2},
    {"split", 3, split_3},
    {"titlecase", 1, titlecase},
    {"to_float", 1, to_float},
    {"to_graphemes", 1, to_graphemes},
    {"to_integer", 1, to_integer},
    {"trim", 1, trim_1},
    {"trim", 2, trim_2},
    {"trim", 3, trim_3},
    {"uppercase", 1, uppercase},
    {NULL, 0, NULL},
};
