/* One consensus room on a real disk, driven by a libuv loop of its own test. */
#ifndef SUPPORT_DISK_NODE_H
#define SUPPORT_DISK_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "consensus/consensus.h"
#include "consensus/storage.h"

enum { DISK_NODES_MAX = 3, DISK_DIR_MAX = 128 };

struct disk_node {
	struct disk_group *group;
	unsigned at;
	uint64_t id;
	char name[32];
	char dir[DISK_DIR_MAX];
	uint64_t commands;
	struct storage *storage;
	struct consensus *consensus;
	struct store *store;
	bool fatal;
	bool closed;
	void (*proposed)(struct disk_node *node, uint64_t tag, enum status st);
	void *arg;
};

struct disk_letter {
	struct disk_letter *next;
	unsigned from;
	unsigned to;
	size_t len;
	uint8_t bytes[];
};

struct disk_group {
	uv_loop_t loop;
	uv_timer_t timer; /* keeps the loop turning */
	struct disk_node nodes[DISK_NODES_MAX];
	unsigned n;
	struct disk_letter *first;
	struct disk_letter **last;
	struct consensus_config config;
};

/* A group of n nodes in directories below dir (made here). */
void disk_group_init(struct disk_group *g, unsigned n, const char *dir);
void disk_group_close(struct disk_group *g);

/* Open and start one node; bootstraps when its directory is new. why is set on failure. */
enum status disk_node_start(struct disk_group *g, unsigned at, const char **why);
void disk_node_stop(struct disk_group *g, unsigned at);

/* One turn of the loop: disk, timers, messages. */
void disk_group_turn(struct disk_group *g);

/* The place of the leader with a committed entry of its term, or -1. */
int disk_group_leader(struct disk_group *g);

enum status disk_node_create(struct disk_node *node, uint32_t number, uint64_t tag);
bool disk_node_has(const struct disk_node *node, uint32_t number);

/* A new directory for this test's files, and its removal with all that is in it. */
void disk_dir_make(char ret[DISK_DIR_MAX]);
void disk_dir_remove(const char *dir);

#endif
