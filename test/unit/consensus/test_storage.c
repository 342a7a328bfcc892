#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/prng.h"
#include "consensus/disk_format.h"
#include "disk_node.h"
#include "testing.h"

enum { TURNS_MAX = 20000, KILLS = 24, DEPTH = 8 };

static unsigned done_ok;

static void count(struct disk_node *node, uint64_t tag, enum status st)
{
	(void)node;
	(void)tag;
	done_ok += st == ST_OK;
}

static unsigned elect(struct disk_group *g)
{
	unsigned turns = 0;

	while (disk_group_leader(g) < 0 && turns++ < TURNS_MAX)
		disk_group_turn(g);
	assert_true(disk_group_leader(g) >= 0);
	return (unsigned)disk_group_leader(g);
}

TEST(three_nodes_on_disks_elect_propose_and_apply)
{
	char dir[DISK_DIR_MAX];
	struct disk_group g;
	struct disk_node *leader;
	const char *why = "";
	unsigned turns = 0;
	uint32_t i;

	disk_dir_make(dir);
	disk_group_init(&g, 3, dir);
	for (i = 0; i < 3; i++)
		assert_int_equal(disk_node_start(&g, i, &why), ST_OK);
	leader = &g.nodes[elect(&g)];
	leader->proposed = count;
	done_ok = 0;
	for (i = 0; i < 200; i++)
		assert_int_equal(disk_node_create(leader, i, i), ST_OK);
	while (done_ok < 200 && turns++ < TURNS_MAX)
		disk_group_turn(&g);
	assert_int_equal(done_ok, 200);
	while ((store_count(g.nodes[0].store) < 200 || store_count(g.nodes[1].store) < 200 ||
	        store_count(g.nodes[2].store) < 200) &&
	       turns++ < TURNS_MAX)
		disk_group_turn(&g);
	assert_true(store_digest(g.nodes[0].store) == store_digest(g.nodes[1].store));
	assert_true(store_digest(g.nodes[0].store) == store_digest(g.nodes[2].store));
	disk_group_close(&g);
	disk_dir_remove(dir);
}

/* The child: prove that everything acknowledged so far is there, then write until killed.
 * One byte 'V' says that the proof worked; then four bytes for each acknowledged number. */
static int acknowledge_fd;

static void acknowledge(struct disk_node *node, uint64_t tag, enum status st)
{
	const uint32_t number = (uint32_t)tag;

	(void)node;
	if (st != ST_OK || write(acknowledge_fd, &number, sizeof number) != sizeof number)
		_exit(4);
	done_ok++;
}

static void child(const char *dir, const uint8_t *seen, uint32_t next, int fd)
{
	struct disk_group g;
	const char *why = "";
	uint32_t i;
	uint32_t sent = 0;

	acknowledge_fd = fd;
	done_ok = 0;
	disk_group_init(&g, 1, dir);
	g.config.snapshot_threshold = 64;
	g.config.snapshot_trailing = 16;
	if (disk_node_start(&g, 0, &why) != ST_OK) {
		fprintf(stderr, "# start: %s\n", why);
		_exit(2);
	}
	(void)elect(&g);
	for (i = 1; i <= next; i++) {
		if (seen[i] && !disk_node_has(&g.nodes[0], i))
			_exit(3);
	}
	if (write(fd, "V", 1) != 1)
		_exit(4);
	g.nodes[0].proposed = acknowledge;
	/* Numbers that were sent but not acknowledged before may exist: step over them. */
	next += DEPTH + 1;
	for (;;) {
		while (sent - done_ok < DEPTH) {
			if (disk_node_create(&g.nodes[0], next, next) != ST_OK)
				_exit(5);
			consensus_flush(g.nodes[0].consensus);
			next++;
			sent++;
		}
		disk_group_turn(&g);
	}
}

/* Read from the child until it acknowledged n numbers, kill it, read the rest. */
static uint32_t kill_after(pid_t pid, int fd, unsigned n, uint8_t *seen, size_t size)
{
	uint32_t highest = 0;
	uint32_t number;
	unsigned got = 0;
	char proof = 0;

	assert_int_equal(read(fd, &proof, 1), 1);
	assert_int_equal(proof, 'V');
	while (read(fd, &number, sizeof number) == sizeof number) {
		assert_true(number < size);
		seen[number] = 1;
		highest = number;
		if (++got == n)
			kill(pid, SIGKILL);
	}
	return highest;
}

