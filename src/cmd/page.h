/* Text for a person out of a node's JSON: at most 80 columns, colour where it is wanted. */
#ifndef CMD_PAGE_H
#define CMD_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { PAGE_WIDTH = 80 };

struct page {
	const json_t *status; /* borrowed: what the node said */
	struct buf *b;
	bool colour;
};

/* A field; "", 0 or false when it is not there. */
const char *page_text(const json_t *j, const char *key);
long long page_integer(const json_t *j, const char *key);
bool page_truth(const json_t *j, const char *key);

/* A span of milliseconds as a person reads it; "-" when it is not known. Returns ret. */
const char *page_span(const json_t *j, const char *key, char *ret, size_t cap);
const char *page_span_of(double ms, char *ret, size_t cap);

/* In this colour (of ISO 6429), where colour is wanted. */
void page_coloured(const struct page *p, const char *code, const char *s);
const char *page_state_colour(const char *state);

/* A sentence, broken into lines of at most 80 columns, each behind the indent. used: columns of
 * the first line that hold something already. */
void page_sentence(const struct page *p, const char *s, int indent, int used);

#endif
