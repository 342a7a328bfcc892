/* <<...>> = Value: taking binaries apart. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "eval/bits.h"
#include "term/integer.h"

/* A binary while it is taken apart. */
struct reader {
	const struct term *value;
	const uint8_t *bytes;
	size_t at;   /* next bit */
	size_t size; /* bits */
};

static const struct term *take_bits(struct machine *m, struct reader *r, size_t n)
{
	size_t len = (n + 7) / 8;
	uint8_t *bytes;
	const struct term *t;

	if (!machine_charge(m, 1 + n / 256))
		return NULL;
	if (r->at % 8 == 0) {
		t = term_bitstring(m->arena, r->bytes + r->at / 8, n);
	} else {
		bytes = arena_alloc(m->arena, len + 1);
		if (bytes == NULL)
			return machine_limit(m, NULL);
		bits_copy(bytes, r->bytes, r->at, n);
		t = term_bitstring(m->arena, bytes, n);
	}
	r->at += n;
	return t == NULL ? machine_limit(m, NULL) : t;
}

/* n bits, least significant byte first. */
static void read_little(const struct reader *r, size_t n, bool little, uint8_t *bytes)
{
	const size_t len = (n + 7) / 8;
	const size_t part = n % 8;

	memset(bytes, 0, len);
	if (little) {
		bits_copy(bytes, r->bytes, r->at, n);
		if (part != 0)
			bytes[len - 1] = (uint8_t)(bytes[len - 1] >> (8 - part));
		return;
	}
	/* From the low end, a byte at a time. */
	for (size_t i = 0; i < len; i++) {
		size_t width = i + 1 < len || part == 0 ? 8 : part;
		uint8_t byte = 0;

		bits_copy(&byte, r->bytes, r->at + n - 8 * i - width, width);
		bytes[i] = (uint8_t)(byte >> (8 - width));
	}
}

static const struct term *take_integer(struct machine *m, struct reader *r, size_t n,
                                       const struct ast_segment *s)
{
	const size_t len = (n + 7) / 8;
	uint8_t *bytes = arena_alloc(m->arena, len + 1);
	const struct term *t = NULL;
	bool negative = false;

	if (bytes == NULL || !machine_charge(m, 1 + n / 256))
		return machine_limit(m, NULL);
	read_little(r, n, s->little, bytes);
	r->at += n;
	if (s->is_signed && n > 0)
		negative = bytes[len - 1] >> ((n - 1) % 8) & 1;
	if (negative) {
		unsigned carry = 1;

		if (n % 8 != 0)
			bytes[len - 1] |= (uint8_t)(0xff << (n % 8));
		for (size_t i = 0; i < len; i++) {
			unsigned sum = (uint8_t)~bytes[i] + carry;

			bytes[i] = (uint8_t)sum;
			carry = sum >> 8;
		}
	}
	if (integer_from_bytes(m->arena, bytes, len, negative, &t) != ST_OK)
		return machine_limit(m, NULL);
	return t;
}

/* A float, or NULL without a signal: the bits are none. */
static const struct term *take_float(struct machine *m, struct reader *r, size_t n, bool little)
{
	uint8_t bytes[8];
	uint64_t bits = 0;
	double v;

	if (n != 64 && n != 32 && n != 16)
		return NULL;
	bits_copy(bytes, r->bytes, r->at, n);
	r->at += n;
	for (size_t i = 0; i < n / 8; i++)
		bits = bits << 8 | bytes[little ? n / 8 - 1 - i : i];
	if (n == 64) {
		memcpy(&v, &bits, sizeof v);
	} else if (n == 32) {
		uint32_t word = (uint32_t)bits;
		float single;

		memcpy(&single, &word, sizeof single);
		v = (double)single;
	} else {
		v = bits_half_to_double((uint16_t)bits);
	}
	if (!isfinite(v))
		return NULL;
	return term_float(m->arena, v);
}

static const struct term *take_utf8(struct machine *m, struct reader *r)
{
	uint8_t bytes[4] = {0};
	size_t left = (r->size - r->at) / 8;
	size_t width;
	uint32_t code;

	if (left > 4)
		left = 4;
	bits_copy(bytes, r->bytes, r->at, left * 8);
	width = utf8_read(bytes, left, &code);
	r->at += width * 8;
	return width == 0 ? NULL : term_int(m->arena, code);
}

static bool take_unit(struct reader *r, size_t n, bool little, uint32_t *ret)
{
	uint8_t bytes[4];
	uint32_t v = 0;

	if (r->size - r->at < n)
		return false;
	bits_copy(bytes, r->bytes, r->at, n);
	r->at += n;
	for (size_t i = 0; i < n / 8; i++)
		v = v << 8 | bytes[little ? n / 8 - 1 - i : i];
	*ret = v;
	return true;
}

