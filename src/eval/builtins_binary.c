/* Modules binary and unicode. */
#include <string.h>

#include "eval/builtins.h"
#include "eval/limits.h"
#include "eval/text.h"

static bool bytes_of(const struct term *t, struct term_bytes *ret)
{
	if (term_type(t) != TERM_BINARY || term_bit_size(t) % 8 != 0)
		return false;
	*ret = term_binary_bytes(t);
	return true;
}

/* Patterns: one binary or a list of them. At one place the longest counts. */
struct patterns {
	struct vec at;
};

static bool patterns_of(struct machine *m, const struct term *t, struct patterns *ret)
{
	struct term_bytes bytes;

	*ret = (struct patterns){{0}};
	if (!term_is_list(t))
		return bytes_of(t, &bytes) && bytes.len > 0 && vec_push(m, &ret->at, t);
	if (term_length(t) < 1)
		return false;
	for (; term_type(t) == TERM_CONS; t = term_tail(t)) {
		if (!bytes_of(term_head(t), &bytes) || bytes.len == 0 ||
		    !vec_push(m, &ret->at, term_head(t)))
			return false;
	}
	return true;
}

/* Length of the longest pattern at a place; 0: none. */
static size_t longest_at(const struct patterns *p, const uint8_t *at, size_t left)
{
	size_t best = 0;

	for (size_t i = 0; i < p->at.n; i++) {
		struct term_bytes b = term_binary_bytes(p->at.at[i]);

		if (b.len <= left && b.len > best && memcmp(at, b.base, b.len) == 0)
			best = b.len;
	}
	return best;
}

/* The next match from `from` on; false: none, or a signal. */
static bool next_match(struct machine *m, const struct patterns *p, const struct term_bytes *b,
                       size_t from, size_t *ret_at, size_t *ret_len)
{
	for (size_t at = from; at < b->len; at++) {
		size_t len = longest_at(p, b->base + at, b->len - at);

		if (at % 16 == 0 && !machine_charge(m, 1 + p->at.n))
			return false;
		if (len > 0) {
			*ret_at = at;
			*ret_len = len;
			return true;
		}
	}
	return false;
}

static const struct term *part(struct machine *m, size_t at, size_t len)
{
	return term_tuple2(m->arena, term_int(m->arena, (int64_t)at),
	                   term_int(m->arena, (int64_t)len));
}

BUILTIN(match)
{
	struct patterns p;
	struct term_bytes b;
	size_t at;
	size_t len;

	if (!bytes_of(args[0], &b) || !patterns_of(m, args[1], &p))
		return badarg(m);
	if (next_match(m, &p, &b, 0, &at, &len))
		return part(m, at, len);
	return m->signal == SIGNAL_NONE ? term_atom(m->arena, "nomatch") : NULL;
}

BUILTIN(matches)
{
	struct patterns p;
	struct term_bytes b;
	struct vec v = {0};
	size_t from = 0;
	size_t at;
	size_t len;

	if (!bytes_of(args[0], &b) || !patterns_of(m, args[1], &p))
		return badarg(m);
	while (next_match(m, &p, &b, from, &at, &len)) {
		if (!vec_push(m, &v, part(m, at, len)))
			return NULL;
		from = at + len;
	}
	return m->signal == SIGNAL_NONE ? vec_list(m, &v) : NULL;
}

struct split_options {
	bool global;
	bool trim;     /* empty parts at the end are dropped */
	bool trim_all; /* all empty parts are dropped */
};

static bool split_options_of(const struct term *t, struct split_options *ret)
{
	*ret = (struct split_options){false, false, false};
	for (; term_type(t) == TERM_CONS; t = term_tail(t)) {
		const struct term *x = term_head(t);

		if (term_is_atom(x, "global"))
			ret->global = true;
		else if (term_is_atom(x, "trim"))
			ret->trim = true;
		else if (term_is_atom(x, "trim_all"))
			ret->trim_all = true;
		else
			return false;
	}
	return term_type(t) == TERM_NIL;
}

