#include <string.h>

#include "io/client_wire.h"
#include "testing.h"

static const uint8_t nonce[CLIENT_NONCE] = {1, 2, 3};
static const uint8_t proof[CLIENT_PROOF] = {4, 5, 6};
static const uint8_t id[16] = {7, 8, 9};

static const struct client_frame frames[] = {
    {.type = CLIENT_HELLO,
     .version = CLIENT_VERSION,
     .nonce = nonce,
     .bytes = (const uint8_t *)"erlmcp@host",
     .len = 11},
    {.type = CLIENT_PROVE, .nonce = nonce, .proof = proof},
    {.type = CLIENT_WELCOME, .proof = proof},
    {.type = CLIENT_REFUSED, .bytes = (const uint8_t *)"no", .len = 2},
    {.type = CLIENT_WRITE, .tag = UINT64_MAX, .bytes = (const uint8_t *)"command", .len = 7},
    {.type = CLIENT_READ, .tag = 1, .id = id, .bytes = (const uint8_t *)"key", .len = 3},
    {.type = CLIENT_DONE, .tag = 2, .outcome = CLIENT_UNKNOWN},
    {.type = CLIENT_DONE, .tag = 3, .bytes = (const uint8_t *)"v\0w", .len = 3},
};

enum { FRAMES = sizeof frames / sizeof frames[0] };

static void assert_bytes(const uint8_t *is, const uint8_t *wanted, size_t len)
{
	if (wanted != NULL)
		assert_memory_equal(is, wanted, len);
}

TEST(every_frame_is_read_back)
{
	for (size_t i = 0; i < FRAMES; i++) {
		const struct client_frame *f = &frames[i];
		struct client_frame back;
		struct buf b;
		size_t len;

		buf_init(&b, 4096);
		client_frame_encode(&b, f);
		assert_int_equal(client_frame_length(b.base, b.len, &len), ST_OK);
		assert_int_equal(len, b.len);
		assert_int_equal(client_frame_decode(b.base, b.len, &back), ST_OK);
		assert_int_equal(back.type, f->type);
		assert_true(back.tag == f->tag);
		assert_int_equal(back.version, f->version);
		assert_int_equal(back.outcome, f->outcome);
		assert_int_equal(back.len, f->len);
		assert_bytes(back.bytes, f->bytes, f->len);
		assert_bytes(back.nonce, f->nonce, CLIENT_NONCE);
		assert_bytes(back.proof, f->proof, CLIENT_PROOF);
		assert_bytes(back.id, f->id, sizeof id);
		buf_close(&b);
	}
}

TEST(a_read_is_these_bytes)
{
	static const uint8_t wanted[] = {0, 0, 0, 28, 17, 0, 0, 0, 0, 0, 0, 0, 1, 7,   8,   9,
	                                 0, 0, 0, 0,  0,  0, 0, 0, 0, 0, 0, 0, 0, 'k', 'e', 'y'};
	struct buf b;

	buf_init(&b, 4096);
	client_frame_encode(&b, &frames[5]);
	assert_int_equal(b.len, sizeof wanted);
	assert_memory_equal(b.base, wanted, sizeof wanted);
	buf_close(&b);
}

TEST(a_frame_that_is_not_all_there_is_waited_for)
{
	struct buf b;
	size_t len;

	buf_init(&b, 4096);
	client_frame_encode(&b, &frames[0]);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(client_frame_length(b.base, n, &len), ST_AGAIN);
	buf_close(&b);
}

TEST(a_body_that_is_too_short_is_malformed)
{
	for (size_t i = 0; i < FRAMES; i++) {
		struct client_frame back;
		struct buf b;

		buf_init(&b, 4096);
		client_frame_encode(&b, &frames[i]);
		/* The fixed part, cut: the length says so, so that nothing is waited for. */
		for (size_t n = 5; n < b.len - frames[i].len; n++) {
			const uint8_t head = b.base[3];

			b.base[3] = (uint8_t)(n - 4);
			assert_int_equal(client_frame_decode(b.base, n, &back), ST_MALFORMED);
			b.base[3] = head;
		}
		buf_close(&b);
	}
}

TEST(limits_and_types_are_checked)
{
	static const uint8_t long_one[] = {0, 2, 0, 1, 16};
	static const uint8_t unknown[] = {0, 0, 0, 1, 99};
	static const uint8_t nothing[] = {0, 0, 0, 0};
	struct client_frame back;
	size_t len;

	assert_int_equal(client_frame_length(long_one, sizeof long_one, &len), ST_LIMIT);
	assert_int_equal(client_frame_decode(unknown, sizeof unknown, &back), ST_UNSUPPORTED);
	assert_int_equal(client_frame_length(nothing, sizeof nothing, &len), ST_OK);
	assert_int_equal(client_frame_decode(nothing, sizeof nothing, &back), ST_MALFORMED);
}

TEST(a_proof_is_good_for_one_side_one_cookie_and_these_nonces)
{
	uint8_t other_nonce[CLIENT_NONCE] = {9};
	uint8_t one[CLIENT_PROOF];
	uint8_t two[CLIENT_PROOF];

	assert_int_equal(client_proof("cookie", false, nonce, other_nonce, one), ST_OK);
	assert_int_equal(client_proof("cookie", false, nonce, other_nonce, two), ST_OK);
	assert_true(client_proof_equal(one, two));
	assert_int_equal(client_proof("cookie", true, nonce, other_nonce, two), ST_OK);
	assert_false(client_proof_equal(one, two));
	assert_int_equal(client_proof("Cookie", false, nonce, other_nonce, two), ST_OK);
	assert_false(client_proof_equal(one, two));
	assert_int_equal(client_proof("cookie", false, other_nonce, nonce, two), ST_OK);
	assert_false(client_proof_equal(one, two));
}

TEST(every_outcome_has_a_text)
{
	for (unsigned i = 0; i <= CLIENT_INVALID; i++)
		assert_non_null(client_outcome_text(i));
	assert_string_equal(client_outcome_text(200), "unknown outcome");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_frame_is_read_back),
	    cmocka_unit_test(a_read_is_these_bytes),
	    cmocka_unit_test(a_frame_that_is_not_all_there_is_waited_for),
	    cmocka_unit_test(a_body_that_is_too_short_is_malformed),
	    cmocka_unit_test(limits_and_types_are_checked),
	    cmocka_unit_test(a_proof_is_good_for_one_side_one_cookie_and_these_nonces),
	    cmocka_unit_test(every_outcome_has_a_text),
	};

	return RUN_TESTS(tests);
}
