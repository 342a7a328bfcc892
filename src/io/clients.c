#include "io/clients.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/queue.h"
#include "io/net_limits.h"
#include "io/net_socket.h"

enum {
	READ_CHUNK = 256 * 1024,
	COOKIE_MAX = 512,
	SLOT_BITS = 16, /* a client's number: its slot, and how often the slot was used */
};

struct client {
	uv_tcp_t tcp;      /* must be first: handles are told apart by their data */
	uv_write_t write;  /* at most one is under way */
	struct queue link; /* in clients.dirty while answers wait to be sent */
	struct clients *all;
	uint64_t number;
	bool proved;
	bool writing;
	bool paused; /* not read from */
	bool closing;
	unsigned under_way;          /* requests without an answer */
	uint8_t nonce[CLIENT_NONCE]; /* ours */
	struct buf in;               /* a frame that came in part */
	struct buf out;              /* answers to send */
	struct buf sending;          /* being written */
	uint64_t since_ms;           /* when it connected, loop time */
};

struct clients {
	uv_tcp_t listener;
	uv_timer_t sweep; /* runs while somebody has not proved the cookie */
	struct clients_ops ops;
	char node_name[CLIENT_NAME_MAX];
	char cookie[COOKIE_MAX];
	struct client *slots[CLIENTS_MAX];
	uint64_t used[CLIENTS_MAX]; /* how often each slot was */
	struct queue dirty;
	size_t n;        /* connections */
	size_t n_proved; /* of these */
	unsigned open_handles;
	bool waiting; /* a connection waits in the kernel for a slot */
	bool closing;
	void (*closed_cb)(void *arg);
	void *closed_arg;
	uint8_t chunk[READ_CHUNK]; /* what libuv reads into */
};

static void maybe_closed(struct clients *all)
{
	if (all->closing && all->open_handles == 0)
		all->closed_cb(all->closed_arg);
}

static void on_connection(uv_stream_t *listener, int status);

static void client_closed(uv_handle_t *handle)
{
	struct client *k = handle->data;
	struct clients *all = k->all;

	queue_remove(&k->link);
	all->slots[k->number & ((1U << SLOT_BITS) - 1)] = NULL;
	all->n--;
	all->n_proved -= k->proved;
	buf_close(&k->in);
	buf_close(&k->out);
	buf_close(&k->sending);
	free(k);
	all->open_handles--;
	if (all->waiting && !all->closing)
		on_connection((uv_stream_t *)&all->listener, 0);
	maybe_closed(all);
}

static void client_close(struct client *k)
{
	if (k->closing)
		return;
	k->closing = true;
	uv_close((uv_handle_t *)&k->tcp, client_closed);
}

static bool overfull(const struct client *k)
{
	return k->under_way >= CLIENT_UNDER_WAY_MAX ||
	       k->out.len + k->sending.len >= CLIENT_OUT_MAX;
}

static void resume(struct client *k);
static void client_send(struct client *k);

static void sent(uv_write_t *write, int status)
{
	struct client *k = write->data;

	k->writing = false;
	buf_reset(&k->sending);
	if (status != 0) {
		client_close(k);
		return;
	}
	client_send(k);
	resume(k);
}

/* All that waits, in one write. */
static void client_send(struct client *k)
{
	struct buf swap = k->sending;
	uv_buf_t bytes;
	int n;

	if (k->closing || k->writing || k->out.len == 0)
		return;
	bytes = uv_buf_init((char *)k->out.base, (unsigned)k->out.len);
	n = uv_try_write((uv_stream_t *)&k->tcp, &bytes, 1);
	if (n == (int)k->out.len) {
		buf_reset(&k->out);
		return;
	}
	if (n < 0 && n != UV_EAGAIN) {
		client_close(k);
		return;
	}
	if (n > 0)
		buf_consume(&k->out, (size_t)n);
	k->sending = k->out;
	k->out = swap;
	bytes = uv_buf_init((char *)k->sending.base, (unsigned)k->sending.len);
	k->write.data = k;
	k->writing = true;
	if (uv_write(&k->write, (uv_stream_t *)&k->tcp, &bytes, 1, sent) != 0) {
		k->writing = false;
		client_close(k);
	}
}

static void push(struct client *k, const struct client_frame *frame)
{
	client_frame_encode(&k->out, frame);
	if (buf_status(&k->out) != ST_OK) {
		client_close(k);
		return;
	}
	queue_remove(&k->link);
	queue_push(&k->all->dirty, &k->link);
}

static void refuse(struct client *k, const char *why)
{
	const struct client_frame frame = {
	    .type = CLIENT_REFUSED, .bytes = (const uint8_t *)why, .len = strlen(why)};

	push(k, &frame);
	client_send(k);
	client_close(k);
}

