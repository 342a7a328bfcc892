/* The operator's door: a Unix domain stream socket in the data directory.
 *
 * `erlmcp eval`, `status`, `stop` and erlmcp-admin ask the running node here. A request is a
 * verb and text arguments; the reply is an exit code with what to print on standard output and
 * on standard error. Whoever may open the socket (mode 0600: the node's user, and root) may do
 * everything. Frames: control_wire.h.
 *
 * The server lives on the node's loop and never blocks it; the client is a plain blocking call
 * with a deadline, for programs. A data directory whose path is too long for a socket address
 * is reached through /proc/self/fd. */
#ifndef IO_CONTROL_H
#define IO_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct uv_loop_s;
struct control;

enum {
	CONTROL_CLIENTS_MAX = 32,          /* people and scripts at one node */
	CONTROL_IDLE_MS = 10000,           /* a client that asks nothing for this long is closed */
	CONTROL_REQUEST_MAX = 1024 * 1024, /* an expression of a megabyte is no expression */
	CONTROL_REPLY_MAX = 64 * 1024 * 1024, /* larger answers are cut off with an error */
	CONTROL_ARGS_MAX = 64,
	CONTROL_VERB_MAX = 64,
};

/* Name of the socket in the data directory. */
#define CONTROL_SOCKET "control.sock"

struct control_ops {
	void *arg;
	/* Answer it exactly once with control_reply(), now or later. Texts live during the call. */
	void (*request)(void *arg, uint64_t id, const char *verb, const char *const *args,
	                size_t n_args);
	/* The asker of request id went away unanswered; its reply will be dropped. May be NULL. */
	void (*gone)(void *arg, uint64_t id);
};

/* Listen on data_dir/control.sock. Copies ops. A socket file that nobody answers is replaced.
 * ST_EXISTS: a living node answers there; ST_IO; ST_NOMEM: why then says it in words. */
CHECKED enum status control_open(struct uv_loop_s *loop, const char *data_dir,
                                 const struct control_ops *ops, struct control **ret, char *why,
                                 size_t why_cap);

/* A second one for the same socket, on another loop that turns while the first one's does not. In
 * the loop's thread; `of` is left alone meanwhile. Copies ops. ST_IO, ST_NOMEM. */
CHECKED enum status control_share(const struct control *of, struct uv_loop_s *loop,
                                  const struct control_ops *ops, struct control **ret);

/* Take no new clients: they wait for whoever else listens. */
void control_leave(struct control *c);
/* How many there are. */
size_t control_clients(const struct control *c);

/* Stop listening, send nothing more, remove the socket; closed_cb when all handles are closed;
 * then control_free(). */
void control_close(struct control *c, void (*closed_cb)(void *arg), void *arg);
void control_free(struct control *c);

/* Answer request id. Copies. No effect when its asker is gone. */
void control_reply(struct control *c, uint64_t id, int exit_code, const struct buf *out,
                   const struct buf *err);

/* The same with texts; NULL is empty. */
void control_reply_text(struct control *c, uint64_t id, int exit_code, const char *out,
                        const char *err);

/* ---- the asking side ---- */

struct control_request {
	const char *data_dir;
	const char *verb;
	const char *const *args;
	size_t n_args;
	int timeout_ms; /* for everything together */
};

struct control_answer {
	int exit_code;
	struct buf out;
	struct buf err;
};

/* Ask and wait. On success the caller closes ret->out and ret->err.
 * ST_NOT_FOUND: no socket there; ST_REFUSED: nobody answers it, or not to this user;
 * ST_TIMEOUT: the node does not answer in time; ST_CLOSED: it hung up; ST_MALFORMED,
 * ST_UNSUPPORTED: it is something else; ST_INVALID: more than a request may hold; ST_IO. */
CHECKED enum status control_call(const struct control_request *request, struct control_answer *ret);

#endif
