#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "io/control.h"
#include "testing.h"

/* A node in this thread, its asker in a thread of libuv's pool. */
struct fixture {
	uv_loop_t loop;
	struct control *control;
	char dir[512];
	char root[64]; /* what to remove at the end */
	uint64_t kept; /* a request that is not answered at once */
	unsigned gone;
};

struct call {
	uv_work_t work;
	const char *dir;
	const char *verb;
	const char *arg;
	int timeout_ms;
	enum status st;
	struct control_answer answer;
};

static void on_request(void *arg, uint64_t id, const char *verb, const char *const *args,
                       size_t n_args)
{
	struct fixture *f = arg;

	if (strcmp(verb, "echo") == 0)
		control_reply_text(f->control, id, 3, n_args > 0 ? args[0] : "nothing", "said so");
	else
		f->kept = id;
}

static void on_gone(void *arg, uint64_t id)
{
	struct fixture *f = arg;

	assert_int_equal(id, f->kept);
	f->gone++;
	uv_stop(&f->loop);
}

static void open_control(struct fixture *f)
{
	const struct control_ops ops = {f, on_request, on_gone};
	char why[256];

	assert_int_equal(control_open(&f->loop, f->dir, &ops, &f->control, why, sizeof why), ST_OK);
}

static void set_up(struct fixture *f, const char *below)
{
	memset(f, 0, sizeof *f);
	(void)snprintf(f->root, sizeof f->root, "/tmp/erlmcp-control-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->dir, sizeof f->dir, "%s%s", f->root, below);
	if (below[0] != '\0')
		assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_int_equal(uv_loop_init(&f->loop), 0);
}

static void closed(void *arg)
{
	*(bool *)arg = true;
}

static void tear_down(struct fixture *f)
{
	bool done = false;

	if (f->control != NULL) {
		control_close(f->control, closed, &done);
		assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
		assert_true(done);
		control_free(f->control);
	}
	assert_int_equal(uv_loop_close(&f->loop), 0);
	if (strcmp(f->dir, f->root) != 0)
		assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(rmdir(f->root), 0);
}

static void work(uv_work_t *w)
{
	struct call *call = w->data;
	const struct control_request request = {call->dir, call->verb, &call->arg,
	                                        call->arg == NULL ? 0 : 1, call->timeout_ms};

	call->st = control_call(&request, &call->answer);
}

static void worked(uv_work_t *w, int status)
{
	(void)status;
	uv_stop(w->loop);
}

static struct call *ask(struct fixture *f, const char *verb, const char *arg, int timeout_ms)
{
	struct call *call = calloc(1, sizeof *call);

	assert_non_null(call);
	call->work.data = call;
	call->dir = f->dir;
	call->verb = verb;
	call->arg = arg;
	call->timeout_ms = timeout_ms;
	assert_int_equal(uv_queue_work(&f->loop, &call->work, work, worked), 0);
	return call;
}

static void assert_echo(struct fixture *f, const char *arg)
{
	struct call *call = ask(f, "echo", arg, 20000);

	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(call->st, ST_OK);
	assert_int_equal(call->answer.exit_code, 3);
	assert_string_equal((const char *)call->answer.out.base, arg);
	assert_string_equal((const char *)call->answer.err.base, "said so");
	buf_close(&call->answer.out);
	buf_close(&call->answer.err);
	free(call);
}

TEST(a_request_gets_its_reply_on_a_socket_of_the_owner_alone)
{
	struct fixture f;
	struct stat info;
	char path[600];

	set_up(&f, "");
	open_control(&f);
	(void)snprintf(path, sizeof path, "%s/control.sock", f.dir);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_echo(&f, "hello");
	tear_down(&f);
}

TEST(a_large_request_and_reply_pass)
{
	const size_t len = 900000;
	char *text = malloc(len + 1);
	struct fixture f;

	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	set_up(&f, "");
	open_control(&f);
	assert_echo(&f, text);
	free(text);
	tear_down(&f);
}

TEST(a_path_too_long_for_a_socket_address_works_too)
{
	char below[210];
	struct fixture f;

	memset(below, 'd', sizeof below);
	below[0] = '/';
	below[sizeof below - 1] = '\0';
	set_up(&f, below);
	open_control(&f);
	assert_echo(&f, "far away");
	tear_down(&f);
}

TEST(an_asker_that_gives_up_is_reported_and_its_reply_dropped)
{
	struct fixture f;
	struct call *call;

	set_up(&f, "");
	open_control(&f);
	call = ask(&f, "wait", NULL, 50);
	while (f.gone == 0)
		(void)uv_run(&f.loop, UV_RUN_DEFAULT);
	control_reply_text(f.control, f.kept, 0, "too late", NULL);
	while (uv_run(&f.loop, UV_RUN_NOWAIT) != 0 && call->st == ST_OK)
		;
	assert_int_equal(call->st, ST_TIMEOUT);
	tear_down(&f);
	free(call);
}

TEST(a_node_that_is_not_there_is_told_from_one_that_is_dead)
{
	const struct control_request request = {"/tmp/erlmcp-no-such-directory", "ping", NULL, 0,
	                                        100};
	struct control_answer answer;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct fixture f;
	struct control_request stale = request;
	int fd;

	assert_int_equal(control_call(&request, &answer), ST_NOT_FOUND);
	set_up(&f, "");
	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%.90s/control.sock", f.dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	close(fd);
	stale.data_dir = f.dir;
	assert_int_equal(control_call(&stale, &answer), ST_REFUSED);
	/* The file of a dead node is replaced. */
	open_control(&f);
	assert_echo(&f, "again");
	tear_down(&f);
}

TEST(a_living_node_keeps_its_directory)
{
	const struct control_ops ops = {NULL, on_request, NULL};
	struct control *second;
	struct fixture f;
	char why[256];

	set_up(&f, "");
	open_control(&f);
	assert_int_equal(control_open(&f.loop, f.dir, &ops, &second, why, sizeof why), ST_EXISTS);
	assert_non_null(strstr(why, "another node answers"));
	assert_echo(&f, "still here");
	tear_down(&f);
}

TEST(garbage_is_answered_with_words_and_hurts_nobody)
{
	static const uint8_t bad[] = {0, 0, 0, 2, 9, 9};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct fixture f;
	char text[256];
	ssize_t n = -1;
	int fd;

	set_up(&f, "");
	open_control(&f);
	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%.90s/control.sock", f.dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(write(fd, bad, sizeof bad), sizeof bad);
	while (n <= 0) {
		(void)uv_run(&f.loop, UV_RUN_ONCE);
		n = read(fd, text, sizeof text - 1);
	}
	assert_true(memmem(text, (size_t)n, "cannot read this request", 24) != NULL);
	close(fd);
	assert_echo(&f, "still here");
	tear_down(&f);
}

TEST(a_crowd_of_silent_clients_locks_nobody_out)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fds[CONTROL_CLIENTS_MAX + 4];
	struct fixture f;

	set_up(&f, "");
	open_control(&f);
	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%.90s/control.sock", f.dir);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&sa, sizeof sa), 0);
		(void)uv_run(&f.loop, UV_RUN_NOWAIT);
	}
	assert_echo(&f, "let me in");
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		close(fds[i]);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_gets_its_reply_on_a_socket_of_the_owner_alone),
	    cmocka_unit_test(a_large_request_and_reply_pass),
	    cmocka_unit_test(a_path_too_long_for_a_socket_address_works_too),
	    cmocka_unit_test(an_asker_that_gives_up_is_reported_and_its_reply_dropped),
	    cmocka_unit_test(a_node_that_is_not_there_is_told_from_one_that_is_dead),
	    cmocka_unit_test(a_living_node_keeps_its_directory),
	    cmocka_unit_test(garbage_is_answered_with_words_and_hurts_nobody),
	    cmocka_unit_test(a_crowd_of_silent_clients_locks_nobody_out),
	};

	return RUN_TESTS(tests);
}
