#include "cluster/quorum.h"
#include "testing.h"

TEST(the_quorum_size_can_only_make_stricter)
{
	assert_int_equal(quorum_needed(1, 1), 1);
	assert_int_equal(quorum_needed(3, 3), 2);
	assert_int_equal(quorum_needed(3, 5), 3); /* too small a setting changes nothing */
	assert_int_equal(quorum_needed(5, 3), 3);
	assert_int_equal(quorum_needed(9, 3), 5); /* can never be met: loud elsewhere */
	assert_int_equal(quorum_needed(4, 4), 3);
	assert_int_equal(quorum_needed(2, 2), 2);
}

TEST(what_enough_members_reach_is_the_needed_th_best)
{
	int64_t three[] = {10, 30, 20};
	int64_t five[] = {5, 1, 4, 2, 3};
	int64_t one[] = {7};

	assert_int_equal(quorum_reached(three, 3, 2, 0), 20);
	assert_int_equal(quorum_reached(three, 3, 3, 0), 10);
	assert_int_equal(quorum_reached(five, 5, 3, 0), 3);
	assert_int_equal(quorum_reached(one, 1, 1, 0), 7);
	assert_int_equal(quorum_reached(one, 1, 2, -1), -1);
	assert_int_equal(quorum_reached(one, 0, 1, -1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_quorum_size_can_only_make_stricter),
	    cmocka_unit_test(what_enough_members_reach_is_the_needed_th_best),
	};

	return RUN_TESTS(tests);
}
