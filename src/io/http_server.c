#include "io/http_server.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/queue.h"
#include "io/net_limits.h"
#include "io/net_socket.h"

enum {
	SLOT_BITS = 16, /* a connection's number: its slot, and how often the slot was used */
	SLOTS =
	    2 * HTTP_CONNECTIONS_MAX, /* as many may be being closed, beside those that are open */
};

struct peer {
	uv_tcp_t tcp;     /* its data is the peer */
	uv_write_t write; /* at most one is under way */
	struct http_server *server;
	struct queue link; /* in the server's ready, or alone */
	uint64_t number;
	uint32_t address; /* IPv4; 0: not known */
	int64_t came_us;
	struct http_conn conn;
	struct buf
	    sending; /* a copy of the front of conn.out, which the write holds; empty: none */
	bool reading;
	bool ended;    /* the peer sends no more */
	bool asked;    /* the owner has the request */
	bool finished; /* the peer was told that nothing more comes */
	bool closing;
};

struct http_server {
	uv_tcp_t listener;
	uv_timer_t timer;   /* runs while somebody is connected */
	uv_timer_t rest;    /* runs while nobody is served: the loop is for others */
	struct queue ready; /* peers that may have something to do, by turns */
	int64_t spent_us;   /* on peers, since the last rest */
	bool running;       /* inside run(): what it calls does not enter again */
	struct http_server_ops ops;
	struct peer *slots[SLOTS];
	uint64_t used[SLOTS]; /* how often each slot was */
	struct http_server_counts counts;
	unsigned open_handles;
	bool closing;
	void (*closed_cb)(void *arg);
	void *closed_arg;
	char chunk[HTTP_READ_MAX]; /* what libuv reads into */
};

static int64_t now_of(const struct http_server *s)
{
	return s->ops.now_us(s->ops.arg);
}

static void maybe_closed(struct http_server *s)
{
	if (s->closing && s->open_handles == 0)
		s->closed_cb(s->closed_arg);
}

static void peer_closed(uv_handle_t *handle)
{
	struct peer *p = handle->data;
	struct http_server *s = p->server;

	s->slots[p->number & ((1U << SLOT_BITS) - 1)] = NULL;
	http_conn_close(&p->conn);
	buf_close(&p->sending);
	free(p);
	s->open_handles--;
	maybe_closed(s);
}

static void peer_close(struct peer *p)
{
	if (p->closing)
		return;
	p->closing = true;
	queue_remove(&p->link);
	p->server->counts.connections--;
	if (p->server->counts.connections == 0)
		uv_timer_stop(&p->server->timer);
	uv_close((uv_handle_t *)&p->tcp, peer_closed);
}

/* Its turn shall come. */
static void make_ready(struct peer *p)
{
	if (!p->closing && queue_empty(&p->link))
		queue_push(&p->server->ready, &p->link);
}

static void run(struct http_server *s);
static void read_or_wait(struct peer *p);

static void sent_cb(uv_write_t *write, int status)
{
	struct peer *p = write->data;
	const size_t n = p->sending.len;

	buf_reset(&p->sending);
	if (status != 0 || p->closing) {
		peer_close(p);
		return;
	}
	http_conn_sent(&p->conn, now_of(p->server), n);
	make_ready(p);
	run(p->server);
}

/* What does not fit into the socket now waits in a copy: out may move meanwhile. */
static void send_later(struct peer *p)
{
	const struct buf *out = &p->conn.out;
	uv_buf_t bytes;

	buf_bytes(&p->sending, out->base, out->len < HTTP_READ_MAX ? out->len : HTTP_READ_MAX);
	if (buf_status(&p->sending) != ST_OK) {
		peer_close(p);
		return;
	}
	bytes = uv_buf_init((char *)p->sending.base, (unsigned)p->sending.len);
	p->write.data = p;
	if (uv_write(&p->write, (uv_stream_t *)&p->tcp, &bytes, 1, sent_cb) != 0) {
		buf_reset(&p->sending);
		peer_close(p);
	}
}

