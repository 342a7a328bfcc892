/* What a client would see of each thing in a state, as one number.
 *
 * For comparing two clusters that went apart: their logs differ from there on, so log positions
 * (the revisions, epochs and times of changes), owners and the numbers made of them differ by
 * themselves and do not count. What counts is everything that somebody wrote: texts, keys and
 * values, to whom it belongs, how long it lives, events with their numbers, questions and answers,
 * a task's state. For comparing members of one cluster there are digests (store.h). */
#ifndef SESSION_CONTENT_H
#define SESSION_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "session/store.h"

enum content_kind { CONTENT_SESSIONS, CONTENT_HANDLES, CONTENT_TASKS, CONTENT_KINDS };

/* "sessions", ...; for words that come from outside, compare with each. */
const char *content_kind_text(enum content_kind kind);

typedef void (*content_cb)(void *arg, const struct session_id *id, uint64_t content);

/* Visit at most max things of a kind behind `after` (NULL: from the first), in order of their ids.
 * Returns how many; less than max: there are no more. */
size_t content_page(const struct store *s, enum content_kind kind, const struct session_id *after,
                    size_t max, content_cb cb, void *arg);

#endif
