/* Reading what stands beside the sessions' keys: streams, questions, handles, tasks. As with
 * store.h's queries, the caller confirms a read index first; views last until the next apply. */
#ifndef SESSION_OBJECTS_H
#define SESSION_OBJECTS_H

#include <stdbool.h>

#include "session/pending.h"
#include "session/store.h"
#include "session/stream.h"
#include "session/task.h"

/* The streams, the questions of a session; NULL: there are none, or no such session. */
const struct streams *store_streams(const struct store *s, const struct session_id *id);
const struct pending *store_pending(const struct store *s, const struct session_id *id);

/* ST_NOT_FOUND: nothing of that kind has this id. Whether the principal may see it is for the
 * caller to say. */
CHECKED enum status store_handle(const struct store *s, const struct session_id *id,
                                 struct handle_view *ret);
CHECKED enum status store_task(const struct store *s, const struct session_id *id,
                               struct task_view *ret);

/* Something has this id, and ends some time if nobody uses it. */
bool store_is_mortal(const struct store *s, const struct session_id *id);

/* Visit at most max handles behind `after`, as tasks below. */
typedef void (*store_handle_cb)(void *arg, const struct handle_view *handle);
size_t store_handle_page(const struct store *s, const struct session_id *after, size_t max,
                         store_handle_cb cb, void *arg);

/* Visit at most max tasks behind `after` (NULL: from the first) in order of their ids. Returns how
 * many; less than max: there are no more. For lists, and to find tasks whose owner is gone. */
typedef void (*store_task_cb)(void *arg, const struct task_view *task);
size_t store_task_page(const struct store *s, const struct session_id *after, size_t max,
                       store_task_cb cb, void *arg);

#endif
