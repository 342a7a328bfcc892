/* The node's log: one event a line, for a person or for a machine.
 *
 *   2026-11-21T20:51:59.123Z [info] text
 *   {"time":"2026-11-21T20:51:59.123Z","level":"info","node":"erlmcp@a","text":"text"}
 *
 * In the foreground it goes to standard output, whole line by whole line, so that
 * `docker logs | grep` finds it at once; detached to log/erlmcp.log, which is rotated. A reader
 * that does not read must not stop the node: a line for which the pipe has no room is dropped
 * and counted, and the count is told in the next line that gets through.
 *
 * The text is made printable: a line break inside it would be two events. */
#ifndef NODE_LOG_H
#define NODE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/status.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERROR, LOG_LEVELS };

struct log;

struct log_config {
	enum log_level level; /* less important events are not written */
	bool json;
	const char *node;   /* node name, for JSON; copied */
	const char *dir;    /* directory of erlmcp.log; NULL: standard output; copied */
	int64_t file_bytes; /* rotate before the file grows beyond this */
	unsigned files;     /* rotated files kept: erlmcp.log.1 is the newest */
};

/* ST_IO when the file cannot be opened, or ST_NOMEM: why then says it in words. */
CHECKED enum status log_open(const struct log_config *config, struct log **ret, char *why,
                             size_t why_cap);
void log_close(struct log *l);

bool log_enabled(const struct log *l, enum log_level level);
void log_line(struct log *l, enum log_level level, const char *fmt, ...) PRINTF(3, 4);
void log_vline(struct log *l, enum log_level level, const char *fmt, va_list args) PRINTF(3, 0);

/* The line of one event, line break included: pure. */
void log_format(struct buf *b, bool json, const char *node, const struct timespec *at,
                enum log_level level, const char *text);

const char *log_level_name(enum log_level level);

#endif
