/* Frames of an authenticated peer: ticks, headers, fragments, control messages. The first byte
 * chooses how the bytes are cut into reads, which must not change what comes out. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "dist/link_in.h"

enum { MEMORY_MAX = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Take all whole messages out; false when the link must be closed. */
static bool drain(struct link_in *in)
{
	const struct link_body *body;
	enum link_item item;
	enum status st;

	while ((st = link_in_next(in, &item, &body)) == ST_OK) {
		struct message message;
		struct arena a;

		if (item != LINK_MESSAGE)
			continue;
		arena_init(&a, MEMORY_MAX);
		st = link_decode(body, &a, &message);
		assert(st != ST_OK || message.control != NULL);
		arena_close(&a);
	}
	return st == ST_AGAIN;
}

static void read_all(bool headers, size_t chunk, const uint8_t *data, size_t size)
{
	struct link_in in;

	link_in_init(&in, headers);
	while (size > 0) {
		size_t n = size < chunk ? size : chunk;

		if (link_in_feed(&in, data, n) != ST_OK || !drain(&in) || link_in_end(&in) != ST_OK)
			break;
		data += n;
		size -= n;
	}
	link_in_close(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	read_all(data[0] & 1, (size_t)(data[0] >> 1) + 1, data + 1, size - 1);
	return 0;
}
