/* EPMD from both sides: requests of strangers to our server, answers of a strange server. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "dist/epmd.h"

enum { ANSWER_MAX = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void serve(struct epmd_server *s, const uint8_t *data, size_t size)
{
	struct epmd_caller caller = {.conn = 1, .local = true, .creation = 7};
	struct epmd_request request;
	size_t used;

	while (epmd_request_decode(data, size, &used, &request) == ST_OK) {
		enum epmd_after after;
		struct buf out;
		enum status st;

		assert(used > 0 && used <= size);
		buf_init(&out, ANSWER_MAX);
		st = epmd_server_step(s, &caller, &request, &out, &after);
		buf_close(&out);
		if (st != ST_OK || after == EPMD_AFTER_CLOSE)
			epmd_server_gone(s, caller.conn++);
		data += used;
		size -= used;
	}
}

static void ask(const uint8_t *data, size_t size)
{
	struct epmd_node node;
	uint32_t creation;
	size_t at = 0;
	enum status st;

	st = epmd_alive_decode(data, size, &creation);
	st = epmd_port_decode(data, size, &node);
	(void)st;
	while (epmd_names_next(data, size, &at, &node) == ST_OK)
		assert(at <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct epmd_server *s = malloc(sizeof *s);

	assert(s != NULL);
	epmd_server_init(s, 4369, true);
	serve(s, data, size);
	ask(data, size);
	free(s);
	return 0;
}
