/* etcd's gRPC over HTTP/2: KV.Put, and KV.Range, which is linearizable unless told otherwise.
 * Requests are streams, so that a connection carries many clients. The two messages are encoded
 * by hand: field 1 is the key, field 2 the value, both as bytes. */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
	KEY_MAX = 96,
	TAG_KEY = 1 << 3 | 2,
	TAG_VALUE = 2 << 3 | 2,
	GRPC_HEAD = 5,     /* u8 not compressed, u32 length */
	WINDOW = 16 << 20, /* never what limits */
};

/* A client's request and answer. */
struct stream {
	struct slot *slot;
	struct buf body;  /* of the request */
	size_t sent;      /* of it */
	size_t received;  /* bytes of the answer */
	char status;      /* of gRPC, its first digit; 0: none came */
	uint64_t created; /* keys made so far */
	char key[KEY_MAX];
};

struct etcd {
	nghttp2_session *session;
	struct stream *streams;
	bool receiving; /* inside the session's callbacks: nothing may be sent from there */
	char authority[64];
};

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
	static const char wanted[] = "grpc-status";
	struct stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	(void)arg;
	if (st != NULL && name_len == sizeof wanted - 1 && memcmp(name, wanted, name_len) == 0)
		st->status = value_len == 1 ? (char)value[0] : '?';
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *arg)
{
	struct stream *st = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)data;
	(void)arg;
	if (st != NULL)
		st->received += len;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct stream *st = nghttp2_session_get_stream_user_data(session, id);
	const struct connection *c = arg;
	const char *why = NULL;

	if (st == NULL)
		return 0;
	if (code != 0 || st->status != '0')
		why = "the server answered with an error";
	else if (st->slot->op == OP_READ && st->received < c->load->options.value_bytes)
		why = "another value";
	slot_done(st->slot, why);
	return 0;
}

static ssize_t body_read(nghttp2_session *session, int32_t id, uint8_t *ret, size_t len,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct stream *st = source->ptr;
	size_t n = st->body.len - st->sent;

	(void)session;
	(void)id;
	(void)arg;
	if (n > len)
		n = len;
	memcpy(ret, st->body.base + st->sent, n);
	st->sent += n;
	if (st->sent == st->body.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* What the session wants to send goes behind what waits. */
static void pump(struct connection *c)
{
	struct etcd *e = c->state;
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(e->session, &bytes)) > 0)
		buf_bytes(&c->out, bytes, (size_t)n);
	if (n < 0)
		die("HTTP/2: %s", nghttp2_strerror((int)n));
}

static void new_session(struct connection *c, struct etcd *e)
{
	const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
	};
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		die("out of memory");
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	if (nghttp2_session_client_new(&e->session, callbacks, c) != 0 ||
	    nghttp2_submit_settings(e->session, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
	    nghttp2_session_set_local_window_size(e->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0)
		die("HTTP/2 cannot begin");
	nghttp2_session_callbacks_del(callbacks);
}

static void etcd_open(struct connection *c)
{
	struct etcd *e = calloc(1, sizeof *e);
	unsigned k;

	if (e == NULL)
		die("out of memory");
	c->state = e;
	e->streams = calloc(c->load->depth, sizeof *e->streams);
	if (e->streams == NULL)
		die("out of memory");
	for (k = 0; k < c->load->depth; k++) {
		struct stream *st = &e->streams[k];

		st->slot = &c->slots[k];
		buf_init(&st->body, VALUE_MAX + KEY_MAX + 64);
		(void)snprintf(st->key, sizeof st->key, "%s/%u", c->load->options.prefix,
		               c->slots[k].number);
	}
	(void)snprintf(e->authority, sizeof e->authority, "%s:%u", c->load->options.host,
	               c->load->options.port);
	new_session(c, e);
	connection_ready(c);
	pump(c);
}

static void etcd_close(struct connection *c)
{
	struct etcd *e = c->state;
	unsigned k;

	nghttp2_session_del(e->session);
	for (k = 0; k < c->load->depth; k++)
		buf_close(&e->streams[k].body);
	free(e->streams);
	free(e);
}

static void put_field(struct buf *b, uint8_t tag, const void *bytes, size_t len)
{
	size_t left = len;

	buf_u8(b, tag);
	for (; left >= 0x80; left >>= 7)
		buf_u8(b, (uint8_t)(left | 0x80));
	buf_u8(b, (uint8_t)left);
	buf_bytes(b, bytes, len);
}

static void encode(struct connection *c, struct stream *st)
{
	const struct options *o = &c->load->options;
	struct buf *b = &st->body;
	uint32_t len;

	if (st->slot->op == OP_CREATE)
		(void)snprintf(st->key, sizeof st->key, "%s/%u/%llu", o->prefix, st->slot->number,
		               (unsigned long long)++st->created);
	buf_reset(b);
	buf_u8(b, 0);
	buf_u32(b, 0);
	put_field(b, TAG_KEY, st->key, strlen(st->key));
	if (st->slot->op != OP_READ)
		put_field(b, TAG_VALUE, load_value(c->load), o->value_bytes);
	if (buf_status(b) != ST_OK)
		die("out of memory");
	len = htobe32((uint32_t)(b->len - GRPC_HEAD));
	memcpy(b->base + 1, &len, sizeof len);
}

static nghttp2_nv header(const char *name, const char *value)
{
	union {
		const char *from;
		uint8_t *to;
	} n = {name}, v = {value};
	const nghttp2_nv nv = {n.to, v.to, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};

	return nv;
}

static void etcd_ask(struct connection *c, struct slot *s)
{
	struct etcd *e = c->state;
	struct stream *st = &e->streams[s->index];
	const nghttp2_data_provider body = {{.ptr = st}, body_read};
	const nghttp2_nv headers[] = {
	    header(":method", "POST"),
	    header(":scheme", "http"),
	    header(":path", s->op == OP_READ ? "/etcdserverpb.KV/Range" : "/etcdserverpb.KV/Put"),
	    header(":authority", e->authority),
	    header("content-type", "application/grpc"),
	    header("te", "trailers"),
	};
	int32_t id;

	encode(c, st);
	st->sent = 0;
	st->received = 0;
	st->status = 0;
	id = nghttp2_submit_request(e->session, NULL, headers, sizeof headers / sizeof headers[0],
	                            &body, st);
	if (id < 0)
		die("HTTP/2: %s", nghttp2_strerror(id));
	if (!e->receiving)
		pump(c);
}

static size_t etcd_take(struct connection *c, const uint8_t *bytes, size_t len)
{
	struct etcd *e = c->state;
	ssize_t n;

	e->receiving = true;
	n = nghttp2_session_mem_recv(e->session, bytes, len);
	e->receiving = false;
	if (n != (ssize_t)len)
		die("HTTP/2: %s", n < 0 ? nghttp2_strerror((int)n) : "cut short");
	pump(c);
	return len;
}

const struct protocol etcd_protocol = {
    .name = "etcd",
    .setup_steps = 1,
    .many = true,
    .open = etcd_open,
    .close = etcd_close,
    .ask = etcd_ask,
    .take = etcd_take,
};
