/* The serving side of the control socket: one client is one connection with at most one
 * request under way; what it sends meanwhile is kept, up to CONTROL_REQUEST_MAX. */
#include "io/control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/queue.h"
#include "io/control_wire.h"

enum { READ_CHUNK = 16384, SWEEP_MS = 1000 };

struct client {
	uv_pipe_t pipe;          /* must be first: handles are told apart by their data */
	uv_write_t write;        /* at most one reply is being written */
	struct queue link;       /* in control.clients */
	struct control *control; /* owner */
	struct buf in;           /* the frame being received */
	struct buf out;          /* the reply being written */
	uint64_t request;        /* waits for its reply; 0: none */
	uint64_t since_ms;       /* last sign of life, loop time */
	bool closing;
};

struct control {
	uv_pipe_t listener;
	uv_timer_t sweep; /* runs only while there are clients */
	struct control_ops ops;
	struct queue clients;
	size_t n_clients;
	uint64_t last_request;
	int dir;                 /* keeps /proc/self/fd/N alive; -1 */
	struct sockaddr_un path; /* as bound; empty: another one's */
	unsigned open_handles;   /* listener, sweep and clients not yet closed */
	bool closing;
	void (*closed_cb)(void *arg);
	void *closed_arg;
	char chunk[READ_CHUNK]; /* what libuv reads into; copied at once */
};

static void maybe_closed(struct control *c)
{
	if (!c->closing || c->open_handles > 0)
		return;
	if (c->dir >= 0)
		close(c->dir);
	c->dir = -1;
	c->closed_cb(c->closed_arg);
}

static void client_closed_cb(uv_handle_t *handle)
{
	struct client *k = handle->data;
	struct control *c = k->control;

	queue_remove(&k->link);
	buf_close(&k->in);
	buf_close(&k->out);
	free(k);
	c->n_clients--;
	c->open_handles--;
	if (c->n_clients == 0 && !c->closing)
		uv_timer_stop(&c->sweep);
	maybe_closed(c);
}

static void client_close(struct client *k)
{
	struct control *c = k->control;

	if (k->closing)
		return;
	k->closing = true;
	if (k->request != 0 && c->ops.gone != NULL && !c->closing)
		c->ops.gone(c->ops.arg, k->request);
	k->request = 0;
	uv_close((uv_handle_t *)&k->pipe, client_closed_cb);
}

static void on_frames(struct client *k);

static void written_cb(uv_write_t *write, int status)
{
	struct client *k = write->data;

	buf_reset(&k->out);
	if (k->closing)
		return;
	if (status != 0)
		client_close(k);
	else
		on_frames(k);
}

static void send_said(struct client *k, const struct control_said *said)
{
	uv_buf_t bytes;

	assert(k->out.len == 0);
	k->request = 0;
	k->since_ms = uv_now(k->pipe.loop);
	control_said_encode(&k->out, said);
	if (buf_status(&k->out) != ST_OK) {
		static const char text[] = "the answer is larger than a reply may be\n";
		const struct control_said sorry = {1, NULL, 0, (const uint8_t *)text,
		                                   sizeof text - 1};

		buf_reset(&k->out);
		control_said_encode(&k->out, &sorry);
	}
	k->write.data = k;
	bytes = uv_buf_init((char *)k->out.base, (unsigned)k->out.len);
	if (buf_status(&k->out) != ST_OK ||
	    uv_write(&k->write, (uv_stream_t *)&k->pipe, &bytes, 1, written_cb) != 0)
		client_close(k);
}

static void refuse(struct client *k, enum status st)
{
	char text[128];
	const int len = snprintf(text, sizeof text,
	                         "the node cannot read this request: %s (it speaks version "
	                         "%d of the control protocol)\n",
	                         status_text(st), CONTROL_VERSION);
	const struct control_said said = {1, NULL, 0, (const uint8_t *)text, (size_t)len};

	send_said(k, &said);
}

/* Hand over the next whole request, when there is one and none is under way. */
static void on_frames(struct client *k)
{
	struct control *c = k->control;
	struct control_ask ask;
	size_t len;
	enum status st;

	if (k->request != 0 || k->out.len > 0 || k->closing)
		return;
	st = control_frame_length(k->in.base, k->in.len, CONTROL_REQUEST_MAX, &len);
	if (st == ST_AGAIN)
		return;
	if (st == ST_OK)
		st = control_ask_decode(k->in.base, len, &ask);
	if (st != ST_OK) {
		/* What follows a frame that cannot be read cannot be read either. */
		buf_reset(&k->in);
		refuse(k, st);
		return;
	}
	buf_consume(&k->in, len);
	k->request = ++c->last_request;
	c->ops.request(c->ops.arg, k->request, ask.verb, (const char *const *)ask.args, ask.n_args);
	control_ask_close(&ask);
}

