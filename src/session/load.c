/* Putting a state together from an image's chunks, beside the present one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/chunk.h"

struct image_loader {
	struct manifest manifest; /* what it is to become */
	struct store *store;      /* what is there so far; owned */
	bool there[IMAGE_CHUNKS]; /* chunks that are in it */
	unsigned missing;         /* chunks that are not */
};

enum status image_load(const struct manifest *m, struct image_loader **ret)
{
	struct image_loader *l = calloc(1, sizeof *l);
	enum status st;
	unsigned i;

	if (l == NULL)
		return ST_NOMEM;
	st = store_new(&l->store);
	if (st != ST_OK)
		goto err_loader;
	l->manifest = *m;
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		l->there[i] = m->chunks[i].len == 0;
		l->missing += !l->there[i];
	}
	l->store->index = m->index;
	*ret = l;
	return ST_OK;
err_loader:
	free(l);
	return st;
}

static enum status load_fault(struct fault *fault, enum status st, size_t at, const char *what)
{
	fault->st = st;
	fault->at = at;
	fault->what = what;
	return st;
}

static uint64_t chunk_digest(const struct store *s, unsigned chunk)
{
	return chunk == 0 ? store_rest_digest(s) : s->buckets[chunk - 1].digest;
}

enum status image_load_chunk(struct image_loader *l, unsigned chunk, const uint8_t *bytes,
                             size_t len, struct fault *fault)
{
	struct cursor c = cursor_of(bytes, len);
	const struct chunk_info *info;
	enum status st;

	if (chunk >= IMAGE_CHUNKS || l->there[chunk])
		return load_fault(fault, ST_MALFORMED, 0, "no such chunk is missing");
	info = &l->manifest.chunks[chunk];
	if (len != info->len)
		return load_fault(fault, ST_MALFORMED, len < info->len ? len : info->len,
		                  "not as long as the manifest says");
	if (chunk_checksum(bytes, len) != info->checksum)
		return load_fault(fault, ST_MALFORMED, 0, "wrong checksum");
	st = chunk_decode(l->store, chunk, &c);
	if (st != ST_OK) {
		chunk_forget(l->store, chunk);
		return load_fault(fault, st, len - c.left,
		                  st == ST_NOMEM ? "out of memory" : "impossible content");
	}
	if (chunk_digest(l->store, chunk) != info->digest) {
		chunk_forget(l->store, chunk);
		return load_fault(fault, ST_MALFORMED, 0, "wrong digest");
	}
	l->there[chunk] = true;
	l->missing--;
	return ST_OK;
}

static enum status load_check(const struct image_loader *l, struct fault *fault)
{
	if (l->missing > 0)
		return load_fault(fault, ST_MALFORMED, 0, "chunks are missing");
	if (l->store->version != l->manifest.state_version)
		return load_fault(fault, ST_MALFORMED, 0, "another state version");
	if (store_digest(l->store) != l->manifest.digest)
		return load_fault(fault, ST_MALFORMED, 0, "wrong digest of the whole");
	return ST_OK;
}

enum status image_load_finish(struct image_loader *l, struct store *s, struct fault *fault)
{
	enum status st = load_check(l, fault);
	unsigned i;

	if (st != ST_OK) {
		image_load_abort(l);
		return st;
	}
	l->store->rest_changed = l->manifest.chunks[0].changed;
	for (i = 0; i < STORE_BUCKETS; i++)
		l->store->buckets[i].changed = l->manifest.chunks[1 + i].changed;
	store_become(s, l->store);
	free(l);
	return ST_OK;
}

void image_load_abort(struct image_loader *l)
{
	if (l == NULL)
		return;
	store_free(l->store);
	free(l);
}
