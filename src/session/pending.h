/* Questions of the server to one client that wait for an answer: replicated, so that the answer
 * may come in at any node, and whoever asked may go on at any other.
 *
 *   asked ──answer──► answered ──take──► gone
 *     └────────────drop────────────────► gone
 *
 * A question is answered once: a second answer is told that it came too late, and changes
 * nothing. A part of a session: see part.h. */
#ifndef SESSION_PENDING_H
#define SESSION_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "session/part.h"

struct pending;

/* One question. */
struct question_view {
	uint64_t id;     /* log index of the command that asked */
	uint32_t stream; /* the event stream that it was sent on */
	bool answered;
	uint64_t revision;       /* log index of the last change */
	const uint8_t *question; /* all bytes: pending's, until the next change */
	size_t question_len;
	const uint8_t *token; /* the asker's own, to know what the answer is for */
	size_t token_len;
	const uint8_t *answer; /* NULL until answered */
	size_t answer_len;
};

CHECKED enum status pending_new(struct pending **ret);

/* Ask. q: id, stream, question and token count. ST_LIMIT: too long, or PENDING_MAX are waiting.
 * ST_EXISTS: the id is taken. ST_NOMEM. */
CHECKED enum status pending_ask(struct pending *p, const struct question_view *q);
/* Counted bytes that asking would add. */
size_t pending_cost(const struct question_view *q);

/* Answer. ST_NOT_FOUND, ST_EXISTS (answered before), ST_LIMIT (too long), ST_NOMEM. */
CHECKED enum status pending_answer(struct pending *p, uint64_t id, uint64_t revision,
                                   const uint8_t *answer, size_t len);

/* Forget a question: its answer was taken, or it is not wanted any more. ST_NOT_FOUND. */
CHECKED enum status pending_drop(struct pending *p, uint64_t id);

CHECKED enum status pending_get(const struct pending *p, uint64_t id, struct question_view *ret);
size_t pending_count(const struct pending *p);
/* The i-th one in the order of their ids. */
void pending_at(const struct pending *p, size_t i, struct question_view *ret);

#endif
