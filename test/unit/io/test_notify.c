#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "io/notify.h"
#include "testing.h"

enum { TEXT_MAX = 1024 };

/* A service manager: a bound socket in a directory of its own. */
struct manager {
	char dir[64];
	char path[96];
	int fd;
	uv_loop_t loop;
};

static void manager_open(struct manager *m)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 10};

	(void)snprintf(m->dir, sizeof m->dir, "/tmp/erlmcp-notify-XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	(void)snprintf(m->path, sizeof m->path, "%s/socket", m->dir);
	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s", m->path);
	m->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(m->fd >= 0);
	assert_int_equal(setsockopt(m->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(bind(m->fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(uv_loop_init(&m->loop), 0);
}

static void manager_close(struct manager *m)
{
	assert_int_equal(uv_run(&m->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&m->loop), 0);
	close(m->fd);
	assert_int_equal(unlink(m->path), 0);
	assert_int_equal(rmdir(m->dir), 0);
}

static void expect(const struct manager *m, const char *wanted)
{
	char text[TEXT_MAX];
	const ssize_t len = recv(m->fd, text, sizeof text - 1, 0);

	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text, wanted);
}

TEST(the_manager_is_told_in_the_order_of_events)
{
	struct manager m;
	struct notify *n;

	manager_open(&m);
	n = notify_open(&m.loop, m.path, 0);
	assert_non_null(n);
	notify_starting(n, "loading: soon", 60000000);
	notify_ready(n);
	notify_status(n, "serving: all is well");
	notify_stopping(n);
	expect(&m, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=loading: soon");
	expect(&m, "READY=1");
	expect(&m, "STATUS=serving: all is well");
	expect(&m, "STOPPING=1\nSTATUS=stopping");
	notify_close(n);
	manager_close(&m);
}

static void stop_waiting(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
}

TEST(the_watchdog_is_told_as_long_as_the_loop_turns)
{
	struct manager m;
	struct notify *n;
	uv_timer_t timer;

	manager_open(&m);
	n = notify_open(&m.loop, m.path, 20000);
	assert_non_null(n);
	assert_int_equal(uv_timer_init(&m.loop, &timer), 0);
	assert_int_equal(uv_timer_start(&timer, stop_waiting, 100, 0), 0);
	assert_int_equal(uv_run(&m.loop, UV_RUN_DEFAULT), 0);
	expect(&m, "WATCHDOG=1");
	expect(&m, "WATCHDOG=1");
	notify_close(n);
	manager_close(&m);
}

TEST(a_status_that_is_too_long_is_cut)
{
	struct manager m;
	struct notify *n;
	char text[TEXT_MAX];
	char got[TEXT_MAX];

	manager_open(&m);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	n = notify_open(&m.loop, m.path, 0);
	notify_status(n, text);
	assert_int_equal(recv(m.fd, got, sizeof got, 0), 511);
	notify_close(n);
	manager_close(&m);
}

TEST(without_a_manager_nothing_is_told)
{
	uv_loop_t loop;
	char path[200];

	assert_int_equal(uv_loop_init(&loop), 0);
	memset(path, 'y', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_null(notify_open(&loop, NULL, 1000));
	assert_null(notify_open(&loop, "relative", 1000));
	assert_null(notify_open(&loop, path, 1000));
	notify_ready(NULL);
	notify_status(NULL, "x");
	notify_stopping(NULL);
	notify_close(NULL);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_manager_is_told_in_the_order_of_events),
	    cmocka_unit_test(the_watchdog_is_told_as_long_as_the_loop_turns),
	    cmocka_unit_test(a_status_that_is_too_long_is_cut),
	    cmocka_unit_test(without_a_manager_nothing_is_told),
	};

	return RUN_TESTS(tests);
}
