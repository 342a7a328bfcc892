/* The distribution handshake with a stranger who does not know the cookie: it may say what it
 * likes, on either side, and never gets to the end. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "dist/handshake.h"

enum { OUT_MAX = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feed packets, each behind a 16-bit length, until the handshake gives up. */
static void feed(struct handshake *h, const uint8_t *data, size_t size, struct buf *out)
{
	size_t at = 0;

	while (size - at >= 2) {
		size_t len = (size_t)data[at] << 8 | data[at + 1];

		at += 2;
		if (len > size - at)
			len = size - at;
		if (handshake_packet(h, data + at, len, out) != ST_OK)
			return;
		assert(h->state != HANDSHAKE_DONE);
		at += len;
		if (h->state == HANDSHAKE_DECIDE) {
			enum handshake_verdict verdict =
			    len % 2 ? HANDSHAKE_OK : HANDSHAKE_IS_ALIVE;

			if (handshake_decide(h, verdict, h->self, "given@host", out) != ST_OK)
				return;
		}
	}
}

static void side(const char *peer, const uint8_t *data, size_t size)
{
	struct handshake_start start = {.self = "erlmcp@10.77.0.1",
	                                .cookie = "a secret that no input knows",
	                                .peer = peer,
	                                .creation = 5,
	                                .challenge = 0x12345678};
	struct handshake h;
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (peer == NULL)
		handshake_accept(&h, &start);
	else
		handshake_connect(&h, &start, &out);
	feed(&h, data, size, &out);
	buf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	side(NULL, data, size);
	side("erlmcp@10.77.0.2", data, size);
	return 0;
}