static void send_out(struct peer *p)
{
	uv_buf_t bytes;
	int n;

	if (p->closing || p->sending.len > 0 || p->conn.out.len == 0)
		return;
	bytes = uv_buf_init((char *)p->conn.out.base, (unsigned)p->conn.out.len);
	n = uv_try_write((uv_stream_t *)&p->tcp, &bytes, 1);
	if (n < 0 && n != UV_EAGAIN) {
		peer_close(p);
		return;
	}
	if (n > 0)
		http_conn_sent(&p->conn, now_of(p->server), (size_t)n);
	if (p->conn.out.len > 0)
		send_later(p);
}

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	const struct peer *p = handle->data;

	(void)suggested;
	*buf = uv_buf_init(p->server->chunk, sizeof p->server->chunk);
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct peer *p = stream->data;
	const int64_t now_us = now_of(p->server);

	if (n == 0)
		return;
	if (n == UV_EOF) {
		uv_read_stop(stream);
		p->ended = true;
	} else if (n < 0) {
		peer_close(p);
		return;
	} else {
		http_conn_take(&p->conn, now_us, (const uint8_t *)buf->base, (size_t)n);
	}
	read_or_wait(p);
	make_ready(p);
	run(p->server);
}

/* Read exactly while there is room for it. */
static void read_or_wait(struct peer *p)
{
	const bool wanted = !p->ended && http_conn_reads(&p->conn);

	if (p->closing || wanted == p->reading)
		return;
	p->reading = wanted;
	if (!wanted)
		uv_read_stop((uv_stream_t *)&p->tcp);
	else if (uv_read_start((uv_stream_t *)&p->tcp, alloc_cb, read_cb) != 0)
		peer_close(p);
}

/* The last answer is sent: who reads to the end shall not wait until we have heard all that the
 * peer has to say. */
static void finish_sending(struct peer *p)
{
	int fd;

	if (p->closing || p->finished || p->conn.state != HTTP_CONN_DRAIN || p->sending.len > 0)
		return;
	p->finished = true;
	if (uv_fileno((const uv_handle_t *)&p->tcp, &fd) == 0)
		(void)shutdown(fd, SHUT_WR); /* fails when the peer is gone */
}

/* Give the owner one request, send what it answered; it may answer at once, within this. */
static void serve(struct peer *p)
{
	struct http_server *s = p->server;
	const struct http_request *q = NULL;
	bool had_out;

	if (!p->asked)
		q = http_conn_next(&p->conn, now_of(s));
	if (q != NULL) {
		p->asked = true;
		s->ops.request(s->ops.arg, p->number, q);
	}
	had_out = p->conn.out.len > 0;
	send_out(p);
	finish_sending(p);
	if (p->ended && q == NULL && !p->asked && p->conn.out.len == 0)
		http_conn_ended(&p->conn, now_of(s));
	/* The next request may have waited for that. */
	if (had_out && p->conn.out.len == 0 && p->conn.in.len > 0)
		make_ready(p);
	if (p->conn.state == HTTP_CONN_CLOSED)
		peer_close(p);
	read_or_wait(p);
}

static void rest_cb(uv_timer_t *timer)
{
	struct http_server *s = timer->data;

	s->spent_us = 0;
	run(s);
}

/* Serve one after the other, a request each, until the others on the loop have to have a turn:
 * a peer can send thousands of requests at once. */
static void run(struct http_server *s)
{
	struct queue *front;

	if (s->running || s->closing)
		return;
	s->running = true;
	while (!uv_is_active((uv_handle_t *)&s->rest) && (front = queue_front(&s->ready)) != NULL) {
		struct peer *p = CONTAINER_OF(front, struct peer, link);
		const int64_t since_us = now_of(s);

		queue_remove(&p->link);
		serve(p);
		s->spent_us += now_of(s) - since_us;
		if (s->spent_us >= HTTP_SLICE_US) {
			uv_update_time(s->rest.loop);
			uv_timer_start(&s->rest, rest_cb, HTTP_REST_MS, 0);
		}
	}
	s->running = false;
}

void http_server_answer(struct http_server *s, uint64_t connection,
                        const struct http_answer *answer)
{
	struct peer *p = s->slots[connection & ((1U << SLOT_BITS) - 1)];

	if (p == NULL || p->number != connection || p->closing)
		return;
	assert(p->asked);
	p->asked = false;
	/* It may have been cut off meanwhile. */
	if (p->conn.state == HTTP_CONN_ASKED)
		http_conn_answer(&p->conn, now_of(s), answer);
	make_ready(p);
	run(s);
}

