#include "term/integer.h"

#include <assert.h>
#include <gmp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "term/repr.h"

_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t) && GMP_NAIL_BITS == 0,
               "limbs are exchanged with GMP as they lie in memory");

enum { BYTES_MAX = INTEGER_BITS_MAX / 8 };

/* A term as GMP sees it, without a copy. */
struct view {
	mpz_t z;
	mp_limb_t limb; /* magnitude of a small one */
};

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static void view_init(struct view *v, const struct term *t)
{
	assert(term_is_integer(t));
	if (t->type == TERM_BIG) {
		mp_size_t n = (mp_size_t)t->big.n;

		(void)mpz_roinit_n(v->z, (const mp_limb_t *)t->big.limbs, t->big.negative ? -n : n);
		return;
	}
	v->limb = magnitude(t->integer);
	(void)mpz_roinit_n(v->z, &v->limb, t->integer < 0 ? -1 : t->integer > 0);
}

static bool fits_int64(const mpz_t z)
{
	size_t bits = mpz_sizeinbase(z, 2);

	if (bits <= 63)
		return true;
	return bits == 64 && mpz_sgn(z) < 0 && mpz_scan1(z, 0) == 63;
}

static enum status settle(struct arena *a, const mpz_t z, const struct term **ret)
{
	const struct term *t;
	struct term_big big = {NULL, mpz_size(z), mpz_sgn(z) < 0};

	if (mpz_sizeinbase(z, 2) > INTEGER_BITS_MAX)
		return ST_LIMIT;
	if (fits_int64(z)) {
		uint64_t low = mpz_size(z) == 0 ? 0 : mpz_getlimbn(z, 0);

		t = term_int(a, (int64_t)(big.negative ? 0 - low : low));
	} else {
		big.limbs =
		    (uint64_t *)(void *)arena_copy(a, mpz_limbs_read(z), big.n * sizeof(mp_limb_t));
		t = big.limbs == NULL ? NULL : term_big(a, &big);
	}
	if (t == NULL)
		return ST_NOMEM;
	*ret = t;
	return ST_OK;
}

static enum status shift(mpz_t z, const mpz_t x, const struct term *count, bool left)
{
	int64_t n;

	if (count->type == TERM_BIG)
		n = count->big.negative ? -(int64_t)INTEGER_BITS_MAX - 1 : INTEGER_BITS_MAX + 1;
	else
		n = count->integer < -(int64_t)INTEGER_BITS_MAX ? -(int64_t)INTEGER_BITS_MAX - 1
		    : count->integer > INTEGER_BITS_MAX         ? INTEGER_BITS_MAX + 1
		                                                : count->integer;
	if (!left)
		n = -n;
	if (n <= 0)
		mpz_fdiv_q_2exp(z, x, (mp_bitcnt_t)-n);
	else if (mpz_sgn(x) == 0)
		mpz_set_ui(z, 0);
	else if (n > INTEGER_BITS_MAX)
		return ST_LIMIT;
	else
		mpz_mul_2exp(z, x, (mp_bitcnt_t)n);
	return ST_OK;
}

static enum status compute_big(mpz_t z, enum integer_op op, const mpz_t x, const mpz_t y)
{
	switch (op) {
	case INTEGER_ADD:
		mpz_add(z, x, y);
		return ST_OK;
	case INTEGER_SUB:
		mpz_sub(z, x, y);
		return ST_OK;
	case INTEGER_MUL:
		if (mpz_sizeinbase(x, 2) + mpz_sizeinbase(y, 2) > INTEGER_BITS_MAX + 1)
			return ST_LIMIT;
		mpz_mul(z, x, y);
		return ST_OK;
	case INTEGER_DIV:
		mpz_tdiv_q(z, x, y);
		return ST_OK;
	case INTEGER_REM:
		mpz_tdiv_r(z, x, y);
		return ST_OK;
	case INTEGER_AND:
		mpz_and(z, x, y);
		return ST_OK;
	case INTEGER_OR:
		mpz_ior(z, x, y);
		return ST_OK;
	case INTEGER_XOR:
		mpz_xor(z, x, y);
		return ST_OK;
	case INTEGER_SHIFT_LEFT:
	case INTEGER_SHIFT_RIGHT:
		break;
	}
	assert(false && "shifts are not computed here");
	return ST_INVALID;
}

/* The common case: two machine words whose result is one; false when GMP has to help. */
static bool compute_small(enum integer_op op, int64_t x, int64_t y, int64_t *ret)
{
	switch (op) {
	case INTEGER_ADD:
		return !__builtin_add_overflow(x, y, ret);
	case INTEGER_SUB:
		return !__builtin_sub_overflow(x, y, ret);
	case INTEGER_MUL:
		return !__builtin_mul_overflow(x, y, ret);
	case INTEGER_DIV:
		if (y == -1)
			return false; /* INT64_MIN has no opposite */
		*ret = x / y;
		return true;
	case INTEGER_REM:
		*ret = y == -1 ? 0 : x % y;
		return true;
	case INTEGER_AND:
		*ret = x & y;
		return true;
	case INTEGER_OR:
		*ret = x | y;
		return true;
	case INTEGER_XOR:
		*ret = x ^ y;
		return true;
	case INTEGER_SHIFT_LEFT:
	case INTEGER_SHIFT_RIGHT:
		break;
	}
	return false;
}

