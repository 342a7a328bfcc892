/* Backups: whole, cut short, damaged, foreign. */
#include "session/archive.h"

#include <stdlib.h>
#include <string.h>

#include "session/image.h"
#include "session/limits.h"
#include "steps.h"
#include "testing.h"

enum { SESSIONS = 12 };

static const struct session_attrs plain;

static struct store *filled(void)
{
	const struct command_key key = key_of("k");
	struct store *s = founded(STATE_VERSION_2);
	unsigned i;

	for (i = 0; i < SESSIONS; i++) {
		assert_int_equal(create(s, i, &plain).result, RESULT_OK);
		assert_int_equal(put(s, i, &key).result, RESULT_OK);
	}
	return s;
}

static struct archive_head head_of(const struct store *s)
{
	struct archive_head head = {
	    .cluster_id = 77,
	    .index = store_index(s),
	    .digest = store_digest(s),
	    .sessions = store_count(s),
	    .state_version = store_version(s),
	    .promise_max_ms = 2000,
	    .created_ms = 1234567,
	    .node = "erlmcp@a",
	};

	return head;
}

static void back_up(struct store *s, struct buf *b)
{
	const struct archive_head head = head_of(s);
	struct image *im;
	unsigned chunk;
	struct buf one;

	buf_init(b, SIZE_MAX);
	archive_put_head(b, &head);
	assert_int_equal(image_begin(s, &im), ST_OK);
	for (;;) {
		buf_init(&one, SIZE_MAX);
		if (image_next(im, &one, &chunk) != ST_OK)
			break;
		archive_put_chunk(b, chunk, one.base, one.len);
		buf_bytes(b, one.base, one.len);
		buf_close(&one);
	}
	archive_put_manifest(b, image_manifest(im));
	image_end(im);
	assert_int_equal(buf_status(b), ST_OK);
}

/* Refused, and the store is as new. */
static struct fault refused(const uint8_t *bytes, size_t len, enum status expected)
{
	struct fault fault = {ST_OK, 0, NULL};
	struct archive_head head;
	struct store *s;

	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(archive_restore(bytes, len, s, &head, &fault), expected);
	assert_non_null(fault.what);
	assert_true(fault.at <= len);
	assert_int_equal(store_count(s), 0);
	store_free(s);
	return fault;
}

TEST(a_backup_gives_back_the_state_and_where_it_comes_from)
{
	struct store *s = filled();
	const struct archive_head head = head_of(s);
	struct archive_head back;
	struct fault fault;
	struct store *r;
	struct buf b;

	back_up(s, &b);
	assert_int_equal(store_new(&r), ST_OK);
	assert_int_equal(archive_restore(b.base, b.len, r, &back, &fault), ST_OK);
	assert_int_equal(store_digest(r), store_digest(s));
	assert_int_equal(store_count(r), SESSIONS);
	assert_int_equal(store_index(r), store_index(s));
	assert_int_equal(back.cluster_id, head.cluster_id);
	assert_int_equal(back.sessions, SESSIONS);
	assert_int_equal(back.created_ms, head.created_ms);
	assert_string_equal(back.node, head.node);
	store_free(r);
	store_free(s);
	buf_close(&b);
}

TEST(a_backup_cut_short_anywhere_is_refused)
{
	struct store *s = filled();
	struct fault fault;
	struct buf b;
	size_t len;

	back_up(s, &b);
	for (len = 0; len < b.len; len += len < 200 ? 1 : 97)
		fault = refused(b.base, len, ST_MALFORMED);
	fault = refused(b.base, b.len - 1, ST_MALFORMED);
	assert_int_equal(fault.at, b.len - 1);
	assert_non_null(strstr(fault.what, "cut short"));
	store_free(s);
	buf_close(&b);
}

TEST(one_changed_byte_anywhere_is_found)
{
	struct store *s = filled();
	struct buf b;
	size_t i;

	back_up(s, &b);
	for (i = 0; i < b.len; i += i < 400 ? 1 : 53) {
		struct fault fault = {ST_OK, 0, NULL};
		struct archive_head head;
		struct store *r;

		b.base[i] ^= 0x20;
		assert_int_equal(store_new(&r), ST_OK);
		assert_int_not_equal(archive_restore(b.base, b.len, r, &head, &fault), ST_OK);
		assert_non_null(fault.what);
		store_free(r);
		b.base[i] ^= 0x20;
	}
	store_free(s);
	buf_close(&b);
}

TEST(what_is_no_backup_or_of_a_newer_release_is_told_apart)
{
	struct store *s = filled();
	struct fault fault;
	struct buf b;

	back_up(s, &b);
	buf_u8(&b, 0);
	fault = refused(b.base, b.len, ST_MALFORMED);
	assert_string_equal(fault.what, "something follows the end");
	b.base[11] = 2;
	fault = refused(b.base, b.len, ST_UNSUPPORTED);
	assert_int_equal(fault.at, 8);
	fault = refused((const uint8_t *)"root:x:0:0", 10, ST_MALFORMED);
	assert_int_equal(fault.at, 0);
	assert_string_equal(fault.what, "this is no backup: it does not begin as one");
	store_free(s);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_backup_gives_back_the_state_and_where_it_comes_from),
	    cmocka_unit_test(a_backup_cut_short_anywhere_is_refused),
	    cmocka_unit_test(one_changed_byte_anywhere_is_found),
	    cmocka_unit_test(what_is_no_backup_or_of_a_newer_release_is_told_apart),
	};

	return RUN_TESTS(tests);
}
