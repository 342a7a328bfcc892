/* Taking images. The store knows its images and tells them before an object changes, comes or goes:
 * an image that has not got its bucket yet keeps the object as it was, if it does not keep it
 * already. When the image gets to the bucket, what it kept takes the place of what is there. So a
 * command pays for the object that it changes, never for a bucket, and memory for what changed. */
#include "session/image.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/chunk.h"

/* An object as it was when the image began; one that was not there has no bytes. */
struct kept {
	struct object object; /* its place among the kept ones of its bucket */
	size_t len;           /* bytes */
	uint8_t *bytes;       /* as in a chunk; owned */
};

struct image {
	struct store *store;               /* borrowed; NULL: spoiled, for good */
	enum status why;                   /* ... and why */
	struct manifest manifest;          /* lengths and checksums follow with the chunks */
	struct manifest older;             /* what need not be encoded again */
	bool reuses;                       /* there is an older one */
	bool done[IMAGE_CHUNKS];           /* handed out, taken over or empty */
	unsigned next;                     /* no chunk before this one is to be done */
	struct buf rest;                   /* chunk 0 as it was, once it changed */
	struct bucket kept[STORE_BUCKETS]; /* struct kept: what changed in each */
	size_t kept_bytes;                 /* of all of them and of rest */
};

enum status image_begin(struct store *s, struct image **ret)
{
	struct image *im;
	unsigned i;

	if (s->n_images == IMAGES_MAX)
		return ST_LIMIT;
	im = calloc(1, sizeof *im);
	if (im == NULL)
		return ST_NOMEM;
	im->store = s;
	buf_init(&im->rest, SIZE_MAX);
	im->manifest.index = s->index;
	im->manifest.digest = store_digest(s);
	im->manifest.state_version = s->version;
	im->manifest.chunks[0].changed = s->rest_changed;
	im->manifest.chunks[0].digest = store_rest_digest(s);
	for (i = 0; i < STORE_BUCKETS; i++) {
		im->done[1 + i] = chunk_is_empty(s, 1 + i);
		if (im->done[1 + i])
			continue;
		im->manifest.chunks[1 + i].changed = s->buckets[i].changed;
		im->manifest.chunks[1 + i].digest = s->buckets[i].digest;
	}
	s->images[s->n_images++] = im;
	*ret = im;
	return ST_OK;
}

static void detach(struct image *im, enum status why)
{
	struct store *s = im->store;
	unsigned i;

	if (s == NULL)
		return;
	for (i = 0; s->images[i] != im; i++)
		assert(i + 1 < s->n_images);
	s->images[i] = s->images[--s->n_images];
	im->store = NULL;
	im->why = why;
}

static void kept_free(struct object *o)
{
	struct kept *kept = (struct kept *)o;

	free(kept->bytes);
	free(kept);
}

void image_spoil_all(struct store *s)
{
	while (s->n_images > 0)
		detach(s->images[0], ST_CLOSED);
}

/* An older image has this chunk as it is in this one. */
static bool is_known(const struct image *im, unsigned chunk)
{
	const struct chunk_info *old = &im->older.chunks[chunk];
	const struct chunk_info *now = &im->manifest.chunks[chunk];

	return im->reuses && now->changed <= old->changed && now->digest == old->digest &&
	       im->manifest.state_version == im->older.state_version;
}

uint64_t chunk_checksum(const uint8_t *bytes, size_t len)
{
	return XXH3_64bits(bytes, len);
}

static void note(struct image *im, unsigned chunk, const uint8_t *bytes, size_t len)
{
	im->manifest.chunks[chunk].len = len;
	im->manifest.chunks[chunk].checksum = chunk_checksum(bytes, len);
}

static enum status keep(struct image *im, const struct session_id *id, const struct object *o)
{
	struct bucket *bucket = &im->kept[store_bucket_of(id)];
	struct kept *kept;
	enum status st;
	struct buf b;

	if (bucket_find(bucket, id) != NULL)
		return ST_OK;
	kept = calloc(1, sizeof *kept);
	if (kept == NULL)
		return ST_NOMEM;
	buf_init(&b, SIZE_MAX);
	if (o != NULL)
		object_encode(o, &b);
	kept->object.id = *id;
	kept->len = b.len;
	kept->bytes = b.base;
	st = buf_status(&b);
	if (st == ST_OK)
		st = bucket_add(bucket, &kept->object);
	if (st != ST_OK) {
		kept_free(&kept->object);
		return st;
	}
	im->kept_bytes += sizeof *kept + kept->len;
	return ST_OK;
}

