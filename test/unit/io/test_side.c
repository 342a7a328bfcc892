#include <pthread.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "io/side.h"
#include "testing.h"

enum { WAIT_MS = 10000 }; /* much more than a busy machine needs */

/* What an owner sees, guarded by lock. */
struct owner {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned opened;
	unsigned ticks;
	unsigned left;
	unsigned closed;
	unsigned empty_after; /* looks until nobody is left */
	unsigned looks;
	uv_timer_t handle; /* something that keeps the loop turning */
	struct uv_loop_s *loop;
};

static void note(struct owner *o, unsigned *what)
{
	pthread_mutex_lock(&o->lock);
	(*what)++;
	pthread_cond_signal(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

static void on_nothing(uv_timer_t *timer)
{
	(void)timer;
}

static void on_open(void *arg, struct uv_loop_s *loop)
{
	struct owner *o = arg;

	o->loop = loop;
	assert_int_equal(uv_timer_init(loop, &o->handle), 0);
	assert_int_equal(uv_timer_start(&o->handle, on_nothing, 1, 1), 0);
	note(o, &o->opened);
}

static void on_tick(void *arg)
{
	struct owner *o = arg;

	note(o, &o->ticks);
}

static void on_leave(void *arg)
{
	struct owner *o = arg;

	note(o, &o->left);
}

static bool is_empty(void *arg)
{
	struct owner *o = arg;

	note(o, &o->looks);
	return o->looks >= o->empty_after;
}

static void on_close(void *arg)
{
	struct owner *o = arg;

	uv_close((uv_handle_t *)&o->handle, NULL);
	note(o, &o->closed);
}

static struct side *begin(struct owner *o, unsigned empty_after)
{
	const struct side_ops ops = {o, on_open, on_tick, on_leave, is_empty, on_close};
	struct side *s;

	memset(o, 0, sizeof *o);
	o->empty_after = empty_after;
	assert_int_equal(pthread_mutex_init(&o->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&o->changed, NULL), 0);
	assert_int_equal(side_start(&ops, &s), ST_OK);
	return s;
}

static void finish(struct owner *o, struct side *s)
{
	side_end(s);
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->lock);
}

static void await_ticks(struct owner *o, unsigned wanted)
{
	struct timespec until;
	int rv = 0;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
	until.tv_sec += WAIT_MS / 1000;
	pthread_mutex_lock(&o->lock);
	while (o->ticks < wanted && rv == 0)
		rv = pthread_cond_timedwait(&o->changed, &o->lock, &until);
	pthread_mutex_unlock(&o->lock);
	assert_int_equal(rv, 0);
}

TEST(a_while_that_is_over_at_once_opens_nothing_that_stays_open)
{
	struct owner o;

	finish(&o, begin(&o, 0));
	assert_int_equal(o.opened, o.closed);
	assert_int_equal(o.opened, o.left);
}

TEST(a_longer_one_has_a_loop_that_turns_until_it_ends)
{
	struct owner o;
	struct side *s = begin(&o, 0);

	await_ticks(&o, 2);
	finish(&o, s);
	assert_int_equal(o.opened, 1);
	assert_int_equal(o.left, 1);
	assert_int_equal(o.closed, 1);
}

TEST(whoever_is_being_served_is_waited_for)
{
	struct owner o;
	struct side *s = begin(&o, 5);

	await_ticks(&o, 1);
	finish(&o, s);
	assert_int_equal(o.looks, 5);
	assert_int_equal(o.closed, 1);
}

TEST(whoever_stays_is_not_waited_for_for_ever)
{
	struct owner o;
	struct side *s = begin(&o, 1U << 30);

	await_ticks(&o, 1);
	finish(&o, s);
	assert_int_equal(o.looks, SIDE_LINGER_MS / SIDE_LOOK_MS + 1);
	assert_int_equal(o.closed, 1);
}

TEST(it_can_end_at_any_moment_of_its_beginning)
{
	const struct timespec nearly = {.tv_nsec = (SIDE_PATIENCE_MS - 1) * 1000000L};

	for (unsigned i = 0; i < 4; i++) {
		struct owner o;
		struct side *s = begin(&o, 0);

		/* The moment at which the thread opens; whichever is first, both end. */
		(void)nanosleep(&nearly, NULL);
		finish(&o, s);
		assert_int_equal(o.opened, o.closed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_while_that_is_over_at_once_opens_nothing_that_stays_open),
	    cmocka_unit_test(a_longer_one_has_a_loop_that_turns_until_it_ends),
	    cmocka_unit_test(whoever_is_being_served_is_waited_for),
	    cmocka_unit_test(whoever_stays_is_not_waited_for_for_ever),
	    cmocka_unit_test(it_can_end_at_any_moment_of_its_beginning),
	};

	return RUN_TESTS(tests);
}
