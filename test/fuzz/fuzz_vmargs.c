/* vm.args as somebody typed it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "node/vmargs.h"

enum { MEMORY_MAX = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmargs_fault fault = {0};
	struct vmargs args;
	struct arena a;

	arena_init(&a, MEMORY_MAX);
	if (vmargs_parse(&a, (const char *)data, size, &args, &fault) == ST_OK) {
		for (size_t i = 0; i < args.n;) {
			size_t next = vmargs_next(&args, i);

			assert(next > i && next <= args.n);
			i = next;
		}
	} else {
		assert(fault.what != NULL);
	}
	arena_close(&a);
	return 0;
}