static bool push_part(struct machine *m, struct vec *v, const struct split_options *o,
                      const uint8_t *at, size_t len)
{
	if (len == 0 && o->trim_all)
		return true;
	return vec_push(m, v, term_binary(m->arena, at, len));
}

static const struct term *split(struct machine *m, const struct term *const args[],
                                const struct split_options *o)
{
	struct patterns p;
	struct term_bytes b;
	struct vec v = {0};
	size_t from = 0;
	size_t at;
	size_t len;

	if (!bytes_of(args[0], &b) || !patterns_of(m, args[1], &p))
		return badarg(m);
	while (next_match(m, &p, &b, from, &at, &len)) {
		if (!push_part(m, &v, o, b.base + from, at - from))
			return NULL;
		from = at + len;
		if (!o->global)
			break;
	}
	if (m->signal != SIGNAL_NONE || !push_part(m, &v, o, b.base + from, b.len - from))
		return NULL;
	while (o->trim && v.n > 0 && term_bit_size(v.at[v.n - 1]) == 0)
		v.n--;
	return vec_list(m, &v);
}

BUILTIN(split_2)
{
	const struct split_options o = {false, false, false};

	return split(m, args, &o);
}

BUILTIN(split_3)
{
	struct split_options o;

	return split_options_of(args[2], &o) ? split(m, args, &o) : badarg(m);
}

static const struct term *replace(struct machine *m, const struct term *const args[], bool global)
{
	struct term_bytes with;
	struct term_bytes b;
	struct patterns p;
	const struct term *t = NULL;
	struct buf out;
	size_t from = 0;
	size_t at;
	size_t len;

	if (!bytes_of(args[0], &b) || !patterns_of(m, args[1], &p) || !bytes_of(args[2], &with))
		return badarg(m);
	buf_init(&out, EVAL_MEMORY);
	while (next_match(m, &p, &b, from, &at, &len)) {
		buf_bytes(&out, b.base + from, at - from);
		buf_bytes(&out, with.base, with.len);
		from = at + len;
		if (!global)
			break;
	}
	buf_bytes(&out, b.base + from, b.len - from);
	if (m->signal == SIGNAL_NONE && buf_status(&out) == ST_OK)
		t = term_binary(m->arena, out.base, out.len);
	buf_close(&out);
	return t;
}

BUILTIN(replace_3)
{
	return replace(m, args, false);
}

BUILTIN(replace_4)
{
	struct split_options o;

	return split_options_of(args[3], &o) ? replace(m, args, o.global) : badarg(m);
}

BUILTIN(at)
{
	struct term_bytes b;
	int64_t i;

	if (!bytes_of(args[0], &b) || !small_int(args[1], &i) || i < 0 || i >= (int64_t)b.len)
		return badarg(m);
	return term_int(m->arena, b.base[i]);
}

BUILTIN(first)
{
	struct term_bytes b;

	return bytes_of(args[0], &b) && b.len > 0 ? term_int(m->arena, b.base[0]) : badarg(m);
}

BUILTIN(last)
{
	struct term_bytes b;

	return bytes_of(args[0], &b) && b.len > 0 ? term_int(m->arena, b.base[b.len - 1])
	                                          : badarg(m);
}

static const struct term *copies(struct machine *m, const struct term *t, int64_t n)
{
	struct term_bytes b;
	const struct term *out;
	uint8_t *bytes;

	if (!bytes_of(t, &b) || n < 0)
		return badarg(m);
	if (b.len > 0 && n > EVAL_BITS_MAX / 8 / (int64_t)b.len)
		return machine_limit(m, "a binary is too large");
	if (!machine_charge(m, b.len * (uint64_t)n / 256))
		return NULL;
	out = term_binary_new(m->arena, b.len * (size_t)n, &bytes);
	for (int64_t i = 0; out != NULL && b.len > 0 && i < n; i++)
		memcpy(bytes + (size_t)i * b.len, b.base, b.len);
	return out;
}