static const struct term *take_unicode(struct machine *m, struct reader *r,
                                       const struct ast_segment *s)
{
	uint32_t code;
	uint32_t low;

	if (s->type == SEGMENT_UTF8)
		return take_utf8(m, r);
	if (!take_unit(r, s->type == SEGMENT_UTF16 ? 16 : 32, s->little, &code))
		return NULL;
	if (s->type == SEGMENT_UTF16 && code >= 0xd800 && code < 0xdc00) {
		if (!take_unit(r, 16, s->little, &low) || low < 0xdc00 || low > 0xdfff)
			return NULL;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return utf8_is_code_point(code) ? term_int(m->arena, code) : NULL;
}

/* The value of the next field, or NULL: with a signal, or because the bits do not fit. */
static const struct term *take(struct machine *m, struct reader *r, const struct ast_segment *s,
                               bool last, const struct binding **env)
{
	const size_t left = r->size - r->at;
	size_t n;

	if (s->type >= SEGMENT_UTF8)
		return take_unicode(m, r, s);
	if (s->type == SEGMENT_BINARY && s->size == NULL) {
		if (!last || left % s->unit != 0)
			return NULL;
		return take_bits(m, r, left);
	}
	if (!bits_field_size(m, s, env, &n) || n > left)
		return NULL;
	if (s->type == SEGMENT_BINARY)
		return take_bits(m, r, n);
	return s->type == SEGMENT_FLOAT ? take_float(m, r, n, s->little) : take_integer(m, r, n, s);
}

static enum match match_text(struct machine *m, struct reader *r, const struct ast_segment *s,
                             const struct binding **env)
{
	const struct term *c = s->value->value;

	for (; term_type(c) == TERM_CONS; c = term_tail(c)) {
		const struct term *t = take(m, r, s, false, env);

		if (t == NULL)
			return m->signal == SIGNAL_NONE ? MATCH_NO : MATCH_FAILED;
		if (term_compare(t, term_head(c), true) != 0)
			return MATCH_NO;
	}
	return MATCH_YES;
}

static enum match match_field(struct machine *m, struct reader *r, const struct ast_segment *s,
                              bool last, const struct binding **env, const struct binding *barrier)
{
	const struct term *t;

	if (s->value->kind == AST_LITERAL && term_is_list(s->value->value))
		return match_text(m, r, s, env);
	t = take(m, r, s, last, env);
	if (t == NULL)
		return m->signal == SIGNAL_NONE ? MATCH_NO : MATCH_FAILED;
	return match_pattern(m, s->value, t, env, barrier);
}

static enum match match_fields(struct machine *m, const struct ast *pattern, struct reader *r,
                               const struct binding **env, const struct binding *barrier)
{
	enum match result = MATCH_YES;

	for (size_t i = 0; i < pattern->n_items && result == MATCH_YES; i++)
		result = match_field(m, r, &pattern->segments[i], i + 1 == pattern->n_items, env,
		                     barrier);
	return result;
}

enum match bits_match(struct machine *m, const struct ast *pattern, const struct term *value,
                      const struct binding **env, const struct binding *barrier)
{
	struct reader r = {value, NULL, 0, 0};
	enum match result;

	if (term_type(value) != TERM_BINARY)
		return MATCH_NO;
	r.bytes = term_binary_bytes(value).base;
	r.size = term_bit_size(value);
	result = match_fields(m, pattern, &r, env, barrier);
	if (result == MATCH_YES && r.at != r.size)
		return MATCH_NO;
	return result;
}

/* Bits that a pattern takes whatever its values; false when that is not known beforehand. */
static bool fixed_size(struct machine *m, const struct ast *pattern, const struct binding *env,
                       size_t *ret)
{
	size_t sum = 0;

	for (size_t i = 0; i < pattern->n_items; i++) {
		const struct ast_segment *s = &pattern->segments[i];
		size_t times = 1;
		size_t n;

		if (s->type >= SEGMENT_UTF8 || (s->type == SEGMENT_BINARY && s->size == NULL))
			return false;
		if (s->size != NULL && s->size->kind != AST_LITERAL)
			return false;
		if (s->value->kind == AST_LITERAL && term_is_list(s->value->value))
			times = (size_t)term_length(s->value->value);
		if (!bits_field_size(m, s, &env, &n))
			return false;
		sum += n * times;
	}
	*ret = sum;
	return true;
}

enum match bits_match_at(struct machine *m, const struct ast *pattern, const struct term *value,
                         size_t *at, const struct binding **env, const struct binding *barrier)
{
	struct reader r = {value, term_binary_bytes(value).base, *at, term_bit_size(value)};
	enum match result = match_fields(m, pattern, &r, env, barrier);
	size_t size;

	if (result == MATCH_YES)
		*at = r.at;
	else if (result == MATCH_NO && fixed_size(m, pattern, *env, &size) && size <= r.size - *at)
		*at += size; /* a field differs: Erlang goes on behind it */
	return m->signal == SIGNAL_NONE ? result : MATCH_FAILED;
}
