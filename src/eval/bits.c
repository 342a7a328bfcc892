/* <<...>>: making binaries. */
#include "eval/bits.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "eval/limits.h"
#include "term/integer.h"

void bits_writer_init(struct bits_writer *w)
{
	buf_init(&w->bytes, EVAL_BITS_MAX / 8 + 1);
	w->n = 0;
}

void bits_writer_close(struct bits_writer *w)
{
	buf_close(&w->bytes);
}

const struct term *bits_writer_term(struct machine *m, struct bits_writer *w)
{
	static const uint8_t none[1];

	if (buf_status(&w->bytes) != ST_OK)
		return machine_limit(m, NULL);
	return term_bitstring(m->arena, w->bytes.base == NULL ? none : w->bytes.base, w->n);
}

void bits_copy(uint8_t *ret, const uint8_t *bytes, size_t from, size_t n)
{
	const unsigned shift = from % 8;
	const size_t len = (n + 7) / 8;

	if (n == 0)
		return;
	bytes += from / 8;
	if (shift == 0) {
		memcpy(ret, bytes, len);
	} else {
		for (size_t i = 0; i < len; i++) {
			unsigned next = shift + n > 8 * (i + 1) ? bytes[i + 1] : 0;

			ret[i] = (uint8_t)((unsigned)bytes[i] << shift | next >> (8 - shift));
		}
	}
	if (n % 8 != 0)
		ret[len - 1] &= (uint8_t)(0xff00u >> (n % 8));
}

bool bits_put(struct machine *m, struct bits_writer *w, const uint8_t *bytes, size_t from, size_t n)
{
	const size_t used = w->n % 8;
	size_t taken = 0;
	uint8_t *at;

	if (!machine_charge(m, 1 + n / 256))
		return false;
	if (used > 0 && n > 0) {
		uint8_t first = 0;

		taken = n < 8 - used ? n : 8 - used;
		bits_copy(&first, bytes, from, taken);
		w->bytes.base[w->bytes.len - 1] |= (uint8_t)(first >> used);
	}
	if (n > taken) {
		at = buf_extend(&w->bytes, (n - taken + 7) / 8);
		if (at == NULL) {
			(void)machine_limit(m, NULL);
			return false;
		}
		bits_copy(at, bytes, from + taken, n - taken);
	}
	w->n += n;
	return true;
}

bool bits_append(struct machine *m, struct bits_writer *w, const struct term *t, size_t n)
{
	assert(n <= term_bit_size(t));
	return bits_put(m, w, term_binary_bytes(t).base, 0, n);
}

bool bits_field_size(struct machine *m, const struct ast_segment *s, const struct binding **env,
                     size_t *ret)
{
	const struct term *t;
	int64_t size;

	if (s->size == NULL) {
		*ret = s->type == SEGMENT_FLOAT ? 64 : 8;
		return true;
	}
	t = machine_eval(m, s->size, env, false);
	if (t == NULL)
		return false;
	if (term_type(t) != TERM_INT)
		return false;
	size = term_int_value(t);
	if (size < 0)
		return false;
	if (size > EVAL_BITS_MAX / (int64_t)s->unit) {
		(void)machine_limit(m, "a binary is too large");
		return false;
	}
	*ret = (size_t)size * s->unit;
	return true;
}

static bool badarg(struct machine *m)
{
	(void)machine_error_atom(m, "badarg");
	return false;
}

/* The low n bits in two's complement, least significant byte first. */
static void to_little(const struct term *v, uint8_t *bytes, size_t len, uint8_t *magnitude)
{
	const size_t count = integer_byte_count(v);
	unsigned carry = 1;

	integer_to_bytes(v, magnitude);
	memset(bytes, 0, len);
	memcpy(bytes, magnitude, count < len ? count : len);
	if (integer_sign(v) >= 0)
		return;
	for (size_t i = 0; i < len; i++) {
		unsigned sum = (uint8_t)~bytes[i] + carry;

		bytes[i] = (uint8_t)sum;
		carry = sum >> 8;
	}
}

static void reverse(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		uint8_t b = bytes[i];

		bytes[i] = bytes[len - 1 - i];
		bytes[len - 1 - i] = b;
	}
}

static bool put_integer(struct machine *m, struct bits_writer *w, const struct term *v, size_t n,
                        bool little)
{
	const size_t len = (n + 7) / 8;
	const size_t part = n % 8;
	uint8_t *magnitude;
	uint8_t *bytes;

	if (!term_is_integer(v))
		return badarg(m);
	if (n == 0)
		return true;
	bytes = arena_alloc(m->arena, len);
	magnitude = arena_alloc(m->arena, integer_byte_count(v) + 1);
	if (bytes == NULL || magnitude == NULL) {
		(void)machine_limit(m, NULL);
		return false;
	}
	to_little(v, bytes, len, magnitude);
	if (little)
		return bits_put(m, w, bytes, 0, n - part) &&
		       (part == 0 || bits_put(m, w, &bytes[len - 1], 8 - part, part));
	reverse(bytes, len);
	return bits_put(m, w, bytes, 8 * len - n, n);
}

double bits_half_to_double(uint16_t half)
{
	const int exponent = half >> 10 & 0x1f;
	const double mantissa = half & 0x3ff;
	const double sign = half & 0x8000 ? -1 : 1;

	if (exponent == 0)
		return sign * ldexp(mantissa, -24);
	if (exponent == 31)
		return sign * (mantissa > 0 ? NAN : INFINITY);
	return sign * ldexp(mantissa + 1024, exponent - 25);
}

