#include "disk_node.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool votes_muted(void *arg)
{
	(void)arg;
	return false;
}

static void send_cb(void *arg, uint64_t raft_id, const char *name, const uint8_t *bytes, size_t len,
                    enum traffic traffic)
{
	struct disk_node *node = arg;
	struct disk_group *g = node->group;
	struct disk_letter *letter = malloc(sizeof *letter + len);

	(void)name;
	(void)traffic;
	assert(letter != NULL);
	letter->next = NULL;
	letter->from = node->at;
	for (letter->to = 0; g->nodes[letter->to].id != raft_id; letter->to++)
		;
	letter->len = len;
	memcpy(letter->bytes, bytes, len);
	*g->last = letter;
	g->last = &letter->next;
}

static void proposed(void *arg, uint64_t tag, enum status st, uint64_t index, const uint8_t *result,
                     size_t len)
{
	struct disk_node *node = arg;

	(void)index;
	(void)result;
	(void)len;
	if (node->proposed != NULL)
		node->proposed(node, tag, st);
}

static void fatal(void *arg, const char *why)
{
	struct disk_node *node = arg;

	fprintf(stderr, "# fatal: %s\n", why);
	node->fatal = true;
}

static void tick(uv_timer_t *timer)
{
	(void)timer;
}

void disk_group_init(struct disk_group *g, unsigned n, const char *dir)
{
	unsigned i;

	memset(g, 0, sizeof *g);
	g->n = n;
	g->last = &g->first;
	uv_loop_init(&g->loop);
	uv_timer_init(&g->loop, &g->timer);
	uv_timer_start(&g->timer, tick, 1, 1);
	g->config.election_ms = 250;
	g->config.election_max_ms = 1000;
	g->config.heartbeat_ms = 25;
	g->config.snapshot_threshold = 1000000;
	g->config.snapshot_trailing = 1000;
	for (i = 0; i < n; i++) {
		struct disk_node *node = &g->nodes[i];

		node->group = g;
		node->at = i;
		node->id = 10 + i;
		snprintf(node->name, sizeof node->name, "n%u@disk", i);
		snprintf(node->dir, sizeof node->dir, "%.100s/%u", dir, i);
		mkdir(node->dir, 0700);
	}
}

void disk_group_close(struct disk_group *g)
{
	struct disk_letter *letter;
	unsigned i;

	for (i = 0; i < g->n; i++) {
		if (g->nodes[i].consensus != NULL)
			disk_node_stop(g, i);
	}
	while ((letter = g->first) != NULL) {
		g->first = letter->next;
		free(letter);
	}
	uv_close((uv_handle_t *)&g->timer, NULL);
	uv_run(&g->loop, UV_RUN_DEFAULT);
	uv_loop_close(&g->loop);
}

static void found(struct disk_group *g, struct disk_node *node)
{
	struct identity *identity = calloc(1, sizeof *identity);
	unsigned i;

	assert(identity != NULL);
	identity->n_members = g->n;
	for (i = 0; i < g->n; i++) {
		snprintf(identity->members[i].name, sizeof identity->members[i].name, "%s",
		         g->nodes[i].name);
		identity->members[i].raft_id = g->nodes[i].id;
	}
	(void)!consensus_bootstrap(node->consensus, identity);
	free(identity);
}

enum status disk_node_start(struct disk_group *g, unsigned at, const char **why)
{
	struct disk_node *node = &g->nodes[at];
	const struct consensus_ops ops = {.arg = node,
	                                  .now_us = now_us,
	                                  .votes_muted = votes_muted,
	                                  .send = send_cb,
	                                  .proposed = proposed,
	                                  .fatal = fatal};
	struct consensus_config config = g->config;
	struct consensus_disks disks;
	enum status st;

