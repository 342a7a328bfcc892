/* The bytes of version 2, kept in test/golden as those of version 1 are: a release that reads or
 * writes them differently needs a new version number. Run with GOLDEN_WRITE=1 to make the files
 * of a new version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/command.h"
#include "session/image.h"
#include "session/limits.h"
#include "session/objects.h"
#include "testing.h"

static const struct session_id id = {.bytes = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4}};
static const struct session_id other = {.bytes = {0xca, 0xfe, 9}};
static const struct session_attrs attrs = {
    .info = (const uint8_t *)"info",
    .info_len = 4,
    .protocol = (const uint8_t *)"2025-06-18",
    .protocol_len = 10,
    .capabilities = (const uint8_t *)"{}",
    .capabilities_len = 2,
    .principal = (const uint8_t *)"alice",
    .principal_len = 5,
    .owner = 77,
    .ttl_ms = 60000,
};
static const struct command_key key = {
    .bytes = (const uint8_t *)"key", .len = 3, .checked = true, .expected = 10};

static struct command_head head_of(uint64_t seq)
{
	const struct command_head h = {.origin = {0x1122334455667788U, seq},
	                               .request_id = (const uint8_t *)"request-1",
	                               .request_id_len = seq == 1 ? 9 : 0,
	                               .now_ms = 1700000000000 + (int64_t)seq,
	                               .guards = GUARD_EPOCH | GUARD_PRINCIPAL,
	                               .epoch = (uint64_t)11 << FENCE_BITS,
	                               .principal = (const uint8_t *)"alice",
	                               .principal_len = 5};

	return h;
}

static size_t read_file(const char *name, uint8_t *bytes, size_t max)
{
	char path[512];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, max, f);
	fclose(f);
	return n;
}

static void assert_golden(const char *name, const struct buf *b)
{
	static uint8_t bytes[1 << 16];
	char path[512];
	FILE *f;

	assert_int_equal(buf_status(b), ST_OK);
	if (getenv("GOLDEN_WRITE") != NULL) {
		snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(b->base, 1, b->len, f), b->len);
		fclose(f);
		return;
	}
	assert_int_equal(read_file(name, bytes, sizeof bytes), b->len);
	assert_memory_equal(bytes, b->base, b->len);
}

/* The i-th command of the story; false: it is over. */
static bool story(unsigned i, struct buf *b, const char **ret_name)
{
	static const char *const names[] = {"upgrade", "create", "put",    "claim",  "unset",
	                                    "touch",   "expire", "limits", "delete", "mark"};
	const struct expiry expiry = {id, 1700000000002, 11};
	struct command_head h = head_of(i);
	struct command_key unset = key;

	unset.expected = 12;
	if (i >= sizeof names / sizeof names[0])
		return false;
	*ret_name = names[i];
	buf_reset(b);
	switch (i) {
	case 0:
		command2_upgrade(b, &h, STATE_VERSION_2);
		break;
	case 1:
		command2_create(b, &h, &id, &attrs);
		break;
	case 2:
		command2_put(b, &h, &id, &key, (const uint8_t *)"value", 5);
		break;
	case 3:
		command2_claim(b, &h, &id, 78);
		break;
	case 4:
		command2_unset(b, &h, &id, &unset);
		break;
	case 5:
		command2_touch(b, &h, (const struct session_id[]){id, other}, 2);
		break;
	case 6:
		command2_expire(b, &h, &expiry, 1);
		break;
	case 7:
		command2_limits(b, &h, 1000000, (uint64_t)1 << 30);
		break;
	case 8:
		command2_delete(b, &h, &other);
		break;
	default:
		command2_mark(b, &h);
		break;
	}
	return true;
}

