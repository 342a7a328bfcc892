/* Frames of the client channel, from both sides. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "io/client_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_frame f;
	struct buf b;
	size_t len;

	if (client_frame_length(data, size, &len) != ST_OK)
		return 0;
	assert(len <= size && len <= 4 + CLIENT_FRAME_MAX);
	if (client_frame_decode(data, len, &f) != ST_OK)
		return 0;
	assert(f.len <= len);
	/* What is read is written the same. */
	buf_init(&b, 4 + 2 * (size_t)CLIENT_FRAME_MAX);
	client_frame_encode(&b, &f);
	assert(buf_status(&b) == ST_OK && b.len == len && memcmp(b.base, data, len) == 0);
	buf_close(&b);
	return 0;
}
