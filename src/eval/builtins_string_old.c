/* Module string: its older functions, for lists of characters only. */
#include <string.h>

#include "eval/builtins.h"
#include "eval/limits.h"
#include "eval/text.h"

static bool flat_chars(struct machine *m, const struct term *t, struct chars *ret)
{
	if (term_length(t) >= 0 && text_chars(m, t, TEXT_UTF8, ret))
		return true;
	(void)no_clause(m);
	return false;
}

BUILTIN(concat)
{
	return operator_append(m, args[0], args[1]);
}

BUILTIN(join)
{
	struct vec v = {0};
	const struct term *list;

	if (term_length(args[0]) < 1)
		return term_type(args[0]) == TERM_NIL ? args[0] : no_clause(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		if ((v.n > 0 && !vec_push(m, &v, args[1])) || !vec_push(m, &v, term_head(l)))
			return NULL;
	}
	list = vec_list(m, &v);
	return list == NULL ? NULL : apply_function(m, "lists", "append", &list, 1);
}

BUILTIN(tokens)
{
	return apply_function(m, "string", "lexemes", args, 2);
}

static const struct term *position(struct machine *m, const struct term *const args[], bool last)
{
	struct chars c;
	struct chars pattern;
	int64_t found = 0;

	if (!flat_chars(m, args[0], &c) || !flat_chars(m, args[1], &pattern))
		return NULL;
	for (size_t at = 0; at + pattern.n <= c.n && (last || found == 0); at++) {
		if (!machine_charge(m, 1 + pattern.n / 8))
			return NULL;
		if (pattern.n > 0 && memcmp(c.at + at, pattern.at, pattern.n * sizeof *c.at) == 0)
			found = (int64_t)at + 1;
	}
	return term_int(m->arena, found);
}

BUILTIN(str)
{
	return position(m, args, false);
}

BUILTIN(rstr)
{
	return position(m, args, true);
}

static const struct term *char_position(struct machine *m, const struct term *const args[],
                                        bool last)
{
	int64_t found = 0;
	int64_t at = 0;

	if (term_length(args[0]) < 0)
		return no_clause(m);
	for (const struct term *l = args[0]; term_type(l) == TERM_CONS; l = term_tail(l)) {
		at++;
		if (!machine_charge(m, 1))
			return NULL;
		if ((last || found == 0) && term_compare(term_head(l), args[1], true) == 0)
			found = at;
	}
	return term_int(m->arena, found);
}

BUILTIN(chr)
{
	return char_position(m, args, false);
}

BUILTIN(rchr)
{
	return char_position(m, args, true);
}

BUILTIN(substr_2)
{
	const struct term *two[] = {NULL, args[0]};
	int64_t from;

	if (!small_int(args[1], &from) || from < 1)
		return no_clause(m);
	two[0] = term_int(m->arena, from - 1);
	return two[0] == NULL ? NULL : apply_function(m, "lists", "nthtail", two, 2);
}

BUILTIN(substr_3)
{
	const struct term *two[] = {substr_2(m, args), args[2]};

	return two[0] == NULL ? NULL : apply_function(m, "lists", "sublist", two, 2);
}

static const struct term *strip(struct machine *m, const struct term *t, const struct term *side,
                                uint32_t code)
{
	const bool left = side == NULL || term_is_atom(side, "left") || term_is_atom(side, "both");
	const bool right =
	    side == NULL || term_is_atom(side, "right") || term_is_atom(side, "both");
	struct chars c;
	size_t from = 0;

	if (!left && !right)
		return no_clause(m);
	if (!flat_chars(m, t, &c))
		return NULL;
	while (left && from < c.n && c.at[from] == code)
		from++;
	while (right && c.n > from && c.at[c.n - 1] == code)
		c.n--;
	return text_list(m, c.at == NULL ? NULL : c.at + from, c.n - from);
}

BUILTIN(strip_1)
{
	return strip(m, args[0], NULL, ' ');
}