BUILTIN(copy_1)
{
	return copies(m, args[0], 1);
}

BUILTIN(copy_2)
{
	int64_t n;

	return small_int(args[1], &n) ? copies(m, args[0], n) : badarg(m);
}

BUILTIN(part_3)
{
	return apply_function(m, "erlang", "binary_part", args, 3);
}

BUILTIN(part_2)
{
	return apply_function(m, "erlang", "binary_part", args, 2);
}

BUILTIN(to_list)
{
	return apply_function(m, "erlang", "binary_to_list", args, 1);
}

BUILTIN(from_list)
{
	return apply_function(m, "erlang", "list_to_binary", args, 1);
}

static const struct term *hex(struct machine *m, const struct term *t)
{
	static const char digits[] = "0123456789ABCDEF";
	struct term_bytes b;
	const struct term *out;
	uint8_t *bytes;

	if (!bytes_of(t, &b) || !machine_charge(m, b.len / 64))
		return badarg(m);
	out = term_binary_new(m->arena, 2 * b.len, &bytes);
	for (size_t i = 0; out != NULL && i < b.len; i++) {
		bytes[2 * i] = (uint8_t)digits[b.base[i] >> 4];
		bytes[2 * i + 1] = (uint8_t)digits[b.base[i] & 15];
	}
	return out;
}

BUILTIN(encode_hex)
{
	return hex(m, args[0]);
}

const struct builtin builtins_binary[] = {
    {"at", 2, at},
    {"bin_to_list", 1, to_list},
    {"copy", 1, copy_1},
    {"copy", 2, copy_2},
    {"encode_hex", 1, encode_hex},
    {"first", 1, first},
    {"last", 1, last},
    {"list_to_bin", 1, from_list},
    {"match", 2, match},
    {"matches", 2, matches},
    {"part", 2, part_2},
    {"part", 3, part_3},
    {"replace", 3, replace_3},
    {"replace", 4, replace_4},
    {"split", 2, split_2},
    {"split", 3, split_3},
    {NULL, 0, NULL},
};

static const struct term *characters(struct machine *m, const struct term *t,
                                     const struct term *encoding, bool list)
{
	struct chars c;
	const bool latin1 = encoding != NULL && term_is_atom(encoding, "latin1");

	if (!text_chars(m, t, latin1 ? TEXT_LATIN1 : TEXT_UTF8, &c))
		return badarg(m);
	return list ? text_list(m, c.at, c.n) : text_binary(m, c.at, c.n);
}

BUILTIN(to_list_1)
{
	return characters(m, args[0], NULL, true);
}

BUILTIN(to_list_2)
{
	return characters(m, args[0], args[1], true);
}

BUILTIN(to_binary_1)
{
	return characters(m, args[0], NULL, false);
}

BUILTIN(to_binary_2)
{
	return characters(m, args[0], args[1], false);
}

/* Out as Latin-1, or as UTF-8 for any other name. */
BUILTIN(to_binary_3)
{
	struct chars c;
	const bool latin1 = term_is_atom(args[1], "latin1");
	const struct term *list;

	if (!text_chars(m, args[0], latin1 ? TEXT_LATIN1 : TEXT_UTF8, &c))
		return badarg(m);
	if (!term_is_atom(args[2], "latin1"))
		return text_binary(m, c.at, c.n);
	list = text_list(m, c.at, c.n);
	return list == NULL ? NULL : apply_function(m, "erlang", "list_to_binary", &list, 1);
}

const struct builtin builtins_unicode[] = {
    {"characters_to_binary", 1, to_binary_1}, {"characters_to_binary", 2, to_binary_2},
    {"characters_to_binary", 3, to_binary_3}, {"characters_to_list", 1, to_list_1},
    {"characters_to_list", 2, to_list_2},     {NULL, 0, NULL},
};