TEST(commands_have_the_bytes_of_version_2)
{
	struct fault fault;
	const char *name;
	char file[64];
	struct buf b;
	unsigned i;

	buf_init(&b, COMMAND_MAX);
	for (i = 0; story(i, &b, &name); i++) {
		assert_int_equal(command_check(b.base, b.len, &fault), ST_OK);
		snprintf(file, sizeof file, "session-%s.v2", name);
		assert_golden(file, &b);
	}
	buf_close(&b);
}

static const struct session_id handle_id = {.bytes = {0x12, 0x34}};
static const struct session_id task_id = {.bytes = {0x56, 0x78}};

static struct bytes_view text(const char *t)
{
	const struct bytes_view v = {(const uint8_t *)t, strlen(t)};

	return v;
}

/* The same for streams, questions, handles and tasks. */
static bool second_story(unsigned i, struct buf *b, const char **ret_name)
{
	const struct {
		const char *name;
		enum command_type type;
		const struct session_id *id;
		struct command_fields fields;
	} steps[] = {
	    {"append", COMMAND_APPEND, &id, {{3, 8}, {text("event")}}},
	    {"trim", COMMAND_TRIM, &id, {{4, 1}, {text("")}}},
	    {"close", COMMAND_CLOSE, &id, {{4}, {text("")}}},
	    {"ask", COMMAND_ASK, &id, {{3}, {text("what?"), text("token")}}},
	    {"answer", COMMAND_ANSWER, &id, {{53 << 12}, {text("that")}}},
	    {"dismiss", COMMAND_DISMISS, &id, {{9 << 12}, {text("")}}},
	    {"handle-create",
	     COMMAND_HANDLE_CREATE,
	     &handle_id,
	     {{60000}, {text("alice"), text("v")}}},
	    {"handle-put", COMMAND_HANDLE_PUT, &handle_id, {{56}, {text("value")}}},
	    {"handle-delete", COMMAND_HANDLE_DELETE, &other, {{0}, {text("")}}},
	    {"task-create",
	     COMMAND_TASK_CREATE,
	     &task_id,
	     {{77, 1, 60000}, {text("alice"), text("tool"), text("{}")}}},
	    {"task-claim", COMMAND_TASK_CLAIM, &task_id, {{59 << FENCE_BITS, 78}, {text("")}}},
	    {"task-update",
	     COMMAND_TASK_UPDATE,
	     &task_id,
	     {{60 << FENCE_BITS, 2}, {text("done"), text("42")}}},
	    {"task-cancel", COMMAND_TASK_CANCEL, &task_id, {{0}, {text("")}}},
	    {"task-delete", COMMAND_TASK_DELETE, &other, {{0}, {text("")}}},
	};
	struct command_head h = head_of(200 + i);

	if (i >= sizeof steps / sizeof steps[0])
		return false;
	*ret_name = steps[i].name;
	h.guards = 0;
	buf_reset(b);
	command2_fields(b, &h, steps[i].type, steps[i].id, &steps[i].fields);
	return true;
}

TEST(commands_about_parts_and_objects_have_the_bytes_of_version_2)
{
	struct fault fault;
	const char *name;
	char file[64];
	struct buf b;
	unsigned i;

	buf_init(&b, COMMAND_MAX);
	for (i = 0; second_story(i, &b, &name); i++) {
		assert_int_equal(command_check(b.base, b.len, &fault), ST_OK);
		snprintf(file, sizeof file, "session-%s.v2", name);
		assert_golden(file, &b);
	}
	buf_close(&b);
}

/* The state after the story, without guards that stop it. */
static struct store *told(void)
{
	struct command_head h = {.origin = {0x1122334455667788U, 100}, .now_ms = 1700000000100};
	struct command_key plain = key;
	struct store *s;
	struct buf result;
	const char *name;
	struct buf b;
	unsigned i;

