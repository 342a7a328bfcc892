#include "node/forward.h"

#include <assert.h>

#include "base/cursor.h"
#include "cluster/cluster.h"

enum { FORWARD_VERSION = 1 };

void forward_encode(const struct forward *f, struct buf *b)
{
	buf_u8(b, FORWARD_VERSION);
	buf_u8(b, (uint8_t)f->type);
	buf_u64(b, f->request);
	switch (f->type) {
	case FORWARD_WRITE:
	case FORWARD_ORDER:
	case FORWARD_PRESENT:
		buf_bytes(b, f->bytes, f->len);
		break;
	case FORWARD_READ:
		break;
	case FORWARD_DONE:
	case FORWARD_ORDERED:
		buf_u8(b, (uint8_t)f->st);
		buf_u64(b, f->index);
		buf_bytes(b, f->bytes, f->len);
		break;
	case FORWARD_INDEX:
		buf_u8(b, (uint8_t)f->st);
		buf_u64(b, f->index);
		break;
	}
}

static enum status decode_answer(struct cursor *c, struct forward *f)
{
	uint8_t st;

	if (cursor_u8(c, &st) != ST_OK || st >= ST_COUNT || cursor_u64(c, &f->index) != ST_OK)
		return ST_MALFORMED;
	f->st = (enum status)st;
	return ST_OK;
}

enum status forward_decode(const uint8_t *bytes, size_t len, struct forward *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct forward f = {0};
	uint8_t version;
	uint8_t type;
	enum status st = ST_OK;

	if (cursor_u8(&c, &version) != ST_OK)
		return ST_MALFORMED;
	if (version != FORWARD_VERSION)
		return ST_UNSUPPORTED;
	if (cursor_u8(&c, &type) != ST_OK || cursor_u64(&c, &f.request) != ST_OK)
		return ST_MALFORMED;
	if (type < FORWARD_WRITE || type > FORWARD_PRESENT)
		return ST_MALFORMED;
	f.type = (enum forward_type)type;
	if (f.type == FORWARD_DONE || f.type == FORWARD_INDEX || f.type == FORWARD_ORDERED)
		st = decode_answer(&c, &f);
	if (st != ST_OK)
		return st;
	if ((f.type == FORWARD_READ || f.type == FORWARD_INDEX) && c.left != 0)
		return ST_MALFORMED;
	f.bytes = c.at;
	f.len = c.left;
	*ret = f;
	return ST_OK;
}

void forward_put_order(struct buf *b, const struct order *order)
{
	buf_u8(b, (uint8_t)order->type);
	buf_u8(b, (uint8_t)order->kind);
	buf_text16(b, order->subject);
	buf_text16(b, order->other);
}

enum status forward_get_order(const uint8_t *bytes, size_t len, struct order *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct order order;
	uint8_t type;
	uint8_t kind;

	if (cursor_u8(&c, &type) != ST_OK || type > ORDER_TRANSFER ||
	    cursor_u8(&c, &kind) != ST_OK || kind >= PLAN_KINDS ||
	    cursor_text16(&c, order.subject, sizeof order.subject) != ST_OK ||
	    cursor_text16(&c, order.other, sizeof order.other) != ST_OK || c.left != 0)
		return ST_MALFORMED;
	order.type = (enum order_type)type;
	order.kind = (enum plan_kind)kind;
	*ret = order;
	return ST_OK;
}
