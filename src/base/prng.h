/* A small deterministic random generator (splitmix64). Its state is data: the same seed
 * gives the same run. Not for secrets: cookies' challenges and session ids come from the
 * operating system through the callers of the pure rooms. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <assert.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *p)
{
	uint64_t z = (p->state += 0x9E3779B97F4A7C15U);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
	return z ^ (z >> 31);
}

/* A number in [low, high], both included. */
static inline int64_t prng_range(struct prng *p, int64_t low, int64_t high)
{
	assert(low <= high);
	return low + (int64_t)(prng_next(p) % (uint64_t)(high - low + 1));
}

#endif
