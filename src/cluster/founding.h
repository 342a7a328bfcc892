/* Founding: how empty members become one cluster, once.
 *
 * Every expected member must be present, empty, and expect the same names. Then the lowest
 * name writes one founding record - a random cluster id, each member's incarnation, the bound
 * of all promises - persists it, and offers it. Who finds itself in it, empty and under its
 * present incarnation, persists it too and bootstraps the identical first log entry. Whoever
 * holds the record offers it again until the first commit, and nobody serves before; later,
 * whenever nobody leads, because without those who missed it there may be no majority for any
 * leader. A record is never changed and never proposed twice under one id, so two halves
 * cannot found apart: doc/decisions/0002-founding-and-identity.md. */
#ifndef CLUSTER_FOUNDING_H
#define CLUSTER_FOUNDING_H

#include <stddef.h>

#include "base/status.h"
#include "cluster/limits.h"

struct cluster;
struct member;
struct wire_found;
struct wire_hello;

void founding_take_hello(struct cluster *c, struct member *m, const struct wire_hello *hello);
void founding_take_record(struct cluster *c, struct member *m, const struct wire_found *found);

/* An operator's command: found with these of the expected members. text: the answer. */
CHECKED enum status founding_order(struct cluster *c, const char names[][NODE_NAME_MAX], size_t n,
                                   char text[ORDER_TEXT_MAX]);

/* Say hello while somebody is empty, propose when all are present, offer the record. */
void founding_advance(struct cluster *c);

#endif
