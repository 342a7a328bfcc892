/* Frames of the control socket, from both sides. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/control_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const uint8_t *data, size_t size)
{
	struct control_ask asked;
	struct buf b;

	if (control_ask_decode(data, size, &asked) != ST_OK)
		return;
	buf_init(&b, CONTROL_REQUEST_MAX * 2);
	control_ask_encode(&b, asked.verb, (const char *const *)asked.args, asked.n_args);
	assert(b.len == size && memcmp(b.base, data, size) == 0);
	buf_close(&b);
	control_ask_close(&asked);
}

static void said(const uint8_t *data, size_t size)
{
	struct control_said answer;

	if (control_said_decode(data, size, &answer) == ST_OK)
		assert(answer.out_len + answer.err_len <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length;

	if (control_frame_length(data, size, CONTROL_REQUEST_MAX, &length) != ST_OK ||
	    length > size)
		return 0;
	ask(data, length);
	said(data, length);
	return 0;
}
