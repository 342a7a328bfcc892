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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(three_nodes_on_disks_elect_propose_and_apply),
	};

	return RUN_TESTS(tests);
}
