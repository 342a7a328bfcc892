/* Floats as decimal text with a given number of digits, rounded as Erlang rounds them. */
#ifndef EVAL_DECIMAL_H
#define EVAL_DECIMAL_H

#include <stdbool.h>

#include "base/buf.h"

/* float_to_list(V, [{decimals, N}]). */
void decimal_plain(struct buf *b, double v, int decimals);

/* io_lib's ~.Nf: N digits behind the point. */
void decimal_fixed(struct buf *b, double v, int decimals);

/* io_lib's ~.Ne: N digits in all. */
void decimal_scientific(struct buf *b, double v, int digits);

#endif