	assert_int_equal(store_new(&s), ST_OK);
	buf_init(&b, COMMAND_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; story(i, &b, &name); i++) {
		buf_reset(&result);
		assert_int_equal(store_apply(s, 10 + i, b.base, b.len, &result), ST_OK);
	}
	buf_reset(&b);
	command_create(&b, &h, &other, (const uint8_t *)"old", 3);
	buf_reset(&result);
	assert_int_equal(store_apply(s, 30, b.base, b.len, &result), ST_OK);
	buf_reset(&b);
	plain.checked = false;
	h.origin.seq++;
	command2_put(&b, &h, &id, &plain, (const uint8_t *)"value", 5);
	buf_reset(&result);
	assert_int_equal(store_apply(s, 31, b.base, b.len, &result), ST_OK);
	assert_golden("session-result.v2", &result);
	buf_reset(&b);
	h.origin.seq++;
	command2_put(&b, &h, &id, &key, (const uint8_t *)"value", 5);
	buf_reset(&result);
	assert_int_equal(store_apply(s, 32, b.base, b.len, &result), ST_OK);
	assert_golden("session-conflict.v2", &result);
	buf_close(&b);
	buf_close(&result);
	return s;
}

TEST(results_snapshots_and_images_have_the_bytes_of_version_2)
{
	struct store *s = told();
	struct image *im;
	char file[64];
	unsigned chunk;
	struct buf b;

	buf_init(&b, 1 << 16);
	assert_int_equal(store_snapshot(s, &b), ST_OK);
	assert_golden("session-snapshot.v2", &b);
	assert_int_equal(image_begin(s, &im), ST_OK);
	buf_reset(&b);
	while (image_next(im, &b, &chunk) == ST_OK) {
		snprintf(file, sizeof file, "session-chunk-%u.v2", chunk);
		assert_golden(file, &b);
		buf_reset(&b);
	}
	manifest_encode(image_manifest(im), &b);
	assert_golden("session-manifest.v2", &b);
	image_end(im);
	buf_close(&b);
	store_free(s);
}

/* The state after both stories. */
static struct store *told_both(void)
{
	struct store *s = told();
	struct buf result;
	const char *name;
	struct buf b;
	unsigned i;

	buf_init(&b, COMMAND_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; second_story(i, &b, &name); i++) {
		buf_reset(&result);
		assert_int_equal(store_apply(s, 50 + i, b.base, b.len, &result), ST_OK);
	}
	buf_close(&b);
	buf_close(&result);
	return s;
}

/* Version 3: streams that were closed are remembered by their numbers. */
TEST(a_snapshot_of_version_3_is_written_and_read)
{
	static uint8_t bytes[1 << 16];
	static const struct command_fields steps[] = {{{3}, {{NULL, 0}}},
	                                              {{3, 8}, {{(const uint8_t *)"again", 5}}}};
	struct store *want = told_both();
	struct stream_view stream;
	struct fault fault;
	struct buf result;
	struct store *s;
	struct buf b;
	unsigned i;
	size_t n;

	buf_init(&b, 1 << 16);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; i < 3; i++) {
		struct command_head h = head_of(300 + i);

		h.guards = 0;
		buf_reset(&b);
		buf_reset(&result);
		if (i == 0)
			command2_upgrade(&b, &h, STATE_VERSION_3);
		else
			command2_fields(&b, &h, i == 1 ? COMMAND_CLOSE : COMMAND_APPEND, &id,
			                &steps[i - 1]);
		assert_int_equal(store_apply(want, 100 + i, b.base, b.len, &result), ST_OK);
	}
	buf_reset(&b);
	assert_int_equal(store_snapshot(want, &b), ST_OK);
	assert_golden("session-objects.v3", &b);
	n = read_file("session-objects.v3", bytes, sizeof bytes);
	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(store_restore(s, bytes, n, &fault), ST_OK);
	assert_true(store_digest(s) == store_digest(want));
	assert_int_equal(store_version(s), STATE_VERSION_3);
	assert_int_equal(streams_get(store_streams(s, &id), 3, &stream), ST_OK);
	assert_true(stream.first == 2 && stream.next == 3);
	buf_close(&b);
	buf_close(&result);
	store_free(want);
	store_free(s);
}

