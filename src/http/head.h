/* The seam to the parsing library: the head of one HTTP/1.1 request, strictly (RFC 9112).
 *
 * head.c alone includes http_parser.h, which nobody maintains any more; llhttp could replace it
 * there. What the library is lenient about, or only strict about when built so, is refused before
 * it is asked: bare CR and LF, folded headers, control characters, blanks in or after names.
 * Framing of bodies is decided here, not by the library: one Content-Length of digits, or
 * "chunked" as the only coding, never both.
 *
 * What it is not: no bodies (conn.h), no meaning of methods and headers beyond framing. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "http/limits.h"

/* A piece of the head: not ended by a NUL, the caller's bytes. */
struct http_text {
	const char *at;
	size_t len;
};

struct http_header {
	struct http_text name;
	struct http_text value; /* without blanks around it */
};

enum http_verb { VERB_GET, VERB_HEAD, VERB_POST, VERB_DELETE, VERB_OPTIONS, VERB_OTHER };

struct http_head {
	enum http_verb verb;
	struct http_text path;  /* as sent, %-escapes included; begins with a slash */
	struct http_text query; /* behind the question mark; empty: none */
	bool keep_alive;        /* the connection may serve another request */
	bool chunked;           /* a body follows in chunks */
	bool expects;           /* the peer waits for "100 Continue" before it sends the body */
	uint64_t length;        /* of the body, unless chunked */
	size_t n_headers;
	struct http_header headers[HTTP_HEADERS_MAX];
};

/* Why a head is refused: the status to answer, and the rule in words. */
struct http_refusal {
	unsigned code; /* 400, 413, 414, 417, 431, 501, 505 */
	const char *what;
};

/* Length of the head at the front, its empty line included. ST_AGAIN: its end is not there yet;
 * ST_MALFORMED: it breaks a rule of lines, ST_LIMIT: it is too long, both with *refusal. So many
 * bytes as `known` were all there were in an earlier call. */
CHECKED enum status http_head_length(const uint8_t *bytes, size_t len, size_t known, size_t *ret,
                                     struct http_refusal *refusal);

/* Read one whole head. ST_MALFORMED with *refusal. Borrows bytes for as long as *ret lives. */
CHECKED enum status http_head_parse(const uint8_t *bytes, size_t len, struct http_head *ret,
                                    struct http_refusal *refusal);

/* The value of a header, by its name in any case; NULL: there is none. */
const struct http_text *http_header(const struct http_head *h, const char *name);
bool http_text_is(const struct http_text *t, const char *word);   /* exactly */
bool http_text_like(const struct http_text *t, const char *word); /* in any case */
/* Whether a comma-separated list holds word, in any case. */
bool http_list_holds(const struct http_text *list, const char *word);

#endif
