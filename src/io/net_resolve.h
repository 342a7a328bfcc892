/* Names to IPv4 addresses, afresh at each call (an address may change).
 *
 * Numeric addresses need no resolver. Real nodes use IPv4 unless told otherwise, and so do we. */
#ifndef IO_NET_RESOLVE_H
#define IO_NET_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/status.h"

struct uv_loop_s;
struct net_resolve;

/* address is NULL when there is none. */
typedef void (*net_resolve_cb)(void *arg, const struct sockaddr_in *address);

/* Whether host is numeric; then *ret is its address, else it is untouched: a caller may keep the
 * last answer of the resolver there. */
bool net_resolve_numeric(const char *host, struct sockaddr_in *ret);
/* Ask the resolver. cb comes later, unless cancelled. */
CHECKED enum status net_resolve_start(struct uv_loop_s *loop, const char *host, net_resolve_cb cb,
                                      void *arg, struct net_resolve **ret);
/* The answer is no longer wanted; cb will not be called, and nothing waits for the resolver. */
void net_resolve_cancel(struct net_resolve *r);

#endif
