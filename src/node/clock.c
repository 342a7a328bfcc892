/* The real clocks and the real randomness. */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "node/node_internal.h"

int64_t node_now_us(void *arg)
{
	struct timespec now;

	(void)arg;
	/* Counts suspend, unlike CLOCK_MONOTONIC: a lease must be over after waking up. */
	if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
		abort();
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t node_wall_ms(void *arg)
{
	struct timespec now;

	(void)arg;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		abort();
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t node_random(void *arg)
{
	uint64_t v;

	(void)arg;
	/* Reads of up to 256 bytes are never cut short once the pool is ready (getrandom(2)). */
	if (getrandom(&v, sizeof v, 0) != (ssize_t)sizeof v)
		abort();
	return v;
}
