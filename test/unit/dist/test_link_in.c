#include <string.h>

#include "base/arena.h"
#include "dist/link_in.h"
#include "term/term.h"
#include "testing.h"

/* Bytes of a string literal with NULs in it. */
#define FEED(in, text) \
	assert_int_equal(link_in_feed(in, (const uint8_t *)(text), sizeof(text) - 1), ST_OK)

static enum status next(struct link_in *in, const struct link_body **body)
{
	enum link_item item = LINK_TICK;
	enum status st = link_in_next(in, &item, body);

	if (st == ST_OK)
		assert_int_equal(item, LINK_MESSAGE);
	return st;
}

static void assert_printed(const struct link_body *body, const char *control, const char *payload)
{
	struct message m;
	struct arena a;
	struct buf text;

	arena_init(&a, 1 << 20);
	buf_init(&text, 4096);
	assert_int_equal(link_decode(body, &a, &m), ST_OK);
	term_print(&text, m.control);
	assert_string_equal(buf_text(&text), control);
	buf_reset(&text);
	if (m.payload != NULL)
		term_print(&text, m.payload);
	assert_string_equal(buf_text(&text), payload);
	buf_close(&text);
	arena_close(&a);
}

TEST(ticks_and_messages_come_out_however_they_are_cut)
{
	static const char bytes[] = "\0\0\0\0\0\0\0\5\x83\x44\0a\1\0\0\0\6\x83\x44\0a\1j";
	const struct link_body *body = NULL;
	enum link_item item;

	for (size_t cut = 1; cut < sizeof bytes; cut++) {
		unsigned ticks = 0;
		unsigned messages = 0;
		struct link_in in;

		link_in_init(&in, true);
		for (size_t at = 0; at < sizeof bytes - 1; at += cut) {
			size_t len = sizeof bytes - 1 - at < cut ? sizeof bytes - 1 - at : cut;

			assert_int_equal(link_in_feed(&in, (const uint8_t *)bytes + at, len),
			                 ST_OK);
			while (link_in_next(&in, &item, &body) == ST_OK) {
				ticks += item == LINK_TICK;
				messages += item == LINK_MESSAGE;
			}
			assert_int_equal(link_in_end(&in), ST_OK);
		}
		assert_int_equal(ticks, 1);
		assert_int_equal(messages, 2);
		link_in_close(&in);
	}
}

/* Two new atoms in the first message, only references in the second. */
TEST(announced_atoms_are_remembered)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, "\0\0\0\x14\x83\x44\2\x98\0\7\2ok\1\3abch\2R\0R\1"
	          "\0\0\0\x0d\x83\x44\2\x10\0\7\1h\2R\1R\0");
	assert_int_equal(next(&in, &body), ST_OK);
	assert_printed(body, "{ok,abc}", "");
	assert_int_equal(next(&in, &body), ST_OK);
	assert_printed(body, "{abc,ok}", "");
	assert_int_equal(next(&in, &body), ST_AGAIN);
	assert_int_equal(link_in_end(&in), ST_OK);
	link_in_close(&in);
}

TEST(atoms_of_an_old_connection_are_unknown_to_a_new_one)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, "\0\0\0\x0d\x83\x44\2\x10\0\7\1h\2R\1R\0");
	assert_int_equal(next(&in, &body), ST_MALFORMED);
	link_in_close(&in);
}

/* The second would take the first one's memory from under the message. */
TEST(two_new_atoms_in_one_place_are_malformed)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, "\0\0\0\x14\x83\x44\2\x88\0\7\2ok\7\3abch\2R\0R\1");
	assert_int_equal(next(&in, &body), ST_MALFORMED);
	link_in_close(&in);
}

#define FIRST(sequence, count, bytes) \
	"\0\0\0\x15\x83\x45\0\0\0\0\0\0\0" sequence "\0\0\0\0\0\0\0" count "\0" bytes
#define LAST(sequence, number, bytes) \
	"\0\0\0\x14\x83\x46\0\0\0\0\0\0\0" sequence "\0\0\0\0\0\0\0" number bytes