static void on_proof(struct client *k, const struct client_frame *frame)
{
	struct clients *all = k->all;
	struct client_frame welcome = {.type = CLIENT_WELCOME};
	uint8_t wanted[CLIENT_PROOF];
	uint8_t ours[CLIENT_PROOF];

	if (client_proof(all->cookie, false, k->nonce, frame->nonce, wanted) != ST_OK ||
	    client_proof(all->cookie, true, frame->nonce, k->nonce, ours) != ST_OK) {
		client_close(k);
		return;
	}
	if (!client_proof_equal(wanted, frame->proof)) {
		refuse(k, "the cookie does not match this node's");
		return;
	}
	k->proved = true;
	all->n_proved++;
	welcome.proof = ours;
	push(k, &welcome);
	client_send(k);
}

static void on_frame(struct client *k, const struct client_frame *frame)
{
	if (k->proved && (frame->type == CLIENT_WRITE || frame->type == CLIENT_READ)) {
		k->under_way++;
		k->all->ops.request(k->all->ops.arg, k->number, frame);
	} else if (!k->proved && frame->type == CLIENT_PROVE) {
		on_proof(k, frame);
	} else {
		refuse(k, k->proved ? "not a request" : "prove the cookie first");
	}
}

/* Hand over the whole frames in front. Returns how many bytes they were. */
static size_t take_frames(struct client *k, const uint8_t *bytes, size_t len)
{
	struct client_frame frame;
	size_t done = 0;
	size_t n;

	while (!k->closing && !overfull(k)) {
		enum status st = client_frame_length(bytes + done, len - done, &n);

		if (st == ST_AGAIN)
			break;
		if (st == ST_OK)
			st = client_frame_decode(bytes + done, n, &frame);
		if (st != ST_OK) {
			refuse(k, "a frame cannot be read");
			break;
		}
		on_frame(k, &frame);
		done += n;
	}
	return done;
}

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct client *k = handle->data;

	(void)suggested;
	*ret = uv_buf_init((char *)k->all->chunk, READ_CHUNK);
}

static void take_kept(struct client *k)
{
	buf_consume(&k->in, take_frames(k, k->in.base, k->in.len));
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct client *k = stream->data;
	const uint8_t *bytes = (const uint8_t *)chunk->base;
	size_t done = 0;

	if (n == 0 || k->closing)
		return;
	if (n < 0) {
		client_close(k);
		return;
	}
	/* Whole frames are read where they are; only a part of one is kept. */
	if (k->in.len == 0)
		done = take_frames(k, bytes, (size_t)n);
	if (k->closing)
		return;
	buf_bytes(&k->in, bytes + done, (size_t)n - done);
	if (buf_status(&k->in) != ST_OK) {
		client_close(k);
		return;
	}
	if (done == 0)
		take_kept(k);
	if (!k->closing && overfull(k)) {
		k->paused = true;
		uv_read_stop(stream);
	}
}

/* Half of what was too much is gone: read on. */
static void resume(struct client *k)
{
	if (!k->paused || k->closing || k->under_way > CLIENT_UNDER_WAY_MAX / 2 ||
	    k->out.len + k->sending.len > CLIENT_OUT_MAX / 2)
		return;
	k->paused = false;
	take_kept(k);
	if (k->closing)
		return;
	if (overfull(k))
		k->paused = true;
	else if (uv_read_start((uv_stream_t *)&k->tcp, alloc_cb, read_cb) != 0)
		client_close(k);
}

static struct client *client_of(const struct clients *all, uint64_t number)
{
	struct client *k = all->slots[number & ((1U << SLOT_BITS) - 1)];

	return k != NULL && k->number == number && !k->closing ? k : NULL;
}

void clients_answer(struct clients *all, uint64_t client, uint64_t tag, enum client_outcome outcome,
                    const uint8_t *bytes, size_t len)
{
	const struct client_frame frame = {.type = CLIENT_DONE,
	                                   .tag = tag,
	                                   .outcome = (uint8_t)outcome,
	                                   .bytes = bytes,
	                                   .len = len};
	struct client *k = client_of(all, client);

	if (k == NULL)
		return;
	assert(k->under_way > 0);
	k->under_way--;
	push(k, &frame);
}

void clients_flush(struct clients *all)
{
	struct queue *front;

	while ((front = queue_front(&all->dirty)) != NULL) {
		struct client *k = CONTAINER_OF(front, struct client, link);

		queue_remove(&k->link);
		client_send(k);
		resume(k);
	}
}

static void sweep_cb(uv_timer_t *timer)
{
	struct clients *all = timer->data;
	unsigned i;

	for (i = 0; i < CLIENTS_MAX; i++) {
		struct client *k = all->slots[i];

		if (k != NULL && !k->proved &&
		    uv_now(timer->loop) - k->since_ms >= CLIENT_GREETING_MS)
			client_close(k);
	}
	if (all->n == all->n_proved)
		uv_timer_stop(timer);
}

