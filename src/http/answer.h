/* Answers of HTTP/1.1, whole ones. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct http_answer {
	unsigned code;
	const char *type;    /* of the body */
	const char *headers; /* further ones, each with its CR LF; NULL: none */
	const void *body;    /* borrowed */
	size_t len;          /* of the body */
	int64_t wall_s;      /* seconds since 1970, for Date; 0: not told */
};

/* Append head and body to b. bare: the body is left out, as HEAD wants it. */
void http_answer_put(struct buf *b, const struct http_answer *a, bool bare, bool keep_alive);

/* The phrase of a status code; static, never NULL. */
const char *http_reason(unsigned code);

#endif
