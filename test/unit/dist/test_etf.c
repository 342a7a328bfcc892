#include <string.h>

#include "dist/etf.h"
#include "dist/limits.h"
#include "testing.h"

static const char *const atoms[] = {"ok", "erlmcp"};
static const struct etf_refs refs = {atoms, 2};

static enum status copy(const void *bytes, size_t len, struct buf *out)
{
	struct cursor c = cursor_of(bytes, len);
	enum status st;

	buf_reset(out);
	st = etf_copy(&c, &refs, out);
	if (st == ST_OK)
		assert_int_equal(c.left, 0);
	return st;
}

#define COPIES(in, expected)                                             \
	do {                                                             \
		assert_int_equal(copy(in, sizeof(in) - 1, &out), ST_OK); \
		assert_int_equal(out.len, sizeof(expected) - 1);         \
		assert_memory_equal(out.base, expected, out.len);        \
	} while (0)

TEST(references_become_atoms_and_the_rest_stays)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	COPIES("R\0", "\x83w\2ok");
	COPIES("h\2R\1a\7", "\x83h\2w\6erlmcpa\7");
	COPIES("l\0\0\0\1R\0j", "\x83l\0\0\0\1w\2okj");
	COPIES("t\0\0\0\1R\0m\0\0\0\3abc", "\x83t\0\0\0\1w\2okm\0\0\0\3abc");
	COPIES("XR\0\0\0\0\1\0\0\0\2\0\0\0\3", "\x83Xw\2ok\0\0\0\1\0\0\0\2\0\0\0\3");
	COPIES("Z\0\1R\0\0\0\0\1\0\0\0\2", "\x83Z\0\1w\2ok\0\0\0\1\0\0\0\2");
	COPIES("qR\0R\1a\1", "\x83qw\2okw\6erlmcpa\1");
	COPIES("n\1\0\1", "\x83n\1\0\1");
	COPIES("M\0\0\0\1\3\xe0", "\x83M\0\0\0\1\3\xe0");
	buf_close(&out);
}

/* Its size counts itself and grows with the atoms in it. */
TEST(the_size_of_a_fun_is_put_right)
{
	static const char in[] = "p\0\0\0\x30\0"
	                         "0123456789abcdef"
	                         "\0\0\0\1"
	                         "\0\0\0\1"
	                         "R\1a\1a\2"
	                         "XR\0\0\0\0\1\0\0\0\2\0\0\0\3"
	                         "R\0";
	struct buf out;

	buf_init(&out, 1 << 16);
	assert_int_equal(copy(in, sizeof in - 1, &out), ST_OK);
	/* The version and the tag are not part of it. */
	assert_int_equal(out.base[5], out.len - 2);
	buf_close(&out);
}

TEST(lies_about_sizes_are_malformed)
{
	static const struct {
		const char *bytes;
		size_t len;
	} wrong[] = {{"", 0},
	             {"R\2", 2},
	             {"h\2a\1", 4},
	             {"l\xff\xff\xff\xffj", 6},
	             {"t\x7f\xff\xff\xff", 5},
	             {"m\xff\xff\xff\xff", 5},
	             {"Xa\1", 3},
	             {"Z\0\6R\0", 5},
	             {"\xff", 1},
	             {"p\0\0\0\1", 5}};
	struct buf out;

	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(copy(wrong[i].bytes, wrong[i].len, &out), ST_MALFORMED);
	buf_close(&out);
}

TEST(depth_costs_no_stack)
{
	static uint8_t deep[200000];
	struct buf out;

	for (size_t i = 0; i + 2 < sizeof deep; i += 2) {
		deep[i] = 'h';
		deep[i + 1] = 1;
	}
	deep[sizeof deep - 2] = 'a';
	buf_init(&out, 1 << 20);
	assert_int_equal(copy(deep, sizeof deep, &out), ST_OK);
	buf_close(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(references_become_atoms_and_the_rest_stays),
	    cmocka_unit_test(the_size_of_a_fun_is_put_right),
	    cmocka_unit_test(lies_about_sizes_are_malformed),
	    cmocka_unit_test(depth_costs_no_stack),
	};

	return RUN_TESTS(tests);
}