static void tick_cb(uv_timer_t *timer)
{
	struct http_server *s = timer->data;
	const int64_t now_us = now_of(s);

	for (unsigned i = 0; i < SLOTS; i++) {
		struct peer *p = s->slots[i];

		if (p == NULL || p->closing)
			continue;
		http_conn_tick(&p->conn, now_us);
		make_ready(p);
	}
	run(s);
}

/* Who makes room for a new connection, the first kind of which there is one: a peer that nobody
 * would miss, one that takes its time with a head that others send at once, one that takes its time
 * with anything else. */
enum guest { GUEST_IDLE, GUEST_SLOW, GUEST_WAITING, GUESTS };

/* False for those whose turn is to come. */
static bool is_guest(const struct peer *p, enum guest kind, int64_t *ret_since_us)
{
	if (p == NULL || p->closing || !queue_empty(&p->link) ||
	    !http_conn_waits(&p->conn, ret_since_us))
		return false;
	return kind == GUEST_WAITING || (kind == GUEST_IDLE && http_conn_idle(&p->conn)) ||
	       (kind == GUEST_SLOW && http_conn_slow(&p->conn));
}

/* The one that has been so for longest; NULL: there is none. */
static struct peer *oldest_guest(struct http_server *s, enum guest kind)
{
	struct peer *oldest = NULL;
	int64_t oldest_us = 0;
	int64_t since_us;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct peer *p = s->slots[i];

		if (!is_guest(p, kind, &since_us) || (oldest != NULL && since_us >= oldest_us))
			continue;
		oldest = p;
		oldest_us = since_us;
	}
	return oldest;
}

static int by_address_and_age(const void *a, const void *b)
{
	const struct peer *p = *(struct peer *const *)a;
	const struct peer *q = *(struct peer *const *)b;

	if (p->address != q->address)
		return p->address < q->address ? -1 : 1;
	return p->came_us < q->came_us ? -1 : p->came_us > q->came_us;
}

/* Everybody is being served, and will be for long: the oldest one of the address that has most
 * places. */
static struct peer *greediest(const struct http_server *s)
{
	struct peer *open[SLOTS];
	struct peer *found = NULL;
	unsigned n = 0;
	unsigned first = 0; /* of its address */
	unsigned most = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (s->slots[i] != NULL && !s->slots[i]->closing)
			open[n++] = s->slots[i];
	}
	qsort(open, n, sizeof(struct peer *), by_address_and_age);
	for (unsigned i = 0; i < n; i++) {
		if (open[i]->address != open[first]->address)
			first = i;
		if (i - first + 1 < most ||
		    (i - first + 1 == most && open[first]->came_us >= found->came_us))
			continue;
		found = open[first];
		most = i - first + 1;
	}
	return found;
}

static struct peer *who_makes_room(struct http_server *s)
{
	struct peer *p = NULL;

	for (enum guest kind = GUEST_IDLE; p == NULL && kind < GUESTS; kind++)
		p = oldest_guest(s, kind);
	return p != NULL ? p : greediest(s);
}

/* A place for one more connection; -1: there is none. */
static int find_slot(struct http_server *s)
{
	if (s->counts.connections >= HTTP_CONNECTIONS_MAX) {
		struct peer *p = who_makes_room(s);

		assert(p != NULL);
		s->counts.displaced++;
		peer_close(p);
	}
	for (int i = 0; i < SLOTS; i++) {
		if (s->slots[i] == NULL)
			return i;
	}
	return -1;
}

static struct peer *peer_new(struct http_server *s, int slot)
{
	struct peer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	if (uv_tcp_init(s->listener.loop, &p->tcp) != 0) {
		free(p);
		return NULL;
	}
	p->tcp.data = p;
	p->server = s;
	queue_init(&p->link);
	p->number = ++s->used[slot] << SLOT_BITS | (unsigned)slot;
	p->came_us = now_of(s);
	http_conn_init(&p->conn, p->came_us);
	buf_init(&p->sending, HTTP_READ_MAX);
	s->slots[slot] = p;
	s->open_handles++;
	s->counts.connections++;
	return p;
}

static void refused_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;

	free(handle);
	s->open_handles--;
	maybe_closed(s);
}

/* Not left waiting in the kernel: a probe shall fail at once, not after its time limit. */
static void refuse(struct http_server *s)
{
	uv_tcp_t *tcp = malloc(sizeof *tcp);

	s->counts.refused++;
	if (tcp == NULL)
		return;
	if (uv_tcp_init(s->listener.loop, tcp) != 0) {
		free(tcp);
		return;
	}
	tcp->data = s;
	s->open_handles++;
	(void)uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)tcp);
	uv_close((uv_handle_t *)tcp, refused_closed);
}

