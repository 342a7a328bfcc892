/* What the store asks of the things that it keeps beside the sessions' own fields and keys.
 *
 * Two shapes. A PART belongs to one session and is allocated with its first use (its event
 * streams, its pending requests): the session holds one pointer to all its parts, NULL as long as
 * there are none. An OBJECT stands in the buckets under a 16-byte id of its own (a session, a
 * handle, a task), and its struct begins with struct object.
 *
 * Both offer the same few things. digest is kept up to date by each change and read in constant
 * time; recount computes the same number anew from the content, so that memory which changed by
 * itself is found. It need not contain the id of what it belongs to: the store mixes that in.
 * encode is canonical: equal content gives equal bytes on every node, whatever the history.
 * Whoever changes one calls store_change() before and store_changed() after (state.h). */
#ifndef SESSION_PART_H
#define SESSION_PART_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/status.h"
#include "session/store.h"

/* Parts of a session. Values are part of the formats: never renumber. */
enum part_kind { PART_STREAMS, PART_PENDING, PART_KINDS };

struct part_ops {
	/* Counted against SESSION_BYTES_MAX and the store's limit: payload plus a fixed overhead
	 * for each item, never what malloc() happens to need. */
	size_t (*bytes)(const void *part);
	uint64_t (*digest)(const void *part);  /* kept by each change; 0 when it is empty */
	uint64_t (*recount)(const void *part); /* the same from the content */
	void (*encode)(const void *part, struct buf *b);
	/* Reads all of c, or fails: ST_MALFORMED for what no sequence of commands can make
	 * (limits included), ST_NOMEM. */
	enum status (*decode)(struct cursor *c, void **ret);
	void (*free)(void *part); /* NULL is fine */
};

extern const struct part_ops streams_ops; /* stream.c: all streams of a session */
extern const struct part_ops pending_ops; /* pending.c: its requests to the client */

/* Objects. Values are part of the formats: never renumber. */
enum object_kind { OBJECT_SESSION, OBJECT_HANDLE, OBJECT_TASK, OBJECT_KINDS };

struct object {
	struct session_id id; /* its place in the store */
	uint8_t kind;         /* enum object_kind */
};

/* What an expiry was decided on; another value later means that somebody used it meanwhile. */
struct object_seen {
	int64_t active_ms; /* last use */
	uint64_t revision; /* log index of the last change */
};

struct object_ops {
	size_t (*bytes)(const struct object *o);     /* counted against the store's limit */
	uint64_t (*digest)(const struct object *o);  /* of all its content, without the id */
	uint64_t (*recount)(const struct object *o); /* the same, kept hashes computed anew */
	/* When it expires, by the clock of those who stamp commands; INT64_MAX: never. */
	int64_t (*due_ms)(const struct object *o);
	struct object_seen (*seen)(const struct object *o);
	/* Its body: the kind, the length and the id are written and read by the store. */
	void (*encode)(const struct object *o, struct buf *b);
	/* As a part's. index: of the image; no revision in it may be newer. */
	enum status (*decode)(const struct session_id *id, struct cursor *c, uint64_t index,
	                      struct object **ret);
	void (*free)(struct object *o); /* NULL is fine */
};

extern const struct object_ops session_ops; /* session.c */
extern const struct object_ops handle_ops;  /* handle.c */
extern const struct object_ops task_ops;    /* task.c */

#endif
