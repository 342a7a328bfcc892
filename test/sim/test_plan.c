/* Schedules: made from seeds, printed, read back. */
#include <stdlib.h>
#include <string.h>

#include "sim/plan.h"
#include "testing.h"

/* What stands in the gaps of a structure is nobody's business. */
static void assert_same(const struct plan *x, const struct plan *y)
{
	assert_true(x->seed == y->seed && x->nodes == y->nodes && x->standbys == y->standbys &&
	            x->framed == y->framed && x->held == y->held && x->length_us == y->length_us &&
	            x->n == y->n);
	for (size_t i = 0; i < x->n; i++) {
		const struct plan_fault *a = &x->faults[i];
		const struct plan_fault *b = &y->faults[i];

		assert_true(a->at_us == b->at_us && a->for_us == b->for_us && a->kind == b->kind &&
		            a->a == b->a && a->b == b->b && a->amount == b->amount);
	}
}

static void the_same_seed_makes_the_same_plan(void **state)
{
	struct plan x;
	struct plan y;

	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		plan_make(seed, 0, 0, &x);
		plan_make(seed, 0, 0, &y);
		assert_same(&x, &y);
	}
}

static void a_printed_plan_is_read_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct plan x;
		struct plan y;
		unsigned line;
		FILE *file = tmpfile();

		assert_non_null(file);
		plan_make(seed, 0, 0, &x);
		plan_print(&x, file);
		rewind(file);
		assert_int_equal(plan_read(file, &y, &line), ST_OK);
		assert_same(&x, &y);
		assert_int_equal(fclose(file), 0);
	}
}

static void a_line_that_makes_no_sense_is_named(void **state)
{
	static const char *const bad[] = {
	    "1.0 explode 1 0 for 0.0 amount 0\n",     "1.0 crash 9 0 for 0.0 amount 0\n",
	    "1.0 cut 1 0 for 1.0 amount 0\n",         "1.0 member-replace 1 0 for 0.0 amount 0\n",
	    "1.0 member-join 4 0 for 0.0 amount 0\n", "nonsense\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct plan p;
		unsigned line = 0;
		FILE *file = tmpfile();

		assert_non_null(file);
		assert_true(fprintf(file, "seed 1\nnodes 3\nlength 5.0\n%s", bad[i]) > 0);
		rewind(file);
		assert_int_equal(plan_read(file, &p, &line), ST_MALFORMED);
		assert_int_equal(line, 4);
		assert_int_equal(fclose(file), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_seed_makes_the_same_plan),
	    cmocka_unit_test(a_printed_plan_is_read_back),
	    cmocka_unit_test(a_line_that_makes_no_sense_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
