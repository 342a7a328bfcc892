/* Today's bytes of commands, results and snapshots, kept in test/golden: a release that reads
 * or writes them differently needs a new version number. Run with GOLDEN_WRITE=1 to make the
 * files of a new version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/limits.h"
#include "session/store.h"
#include "testing.h"

static const struct session_id id = {.bytes = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4}};
static const struct command_head head = {.origin = {0x1122334455667788U, 5},
                                         .request_id = (const uint8_t *)"request-1",
                                         .request_id_len = 9,
                                         .now_ms = 1700000000000};

static void path_of(const char *name, char ret[512])
{
	snprintf(ret, 512, "%s/%s", GOLDEN_DIR, name);
}

static void assert_golden(const char *name, const struct buf *b)
{
	static uint8_t bytes[1 << 16];
	char path[512];
	size_t n;
	FILE *f;

	assert_int_equal(buf_status(b), ST_OK);
	path_of(name, path);
	if (getenv("GOLDEN_WRITE") != NULL) {
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(b->base, 1, b->len, f), b->len);
		fclose(f);
		return;
	}
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	assert_int_equal(n, b->len);
	assert_memory_equal(bytes, b->base, n);
}

TEST(commands_have_the_bytes_of_version_1)
{
	struct buf b;

	buf_init(&b, 4096);
	command_create(&b, &head, &id, (const uint8_t *)"{\"name\":\"client\"}", 17);
	assert_golden("session-create.v1", &b);
	buf_reset(&b);
	command_put(&b, &head, &id, (const uint8_t *)"key", 3, (const uint8_t *)"value", 5);
	assert_golden("session-put.v1", &b);
	buf_reset(&b);
	command_delete(&b, &head, &id);
	assert_golden("session-delete.v1", &b);
	buf_close(&b);
}

static void apply(struct store *s, uint64_t index, struct buf *b, struct buf *result)
{
	buf_reset(result);
	assert_int_equal(store_apply(s, index, b->base, b->len, result), ST_OK);
	buf_reset(b);
}

TEST(a_result_and_a_snapshot_have_the_bytes_of_version_1)
{
	struct command_head h = head;
	struct store *s;
	struct buf result;
	struct buf b;

	assert_int_equal(store_new(&s), ST_OK);
	buf_init(&b, 1 << 16);
	buf_init(&result, 64);
	command_create(&b, &h, &id, (const uint8_t *)"info", 4);
	apply(s, 10, &b, &result);
	h.origin.seq = 6;
	h.request_id_len = 0;
	command_put(&b, &h, &id, (const uint8_t *)"key", 3, (const uint8_t *)"value", 5);
	apply(s, 11, &b, &result);
	assert_golden("session-result.v1", &result);
	assert_int_equal(store_snapshot(s, &b), ST_OK);
	assert_golden("session-snapshot.v1", &b);
	buf_close(&b);
	buf_close(&result);
	store_free(s);
}

TEST(a_snapshot_of_version_1_is_read)
{
	static uint8_t bytes[1 << 16];
	struct session_view view;
	struct fault fault;
	struct store *s;
	char path[512];
	size_t n;
	FILE *f;

	path_of("session-snapshot.v1", path);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(store_restore(s, bytes, n, &fault), ST_OK);
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.revision == 11 && view.n_keys == 1 && store_index(s) == 11);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands_have_the_bytes_of_version_1),
	    cmocka_unit_test(a_result_and_a_snapshot_have_the_bytes_of_version_1),
	    cmocka_unit_test(a_snapshot_of_version_1_is_read),
	};

	return RUN_TESTS(tests);
}
