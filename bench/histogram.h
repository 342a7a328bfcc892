/* Latencies in buckets that grow with them: every percentile within 1.6 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 6, /* 64 buckets for each power of two */
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
	uint64_t n;   /* values */
	uint64_t max; /* the largest one, exactly */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
/* The value that this share (0 to 1) of all values does not exceed; 0: there are none. */
uint64_t histogram_percentile(const struct histogram *h, double share);

#endif
