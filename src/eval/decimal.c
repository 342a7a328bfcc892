#include "eval/decimal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* io_lib starts from 20 digits behind the point, so that is where its rounding starts, too. */
enum { DIGITS = 21 };

struct decimal {
	char digits[DIGITS + 1]; /* d.ddd... without the point */
	int exponent;
	bool negative;
};

static void decimal_of(double v, struct decimal *ret)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%.*e", DIGITS - 1, fabs(v));
	ret->digits[0] = text[0];
	memcpy(ret->digits + 1, text + 2, DIGITS - 1);
	ret->digits[DIGITS] = '\0';
	ret->exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	ret->negative = v < 0;
}

/* Keep so many digits, rounding half up; those dropped become 0. */
static void round_to(struct decimal *d, int keep)
{
	bool up;

	if (keep >= DIGITS)
		return;
	if (keep < 0) {
		memset(d->digits, '0', DIGITS);
		return;
	}
	up = d->digits[keep] >= '5';
	memset(d->digits + keep, '0', (size_t)(DIGITS - keep));
	if (!up)
		return;
	for (int i = keep - 1; i >= 0; i--) {
		if (d->digits[i] != '9') {
			d->digits[i]++;
			return;
		}
		d->digits[i] = '0';
	}
	memmove(d->digits + 1, d->digits, DIGITS - 1);
	d->digits[0] = '1';
	d->exponent++;
}

void decimal_fixed(struct buf *b, double v, int decimals)
{
	struct decimal d;

	decimal_of(v, &d);
	round_to(&d, d.exponent + 1 + decimals);
	if (d.negative)
		buf_u8(b, '-');
	if (d.exponent < 0)
		buf_u8(b, '0');
	for (int i = 0; i <= d.exponent; i++)
		buf_u8(b, i < DIGITS ? (uint8_t)d.digits[i] : '0');
	buf_u8(b, '.');
	for (int i = d.exponent + 1; i <= d.exponent + decimals; i++)
		buf_u8(b, i >= 0 && i < DIGITS ? (uint8_t)d.digits[i] : '0');
}

void decimal_scientific(struct buf *b, double v, int digits)
{
	struct decimal d;

	assert(digits >= 2);
	decimal_of(v, &d);
	round_to(&d, digits);
	buf_printf(b, "%s%c.", d.negative ? "-" : "", d.digits[0]);
	for (int i = 1; i < digits; i++)
		buf_u8(b, i < DIGITS ? (uint8_t)d.digits[i] : '0');
	buf_printf(b, "e%+d", d.exponent);
}

void decimal_plain(struct buf *b, double v, int decimals)
{
	const double exact_below = 9007199254740992.0; /* 2^53: larger ones have no fraction */
	const int scaled_max = 15;                     /* 10^15 times a fraction still is exact */
	double scale = 1;
	double whole;
	double fraction;

	if (fabs(v) >= exact_below || decimals > scaled_max) {
		buf_printf(b, "%.*f", decimals, v);
		return;
	}
	for (int i = 0; i < decimals; i++)
		scale *= 10;
	fraction = floor(modf(fabs(v), &whole) * scale + 0.5);
	if (fraction >= scale) {
		fraction -= scale;
		whole += 1;
	}
	buf_printf(b, "%s%.0f", signbit(v) ? "-" : "", whole);
	if (decimals > 0)
		buf_printf(b, ".%0*.0f", decimals, fraction);
}
