/* One question to an EPMD: connect, ask, read the answer. */
#ifndef IO_EPMD_QUERY_H
#define IO_EPMD_QUERY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/epmd.h"

struct uv_loop_s;
struct epmd_query;

/* The answer's bytes, borrowed; NULL and why when there is none. For PORT2 the bytes end with
 * the answer, for NAMES with the connection. */
typedef void (*epmd_query_cb)(void *arg, const uint8_t *bytes, size_t len, const char *why);

CHECKED enum status epmd_query_start(struct uv_loop_s *loop, const struct sockaddr_in *address,
                                     const struct epmd_request *request, epmd_query_cb cb,
                                     void *arg, struct epmd_query **ret);
/* Whether EPMD's host is reached: what is missing is only the answer. */
bool epmd_query_connected(const struct epmd_query *q);
/* The answer is no longer wanted: cb will not be called. Also how a deadline is kept. */
void epmd_query_cancel(struct epmd_query *q);

#endif
