/* What handles and tasks have in common: the times of a life, and texts of their own. */
#ifndef SESSION_LIFE_H
#define SESSION_LIFE_H

#include "session/part.h"
#include "session/task.h"

struct life {
	int64_t created_ms;
	int64_t active_ms; /* last use, as stamped */
	int64_t ttl_ms;    /* lives this long after its last use; 0: for ever */
	uint64_t revision; /* log index of the last change */
};

/* It was used. Times never go back. */
void life_use(struct life *l, int64_t now_ms);

/* As in struct object_ops. */
int64_t life_due_ms(const struct life *l);
struct object_seen life_seen(const struct life *l);

/* u64 created, active, time to live, revision. */
void life_encode(const struct life *l, struct buf *b);
CHECKED enum status life_decode(struct cursor *c, struct life *ret);

/* Bytes that are its own. */
struct text {
	uint8_t *at; /* owned; NULL when empty */
	size_t len;
};

/* Replace it by a copy of these bytes. ST_LIMIT: more than max; ST_NOMEM. */
CHECKED enum status text_set(struct text *t, const struct bytes_view *from, size_t max);
struct bytes_view text_view(const struct text *t);
void text_close(struct text *t);

/* u32 length and bytes. ST_MALFORMED (more than max, too), ST_NOMEM. */
void text_encode(const struct text *t, struct buf *b);
CHECKED enum status text_decode(struct cursor *c, struct text *t, size_t max);

#endif
