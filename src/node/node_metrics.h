/* What happens in a running node, told to its metrics. */
#ifndef NODE_NODE_METRICS_H
#define NODE_NODE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "node/exposition.h"
#include "node/metrics.h"

struct api_entry;
struct core_event;
struct node;

/* An event of the core, before anybody else hears of it. */
void node_metrics_event(struct node *n, const struct core_event *ev);
/* A turn of the loop ended, which began at began_us. */
void node_metrics_turn(struct node *n, int64_t began_us);

/* A call of the registry began, and ended. */
void node_metrics_call(struct node *n, const struct api_entry *entry, int64_t now_us);

/* The call of that moment was answered with an error, or raised one. */
void node_metrics_call_refused(struct node *n, const struct api_entry *entry, int64_t began_us);
void node_metrics_called(struct node *n, const struct api_entry *entry, enum metric_outcome outcome,
                         int64_t us);

/* Entries became durable, after so long. */
void node_metrics_written(void *arg, int64_t us);

/* Everything as text; see metrics_render(). */
void node_metrics_text(struct node *n, enum exposition_format format, const char *pattern,
                       struct buf *b);

#endif
