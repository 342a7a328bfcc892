/* Integers of any size up to a limit, and their way from and to floats and text.
 *
 * GMP does the arithmetic. Its temporaries come from malloc() and it aborts the process when
 * there is none left; INTEGER_BITS_MAX keeps them below some 16 KiB each. */
#ifndef TERM_INTEGER_H
#define TERM_INTEGER_H

#include "term/term.h"

/* Magnitudes beyond this are refused: enough for any key or counter, and a product of two such
 * numbers still takes microseconds. */
enum { INTEGER_BITS_MAX = 65536 };

enum integer_op {
	INTEGER_ADD,
	INTEGER_SUB,
	INTEGER_MUL,
	INTEGER_DIV, /* towards zero, as Erlang's div */
	INTEGER_REM,
	INTEGER_AND,
	INTEGER_OR,
	INTEGER_XOR,
	INTEGER_SHIFT_LEFT, /* negative counts shift right, and the other way round */
	INTEGER_SHIFT_RIGHT,
};

/* ST_INVALID: division by zero. ST_LIMIT: the result is too large. ST_NOMEM: arena exhausted. */
CHECKED enum status integer_compute(struct arena *a, enum integer_op op, const struct term *x,
                                    const struct term *y, const struct term **ret);

/* -1, 0 or 1. */
int integer_sign(const struct term *t);

/* The nearest float; ST_LIMIT when it is beyond the largest one. */
CHECKED enum status integer_to_double(const struct term *t, double *ret);

/* The float's whole part. */
const struct term *integer_from_double(struct arena *a, double v);

/* -1, 0 or 1: how an integer compares to a float, without rounding either. */
int integer_compare_double(const struct term *t, double v);

/* Digits in base 2..36 with an optional sign. ST_INVALID: no such number. */
CHECKED enum status integer_parse(struct arena *a, const char *text, size_t len, unsigned base,
                                  const struct term **ret);

/* In base 2..36; letters in upper case unless lower. */
void integer_print(struct buf *b, const struct term *t, unsigned base, bool lower);

/* len bytes of magnitude, least significant first. ST_LIMIT: too large. */
CHECKED enum status integer_from_bytes(struct arena *a, const uint8_t *bytes, size_t len,
                                       bool negative, const struct term **ret);

/* Bytes of the magnitude: how many, and their value, least significant first. */
size_t integer_byte_count(const struct term *t);
void integer_to_bytes(const struct term *t, uint8_t *ret);

#endif
