/* The set of configurations remembers all and invents none. */
#include "lin/memo.h"

#include "testing.h"

#include "base/prng.h"

TEST(a_record_is_new_once)
{
	struct memo m;
	bool fresh;

	memo_init(&m, 2);
	for (unsigned round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 5000; i++) {
			const uint64_t record[2] = {i % 7, i};

			assert_int_equal(memo_add(&m, record, &fresh), ST_OK);
			assert_int_equal(fresh, round == 0);
		}
	}
	assert_int_equal(m.n, 5000);
	memo_close(&m);
	memo_close(&m);
}

TEST(records_beyond_the_limit_are_refused)
{
	const uint64_t records[][1] = {{1}, {2}};
	struct memo m;
	bool fresh;

	memo_init(&m, 1);
	m.records_max = 1;
	m.n = 1;
	m.cap = 1;
	assert_int_equal(memo_add(&m, records[0], &fresh), ST_LIMIT);
	memo_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_new_once),
	    cmocka_unit_test(records_beyond_the_limit_are_refused),
	};

	return RUN_TESTS(tests);
}
