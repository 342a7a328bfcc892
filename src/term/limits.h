/* Bounds of printing and of the external term format; those of terms themselves are in
 * term.h. */
#ifndef TERM_LIMITS_H
#define TERM_LIMITS_H

enum {
	/* Nesting of tags while decoding: a list in a list costs one level of C stack each, and a
	 * term beyond TERM_DEPTH_MAX would be refused anyway. */
	ETF_DEPTH_MAX = 520,
	/* Elements of one tuple or map: Erlang's own limit for tuples. */
	ETF_ARITY_MAX = 16777215,
	/* Bytes of what one print measures: enough for a million elements, whose text nobody
	 * reads. */
	PRINT_SCRATCH_MAX = 64 * 1024 * 1024,
};

#endif
