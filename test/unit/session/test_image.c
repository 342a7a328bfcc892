/* Images: what they survive, what they refuse. That they are right is the property test's. */
#include "session/image.h"

#include <string.h>

#include "session/limits.h"
#include "steps.h"
#include "testing.h"

static const struct session_attrs plain;

/* Two dozen sessions with a key each. */
static struct store *filled(uint32_t version)
{
	const struct command_key key = key_of("k");
	struct store *s = founded(version);
	unsigned i;

	for (i = 0; i < 24 && version == STATE_VERSION_2; i++) {
		assert_int_equal(create(s, i, &plain).result, RESULT_OK);
		assert_int_equal(put(s, i, &key).result, RESULT_OK);
	}
	return s;
}

struct picture {
	struct manifest manifest;
	struct buf chunks[IMAGE_CHUNKS];
	size_t n; /* chunks that were encoded */
};

/* Take the rest of an image and end it. */
static void take_rest(struct image *im, struct picture *p)
{
	enum status st = ST_OK;
	unsigned chunk;

	for (p->n = 0; st == ST_OK; p->n++) {
		struct buf b;

		buf_init(&b, SIZE_MAX);
		st = image_next(im, &b, &chunk);
		if (st != ST_OK)
			break;
		buf_close(&p->chunks[chunk]);
		p->chunks[chunk] = b;
	}
	assert_int_equal(st, ST_NOT_FOUND);
	p->manifest = *image_manifest(im);
	image_end(im);
}

static void take(struct store *s, struct picture *p)
{
	struct image *im;

	memset(p, 0, sizeof *p);
	assert_int_equal(image_begin(s, &im), ST_OK);
	take_rest(im, p);
}

static void picture_close(struct picture *p)
{
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++)
		buf_close(&p->chunks[i]);
}

/* Load all chunks but one; IMAGE_CHUNKS: all. */
static struct image_loader *loaded_but(const struct picture *p, unsigned but)
{
	struct image_loader *l;
	struct fault fault;
	unsigned i;

	assert_int_equal(image_load(&p->manifest, &l), ST_OK);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		if (i == but || p->manifest.chunks[i].len == 0)
			continue;
		assert_int_equal(
		    image_load_chunk(l, i, p->chunks[i].base, p->chunks[i].len, &fault), ST_OK);
	}
	return l;
}

static struct store *loaded(const struct picture *p)
{
	struct image_loader *l = loaded_but(p, IMAGE_CHUNKS);
	struct fault fault;
	struct store *s;

	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(image_load_finish(l, s, &fault), ST_OK);
	assert_true(store_digest(s) == p->manifest.digest);
	return s;
}

TEST(a_state_of_version_1_has_images_too)
{
	struct command_head h = {.origin = {3, 1}, .now_ms = 5};
	struct store *s = founded(STATE_VERSION_1);
	const struct session_id id = id_of(4);
	static struct picture p;
	struct store *copy;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command_create(&b, &h, &id, (const uint8_t *)"info", 4);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	take(s, &p);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.manifest.state_version, STATE_VERSION_1);
	copy = loaded(&p);
	assert_int_equal(store_version(copy), STATE_VERSION_1);
	assert_true(store_digest(copy) == store_digest(s));
	/* It goes on as before, limits included. */
	assert_int_equal(create(copy, 1, &plain).result, RESULT_UNSUPPORTED);
	buf_close(&b);
	picture_close(&p);
	store_free(copy);
	store_free(s);
}

TEST(images_of_several_indexes_are_taken_at_a_time)
{
	static struct picture pictures[IMAGES_MAX];
	struct store *s = filled(STATE_VERSION_2);
	const struct command_key key = key_of("more");
	struct image *images[IMAGES_MAX];
	struct image *more;
	uint64_t digests[IMAGES_MAX];
	unsigned i;

	for (i = 0; i < IMAGES_MAX; i++) {
		assert_int_equal(image_begin(s, &images[i]), ST_OK);
		digests[i] = store_digest(s);
		assert_int_equal(put(s, 3, &key).result, RESULT_OK);
		assert_true(image_kept_bytes(images[i]) > 0);
	}
	assert_int_equal(image_begin(s, &more), ST_LIMIT);
	for (i = 0; i < IMAGES_MAX; i++) {
		struct store *copy;

		memset(&pictures[i], 0, sizeof pictures[i]);
		take_rest(images[i], &pictures[i]);
		copy = loaded(&pictures[i]);
		assert_true(store_digest(copy) == digests[i]);
		store_free(copy);
		picture_close(&pictures[i]);
	}
	assert_int_equal(image_begin(s, &more), ST_OK);
	image_end(more);
	store_free(s);
}