static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct client *k = handle->data;

	(void)suggested;
	*ret = uv_buf_init(k->control->chunk, READ_CHUNK);
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct client *k = stream->data;

	if (n == 0)
		return;
	if (n < 0) {
		client_close(k);
		return;
	}
	k->since_ms = uv_now(stream->loop);
	buf_bytes(&k->in, chunk->base, (size_t)n);
	if (buf_status(&k->in) != ST_OK)
		client_close(k);
	else
		on_frames(k);
}

static void sweep_cb(uv_timer_t *timer)
{
	struct control *c = timer->data;
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &c->clients) {
		struct client *k = CONTAINER_OF(pos, struct client, link);

		if (k->request == 0 && uv_now(timer->loop) - k->since_ms >= CONTROL_IDLE_MS)
			client_close(k);
	}
}

/* NULL when out of memory; then the connection stays in the backlog until the next one. */
static struct client *client_new(struct control *c)
{
	struct client *k = calloc(1, sizeof *k);

	if (k == NULL || uv_pipe_init(c->listener.loop, &k->pipe, 0) != 0) {
		free(k);
		return NULL;
	}
	k->control = c;
	k->pipe.data = k;
	k->since_ms = uv_now(c->listener.loop);
	buf_init(&k->in, (size_t)CONTROL_REQUEST_MAX + READ_CHUNK);
	buf_init(&k->out, CONTROL_REPLY_MAX);
	queue_push(&c->clients, &k->link);
	c->open_handles++;
	c->n_clients++;
	return k;
}

/* Room for one more: the client that has been silent for longest goes. False: all of them wait
 * for a reply. */
static bool make_room(struct control *c, const struct client *fresh)
{
	struct client *oldest = NULL;
	struct queue *pos;
	struct queue *after;
	size_t open = 0;

	QUEUE_EACH (pos, after, &c->clients) {
		struct client *k = CONTAINER_OF(pos, struct client, link);

		if (k->closing)
			continue;
		open++;
		if (k != fresh && k->request == 0 &&
		    (oldest == NULL || k->since_ms < oldest->since_ms))
			oldest = k;
	}
	if (open <= CONTROL_CLIENTS_MAX)
		return true;
	if (oldest != NULL)
		client_close(oldest);
	return oldest != NULL;
}

static void connection_cb(uv_stream_t *listener, int status)
{
	struct control *c = listener->data;
	struct client *k;

	if (status != 0 || c->closing)
		return;
	k = client_new(c);
	if (k == NULL)
		return;
	if (uv_accept(listener, (uv_stream_t *)&k->pipe) != 0 || !make_room(c, k) ||
	    uv_read_start((uv_stream_t *)&k->pipe, alloc_cb, read_cb) != 0) {
		client_close(k);
		return;
	}
	if (!uv_is_active((uv_handle_t *)&c->sweep))
		(void)uv_timer_start(&c->sweep, sweep_cb, SWEEP_MS, SWEEP_MS);
}

