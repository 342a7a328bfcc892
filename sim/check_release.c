/* Checkers of releases: a node whose release takes an earlier state version only meets a newer
 * one in an entry, in a picture of the leader or on its own disk. It takes none of it in, says
 * which version there is and which it takes, and stops; nothing on its disk changes. */
#include <stdio.h>
#include <string.h>

#include "node/core.h"
#include "session/store.h"
#include "sim/check_inside.h"
#include "sim/member.h"

/* What it tells an operator names both versions. */
static bool names_both(const char *text, uint32_t version, uint32_t takes)
{
	char has[32];
	char up_to[32];

	(void)snprintf(has, sizeof has, "version %u,", version);
	(void)snprintf(up_to, sizeof up_to, "up to %u", takes);
	return strstr(text, has) != NULL && strstr(text, up_to) != NULL;
}

void release_turn(struct node *node)
{
	const struct store *store = core_store(node->core);
	struct watch *watch = &node->world->checks->watches[node->at];

	if (store_version(store) != watch->version)
		world_tell(node->world, node, "version", "%u of the state, it takes up to %u",
		           store_version(store), node->takes);
	watch->version = store_version(store);
	if (store_version(store) > node->takes)
		world_fail(node->world, CHECK_RELEASE,
		           "%s holds a state of version %u, its release takes up to %u", node->name,
		           store_version(store), node->takes);
	else if (store_beyond(store) != 0)
		world_fail(node->world, CHECK_RELEASE,
		           "%s met a state of version %u, takes up to %u and goes on", node->name,
		           store_beyond(store), node->takes);
}

/* The entries that it needs are gone from the leader's log: only a picture could have told it. */
static bool met_in_picture(const struct node *node)
{
	const struct node *leader = member_leader(node->world);
	const struct disk_image *own = &node->disk.image;

	return leader != NULL && own->start + own->n < leader->disk.image.start;
}

void release_refused(struct node *node, const struct core_event *ev)
{
	struct world *w = node->world;
	const uint32_t met = store_beyond(core_store(node->core));

	if (ev->type == CORE_FATAL && met != 0)
		world_fail(w, CHECK_RELEASE, "%s met a newer state and stops as broken: %s",
		           node->name, ev->text);
	if (ev->type != CORE_REFUSED)
		return;
	if (met <= node->takes || !names_both(ev->text, met, node->takes))
		world_fail(w, CHECK_RELEASE, "%s takes up to version %u, met %u and says: %s",
		           node->name, node->takes, met, ev->text);
	if (met_in_picture(node))
		w->stats.refused_pictures++;
	else
		w->stats.refused_entries++;
}

bool check_refused_start(struct node *node)
{
	const uint32_t met = store_beyond(core_store(node->core));

	if (met == 0)
		return false;
	if (met <= node->takes)
		world_fail(node->world, CHECK_RELEASE,
		           "%s takes up to version %u and does not start from a state of %u",
		           node->name, node->takes, met);
	if (node->older && node->disk.image.has_snapshot &&
	    node->disk.image.snapshot.index > node->older_snapshot)
		world_fail(node->world, CHECK_RELEASE,
		           "%s took a state of version %u onto its disk, and takes up to %u",
		           node->name, met, node->takes);
	node->world->stats.refused_starts++;
	return true;
}
