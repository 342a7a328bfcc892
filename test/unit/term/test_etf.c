/* The external term format, both ways. The bytes were made by a real node. */
#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "term/term.h"
#include "testing.h"

static enum status decode_text(const void *bytes, size_t len, char *ret, size_t cap)
{
	const struct term *t = NULL;
	struct arena a;
	struct buf b;
	size_t used;
	enum status st;

	arena_init(&a, 1 << 20);
	buf_init(&b, cap - 1);
	st = term_decode(&a, bytes, len, &used, &t);
	if (st == ST_OK) {
		term_print(&b, t);
		(void)snprintf(ret, cap, "%s", buf_text(&b));
		assert_int_equal(used, len);
	}
	buf_close(&b);
	arena_close(&a);
	return st;
}

#define CHECK(bytes, expected)                                                                     \
	do {                                                                                       \
		char text[512];                                                                    \
		assert_int_equal(decode_text(bytes, sizeof(bytes) - 1, text, sizeof text), ST_OK); \
		assert_string_equal(text, expected);                                               \
	} while (0)

#define REFUSE(bytes, status)                                                              \
	do {                                                                               \
		char text[512];                                                            \
		assert_int_equal(decode_text(bytes, sizeof(bytes) - 1, text, sizeof text), \
		                 status);                                                  \
	} while (0)

TEST(every_tag_of_current_releases_is_understood)
{
	CHECK("\x83"
	      "a\x05",
	      "5");
	CHECK("\x83"
	      "b\xff\xff\xff\xfe",
	      "-2");
	CHECK("\x83"
	      "n\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
	      "18446744073709551616");
	CHECK("\x83"
	      "n\x08\x01\x00\x00\x00\x00\x00\x00\x00\x80",
	      "-9223372036854775808");
	CHECK("\x83"
	      "F\x3f\xf8\x00\x00\x00\x00\x00\x00",
	      "1.5");
	CHECK("\x83"
	      "w\x02ok",
	      "ok");
	CHECK("\x83"
	      "v\x00\x02ok",
	      "ok");
	CHECK("\x83"
	      "d\x00\x01\xe4",
	      "\xc3\xa4");
	CHECK("\x83"
	      "s\x02ok",
	      "ok");
	CHECK("\x83"
	      "k\x00\x02hi",
	      "[104,105]");
	CHECK("\x83"
	      "l\x00\x00\x00\x01"
	      "a\x01"
	      "a\x02",
	      "[1|2]");
	CHECK("\x83"
	      "h\x02"
	      "a\x01"
	      "j",
	      "{1,[]}");
	CHECK("\x83"
	      "i\x00\x00\x00\x01"
	      "a\x01",
	      "{1}");
	CHECK("\x83"
	      "m\x00\x00\x00\x02hi",
	      "<<104,105>>");
	CHECK("\x83"
	      "M\x00\x00\x00\x01\x03\xa0",
	      "<<5:3>>");
	CHECK("\x83"
	      "t\x00\x00\x00\x01"
	      "w\x01"
	      "k"
	      "a\x01",
	      "#{k => 1}");
	CHECK("\x83"
	      "Xw\x03n@h\x00\x00\x00\x55\x00\x00\x00\x01\x00\x00\x00\x07",
	      "<0.85.1>");
	CHECK("\x83"
	      "gw\x03n@h\x00\x00\x00\x55\x00\x00\x00\x00\x03",
	      "<0.85.0>");
	CHECK("\x83"
	      "xw\x03n@h\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x07",
	      "#Port<0.5>");
	CHECK("\x83"
	      "Yw\x03n@h\x00\x00\x00\x05\x00\x00\x00\x07",
	      "#Port<0.5>");
	CHECK("\x83"
	      "Z\x00\x02w\x03n@h\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x02",
	      "#Ref<0.2.1>");
	CHECK("\x83"
	      "qw\x05lists"
	      "w\x03map"
	      "a\x02",
	      "fun lists:map/2");
}

TEST(lies_about_sizes_are_refused_before_anything_is_allocated)
{
	REFUSE("", ST_MALFORMED);
	REFUSE("\x83", ST_MALFORMED);
	REFUSE("\x82"
	       "j",
	       ST_MALFORMED);
	REFUSE("\x83\x00", ST_MALFORMED);
	REFUSE("\x83"
	       "l\xff\xff\xff\xff"
	       "j",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "i\xff\xff\xff\xff"
	       "j",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "t\x7f\xff\xff\xff"
	       "j",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "m\xff\xff\xff\xff"
	       "j",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "o\xff\xff\xff\xff\x00",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "M\x00\x00\x00\x01\x09\xa0",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "w\x02\xff\xff",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "w\x03"
	       "a\x00"
	       "b",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "F\x7f\xf0\x00\x00\x00\x00\x00\x00",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "t\x00\x00\x00\x02"
	       "a\x01"
	       "a\x01"
	       "a\x01"
	       "a\x02",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "Xa\x01\x00\x00\x00\x55\x00\x00\x00\x01\x00\x00\x00\x07",
	       ST_MALFORMED);
	REFUSE("\x83"
	       "P\x00\x00\x00\x01",
	       ST_UNSUPPORTED);
}