TEST(fragments_of_two_messages_interleave)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, FIRST("\1", "\2", "h\1") FIRST("\2", "\3", "h\2") LAST("\2", "\2", "a\1")
	              LAST("\1", "\1", "a\7") LAST("\2", "\1", "a\2"));
	assert_int_equal(next(&in, &body), ST_OK);
	assert_printed(body, "{7}", "");
	assert_int_equal(next(&in, &body), ST_OK);
	assert_printed(body, "{1,2}", "");
	assert_int_equal(next(&in, &body), ST_AGAIN);
	assert_int_equal(link_in_end(&in), ST_OK);
	assert_int_equal(in.n_partials, 0);
	assert_int_equal(in.partial_bytes, 0);
	link_in_close(&in);
}

TEST(a_fragment_of_an_old_connection_is_never_joined_to_a_new_one)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, FIRST("\1", "\2", "h\1"));
	assert_int_equal(next(&in, &body), ST_AGAIN);
	assert_int_equal(link_in_end(&in), ST_OK);
	link_in_close(&in);
	link_in_init(&in, true);
	FEED(&in, LAST("\1", "\1", "a\7"));
	assert_int_equal(next(&in, &body), ST_MALFORMED);
	link_in_close(&in);
}

TEST(fragments_out_of_turn_are_malformed)
{
	static const char *const wrong[] = {
	    FIRST("\1", "\0", "h\1"),
	    FIRST("\1", "\3", "h\1") LAST("\1", "\1", "a\7"),
	    FIRST("\1", "\3", "h\1") FIRST("\1", "\3", "h\1"),
	};
	static const size_t lens[] = {25, 25 + 24, 50};

	for (size_t i = 0; i < 3; i++) {
		const struct link_body *body = NULL;
		struct link_in in;

		link_in_init(&in, true);
		assert_int_equal(link_in_feed(&in, (const uint8_t *)wrong[i], lens[i]), ST_OK);
		assert_int_equal(next(&in, &body), ST_MALFORMED);
		link_in_close(&in);
	}
}

TEST(unfinished_messages_are_limited)
{
	uint8_t first[] = FIRST("\1", "\2", "h\1");
	const struct link_body *body = NULL;
	struct link_in in;
	enum status st = ST_AGAIN;

	link_in_init(&in, true);
	for (unsigned i = 0; i <= LINK_PARTIALS_MAX; i++) {
		first[13] = (uint8_t)(i + 1);
		assert_int_equal(st, ST_AGAIN);
		assert_int_equal(link_in_feed(&in, first, sizeof first - 1), ST_OK);
		st = next(&in, &body);
		if (st == ST_AGAIN)
			assert_int_equal(link_in_end(&in), ST_OK);
	}
	assert_int_equal(st, ST_LIMIT);
	link_in_close(&in);
}

TEST(an_oversized_frame_is_refused_by_its_length_alone)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, "\x7f\xff\xff\xff");
	assert_int_equal(next(&in, &body), ST_LIMIT);
	link_in_close(&in);
}

TEST(garbage_is_malformed)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, true);
	FEED(&in, "\0\0\0\4http");
	assert_int_equal(next(&in, &body), ST_MALFORMED);
	link_in_close(&in);
	link_in_init(&in, false);
	FEED(&in, "\0\0\0\4\x83\x44\0j");
	assert_int_equal(next(&in, &body), ST_MALFORMED);
	link_in_close(&in);
}

TEST(pass_through_frames_carry_versions)
{
	const struct link_body *body = NULL;
	struct link_in in;

	link_in_init(&in, false);
	FEED(&in, "\0\0\0\7p\x83"
	          "a\1\x83"
	          "a\2");
	assert_int_equal(next(&in, &body), ST_OK);
	assert_printed(body, "1", "2");
	link_in_close(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ticks_and_messages_come_out_however_they_are_cut),
	    cmocka_unit_test(announced_atoms_are_remembered),
	    cmocka_unit_test(atoms_of_an_old_connection_are_unknown_to_a_new_one),
	    cmocka_unit_test(two_new_atoms_in_one_place_are_malformed),
	    cmocka_unit_test(fragments_of_two_messages_interleave),
	    cmocka_unit_test(a_fragment_of_an_old_connection_is_never_joined_to_a_new_one),
	    cmocka_unit_test(fragments_out_of_turn_are_malformed),
	    cmocka_unit_test(unfinished_messages_are_limited),
	    cmocka_unit_test(an_oversized_frame_is_refused_by_its_length_alone),
	    cmocka_unit_test(garbage_is_malformed),
	    cmocka_unit_test(pass_through_frames_carry_versions),
	};

	return RUN_TESTS(tests);
}
