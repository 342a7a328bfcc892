/* External terms from strangers: what decodes also prints, and encodes to the same term again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "term/term.h"

enum { MEMORY_MAX = 8 << 20, TEXT_MAX = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(struct arena *a, const struct term *t)
{
	const struct term *again;
	struct buf b;
	size_t used;

	buf_init(&b, TEXT_MAX);
	if (term_encode(t, &b) == ST_OK && term_decode(a, b.base, b.len, &used, &again) == ST_OK) {
		assert(used == b.len);
		assert(term_compare(t, again, true) == 0);
	}
	buf_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct term *t;
	struct arena a;
	struct buf text;
	size_t used;

	arena_init(&a, MEMORY_MAX);
	if (term_decode(&a, data, size, &used, &t) == ST_OK) {
		assert(used <= size);
		buf_init(&text, TEXT_MAX);
		term_print(&text, t);
		term_print_pretty(&text, t, 80);
		buf_close(&text);
		encode_again(&a, t);
	}
	arena_close(&a);
	return 0;
}
