/* How far all members are, as JSON for erlmcp-admin. Documented in doc/reference/sync.md. */
#ifndef NODE_SYNC_JSON_H
#define NODE_SYNC_JSON_H

#include "base/buf.h"

struct sync_report;

/* Append one JSON object and a line break: pure. ST_NOMEM ends as the buffer's status. */
void sync_json(const struct sync_report *r, struct buf *b);

#endif
