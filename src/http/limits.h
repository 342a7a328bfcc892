/* Limits of HTTP, each with its reason. Times are those of a peer that is slow on purpose. */
#ifndef HTTP_LIMITS_H
#define HTTP_LIMITS_H

enum {
	HTTP_HEAD_MAX = 16 * 1024, /* request line and headers: browsers with cookies send 8 KiB */
	HTTP_HEADERS_MAX = 64,     /* of one request; curl sends 4, a browser 20 */
	HTTP_TARGET_MAX = 4096,    /* path and query; longer ones belong into a body */
	HTTP_BODY_MAX = 1024 * 1024, /* of a request, decoded */
	HTTP_CHUNK_LINE_MAX = 64,    /* a chunk's length in hexadecimal; extensions are refused */
	HTTP_READ_MAX = 64 * 1024,   /* taken in at once, and ahead of the request being answered */
	HTTP_OUT_MAX = 8 * 1024 * 1024, /* answers that were not taken: the largest, twice */
	HTTP_AHEAD_MAX = 64 * 1024,     /* ... with more than that no other one is made */

	HTTP_HEAD_US = 10 * 1000 * 1000, /* from a request's first byte to the end of its head */
	HTTP_BODY_US = 30 * 1000 * 1000, /* ... from there to the end of its body */
	HTTP_IDLE_US = 90 * 1000 * 1000, /* between requests: Prometheus asks every 15 to 60 s */
	HTTP_SEND_US = 10 * 1000 * 1000, /* an answer of which nothing is taken */
	HTTP_DRAIN_US = 1000 * 1000,     /* after the last answer, so that its peer gets it: a reset
	                                    connection would take it away */
};

#endif
