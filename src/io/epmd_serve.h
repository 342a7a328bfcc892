/* EPMD's sockets: serves the protocol of dist/epmd.h on one port, in a node or alone. */
#ifndef IO_EPMD_SERVE_H
#define IO_EPMD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/epmd.h"

struct uv_loop_s;
struct epmd_serve;

/* Listen on all addresses. ST_EXISTS: somebody else does. quit_cb comes when a KILL is obeyed
 * (only with may_stop). */
CHECKED enum status epmd_serve_open(struct uv_loop_s *loop, uint16_t port, bool may_stop,
                                    void (*quit_cb)(void *arg), void *arg, struct epmd_serve **ret);
/* Close everything; closed_cb (or NULL) comes when the memory is free. */
void epmd_serve_close(struct epmd_serve *s, void (*closed_cb)(void *arg), void *arg);
/* Register a node that lives in this very process. ST_EXISTS: the name is taken. */
CHECKED enum status epmd_serve_register(struct epmd_serve *s, const struct epmd_node *node);

#endif
