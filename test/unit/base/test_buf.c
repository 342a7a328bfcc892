#include <string.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "testing.h"

TEST(what_is_written_is_read_back)
{
	struct buf b;
	struct cursor c;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	char text[8];

	buf_init(&b, 1024);
	buf_u8(&b, 7);
	buf_u16(&b, 0x1234);
	buf_u32(&b, 0xdeadbeef);
	buf_u64(&b, 0x0102030405060708U);
	buf_text16(&b, "hello");
	assert_int_equal(buf_status(&b), ST_OK);
	c = cursor_of(b.base, b.len);
	assert_int_equal(cursor_u8(&c, &u8), ST_OK);
	assert_int_equal(cursor_u16(&c, &u16), ST_OK);
	assert_int_equal(cursor_u32(&c, &u32), ST_OK);
	assert_int_equal(cursor_u64(&c, &u64), ST_OK);
	assert_int_equal(cursor_text16(&c, text, sizeof text), ST_OK);
	assert_int_equal(u8, 7);
	assert_int_equal(u16, 0x1234);
	assert_int_equal(u32, 0xdeadbeef);
	assert_true(u64 == 0x0102030405060708U);
	assert_string_equal(text, "hello");
	assert_int_equal(c.left, 0);
	buf_close(&b);
}

TEST(the_limit_is_sticky_and_nothing_is_half_written)
{
	struct buf b;

	buf_init(&b, 4);
	buf_u16(&b, 1);
	buf_u32(&b, 2);
	assert_int_equal(buf_status(&b), ST_LIMIT);
	buf_u8(&b, 3);
	assert_int_equal(buf_status(&b), ST_LIMIT);
	buf_reset(&b);
	buf_u32(&b, 2);
	assert_int_equal(buf_status(&b), ST_OK);
	buf_close(&b);
}

TEST(a_short_read_changes_nothing)
{
	const uint8_t bytes[] = {0, 9, 'x'};
	struct cursor c = cursor_of(bytes, sizeof bytes);
	char text[16];
	uint32_t u32;

	assert_int_equal(cursor_u32(&c, &u32), ST_MALFORMED);
	assert_int_equal(cursor_text16(&c, text, sizeof text), ST_MALFORMED);
	assert_int_equal(c.left, 3);
}

TEST(text_is_formatted_and_consumed)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_printf(&b, "%s-%d", "abc", 42);
	assert_string_equal(buf_text(&b), "abc-42");
	buf_consume(&b, 4);
	assert_string_equal(buf_text(&b), "42");
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(the_limit_is_sticky_and_nothing_is_half_written),
	    cmocka_unit_test(a_short_read_changes_nothing),
	    cmocka_unit_test(text_is_formatted_and_consumed),
	};

	return RUN_TESTS(tests);
}
