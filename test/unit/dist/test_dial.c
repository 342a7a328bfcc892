#include "base/prng.h"
#include "dist/dial.h"
#include "testing.h"

TEST(the_first_retry_comes_within_50_ms_and_none_waits_longer_than_the_cap)
{
	struct prng prng = {42};
	struct dial d;
	int64_t now = 1000;

	dial_init(&d, now);
	assert_int_equal(d.next_ms, now);
	dial_failed(&d, now, prng_next(&prng));
	assert_in_range(d.next_ms - now, DIAL_FIRST_MS / 2, DIAL_FIRST_MS);
	for (int i = 0; i < 1000; i++) {
		now = d.next_ms;
		dial_failed(&d, now, prng_next(&prng));
		assert_in_range(d.next_ms - now, 1, DIAL_CAP_MS);
	}
	assert_in_range(d.next_ms - now, DIAL_CAP_MS / 2, DIAL_CAP_MS);
}

TEST(evidence_of_life_starts_over)
{
	struct dial d;

	dial_init(&d, 0);
	for (int i = 0; i < 10; i++)
		dial_failed(&d, 0, 7);
	dial_alive(&d, 500);
	assert_int_equal(d.next_ms, 500);
	dial_failed(&d, 500, 7);
	assert_in_range(d.next_ms - 500, 1, DIAL_FIRST_MS);
}

TEST(patience_follows_the_distance_within_bounds)
{
	assert_int_equal(dial_patience(-1), DIAL_CONNECT_MS);
	assert_int_equal(dial_patience(0), DIAL_CONNECT_MIN_MS);
	assert_int_equal(dial_patience(20), 210);
	assert_int_equal(dial_patience(5000), DIAL_CONNECT_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_retry_comes_within_50_ms_and_none_waits_longer_than_the_cap),
	    cmocka_unit_test(evidence_of_life_starts_over),
	    cmocka_unit_test(patience_follows_the_distance_within_bounds),
	};

	return RUN_TESTS(tests);
}
