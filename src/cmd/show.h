/* Shows a node's status (node/status_json.h) to a person: verdict first, 80 columns. */
#ifndef CMD_SHOW_H
#define CMD_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

/* Colour only on terminals, and not where NO_COLOR asks for none. */
bool show_colour(FILE *to);

/* True when the status says that the node serves. */
bool show_serving(const struct buf *json);

/* Print the verdict and the members, or everything, on standard output. Returns what
 * show_serving() does. */
bool show_summary(const struct buf *json, bool colour);
bool show_cluster(const struct buf *json, bool colour);

/* The same texts into a buffer, for tests. ST_MALFORMED: not a status. */
CHECKED enum status show_text(const struct buf *json, bool colour, bool everything, struct buf *b);

#endif
