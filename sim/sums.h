/* What many worlds went through, together, and the tables that doc/testing.md shows of it. */
#ifndef SIM_SUMS_H
#define SIM_SUMS_H

#include <stdio.h>

#include "sim/run.h"

enum { SUMS_FAILED_MAX = 32 }; /* seeds of failures that are kept by name */

/* Worlds of one size. */
struct sums_size {
	uint64_t n;
	uint64_t failed;
	int64_t virtual_us;
	int64_t cpu_us;
};

struct sums {
	uint64_t n;
	uint64_t failed;
	int64_t cpu_us;
	struct sim_stats stats;
	struct sums_size sizes[SIM_NODES_MAX + 1]; /* by nodes at the beginning */
	uint64_t failures[SUMS_FAILED_MAX];        /* the first ones' seeds */
};

void sums_add(struct sums *s, const struct plan *plan, const struct run_result *result);

/* The tables: all worlds from this seed on, by size, by fault. */
void sums_print(const struct sums *s, uint64_t first, FILE *out);

/* One line about them. */
void sums_print_line(const struct sums *s, FILE *out);

/* Virtual time over processor time. */
double sums_ratio(int64_t virtual_us, int64_t cpu_us);

#endif
