/* How a term lies in memory; for the files of this room only.
 *
 * Every term knows its depth and weight, so that a term beyond the limits is never built. */
#ifndef TERM_REPR_H
#define TERM_REPR_H

#include "term/term.h"

struct term_big {
	const uint64_t *limbs; /* magnitude, least significant first, no leading zero */
	size_t n;
	bool negative;
};

struct term {
	uint8_t type;    /* enum term_type */
	uint16_t depth;  /* 1 for a leaf, at most TERM_DEPTH_MAX */
	uint32_t weight; /* term_weight() */
	union {
		int64_t integer;
		double real;
		struct {
			const char *text; /* NUL-terminated UTF-8 */
			size_t len;
		} atom;
		struct term_big big;
		struct term_bytes bytes;
		struct {
			const struct term *head;
			const struct term *tail;
			int64_t len; /* elements of a proper list, else -1 */
		} cons;
		struct {
			const struct term *const *items;
			size_t n;
		} tuple;
		struct {
			const struct term *const *keys; /* in Erlang's order */
			const struct term *const *values;
			size_t n;
		} map;
		const struct term_node_id *id;
		const struct term_fun *fun;
	};
};

/* A term with room for its fields, or NULL with the arena marked failed. */
struct term *term_alloc(struct arena *a, enum term_type type, size_t depth, uint64_t weight);

/* A big integer; limbs are borrowed for the life of the term. */
const struct term *term_big(struct arena *a, const struct term_big *big);

/* Numbers only; exact: integers sort before floats. */
int term_compare_numbers(const struct term *x, const struct term *y, bool exact);

#endif
