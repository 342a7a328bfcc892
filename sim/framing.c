#include "sim/framing.h"

#include <assert.h>

#include "dist/control.h"

void framing_init(struct framing *f, const char *node)
{
	const struct control_self self = {.node = node, .creation = 1};

	link_in_init(&f->in, true);
	link_out_init(&f->out, true, true);
	buf_init(&f->head, LINK_CONTROL_MAX);
	control_member_head(&f->head, &self);
	assert(buf_status(&f->head) == ST_OK);
}

void framing_close(struct framing *f)
{
	link_in_close(&f->in);
	link_out_close(&f->out);
	buf_close(&f->head);
}

void framing_send(struct framing *f, enum link_class class, const uint8_t *bytes, size_t len,
                  struct buf *ret)
{
	uint8_t head[CONTROL_BINARY_HEAD];
	const struct link_parts parts = {
	    .control = {f->head.base, f->head.len},
	    .payload = {head, sizeof head},
	    .tail = {bytes, len},
	};
	const struct link_chunk *chunks;
	enum status st;
	size_t n;

	control_binary_head(head, len);
	st = link_out_message(&f->out, class, &parts);
	assert(st == ST_OK);
	(void)st;
	while ((n = link_out_batch(&f->out, &chunks)) > 0) {
		size_t taken = 0;

		for (size_t i = 0; i < n; i++) {
			buf_bytes(ret, chunks[i].base, chunks[i].len);
			taken += chunks[i].len;
		}
		link_out_wrote(&f->out, taken);
	}
}

enum status framing_take(struct framing *f, const uint8_t *bytes, size_t len,
                         framing_message_cb message_cb, void *arg)
{
	const struct link_body *body;
	const uint8_t *payload;
	enum link_item item;
	size_t payload_len;
	enum status st = link_in_feed(&f->in, bytes, len);

	while (st == ST_OK) {
		st = link_in_next(&f->in, &item, &body);
		if (st == ST_OK && item == LINK_MESSAGE &&
		    control_member_payload(body, &payload, &payload_len))
			message_cb(arg, payload, payload_len);
	}
	return st == ST_AGAIN ? link_in_end(&f->in) : st;
}
