/* A body in chunks, decoded strictly (RFC 9112, section 7.1): hexadecimal lengths, CR LF, no
 * extensions, no trailers. Nobody needs those, and lenient readers of them let requests be
 * smuggled. */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum http_chunk_state {
	CHUNK_LENGTH, /* its line has not ended */
	CHUNK_DATA,   /* left bytes of it are missing */
	CHUNK_END,    /* the CR LF behind it */
	CHUNK_LAST,   /* the empty line behind the last one */
	CHUNK_DONE,
};

struct http_chunked {
	enum http_chunk_state state;
	size_t left; /* CHUNK_DATA */
};

/* Decode what there is, append it to body, and tell how many bytes were used. ST_OK: the body has
 * ended; ST_AGAIN: more is needed; ST_MALFORMED; ST_LIMIT: longer than body may be. */
CHECKED enum status http_chunked_take(struct http_chunked *c, const uint8_t *bytes, size_t len,
                                      struct buf *body, size_t *ret_used);

#endif