/* True when a living process accepts on the address. */
static bool answers(const struct sockaddr_un *sa)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 &&
	           (connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* A listening socket at the address, mode 0600 from its first moment; -1 with errno. */
static int listen_socket(const struct sockaddr_un *sa)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	if (fd < 0)
		return -1;
	(void)unlink(sa->sun_path);
	if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
	    bind(fd, (const struct sockaddr *)sa, sizeof *sa) == 0 &&
	    listen(fd, CONTROL_CLIENTS_MAX) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Give a listening socket to libuv. Its functions only repeat what has worked already. */
static void adopt(struct control *c, struct uv_loop_s *loop, int fd)
{
	int rc = uv_pipe_init(loop, &c->listener, 0);

	assert(rc == 0);
	rc = uv_timer_init(loop, &c->sweep);
	assert(rc == 0);
	c->listener.data = c;
	c->sweep.data = c;
	c->open_handles = 2;
	rc = uv_pipe_open(&c->listener, fd);
	assert(rc == 0);
	rc = uv_listen((uv_stream_t *)&c->listener, CONTROL_CLIENTS_MAX, connection_cb);
	assert(rc == 0);
}

static enum status listen_in(struct control *c, const char *data_dir, int *ret, char *why,
                             size_t why_cap)
{
	int fd;

	if (control_address(data_dir, &c->path, &c->dir) != ST_OK) {
		(void)snprintf(why, why_cap, "the data directory %s cannot be opened: %s", data_dir,
		               strerror(errno));
		return ST_IO;
	}
	if (answers(&c->path)) {
		(void)snprintf(
		    why, why_cap,
		    "another node answers in the data directory %s: give each node its own "
		    "(ERLMCP_DATA_DIR)",
		    data_dir);
		return ST_EXISTS;
	}
	fd = listen_socket(&c->path);
	if (fd < 0) {
		(void)snprintf(why, why_cap, "the control socket in %s cannot be made: %s",
		               data_dir, strerror(errno));
		return ST_IO;
	}
	*ret = fd;
	return ST_OK;
}

enum status control_open(struct uv_loop_s *loop, const char *data_dir,
                         const struct control_ops *ops, struct control **ret, char *why,
                         size_t why_cap)
{
	struct control *c = calloc(1, sizeof *c);
	enum status st;
	int fd;

	assert(ops->request != NULL);
	if (c == NULL) {
		(void)snprintf(why, why_cap, "%s", status_text(ST_NOMEM));
		return ST_NOMEM;
	}
	c->ops = *ops;
	c->dir = -1;
	queue_init(&c->clients);
	st = listen_in(c, data_dir, &fd, why, why_cap);
	if (st != ST_OK)
		goto err_control;
	adopt(c, loop, fd);
	*ret = c;
	return ST_OK;
err_control:
	if (c->dir >= 0)
		close(c->dir);
	free(c);
	return st;
}

enum status control_share(const struct control *of, struct uv_loop_s *loop,
                          const struct control_ops *ops, struct control **ret)
{
	struct control *c = calloc(1, sizeof *c);
	int fd = -1;

	assert(ops->request != NULL);
	if (c == NULL)
		return ST_NOMEM;
	if (uv_fileno((const uv_handle_t *)&of->listener, &fd) == 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		free(c);
		return ST_IO;
	}
	c->ops = *ops;
	c->dir = -1;
	queue_init(&c->clients);
	adopt(c, loop, fd);
	*ret = c;
	return ST_OK;
}

static void handle_closed_cb(uv_handle_t *handle)
{
	struct control *c = handle->data;

	c->open_handles--;
	maybe_closed(c);
}

void control_leave(struct control *c)
{
	if (!uv_is_closing((const uv_handle_t *)&c->listener))
		uv_close((uv_handle_t *)&c->listener, handle_closed_cb);
}

size_t control_clients(const struct control *c)
{
	return c->n_clients;
}

void control_close(struct control *c, void (*closed_cb)(void *arg), void *arg)
{
	struct queue *pos;
	struct queue *after;

	assert(!c->closing);
	c->closing = true;
	c->closed_cb = closed_cb;
	c->closed_arg = arg;
	/* A shared one has no name of its own. */
	if (c->path.sun_path[0] != '\0')
		(void)unlink(c->path.sun_path);
	QUEUE_EACH (pos, after, &c->clients)
		client_close(CONTAINER_OF(pos, struct client, link));
	control_leave(c);
	uv_close((uv_handle_t *)&c->sweep, handle_closed_cb);
}

void control_free(struct control *c)
{
	assert(c == NULL || c->open_handles == 0);
	free(c);
}

void control_reply(struct control *c, uint64_t id, int exit_code, const struct buf *out,
                   const struct buf *err)
{
	const struct control_said said = {
	    exit_code, out == NULL ? NULL : out->base, out == NULL ? 0 : out->len,
	    err == NULL ? NULL : err->base, err == NULL ? 0 : err->len};
	struct queue *pos;
	struct queue *after;

	assert(id != 0);
	QUEUE_EACH (pos, after, &c->clients) {
		struct client *k = CONTAINER_OF(pos, struct client, link);

		if (k->request == id) {
			send_said(k, &said);
			return;
		}
	}
}

void control_reply_text(struct control *c, uint64_t id, int exit_code, const char *out,
                        const char *err)
{
	struct buf o;
	struct buf e;

	buf_init(&o, CONTROL_REPLY_MAX);
	buf_init(&e, CONTROL_REPLY_MAX);
	buf_printf(&o, "%s", out == NULL ? "" : out);
	buf_printf(&e, "%s", err == NULL ? "" : err);
	control_reply(c, id, exit_code, &o, &e);
	buf_close(&o);
	buf_close(&e);
}
