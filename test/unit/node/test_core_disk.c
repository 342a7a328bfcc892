/* The alarm about disk space: on whoever has none, and on the leader that refuses writes. */
#include <string.h>

#include "one.h"
#include "testing.h"

static void look(struct one *o, unsigned after_ms, bool majority_full, bool own_short)
{
	o->now_us += (int64_t)after_ms * MS;
	core_note_disk(o->core, majority_full, own_short);
}

TEST(a_node_without_space_in_reserve_says_so_whoever_leads)
{
	struct one o;

	(void)open_one(&o);
	look(&o, 0, false, true);
	look(&o, 4900, false, true);
	assert_int_equal(o.alarms, 0);
	look(&o, 100, false, true);
	assert_int_equal(o.alarms, 1);
	assert_non_null(strstr(o.alarm, "disk full: this node has no space in reserve"));
	assert_int_equal(core_disk_space(o.core), CORE_DISK_SHORT);
	look(&o, 100, false, true);
	assert_int_equal(o.alarms, 1);
	look(&o, 100, false, false);
	assert_int_equal(core_disk_space(o.core), CORE_DISK_ENOUGH);
	assert_string_equal(o.ended, "disk full");
	close_one(&o);
}

TEST(a_reserve_that_many_writes_used_up_for_a_moment_is_no_alarm)
{
	struct one o;

	(void)open_one(&o);
	for (unsigned i = 0; i < 5; i++) {
		look(&o, 3000, false, true);
		look(&o, 1500, false, true);
		look(&o, 10, false, false);
	}
	assert_int_equal(o.alarms, 0);
	close_one(&o);
}

TEST(a_full_majority_is_told_at_once_and_instead)
{
	struct one o;

	(void)open_one(&o);
	look(&o, 0, true, true);
	assert_int_equal(o.alarms, 1);
	assert_non_null(strstr(o.alarm, "disk full: a majority of the members"));
	assert_int_equal(core_disk_space(o.core), CORE_DISK_FULL);
	/* Somebody else leads: what is left to say is said. */
	look(&o, 6000, false, true);
	assert_int_equal(o.alarms, 2);
	assert_non_null(strstr(o.alarm, "disk full: this node has no space in reserve"));
	assert_string_equal(o.ended, "disk full");
	look(&o, 10, true, true);
	assert_int_equal(o.alarms, 3);
	assert_int_equal(core_disk_space(o.core), CORE_DISK_FULL);
	close_one(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_without_space_in_reserve_says_so_whoever_leads),
	    cmocka_unit_test(a_reserve_that_many_writes_used_up_for_a_moment_is_no_alarm),
	    cmocka_unit_test(a_full_majority_is_told_at_once_and_instead),
	};

	return RUN_TESTS(tests);
}