static int free_slot(const struct clients *all)
{
	int i;

	for (i = 0; i < CLIENTS_MAX; i++) {
		if (all->slots[i] == NULL)
			return i;
	}
	return -1;
}

static void greet(struct client *k)
{
	struct clients *all = k->all;
	const struct client_frame hello = {.type = CLIENT_HELLO,
	                                   .version = CLIENT_VERSION,
	                                   .nonce = k->nonce,
	                                   .bytes = (const uint8_t *)all->node_name,
	                                   .len = strlen(all->node_name)};
	int fd;

	if (uv_fileno((uv_handle_t *)&k->tcp, &fd) == 0)
		net_socket_tune(fd, CLIENT_GREETING_MS);
	net_socket_random(k->nonce, sizeof k->nonce);
	push(k, &hello);
	client_send(k);
	if (!k->closing && uv_read_start((uv_stream_t *)&k->tcp, alloc_cb, read_cb) != 0)
		client_close(k);
	if (!uv_is_active((uv_handle_t *)&all->sweep))
		uv_timer_start(&all->sweep, sweep_cb, CLIENT_GREETING_MS, CLIENT_GREETING_MS);
}

static struct client *client_new(struct clients *all, int slot)
{
	struct client *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	if (uv_tcp_init(all->listener.loop, &k->tcp) != 0) {
		free(k);
		return NULL;
	}
	k->tcp.data = k;
	k->all = all;
	k->since_ms = uv_now(all->listener.loop);
	k->number = ++all->used[slot] << SLOT_BITS | (unsigned)slot;
	queue_init(&k->link);
	buf_init(&k->in, 4 + CLIENT_FRAME_MAX + READ_CHUNK);
	buf_init(&k->out, CLIENT_OUT_MAX + CLIENT_UNDER_WAY_MAX * (size_t)CLIENT_FRAME_MAX);
	buf_init(&k->sending, k->out.max);
	all->slots[slot] = k;
	all->n++;
	all->open_handles++;
	return k;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct clients *all = listener->data;
	int slot = free_slot(all);
	struct client *k = NULL;

	if (status != 0 || all->closing)
		return;
	/* With every slot taken it waits until one is free; libuv asks no more until then. */
	if (slot >= 0)
		k = client_new(all, slot);
	all->waiting = k == NULL;
	if (all->waiting)
		return;
	if (uv_accept(listener, (uv_stream_t *)&k->tcp) != 0)
		client_close(k);
	else
		greet(k);
}

static void handle_closed(uv_handle_t *handle)
{
	struct clients *all = handle->data;

	all->open_handles--;
	maybe_closed(all);
}

static enum status listen_on(struct clients *all, const struct sockaddr_in *address)
{
	enum status st;
	int fd;

	st = net_socket_listen(address, &fd);
	if (st != ST_OK)
		return st;
	if (uv_tcp_open(&all->listener, fd) != 0) {
		close(fd);
		return ST_IO;
	}
	return uv_listen((uv_stream_t *)&all->listener, NET_BACKLOG, on_connection) == 0 ? ST_OK
	                                                                                 : ST_IO;
}

static void free_when_closed(void *arg)
{
	free(arg);
}

enum status clients_open(struct uv_loop_s *loop, const struct clients_config *config,
                         const struct clients_ops *ops, struct clients **ret)
{
	struct clients *all;
	enum status st;

	if (strlen(config->node_name) >= CLIENT_NAME_MAX || strlen(config->cookie) >= COOKIE_MAX)
		return ST_INVALID;
	all = calloc(1, sizeof *all);
	if (all == NULL)
		return ST_NOMEM;
	all->ops = *ops;
	memcpy(all->node_name, config->node_name, strlen(config->node_name) + 1);
	memcpy(all->cookie, config->cookie, strlen(config->cookie) + 1);
	queue_init(&all->dirty);
	if (uv_tcp_init(loop, &all->listener) != 0 || uv_timer_init(loop, &all->sweep) != 0) {
		free(all);
		return ST_NOMEM;
	}
	all->listener.data = all;
	all->sweep.data = all;
	all->open_handles = 2;
	st = listen_on(all, config->address);
	if (st != ST_OK) {
		clients_close(all, free_when_closed, all);
		return st;
	}
	*ret = all;
	return ST_OK;
}

size_t clients_count(const struct clients *all)
{
	return all->n_proved;
}

void clients_close(struct clients *all, void (*closed_cb)(void *arg), void *arg)
{
	unsigned i;

	all->closing = true;
	all->closed_cb = closed_cb;
	all->closed_arg = arg;
	for (i = 0; i < CLIENTS_MAX; i++) {
		if (all->slots[i] != NULL)
			client_close(all->slots[i]);
	}
	uv_close((uv_handle_t *)&all->listener, handle_closed);
	uv_close((uv_handle_t *)&all->sweep, handle_closed);
}

void clients_free(struct clients *all)
{
	free(all);
}
