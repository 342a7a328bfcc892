/* Keeps one node's name known at the host's EPMD, for ever.
 *
 *     asking ──registered──► registered ──it died──► asking
 *       │  ▲
 *       │  └──────────── port taken meanwhile
 *       └──nobody answers──► serving the protocol ourselves, until closed */
#ifndef IO_EPMD_REGISTER_H
#define IO_EPMD_REGISTER_H

#include <stdint.h>

#include "base/status.h"
#include "dist/epmd.h"

struct uv_loop_s;
struct epmd_register;

/* What happened, as a line for the trace; taken: no other node finds this one, because the name
 * belongs to another or because EPMD does not answer. */
typedef void (*epmd_register_cb)(void *arg, bool taken, const char *text);

CHECKED enum status epmd_register_open(struct uv_loop_s *loop, uint16_t port,
                                       const struct epmd_node *node, epmd_register_cb cb, void *arg,
                                       struct epmd_register **ret);
void epmd_register_close(struct epmd_register *r, void (*closed_cb)(void *arg), void *arg);

#endif
