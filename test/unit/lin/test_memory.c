/* Every allocation fails once: the checker says so, leaks nothing, and never gives a verdict. */
#include "lin/lin.h"

#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "lin/limits.h"

/* The linker sends our calls here (--wrap); libraries keep their own. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static unsigned left; /* allocations until one fails; 0: none does */

static bool fails(void)
{
	return left > 0 && --left == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* One operation of a process of its own. */
static enum status add(struct history *h, enum history_f f, int64_t process, int64_t value)
{
	struct history_op op = {.f = f};
	enum status st = history_integer(h, process, &op.process);

	if (st == ST_OK)
		st = history_symbol(h, "\"x\"", &op.key);
	if (st == ST_OK)
		st = history_integer(h, value, &op.value);
	if (st == ST_OK)
		st = history_invoke(h, &op, process);
	if (st == ST_OK)
		st = history_return(h, op.process, HISTORY_OK, op.value, process);
	return st;
}

/* Many values one after the other, then an old one: every growth and the shrinking happen. */
static enum status stale(struct history *h, struct lin_result *r)
{
	enum status st = history_init(h);

	for (int64_t i = 1; i <= 200 && st == ST_OK; i++)
		st = add(h, HISTORY_WRITE, i, i);
	if (st == ST_OK)
		st = add(h, HISTORY_READ, 1000, 7);
	return st == ST_OK ? lin_check(h, LIN_BUDGET_DEFAULT, r) : st;
}

TEST(each_allocation_that_fails_is_told_and_leaks_nothing)
{
	enum status st = ST_NOMEM;
	unsigned n = 0;

	while (st != ST_OK) {
		struct history h;
		struct lin_result r = {.verdict = LIN_OK};

		left = ++n;
		st = stale(&h, &r);
		left = 0;
		assert_true(st == ST_OK || st == ST_NOMEM);
		assert_int_equal(r.verdict, st == ST_OK ? LIN_VIOLATED : LIN_OK);
		lin_result_close(&r);
		history_close(&h);
	}
	assert_true(n > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_allocation_that_fails_is_told_and_leaks_nothing),
	};

	return RUN_TESTS(tests);
}
