/* erlmcp-admin explain: why a node is in its state. */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include <stdbool.h>

#include "base/buf.h"

struct cli;

/* explain [NODE] [--json] */
int explain_show(struct cli *c, int argc, char **argv);

/* The node's answer as text. ST_MALFORMED: it is none. */
CHECKED enum status explain_text(const struct buf *json, bool colour, struct buf *b);

/* Ask this host's node, or when it does not answer say so; for whatif, too. CLI_OK: ret holds the
 * answer, and the caller closes it. */
int explain_ask(struct cli *c, const char *node, struct buf *ret);

#endif
