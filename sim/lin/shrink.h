/* Shrinks the operations of a violated key to a few that no order explains. */
#ifndef LIN_SHRINK_H
#define LIN_SHRINK_H

#include <stddef.h>

#include "base/status.h"
#include "lin/search.h"

/* Keep, in ops[0..*n), fewer operations that are still violated, in order of invocation. What
 * is left out cannot be the reason: a history that has an explanation keeps one without the
 * reads left out, without the values left out together with all who saw them, and when it is
 * cut off early. On failure ops are in no useful state. */
CHECKED enum status lin_shrink(struct lin_op *ops, size_t *n);

#endif
