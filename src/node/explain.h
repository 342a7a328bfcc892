/* Keeps what a running node last decided, and tells why it is in its state. */
#ifndef NODE_EXPLAIN_H
#define NODE_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct core_event;
struct node;

/* The state has just changed: keep what this was decided from. */
void node_note_decision(struct node *n, const struct core_event *ev);

/* Append explain_json() of a running node. */
void node_explain_json(struct node *n, struct buf *b);

/* Append what timeline reads: this node's name and clocks as one JSON object, then its flight
 * recorder from since_ms on. False: it cannot be read. */
bool node_flight_text(struct node *n, int64_t since_ms, struct buf *b);

#endif
