/* The one list of outcomes that a function in this project can report, and their texts.
 *
 * Functions that can fail return enum status and are marked CHECKED, so that nobody can
 * ignore the outcome. Outputs are untouched unless ST_OK is returned. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stddef.h>

#define CHECKED           __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define STATUS_MAP(X)                                                  \
	X(OK, "success")                                               \
	X(NOMEM, "out of memory")                                      \
	X(AGAIN, "more input or more time is needed")                  \
	X(MALFORMED, "malformed data")                                 \
	X(LIMIT, "a limit was reached")                                \
	X(INVALID, "invalid argument")                                 \
	X(NOT_FOUND, "not found")                                      \
	X(EXISTS, "already exists")                                    \
	X(NOT_LEADER, "this node is not the leader")                   \
	X(NO_LEADER, "no leader is known")                             \
	X(FENCED, "this node is fenced: it cannot reach a majority")   \
	X(REFUSED, "refused")                                          \
	X(TIMEOUT, "timed out")                                        \
	X(UNKNOWN, "outcome unknown: the operation may have happened") \
	X(CLOSED, "closed")                                            \
	X(BUSY, "busy")                                                \
	X(CORRUPT, "corrupt data on disk")                             \
	X(NO_SPACE, "no space left on the disk")                       \
	X(IO, "input/output error")                                    \
	X(UNSUPPORTED, "not supported")

enum status {
#define STATUS_ENUM(name, text) ST_##name,
	STATUS_MAP(STATUS_ENUM)
#undef STATUS_ENUM
	    ST_COUNT
};

/* Where and why a parser gave up. */
struct fault {
	enum status st;   /* ST_MALFORMED, ST_LIMIT or ST_NOMEM */
	size_t at;        /* offset of the first byte that is wrong */
	const char *what; /* static text: the rule that was broken */
};

/* The text of an outcome; static, never NULL. */
const char *status_text(enum status st);

/* The short upper-case name of an outcome, for logs and JSON; static, never NULL. */
const char *status_name(enum status st);

#endif
