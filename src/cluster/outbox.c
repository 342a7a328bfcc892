#include "cluster/outbox.h"

#include <assert.h>
#include <string.h>

void outbox_reset(struct outbox *o)
{
	o->n = 0;
	o->used = 0;
}

struct cluster_action *outbox_add(struct outbox *o, enum cluster_action_type type)
{
	struct cluster_action *action;

	/* Sends stop at OUTBOX_SENDS_MAX: nothing else comes in such numbers. */
	assert(o->n < OUTBOX_ACTIONS_MAX);
	action = &o->items[o->n++];
	memset(action, 0, sizeof *action);
	action->type = type;
	return action;
}

void outbox_send(struct outbox *o, const char *peer, const uint8_t *bytes, size_t len)
{
	struct cluster_action *action;

	/* Half of the bytes stays free for texts. */
	if (o->n >= OUTBOX_SENDS_MAX || len > OUTBOX_BYTES_MAX / 2 ||
	    o->used > OUTBOX_BYTES_MAX / 2 - len)
		return;
	action = outbox_add(o, CLUSTER_SEND);
	action->peer = peer;
	action->bytes = memcpy(o->bytes + o->used, bytes, len);
	action->len = len;
	o->used += len;
}

const char *outbox_text(struct outbox *o, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = (char *)o->bytes + o->used;

	assert(size <= ALARM_TEXT_MAX && o->used + size <= OUTBOX_BYTES_MAX);
	memcpy(copy, text, size);
	o->used += size;
	return copy;
}
