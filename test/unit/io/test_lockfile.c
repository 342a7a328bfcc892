#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/lockfile.h"
#include "testing.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_lock_has_one_holder_and_ends_with_it),
	};

	return RUN_TESTS(tests);
}
