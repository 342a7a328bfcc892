/* Every allocation fails once: it is told, nothing leaks, and what was there stays as it was. */
#include <stdlib.h>
#include <string.h>

#include "session/image.h"
#include "session/limits.h"
#include "steps.h"
#include "testing.h"

/* The linker sends our calls here (--wrap); libraries keep their own. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static unsigned left; /* allocations until one fails; 0: none does */

static bool fails(void)
{
	return left > 0 && --left == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static struct store *filled(void)
{
	const struct command_key key = key_of("k");
	const struct session_attrs plain = {.ttl_ms = 5};
	struct store *s = founded(STATE_VERSION_2);
	unsigned i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(create(s, i, &plain).result, RESULT_OK);
		assert_int_equal(put(s, i, &key).result, RESULT_OK);
	}
	return s;
}

static void assert_whole(const struct store *s)
{
	unsigned i;

	for (i = 0; i < STORE_BUCKETS; i++)
		assert_true(store_bucket_digest(s, i) == store_bucket_recount(s, i));
}

/* Apply with the n-th allocation failing; true: it was not reached. */
static bool apply_failing(struct store *s, const struct buf *command, unsigned n)
{
	uint8_t room[STORE_RESULT_MAX];
	struct buf result = {.base = room, .cap = sizeof room, .max = sizeof room};
	bool reached;
	enum status st;

	left = n;
	st = store_apply(s, store_index(s) + 1, command->base, command->len, &result);
	reached = left == 0;
	left = 0;
	assert_int_equal(st, reached ? ST_NOMEM : ST_OK);
	assert_whole(s);
	return !reached;
}

/* Run every command of a few with each of its allocations failing. */
TEST(a_command_that_finds_no_memory_leaves_the_buckets_as_they_were)
{
	const struct session_attrs plain = {.ttl_ms = 0};
	const struct command_key key = key_of("new");
	const struct session_id fresh = id_of(77);
	const struct session_id there = id_of(2);
	struct command_head h = head_at(10);
	struct buf commands[3];
	unsigned i;
	unsigned n;

	h.request_id = (const uint8_t *)"r";
	h.request_id_len = 1;
	for (i = 0; i < 3; i++)
		buf_init(&commands[i], COMMAND_MAX);
	command2_create(&commands[0], &h, &fresh, &plain);
	command2_put(&commands[1], &h, &there, &key, (const uint8_t *)"v", 1);
	command2_mark(&commands[2], &h);
	for (i = 0; i < 3; i++) {
		bool done = false;

		for (n = 1; !done; n++) {
			struct store *s = filled();

			done = apply_failing(s, &commands[i], n);
			store_free(s);
		}
		assert_true(n > 2);
		buf_close(&commands[i]);
	}
}

TEST(an_image_that_could_not_keep_a_bucket_is_spoiled_and_the_command_is_applied)
{
	const struct session_id id = id_of(2);
	const struct command_key key = key_of("k");
	struct command_head h = {.now_ms = 10};
	struct store *s = filled();
	struct image *im;
	struct buf b;
	unsigned chunk;
	struct buf chunks;

	buf_init(&b, COMMAND_MAX);
	buf_init(&chunks, SIZE_MAX);
	command2_put(&b, &h, &id, &key, (const uint8_t *)"v", 1);
	assert_int_equal(image_begin(s, &im), ST_OK);
	/* The first allocation is the new value's, the second the kept bucket's. */
	left = 2;
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	assert_int_equal(left, 0);
	assert_int_equal(image_next(im, &chunks, &chunk), ST_UNKNOWN);
	image_end(im);
	assert_whole(s);
	buf_close(&b);
	buf_close(&chunks);
	store_free(s);
}

/* Take an image and load it, or say why not. */
static enum status copy(struct store *s, struct store *target)
{
	struct image_loader *l = NULL;
	struct fault fault;
	struct image *im;
	struct manifest *m = NULL;
	struct buf bytes;
	enum status st;
	unsigned chunk;
	unsigned order[IMAGE_CHUNKS];
	size_t n = 0;
	size_t at = 0;
	size_t i;

	st = image_begin(s, &im);
	if (st != ST_OK)
		return st;
	buf_init(&bytes, SIZE_MAX);
	while ((st = image_next(im, &bytes, &chunk)) == ST_OK)
		order[n++] = chunk;
	if (st == ST_NOT_FOUND) {
		m = malloc(sizeof *m);
		st = m == NULL ? ST_NOMEM : ST_OK;
	}
	if (st == ST_OK) {
		*m = *image_manifest(im);
		st = image_load(m, &l);
	}
	image_end(im);
	for (i = 0; st == ST_OK && i < n; i++) {
		size_t len = m->chunks[order[i]].len;

		st = image_load_chunk(l, order[i], bytes.base + at, len, &fault);
		at += len;
	}
	if (st == ST_OK)
		st = image_load_finish(l, target, &fault);
	else
		image_load_abort(l);
	free(m);
	buf_close(&bytes);
	return st;
}

TEST(images_and_snapshots_tell_when_there_is_no_memory)
{
	struct store *s = filled();
	struct store *target = founded(STATE_VERSION_2);
	enum status st;
	struct fault fault;
	struct buf b;
	unsigned n = 0;

	do {
		left = ++n;
		st = copy(s, target);
		left = 0;
		assert_true(st == ST_OK || st == ST_NOMEM);
		assert_true(store_digest(target) == store_digest(s) || st == ST_NOMEM);
	} while (st != ST_OK);
	assert_true(n > 20);
	n = 0;
	do {
		buf_init(&b, SNAPSHOT_MAX);
		left = ++n;
		st = store_snapshot(s, &b);
		if (st == ST_OK)
			st = store_restore(target, b.base, b.len, &fault);
		left = 0;
		assert_true(st == ST_OK || st == ST_NOMEM);
		buf_close(&b);
	} while (st != ST_OK);
	assert_true(n > 20);
	store_free(target);
	store_free(s);
}

TEST(a_store_that_cannot_be_made_is_told)
{
	struct store *s;
	unsigned n;

	for (n = 1; n <= 2; n++) {
		left = n;
		assert_int_equal(store_new(&s), ST_NOMEM);
		assert_int_equal(left, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_command_that_finds_no_memory_leaves_the_buckets_as_they_were),
	    cmocka_unit_test(
	        an_image_that_could_not_keep_a_bucket_is_spoiled_and_the_command_is_applied),
	    cmocka_unit_test(images_and_snapshots_tell_when_there_is_no_memory),
	    cmocka_unit_test(a_store_that_cannot_be_made_is_told),
	};

	return RUN_TESTS(tests);
}
