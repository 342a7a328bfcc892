#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "consensus/contexts.h"
#include "disk_node.h"
#include "testing.h"

/* A kernel that takes its time: it destroys as many contexts as it has leave to. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned leave;
	unsigned begun;
	unsigned done;
	unsigned long last;
} kernel = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void slow_destroy(unsigned long id)
{
	pthread_mutex_lock(&kernel.lock);
	kernel.begun++;
	pthread_cond_broadcast(&kernel.changed);
	while (kernel.leave == 0)
		pthread_cond_wait(&kernel.changed, &kernel.lock);
	kernel.leave--;
	kernel.done++;
	kernel.last = id;
	pthread_mutex_unlock(&kernel.lock);
}

static void give_leave(unsigned n)
{
	pthread_mutex_lock(&kernel.lock);
	kernel.leave += n;
	pthread_cond_broadcast(&kernel.changed);
	pthread_mutex_unlock(&kernel.lock);
}

static void wait_until_begun(unsigned n)
{
	pthread_mutex_lock(&kernel.lock);
	while (kernel.begun < n)
		pthread_cond_wait(&kernel.changed, &kernel.lock);
	pthread_mutex_unlock(&kernel.lock);
}

static void make(struct contexts *c)
{
	static const struct contexts empty = {.lock = PTHREAD_MUTEX_INITIALIZER,
	                                      .wake = PTHREAD_COND_INITIALIZER,
	                                      .destroy = slow_destroy};

	*c = empty;
	kernel.leave = kernel.begun = kernel.done = 0;
	kernel.last = 0;
}

TEST(an_idle_context_is_left_to_the_thread_and_the_stop_waits_for_it)
{
	struct contexts c;

	make(&c);
	contexts_start(&c);
	contexts_made(&c, 7);
	contexts_submitted(&c, 7, 2);
	contexts_fetched(&c, 7, 1);
	contexts_fetched(&c, 7, 1);
	assert_true(contexts_doom(&c, 7));
	wait_until_begun(1);
	assert_int_equal(kernel.done, 0);
	give_leave(1);
	contexts_stop(&c);
	assert_int_equal(kernel.done, 1);
	assert_int_equal(kernel.last, 7);
	assert_int_equal(c.destroyed, 1);
}

TEST(a_context_with_a_write_in_flight_is_destroyed_at_once)
{
	struct contexts c;

	make(&c);
	contexts_start(&c);
	contexts_made(&c, 7);
	contexts_submitted(&c, 7, 2);
	contexts_fetched(&c, 7, 1);
	assert_false(contexts_doom(&c, 7));
	contexts_stop(&c);
	assert_int_equal(kernel.begun, 0);
}

TEST(a_context_that_nobody_saw_being_made_is_destroyed_at_once)
{
	struct contexts c;

	make(&c);
	contexts_start(&c);
	contexts_submitted(&c, 7, 1);
	contexts_fetched(&c, 7, 1);
	assert_false(contexts_doom(&c, 7));
	contexts_stop(&c);
}

TEST(nothing_is_put_off_without_the_thread)
{
	struct contexts c;

	make(&c);
	contexts_made(&c, 7);
	assert_false(contexts_doom(&c, 7));
	contexts_start(&c);
	contexts_stop(&c);
	contexts_made(&c, 8);
	assert_false(contexts_doom(&c, 8));
}

/* The kernel gives an address away again as soon as it has begun to destroy. */
TEST(an_id_that_is_used_again_is_a_new_context)
{
	struct contexts c;

	make(&c);
	contexts_start(&c);
	contexts_made(&c, 7);
	contexts_submitted(&c, 7, 1);
	assert_false(contexts_doom(&c, 7));
	contexts_made(&c, 7);
	assert_true(contexts_doom(&c, 7));
	wait_until_begun(1);
	contexts_made(&c, 7);
	contexts_submitted(&c, 7, 1);
	assert_false(contexts_doom(&c, 7));
	give_leave(1);
	contexts_stop(&c);
	assert_int_equal(kernel.done, 1);
}

