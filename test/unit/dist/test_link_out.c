#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "dist/control.h"
#include "dist/link_in.h"
#include "dist/link_out.h"
#include "testing.h"

static const struct control_self self = {"a@host", 7};

/* A message as members send it. */
static enum status send_bytes(struct link_out *out, enum link_class klass, const void *bytes,
                              size_t len)
{
	uint8_t head[CONTROL_BINARY_HEAD];
	struct link_parts parts;
	struct buf control;
	enum status st;

	buf_init(&control, LINK_CONTROL_MAX);
	control_member_head(&control, &self);
	control_binary_head(head, len);
	parts.control = (struct link_chunk){control.base, control.len};
	parts.payload = (struct link_chunk){head, sizeof head};
	parts.tail = (struct link_chunk){bytes, len};
	st = link_out_message(out, klass, &parts);
	buf_close(&control);
	return st;
}

static enum status send_letter(struct link_out *out, enum link_class klass, char letter, size_t len)
{
	char *bytes = malloc(len);
	enum status st;

	assert_non_null(bytes);
	memset(bytes, letter, len);
	st = send_bytes(out, klass, bytes, len);
	free(bytes);
	return st;
}

/* Take at most max bytes off and give them to the other side; what arrives whole is written
 * as one letter each into trace. */
static size_t wire(struct link_out *out, struct link_in *in, size_t max, struct buf *trace)
{
	const struct link_body *body = NULL;
	const struct link_chunk *chunks;
	size_t n = link_out_batch(out, &chunks);
	const uint8_t *bytes;
	enum link_item item;
	struct buf sent;
	size_t len;

	buf_init(&sent, 16 * 1024 * 1024);
	for (size_t i = 0; i < n && sent.len < max; i++) {
		len = chunks[i].len < max - sent.len ? chunks[i].len : max - sent.len;
		buf_bytes(&sent, chunks[i].base, len);
	}
	assert_int_equal(buf_status(&sent), ST_OK);
	link_out_wrote(out, sent.len);
	assert_int_equal(link_in_feed(in, sent.base, sent.len), ST_OK);
	while (link_in_next(in, &item, &body) == ST_OK) {
		if (item == LINK_TICK) {
			buf_u8(trace, '.');
			continue;
		}
		assert_true(control_member_payload(body, &bytes, &len));
		for (size_t i = 1; i < len; i++)
			assert_int_equal(bytes[i], bytes[0]);
		buf_u8(trace, bytes[0]);
	}
	assert_int_equal(link_in_end(in), ST_OK);
	len = sent.len;
	buf_close(&sent);
	return len;
}

struct line {
	struct link_out out;
	struct link_in in;
	struct buf trace;
};

static void line_open(struct line *l)
{
	link_out_init(&l->out, true, true);
	link_in_init(&l->in, true);
	buf_init(&l->trace, 4096);
}

static void line_close(struct line *l)
{
	link_out_close(&l->out);
	link_in_close(&l->in);
	buf_close(&l->trace);
}

TEST(a_small_message_is_one_frame_with_these_bytes)
{
	static const char expected[] =
	    "\0\0\0\x2d\x83\x44\0h\4a\6Xw\6a@host\0\0\0\1\0\0\0\0\0\0\0\7"
	    "w\0w\6erlmcpm\0\0\0\2hi";
	const struct link_chunk *chunks;
	struct link_out out;

	link_out_init(&out, true, true);
	assert_int_equal(send_bytes(&out, LINK_NORMAL, "hi", 2), ST_OK);
	assert_int_equal(link_out_batch(&out, &chunks), 1);
	assert_int_equal(chunks[0].len, sizeof expected - 1);
	assert_memory_equal(chunks[0].base, expected, sizeof expected - 1);
	link_out_wrote(&out, chunks[0].len);
	assert_int_equal(link_out_queued(&out), 0);
	link_out_close(&out);
}

TEST(a_peer_without_headers_gets_pass_through_frames)
{
	static const char expected[] = "\0\0\0\6p\x83"
	                               "a\1\x83j";
	static const uint8_t one[] = {'a', 1};
	static const uint8_t nil[] = {'j'};
	struct link_parts parts = {{one, 2}, {nil, 1}, {NULL, 0}};
	const struct link_chunk *chunks;
	struct link_out out;

	link_out_init(&out, false, true);
	assert_int_equal(link_out_message(&out, LINK_NORMAL, &parts), ST_OK);
	assert_int_equal(link_out_batch(&out, &chunks), 1);
	assert_int_equal(chunks[0].len, sizeof expected - 1);
	assert_memory_equal(chunks[0].base, expected, sizeof expected - 1);
	link_out_close(&out);
}

TEST(urgent_goes_before_normal_before_bulk)
{
	struct line l;

	line_open(&l);
	assert_int_equal(send_letter(&l.out, LINK_BULK, 'b', 10), ST_OK);
	assert_int_equal(send_letter(&l.out, LINK_NORMAL, 'n', 10), ST_OK);
	assert_int_equal(send_letter(&l.out, LINK_URGENT, 'u', 10), ST_OK);
	assert_int_equal(link_out_tick(&l.out), ST_OK);
	while (wire(&l.out, &l.in, SIZE_MAX, &l.trace) > 0)
		;
	assert_string_equal(buf_text(&l.trace), "u.nb");
	line_close(&l);
}

