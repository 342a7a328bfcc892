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

static unsigned settled;

/* Who lost the lead, as after a pause of the machine, does not know: nothing is promised. */
static void settle(struct disk_node *node, uint64_t tag, enum status st)
{
	(void)node;
	if (st == ST_OK)
		printf("ok %u\n", (unsigned)tag);
	settled++;
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
	for (i = 0; i < g->n; i++)
		g->nodes[i].proposed = settle;
}

/* Send what may be under way, from this number on, to whoever leads; how many were sent. */
static bool propose(struct disk_group *g, unsigned from, unsigned count, unsigned *ret_sent)
{
	const int at = disk_group_leader(g);
	enum status st = at < 0 ? ST_NOT_LEADER : ST_OK;
	unsigned sent = 0;

	while (st == ST_OK && sent < count) {
		st = disk_node_create(&g->nodes[at], from + sent, from + sent);
		if (st == ST_OK)
			sent++;
	}
	if (at >= 0)
		consensus_flush(g->nodes[at].consensus);
	*ret_sent = sent;
	/* No space: nothing is allocated ahead; why, the backend tells when it tries again. */
	return st == ST_OK || st == ST_NOT_LEADER || st == ST_NO_SPACE;
}

static int run(struct disk_group *g, unsigned first, unsigned count)
{
	unsigned sent = 0;
	unsigned turns;
	unsigned more;

	if (!elect(g))
		return DISK_FAILED;
	show(g);
	for (turns = 0; turns < TURNS_MAX && settled < count; turns++) {
		more = DEPTH - (sent - settled);
		more = more < count - sent ? more : count - sent;
		if (!propose(g, first + sent, more, &more))
			return DISK_FAILED;
		sent += more;
		if (!turn(g))
			return DISK_FAILED;
	}
	return settled == count ? EXIT_SUCCESS : DISK_FAILED;
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