TEST(deep_nesting_is_refused)
{
	static uint8_t bytes[4096];
	const struct term *t;
	struct arena a;
	size_t used;

	arena_init(&a, 1 << 20);
	bytes[0] = 131;
	for (size_t i = 1; i + 1 < sizeof bytes; i += 2) {
		bytes[i] = 'h';
		bytes[i + 1] = 1;
	}
	assert_int_equal(term_decode(&a, bytes, sizeof bytes, &used, &t), ST_LIMIT);
	arena_close(&a);
}

TEST(a_closure_passes_through_unchanged)
{
	/* erl_eval's fun of one argument, cut down to no variables. */
	static const uint8_t bytes[] =
	    "\x83"
	    "p\x00\x00\x00\x48\x01"
	    "0123456789abcdef\x00\x00\x00\x06\x00\x00\x00\x00"
	    "w\x08"
	    "erl_eval"
	    "a\x06"
	    "b\x02\x0b\x1e\x4f"
	    "Xw\x0d"
	    "nonode@nohost\x00\x00\x00\x55\x00\x00\x00\x00\x00\x00\x00\x00";
	uint8_t copy[sizeof bytes];
	const struct term *t = NULL;
	struct arena a;
	struct buf b;
	size_t used;

	memcpy(copy, bytes, sizeof bytes);
	copy[5] = (uint8_t)(sizeof bytes - 3);
	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 16);
	assert_int_equal(term_decode(&a, copy, sizeof bytes - 1, &used, &t), ST_OK);
	assert_int_equal(term_type(t), TERM_FUN);
	assert_int_equal(term_encode(t, &b), ST_OK);
	assert_int_equal(b.len, sizeof bytes - 1);
	assert_memory_equal(b.base, copy, b.len);
	buf_close(&b);
	arena_close(&a);
}

/* A term of random shape. */
static const struct term *grow(struct arena *a, struct prng *p, unsigned depth)
{
	const struct term_node_id id = {
	    .node = "n@h", .id = 85, .serial = 2, .creation = 9, .words = {1, 2, 3}, .n_words = 3};
	const struct term *items[6];
	size_t n = (size_t)prng_range(p, 0, 5);
	uint64_t bits = prng_next(p);

	for (size_t i = 0; depth > 0 && i < n; i++)
		items[i] = grow(a, p, depth - 1);
	switch (prng_range(p, depth > 0 ? 0 : 4, 12)) {
	case 0:
		return term_list(a, items, n);
	case 1:
		return term_tuple(a, items, n);
	case 2:
		return term_map(a, items, items, n);
	case 3:
		return term_list_tail(a, items, n, term_atom(a, "tail"));
	case 4:
		return term_int(a, (int64_t)bits);
	case 5:
		return term_int(a, (int64_t)(bits & 0x1ff));
	case 6:
		return term_float(a, (double)(int64_t)bits / 1024);
	case 7:
		return term_atom(a, n > 2 ? "an_atom" : "\xce\xb1");
	case 8:
		return term_binary(a, &bits, n);
	case 9:
		return term_bitstring(a, &bits, n * 9);
	case 10:
		return term_pid(a, &id);
	case 11:
		return term_port(a, &id);
	default:
		return term_ref(a, &id);
	}
}

TEST(what_is_encoded_is_decoded_to_the_same)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct prng p = {seed};
		const struct term *back = NULL;
		const struct term *t;
		struct arena a;
		struct buf b;
		size_t used;

		arena_init(&a, 1 << 22);
		buf_init(&b, 1 << 22);
		t = grow(&a, &p, 5);
		assert_non_null(t);
		if (term_encode(t, &b) != ST_OK ||
		    term_decode(&a, b.base, b.len, &used, &back) != ST_OK || used != b.len ||
		    term_compare(t, back, true) != 0)
			fail_msg("seed %llu", (unsigned long long)seed);
		for (size_t cut = 0; cut < b.len; cut += 7) {
			if (term_decode(&a, b.base, cut, &used, &back) == ST_OK)
				fail_msg("seed %llu cut to %zu", (unsigned long long)seed, cut);
		}
		buf_close(&b);
		arena_close(&a);
	}
}

TEST(a_bare_term_has_no_version_byte)
{
	const struct term *t = NULL;
	struct arena a;
	struct buf b;
	size_t used;

	arena_init(&a, 1 << 16);
	buf_init(&b, 64);
	assert_int_equal(term_encode_bare(term_int(&a, 5), &b), ST_OK);
	assert_int_equal(b.len, 2);
	buf_u8(&b, 'j');
	assert_int_equal(term_decode_bare(&a, b.base, b.len, &used, &t), ST_OK);
	assert_int_equal(used, 2);
	assert_int_equal(term_int_value(t), 5);
	buf_close(&b);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_tag_of_current_releases_is_understood),
	    cmocka_unit_test(lies_about_sizes_are_refused_before_anything_is_allocated),
	    cmocka_unit_test(deep_nesting_is_refused),
	    cmocka_unit_test(a_closure_passes_through_unchanged),
	    cmocka_unit_test(what_is_encoded_is_decoded_to_the_same),
	    cmocka_unit_test(a_bare_term_has_no_version_byte),
	};

	return RUN_TESTS(tests);
}
