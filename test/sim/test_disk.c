/* The disk in memory: what fails, what rots, and what the next process is told of it. */
#include <string.h>

#include "sim/disk.h"
#include "testing.h"

static struct disk disk;
static int64_t now_us;
static struct prng random_source = {1};
static int last_status;

static void open_disk(void)
{
	const struct disk_ops nobody = {0};

	disk_open(&disk, &nobody, &now_us, &random_source);
}

static void appended(struct raft_io_append *request, int status)
{
	(void)request;
	last_status = status;
}

static void stored(struct raft_io_snapshot_put *request, int status)
{
	(void)request;
	last_status = status;
}

static void closed(struct raft_io *io)
{
	(void)io;
}

/* One write of n entries of one byte each. */
static void append(unsigned n)
{
	static uint8_t byte = 7;
	struct raft_entry entries[4] = {{0}};
	struct raft_io_append request;

	for (unsigned i = 0; i < n; i++) {
		entries[i].term = 1;
		entries[i].type = RAFT_COMMAND;
		entries[i].buf.base = &byte;
		entries[i].buf.len = 1;
	}
	last_status = -1;
	assert_int_equal(disk.io.append(&disk.io, &request, entries, n, appended), 0);
	now_us += 1000;
	disk_run(&disk);
}

static void begin(void)
{
	disk_init(&disk);
	open_disk();
	assert_int_equal(disk.io.set_term(&disk.io, 1), 0);
}

static void end(void)
{
	disk.io.close(&disk.io, closed);
	disk_close(&disk);
}

/* What the next process finds: libraft's code, and how many entries. */
static int load(size_t *n)
{
	struct raft_snapshot *snapshot;
	struct raft_entry *entries;
	raft_index start;
	raft_term term;
	raft_id vote;
	int rv;

	disk.io.close(&disk.io, closed);
	open_disk();
	rv = disk.io.load(&disk.io, &term, &vote, &snapshot, &start, &entries, n);
	if (rv != 0)
		return rv;
	assert_null(snapshot);
	for (size_t i = 0; i < *n; i++)
		raft_free(entries[i].batch);
	raft_free(entries);
	return 0;
}

TEST(what_was_written_is_loaded)
{
	size_t n = 0;

	begin();
	append(2);
	assert_int_equal(last_status, 0);
	append(3);
	assert_int_equal(load(&n), 0);
	assert_int_equal(n, 5);
	end();
}

TEST(rot_is_named_when_it_is_loaded)
{
	size_t n;

	begin();
	append(2);
	append(2);
	assert_string_equal(disk_rot(&disk, DISK_ENTRY, 1), "open segment");
	assert_true(disk_rotten(&disk));
	assert_int_equal(load(&n), RAFT_CORRUPT);
	assert_string_equal(disk.io.errmsg, "open-1: checksum mismatch");
	end();
}

TEST(metadata_rots_until_both_files_are_replaced)
{
	size_t n;

	begin();
	assert_string_equal(disk_rot(&disk, DISK_METADATA, 0), "metadata");
	assert_int_equal(load(&n), RAFT_CORRUPT);
	assert_int_equal(disk.io.set_term(&disk.io, 2), 0);
	assert_int_equal(load(&n), RAFT_CORRUPT);
	assert_int_equal(disk.io.set_vote(&disk.io, 9), 0);
	assert_int_equal(load(&n), 0);
	end();
}

TEST(the_last_write_of_an_open_segment_does_not_rot)
{
	size_t n = 0;

	begin();
	append(2);
	append(2);
	assert_null(disk_rot(&disk, DISK_ENTRY, 3));
	assert_int_equal(load(&n), 0);
	/* A process that starts closes the segments it finds. */
	assert_string_equal(disk_rot(&disk, DISK_ENTRY, 3), "closed segment");
	assert_int_equal(load(&n), RAFT_CORRUPT);
	end();
}

TEST(a_truncation_that_failed_lets_nothing_through)
{
	size_t n = 0;

	begin();
	append(3);
	disk.failures = DISK_TRUNCATE;
	assert_int_equal(disk.io.truncate(&disk.io, 2), 0);
	append(1);
	assert_int_equal(last_status, RAFT_IOERR);
	assert_int_equal(load(&n), 0);
	assert_int_equal(n, 3);
	end();
}

TEST(a_write_that_failed_ends_all_writing)
{
	size_t n = 0;

	begin();
	append(1);
	disk.failures = DISK_WRITE;
	append(2);
	assert_int_equal(last_status, RAFT_IOERR);
	append(1);
	assert_int_equal(last_status, RAFT_IOERR);
	assert_int_equal(load(&n), 0);
	assert_in_range(n, 1, 3);
	end();
}

TEST(a_snapshot_that_failed_leaves_the_log)
{
	static uint8_t content = 1;
	struct raft_buffer buf = {.base = &content, .len = 1};
	struct raft_snapshot snapshot = {.index = 2, .term = 1, .bufs = &buf, .n_bufs = 1};
	struct raft_io_snapshot_put request;
	size_t n = 0;

	begin();
	append(3);
	raft_configuration_init(&snapshot.configuration);
	disk.failures = DISK_PUT;
	assert_int_equal(disk.io.snapshot_put(&disk.io, 1, &request, &snapshot, stored), 0);
	now_us += 1000;
	disk_run(&disk);
	assert_int_equal(last_status, RAFT_IOERR);
	assert_int_equal(load(&n), 0);
	assert_int_equal(n, 3);
	end();
}

TEST(an_identity_that_cannot_be_written_stays_as_it_was)
{
	struct identity id = {.boot = 1};

	begin();
	assert_int_equal(disk_persist(&disk, &id), ST_OK);
	id.boot = 2;
	disk.full = true;
	assert_int_equal(disk_persist(&disk, &id), ST_NO_SPACE);
	disk.full = false;
	disk.failures = DISK_PERSIST;
	assert_int_equal(disk_persist(&disk, &id), ST_IO);
	assert_int_equal(disk.image.identity.boot, 1);
	assert_string_equal(disk_rot(&disk, DISK_IDENTITY, 0), "identity");
	assert_int_equal(disk_persist(&disk, &id), ST_OK);
	assert_false(disk_rotten(&disk));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_written_is_loaded),
	    cmocka_unit_test(rot_is_named_when_it_is_loaded),
	    cmocka_unit_test(metadata_rots_until_both_files_are_replaced),
	    cmocka_unit_test(the_last_write_of_an_open_segment_does_not_rot),
	    cmocka_unit_test(a_truncation_that_failed_lets_nothing_through),
	    cmocka_unit_test(a_write_that_failed_ends_all_writing),
	    cmocka_unit_test(a_snapshot_that_failed_leaves_the_log),
	    cmocka_unit_test(an_identity_that_cannot_be_written_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