static void note_address(struct peer *p)
{
	struct sockaddr_storage peer;
	int len = sizeof peer;

	if (uv_tcp_getpeername(&p->tcp, (struct sockaddr *)&peer, &len) == 0 &&
	    peer.ss_family == AF_INET)
		p->address = ((const struct sockaddr_in *)&peer)->sin_addr.s_addr;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct http_server *s = listener->data;
	struct peer *p = NULL;
	int slot;

	if (status != 0 || s->closing)
		return;
	slot = find_slot(s);
	if (slot >= 0)
		p = peer_new(s, slot);
	if (p == NULL) {
		refuse(s);
		return;
	}
	if (!uv_is_active((uv_handle_t *)&s->timer))
		uv_timer_start(&s->timer, tick_cb, HTTP_TICK_MS, HTTP_TICK_MS);
	if (uv_accept(listener, (uv_stream_t *)&p->tcp) != 0) {
		peer_close(p);
		return;
	}
	(void)uv_tcp_nodelay(&p->tcp, 1);
	note_address(p);
	read_or_wait(p);
}

static enum status listen_on(struct http_server *s, int fd)
{
	if (uv_tcp_open(&s->listener, fd) != 0) {
		close(fd);
		return ST_IO;
	}
	return uv_listen((uv_stream_t *)&s->listener, NET_BACKLOG, on_connection) == 0 ? ST_OK
	                                                                               : ST_IO;
}

static void handle_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;

	s->open_handles--;
	maybe_closed(s);
}

static void free_when_closed(void *arg)
{
	free(arg);
}

static struct http_server *server_new(struct uv_loop_s *loop, const struct http_server_ops *ops)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->ops = *ops;
	queue_init(&s->ready);
	if (uv_tcp_init(loop, &s->listener) != 0 || uv_timer_init(loop, &s->timer) != 0 ||
	    uv_timer_init(loop, &s->rest) != 0) {
		free(s);
		return NULL;
	}
	s->listener.data = s;
	s->timer.data = s;
	s->rest.data = s;
	s->open_handles = 3;
	return s;
}

/* Takes fd, also when it fails; -1: there is none. */
static enum status serve_on(struct http_server *s, int fd, struct http_server **ret)
{
	enum status st = fd < 0 ? ST_IO : listen_on(s, fd);

	if (st != ST_OK)
		http_server_close(s, free_when_closed, s);
	else
		*ret = s;
	return st;
}

enum status http_server_open(struct uv_loop_s *loop, const struct sockaddr_in *address,
                             const struct http_server_ops *ops, struct http_server **ret)
{
	struct http_server *s;
	enum status st;
	int fd;

	st = net_socket_listen(address, &fd);
	if (st != ST_OK)
		return st;
	s = server_new(loop, ops);
	if (s == NULL) {
		close(fd);
		return ST_NOMEM;
	}
	return serve_on(s, fd, ret);
}

enum status http_server_share(const struct http_server *of, struct uv_loop_s *loop,
                              const struct http_server_ops *ops, struct http_server **ret)
{
	struct http_server *s = server_new(loop, ops);
	int fd = -1;

	if (s == NULL)
		return ST_NOMEM;
	if (uv_fileno((const uv_handle_t *)&of->listener, &fd) == 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return serve_on(s, fd, ret);
}

void http_server_leave(struct http_server *s)
{
	if (!uv_is_closing((const uv_handle_t *)&s->listener))
		uv_close((uv_handle_t *)&s->listener, handle_closed);
}

void http_server_counts(const struct http_server *s, struct http_server_counts *ret)
{
	*ret = s->counts;
}

void http_server_close(struct http_server *s, void (*closed_cb)(void *arg), void *arg)
{
	assert(!s->closing);
	s->closing = true;
	s->closed_cb = closed_cb;
	s->closed_arg = arg;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (s->slots[i] != NULL)
			peer_close(s->slots[i]);
	}
	http_server_leave(s);
	uv_close((uv_handle_t *)&s->timer, handle_closed);
	uv_close((uv_handle_t *)&s->rest, handle_closed);
}

void http_server_free(struct http_server *s)
{
	free(s);
}
