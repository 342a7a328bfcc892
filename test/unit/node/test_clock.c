/* Which of the system's clocks are read. The test is the system: its own clock_gettime() stands in
 * for the C library's. */
#include <time.h>

#include "node/node_internal.h"
#include "testing.h"

static struct timespec clocks[CLOCK_BOOTTIME + 1];

int clock_gettime(clockid_t id, struct timespec *ret)
{
	*ret = clocks[id];
	return 0;
}

TEST(time_counts_suspend)
{
	int64_t before_us;

	clocks[CLOCK_MONOTONIC] = (struct timespec){100, 5000};
	clocks[CLOCK_BOOTTIME] = (struct timespec){100, 5000};
	before_us = node_now_us(NULL);
	assert_int_equal(before_us, 100000005);
	/* An hour's sleep: one clock stands still. */
	clocks[CLOCK_BOOTTIME].tv_sec += 3600;
	assert_int_equal(node_now_us(NULL) - before_us, INT64_C(3600000000));
}

TEST(setting_the_date_does_not_move_time)
{
	int64_t before_us = node_now_us(NULL);

	clocks[CLOCK_REALTIME] = (struct timespec){1700000000, 42000000};
	assert_int_equal(node_now_us(NULL), before_us);
	assert_int_equal(node_wall_ms(NULL), INT64_C(1700000000042));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_counts_suspend),
	    cmocka_unit_test(setting_the_date_does_not_move_time),
	};

	return RUN_TESTS(tests);
}
