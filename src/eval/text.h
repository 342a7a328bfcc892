/* Text as Erlang passes it: lists of characters, binaries, and lists of both. */
#ifndef EVAL_TEXT_H
#define EVAL_TEXT_H

#include "eval/machine.h"

struct chars {
	uint32_t *at; /* in the arena of the run */
	size_t n;
	size_t cap;
};

enum text_encoding { TEXT_LATIN1, TEXT_UTF8 };

/* Characters of t, binaries in it being in that encoding. false: t is no such text, or there was
 * a signal. */
bool text_chars(struct machine *m, const struct term *t, enum text_encoding binaries,
                struct chars *ret);
bool text_push(struct machine *m, struct chars *c, uint32_t code);

const struct term *text_list(struct machine *m, const uint32_t *at, size_t n);
const struct term *text_binary(struct machine *m, const uint32_t *at, size_t n);

/* Bytes of an iolist appended to out. false: t is none, or there was a signal. */
bool text_bytes(struct machine *m, const struct term *t, struct buf *out);

/* A list of the code points of UTF-8 text. */
const struct term *text_from_utf8(struct machine *m, const void *text, size_t len);

#endif