TEST(more_than_can_wait_are_destroyed_at_once)
{
	struct contexts c;

	make(&c);
	contexts_start(&c);
	contexts_made(&c, 1);
	assert_true(contexts_doom(&c, 1));
	wait_until_begun(1);
	for (unsigned long id = 2; id <= CONTEXTS_DOOMED_MAX + 2; id++) {
		contexts_made(&c, id);
		assert_int_equal(contexts_doom(&c, id), id <= CONTEXTS_DOOMED_MAX + 1);
	}
	give_leave(CONTEXTS_DOOMED_MAX + 1);
	contexts_stop(&c);
	assert_int_equal(kernel.done, CONTEXTS_DOOMED_MAX + 1);
	assert_int_equal(kernel.last, CONTEXTS_DOOMED_MAX + 1);
}

TEST(more_contexts_than_can_be_known_are_destroyed_at_once)
{
	struct contexts c;

	make(&c);
	contexts_start(&c);
	for (unsigned long id = 1; id <= CONTEXTS_MAX + 1; id++)
		contexts_made(&c, id);
	assert_false(contexts_doom(&c, CONTEXTS_MAX + 1));
	assert_true(contexts_doom(&c, 1));
	contexts_made(&c, CONTEXTS_MAX + 1);
	give_leave(2);
	assert_true(contexts_doom(&c, CONTEXTS_MAX + 1));
	contexts_stop(&c);
	assert_int_equal(kernel.done, 2);
}

TEST(the_thread_runs_until_the_last_user_stops)
{
	struct contexts c;

	make(&c);
	give_leave(2);
	contexts_start(&c);
	contexts_start(&c);
	contexts_stop(&c);
	contexts_made(&c, 7);
	assert_true(contexts_doom(&c, 7));
	contexts_stop(&c);
	assert_int_equal(kernel.done, 1);
	contexts_start(&c);
	contexts_made(&c, 8);
	assert_true(contexts_doom(&c, 8));
	contexts_stop(&c);
	assert_int_equal(kernel.last, 8);
}

TEST(other_system_calls_are_the_kernels_with_result_and_errno)
{
	struct utsname name;
	uint8_t bytes[16] = {0};
	const uint8_t zeros[sizeof bytes] = {0};

	assert_int_equal(syscall(SYS_getpid), getpid());
	assert_int_equal(syscall(SYS_uname, &name), 0);
	assert_string_equal(name.sysname, "Linux");
	assert_int_equal(syscall(SYS_getrandom, bytes, sizeof bytes, 0), sizeof bytes);
	assert_memory_not_equal(bytes, zeros, sizeof bytes);
	errno = 0;
	assert_int_equal(syscall(SYS_close, -1), -1);
	assert_int_equal(errno, EBADF);
	errno = 77;
	assert_true(syscall(SYS_gettid) > 0);
	assert_int_equal(errno, 77);
}

TEST(all_six_arguments_reach_the_kernel)
{
	char dir[DISK_DIR_MAX];
	char path[DISK_DIR_MAX + 8];
	char copy[4] = "";
	off_t from = 2;
	off_t to = 1;
	int in;
	int out;

	disk_dir_make(dir);
	snprintf(path, sizeof path, "%s/in", dir);
	in = open(path, O_RDWR | O_CREAT, 0600);
	snprintf(path, sizeof path, "%s/out", dir);
	out = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(in, "abcdef", 6), 6);
	assert_int_equal(syscall(SYS_copy_file_range, in, &from, out, &to, (size_t)3, 0U), 3);
	assert_int_equal(pread(out, copy, 3, 1), 3);
	assert_string_equal(copy, "cde");
	errno = 0;
	assert_int_equal(syscall(SYS_copy_file_range, in, &from, out, &to, (size_t)3, ~0U), -1);
	assert_int_equal(errno, EINVAL);
	close(in);
	close(out);
	disk_dir_remove(dir);
}

/* One write of a file by a context of our own. */
static int submit_write(aio_context_t ctx, int fd)
{
	static char bytes[512];
	struct iocb write = {.aio_lio_opcode = IOCB_CMD_PWRITE,
	                     .aio_fildes = (uint32_t)fd,
	                     .aio_buf = (uintptr_t)bytes,
	                     .aio_nbytes = sizeof bytes};
	struct iocb *writes[] = {&write};

	return (int)syscall(SYS_io_submit, ctx, 1L, writes);
}