TEST(held_appends_wait_to_be_submitted_and_none_waits_afterwards)
{
	char dir[DISK_DIR_MAX];
	struct disk_group g;
	struct disk_node *node;
	const char *why = "";
	unsigned turns;

	disk_dir_make(dir);
	disk_group_init(&g, 1, dir);
	assert_int_equal(disk_node_start(&g, 0, &why), ST_OK);
	node = &g.nodes[elect(&g)];
	node->proposed = count;
	done_ok = 0;
	storage_hold(node->storage, true);
	assert_int_equal(disk_node_create(node, 1, 1), ST_OK);
	consensus_flush(node->consensus);
	for (turns = 0; turns < 200; turns++)
		disk_group_turn(&g);
	assert_int_equal(done_ok, 0);
	storage_submit(node->storage);
	for (turns = 0; done_ok < 1 && turns < TURNS_MAX; turns++)
		disk_group_turn(&g);
	assert_int_equal(done_ok, 1);
	assert_int_equal(disk_node_create(node, 2, 2), ST_OK);
	consensus_flush(node->consensus);
	storage_hold(node->storage, false);
	for (turns = 0; done_ok < 2 && turns < TURNS_MAX; turns++)
		disk_group_turn(&g);
	assert_int_equal(done_ok, 2);
	disk_group_close(&g);
	disk_dir_remove(dir);
}

TEST(what_was_acknowledged_survives_kill_9)
{
	static uint8_t seen[1 << 20];
	const struct disk_node *node;
	struct prng prng = {4711};
	char dir[DISK_DIR_MAX];
	struct disk_group g;
	const char *why = "";
	uint32_t next = 1;
	uint32_t i;
	unsigned round;

	disk_dir_make(dir);
	for (round = 0; round < KILLS; round++) {
		uint32_t highest;
		int status;
		int fds[2];
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			child(dir, seen, next, fds[1]);
		}
		close(fds[1]);
		highest =
		    kill_after(pid, fds[0], (unsigned)prng_range(&prng, 1, 150), seen, sizeof seen);
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		next = highest > next ? highest : next;
	}
	disk_group_init(&g, 1, dir);
	assert_int_equal(disk_node_start(&g, 0, &why), ST_OK);
	(void)elect(&g);
	node = &g.nodes[0];
	for (i = 1; i <= next; i++) {
		if (seen[i] && !disk_node_has(node, i))
			fail_msg("%u was acknowledged and is gone", i);
	}
	print_message("# %u kills, highest acknowledged %u\n", KILLS, next);
	disk_group_close(&g);
	disk_dir_remove(dir);
}

/* Write n numbers on a single node; a snapshot every `snapshot` entries. */
static void fill(const char *dir, unsigned n, unsigned snapshot)
{
	struct disk_group g;
	const char *why = "";
	unsigned turns = 0;
	uint32_t i;

	disk_group_init(&g, 1, dir);
	g.config.snapshot_threshold = snapshot;
	g.config.snapshot_trailing = 5;
	assert_int_equal(disk_node_start(&g, 0, &why), ST_OK);
	(void)elect(&g);
	g.nodes[0].proposed = count;
	for (i = 0; i < n; i++) {
		done_ok = 0;
		assert_int_equal(disk_node_create(&g.nodes[0], i, i), ST_OK);
		while (done_ok == 0 && turns++ < TURNS_MAX)
			disk_group_turn(&g);
	}
	disk_group_close(&g);
}

/* The last file in a directory that starts with prefix and contains part. */
static void find_in(const char *dir, const char *sub, const char *prefix, const char *part,
                    char ret[256])
{
	char path[DISK_DIR_MAX + 32];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof path, "%s/%s", dir, sub);
	d = opendir(path);
	assert_non_null(d);
	ret[0] = '\0';
	while ((entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    strstr(entry->d_name, part) != NULL && strstr(entry->d_name, ".meta") == NULL &&
		    strcmp(entry->d_name, ret) > 0)
			snprintf(ret, 256, "%.250s", entry->d_name);
	}
	closedir(d);
	assert_true(ret[0] != '\0');
}

static void find_file(const char *dir, const char *prefix, const char *part, char ret[256])
{
	find_in(dir, "0", prefix, part, ret);
}

