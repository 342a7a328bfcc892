#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "consensus/disk_format.h"
#include "consensus/segment.h"
#include "disk_node.h"
#include "testing.h"

enum { EXTENTS = 64, BYTES = 1024 * 1024 + 4096 };

static int make(const char *dir, const char *name)
{
	char path[DISK_DIR_MAX + 32];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* True when every block of the file is a written one; *known is false when nobody can say. */
static bool is_written(int fd, bool *known)
{
	struct fiemap *map = calloc(1, sizeof *map + EXTENTS * sizeof map->fm_extents[0]);
	bool written = true;

	assert_non_null(map);
	map->fm_length = FIEMAP_MAX_OFFSET;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = EXTENTS;
	*known = ioctl(fd, FS_IOC_FIEMAP, map) == 0;
	for (unsigned i = 0; *known && i < map->fm_mapped_extents; i++)
		written &= (map->fm_extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN) == 0;
	written &= map->fm_mapped_extents > 0;
	free(map);
	return written;
}

TEST(an_open_segment_is_allocated_with_its_blocks_written)
{
	char dir[DISK_DIR_MAX];
	bool known;
	int fd;

	disk_dir_make(dir);
	fd = make(dir, "open-7");
	assert_true(segment_is_open(fd));
	assert_int_equal(segment_allocate(fd, 0, BYTES), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), BYTES);
	assert_true((fcntl(fd, F_GETFL) & O_DIRECT) == 0);
	assert_true(is_written(fd, &known) || !known);
	close(fd);
	disk_dir_remove(dir);
}

TEST(other_files_are_only_allocated)
{
	char dir[DISK_DIR_MAX];
	bool known;
	int fd;

	disk_dir_make(dir);
	fd = make(dir, "metadata1");
	assert_false(segment_is_open(fd));
	assert_int_equal(segment_allocate(fd, 0, BYTES), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), BYTES);
	assert_true(!is_written(fd, &known) || !known);
	close(fd);
	disk_dir_remove(dir);
}

TEST(a_refused_allocation_is_told_as_the_error)
{
	char dir[DISK_DIR_MAX];
	int fd;

	disk_dir_make(dir);
	fd = make(dir, "open-7");
	assert_int_equal(segment_allocate(fd, 0, 0), EINVAL);
	close(fd);
	assert_int_equal(segment_allocate(fd, 0, BYTES), EBADF);
	disk_dir_remove(dir);
}

/* That libraft's own call arrives here is up to the linker. */
TEST(the_segments_that_libraft_makes_are_written_and_read_as_zeros)
{
	static const uint8_t zeros[4096];
	char dir[DISK_DIR_MAX];
	char path[DISK_DIR_MAX + 32];
	uint8_t block[sizeof zeros];
	struct disk_group g;
	const char *why = "";
	bool known;
	int fd;

	disk_dir_make(dir);
	disk_group_init(&g, 1, dir);
	assert_int_equal(disk_node_start(&g, 0, &why), ST_OK);
	snprintf(path, sizeof path, "%s/0/open-2", dir);
	assert_true(segment_exists(dir, "0"));
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), SEGMENT_BYTES_MAX);
	assert_true(is_written(fd, &known) || !known);
	for (off_t at = 0; at < SEGMENT_BYTES_MAX; at += (off_t)sizeof block) {
		assert_int_equal(pread(fd, block, sizeof block, at), sizeof block);
		assert_memory_equal(block, zeros, sizeof block);
	}
	close(fd);
	disk_group_close(&g);
	disk_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_open_segment_is_allocated_with_its_blocks_written),
	    cmocka_unit_test(other_files_are_only_allocated),
	    cmocka_unit_test(a_refused_allocation_is_told_as_the_error),
	    cmocka_unit_test(the_segments_that_libraft_makes_are_written_and_read_as_zeros),
	};

	return RUN_TESTS(tests);
}
