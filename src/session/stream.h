/* The event streams of one session: what a client may ask for again after its connection broke.
 *
 * A stream is a short log of opaque events, numbered from 1 in the order of their commands. The
 * numbers are never used again, so an event's id (stream and number) is one for the life of the
 * session: once a stream was closed, streams opened later begin behind every number that a closed
 * one had, whatever their id. Who asks for what is behind a number of a closed stream is never
 * given events of another one that he takes for its own. A stream keeps its newest events, as many
 * as the append that dropped the others said; who asks for something that is gone is told so
 * (ST_NOT_FOUND with *ret_first). Nothing is dropped but by a command.
 *
 * A part of a session: see part.h. */
#ifndef SESSION_STREAM_H
#define SESSION_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "session/part.h"

struct streams;

/* What is known of one stream. */
struct stream_view {
	uint32_t id;    /* the client's and server's name for it */
	uint64_t first; /* number of the oldest event kept; next: none is */
	uint64_t next;  /* number that the next event gets */
	size_t bytes;   /* of the events kept */
};

/* One event. */
struct event_view {
	uint64_t number;      /* in its stream, from 1 */
	uint64_t revision;    /* log index of its append */
	const uint8_t *bytes; /* the streams', until the next change */
	size_t len;
};

CHECKED enum status streams_new(struct streams **ret);

/* Append an event, to a new stream when there is none with this id; then keep the newest `keep`
 * events of that stream (0: all). ST_LIMIT: the event is too long, or one stream or event too
 * many, *ret_what says which; ST_NOMEM. */
enum stream_limit {
	STREAM_LIMIT_NONE,
	STREAM_LIMIT_LENGTH,
	STREAM_LIMIT_EVENTS,
	STREAM_LIMIT_STREAMS
};
struct append {
	uint32_t stream;
	uint32_t keep;     /* events of the stream that stay; 0: all */
	uint64_t revision; /* log index of the command */
	const uint8_t *bytes;
	size_t len;
};
CHECKED enum status streams_append(struct streams *s, const struct append *a, uint64_t *ret_number,
                                   enum stream_limit *ret_what);
/* How many counted bytes an append would add, before anything is dropped. */
size_t streams_cost(const struct streams *s, const struct append *a);

/* Drop the events up to a number, included. ST_NOT_FOUND: no such stream. */
CHECKED enum status streams_trim(struct streams *s, uint32_t stream, uint64_t last);

/* The stream is over: drop it with its events. remember: streams opened later begin behind its
 * numbers; before state version 3 they were forgotten. ST_NOT_FOUND. */
CHECKED enum status streams_drop(struct streams *s, uint32_t stream, bool remember);

CHECKED enum status streams_get(const struct streams *s, uint32_t stream, struct stream_view *ret);
size_t streams_count(const struct streams *s);
/* The i-th one in the order of their ids. */
void streams_at(const struct streams *s, size_t i, struct stream_view *ret);

/* Visit the events behind number `after`, in order; cb returns false to stop. ST_NOT_FOUND: no
 * such stream, or events behind `after` are gone already: *ret_first is the oldest one kept, or
 * 0 when there is no such stream. */
typedef bool (*stream_event_cb)(void *arg, const struct event_view *event);
CHECKED enum status streams_replay(const struct streams *s, uint32_t stream, uint64_t after,
                                   stream_event_cb cb, void *arg, uint64_t *ret_first);

#endif
