/* One end of a connection down to its bytes, with production's own framing (dist/link_out.c and
 * link_in.c): messages are cut into frames and fragments, frames into pieces of any length, and
 * put together again at the other end. A part of the worlds runs so; the others hand over whole
 * messages, which takes a fraction of the time. */
#ifndef SIM_FRAMING_H
#define SIM_FRAMING_H

#include "base/buf.h"
#include "dist/link_in.h"
#include "dist/link_out.h"

struct framing {
	struct link_out out;
	struct link_in in;
	struct buf head; /* control part of its messages */
};

void framing_init(struct framing *f, const char *node);
void framing_close(struct framing *f);

/* Queue one message; its bytes for the wire are appended to *ret. */
void framing_send(struct framing *f, enum link_class class, const uint8_t *bytes, size_t len,
                  struct buf *ret);

/* Bytes arrived: message_cb() for each message that is whole now. Anything but ST_OK: the
 * connection has to be closed. */
typedef void (*framing_message_cb)(void *arg, const uint8_t *bytes, size_t len);
CHECKED enum status framing_take(struct framing *f, const uint8_t *bytes, size_t len,
                                 framing_message_cb message_cb, void *arg);

#endif