BUILTIN(strip_2)
{
	return strip(m, args[0], args[1], ' ');
}

BUILTIN(strip_3)
{
	int64_t code;

	return small_int(args[2], &code) ? strip(m, args[0], args[1], (uint32_t)code)
	                                 : no_clause(m);
}

static const struct term *case_of(struct machine *m, const struct term *t, const char *function)
{
	int64_t code;

	if (small_int(t, &code)) {
		const struct term *list = term_list(m->arena, &t, 1);
		const struct term *v =
		    list == NULL ? NULL : apply_function(m, "string", function, &list, 1);

		return v == NULL ? NULL : term_head(v);
	}
	return apply_function(m, "string", function, &t, 1);
}

BUILTIN(to_upper)
{
	return case_of(m, args[0], "uppercase");
}

BUILTIN(to_lower)
{
	return case_of(m, args[0], "lowercase");
}

static const struct term *repeated(struct machine *m, const struct term *x, const struct term *n)
{
	const struct term *lists[] = {n, x};
	const struct term *list = apply_function(m, "lists", "duplicate", lists, 2);

	if (list == NULL || !term_is_list(x))
		return list;
	return apply_function(m, "lists", "append", &list, 1);
}

BUILTIN(copies)
{
	return repeated(m, args[0], args[1]);
}

BUILTIN(chars)
{
	return repeated(m, args[0], args[1]);
}

/* left, right, centre: cut or padded to n characters. */
static const struct term *fitted(struct machine *m, const struct term *const args[], uint32_t pad,
                                 char side)
{
	struct chars c;
	struct chars out = {0};
	int64_t n;
	int64_t before;
	int64_t skip;

	if (!small_int(args[1], &n) || n < 0)
		return no_clause(m);
	if (n > EVAL_FIELD_MAX)
		return machine_limit(m, "a pad is too long");
	if (!flat_chars(m, args[0], &c))
		return NULL;
	before = n - (int64_t)c.n;
	if (side == 'l')
		before = 0;
	else if (side == 'c')
		before = before >= 0 ? before / 2 : -(-before / 2);
	skip = before < 0 ? -before : 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t at = i - before;

		if (!text_push(m, &out, at >= skip && at < (int64_t)c.n ? c.at[at] : pad))
			return NULL;
	}
	return text_list(m, out.at, out.n);
}

static const struct term *fitted_with(struct machine *m, const struct term *const args[], char side)
{
	int64_t pad;

	if (!small_int(args[2], &pad))
		return no_clause(m);
	return fitted(m, args, (uint32_t)pad, side);
}

BUILTIN(left_2)
{
	return fitted(m, args, ' ', 'l');
}

BUILTIN(left_3)
{
	return fitted_with(m, args, 'l');
}

BUILTIN(right_2)
{
	return fitted(m, args, ' ', 'r');
}

BUILTIN(right_3)
{
	return fitted_with(m, args, 'r');
}

BUILTIN(centre_2)
{
	return fitted(m, args, ' ', 'c');
}

BUILTIN(centre_3)
{
	return fitted_with(m, args, 'c');
}

const struct builtin builtins_string_old[] = {
    {"centre", 2, centre_2},   {"centre", 3, centre_3}, {"chars", 2, chars},
    {"chr", 2, chr},           {"concat", 2, concat},   {"copies", 2, copies},
    {"join", 2, join},         {"left", 2, left_2},     {"left", 3, left_3},
    {"rchr", 2, rchr},         {"right", 2, right_2},   {"right", 3, right_3},
    {"rstr", 2, rstr},         {"str", 2, str},         {"strip", 1, strip_1},
    {"strip", 2, strip_2},     {"strip", 3, strip_3},   {"sub_string", 2, substr_2},
    {"substr", 2, substr_2},   {"substr", 3, substr_3}, {"to_lower", 1, to_lower},
    {"to_upper", 1, to_upper}, {"tokens", 2, tokens},   {NULL, 0, NULL},
};
