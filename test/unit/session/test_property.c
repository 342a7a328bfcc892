/* Random commands against the model, with images taken and loaded while they go on. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "session/expiry.h"
#include "session/image.h"
#include "session/limits.h"
#include "session/mark.h"
#include "testing.h"

enum { STEPS = 3000, SEEDS = 12 };

/* An image that is being taken, and what it must become. */
struct taking {
	struct image *image;
	struct manifest want;
	struct manifest old; /* the image before, to reuse chunks of */
	bool reuses;
	struct buf chunks[IMAGE_CHUNKS];
	struct buf wanted[IMAGE_CHUNKS];
};

static struct store *founded(void)
{
	struct store *s;

	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(store_found(s, STATE_VERSION_NEWEST), ST_OK);
	return s;
}

static struct store_answer apply(struct store *s, uint64_t index, const struct buf *command)
{
	struct store_answer answer;
	struct buf result;

	buf_init(&result, STORE_RESULT_MAX);
	assert_int_equal(store_apply(s, index, command->base, command->len, &result), ST_OK);
	assert_int_equal(store_result_decode(result.base, result.len, &answer), ST_OK);
	buf_close(&result);
	return answer;
}

/* Pull the next chunk into chunks[]; false: there are no more. */
static bool pull(struct image *im, struct buf *chunks)
{
	enum status st;
	unsigned chunk;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	st = image_next(im, &b, &chunk);
	if (st == ST_NOT_FOUND)
		return false;
	assert_int_equal(st, ST_OK);
	assert_true(chunk < IMAGE_CHUNKS && chunks[chunk].len == 0);
	buf_close(&chunks[chunk]);
	chunks[chunk] = b;
	return true;
}

/* The same image with the world stopped. */
static void take_at_once(struct store *s, struct buf *chunks, struct manifest *ret)
{
	struct image *im;

	assert_int_equal(image_begin(s, &im), ST_OK);
	while (pull(im, chunks))
		;
	*ret = *image_manifest(im);
	image_end(im);
}

static void chunks_close(struct buf *chunks)
{
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++)
		buf_close(&chunks[i]);
}

static void taking_begin(struct taking *t, struct store *s)
{
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++)
		buf_init(&t->wanted[i], SIZE_MAX);
	take_at_once(s, t->wanted, &t->want);
	assert_int_equal(image_begin(s, &t->image), ST_OK);
	image_reuse(t->image, t->reuses ? &t->old : NULL);
}

/* A new state from the chunks, in order or not. */
static struct store *loaded(const struct buf *chunks, const struct manifest *m, struct prng *prng)
{
	unsigned stride = prng_next(prng) % 2 == 0 ? 1 : 1021; /* both reach every chunk */
	struct image_loader *l;
	struct store *s = founded();
	struct fault fault;
	unsigned i;

	assert_int_equal(image_load(m, &l), ST_OK);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		unsigned chunk = i * stride % IMAGE_CHUNKS;

		if (m->chunks[chunk].len == 0)
			continue;
		assert_int_equal(
		    image_load_chunk(l, chunk, chunks[chunk].base, chunks[chunk].len, &fault),
		    ST_OK);
	}
	assert_int_equal(image_load_finish(l, s, &fault), ST_OK);
	return s;
}

/* All chunks are there: as they would have been with the world stopped. Gives the state that
 * they make. The chunks of the older image, which were not encoded again, are still in place. */
static struct store *taking_end(struct taking *t, struct prng *prng)
{
	const struct manifest *m = image_manifest(t->image);
	struct store *s;
	unsigned i;

	assert_memory_equal(m, &t->want, sizeof *m);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		/* A bucket that was emptied: the older image's chunk is still here. */
		if (m->chunks[i].len == 0)
			buf_reset(&t->chunks[i]);
		assert_int_equal(t->chunks[i].len, t->wanted[i].len);
		assert_memory_equal(t->chunks[i].base, t->wanted[i].base, t->wanted[i].len);
	}
	for (i = 0; t->reuses && i < IMAGE_CHUNKS; i++) {
		/* What changed says so: `changed` names a version of the chunk. */
		if (m->chunks[i].len > 0 && m->chunks[i].checksum != t->old.chunks[i].checksum)
			assert_true(m->chunks[i].changed > t->old.index);
	}
	assert_int_equal(image_kept_bytes(t->image), 0);
	s = loaded(t->chunks, m, prng);
	assert_true(store_digest(s) == m->digest && store_index(s) == m->index);
	t->old = *m;
	t->reuses = true;
	image_end(t->image);
	t->image = NULL;
	chunks_close(t->wanted);
	return s;
}

