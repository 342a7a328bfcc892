/* The order in which the identity file reaches the disk. The test stands in for the calls that
 * matter: what is renamed into place must have been synced, and the directory after it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/identity_file.h"
#include "testing.h"

static char story[128]; /* one word a call */

static void tell(const char *word)
{
	size_t len = strlen(story);

	(void)snprintf(story + len, sizeof story - len, "%s ", word);
}

int fsync(int fd)
{
	struct stat about;

	assert_int_equal(fstat(fd, &about), 0);
	tell(S_ISDIR(about.st_mode) ? "sync-directory" : "sync-file");
	return 0;
}

int rename(const char *from, const char *to)
{
	tell("rename");
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

TEST(content_is_synced_before_it_gets_its_name)
{
	char dir[] = "/tmp/erlmcp-identity-XXXXXX";
	char path[64];
	struct identity id = {.state = IDENTITY_FOUNDER,
	                      .cluster_id = 7,
	                      .raft_id = 9,
	                      .boot = 3,
	                      .promise_max_ms = 2000};
	struct identity back;
	struct fault fault;

	assert_non_null(mkdtemp(dir));
	story[0] = '\0';
	assert_int_equal(identity_store(dir, &id), ST_OK);
	assert_string_equal(story, "sync-file rename sync-directory ");
	assert_int_equal(identity_load(dir, &back, &fault), ST_OK);
	assert_int_equal(back.boot, 3);
	(void)snprintf(path, sizeof path, "%s/identity", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(content_is_synced_before_it_gets_its_name),
	};

	return RUN_TESTS(tests);
}
