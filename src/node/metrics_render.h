/* All metrics as text: each line of the table, from one view. Pure. */
#ifndef NODE_METRICS_RENDER_H
#define NODE_METRICS_RENDER_H

#include "base/buf.h"
#include "node/exposition.h"
#include "node/metrics_view.h"

/* pattern: only metrics whose name holds it; NULL: all. */
void metrics_render(const struct metrics_view *v, enum exposition_format format,
                    const char *pattern, struct buf *b);

#endif
