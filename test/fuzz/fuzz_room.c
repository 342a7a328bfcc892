/* A whole cluster room fed by strangers: any events, any bytes behind a plausible head. It may
 * refuse, alarm or stop; it must not crash, and must not serve on anybody's word alone. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "cluster/cluster.h"
#include "cluster/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cluster *room_new(bool empty)
{
	const struct cluster_config config = {
	    .self = "a@h",
	    .expected = {"a@h", "b@h", "c@h"},
	    .n_expected = 3,
	    .quorum_size = 3,
	    .beat_interval_us = 25000,
	    .detection_us = 250000,
	    .lease_guard_us = 10000,
	    .promise_max_us = 300000,
	};
	const struct identity id = {
	    .state = empty ? IDENTITY_EMPTY : IDENTITY_FOUNDER,
	    .cluster_id = empty ? 0 : 77,
	    .raft_id = 1,
	    .boot = 1,
	    .promise_max_ms = 300,
	};
	struct fault fault;
	struct cluster *c;
	enum status st = cluster_new(&config, &id, 1, &fault, &c);

	return st == ST_OK ? c : NULL;
}

/* A head that gets past the door, for half of the inputs; the body is the stranger's. */
static void message(struct buf *b, uint8_t how, const uint8_t *bytes, size_t len)
{
	const bool empty = how & 0x10;
	const struct wire_head head = {
	    .type = (enum wire_type)(1 + how % WIRE_PETITION),
	    .cluster_id = empty ? 0 : 77,
	    .raft_id = 2,
	    .boot = how >> 6,
	    .run = 5,
	    .identity = empty ? IDENTITY_EMPTY : IDENTITY_FOUNDER,
	};

	buf_reset(b);
	if (how & 0x20)
		wire_put_head(b, &head);
	buf_bytes(b, bytes, len);
}

static void one_event(struct cluster *c, struct cluster_event *ev, struct cursor *in, struct buf *b)
{
	struct cluster_actions actions;
	const uint8_t *bytes = NULL;
	uint8_t type = 0;
	uint8_t how = 0;
	uint16_t len = 0;

	if (cursor_u8(in, &type) != ST_OK || cursor_u8(in, &how) != ST_OK)
		return;
	ev->type = (enum cluster_event_type)(type & 3);
	ev->peer = type & 4 ? "b@h" : "c@h";
	ev->now_us += (int64_t)how * 1000;
	ev->random += how;
	if (ev->type == CLUSTER_MESSAGE &&
	    (cursor_u16(in, &len) != ST_OK || cursor_bytes(in, len % 2048, &bytes) != ST_OK))
		return;
	message(b, how, bytes, bytes == NULL ? 0 : len % 2048);
	ev->bytes = b->base;
	ev->len = b->len;
	cluster_step(c, ev, &actions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct raft_view view = {0}; /* consensus never starts: nobody may be served */
	struct cursor in = cursor_of(data, size);
	struct cluster *c = room_new(size > 0 && data[0] & 0x80);
	struct cluster_event ev = {.now_us = 1, .raft = &view, .epoch = 1, .random = 3};
	struct cluster_status status;
	struct buf b;

	if (c == NULL)
		return 0;
	buf_init(&b, CLUSTER_MESSAGE_MAX);
	for (size_t left = 0; left != in.left;) {
		left = in.left;
		one_event(c, &ev, &in, &b);
		assert(!cluster_may_serve(c, &view, ev.now_us));
	}
	cluster_status(c, &view, ev.now_us, &status);
	buf_close(&b);
	cluster_free(c);
	return 0;
}