TEST(only_what_changed_is_encoded_again)
{
	struct store *s = filled(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	static struct picture p;
	struct image *im;
	struct store *copy;

	take(s, &p);
	assert_true(p.n > 20);
	assert_int_equal(put(s, 5, &key).result, RESULT_OK);
	assert_int_equal(image_begin(s, &im), ST_OK);
	image_reuse(im, &p.manifest);
	take_rest(im, &p);
	assert_int_equal(p.n, 2);
	copy = loaded(&p);
	assert_true(store_digest(copy) == store_digest(s));
	/* What was loaded knows the versions of its chunks, too. */
	assert_int_equal(put(copy, 6, &key).result, RESULT_OK);
	assert_int_equal(image_begin(copy, &im), ST_OK);
	image_reuse(im, &p.manifest);
	take_rest(im, &p);
	assert_int_equal(p.n, 2);
	store_free(copy);
	store_free(s);
	picture_close(&p);
}

TEST(an_image_ends_when_its_state_is_replaced)
{
	struct store *s = filled(STATE_VERSION_2);
	struct store *other = filled(STATE_VERSION_2);
	static struct picture p;
	struct image *im;
	struct fault fault;
	unsigned chunk;
	struct buf b;

	take(other, &p);
	buf_init(&b, SIZE_MAX);
	assert_int_equal(image_begin(s, &im), ST_OK);
	assert_int_equal(image_next(im, &b, &chunk), ST_OK);
	assert_int_equal(image_load_finish(loaded_but(&p, IMAGE_CHUNKS), s, &fault), ST_OK);
	assert_int_equal(image_next(im, &b, &chunk), ST_CLOSED);
	image_end(im);
	/* The same when the store goes. */
	assert_int_equal(image_begin(s, &im), ST_OK);
	store_free(s);
	assert_int_equal(image_next(im, &b, &chunk), ST_CLOSED);
	image_end(im);
	image_end(NULL);
	buf_close(&b);
	picture_close(&p);
	store_free(other);
}

TEST(a_chunk_that_does_not_fit_its_buffer_is_not_lost)
{
	struct store *s = filled(STATE_VERSION_2);
	const struct command_key key = key_of("k");
	static struct picture p;
	struct image *im;
	unsigned chunk;
	struct buf b;

	memset(&p, 0, sizeof p);
	assert_int_equal(image_begin(s, &im), ST_OK);
	buf_init(&b, 8);
	assert_int_equal(image_next(im, &b, &chunk), ST_LIMIT);
	assert_int_equal(b.len, 0);
	buf_close(&b);
	/* One that is kept neither. */
	assert_int_equal(put(s, 5, &key).result, RESULT_OK);
	buf_init(&b, 8);
	assert_int_equal(image_next(im, &b, &chunk), ST_LIMIT);
	buf_close(&b);
	take_rest(im, &p);
	store_free(loaded(&p));
	picture_close(&p);
	store_free(s);
}

TEST(damaged_and_foreign_chunks_are_refused_and_the_right_one_is_taken_after_all)
{
	struct store *s = filled(STATE_VERSION_2);
	static struct picture p;
	struct image_loader *l;
	struct fault fault;
	struct store *copy;
	unsigned damaged = 0;
	unsigned i;
	size_t k;

	take(s, &p);
	assert_int_equal(store_new(&copy), ST_OK);
	assert_int_equal(image_load(&p.manifest, &l), ST_OK);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		struct buf *b = &p.chunks[i];

		for (k = 0; k < b->len; k += 13, damaged++) {
			b->base[k] ^= 0x20;
			assert_int_equal(image_load_chunk(l, i, b->base, b->len, &fault),
			                 ST_MALFORMED);
			assert_int_equal(image_load_chunk(l, i, b->base, k, &fault), ST_MALFORMED);
			assert_int_equal(fault.at, k);
			b->base[k] ^= 0x20;
		}
		if (b->len == 0) {
			assert_int_equal(image_load_chunk(l, i, p.chunks[0].base, 0, &fault),
			                 ST_MALFORMED);
			continue;
		}
		assert_int_equal(image_load_chunk(l, i, b->base, b->len, &fault), ST_OK);
		/* Once only. */
		assert_int_equal(image_load_chunk(l, i, b->base, b->len, &fault), ST_MALFORMED);
	}
	assert_int_equal(
	    image_load_chunk(l, IMAGE_CHUNKS, p.chunks[0].base, p.chunks[0].len, &fault),
	    ST_MALFORMED);
	assert_true(damaged > 100);
	assert_int_equal(image_load_finish(l, copy, &fault), ST_OK);
	assert_true(store_digest(copy) == store_digest(s));
	picture_close(&p);
	store_free(copy);
	store_free(s);
}

