#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consensus/copy.h"
#include "consensus/storage_offline.h"
#include "disk_node.h"
#include "testing.h"

enum { TURNS_MAX = 20000, SESSIONS = 60, OTHER_ID = 0xABCDEF };

static unsigned done_ok;

static void count(struct disk_node *node, uint64_t tag, enum status st)
{
	(void)node;
	(void)tag;
	done_ok += st == ST_OK;
}

static void elect(struct disk_group *g)
{
	unsigned turns = 0;

	while (disk_group_leader(g) < 0 && turns++ < TURNS_MAX)
		disk_group_turn(g);
	assert_true(disk_group_leader(g) >= 0);
}

/* A node alone writes SESSIONS sessions from `first` on and stops. */
static void live(struct disk_group *g, uint32_t first)
{
	const char *why = "";
	unsigned turns = 0;
	uint32_t i;

	assert_int_equal(disk_node_start(g, 0, &why), ST_OK);
	elect(g);
	g->nodes[0].proposed = count;
	done_ok = 0;
	for (i = 0; i < SESSIONS; i++)
		assert_int_equal(disk_node_create(&g->nodes[0], first + i, i), ST_OK);
	while (done_ok < SESSIONS && turns++ < TURNS_MAX)
		disk_group_turn(g);
	assert_int_equal(done_ok, SESSIONS);
	for (turns = 0; turns < 50; turns++)
		disk_group_turn(g);
	disk_node_stop(g, 0);
}

struct room {
	char dir[DISK_DIR_MAX];
	char fresh[DISK_DIR_MAX + 8];
	char why[OFFLINE_WHY_MAX];
	struct disk_group g;
	struct store *store;
};

static void room_init(struct room *r)
{
	disk_dir_make(r->dir);
	(void)snprintf(r->fresh, sizeof r->fresh, "%s/fresh", r->dir);
	disk_group_init(&r->g, 1, r->dir);
	r->why[0] = '\0';
	assert_int_equal(store_new(&r->store), ST_OK);
}

static void room_close(struct room *r)
{
	store_free(r->store);
	disk_group_close(&r->g);
	(void)!copy_remove(r->fresh);
	disk_dir_remove(r->dir);
}

TEST(a_log_at_rest_is_read_to_its_last_entry_and_left_as_it_was)
{
	struct offline_log log;
	struct offline_log again;
	struct store *twin;
	struct room r;

	room_init(&r);
	live(&r.g, 0);
	assert_int_equal(offline_read(r.g.nodes[0].dir, r.store, &log, r.why), ST_OK);
	assert_int_equal(store_count(r.store), SESSIONS);
	assert_int_equal(log.n_members, 1);
	assert_string_equal(log.members[0].name, r.g.nodes[0].name);
	assert_true(log.members[0].voter && log.last_index > log.snapshot_index);
	assert_int_equal(store_new(&twin), ST_OK);
	assert_int_equal(offline_read(r.g.nodes[0].dir, twin, &again, r.why), ST_OK);
	assert_memory_equal(&log, &again, sizeof log);
	assert_int_equal(store_digest(twin), store_digest(r.store));
	store_free(twin);
	live(&r.g, SESSIONS); /* it goes on as if nobody had looked */
	room_close(&r);
}

TEST(a_new_log_begins_with_the_state_and_another_voter_and_goes_on)
{
	struct offline_start start = {.raft_id = OTHER_ID, .name = "erlmcp@other"};
	struct offline_log log;
	const char *why = "";
	struct room r;
	uint32_t i;

	room_init(&r);
	live(&r.g, 0);
	assert_int_equal(offline_read(r.g.nodes[0].dir, r.store, &log, r.why), ST_OK);
	start.term = log.term + 1;
	start.index = log.last_index + 1;
	assert_int_equal(offline_write(r.fresh, r.store, &start, r.why), ST_OK);
	assert_int_equal(offline_write(r.fresh, r.store, &start, r.why), ST_EXISTS);
	r.g.nodes[0].id = OTHER_ID;
	(void)snprintf(r.g.nodes[0].name, sizeof r.g.nodes[0].name, "erlmcp@other");
	assert_true(strlen(r.fresh) < sizeof r.g.nodes[0].dir);
	memcpy(r.g.nodes[0].dir, r.fresh, strlen(r.fresh) + 1);
	if (disk_node_start(&r.g, 0, &why) != ST_OK)
		fail_msg("%s", why);
	for (i = 0; i < SESSIONS; i++)
		assert_true(disk_node_has(&r.g.nodes[0], i));
	disk_node_stop(&r.g, 0);
	live(&r.g, SESSIONS);
	store_free(r.store);
	assert_int_equal(store_new(&r.store), ST_OK);
	assert_int_equal(offline_read(r.fresh, r.store, &log, r.why), ST_OK);
	assert_int_equal(store_count(r.store), 2 * SESSIONS);
	assert_true(log.snapshot_index >= start.index && log.term >= start.term);
	assert_int_equal(log.members[0].id, OTHER_ID);
	room_close(&r);
}

TEST(a_log_of_many_bytes_is_cut_long_before_it_has_many_entries)
{
	struct offline_log log;
	struct room r;
	uint32_t i;

	room_init(&r);
	r.g.config.snapshot_threshold = 1000000;
	r.g.config.snapshot_trailing = 100000;
	for (i = 0; i < 4; i++)
		live(&r.g, i * SESSIONS);
	assert_int_equal(offline_read(r.g.nodes[0].dir, r.store, &log, r.why), ST_OK);
	assert_int_equal(log.snapshot_index, 0);
	r.g.config.snapshot_bytes = 2000;
	for (; i < 8; i++)
		live(&r.g, i * SESSIONS);
	store_free(r.store);
	assert_int_equal(store_new(&r.store), ST_OK);
	assert_int_equal(offline_read(r.g.nodes[0].dir, r.store, &log, r.why), ST_OK);
	assert_int_equal(store_count(r.store), 8 * SESSIONS);
	assert_true(log.snapshot_index > 0);
	room_close(&r);
}

TEST(what_is_missing_or_damaged_is_named)
{
	struct offline_log log;
	char path[2 * DISK_DIR_MAX];
	struct room r;
	FILE *f;

	room_init(&r);
	assert_int_equal(offline_read(r.fresh, r.store, &log, r.why), ST_NOT_FOUND);
	assert_int_equal(mkdir(r.fresh, 0700), 0);
	assert_int_equal(offline_read(r.fresh, r.store, &log, r.why), ST_NOT_FOUND);
	assert_string_equal(r.why, "there is no log here, or an empty one");
	live(&r.g, 0);
	(void)snprintf(path, sizeof path, "%s/metadata1", r.g.nodes[0].dir);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fputc('x', f), 'x');
	assert_int_equal(fclose(f), 0);
	assert_int_equal(offline_read(r.g.nodes[0].dir, r.store, &log, r.why), ST_CORRUPT);
	assert_non_null(strstr(r.why, "metadata1, byte 0"));
	(void)snprintf(path, sizeof path, "%s.look", r.g.nodes[0].dir);
	assert_int_not_equal(access(path, F_OK), 0);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_log_at_rest_is_read_to_its_last_entry_and_left_as_it_was),
	    cmocka_unit_test(a_new_log_begins_with_the_state_and_another_voter_and_goes_on),
	    cmocka_unit_test(a_log_of_many_bytes_is_cut_long_before_it_has_many_entries),
	    cmocka_unit_test(what_is_missing_or_damaged_is_named),
	};

	return RUN_TESTS(tests);
}
