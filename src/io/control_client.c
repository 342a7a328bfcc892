/* The asking side of the control socket: one request, one reply, one deadline. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/control.h"
#include "io/control_wire.h"

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait for events until the deadline. */
static enum status wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;
	int rc;

	do {
		left = deadline_ms - now_ms();
		if (left <= 0)
			return ST_TIMEOUT;
		rc = poll(&p, 1, (int)left);
	} while (rc < 0 && errno == EINTR);
	return rc > 0 ? ST_OK : rc == 0 ? ST_TIMEOUT : ST_IO;
}

static enum status connect_status(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return ST_NOT_FOUND;
	case ECONNREFUSED:
	case EACCES:
	case EPERM:
		return ST_REFUSED;
	default:
		return ST_IO;
	}
}

/* Connect; a full backlog (EAGAIN) is a busy node: try again until the deadline. */
static enum status dial(const struct sockaddr_un *sa, int64_t deadline_ms, int *ret)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000L};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return ST_IO;
	while (connect(fd, (const struct sockaddr *)sa, sizeof *sa) != 0) {
		const int error = errno;

		if (error != EAGAIN || now_ms() >= deadline_ms) {
			close(fd);
			return error == EAGAIN ? ST_TIMEOUT : connect_status(error);
		}
		(void)nanosleep(&pause, NULL);
	}
	*ret = fd;
	return ST_OK;
}

static enum status send_all(int fd, const struct buf *b, int64_t deadline_ms)
{
	size_t done = 0;

	while (done < b->len) {
		const ssize_t n = send(fd, b->base + done, b->len - done, MSG_NOSIGNAL);
		enum status st;

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return errno == EPIPE || errno == ECONNRESET ? ST_CLOSED : ST_IO;
		st = wait_for(fd, POLLOUT, deadline_ms);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

static enum status receive(int fd, struct buf *b, int64_t deadline_ms, size_t *ret_len)
{
	enum status st;
	char chunk[16384];
	ssize_t n;

	for (;;) {
		st = control_frame_length(b->base, b->len, b->max, ret_len);
		if (st != ST_AGAIN)
			return st == ST_LIMIT ? ST_MALFORMED : st;
		st = wait_for(fd, POLLIN, deadline_ms);
		if (st != ST_OK)
			return st;
		n = recv(fd, chunk, sizeof chunk, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return ST_CLOSED;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return ST_IO;
		if (n > 0)
			buf_bytes(b, chunk, (size_t)n);
		st = buf_status(b);
		if (st != ST_OK)
			return st;
	}
}

static enum status keep(const struct control_said *said, struct control_answer *ret)
{
	struct control_answer a = {.exit_code = said->exit_code};

	buf_init(&a.out, CONTROL_REPLY_MAX);
	buf_init(&a.err, CONTROL_REPLY_MAX);
	buf_bytes(&a.out, said->out, said->out_len);
	buf_bytes(&a.err, said->err, said->err_len);
	if (buf_text(&a.out) == NULL || buf_text(&a.err) == NULL) {
		buf_close(&a.out);
		buf_close(&a.err);
		return ST_NOMEM;
	}
	*ret = a;
	return ST_OK;
}

static enum status talk(int fd, const struct buf *ask, int64_t deadline_ms,
                        struct control_answer *ret)
{
	struct control_said said;
	struct buf in;
	enum status st;
	size_t len;

	buf_init(&in, CONTROL_REPLY_MAX);
	st = send_all(fd, ask, deadline_ms);
	if (st == ST_OK)
		st = receive(fd, &in, deadline_ms, &len);
	if (st == ST_OK)
		st = control_said_decode(in.base, len, &said);
	if (st == ST_OK)
		st = keep(&said, ret);
	buf_close(&in);
	return st;
}

enum status control_call(const struct control_request *request, struct control_answer *ret)
{
	const int64_t deadline_ms = now_ms() + request->timeout_ms;
	struct sockaddr_un sa;
	struct buf ask;
	enum status st;
	int dir;
	int fd;

	if (request->n_args > CONTROL_ARGS_MAX || strlen(request->verb) >= CONTROL_VERB_MAX)
		return ST_INVALID;
	buf_init(&ask, CONTROL_REQUEST_MAX);
	control_ask_encode(&ask, request->verb, request->args, request->n_args);
	st = buf_status(&ask);
	if (st == ST_LIMIT)
		st = ST_INVALID;
	if (st != ST_OK)
		goto err_ask;
	st = control_address(request->data_dir, &sa, &dir);
	if (st != ST_OK)
		goto err_ask;
	st = dial(&sa, deadline_ms, &fd);
	if (st != ST_OK)
		goto err_dir;
	st = talk(fd, &ask, deadline_ms, ret);
	close(fd);
err_dir:
	if (dir >= 0)
		close(dir);
err_ask:
	buf_close(&ask);
	return st;
}