enum status integer_compute(struct arena *a, enum integer_op op, const struct term *x,
                            const struct term *y, const struct term **ret)
{
	const bool is_shift = op == INTEGER_SHIFT_LEFT || op == INTEGER_SHIFT_RIGHT;
	struct view vx;
	struct view vy;
	enum status st;
	int64_t small;
	mpz_t z;

	if ((op == INTEGER_DIV || op == INTEGER_REM) && integer_sign(y) == 0)
		return ST_INVALID;
	if (x->type == TERM_INT && y->type == TERM_INT &&
	    compute_small(op, x->integer, y->integer, &small)) {
		const struct term *t = term_int(a, small);

		if (t == NULL)
			return ST_NOMEM;
		*ret = t;
		return ST_OK;
	}
	view_init(&vx, x);
	view_init(&vy, y);
	mpz_init(z);
	st =
	    is_shift ? shift(z, vx.z, y, op == INTEGER_SHIFT_LEFT) : compute_big(z, op, vx.z, vy.z);
	if (st == ST_OK)
		st = settle(a, z, ret);
	mpz_clear(z);
	return st;
}

int integer_sign(const struct term *t)
{
	assert(term_is_integer(t));
	if (t->type == TERM_BIG)
		return t->big.negative ? -1 : 1;
	return (t->integer > 0) - (t->integer < 0);
}

enum status integer_to_double(const struct term *t, double *ret)
{
	double sum = 0;
	double weight = 1;

	if (t->type == TERM_INT) {
		*ret = (double)t->integer;
		return ST_OK;
	}
	assert(t->type == TERM_BIG);
	/* From the low end, as Erlang adds it up: the last bit comes out the same. */
	for (size_t i = 0; i < t->big.n; i++) {
		sum += (double)t->big.limbs[i] * weight;
		weight *= 18446744073709551616.0;
	}
	if (!isfinite(sum))
		return ST_LIMIT;
	*ret = t->big.negative ? -sum : sum;
	return ST_OK;
}

const struct term *integer_from_double(struct arena *a, double v)
{
	const struct term *t = NULL;
	mpz_t z;

	assert(isfinite(v));
	if (v > -9.2e18 && v < 9.2e18)
		return term_int(a, (int64_t)v);
	mpz_init_set_d(z, v);
	if (settle(a, z, &t) != ST_OK)
		t = NULL;
	mpz_clear(z);
	return t;
}

int integer_compare_double(const struct term *t, double v)
{
	struct view view;
	int order;

	view_init(&view, t);
	order = mpz_cmp_d(view.z, v);
	return (order > 0) - (order < 0);
}

static int compare_integers(const struct term *x, const struct term *y)
{
	struct view vx;
	struct view vy;

	if (x->type == TERM_INT && y->type == TERM_INT)
		return (x->integer > y->integer) - (x->integer < y->integer);
	view_init(&vx, x);
	view_init(&vy, y);
	return mpz_cmp(vx.z, vy.z);
}

int term_compare_numbers(const struct term *x, const struct term *y, bool exact)
{
	const bool x_real = x->type == TERM_FLOAT;
	const bool y_real = y->type == TERM_FLOAT;

	if (x_real && y_real)
		return (x->real > y->real) - (x->real < y->real);
	if (!x_real && !y_real)
		return compare_integers(x, y);
	if (exact)
		return x_real ? 1 : -1;
	return x_real ? -integer_compare_double(y, x->real) : integer_compare_double(x, y->real);
}

static bool digits_valid(const char *text, size_t len, unsigned base)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned digit = 99;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
			digit = (c | 0x20u) - 'a' + 10;
		if (digit >= base)
			return false;
	}
	return len > 0;
}

enum status integer_parse(struct arena *a, const char *text, size_t len, unsigned base,
                          const struct term **ret)
{
	bool negative = len > 0 && text[0] == '-';
	enum status st;
	char *copy;
	mpz_t z;

	assert(base >= 2 && base <= 36);
	if (len > 0 && (text[0] == '-' || text[0] == '+')) {
		text++;
		len--;
	}
	if (!digits_valid(text, len, base))
		return ST_INVALID;
	if (len > INTEGER_BITS_MAX)
		return ST_LIMIT;
	copy = strndup(text, len);
	if (copy == NULL)
		return ST_NOMEM;
	(void)mpz_init_set_str(z, copy, (int)base);
	free(copy);
	if (negative)
		mpz_neg(z, z);
	st = settle(a, z, ret);
	mpz_clear(z);
	return st;
}

void integer_print(struct buf *b, const struct term *t, unsigned base, bool lower)
{
	char small[72];
	struct view view;
	char *text = small;
	size_t len;

	assert(base >= 2 && base <= 36);
	view_init(&view, t);
	len = mpz_sizeinbase(view.z, (int)base) + 2;
	if (len > sizeof small)
		text = malloc(len);
	if (text == NULL) {
		b->st = b->st == ST_OK ? ST_NOMEM : b->st;
		return;
	}
	(void)mpz_get_str(text, lower ? (int)base : -(int)base, view.z);
	buf_bytes(b, text, strlen(text));
	if (text != small)
		free(text);
}

enum status integer_from_bytes(struct arena *a, const uint8_t *bytes, size_t len, bool negative,
                               const struct term **ret)
{
	enum status st;
	mpz_t z;

	while (len > 0 && bytes[len - 1] == 0)
		len--;
	if (len > BYTES_MAX)
		return ST_LIMIT;
	mpz_init(z);
	mpz_import(z, len, -1, 1, 0, 0, bytes);
	if (negative)
		mpz_neg(z, z);
	st = settle(a, z, ret);
	mpz_clear(z);
	return st;
}

size_t integer_byte_count(const struct term *t)
{
	struct view view;

	view_init(&view, t);
	return integer_sign(t) == 0 ? 0 : (mpz_sizeinbase(view.z, 2) + 7) / 8;
}

void integer_to_bytes(const struct term *t, uint8_t *ret)
{
	struct view view;

	view_init(&view, t);
	(void)mpz_export(ret, NULL, -1, 1, 0, 0, view.z);
}
