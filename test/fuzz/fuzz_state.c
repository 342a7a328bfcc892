/* The state machine of version 2: manifests and chunks from disks and members, and commands.
 *
 * The first byte says what the rest is. 0: a manifest, whose checksum is set right first; what
 * is read is written and read again. 1: a chunk, behind two bytes with its number; a chunk that
 * is taken must be the same after it was written and read again, and one that is not must leave
 * nothing. 2: commands to a store of version 2, each behind a 16-bit length; the state must
 * survive an image, and its digests a recount. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/chunk.h"
#include "session/mark.h"

enum { INDEX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *founded(void)
{
	struct store *s;
	enum status st = store_new(&s);

	assert(st == ST_OK);
	st = store_found(s, STATE_VERSION_NEWEST);
	assert(st == ST_OK);
	return s;
}

static void set_checksum(uint8_t *bytes, size_t len)
{
	uint64_t sum = XXH64(bytes, len - 8, 0);
	unsigned i;

	for (i = 0; i < 8; i++)
		bytes[len - 8 + i] = (uint8_t)(sum >> (56 - 8 * i));
}

static void read_manifest(const uint8_t *data, size_t size)
{
	struct manifest *m = malloc(2 * sizeof *m);
	uint8_t *bytes = malloc(size + 1);
	struct fault fault;
	enum status st;
	struct buf b;

	assert(m != NULL && bytes != NULL);
	if (size > 0)
		memcpy(bytes, data, size);
	if (size >= 8)
		set_checksum(bytes, size);
	if (manifest_decode(bytes, size, &m[0], &fault) == ST_OK) {
		buf_init(&b, MANIFEST_MAX);
		manifest_encode(&m[0], &b);
		st = manifest_decode(b.base, b.len, &m[1], &fault);
		assert(st == ST_OK && memcmp(&m[0], &m[1], sizeof m[0]) == 0);
		assert(b.len == size && memcmp(b.base, bytes, size) == 0);
		buf_close(&b);
	}
	free(bytes);
	free(m);
}

static uint64_t digest_of(const struct store *s, unsigned chunk)
{
	return chunk == 0 ? store_rest_digest(s) : store_bucket_digest(s, chunk - 1);
}

static void read_again(const struct store *s, unsigned chunk)
{
	struct store *copy = founded();
	struct cursor c;
	enum status st;
	struct buf b;

	copy->index = INDEX;
	buf_init(&b, SIZE_MAX);
	chunk_encode(s, chunk, &b);
	assert(buf_status(&b) == ST_OK);
	c = cursor_of(b.base, b.len);
	st = chunk_decode(copy, chunk, &c);
	assert(st == ST_OK && digest_of(copy, chunk) == digest_of(s, chunk));
	assert(store_bytes(copy) == store_bytes(s) && store_count(copy) == store_count(s));
	if (chunk > 0)
		assert(store_bucket_recount(copy, chunk - 1) == digest_of(s, chunk));
	buf_close(&b);
	store_free(copy);
}

static void read_chunk(const uint8_t *data, size_t size)
{
	struct store *s;
	struct cursor c;
	unsigned chunk;

	if (size < 2)
		return;
	s = founded();
	s->index = INDEX;
	chunk = ((unsigned)data[0] << 8 | data[1]) % IMAGE_CHUNKS;
	c = cursor_of(data + 2, size - 2);
	if (chunk_decode(s, chunk, &c) == ST_OK) {
		read_again(s, chunk);
	} else {
		chunk_forget(s, chunk);
		assert(store_count(s) == 0 && store_bytes(s) == 0 && s->digest == 0);
	}
	store_free(s);
}

/* The whole state as an image, and as another store. */
static void survive_image(struct store *s)
{
	struct manifest *m = malloc(sizeof *m);
	struct buf *chunks = calloc(IMAGE_CHUNKS, sizeof *chunks);
	struct store *copy = founded();
	struct image_loader *l;
	struct image *im;
	struct fault fault;
	enum status st;
	unsigned chunk;
	struct buf b;
	unsigned i;

	assert(m != NULL && chunks != NULL);
	st = image_begin(s, &im);
	assert(st == ST_OK);
	for (;;) {
		buf_init(&b, SIZE_MAX);
		st = image_next(im, &b, &chunk);
		if (st != ST_OK)
			break;
		chunks[chunk] = b;
	}
	assert(st == ST_NOT_FOUND);
	*m = *image_manifest(im);
	image_end(im);
	st = image_load(m, &l);
	assert(st == ST_OK);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		if (m->chunks[i].len == 0)
			continue;
		st = image_load_chunk(l, i, chunks[i].base, chunks[i].len, &fault);
		assert(st == ST_OK);
		buf_close(&chunks[i]);
	}
	st = image_load_finish(l, copy, &fault);
	assert(st == ST_OK && store_digest(copy) == store_digest(s));
	store_free(copy);
	free(chunks);
	free(m);
}

static void apply_all(const uint8_t *data, size_t size)
{
	struct store *s = founded();
	uint64_t index = 2;
	unsigned i;

	while (size >= 2) {
		size_t len = (size_t)data[0] << 8 | data[1];
		struct store_answer answer;
		struct fault fault;
		struct buf result;
		enum status st;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		buf_init(&result, STORE_RESULT_MAX);
		st = store_apply(s, index++, data, len, &result);
		assert(st == ST_OK);
		st = store_result_decode(result.base, result.len, &answer);
		assert(st == ST_OK);
		if (command_check(data, len, &fault) != ST_OK)
			assert(answer.result != RESULT_OK);
		buf_close(&result);
		data += len;
		size -= len;
	}
	for (i = 0; i < STORE_BUCKETS; i++)
		assert(store_bucket_recount(s, i) == store_bucket_digest(s, i));
	survive_image(s);
	store_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		read_manifest(data + 1, size - 1);
	else if (data[0] == 1)
		read_chunk(data + 1, size - 1);
	else if (data[0] == 2)
		apply_all(data + 1, size - 1);
	return 0;
}
