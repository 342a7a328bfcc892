/* The chunk disk on files: what it says is there can be read, whoever stored it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "consensus/storage_chunks.h"
#include "disk_node.h"
#include "testing.h"

enum { STORES = 16, CHUNK_BYTES = 100000 };

struct seen {
	unsigned n;                 /* answers */
	enum status stored[STORES]; /* by tag */
	enum status synced;         /* of the sync, tag STORES */
	unsigned n_synced;          /* its answers */
};

static void on_stored(void *arg, uint64_t tag, enum status st, uint8_t *bytes, size_t len)
{
	struct seen *seen = arg;

	assert_true(tag < STORES && len == CHUNK_BYTES);
	seen->stored[tag] = st;
	seen->n++;
	free(bytes);
}

static void on_synced(void *arg, uint64_t tag, enum status st)
{
	struct seen *seen = arg;

	assert_int_equal(tag, STORES);
	seen->synced = st;
	seen->n_synced++;
}

static void on_read(void *arg, uint64_t tag, enum status st, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)tag;
	(void)st;
	(void)bytes;
	(void)len;
	fail_msg("nobody asked for it");
}

static uint8_t *content(void)
{
	uint8_t *bytes = malloc(CHUNK_BYTES);

	assert_non_null(bytes);
	memset(bytes, 7, CHUNK_BYTES);
	return bytes;
}

static void open_files(uv_loop_t *loop, const char *dir, struct seen *seen,
                       struct chunk_files **ret)
{
	const struct chunk_disk_ops ops = {seen, on_stored, on_synced, on_read};
	const char *why;

	memset(seen, 0, sizeof *seen);
	assert_int_equal(uv_loop_init(loop), 0);
	assert_int_equal(chunk_files_open(loop, dir, ret, &why), ST_OK);
	chunk_files_disk(*ret)->listen(chunk_files_disk(*ret), &ops);
}

static void close_files(uv_loop_t *loop, struct chunk_files *files)
{
	chunk_files_close(files);
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

TEST(one_version_can_be_stored_by_several_at_a_time)
{
	const struct chunk_name name = {5, 0x123, 0x456};
	char dir[DISK_DIR_MAX];
	struct chunk_files *files;
	struct chunk_disk *d;
	struct seen seen;
	uv_loop_t loop;
	struct buf b;
	unsigned i;

	disk_dir_make(dir);
	open_files(&loop, dir, &seen, &files);
	d = chunk_files_disk(files);
	for (i = 0; i < STORES; i++)
		assert_int_equal(d->store(d, &name, content(), CHUNK_BYTES, i), ST_OK);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(seen.n, STORES);
	for (i = 0; i < STORES; i++)
		assert_int_equal(seen.stored[i], ST_OK);
	assert_int_equal(d->sync(d, STORES), ST_OK);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(seen.n_synced == 1 && seen.synced == ST_OK);
	close_files(&loop, files);

	/* Whoever starts next finds it, whole, and nothing else. */
	open_files(&loop, dir, &seen, &files);
	d = chunk_files_disk(files);
	assert_true(d->has(d, &name));
	buf_init(&b, 2 * CHUNK_BYTES);
	assert_int_equal(d->load(d, &name, &b), ST_OK);
	assert_true(b.len == CHUNK_BYTES && b.base[0] == 7 && b.base[CHUNK_BYTES - 1] == 7);
	buf_close(&b);
	close_files(&loop, files);
	disk_dir_remove(dir);
}

TEST(a_chunk_that_is_not_there_is_not_found_and_leaves_the_bytes_alone)
{
	const struct chunk_name name = {6, 1, 2};
	char dir[DISK_DIR_MAX];
	struct chunk_files *files;
	struct chunk_disk *d;
	struct seen seen;
	uv_loop_t loop;
	struct buf b;

	disk_dir_make(dir);
	open_files(&loop, dir, &seen, &files);
	d = chunk_files_disk(files);
	assert_false(d->has(d, &name));
	buf_init(&b, 1000);
	buf_bytes(&b, "before", 6);
	assert_int_equal(d->load(d, &name, &b), ST_NOT_FOUND);
	assert_int_equal(b.len, 6);
	buf_close(&b);
	close_files(&loop, files);
	disk_dir_remove(dir);
}

TEST(the_last_mark_is_kept_and_a_damaged_one_is_none)
{
	const struct commit_mark marks[] = {{9, 100, 3}, {9, 200, 4}};
	char dir[DISK_DIR_MAX];
	char path[DISK_DIR_MAX + 16];
	struct chunk_files *files;
	struct commit_mark found;
	struct chunk_disk *d;
	struct seen seen;
	uv_loop_t loop;
	unsigned i;

	disk_dir_make(dir);
	open_files(&loop, dir, &seen, &files);
	d = chunk_files_disk(files);
	assert_int_equal(d->marked(d, &found), ST_NOT_FOUND);
	for (i = 0; i < 2; i++) {
		assert_true(d->mark(d, &marks[i]));
		/* One at a time; whoever asks has a newer one later on. */
		assert_false(d->mark(d, &marks[i]));
		uv_run(&loop, UV_RUN_DEFAULT);
	}
	close_files(&loop, files);

	open_files(&loop, dir, &seen, &files);
	d = chunk_files_disk(files);
	assert_int_equal(d->marked(d, &found), ST_OK);
	assert_true(found.index == 200 && found.term == 4);
	snprintf(path, sizeof path, "%s/committed", dir);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(d->marked(d, &found), ST_NOT_FOUND);
	close_files(&loop, files);
	disk_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_version_can_be_stored_by_several_at_a_time),
	    cmocka_unit_test(a_chunk_that_is_not_there_is_not_found_and_leaves_the_bytes_alone),
	    cmocka_unit_test(the_last_mark_is_kept_and_a_damaged_one_is_none),
	};

	return RUN_TESTS(tests);
}
