/* Any text as a program, with small limits and a host that answers in every way. */
#include <stdlib.h>
#include <string.h>

#include "eval/eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum host_answer answer(void *arg, uint32_t call, const char *module, const char *function,
                               const struct term *const args[], size_t n_args, struct arena *arena,
                               const struct term **ret)
{
	static const enum host_answer answers[] = {HOST_VALUE, HOST_RAISE, HOST_UNDEFINED,
	                                           HOST_WAIT};

	(void)arg;
	(void)module;
	(void)function;
	*ret = n_args > 0 ? args[0] : term_nil(arena);
	return *ret == NULL ? HOST_UNDEFINED : answers[call % 4];
}

static void run(const uint8_t *data, size_t size)
{
	const struct eval_limits limits = {
	    .steps = 20000, .memory = 1 << 20, .depth = 500, .calls = 8};
	const struct eval_host host = {.call = answer};
	struct eval_result r;
	struct eval *e;
	struct buf out;

	if (eval_new((const char *)data, size, &host, &limits, &e) != ST_OK)
		return;
	buf_init(&out, 1 << 22);
	eval_run(e, &r);
	for (uint32_t call = 3; r.outcome == EVAL_WAIT; call += 4) {
		struct arena a;

		arena_init(&a, 4096);
		if (eval_answer(e, call, call % 8 == 3, term_atom(&a, "later")) != ST_OK)
			abort();
		arena_close(&a);
		eval_run(e, &r);
	}
	eval_print(&r, &out);
	buf_close(&out);
	eval_free(e);
}

static void consult(const uint8_t *data, size_t size)
{
	const struct term *t;
	const char *message;
	struct arena a;
	unsigned line;
	unsigned column;

	arena_init(&a, 1 << 20);
	if (eval_consult(&a, (const char *)data, size, &t, &line, &column, &message) == ST_OK &&
	    term_length(t) < 0)
		abort();
	arena_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run(data, size);
	consult(data, size);
	return 0;
}