uint16_t bits_double_to_half(double v)
{
	const unsigned sign = signbit(v) ? 0x8000 : 0;
	int exponent;
	double fraction = frexp(fabs(v), &exponent);

	if (v == 0)
		return (uint16_t)sign;
	if (exponent > 16)
		return (uint16_t)(sign | 0x7c00);
	if (exponent < -13)
		return (uint16_t)(sign | (unsigned)nearbyint(ldexp(fabs(v), 24)));
	return (uint16_t)(sign | (((unsigned)(exponent + 13) << 10) +
	                          (unsigned)nearbyint(ldexp(fraction, 11))));
}

static bool put_float(struct machine *m, struct bits_writer *w, const struct term *t, size_t n,
                      bool little)
{
	uint8_t bytes[8];
	uint64_t bits;
	double v = 0;
	float single;

	if (term_type(t) == TERM_FLOAT)
		v = term_float_value(t);
	else if (!term_is_integer(t) || integer_to_double(t, &v) != ST_OK)
		return badarg(m);
	if (n == 64) {
		memcpy(&bits, &v, sizeof bits);
	} else if (n == 32) {
		uint32_t word;

		single = (float)v;
		if (!isfinite(single))
			return badarg(m);
		memcpy(&word, &single, sizeof word);
		bits = word;
	} else if (n == 16) {
		bits = bits_double_to_half(v);
		if ((bits & 0x7c00) == 0x7c00)
			return badarg(m);
	} else {
		return badarg(m);
	}
	for (size_t i = 0; i < n / 8; i++)
		bytes[i] = (uint8_t)(bits >> (n - 8 - 8 * i));
	if (little)
		reverse(bytes, n / 8);
	return bits_put(m, w, bytes, 0, n);
}

static bool put_unicode(struct machine *m, struct bits_writer *w, const struct term *t,
                        const struct ast_segment *s)
{
	uint8_t bytes[4];
	uint32_t code;
	size_t len = 4;

	if (term_type(t) != TERM_INT || !utf8_is_code_point(term_int_value(t)))
		return badarg(m);
	code = (uint32_t)term_int_value(t);
	if (s->type == SEGMENT_UTF8)
		return bits_put(m, w, bytes, 0, 8 * utf8_write(bytes, code));
	if (s->type == SEGMENT_UTF16 && code > 0xffff) {
		uint32_t pair = (0xd800 + ((code - 0x10000) >> 10)) << 16 |
		                (0xdc00 + ((code - 0x10000) & 0x3ff));

		for (size_t i = 0; i < 4; i++)
			bytes[i] = (uint8_t)(pair >> (24 - 8 * i));
		if (s->little) {
			reverse(bytes, 2);
			reverse(bytes + 2, 2);
		}
		return bits_put(m, w, bytes, 0, 32);
	}
	if (s->type == SEGMENT_UTF16)
		len = 2;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(code >> (8 * (len - 1 - i)));
	if (s->little)
		reverse(bytes, len);
	return bits_put(m, w, bytes, 0, 8 * len);
}

static bool put_binary(struct machine *m, struct bits_writer *w, const struct term *t,
                       const struct ast_segment *s, const struct binding **env)
{
	size_t n;

	if (term_type(t) != TERM_BINARY)
		return badarg(m);
	n = term_bit_size(t);
	if (s->size != NULL) {
		size_t wanted;

		if (!bits_field_size(m, s, env, &wanted) || wanted > n)
			return badarg(m);
		n = wanted;
	} else if (n % s->unit != 0) {
		return badarg(m);
	}
	return bits_append(m, w, t, n);
}

static bool put_value(struct machine *m, struct bits_writer *w, const struct term *t,
                      const struct ast_segment *s, const struct binding **env)
{
	size_t n;

	switch (s->type) {
	case SEGMENT_BINARY:
		return put_binary(m, w, t, s, env);
	case SEGMENT_UTF8:
	case SEGMENT_UTF16:
	case SEGMENT_UTF32:
		return put_unicode(m, w, t, s);
	case SEGMENT_INTEGER:
	case SEGMENT_FLOAT:
		break;
	}
	if (!bits_field_size(m, s, env, &n))
		return badarg(m);
	if (s->type == SEGMENT_FLOAT)
		return put_float(m, w, t, n, s->little);
	return put_integer(m, w, t, n, s->little);
}

static bool put_segment(struct machine *m, struct bits_writer *w, const struct ast_segment *s,
                        const struct binding **env)
{
	const struct ast *x = s->value;
	const struct term *t;

	if (x->kind != AST_LITERAL || !term_is_list(x->value)) {
		t = machine_eval(m, x, env, false);
		return t != NULL && put_value(m, w, t, s, env);
	}
	/* <<"text":16>> is <<$t:16, $e:16, ...>>. */
	for (t = x->value; term_type(t) == TERM_CONS; t = term_tail(t)) {
		if (!put_value(m, w, term_head(t), s, env))
			return false;
	}
	return true;
}

const struct term *bits_construct(struct machine *m, const struct ast *x,
                                  const struct binding **env)
{
	struct bits_writer w;
	const struct term *t = NULL;
	bool ok = true;

	bits_writer_init(&w);
	for (size_t i = 0; ok && i < x->n_items; i++)
		ok = put_segment(m, &w, &x->segments[i], env);
	if (ok)
		t = bits_writer_term(m, &w);
	bits_writer_close(&w);
	return t;
}