	config.raft_id = node->id;
	config.name = node->name;
	config.seed = (uint64_t)now_us(NULL) + at;
	node->closed = false;
	st = storage_open(&g->loop, node->dir, &node->storage, why);
	assert(st == ST_OK);
	storage_on_failure(node->storage, fatal, node);
	st = store_new(&node->store);
	assert(st == ST_OK);
	disks.log = storage_io(node->storage);
	disks.chunks = storage_chunks(node->storage);
	st = consensus_new(&config, &ops, &disks, node->store, &node->consensus);
	assert(st == ST_OK);
	found(g, node);
	return consensus_start(node->consensus, why);
}

static void closed(void *arg)
{
	struct disk_node *node = arg;

	node->closed = true;
}

void disk_node_stop(struct disk_group *g, unsigned at)
{
	struct disk_node *node = &g->nodes[at];

	consensus_close(node->consensus, closed, node);
	while (!node->closed)
		uv_run(&g->loop, UV_RUN_ONCE);
	consensus_free(node->consensus);
	storage_close(node->storage);
	store_free(node->store);
	node->consensus = NULL;
	node->storage = NULL;
	node->store = NULL;
}

static void deliver(struct disk_group *g)
{
	struct disk_letter *letter;

	while ((letter = g->first) != NULL) {
		struct disk_node *to = &g->nodes[letter->to];
		const struct disk_node *from = &g->nodes[letter->from];

		g->first = letter->next;
		if (g->first == NULL)
			g->last = &g->first;
		if (to->consensus != NULL)
			(void)!consensus_receive(to->consensus, from->id, from->name, letter->bytes,
			                         letter->len);
		free(letter);
	}
}

void disk_group_turn(struct disk_group *g)
{
	unsigned i;

	uv_run(&g->loop, UV_RUN_ONCE);
	deliver(g);
	for (i = 0; i < g->n; i++) {
		struct disk_node *node = &g->nodes[i];

		if (node->consensus != NULL &&
		    consensus_deadline_us(node->consensus) <= now_us(NULL))
			consensus_tick(node->consensus);
	}
	deliver(g);
}

int disk_group_leader(struct disk_group *g)
{
	unsigned i;

	for (i = 0; i < g->n; i++) {
		struct raft_view view = {0};

		if (g->nodes[i].consensus == NULL)
			continue;
		consensus_view(g->nodes[i].consensus, &view);
		if (view.role == ROLE_LEADER && view.term_committed)
			return (int)i;
	}
	return -1;
}

static struct session_id id_of(uint32_t number)
{
	struct session_id id = {.bytes = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
	                                  (uint8_t)(number >> 8), (uint8_t)number}};

	return id;
}

enum status disk_node_create(struct disk_node *node, uint32_t number, uint64_t tag)
{
	const struct session_id id = id_of(number);
	/* Numbers are never used twice: no need to tell retries apart. */
	const struct command_head head = {.origin = {node->id, number}, .now_ms = 1};
	struct buf b;
	enum status st;

	buf_init(&b, 1024);
	command_create(&b, &head, &id, (const uint8_t *)"on disk", 7);
	st = consensus_propose(node->consensus, tag, b.base, b.len);
	buf_close(&b);
	return st;
}

bool disk_node_has(const struct disk_node *node, uint32_t number)
{
	const struct session_id id = id_of(number);
	struct session_view view;

	return store_get(node->store, &id, &view) == ST_OK;
}

void disk_dir_make(char ret[DISK_DIR_MAX])
{
	const char *base = getenv("TMPDIR");

	snprintf(ret, DISK_DIR_MAX, "%.80s/erlmcp-test-XXXXXX", base != NULL ? base : P_tmpdir);
	if (mkdtemp(ret) == NULL)
		abort();
}

static void remove_flat(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
	rmdir(dir);
}

void disk_dir_remove(const char *dir)
{
	char path[DISK_DIR_MAX + 16];
	unsigned i;

	for (i = 0; i < DISK_NODES_MAX; i++) {
		snprintf(path, sizeof path, "%s/%u/state", dir, i);
		remove_flat(path);
		snprintf(path, sizeof path, "%s/%u", dir, i);
		remove_flat(path);
	}
	remove_flat(dir);
}
