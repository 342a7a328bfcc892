#include <string.h>

#include "base/arena.h"
#include "dist/control.h"
#include "dist/link_in.h"
#include "term/term.h"
#include "testing.h"

static const struct control_self self = {"a@host", 7};

TEST(numbers_survive_in_pids_and_references)
{
	static const uint64_t numbers[] = {0, 1, 32767, 32768, 262143, 262144, 99999999999};
	const struct control_self other = {"a@host", 8};
	struct arena a;
	uint64_t number;

	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		assert_true(control_ref_number(control_ref(&a, &self, numbers[i]), &self, &number));
		assert_true(number == numbers[i]);
		assert_true(control_pid_number(control_pid(&a, &self, numbers[i]), &self, &number));
		assert_true(number == numbers[i]);
	}
	/* Those of an earlier life of this node are not ours. */
	assert_false(control_ref_number(control_ref(&a, &other, 1), &self, &number));
	assert_false(control_pid_number(control_pid(&a, &other, 1), &self, &number));
	assert_false(control_pid_number(term_int(&a, 1), &self, &number));
	assert_false(control_ref_number(NULL, &self, &number));
	arena_close(&a);
}

TEST(the_payload_of_a_member_is_found_without_decoding)
{
	struct link_body body = {.versioned = false};
	uint8_t head[CONTROL_BINARY_HEAD];
	const uint8_t *bytes;
	struct buf b;
	size_t len;

	buf_init(&b, 1024);
	control_member_head(&b, &self);
	control_binary_head(head, 5);
	buf_bytes(&b, head, sizeof head);
	buf_bytes(&b, "hello", 5);
	body.base = b.base;
	body.len = b.len;
	assert_true(control_member_payload(&body, &bytes, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(bytes, "hello", 5);
	for (size_t i = 0; i < b.len; i++) {
		body.len = i;
		assert_false(control_member_payload(&body, &bytes, &len));
	}
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_survive_in_pids_and_references),
	    cmocka_unit_test(the_payload_of_a_member_is_found_without_decoding),
	};

	return RUN_TESTS(tests);
}
