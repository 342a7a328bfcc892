#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/lockfile.h"
#include "testing.h"

enum { TAKES = 500 };

TEST(the_lock_has_one_holder_and_ends_with_it)
{
	char root[] = "/tmp/erlmcp-lock-XXXXXX";
	char dir[128];
	char path[160];
	char why[512];
	pid_t pid;
	int fd;
	int second;

	assert_non_null(mkdtemp(root));
	(void)snprintf(dir, sizeof dir, "%s/a/b", root);
	assert_int_equal(lockfile_holder(dir, &pid), ST_NOT_FOUND);
	assert_int_equal(lockfile_take(dir, "erlmcp@a", &fd, why, sizeof why), ST_OK);
	assert_int_equal(lockfile_holder(dir, &pid), ST_OK);
	assert_int_equal(pid, getpid());
	assert_int_equal(lockfile_take(dir, "erlmcp@b", &second, why, sizeof why), ST_BUSY);
	assert_non_null(strstr(why, "erlmcp@a"));
	assert_int_equal(lockfile_wait(dir, 30), ST_TIMEOUT);
	close(fd);
	assert_int_equal(lockfile_wait(dir, 30), ST_OK);
	assert_int_equal(lockfile_take("/proc/none", "x", &second, why, sizeof why), ST_IO);
	(void)snprintf(path, sizeof path, "%s/lock", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	(void)snprintf(dir, sizeof dir, "%s/a", root);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rmdir(root), 0);
}

/* Ask who holds the directory, again and again, until killed. */
static pid_t start_asker(const char *dir)
{
	const pid_t child = fork();
	pid_t pid;

	if (child == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (child == 0) {
		if (lockfile_holder(dir, &pid) == ST_BUSY)
			_exit(1);
	}
	return child;
}

TEST(who_asks_for_the_holder_keeps_nobody_from_taking_the_lock)
{
	char dir[] = "/tmp/erlmcp-lock-XXXXXX";
	char path[64];
	char why[512];
	pid_t asker;
	int fd;

	assert_non_null(mkdtemp(dir));
	asker = start_asker(dir);
	assert_true(asker > 0);
	for (int i = 0; i < TAKES; i++) {
		assert_int_equal(lockfile_take(dir, "erlmcp@a", &fd, why, sizeof why), ST_OK);
		close(fd);
	}
	assert_int_equal(kill(asker, SIGKILL), 0);
	assert_int_equal(waitpid(asker, NULL, 0), asker);
	(void)snprintf(path, sizeof path, "%s/lock", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

TEST(a_process_of_an_earlier_release_keeps_its_lock)
{
	char dir[] = "/tmp/erlmcp-lock-XXXXXX";
	char path[64];
	char why[512];
	int old;
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/lock", dir);
	old = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	assert_true(old >= 0);
	assert_int_equal(flock(old, LOCK_EX), 0);
	assert_int_equal(lockfile_take(dir, "erlmcp@a", &fd, why, sizeof why), ST_BUSY);
	close(old);
	assert_int_equal(lockfile_take(dir, "erlmcp@a", &fd, why, sizeof why), ST_OK);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_lock_has_one_holder_and_ends_with_it),
	    cmocka_unit_test(who_asks_for_the_holder_keeps_nobody_from_taking_the_lock),
	    cmocka_unit_test(a_process_of_an_earlier_release_keeps_its_lock),
	};

	return RUN_TESTS(tests);
}
