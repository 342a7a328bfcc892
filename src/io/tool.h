/* A node that only asks: what bin/erl needs of the distribution, as blocking calls.
 *
 * It neither listens nor registers with EPMD. Each call runs a loop of its own until the answer
 * is there or the time is over; for programs, never inside a node. */
#ifndef IO_TOOL_H
#define IO_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "io/net.h"

struct arena;
struct term;
struct tool;

struct tool_config {
	const char *name; /* this tool's node name */
	bool short_names;
	const char *cookie;
	uint16_t epmd_port;
};

/* ST_IO and others with why in words. */
CHECKED enum status tool_open(const struct tool_config *config, struct tool **ret, char *why,
                              size_t why_cap);
void tool_close(struct tool *t);

/* net_adm:ping/1. */
bool tool_ping(struct tool *t, const char *node);

struct tool_call {
	const char *node;
	const char *module;
	const char *function;
	const struct term *args; /* a proper list */
	unsigned timeout_ms;
};

/* rpc:call/5: result copied into the arena. ST_CLOSED: no connection, it broke, or no answer in
 * time; ST_NOMEM, ST_LIMIT. */
CHECKED enum status tool_rpc(struct tool *t, const struct tool_call *call, struct arena *arena,
                             const struct term **ret);

/* net_adm:names/1: at most cap names. ST_NOT_FOUND: no EPMD answers on that host. */
CHECKED enum status tool_names(struct tool *t, const char *host, struct net_name *ret, size_t cap,
                               size_t *ret_n);

/* nodes(connected). */
size_t tool_nodes(const struct tool *t, char ret[][NET_NAME_MAX], size_t cap);

#endif
