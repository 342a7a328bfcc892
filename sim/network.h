/* The network between the nodes: one connection a pair, as io/net keeps it.
 *
 * A connection is an ordered stream for each class of traffic in each direction. Faults delay
 * it, stall it as a lost segment does, hold it back (a silent cut: what was sent waits and
 * arrives after healing, unless the connection was given up meanwhile), or break it. Each side
 * learns of its end by itself: told by the peer, or after silence. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "sim/world.h"

struct network *network_new(struct world *w);
void network_free(struct network *net);

/* Events. */
void network_packet(struct world *w, uint64_t conn, uint64_t stream);
void network_dialled(struct world *w, unsigned a, unsigned b);
void network_tick(struct world *w);

/* A node sends at this moment of the world. */
void network_send(struct node *from, const char *to_name, enum traffic traffic,
                  const uint8_t *bytes, size_t len, int64_t at_us);
/* Bytes of normal messages to it that have not arrived, as if the link had not taken them. */
size_t network_backlog(const struct node *from, const char *to_name);

/* A node keeps a link to this one from now on, or no longer. */
void network_keep(struct node *node, const char *peer, bool keep);

/* A process ended. told: its kernel says goodbye to the peers. */
void network_gone(struct world *w, unsigned node, bool told);

/* A node has taken a message in: its connection is not silent. */
void network_heard(struct world *w, unsigned node, unsigned from, uint64_t epoch);

/* Faults, counted: each begin needs its end. */
void network_cut(struct world *w, unsigned from, unsigned to, int delta);
void network_noisy(struct world *w, unsigned a, unsigned b, int delta);
void network_slow(struct world *w, unsigned from, unsigned to, int64_t delta_us);
void network_loss(struct world *w, unsigned from, unsigned to, int percent);
void network_corrupt(struct world *w, unsigned from, unsigned to, int delta);
void network_reorder(struct world *w, unsigned from, unsigned to, int64_t delta_us);
void network_duplicate(struct world *w, unsigned from, unsigned to, int delta);
void network_reset(struct world *w, unsigned a, unsigned b);
void network_heal(struct world *w);

/* True when nothing disturbs either direction between the two. */
bool network_clean(const struct world *w, unsigned a, unsigned b);

#endif