/* The big one is on its way; each urgent message waits for one fragment of it at most. */
TEST(a_big_message_delays_an_urgent_one_by_one_fragment)
{
	struct line l;
	size_t bytes;

	line_open(&l);
	assert_int_equal(send_letter(&l.out, LINK_BULK, 'b', 10 * LINK_FRAGMENT), ST_OK);
	assert_int_equal(wire(&l.out, &l.in, 100, &l.trace), 100);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(send_letter(&l.out, LINK_URGENT, (char)('0' + i), 20), ST_OK);
		bytes = 0;
		while (l.trace.len == (size_t)i)
			bytes += wire(&l.out, &l.in, 1000, &l.trace);
		assert_in_range(bytes, 1, LINK_FRAGMENT + 1100);
	}
	while (wire(&l.out, &l.in, SIZE_MAX, &l.trace) > 0)
		;
	assert_string_equal(buf_text(&l.trace), "01234b");
	line_close(&l);
}

TEST(big_messages_of_several_classes_interleave_and_arrive_whole)
{
	struct line l;

	line_open(&l);
	assert_int_equal(send_letter(&l.out, LINK_BULK, 'b', 20 * LINK_FRAGMENT), ST_OK);
	assert_int_equal(send_letter(&l.out, LINK_NORMAL, 'n', 5 * LINK_FRAGMENT + 1), ST_OK);
	assert_int_equal(send_letter(&l.out, LINK_NORMAL, 'm', 10), ST_OK);
	while (wire(&l.out, &l.in, SIZE_MAX, &l.trace) > 0)
		;
	assert_string_equal(buf_text(&l.trace), "nmb");
	assert_int_equal(link_out_queued(&l.out), 0);
	line_close(&l);
}

TEST(however_the_kernel_cuts_it_all_arrives_in_order)
{
	static const size_t lens[] = {1, 200, LINK_FRAGMENT - 60, LINK_FRAGMENT, 3 * LINK_FRAGMENT};
	struct prng prng = {20261121};
	char expected[LINK_CLASSES][64] = {"", "", ""};
	char seen[LINK_CLASSES][64] = {"", "", ""};
	size_t n[LINK_CLASSES] = {0, 0, 0};
	struct line l;

	line_open(&l);
	for (int i = 0; i < 3000; i++) {
		enum link_class klass = (enum link_class)prng_range(&prng, 0, 2);

		if (prng_range(&prng, 0, 9) == 0 && n[klass] < 20) {
			char letter = (char)("AKU"[klass] + (char)(n[klass] % 10));

			assert_int_equal(
			    send_letter(&l.out, klass, letter, lens[prng_range(&prng, 0, 4)]),
			    ST_OK);
			expected[klass][n[klass]++] = letter;
		}
		wire(&l.out, &l.in, (size_t)prng_range(&prng, 0, 2000), &l.trace);
	}
	while (wire(&l.out, &l.in, SIZE_MAX, &l.trace) > 0)
		;
	for (size_t i = 0; i < l.trace.len; i++) {
		char letter = (char)l.trace.base[i];
		char *at = seen[letter < 'K' ? 0 : letter < 'U' ? 1 : 2];

		at[strlen(at)] = letter;
	}
	for (unsigned i = 0; i < LINK_CLASSES; i++)
		assert_string_equal(seen[i], expected[i]);
	line_close(&l);
}

TEST(a_full_class_is_busy_and_the_others_are_not)
{
	struct link_out out;
	unsigned n = 0;

	link_out_init(&out, true, true);
	while (send_letter(&out, LINK_URGENT, 'u', 1024 * 1024) == ST_OK)
		n++;
	assert_in_range(n, 3, 4);
	assert_int_equal(send_letter(&out, LINK_URGENT, 'u', 1024 * 1024), ST_BUSY);
	assert_int_equal(send_letter(&out, LINK_NORMAL, 'n', 10), ST_OK);
	link_out_close(&out);
}

TEST(what_exceeds_any_message_is_refused)
{
	struct link_parts parts = {{(const uint8_t *)"j", 1}, {NULL, LINK_MESSAGE_MAX}, {NULL, 0}};
	struct link_out out;

	link_out_init(&out, true, true);
	assert_int_equal(link_out_message(&out, LINK_BULK, &parts), ST_LIMIT);
	link_out_close(&out);
}

TEST(what_is_not_urgent_waits_for_room_and_what_is_urgent_does_not)
{
	const struct link_chunk *chunks;
	struct line l;

	line_open(&l);
	assert_int_equal(send_letter(&l.out, LINK_NORMAL, 'n', 100), ST_OK);
	assert_true(link_out_waits(&l.out));
	link_out_bound(&l.out, 0);
	assert_int_equal(link_out_batch(&l.out, &chunks), 0);
	assert_int_equal(send_letter(&l.out, LINK_URGENT, 'u', 100), ST_OK);
	while (wire(&l.out, &l.in, SIZE_MAX, &l.trace) > 0)
		;
	assert_string_equal(buf_text(&l.trace), "u");
	assert_true(link_out_waits(&l.out));
	link_out_bound(&l.out, 1);
	while (wire(&l.out, &l.in, SIZE_MAX, &l.trace) > 0)
		;
	assert_string_equal(buf_text(&l.trace), "un");
	assert_false(link_out_waits(&l.out));
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_small_message_is_one_frame_with_these_bytes),
	    cmocka_unit_test(a_peer_without_headers_gets_pass_through_frames),
	    cmocka_unit_test(urgent_goes_before_normal_before_bulk),
	    cmocka_unit_test(a_big_message_delays_an_urgent_one_by_one_fragment),
	    cmocka_unit_test(big_messages_of_several_classes_interleave_and_arrive_whole),
	    cmocka_unit_test(however_the_kernel_cuts_it_all_arrives_in_order),
	    cmocka_unit_test(a_full_class_is_busy_and_the_others_are_not),
	    cmocka_unit_test(what_exceeds_any_message_is_refused),
	    cmocka_unit_test(what_is_not_urgent_waits_for_room_and_what_is_urgent_does_not),
	};

	return RUN_TESTS(tests);
}