TEST(a_snapshot_with_parts_and_objects_is_written_and_read)
{
	static uint8_t bytes[1 << 16];
	struct store *want = told_both();
	struct task_view task;
	struct handle_view handle;
	struct question_view question;
	struct fault fault;
	struct store *s;
	struct buf b;
	size_t n;

	buf_init(&b, 1 << 16);
	assert_int_equal(store_snapshot(want, &b), ST_OK);
	assert_golden("session-objects.v2", &b);
	n = read_file("session-objects.v2", bytes, sizeof bytes);
	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(store_restore(s, bytes, n, &fault), ST_OK);
	assert_true(store_digest(s) == store_digest(want));
	assert_int_equal(store_task(s, &task_id, &task), ST_OK);
	assert_true(task.state == TASK_COMPLETED && task.epoch == 60 << FENCE_BITS &&
	            task.result.len == 2);
	assert_int_equal(store_handle(s, &handle_id, &handle), ST_OK);
	assert_true(handle.revision == 57 && handle.value.len == 5);
	assert_int_equal(pending_get(store_pending(s, &id), 53 << 12, &question), ST_OK);
	assert_true(question.answered && question.answer_len == 4);
	assert_int_equal(streams_count(store_streams(s, &id)), 1);
	buf_close(&b);
	store_free(want);
	store_free(s);
}

TEST(a_snapshot_of_version_2_is_read)
{
	static uint8_t bytes[1 << 16];
	size_t n = read_file("session-snapshot.v2", bytes, sizeof bytes);
	struct store *want = told();
	struct session_view view;
	struct value_view value;
	struct fault fault;
	struct store *s;

	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(store_restore(s, bytes, n, &fault), ST_OK);
	assert_true(store_digest(s) == store_digest(want) && store_index(s) == 32);
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.owner == 78 && view.epoch == (uint64_t)13 << FENCE_BITS &&
	            view.ttl_ms == 60000);
	assert_int_equal(view.principal_len, 5);
	assert_int_equal(store_value_view(s, &id, (const uint8_t *)"key", 3, &value), ST_OK);
	assert_true(value.revision == 31);
	store_free(want);
	store_free(s);
}

TEST(an_image_of_version_2_is_read)
{
	static uint8_t bytes[1 << 16];
	static struct manifest m;
	struct store *want = told();
	struct image_loader *l;
	struct fault fault;
	struct store *s;
	char file[64];
	unsigned i;
	size_t n;

	n = read_file("session-manifest.v2", bytes, sizeof bytes);
	assert_true(manifest_is(bytes, n));
	assert_int_equal(manifest_decode(bytes, n, &m, &fault), ST_OK);
	assert_int_equal(image_load(&m, &l), ST_OK);
	for (i = 0; i < IMAGE_CHUNKS; i++) {
		if (m.chunks[i].len == 0)
			continue;
		snprintf(file, sizeof file, "session-chunk-%u.v2", i);
		n = read_file(file, bytes, sizeof bytes);
		assert_int_equal(image_load_chunk(l, i, bytes, n, &fault), ST_OK);
	}
	assert_int_equal(store_new(&s), ST_OK);
	assert_int_equal(image_load_finish(l, s, &fault), ST_OK);
	assert_true(store_digest(s) == store_digest(want));
	store_free(want);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands_have_the_bytes_of_version_2),
	    cmocka_unit_test(commands_about_parts_and_objects_have_the_bytes_of_version_2),
	    cmocka_unit_test(a_snapshot_with_parts_and_objects_is_written_and_read),
	    cmocka_unit_test(a_snapshot_of_version_3_is_written_and_read),
	    cmocka_unit_test(results_snapshots_and_images_have_the_bytes_of_version_2),
	    cmocka_unit_test(a_snapshot_of_version_2_is_read),
	    cmocka_unit_test(an_image_of_version_2_is_read),
	};

	return RUN_TESTS(tests);
}