/* The checksum is right, the content is not: what only a member that errs can make. */
TEST(impossible_content_is_refused_even_with_a_right_checksum)
{
	struct store *s = filled(STATE_VERSION_2);
	static struct picture p;
	struct fault fault;
	unsigned accepted = 0;
	unsigned i;
	size_t k;

	take(s, &p);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		struct chunk_info *info = &p.manifest.chunks[i];
		struct buf *b = &p.chunks[i];

		for (k = 0; k < b->len; k += 7) {
			const uint64_t checksum = info->checksum;
			struct image_loader *l;

			b->base[k] ^= 0x81;
			info->checksum = chunk_checksum(b->base, b->len);
			assert_int_equal(image_load(&p.manifest, &l), ST_OK);
			accepted += image_load_chunk(l, i, b->base, b->len, &fault) == ST_OK;
			image_load_abort(l);
			info->checksum = checksum;
			b->base[k] ^= 0x81;
		}
	}
	/* Every bit is in the digest, or in a length. */
	assert_int_equal(accepted, 0);
	picture_close(&p);
	store_free(s);
}

TEST(an_incomplete_image_changes_nothing)
{
	struct store *s = filled(STATE_VERSION_2);
	struct store *target = founded(STATE_VERSION_2);
	static struct picture p;
	struct fault fault;
	uint64_t digest;

	take(s, &p);
	assert_int_equal(create(target, 100, &plain).result, RESULT_OK);
	digest = store_digest(target);
	assert_int_equal(image_load_finish(loaded_but(&p, 0), target, &fault), ST_MALFORMED);
	assert_string_equal(fault.what, "chunks are missing");
	p.manifest.digest++;
	assert_int_equal(image_load_finish(loaded_but(&p, IMAGE_CHUNKS), target, &fault),
	                 ST_MALFORMED);
	p.manifest.digest--;
	p.manifest.state_version = STATE_VERSION_1;
	assert_int_equal(image_load_finish(loaded_but(&p, IMAGE_CHUNKS), target, &fault),
	                 ST_MALFORMED);
	assert_true(store_digest(target) == digest);
	picture_close(&p);
	store_free(target);
	store_free(s);
}

TEST(a_damaged_manifest_is_refused)
{
	static struct manifest back;
	struct store *s = filled(STATE_VERSION_2);
	static struct picture p;
	struct fault fault;
	uint64_t index;
	struct buf b;
	size_t i;

	take(s, &p);
	buf_init(&b, MANIFEST_MAX);
	manifest_encode(&p.manifest, &b);
	assert_int_equal(buf_status(&b), ST_OK);
	assert_true(manifest_is(b.base, b.len));
	assert_int_equal(manifest_decode(b.base, b.len, &back, &fault), ST_OK);
	assert_memory_equal(&back, &p.manifest, sizeof back);
	assert_int_equal(manifest_check(b.base, b.len, &fault, &index), ST_OK);
	assert_true(index == store_index(s));
	for (i = 0; i < b.len; i++) {
		b.base[i] ^= 0x11;
		assert_int_not_equal(manifest_check(b.base, b.len, &fault, &index), ST_OK);
		assert_int_not_equal(manifest_check(b.base, i, &fault, &index), ST_OK);
		b.base[i] ^= 0x11;
	}
	/* A newer one is not damaged, but cannot be read here. */
	b.base[5]++;
	assert_int_equal(manifest_check(b.base, b.len, &fault, &index), ST_UNSUPPORTED);
	buf_close(&b);
	picture_close(&p);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_state_of_version_1_has_images_too),
	    cmocka_unit_test(images_of_several_indexes_are_taken_at_a_time),
	    cmocka_unit_test(only_what_changed_is_encoded_again),
	    cmocka_unit_test(an_image_ends_when_its_state_is_replaced),
	    cmocka_unit_test(a_chunk_that_does_not_fit_its_buffer_is_not_lost),
	    cmocka_unit_test(
	        damaged_and_foreign_chunks_are_refused_and_the_right_one_is_taken_after_all),
	    cmocka_unit_test(impossible_content_is_refused_even_with_a_right_checksum),
	    cmocka_unit_test(an_incomplete_image_changes_nothing),
	    cmocka_unit_test(a_damaged_manifest_is_refused),
	};

	return RUN_TESTS(tests);
}