static int open_file(const char *dir, const char *name)
{
	char path[DISK_DIR_MAX + 400];
	int fd;

	snprintf(path, sizeof path, "%s/0/%s", dir, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void flip(const char *dir, const char *name, off_t at)
{
	uint8_t byte;
	int fd = open_file(dir, name);

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static enum status start_again(const char *dir, char ret_why[400])
{
	struct disk_group g;
	const char *why = "";
	enum status st;

	disk_group_init(&g, 1, dir);
	st = disk_node_start(&g, 0, &why);
	snprintf(ret_why, 400, "%s", why);
	disk_group_close(&g);
	return st;
}

TEST(a_torn_open_segment_is_cut_and_loads)
{
	char from[DISK_DIR_MAX + 300];
	char to[DISK_DIR_MAX + 300];
	char dir[DISK_DIR_MAX];
	uint8_t garbage[64];
	struct stat before;
	char name[256];
	char why[400];
	int fd;

	disk_dir_make(dir);
	fill(dir, 20, 1000);
	/* As after a crash: the segment is still open, its last write only half there. */
	find_file(dir, "000", "-", name);
	fd = open_file(dir, name);
	memset(garbage, 0x5a, sizeof garbage);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(pwrite(fd, garbage, sizeof garbage, before.st_size), sizeof garbage);
	assert_int_equal(ftruncate(fd, SEGMENT_BYTES_MAX), 0); /* as it was preallocated */
	close(fd);
	snprintf(from, sizeof from, "%s/0/%s", dir, name);
	snprintf(to, sizeof to, "%s/0/open-9", dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(start_again(dir, why), ST_OK);
	disk_dir_remove(dir);
}

TEST(a_damaged_closed_segment_is_named)
{
	char dir[DISK_DIR_MAX];
	char name[256];
	char why[400];
	int fd;

	disk_dir_make(dir);
	fill(dir, 20, 1000);
	find_file(dir, "000", "-", name);
	flip(dir, name, 200);
	assert_int_equal(start_again(dir, why), ST_CORRUPT);
	assert_non_null(strstr(why, name));
	flip(dir, name, 200);
	assert_int_equal(start_again(dir, why), ST_OK);
	fd = open_file(dir, name);
	assert_int_equal(ftruncate(fd, 100), 0);
	close(fd);
	assert_int_equal(start_again(dir, why), ST_CORRUPT);
	assert_non_null(strstr(why, name));
	disk_dir_remove(dir);
}

TEST(a_damaged_snapshot_is_named)
{
	char dir[DISK_DIR_MAX];
	char name[256];
	char why[400];

	disk_dir_make(dir);
	fill(dir, 60, 25);
	find_file(dir, "snapshot-", "-", name);
	flip(dir, name, 40);
	assert_int_equal(start_again(dir, why), ST_CORRUPT);
	/* libraft does not tell the time stamp at the end of the name. */
	*strrchr(name, '-') = '\0';
	assert_non_null(strstr(why, name));
	disk_dir_remove(dir);
}

TEST(a_damaged_or_missing_chunk_is_named)
{
	char path[DISK_DIR_MAX + 400];
	char dir[DISK_DIR_MAX];
	char name[256];
	char file[300];
	char why[400];

	disk_dir_make(dir);
	fill(dir, 60, 25);
	find_in(dir, "0/state", "chunk-0000-", "", name);
	snprintf(file, sizeof file, "state/%s", name);
	flip(dir, file, 20);
	assert_int_equal(start_again(dir, why), ST_CORRUPT);
	assert_non_null(strstr(why, name));
	flip(dir, file, 20);
	assert_int_equal(start_again(dir, why), ST_OK);
	snprintf(path, sizeof path, "%s/0/%s", dir, file);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(start_again(dir, why), ST_CORRUPT);
	assert_non_null(strstr(why, name));
	disk_dir_remove(dir);
}

TEST(an_interrupted_founding_is_done_again)
{
	static const uint8_t half[32] = {[0] = 1, [8] = 1, [16] = 1};
	char path[DISK_DIR_MAX + 32];
	char dir[DISK_DIR_MAX];
	int fd;

	disk_dir_make(dir);
	snprintf(path, sizeof path, "%s/0", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/0/metadata1", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, half, sizeof half), sizeof half);
	close(fd);
	fill(dir, 3, 1000);
	disk_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(three_nodes_on_disks_elect_propose_and_apply),
	    cmocka_unit_test(held_appends_wait_to_be_submitted_and_none_waits_afterwards),
	    cmocka_unit_test(what_was_acknowledged_survives_kill_9),
	    cmocka_unit_test(a_torn_open_segment_is_cut_and_loads),
	    cmocka_unit_test(a_damaged_closed_segment_is_named),
	    cmocka_unit_test(a_damaged_snapshot_is_named),
	    cmocka_unit_test(a_damaged_or_missing_chunk_is_named),
	    cmocka_unit_test(an_interrupted_founding_is_done_again),
	};

	return RUN_TESTS(tests);
}
