#include "testing.h"

#include <string.h>

#include "node/host_figures.h"

TEST(a_line_about_a_device_has_its_receive_errors)
{
	struct metrics_device d;

	assert_true(host_device_line(
	    "  eth0: 1234567    8901   23    4    0     0          0         0  99 1 0 0 0 0 0 0",
	    &d));
	assert_string_equal(d.name, "eth0");
	assert_true(d.receive_errors == 23);
	assert_true(host_device_line("veth12@if3:1 2 3 4", &d));
	assert_string_equal(d.name, "veth12@if3");
	assert_true(d.receive_errors == 3);
}

TEST(headings_and_broken_lines_are_no_devices)
{
	struct metrics_device d;

	assert_false(host_device_line("Inter-|   Receive          |  Transmit", &d));
	assert_false(host_device_line(" face |bytes    packets errs drop fifo", &d));
	assert_false(host_device_line("eth0: 1 2", &d));
	assert_false(host_device_line("", &d));
	assert_false(host_device_line("a-name-that-is-much-longer-than-any-device-has: 1 2 3", &d));
}

TEST(this_process_has_memory_descriptors_and_a_beginning)
{
	static struct metrics_view v;
	static struct metrics m;

	metrics_view_init(&v, &m);
	host_process(&v, 1000 * 1000000LL, 1795319272000LL);
	assert_true(v.process_resident_memory_bytes > 100000);
	assert_true(v.process_virtual_memory_bytes >= v.process_resident_memory_bytes);
	assert_true(v.process_open_fds >= 3);
	assert_true(v.process_cpu_seconds >= 0);
	assert_true(v.process_start_time_seconds > 1000);
	host_network(&v);
	assert_true(v.n_devices >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_about_a_device_has_its_receive_errors),
	    cmocka_unit_test(headings_and_broken_lines_are_no_devices),
	    cmocka_unit_test(this_process_has_memory_descriptors_and_a_beginning),
	};

	return RUN_TESTS(tests);
}