void image_keep(struct store *s, const struct session_id *id, const struct object *o)
{
	unsigned chunk = 1 + store_bucket_of(id);
	unsigned i = s->n_images;

	while (i-- > 0) {
		struct image *im = s->images[i];

		if (im->done[chunk] || is_known(im, chunk))
			continue;
		/* The command that is being applied goes on; only the image is lost. */
		if (keep(im, id, o) != ST_OK)
			detach(im, ST_UNKNOWN);
	}
}

void image_keep_rest(struct store *s)
{
	unsigned i = s->n_images;

	while (i-- > 0) {
		struct image *im = s->images[i];

		if (im->done[0] || im->rest.len > 0 || is_known(im, 0))
			continue;
		chunk_encode(s, 0, &im->rest);
		im->kept_bytes += im->rest.len;
		if (buf_status(&im->rest) != ST_OK)
			detach(im, ST_UNKNOWN);
	}
}

void image_reuse(struct image *im, const struct manifest *older)
{
	im->reuses = older != NULL;
	if (older != NULL)
		im->older = *older;
}

/* The first chunk to encode, those that are known on the way being taken over. */
static unsigned next_todo(struct image *im)
{
	for (; im->next < IMAGE_CHUNKS; im->next++) {
		if (im->done[im->next])
			continue;
		if (!is_known(im, im->next))
			break;
		im->manifest.chunks[im->next] = im->older.chunks[im->next];
		im->done[im->next] = true;
	}
	return im->next;
}

/* Of a shelf: what was kept in the place of what is there, in order of the ids. Returns how many
 * objects it was. */
static uint32_t shelf_encode(const struct shelf *live, const struct shelf *kept, struct buf *b)
{
	uint32_t count = 0;
	uint32_t at = 0;
	uint32_t i;

	for (i = 0; i < kept->n; i++) {
		const struct kept *old = (const struct kept *)kept->items[i].object;

		for (; at < live->n && shelf_order(&live->items[at], &kept->items[i]) < 0; at++) {
			object_encode(live->items[at].object, b);
			count++;
		}
		if (at < live->n && shelf_order(&live->items[at], &kept->items[i]) == 0)
			at++;
		buf_bytes(b, old->bytes, old->len);
		count += old->len > 0;
	}
	for (; at < live->n; at++) {
		object_encode(live->items[at].object, b);
		count++;
	}
	return count;
}

static void bucket_as_it_was(const struct image *im, unsigned bucket, struct buf *b)
{
	size_t start = b->len;
	uint32_t n = 0;
	unsigned i;

	buf_u32(b, 0);
	for (i = 0; i < SHELVES; i++)
		n += shelf_encode(&im->store->buckets[bucket].shelves[i],
		                  &im->kept[bucket].shelves[i], b);
	for (i = 0; buf_status(b) == ST_OK && i < 4; i++)
		b->base[start + i] = (uint8_t)(n >> (24 - 8 * i));
}

static void chunk_as_it_was(const struct image *im, unsigned chunk, struct buf *b)
{
	if (chunk > 0)
		bucket_as_it_was(im, chunk - 1, b);
	else if (im->rest.len > 0)
		buf_bytes(b, im->rest.base, im->rest.len);
	else
		chunk_encode(im->store, 0, b);
}

static void kept_drop(struct image *im, unsigned chunk)
{
	struct bucket *kept;
	unsigned i;
	uint32_t k;

	if (chunk == 0) {
		im->kept_bytes -= im->rest.len;
		buf_close(&im->rest);
		return;
	}
	kept = &im->kept[chunk - 1];
	for (i = 0; i < SHELVES; i++) {
		for (k = 0; k < kept->shelves[i].n; k++)
			im->kept_bytes -=
			    sizeof(struct kept) +
			    ((const struct kept *)kept->shelves[i].items[k].object)->len;
	}
	bucket_close(kept, kept_free);
}

enum status image_next(struct image *im, struct buf *b, unsigned *ret_chunk)
{
	size_t start = b->len;
	enum status st;
	unsigned chunk;

	if (im->store == NULL)
		return im->why;
	chunk = next_todo(im);
	if (chunk == IMAGE_CHUNKS)
		return ST_NOT_FOUND;
	chunk_as_it_was(im, chunk, b);
	st = buf_status(b);
	if (st != ST_OK) {
		b->len = start;
		return st;
	}
	note(im, chunk, b->base + start, b->len - start);
	im->done[chunk] = true;
	kept_drop(im, chunk);
	*ret_chunk = chunk;
	return ST_OK;
}

const struct manifest *image_manifest(const struct image *im)
{
	return &im->manifest;
}

size_t image_kept_bytes(const struct image *im)
{
	return im->kept_bytes;
}

void image_end(struct image *im)
{
	unsigned i;

	if (im == NULL)
		return;
	detach(im, ST_CLOSED);
	for (i = 0; i < IMAGE_CHUNKS; i++)
		kept_drop(im, i);
	free(im);
}
