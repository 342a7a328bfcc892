#include "node/course.h"

#include <string.h>

#include "testing.h"

enum { SECOND = 1000000 };

static struct course c;

/* Entries of 100 bytes each, ten a second, from second 0 to second n. */
static void walk(unsigned seconds)
{
	memset(&c, 0, sizeof c);
	for (unsigned i = 0; i <= 10 * seconds; i++)
		course_note(&c, 1000 + i, UINT64_C(100) * i, (int64_t)i * SECOND / 10);
}

TEST(an_older_index_is_so_many_bytes_and_so_much_time_behind)
{
	walk(60);
	assert_int_equal(course_bytes(&c, 1500, 1600), 10000);
	assert_int_equal(course_bytes(&c, 1503, 1504), 100);
	assert_int_equal(course_bytes(&c, 1600, 1600), 0);
	assert_int_equal(course_age_us(&c, 1600, 61 * SECOND), 0);
	assert_in_range(course_age_us(&c, 1500, 60 * SECOND), 9600000, 10000000);
	assert_in_range(course_age_us(&c, 1599, 60 * SECOND), 0, 200000);
}

TEST(time_goes_on_while_nothing_is_written)
{
	walk(10);
	assert_in_range(course_age_us(&c, 1099, 3600LL * SECOND), 3589000000LL, 3591000000LL);
	assert_int_equal(course_age_us(&c, 1100, 3600LL * SECOND), 0);
}

TEST(what_is_not_remembered_is_estimated)
{
	walk(10);
	assert_int_equal(course_bytes(&c, 900, 1000), 10000);
	assert_int_equal(course_bytes(&c, 1100, 1110), 1000);
	assert_int_equal(course_age_us(&c, 1, 20 * SECOND), 20 * SECOND);
}

TEST(old_marks_make_room_for_new_ones)
{
	walk(COURSE_MARKS);
	assert_int_equal(course_bytes(&c, 1000 + 10 * COURSE_MARKS - 50, 1000 + 10 * COURSE_MARKS),
	                 5000);
	assert_int_equal(c.n, COURSE_MARKS);
}

TEST(a_rate_is_that_of_the_last_seconds)
{
	walk(60);
	assert_true(course_rate(&c, "a") == 0);
	for (unsigned i = 0; i < 20; i++) {
		course_step(&c, "a", i < 10 ? 1000 : 1000 + 20 * (i - 10), (int64_t)i * SECOND);
		course_step(&c, "b", 1600, (int64_t)i * SECOND);
	}
	assert_true(course_rate(&c, "a") > 1990 && course_rate(&c, "a") < 2010);
	assert_true(course_rate(&c, "b") == 0);
	assert_true(course_rate(&c, "nobody") == 0);
}

TEST(a_state_that_was_fetched_begins_anew)
{
	walk(10);
	course_note(&c, 5000, 0, 20 * SECOND);
	assert_int_equal(c.n, 1);
	assert_int_equal(course_bytes(&c, 1000, 5000), 0);
	assert_int_equal(course_age_us(&c, 4999, 21 * SECOND), SECOND);
}

TEST(more_members_than_places_take_each_others)
{
	char name[4] = "m00";

	memset(&c, 0, sizeof c);
	course_note(&c, 1, 0, 0);
	course_note(&c, 1001, 1000, SECOND);
	for (unsigned i = 0; i < 2 * MEMBERS_MAX; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		course_step(&c, name, 1, (int64_t)i * SECOND);
		course_step(&c, name, 501, (int64_t)(i + 1) * SECOND);
		assert_true(course_rate(&c, name) > 499 && course_rate(&c, name) < 501);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_older_index_is_so_many_bytes_and_so_much_time_behind),
	    cmocka_unit_test(time_goes_on_while_nothing_is_written),
	    cmocka_unit_test(what_is_not_remembered_is_estimated),
	    cmocka_unit_test(old_marks_make_room_for_new_ones),
	    cmocka_unit_test(a_rate_is_that_of_the_last_seconds),
	    cmocka_unit_test(a_state_that_was_fetched_begins_anew),
	    cmocka_unit_test(more_members_than_places_take_each_others),
	};

	return RUN_TESTS(tests);
}
