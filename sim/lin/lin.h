/* Is a history linearizable? Could each operation have taken effect at one moment between its
 * call and its answer, on one register per key, in one order that explains every answer?
 *
 * Keys are independent (linearizability is local), so each is searched for itself; a search
 * that uses up its steps says "undecided", never "ok". What is violated is shrunk to a few
 * operations that no order explains, whatever else happened. */
#ifndef LIN_LIN_H
#define LIN_LIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lin/history.h"

enum lin_verdict { LIN_OK, LIN_VIOLATED, LIN_UNDECIDED };

struct lin_result {
	enum lin_verdict verdict; /* violated before undecided before ok */
	size_t n_keys;            /* keys in the history */
	size_t n_violated;        /* of them certainly not linearizable */
	size_t n_undecided;       /* of them not decided within the budget */
	uint64_t steps;           /* taken in all, shrinking left out */
	uint32_t key;             /* symbol of the clearest violation */
	uint32_t *shown;          /* owned: its operations, as places in the history's ops */
	size_t n_shown;           /* how many; 0 unless violated */
};

/* Search all keys with at most so many steps together. ST_NOMEM leaves *ret untouched. */
CHECKED enum status lin_check(const struct history *h, uint64_t budget, struct lin_result *ret);

/* Works on a zeroed result and twice. */
void lin_result_close(struct lin_result *r);

#endif
