/* Asks the nodes of the cluster: this host's over its control socket, the others as a hidden
 * Erlang node with the cluster's cookie, whether this host's node runs or not. */
#ifndef CMD_REMOTE_H
#define CMD_REMOTE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

struct cli;
struct term;
struct tool;

/* Open what remote_text() needs. NULL: told on standard error. Close with tool_close(). */
struct tool *remote_open(const struct cli *c);

struct remote_call {
	const char *node;
	const char *module;
	const char *function;
	const struct term *const *args;
	size_t n_args;
	int timeout_ms;
};

/* The text behind {ok, Text}. ST_CLOSED: it does not answer; ST_UNSUPPORTED: it answers something
 * else, as an earlier release would. */
CHECKED enum status remote_text(struct tool *t, const struct remote_call *call, struct buf *ret);

/* The full name of the node that is meant: "erlmcp@host", or only "host". */
void remote_name(const struct cli *c, const char *word, char *ret, size_t cap);

#endif
