/* Taking images. The store knows its images and calls image_keep() before a bucket changes; an
 * image that has not got that bucket yet encodes it then, and hands it out before anything else.
 *
 *   TODO ── image_next() ──────────────────────────────► DONE
 *     └──── image_keep(), it is about to change ─► KEPT ──┘ image_next() */
#include "session/image.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/chunk.h"

enum chunk_state { CHUNK_TODO, CHUNK_KEPT, CHUNK_DONE };

/* Bytes of a chunk as it was when the image began. */
struct kept {
	struct kept *next; /* kept after this one */
	unsigned chunk;    /* its number */
	size_t len;        /* bytes */
	uint8_t *bytes;    /* owned */
};

struct image {
	struct store *store;         /* borrowed; NULL: its state is gone, or memory was short */
	enum status why;             /* ... and which of the two */
	struct manifest manifest;    /* lengths and checksums follow with the chunks */
	struct manifest older;       /* what need not be encoded again */
	bool reuses;                 /* there is an older one */
	uint8_t state[IMAGE_CHUNKS]; /* enum chunk_state */
	unsigned next;               /* no chunk before this one is TODO */
	struct kept *first;          /* kept chunks, in the order of their keeping */
	struct kept **last;          /* where the next one is linked */
	size_t kept_bytes;           /* of all of them */
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
	im->last = &im->first;
	im->manifest.index = s->index;
	im->manifest.digest = store_digest(s);
	im->manifest.state_version = s->version;
	im->manifest.chunks[0].changed = s->rest_changed;
	im->manifest.chunks[0].digest = store_rest_digest(s);
	for (i = 0; i < STORE_BUCKETS; i++) {
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

static void kept_drop(struct image *im)
{
	struct kept *kept = im->first;

	im->first = kept->next;
	if (im->first == NULL)
		im->last = &im->first;
	im->kept_bytes -= kept->len;
	free(kept->bytes);
	free(kept);
}

static void kept_drop_all(struct image *im)
{
	while (im->first != NULL)
		kept_drop(im);
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

static void note_empty(struct image *im, unsigned chunk)
{
	memset(&im->manifest.chunks[chunk], 0, sizeof im->manifest.chunks[chunk]);
	im->state[chunk] = CHUNK_DONE;
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

static enum status keep(struct image *im, unsigned chunk)
{
	struct kept *kept = malloc(sizeof *kept);
	struct buf b;

	if (kept == NULL)
		return ST_NOMEM;
	buf_init(&b, SIZE_MAX);
	chunk_encode(im->store, chunk, &b);
	if (buf_status(&b) != ST_OK)
		goto err_buf;
	note(im, chunk, b.base, b.len);
	kept->next = NULL;
	kept->chunk = chunk;
	kept->len = b.len;
	kept->bytes = b.base;
	*im->last = kept;
	im->last = &kept->next;
	im->kept_bytes += b.len;
	im->state[chunk] = CHUNK_KEPT;
	return ST_OK;
err_buf:
	buf_close(&b);
	free(kept);
	return ST_NOMEM;
}

void image_keep(struct store *s, unsigned chunk)
{
	unsigned i = s->n_images;

	while (i-- > 0) {
		struct image *im = s->images[i];

		if (im->state[chunk] != CHUNK_TODO || is_known(im, chunk))
			continue;
		/* The command that is being applied goes on; only the image is lost. */
		if (chunk_is_empty(s, chunk))
			note_empty(im, chunk);
		else if (keep(im, chunk) != ST_OK)
			detach(im, ST_UNKNOWN);
	}
}

void image_reuse(struct image *im, const struct manifest *older)
{
	im->reuses = older != NULL;
	if (older != NULL)
		im->older = *older;
}

static enum status next_kept(struct image *im, struct buf *b, unsigned *ret_chunk)
{
	struct kept *kept = im->first;

	buf_bytes(b, kept->bytes, kept->len);
	if (buf_status(b) != ST_OK)
		return buf_status(b);
	im->state[kept->chunk] = CHUNK_DONE;
	*ret_chunk = kept->chunk;
	kept_drop(im);
	return ST_OK;
}

/* The first chunk to encode, those that are known on the way being taken over: first, because
 * nobody keeps them, and their bucket may be another by now, or empty. */
static unsigned next_todo(struct image *im)
{
	for (; im->next < IMAGE_CHUNKS; im->next++) {
		if (im->state[im->next] != CHUNK_TODO)
			continue;
		if (is_known(im, im->next)) {
			im->manifest.chunks[im->next] = im->older.chunks[im->next];
			im->state[im->next] = CHUNK_DONE;
		} else if (chunk_is_empty(im->store, im->next)) {
			note_empty(im, im->next);
		} else {
			break;
		}
	}
	return im->next;
}

enum status image_next(struct image *im, struct buf *b, unsigned *ret_chunk)
{
	size_t start = b->len;
	enum status st;
	unsigned chunk;

	if (im->store == NULL)
		return im->why;
	if (im->first != NULL)
		return next_kept(im, b, ret_chunk);
	chunk = next_todo(im);
	if (chunk == IMAGE_CHUNKS)
		return ST_NOT_FOUND;
	chunk_encode(im->store, chunk, b);
	st = buf_status(b);
	if (st != ST_OK) {
		b->len = start;
		return st;
	}
	note(im, chunk, b->base + start, b->len - start);
	im->state[chunk] = CHUNK_DONE;
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
	if (im == NULL)
		return;
	detach(im, ST_CLOSED);
	kept_drop_all(im);
	free(im);
}
