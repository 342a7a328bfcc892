#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "io/control_wire.h"
#include "testing.h"

TEST(a_request_is_read_back)
{
	const char *const args[] = {"1 + 1.", "", "x"};
	struct control_ask ask;
	struct buf b;
	size_t len;

	buf_init(&b, 4096);
	control_ask_encode(&b, "eval", args, 3);
	assert_int_equal(control_frame_length(b.base, b.len, 4096, &len), ST_OK);
	assert_int_equal(len, b.len);
	assert_int_equal(control_ask_decode(b.base, b.len, &ask), ST_OK);
	assert_string_equal(ask.verb, "eval");
	assert_int_equal(ask.n_args, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(ask.args[i], args[i]);
	control_ask_close(&ask);
	buf_close(&b);
}

TEST(a_reply_is_read_back_with_bytes_of_any_value)
{
	const struct control_said said = {76, (const uint8_t *)"a\0b", 3, (const uint8_t *)"!", 1};
	struct control_said back;
	struct buf b;

	buf_init(&b, 4096);
	control_said_encode(&b, &said);
	assert_int_equal(control_said_decode(b.base, b.len, &back), ST_OK);
	assert_int_equal(back.exit_code, 76);
	assert_int_equal(back.out_len, 3);
	assert_memory_equal(back.out, "a\0b", 3);
	assert_int_equal(back.err_len, 1);
	buf_close(&b);
}

TEST(every_cut_of_a_frame_is_incomplete_or_malformed)
{
	const char *const args[] = {"abc"};
	struct control_ask ask;
	struct buf b;
	size_t len;

	buf_init(&b, 4096);
	control_ask_encode(&b, "ping", args, 1);
	for (size_t n = 0; n < b.len; n++) {
		assert_int_equal(control_frame_length(b.base, n, 4096, &len), ST_AGAIN);
		assert_int_equal(control_ask_decode(b.base, n, &ask), ST_MALFORMED);
	}
	buf_close(&b);
}

TEST(limits_and_versions_are_checked)
{
	const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff};
	const uint8_t later[] = {0, 0, 0, 2, CONTROL_VERSION + 1, CONTROL_REQUEST};
	const uint8_t many[] = {0, 0, 0, 6, CONTROL_VERSION, CONTROL_REQUEST, 0, 0, 0xff, 0xff};
	struct control_ask ask;
	size_t len;

	assert_int_equal(control_frame_length(huge, sizeof huge, 4096, &len), ST_LIMIT);
	assert_int_equal(control_ask_decode(later, sizeof later, &ask), ST_UNSUPPORTED);
	assert_int_equal(control_ask_decode(many, sizeof many, &ask), ST_LIMIT);
}

TEST(random_changes_never_read_outside_the_frame)
{
	const char *const args[] = {"first", "second"};
	struct prng p = {.state = 20261121};
	struct control_ask ask;
	struct buf b;

	for (int i = 0; i < 20000; i++) {
		uint8_t *copy;

		buf_init(&b, 4096);
		control_ask_encode(&b, "eval", args, 2);
		b.base[prng_range(&p, 0, (int64_t)b.len - 1)] = (uint8_t)prng_next(&p);
		/* An exact copy, so that the sanitizer sees one byte too many. */
		copy = malloc(b.len);
		assert_non_null(copy);
		memcpy(copy, b.base, b.len);
		if (control_ask_decode(copy, b.len, &ask) == ST_OK)
			control_ask_close(&ask);
		free(copy);
		buf_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_is_read_back),
	    cmocka_unit_test(a_reply_is_read_back_with_bytes_of_any_value),
	    cmocka_unit_test(every_cut_of_a_frame_is_incomplete_or_malformed),
	    cmocka_unit_test(limits_and_versions_are_checked),
	    cmocka_unit_test(random_changes_never_read_outside_the_frame),
	};

	return RUN_TESTS(tests);
}
