/* The leaves of printing, shared by print.c and pretty.c. */
#ifndef TERM_PRINT_H
#define TERM_PRINT_H

#include "term/term.h"

/* Any term that has no elements: numbers, atoms, identities, funs. */
void print_leaf(struct buf *b, const struct term *t, bool unicode);

/* One character of quoted text, escaped where Erlang does. quote is the closing character. */
void print_char(struct buf *b, uint32_t code, char quote, bool unicode);

/* <<1,2,3:4>>, at most max bytes and then "...", max 0 meaning all. */
void print_bytes(struct buf *b, const struct term *t, size_t max);

/* Printable in Latin-1, as ~p decides what is text. */
bool print_is_text(uint32_t code);

void print_code(struct buf *b, uint32_t code);

#endif
