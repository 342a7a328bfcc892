#include "sim/system.h"

#include <assert.h>
#include <string.h>

#include "consensus/picture.h"
#include "sim/check.h"
#include "sim/network.h"
#include "sim/process.h"

static int64_t ops_now_us(void *arg)
{
	struct node *node = arg;

	return clock_ask(node, process_now(node));
}

static int64_t ops_wall_ms(void *arg)
{
	struct node *node = arg;

	return ops_now_us(arg) / 1000 + node->clock.wall_ms;
}

static uint64_t ops_random(void *arg)
{
	struct node *node = arg;

	return prng_next(&node->random);
}

static void ops_send(void *arg, const char *peer, enum traffic traffic, const uint8_t *bytes,
                     size_t len)
{
	struct node *node = arg;

	if (process_effect(node))
		network_send(node, peer, traffic, bytes, len, process_now(node));
}

static size_t ops_backlog(void *arg, const char *peer)
{
	return network_backlog(arg, peer);
}

static enum status ops_persist(void *arg, const struct identity *id)
{
	struct node *node = arg;
	enum status st;

	if (!process_effect(node))
		return ST_OK;
	st = disk_persist(&node->disk, id);
	if (st == ST_OK)
		check_identity(node, id);
	return st;
}

static void ops_reset(void *arg, const char *why)
{
	struct node *node = arg;

	world_tell(node->world, node, "reset", "%s", why);
	node->reset = true;
	node->fatal = true;
}

static void ops_keep(void *arg, const char *peer, bool keep)
{
	network_keep(arg, peer, keep);
}

static void tell_event(struct node *node, const struct core_event *ev)
{
	struct world *w = node->world;

	switch (ev->type) {
	case CORE_STATE:
		world_tell(w, node, "state", "%s -> %s, %u of %u in sight: %s",
		           cluster_state_name(ev->from), cluster_state_name(ev->to), ev->reachable,
		           ev->needed, ev->text);
		break;
	case CORE_MEMBER:
		world_tell(w, node, "member", "%s %s", ev->peer, ev->up ? "heard" : "lost");
		break;
	case CORE_LEADER:
		world_tell(w, node, "leader", "%s in term %llu",
		           ev->peer[0] == '\0' ? "none" : ev->peer, (unsigned long long)ev->term);
		break;
	case CORE_COUNTDOWN:
		world_tell(w, node, "countdown", "%s: %s", ev->up ? "began" : "aborted", ev->text);
		break;
	case CORE_SHUTDOWN:
		world_tell(w, node, "shutdown", "%s", ev->force ? "for real" : "dry run");
		break;
	case CORE_ALARM:
		world_tell(w, node, "alarm", "%s: %s", ev->up ? "raised" : "over", ev->text);
		break;
	case CORE_REFUSED:
	case CORE_FATAL:
		world_tell(w, node, "fatal", "%s", ev->text);
		break;
	case CORE_VOTE:
		break; /* the disk tells every vote */
	case CORE_TRACE:
		if (ev->level <= 2 || w->options.messages)
			world_tell(w, node, "note", "%s", ev->text);
		break;
	case CORE_FOUNDED:
		world_tell(w, node, "founded", "%s", ev->text);
		break;
	case CORE_SYNC:
		world_tell(w, node, "sync", "%s", ev->text);
		break;
	case CORE_PICTURE:
		if (w->options.messages)
			world_tell(w, node, "picture", "%s", ev->text);
		break;
	case CORE_CHANGE:
		w->stats.steps++;
		w->stats.stand_ins += strstr(ev->text, "has been away") != NULL;
		world_tell(w, node, "members", "%s", ev->text);
		break;
	}
}

bool system_says_removed(const char *why)
{
	static const char words[] = "removed from the cluster";

	return strncmp(why, words, sizeof words - 1) == 0;
}

static void ops_event(void *arg, const struct core_event *ev)
{
	struct node *node = arg;
	struct world *w = node->world;

	if (node->dead)
		return;
	if (ev->type != CORE_TRACE)
		world_note(w, 200 + ev->type, node->at,
		           (uint64_t)ev->from << 8 | (uint64_t)ev->to << 1 | ev->up);
	tell_event(node, ev);
	check_event(node, ev);
	if (ev->type == CORE_STATE && ev->to == CLUSTER_STOPPED)
		node->removed = system_says_removed(ev->text);
	if (ev->type == CORE_FATAL || ev->type == CORE_REFUSED ||
	    (ev->type == CORE_SHUTDOWN && ev->force) ||
	    (ev->type == CORE_STATE && ev->to == CLUSTER_STOPPED))
		node->fatal = true;
}

static bool disk_effect(void *arg)
{
	return process_effect(arg);
}

static void disk_due(void *arg, int64_t at_us)
{
	process_wake_at(arg, at_us);
}

static void disk_appended(void *arg, raft_index index, const struct disk_mark *mark)
{
	check_appended(arg, index, mark);
}

static void disk_voted(void *arg, raft_term term, raft_id vote)
{
	check_voted(arg, term, vote);
}

static void disk_committed(void *arg, raft_index index, struct disk_mark *ret)
{
	check_committed(arg, index, ret);
}

/* Chunks of its own pictures and fetched ones are counted apart. */
static bool chunk_asked(void *arg, uint64_t tag, bool lost_power)
{
	struct node *node = arg;
	unsigned asker = tag & ((1U << ASKER_BITS) - 1);
	unsigned *left = NULL;

	assert(node != NULL);
	if (asker == ASKER_PICTURE)
		left = &node->picture_crash_in;
	else if (asker == ASKER_FETCH)
		left = &node->fetch_crash_in;
	if (lost_power || (left != NULL && *left > 0 && --*left == 0))
		node->dead = true;
	return !node->dead;
}

struct core_ops system_core(struct node *node)
{
	return (struct core_ops){.arg = node,
	                         .now_us = ops_now_us,
	                         .wall_ms = ops_wall_ms,
	                         .random = ops_random,
	                         .send = ops_send,
	                         .backlog = ops_backlog,
	                         .persist = ops_persist,
	                         .reset = ops_reset,
	                         .event = ops_event,
	                         .keep = ops_keep};
}

struct disk_ops system_disk(struct node *node)
{
	return (struct disk_ops){.arg = node,
	                         .effect = disk_effect,
	                         .appended = disk_appended,
	                         .voted = disk_voted,
	                         .due = disk_due,
	                         .committed = disk_committed,
	                         .chunk_asked = chunk_asked};
}