static int new_file(const char *dir)
{
	char path[DISK_DIR_MAX + 8];

	snprintf(path, sizeof path, "%s/file", dir);
	return open(path, O_RDWR | O_CREAT, 0600);
}

TEST(a_real_context_is_put_off_once_its_completions_are_fetched)
{
	const uint64_t before = contexts_own()->destroyed;
	char dir[DISK_DIR_MAX];
	struct io_event event;
	aio_context_t busy = 0;
	aio_context_t idle = 0;
	int fd;

	disk_dir_make(dir);
	fd = new_file(dir);
	contexts_start(contexts_own());
	assert_int_equal(syscall(SYS_io_setup, 1U, &busy), 0);
	assert_int_equal(syscall(SYS_io_setup, 1U, &idle), 0);
	assert_int_equal(submit_write(busy, fd), 1);
	assert_int_equal(submit_write(idle, fd), 1);
	assert_int_equal(syscall(SYS_io_getevents, idle, 1L, 1L, &event, NULL), 1);
	assert_int_equal(event.res, 512);
	assert_int_equal(syscall(SYS_io_destroy, busy), 0);
	assert_int_equal(syscall(SYS_io_destroy, idle), 0);
	errno = 0;
	assert_int_equal(syscall(SYS_io_destroy, busy), -1);
	assert_int_equal(errno, EINVAL);
	contexts_stop(contexts_own());
	assert_int_equal(syscall(SYS_io_destroy, idle), -1);
	assert_int_equal(contexts_own()->destroyed, before + 1);
	close(fd);
	disk_dir_remove(dir);
}

TEST(what_the_kernel_refuses_is_not_in_flight)
{
	const uint64_t before = contexts_own()->destroyed;
	aio_context_t ctx = 0;

	contexts_start(contexts_own());
	assert_int_equal(syscall(SYS_io_setup, 1U, &ctx), 0);
	errno = 0;
	assert_int_equal(submit_write(ctx, -1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(syscall(SYS_io_submit, ctx, -1L, &ctx), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(syscall(SYS_io_destroy, ctx), 0);
	contexts_stop(contexts_own());
	assert_int_equal(contexts_own()->destroyed, before + 1);
}

/* That libraft's own calls arrive here is up to the linker. */
TEST(the_contexts_of_libraft_are_put_off)
{
	const uint64_t before = contexts_own()->destroyed;
	char dir[DISK_DIR_MAX];
	struct disk_group g;
	const char *why = "";

	disk_dir_make(dir);
	disk_group_init(&g, 1, dir);
	assert_int_equal(disk_node_start(&g, 0, &why), ST_OK);
	while (disk_group_leader(&g) < 0)
		disk_group_turn(&g);
	assert_int_equal(contexts_own()->n_known, 1);
	disk_group_close(&g);
	assert_int_equal(contexts_own()->n_known, 0);
	assert_true(contexts_own()->destroyed > before);
	disk_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_idle_context_is_left_to_the_thread_and_the_stop_waits_for_it),
	    cmocka_unit_test(a_context_with_a_write_in_flight_is_destroyed_at_once),
	    cmocka_unit_test(a_context_that_nobody_saw_being_made_is_destroyed_at_once),
	    cmocka_unit_test(nothing_is_put_off_without_the_thread),
	    cmocka_unit_test(an_id_that_is_used_again_is_a_new_context),
	    cmocka_unit_test(more_than_can_wait_are_destroyed_at_once),
	    cmocka_unit_test(more_contexts_than_can_be_known_are_destroyed_at_once),
	    cmocka_unit_test(the_thread_runs_until_the_last_user_stops),
	    cmocka_unit_test(other_system_calls_are_the_kernels_with_result_and_errno),
	    cmocka_unit_test(all_six_arguments_reach_the_kernel),
	    cmocka_unit_test(a_real_context_is_put_off_once_its_completions_are_fetched),
	    cmocka_unit_test(what_the_kernel_refuses_is_not_in_flight),
	    cmocka_unit_test(the_contexts_of_libraft_are_put_off),
	};

	return RUN_TESTS(tests);
}
