#include "cluster/quorum.h"

#include <assert.h>

unsigned quorum_needed(unsigned quorum_size, size_t n_voters)
{
	unsigned configured = quorum_size / 2 + 1;
	unsigned majority = (unsigned)n_voters / 2 + 1;

	assert(quorum_size > 0);
	return configured > majority ? configured : majority;
}

/* Insertion sort, greatest first: n is at most MEMBERS_MAX. */
static void sort_descending(int64_t *values, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int64_t value = values[i];
		size_t at = i;

		for (; at > 0 && values[at - 1] < value; at--)
			values[at] = values[at - 1];
		values[at] = value;
	}
}

int64_t quorum_reached(int64_t *values, size_t n, unsigned needed, int64_t none)
{
	assert(needed > 0);
	if (n < needed)
		return none;
	sort_descending(values, n);
	return values[needed - 1];
}
