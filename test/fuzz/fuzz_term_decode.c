/* Any bytes as a term of the external format: what decodes must survive printing, encoding and
 * decoding again. */
#include <stdlib.h>

#include "term/term.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_back(struct arena *a, const struct term *t)
{
	const struct term *back;
	struct buf out;
	size_t used;

	buf_init(&out, 1 << 22);
	if (term_encode(t, &out) == ST_OK) {
		if (term_decode(a, out.base, out.len, &used, &back) == ST_OK &&
		    term_compare(t, back, true) != 0)
			abort();
	}
	buf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct term *t;
	struct arena a;
	struct buf out;
	size_t used;

	arena_init(&a, 1 << 24);
	buf_init(&out, 1 << 22);
	if (term_decode(&a, data, size, &used, &t) == ST_OK) {
		term_print(&out, t);
		term_print_pretty(&out, t, 80);
		check_back(&a, t);
	}
	buf_close(&out);
	arena_close(&a);
	return 0;
}
