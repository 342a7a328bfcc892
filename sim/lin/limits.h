/* The bounds of the linearizability checker, each with its reason. */
#ifndef LIN_LIMITS_H
#define LIN_LIMITS_H

enum {
	HISTORY_OPS_MAX = 1 << 24,   /* a day of a lab's load; positions stay far below 2^32 */
	HISTORY_LINE_MAX = 64 << 10, /* one event; a value is a counter or a short text */
	LIN_SHOWN_KEYS_MAX = 16,     /* violated keys that are shrunk to find the clearest one */
};

/* Configurations remembered for one key: what a developer's machine can spare. */
#define LIN_MEMO_BYTES_MAX ((size_t)1 << 30)

/* Steps for a whole history: seconds for any history of a real cluster, and an end for those
 * that were made to be hard (the problem is NP-complete). */
#define LIN_BUDGET_DEFAULT ((uint64_t)50 * 1000 * 1000)

#endif
