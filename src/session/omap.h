/* An ordered map from byte strings to things: a skip list whose heights come from a hash of
 * the key, so that the same content has the same shape on every node.
 *
 * Not a container of bytes: keys and values belong to the caller, and a key usually lives
 * inside its value. */
#ifndef SESSION_OMAP_H
#define SESSION_OMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { OMAP_LEVELS = 18 }; /* 4^18 is far beyond SESSIONS_MAX */

struct omap_node {
	const uint8_t *key;       /* the caller's; lives as long as the node */
	size_t key_len;           /* bytes of key */
	void *value;              /* the caller's */
	struct omap_node *next[]; /* one successor for each level of this node */
};

struct omap {
	struct omap_node *head[OMAP_LEVELS]; /* first node of each level */
	size_t n;                            /* nodes */
};

/* An empty map. Allocates nothing. */
void omap_init(struct omap *m);

/* The node with this key, or NULL. */
struct omap_node *omap_find(const struct omap *m, const uint8_t *key, size_t key_len);

/* Add a key that is not there yet. Borrows key and value until it is removed. */
CHECKED enum status omap_add(struct omap *m, const uint8_t *key, size_t key_len, void *value);

/* Remove a key and return its value; NULL when it is not there. */
void *omap_remove(struct omap *m, const uint8_t *key, size_t key_len);

/* Nodes in byte order of their keys: node->next[0] follows. NULL when empty. */
static inline struct omap_node *omap_first(const struct omap *m)
{
	return m->head[0];
}

/* Remove the first key and return its value; NULL when empty. */
void *omap_pop(struct omap *m);

#endif
