/* Bits, as binaries are made of them. */
#ifndef EVAL_BITS_H
#define EVAL_BITS_H

#include "eval/machine.h"

struct bits_writer {
	struct buf bytes; /* the last byte filled from its high end */
	size_t n;         /* bits written */
};

void bits_writer_init(struct bits_writer *w);
void bits_writer_close(struct bits_writer *w);
const struct term *bits_writer_term(struct machine *m, struct bits_writer *w);

/* The first n bits of a binary. */
bool bits_append(struct machine *m, struct bits_writer *w, const struct term *t, size_t n);
/* n bits of bytes from a bit offset on. */
bool bits_put(struct machine *m, struct bits_writer *w, const uint8_t *bytes, size_t from,
              size_t n);

/* Copies n bits to the front of ret; the rest of its last byte is 0. */
void bits_copy(uint8_t *ret, const uint8_t *bytes, size_t from, size_t n);

/* Bits of a field whose size is given or implied. false with a signal, or, without one, when the
 * size is not a sensible number. */
bool bits_field_size(struct machine *m, const struct ast_segment *s, const struct binding **env,
                     size_t *ret);

/* IEEE 754 half precision. */
double bits_half_to_double(uint16_t half);
uint16_t bits_double_to_half(double v);

#endif