/* Some chunks more; the state that the image is of, once it is complete. */
static struct store *taking_step(struct taking *t, struct prng *prng)
{
	unsigned n = (unsigned)(prng_next(prng) % 4);
	enum status st;
	unsigned chunk;

	while (n-- > 0) {
		struct buf b;

		buf_init(&b, SIZE_MAX);
		st = image_next(t->image, &b, &chunk);
		if (st == ST_NOT_FOUND)
			return taking_end(t, prng);
		assert_int_equal(st, ST_OK);
		buf_close(&t->chunks[chunk]);
		t->chunks[chunk] = b;
	}
	return NULL;
}

static void assert_recounted(const struct store *s)
{
	unsigned i;

	for (i = 0; i < STORE_BUCKETS; i++)
		assert_true(store_bucket_recount(s, i) == store_bucket_digest(s, i));
}

static void assert_same_buckets(const struct store *a, const struct store *b)
{
	unsigned i;

	for (i = 0; i < STORE_BUCKETS; i++)
		assert_true(store_bucket_digest(a, i) == store_bucket_digest(b, i));
	assert_true(store_bytes(a) == store_bytes(b));
}

/* Commands to two stores, the second of which is now and then made anew from an image of the
 * first: the commands since the image, kept in a list, bring it up again. */
static void run(uint64_t seed)
{
	static struct buf log[STEPS + 1];
	struct taking *t = calloc(1, sizeof *t);
	struct model m = {.prng = {seed}, .now_ms = 1000, .sessions_max = SESSIONS_MAX};
	struct store *a = founded();
	struct store *b = founded();
	struct prng prng = {seed + 1000};
	unsigned i;

	assert_non_null(t);
	for (i = 1; i <= STEPS; i++) {
		struct store_answer want;
		struct store_answer got;

		buf_init(&log[i], COMMAND_MAX);
		model_step(&m, &log[i], &want);
		got = apply(a, i, &log[i]);
		assert_int_equal(got.result, want.result);
		assert_true(got.revision == want.revision && got.epoch == want.epoch);
		assert_true(got.detail == want.detail);
		(void)apply(b, i, &log[i]);
		assert_true(store_digest(a) == store_digest(b));
		/* The same once more: answered alike, without effect. */
		if (prng_next(&prng) % 8 == 0) {
			got = apply(a, i, &log[i]);
			assert_int_equal(got.result, want.result);
			assert_true(got.detail == want.detail);
			(void)apply(b, i, &log[i]);
			assert_true(store_digest(a) == store_digest(b));
		}
		if (t->image == NULL && prng_next(&prng) % 50 == 0)
			taking_begin(t, a);
		if (t->image != NULL) {
			struct store *copy = taking_step(t, &prng);
			uint64_t k;

			if (copy == NULL)
				continue;
			for (k = store_index(copy) + 1; k <= i; k++)
				(void)apply(copy, k, &log[k]);
			assert_same_buckets(a, copy);
			store_free(b);
			b = copy;
			model_compare(&m, b);
			assert_recounted(a);
		}
	}
	model_compare(&m, a);
	if (t->image != NULL) {
		image_end(t->image);
		chunks_close(t->wanted);
	}
	chunks_close(t->chunks);
	for (i = 1; i <= STEPS; i++)
		buf_close(&log[i]);
	free(t);
	store_free(a);
	store_free(b);
}

TEST(random_commands_agree_with_the_model_while_images_are_taken)
{
	const char *env = getenv("SEED");
	uint64_t seed = env != NULL ? strtoull(env, NULL, 10) : 1;
	unsigned i;

	for (i = 0; i < (env != NULL ? 1U : SEEDS); i++, seed++) {
		print_message("# SEED=%llu\n", (unsigned long long)seed);
		run(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_commands_agree_with_the_model_while_images_are_taken),
	};

	return RUN_TESTS(tests);
}
