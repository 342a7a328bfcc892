/* What one step wants done: actions, and the texts and bytes that they point to.
 *
 * Fixed storage, so that a step can neither fail nor leak. When it is full, sends are left
 * out (every message is repeated anyway); what must not be lost has room of its own. */
#ifndef CLUSTER_OUTBOX_H
#define CLUSTER_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/cluster.h"
#include "cluster/limits.h"

struct outbox {
	size_t n;                                        /* actions */
	size_t used;                                     /* of bytes[] */
	struct cluster_action items[OUTBOX_ACTIONS_MAX]; /* in the order of doing */
	uint8_t bytes[OUTBOX_BYTES_MAX];                 /* texts and messages */
};

void outbox_reset(struct outbox *o);

/* A zeroed action of this type for the caller to fill. */
struct cluster_action *outbox_add(struct outbox *o, enum cluster_action_type type);

/* Send a copy of bytes to peer (borrowed until the next reset). */
void outbox_send(struct outbox *o, const char *peer, const uint8_t *bytes, size_t len);

/* A copy of text that lives until the next reset. */
const char *outbox_text(struct outbox *o, const char *text);

#endif
