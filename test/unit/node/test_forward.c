#include <string.h>

#include "cluster/cluster.h"
#include "node/forward.h"
#include "testing.h"

static void round_trip(const struct forward *in, struct forward *out, struct buf *b)
{
	buf_reset(b);
	forward_encode(in, b);
	assert_int_equal(buf_status(b), ST_OK);
	assert_int_equal(forward_decode(b->base, b->len, out), ST_OK);
}

TEST(every_type_comes_back_as_it_was_sent)
{
	const struct forward done = {.type = FORWARD_DONE,
	                             .request = 9,
	                             .st = ST_OK,
	                             .index = 77,
	                             .bytes = (const uint8_t *)"result",
	                             .len = 6};
	const struct forward write = {
	    .type = FORWARD_WRITE, .request = 8, .bytes = (const uint8_t *)"cmd", .len = 3};
	const struct forward index = {.type = FORWARD_INDEX, .request = 7, .st = ST_NOT_LEADER};
	struct forward f;
	struct buf b;

	buf_init(&b, 1024);
	round_trip(&done, &f, &b);
	assert_true(f.request == 9 && f.index == 77 && f.len == 6);
	assert_memory_equal(f.bytes, "result", 6);
	round_trip(&write, &f, &b);
	assert_int_equal(f.type, FORWARD_WRITE);
	assert_memory_equal(f.bytes, "cmd", 3);
	round_trip(&index, &f, &b);
	assert_int_equal(f.st, ST_NOT_LEADER);
	buf_close(&b);
}

TEST(an_order_comes_back_as_it_was_given_and_nonsense_does_not)
{
	const struct order order = {
	    .type = ORDER_PLAN, .kind = PLAN_REPLACE, .subject = "erlmcp@d", .other = "erlmcp@c"};
	struct order got;
	struct buf b;

	buf_init(&b, 1024);
	forward_put_order(&b, &order);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(forward_get_order(b.base, len, &got), ST_MALFORMED);
	assert_int_equal(forward_get_order(b.base, b.len, &got), ST_OK);
	assert_true(got.type == ORDER_PLAN && got.kind == PLAN_REPLACE);
	assert_string_equal(got.subject, "erlmcp@d");
	assert_string_equal(got.other, "erlmcp@c");
	b.base[1] = PLAN_KINDS;
	assert_int_equal(forward_get_order(b.base, b.len, &got), ST_MALFORMED);
	b.base[0] = ORDER_TRANSFER + 1;
	assert_int_equal(forward_get_order(b.base, b.len, &got), ST_MALFORMED);
	buf_close(&b);
}

TEST(what_is_cut_short_foreign_or_too_long_is_refused)
{
	const struct forward index = {.type = FORWARD_INDEX, .request = 7, .st = ST_OK, .index = 3};
	struct forward f;
	struct buf b;
	size_t len;

	buf_init(&b, 1024);
	forward_encode(&index, &b);
	for (len = 0; len < b.len; len++)
		assert_int_equal(forward_decode(b.base, len, &f), ST_MALFORMED);
	buf_u8(&b, 0);
	assert_int_equal(forward_decode(b.base, b.len, &f), ST_MALFORMED);
	b.base[1] = 99;
	assert_int_equal(forward_decode(b.base, b.len, &f), ST_MALFORMED);
	b.base[0] = 2;
	assert_int_equal(forward_decode(b.base, b.len, &f), ST_UNSUPPORTED);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_type_comes_back_as_it_was_sent),
	    cmocka_unit_test(an_order_comes_back_as_it_was_given_and_nonsense_does_not),
	    cmocka_unit_test(what_is_cut_short_foreign_or_too_long_is_refused),
	};

	return RUN_TESTS(tests);
}
