/* A writer to be killed: one to three consensus rooms on real directories, in one process.
 *
 *	writer DIRECTORY NODES FIRST COUNT
 *
 * Says what is there ("has N", once a number), the term of its leader ("term T"), and then each of
 * COUNT new numbers when it is acknowledged ("ok N"). Exits with 0; with 2 when it cannot start,
 *with 3 when a disk failed; both after a line that says why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_node.h"

enum { DEPTH = 4, NUMBERS_MAX = 4000, TURNS_MAX = 30000, CANNOT_START = 2, DISK_FAILED = 3 };

static unsigned acknowledged;

static void acknowledge(struct disk_node *node, uint64_t tag, enum status st)
{
	(void)node;
	if (st != ST_OK)
		return;
	printf("ok %u\n", (unsigned)tag);
	acknowledged++;
}

/* One turn; false when a disk failed. */
static bool turn(struct disk_group *g)
{
	unsigned i;

	disk_group_turn(g);
	for (i = 0; i < g->n; i++) {
		if (g->nodes[i].fatal)
			return false;
	}
	return true;
}

static bool elect(struct disk_group *g)
{
	unsigned turns;

	for (turns = 0; turns < TURNS_MAX && disk_group_leader(g) < 0; turns++) {
		if (!turn(g))
			return false;
	}
	return disk_group_leader(g) >= 0;
}

static void show(struct disk_group *g)
{
	struct disk_node *leader = &g->nodes[disk_group_leader(g)];
	struct raft_view view;
	unsigned i;

	consensus_view(leader->consensus, &view);
	printf("term %llu\n", (unsigned long long)view.term);
	for (i = 1; i < NUMBERS_MAX; i++) {
		if (disk_node_has(leader, i))
			printf("has %u\n", i);
	}
	leader->proposed = acknowledge;
}

static int run(struct disk_group *g, unsigned first, unsigned count)
{
	struct disk_node *leader;
	unsigned sent = 0;
	unsigned turns;
	enum status st;

	if (!elect(g))
		return DISK_FAILED;
	show(g);
	leader = &g->nodes[disk_group_leader(g)];
	for (turns = 0; turns < TURNS_MAX && acknowledged < count; turns++) {
		while (sent < count && sent - acknowledged < DEPTH) {
			st = disk_node_create(leader, first + sent, first + sent);
			if (st == ST_NO_SPACE)
				break; /* nothing allocated ahead; why, the backend tells when it
				          tries again */
			if (st != ST_OK)
				return DISK_FAILED;
			sent++;
		}
		consensus_flush(leader->consensus);
		if (!turn(g))
			return DISK_FAILED;
	}
	return acknowledged == count ? EXIT_SUCCESS : DISK_FAILED;
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	struct disk_group g;
	const char *why = "";
	unsigned i;

	if (argc != 5)
		return EXIT_FAILURE;
	setvbuf(stdout, NULL, _IOLBF, 0);
	disk_group_init(&g, number(argv[2]), argv[1]);
	g.config.snapshot_threshold = 16;
	g.config.snapshot_trailing = 4;
	for (i = 0; i < g.n; i++) {
		if (disk_node_start(&g, i, &why) != ST_OK) {
			printf("cannot start: %s\n", why);
			return CANNOT_START;
		}
	}
	/* Like a process that is killed: nothing is tidied up. */
	exit(run(&g, number(argv[3]), number(argv[4])));
}
