#include "dist/limits.h"
#include "dist/link_room.h"
#include "testing.h"

/* A line with a buffer that loses nothing. */
struct line {
	struct link_room room;
	int64_t now_us;
	int64_t rtt_us;  /* without waiting */
	int64_t byte_ns; /* each byte takes so long */
	size_t waiting;  /* bytes in the network */
	size_t carried;
	int64_t late_us; /* what a byte that enters now waits for */
};

static void line_init(struct line *l, int64_t rtt_us, int64_t byte_ns)
{
	*l = (struct line){.rtt_us = rtt_us, .byte_ns = byte_ns};
	link_room_init(&l->room);
}

/* A millisecond of a sender that has more to send than fits. */
static void line_step(struct line *l)
{
	const size_t drained = (size_t)(1000000 / l->byte_ns);
	struct link_path path = {.min_rtt_us = (uint32_t)l->rtt_us};
	size_t left;

	l->now_us += 1000;
	l->carried += drained < l->waiting ? drained : l->waiting;
	l->waiting -= drained < l->waiting ? drained : l->waiting;
	l->late_us = (int64_t)l->waiting * l->byte_ns / 1000 - l->rtt_us;
	l->late_us = l->late_us > 0 ? l->late_us : 0;
	path.rtt_us = (uint32_t)(l->rtt_us + l->late_us);
	path.under_way = l->waiting;
	if (link_room_left(&l->room) == 0)
		link_room_learn(&l->room, &path, l->now_us);
	left = link_room_left(&l->room);
	link_room_took(&l->room, left);
	l->waiting += left;
}

static void line_run(struct line *l, int64_t ms)
{
	while (ms-- > 0)
		line_step(l);
}

TEST(a_slow_line_is_kept_busy_and_its_buffer_nearly_empty)
{
	struct line l;

	line_init(&l, 2000, 333); /* 24 Mbit/s */
	line_run(&l, 1000);
	l.carried = 0;
	for (unsigned i = 0; i < 5000; i++) {
		line_step(&l);
		assert_true(l.late_us <= 2 * LINK_LATE_US);
	}
	assert_true(l.carried > 5000 * 3000 * 95 / 100);
}

TEST(a_fast_line_gets_all_that_it_carries)
{
	struct line l;

	line_init(&l, 200, 1); /* 8 Gbit/s */
	line_run(&l, 200);
	l.carried = 0;
	line_run(&l, 1000);
	assert_true(l.carried > (size_t)1000 * 1000 * 1000 * 9 / 10);
}

TEST(a_far_line_is_filled_within_some_round_trips)
{
	struct line l;

	line_init(&l, 100000, 80); /* 100 Mbit/s, 100 ms: 1.25 MB are on their way */
	line_run(&l, 2000);
	l.carried = 0;
	line_run(&l, 2000);
	assert_true(l.carried > 2000 * 12500 * 9 / 10);
	assert_true(l.late_us <= 2 * LINK_LATE_US);
}

TEST(a_line_that_becomes_slow_is_drained)
{
	struct line l;

	line_init(&l, 1000, 8); /* 1 Gbit/s */
	line_run(&l, 1000);
	l.byte_ns = 800;    /* 10 Mbit/s */
	line_run(&l, 8000); /* what was on its way has to leave first */
	assert_true(l.late_us <= 3 * LINK_LATE_US);
}

TEST(without_round_trips_the_room_stays_small)
{
	const struct link_path path = {.under_way = 10};
	struct link_room r;

	link_room_init(&r);
	link_room_took(&r, LINK_ROOM_MIN);
	assert_int_equal(link_room_left(&r), 0);
	link_room_learn(&r, &path, 1000);
	assert_int_equal(link_room_left(&r), LINK_ROOM_MIN - 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_slow_line_is_kept_busy_and_its_buffer_nearly_empty),
	    cmocka_unit_test(a_fast_line_gets_all_that_it_carries),
	    cmocka_unit_test(a_far_line_is_filled_within_some_round_trips),
	    cmocka_unit_test(a_line_that_becomes_slow_is_drained),
	    cmocka_unit_test(without_round_trips_the_room_stays_small),
	};

	return RUN_TESTS(tests);
}
