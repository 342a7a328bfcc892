/* Any bytes as the frames of an authenticated peer, down to the services behind them: pings,
 * calls, monitors, links, and calls that end while others go on. The first byte chooses the form
 * and the size of the cuts. */
#include <stdlib.h>

#include "base/arena.h"
#include "dist/control.h"
#include "dist/link_in.h"
#include "dist/services.h"
#include "term/term.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void finish(struct services *s, struct arena *a, uint64_t id)
{
	static const char *const classes[] = {NULL, "error", "exit", "throw"};
	struct service_outcome outcome = {classes[id % 4], term_atom(a, "value")};
	struct service_result result;

	if (services_finish(s, a, id, &outcome, &result) == ST_OK && s->n_calls > SERVICE_CALLS_MAX)
		abort();
}

static void serve(struct services *s, const struct link_body *body, uint64_t id)
{
	struct service_result result;
	struct message message;
	struct arena a;
	const uint8_t *bytes;
	size_t len;

	if (control_member_payload(body, &bytes, &len) && len > body->len)
		abort();
	arena_init(&a, 1 << 22);
	if (link_decode(body, &a, &message) == ST_OK &&
	    services_message(s, &a, &message, id, &result) == ST_OK &&
	    result.event == SERVICE_CALL && id % 2 == 0)
		finish(s, &a, id);
	arena_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_self self = {"self@host", 7};
	const struct link_body *body = NULL;
	enum link_item item;
	struct services s;
	struct link_in in;
	uint64_t id = 0;
	size_t step;
	enum status st = ST_AGAIN;

	if (size == 0)
		return 0;
	link_in_init(&in, (data[0] & 1) == 0);
	services_init(&s, &self, (data[0] & 2) == 0);
	step = 1 + data[0] / 4U;
	for (size_t at = 1; at < size && st == ST_AGAIN; at += step) {
		st = link_in_feed(&in, data + at, size - at < step ? size - at : step);
		while (st == ST_OK) {
			st = link_in_next(&in, &item, &body);
			if (st == ST_OK && item == LINK_MESSAGE)
				serve(&s, body, ++id);
		}
		if (st == ST_AGAIN && link_in_end(&in) != ST_OK)
			st = ST_LIMIT;
	}
	services_close(&s);
	link_in_close(&in);
	return 0;
}
