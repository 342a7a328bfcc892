/* Checkers of pictures of the state and of fetching them.
 *
 * What the manifest on a disk names is there: durable, each chunk with the checksum that the
 * manifest tells, and all of them together the state that other nodes had at its index. After
 * healing no picture and no fetch lasts. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Pictures are followed inside of the consensus room: nobody else needs to know of them. */
#include "consensus/inside.h"
#include "node/core_internal.h"
#include "sim/check_inside.h"
#include "sim/process.h"

static const struct consensus *room_of(const struct node *node)
{
	return node->core->consensus;
}

/* --- What is on the disk ------------------------------------------------------------- */

static bool is_there(struct node *node, const struct manifest *m, unsigned chunk)
{
	const struct chunk_info *info = &m->chunks[chunk];
	const struct chunk_name name = {chunk, info->changed, info->checksum};
	const struct chunk_file *f = chunks_find(&node->disk.chunks, &name);
	const char *wrong = NULL;

	if (f == NULL)
		wrong = "missing";
	else if (!f->durable)
		wrong = "not durable";
	else if (f->len != info->len || chunk_checksum(f->bytes, f->len) != info->checksum)
		wrong = "another one";
	if (wrong != NULL)
		world_fail(node->world, CHECK_SNAPSHOT,
		           "chunk %u of the picture of entry %" PRIu64 " on %s is %s", chunk,
		           m->index, node->name, wrong);
	return wrong == NULL;
}

/* Put together again, the chunks are what other nodes had. */
static void check_content(struct node *node, const struct manifest *m)
{
	struct image_loader *loader;
	struct store *store;
	struct fault fault = {ST_OK, 0, "it cannot be"};
	enum status st;
	unsigned i;

	st = store_new(&store);
	assert(st == ST_OK);
	st = image_load(m, &loader);
	assert(st == ST_OK);
	for (i = 0; i < IMAGE_CHUNKS && st == ST_OK; i++) {
		const struct chunk_name name = {i, m->chunks[i].changed, m->chunks[i].checksum};
		const struct chunk_file *f = chunks_find(&node->disk.chunks, &name);

		if (m->chunks[i].len > 0)
			st = image_load_chunk(loader, i, f->bytes, f->len, &fault);
	}
	if (st == ST_OK)
		st = image_load_finish(loader, store, &fault);
	else
		image_load_abort(loader);
	if (st != ST_OK)
		world_fail(node->world, CHECK_SNAPSHOT,
		           "the picture of entry %" PRIu64 " on %s cannot be loaded: %s", m->index,
		           node->name, fault.what);
	store_free(store);
}

static void check_manifest(struct node *node, const struct manifest *m)
{
	const struct place *p = check_place(node->world, m->index);

	if (m->index > 0 && p->digest != 0 && p->digest != (m->digest | 1))
		world_fail(node->world, CHECK_SNAPSHOT,
		           "the picture of entry %" PRIu64 " on %s is of another state", m->index,
		           node->name);
	for (unsigned i = 0; i < IMAGE_CHUNKS; i++) {
		if (m->chunks[i].len > 0 && !is_there(node, m, i))
			return;
	}
	if (m->index % CONTENT_EVERY == 0)
		check_content(node, m);
}

/* A snapshot that came to its disk since the last look. */
static void look_at_disk(struct node *node)
{
	const struct disk_image *image = &node->disk.image;
	struct watch *watch = &node->world->checks->watches[node->at];
	struct manifest *m;
	struct fault fault;

	if (!image->has_snapshot || image->snapshot.index == watch->snapshot ||
	    node->disk.chunks.lost)
		return;
	watch->snapshot = image->snapshot.index;
	m = malloc(sizeof *m);
	assert(m != NULL);
	if (manifest_decode(image->snapshot.bufs[0].base, image->snapshot.bufs[0].len, m, &fault) ==
	    ST_OK)
		check_manifest(node, m);
	else
		world_fail(node->world, CHECK_SNAPSHOT, "%s has a manifest that cannot be read: %s",
		           node->name, fault.what);
	free(m);
}

/* --- What is under way --------------------------------------------------------------- */

static void count_chunks(struct world *w, const struct manifest *new, const struct manifest *old)
{
	for (unsigned i = 0; i < IMAGE_CHUNKS && old != NULL; i++) {
		if (new->chunks[i].len > 0 &&
		    new->chunks[i].changed == old->chunks[i].changed &&new->chunks[i].checksum ==
		        old->chunks[i].checksum)
			w->stats.chunks_reused++;
	}
}

static void follow_picture(struct node *node)
{
	const struct picture *p = &room_of(node)->picture;
	struct watch *watch = &node->world->checks->watches[node->at];
	bool taking = p->state != PICTURE_IDLE;

	if (watch->taking && !taking) {
		node->world->stats.pictures++;
		count_chunks(node->world, p->last, p->before);
	}
	if (!watch->taking && taking)
		watch->taking_us = node->world->now_us;
	watch->taking = taking;
}

static void follow_fetch(struct node *node)
{
	const struct fetch *f = &room_of(node)->fetch;
	struct watch *watch = &node->world->checks->watches[node->at];
	struct sim_stats *s = &node->world->stats;

	if (watch->fetching != 0 && (!f->active || f->generation != watch->fetching)) {
		bool done = room_of(node)->picture.last != NULL &&
		            room_of(node)->picture.last->index == watch->fetch_index;

		s->fetches_done += done;
		s->fetches_given_up += !done;
		world_tell(node->world, node, "fetch", "of entry %" PRIu64 " %s",
		           watch->fetch_index, done ? "is done" : "is given up");
		watch->fetching = 0;
	}
	if (!f->active || watch->fetching != 0)
		return;
	s->fetches++;
	watch->fetching = f->generation;
	watch->fetch_index = f->manifest->index;
	watch->fetching_us = node->world->now_us;
	world_tell(node->world, node, "fetch", "of entry %" PRIu64 " begins, from %s",
	           watch->fetch_index, f->name);
}

void picture_turn(struct node *node)
{
	look_at_disk(node);
	follow_picture(node);
	follow_fetch(node);
}

void picture_started(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	node->world->stats.fetches_cut_off += watch->fetching != 0;
	watch->taking = false;
	watch->fetching = 0;
	watch->snapshot = 0;
}

/* Everything has worked for long: what is under way began lately. */
void picture_end(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		const struct watch *watch = &w->checks->watches[i];

		if (w->nodes[i].state != PROCESS_UP)
			continue;
		if (watch->taking && w->now_us - watch->taking_us > SIM_SERVING_US)
			world_fail(w, CHECK_HEALS,
			           "%s has been taking a picture for %" PRId64 " ms",
			           w->nodes[i].name, (w->now_us - watch->taking_us) / 1000);
		if (watch->fetching != 0 && w->now_us - watch->fetching_us > SIM_SERVING_US)
			world_fail(w, CHECK_HEALS,
			           "%s has been fetching the state for %" PRId64 " ms",
			           w->nodes[i].name, (w->now_us - watch->fetching_us) / 1000);
	}
}
