#include "eval/bits.h"

#include "base/prng.h"
#include "eval_fixture.h"

TEST(bits_are_copied_from_any_offset)
{
	const uint8_t bytes[] = {0xab, 0xcd, 0xef};
	uint8_t out[3];

	bits_copy(out, bytes, 4, 8);
	assert_int_equal(out[0], 0xbc);
	bits_copy(out, bytes, 3, 3);
	assert_int_equal(out[0], 0x40);
	bits_copy(out, bytes, 0, 24);
	assert_memory_equal(out, bytes, 3);
	bits_copy(out, bytes, 1, 23);
	assert_int_equal(out[0], 0x57);
	assert_int_equal(out[2], 0xde);
}

TEST(half_floats_survive_both_ways)
{
	for (unsigned half = 0; half < 0x7c00; half += 7) {
		assert_int_equal(bits_double_to_half(bits_half_to_double((uint16_t)half)), half);
		assert_int_equal(
		    bits_double_to_half(bits_half_to_double((uint16_t)(half | 0x8000))),
		    half | 0x8000);
	}
}

TEST(what_is_packed_is_unpacked)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct prng p = {seed};
		const char *end = prng_next(&p) % 2 ? "little" : "big";
		const int before = (int)prng_range(&p, 0, 9);
		const int size = (int)prng_range(&p, 1, 130);
		const long long value =
		    (long long)(prng_next(&p) >> (64 - (size < 60 ? size : 60)));
		char text[256];
		char shown[256];

		(void)snprintf(text, sizeof text,
		               "<<_:%d, X:%d/%s, R/bits>> = <<0:%d, %lld:%d/%s, 5:3>>, X =:= %lld "
		               "andalso R =:= <<5:3>>",
		               before, size, end, before, value, size, end, value);
		eval_show(text, NULL, NULL, shown, sizeof shown);
		if (strcmp(shown, "true\n") != 0)
			fail_msg("seed %llu: %s", (unsigned long long)seed, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bits_are_copied_from_any_offset),
	    cmocka_unit_test(half_floats_survive_both_ways),
	    cmocka_unit_test(what_is_packed_is_unpacked),
	};

	return RUN_TESTS(tests);
}
