/* The search for one key: Wing and Gong's, in the order of events ("just in time": an
 * operation is given its place no earlier than some answer requires), with Lowe's memory of
 * configurations that are known to lead nowhere. A configuration is the next event, the value
 * of the register, and which of the operations under way have had their place; so its size is
 * that of the concurrency, not of the history.
 *
 * Not here: keys (lin.c), explanations (shrink.c). */
#ifndef LIN_SEARCH_H
#define LIN_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lin/lin.h"

enum lin_effect {
	LIN_READ,  /* needs the register to hold `expected` */
	LIN_WRITE, /* sets it to `value`; a delete too */
	LIN_SWAP,  /* both: cas and create */
};

struct lin_op {
	enum lin_effect effect;
	bool ok;           /* it certainly happened; else perhaps, or never */
	uint32_t expected; /* value needed */
	uint32_t value;    /* value set */
	uint32_t invoked;  /* position of the call */
	uint32_t returned; /* position of the answer, when ok; else HISTORY_NEVER */
	uint32_t origin;   /* place in the history's ops */
};

/* Search one key's operations. Takes the steps from *budget; none left is LIN_UNDECIDED. */
CHECKED enum status lin_search(const struct lin_op *ops, size_t n, uint64_t *budget,
                               enum lin_verdict *ret);

#endif
