/* erlmcp-admin cluster sync: how far each member is, and the progress of transfers. */
#ifndef CMD_SYNC_H
#define CMD_SYNC_H

#include "base/buf.h"

struct cli;

/* --watch: until all are in step; --json: as the node tells it; --full: compare all states first.
 * Returns the exit code: 0 all are in step, 1 some are not, 2 nobody can be asked. */
int sync_show(struct cli *c, int argc, char **argv);

#define SYNC_FLAGS "--full"

/* One line about all that are not in step, for a terminal: a bar for whoever fetches a state. */
CHECKED enum status sync_line(const struct buf *json, struct buf *b);

/* The table of all members. */
CHECKED enum status sync_text(const struct buf *json, struct buf *b);

#endif
