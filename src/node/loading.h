/* What a node says while it reads what it has on its disk and can do nothing else: the HTTP door,
 * the operator's door and the service manager are served by a thread of its own on a second loop,
 * when reading takes longer than a moment.
 *
 * The thread sees what is set before it starts, and the progress; nothing of the core. */
#ifndef NODE_LOADING_H
#define NODE_LOADING_H

#include <stdint.h>

#include "base/status.h"
#include "node/exposition.h"
#include "node/health.h"
#include "node/metrics.h"

struct http_server;
struct loading;
struct node;

/* core_start(), as it is called; meanwhile the node's open doors are served. Without memory or a
 * thread for that it loads without a word. */
CHECKED enum status loading_run(struct node *n, const char **why);

/* So much of the state was read, of all. l may be NULL. */
void loading_progress(struct loading *l, uint64_t done, uint64_t all);

/* In the thread: what is known. The view's texts live until the next call. */
struct health_view loading_health(struct loading *l);
void loading_metrics(struct loading *l, enum exposition_format format, struct buf *b);
struct metrics *loading_counts(struct loading *l);
struct http_server *loading_server(struct loading *l);

#endif
