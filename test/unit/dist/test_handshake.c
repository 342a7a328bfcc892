#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "dist/handshake.h"
#include "testing.h"

static const struct handshake_start start_a = {"a@host", "secret", "b@host", 0x0a0a0a0a, 1111};
static const struct handshake_start start_b = {"b@host", "secret", NULL, 0x0b0b0b0b, 2222};

struct pair {
	struct handshake a; /* connects */
	struct handshake b; /* accepts */
	struct buf to_a;
	struct buf to_b;
};

static void pair_open(struct pair *p, const char *cookie_b)
{
	struct handshake_start b = start_b;

	b.cookie = cookie_b;
	buf_init(&p->to_a, 4096);
	buf_init(&p->to_b, 4096);
	handshake_connect(&p->a, &start_a, &p->to_b);
	handshake_accept(&p->b, &b);
}

static void pair_close(struct pair *p)
{
	buf_close(&p->to_a);
	buf_close(&p->to_b);
}

/* Hand the first packet in from over. */
static enum status deliver(struct handshake *h, struct buf *from, struct buf *out)
{
	struct cursor c = cursor_of(from->base, from->len);
	const uint8_t *packet = NULL;
	uint8_t copy[HANDSHAKE_PACKET_MAX];
	uint16_t len = 0;

	assert_int_equal(cursor_u16(&c, &len), ST_OK);
	assert_int_equal(cursor_bytes(&c, len, &packet), ST_OK);
	memcpy(copy, packet, len);
	buf_consume(from, 2U + len);
	return handshake_packet(h, copy, len, out);
}

static void assert_bytes(const struct buf *b, const void *bytes, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(b->base, bytes, len);
}

TEST(two_nodes_that_share_a_cookie_know_each_other_afterwards)
{
	struct pair p;

	pair_open(&p, "secret");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(p.b.state, HANDSHAKE_DECIDE);
	assert_string_equal(p.b.peer, "a@host");
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_OK, "b@host", NULL, &p.to_a), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(p.b.state, HANDSHAKE_VERIFIED);
	assert_int_equal(p.to_a.len, 0);
	assert_int_equal(handshake_confirm(&p.b, &p.to_a), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(p.a.state, HANDSHAKE_DONE);
	assert_int_equal(p.b.state, HANDSHAKE_DONE);
	assert_int_equal(p.a.peer_creation, 0x0b0b0b0b);
	assert_int_equal(p.b.peer_creation, 0x0a0a0a0a);
	assert_true(p.a.peer_flags == DIST_FLAGS_SELF);
	pair_close(&p);
}

/* Every byte of the connecting side, as the protocol describes it. */
TEST(the_connecting_side_says_this)
{
	static const uint8_t name[] = {0,    21,   'N',  0,    0,    0,    0x0d, 0x07,
	                               0xc7, 0x7f, 0xbc, 0x0a, 0x0a, 0x0a, 0x0a, 0,
	                               6,    'a',  '@',  'h',  'o',  's',  't'};
	static const uint8_t ok[] = {'s', 'o', 'k'};
	uint8_t challenge[] = {'N', 0, 0, 0, 0xd, 0x07, 0xc7, 0x7f, 0xbc, 0,   0,   8,  0xae,
	                       1,   2, 3, 4, 0,   6,    'b',  '@',  'h',  'o', 's', 't'};
	uint8_t expected[2 + 1 + 4 + 16] = {0, 21, 'r', 0, 0, 4, 0x57};
	struct handshake h;
	struct buf out;
	uint8_t ack[17] = {'a'};

	buf_init(&out, 4096);
	handshake_connect(&h, &start_a, &out);
	assert_true(DIST_FLAGS_SELF == 0x0d07c77fbcU);
	assert_bytes(&out, name, sizeof name);
	buf_reset(&out);
	assert_int_equal(handshake_packet(&h, ok, sizeof ok, &out), ST_OK);
	assert_int_equal(handshake_packet(&h, challenge, sizeof challenge, &out), ST_OK);
	assert_int_equal(handshake_digest("secret", 2222, expected + 7), ST_OK);
	assert_bytes(&out, expected, sizeof expected);
	assert_int_equal(handshake_digest("secret", 1111, ack + 1), ST_OK);
	assert_int_equal(handshake_packet(&h, ack, sizeof ack, &out), ST_OK);
	assert_int_equal(h.state, HANDSHAKE_DONE);
	buf_close(&out);
}

/* "The digest is MD5 of the cookie and the challenge as text": md5("monster4711"). */
TEST(the_digest_is_md5_of_cookie_and_decimal_challenge)
{
	static const uint8_t known[16] = {0x6e, 0xba, 0xcd, 0x5d, 0x9d, 0x5f, 0x78, 0x13,
	                                  0x44, 0xfc, 0x06, 0x94, 0xb4, 0x88, 0x1c, 0x2a};
	uint8_t digest[16];

	assert_int_equal(handshake_digest("monster", 4711, digest), ST_OK);
	assert_memory_equal(digest, known, sizeof known);
}

/* A node of OTP 24 and before begins with the old name and completes it later. */
TEST(an_old_name_is_completed)
{
	uint8_t name[] = {'n', 0, 5, 0x07, 0xc7, 0x7f, 0xbc, 'o', '@', 'h'};
	static const uint8_t complement[] = {'c', 0, 0, 0, 0x0d, 9, 9, 9, 9};
	uint8_t reply[21] = {'r', 0, 0, 0, 5};
	struct handshake h;
	struct buf out;

	buf_init(&out, 4096);
	handshake_accept(&h, &start_b);
	assert_int_equal(handshake_packet(&h, name, sizeof name, &out), ST_OK);
	assert_string_equal(h.peer, "o@h");
	assert_int_equal(handshake_decide(&h, HANDSHAKE_OK, "b@host", NULL, &out), ST_OK);
	assert_int_equal(h.state, HANDSHAKE_COMPLEMENT);
	assert_int_equal(handshake_packet(&h, complement, sizeof complement, &out), ST_OK);
	assert_int_equal(h.peer_creation, 0x09090909);
	assert_true((h.peer_flags & DFLAG_V4_NC) != 0);
	assert_int_equal(handshake_digest("secret", 2222, reply + 5), ST_OK);
	assert_int_equal(handshake_packet(&h, reply, sizeof reply, &out), ST_OK);
	assert_int_equal(h.state, HANDSHAKE_VERIFIED);
	buf_close(&out);
}

TEST(a_node_before_version_6_is_not_allowed)
{
	static const uint8_t name[] = {'n', 0, 5, 0, 0, 0, 4, 'o', '@', 'h'};
	static const uint8_t answer[] = "\0\x0csnot_allowed";
	struct handshake h;
	struct buf out;

	buf_init(&out, 4096);
	handshake_accept(&h, &start_b);
	assert_int_equal(handshake_packet(&h, name, sizeof name, &out), ST_UNSUPPORTED);
	assert_bytes(&out, answer, sizeof answer - 1);
	buf_close(&out);
}

TEST(a_wrong_cookie_learns_nothing)
{
	struct pair p;

	pair_open(&p, "other");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_OK, "b@host", NULL, &p.to_a), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_REFUSED);
	assert_string_equal(p.b.why, "wrong cookie");
	assert_int_equal(p.to_a.len, 0);
	pair_close(&p);
}

/* The accepting side must prove itself too. */
TEST(a_false_acceptor_is_not_believed)
{
	static const uint8_t ack[17] = {'a'};
	struct pair p;

	pair_open(&p, "secret");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_OK, "b@host", NULL, &p.to_a), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(handshake_packet(&p.a, ack, sizeof ack, &p.to_b), ST_REFUSED);
	pair_close(&p);
}

TEST(another_node_at_the_address_is_not_connected_to)
{
	struct pair p;

	pair_open(&p, "secret");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_OK, "c@host", NULL, &p.to_a), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_REFUSED);
	pair_close(&p);
}

/* Both connect at once: the accepting side tells whose attempt goes on. */
TEST(of_simultaneous_attempts_one_goes_on)
{
	struct pair p;

	pair_open(&p, "secret");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_NOK, "b@host", NULL, &p.to_a), ST_EXISTS);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_EXISTS);
	pair_close(&p);
	pair_open(&p, "secret");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_OK_SIMULTANEOUS, "b@host", NULL, &p.to_a),
	                 ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_true(p.a.simultaneous);
	assert_int_equal(p.a.state, HANDSHAKE_CHALLENGE);
	pair_close(&p);
}

TEST(a_caller_may_insist_that_the_old_connection_is_dead)
{
	struct pair p;

	pair_open(&p, "secret");
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(handshake_decide(&p.b, HANDSHAKE_IS_ALIVE, "b@host", NULL, &p.to_a),
	                 ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(deliver(&p.b, &p.to_b, &p.to_a), ST_OK);
	assert_int_equal(deliver(&p.a, &p.to_a, &p.to_b), ST_OK);
	assert_int_equal(p.a.state, HANDSHAKE_ACK);
	pair_close(&p);
}

/* erl -sname undefined: only a host, and the wish for a name. */
TEST(a_caller_without_a_name_is_given_one)
{
	static const uint8_t name[] = {'N',  0, 0, 0, 0x0f, 0x07, 0xc7, 0x7f,
	                               0xbc, 0, 0, 0, 7,    0,    1,    'h'};
	static const uint8_t named[] = "\0\x14snamed:\0\x07n123@hx\0\0\0\x07";
	struct handshake h;
	struct buf out;

	buf_init(&out, 4096);
	handshake_accept(&h, &start_b);
	assert_int_equal(handshake_packet(&h, name, sizeof name, &out), ST_OK);
	assert_true(h.wants_name);
	assert_int_equal(handshake_decide(&h, HANDSHAKE_OK, "b@host", "n123@hx", &out), ST_OK);
	assert_memory_equal(out.base, named, sizeof named - 1);
	assert_string_equal(h.peer, "n123@hx");
	buf_close(&out);
}

TEST(malformed_packets_end_the_handshake_in_every_state)
{
	static const uint8_t packets[][12] = {"", "X", "N123", "n", "s", "sno", "r123", "a", "c1"};

	for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
		size_t len = strlen((const char *)packets[i]);
		struct handshake h;
		struct buf out;

		buf_init(&out, 4096);
		handshake_accept(&h, &start_b);
		assert_int_not_equal(handshake_packet(&h, packets[i], len, &out), ST_OK);
		assert_non_null(h.why);
		handshake_connect(&h, &start_a, &out);
		assert_int_not_equal(handshake_packet(&h, packets[i], len, &out), ST_OK);
		assert_int_equal(h.state, HANDSHAKE_FAILED);
		buf_close(&out);
	}
}

TEST(node_names_are_checked)
{
	assert_true(dist_name_valid("erlmcp@10.77.0.1"));
	assert_false(dist_name_valid("erlmcp"));
	assert_false(dist_name_valid("@host"));
	assert_false(dist_name_valid("a@"));
	assert_false(dist_name_valid("a@b@c"));
	assert_false(dist_name_valid("a b@c"));
	assert_false(dist_name_valid("a@b\n"));
	assert_string_equal(dist_name_host("a@b.c"), "b.c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_nodes_that_share_a_cookie_know_each_other_afterwards),
	    cmocka_unit_test(the_connecting_side_says_this),
	    cmocka_unit_test(the_digest_is_md5_of_cookie_and_decimal_challenge),
	    cmocka_unit_test(an_old_name_is_completed),
	    cmocka_unit_test(a_node_before_version_6_is_not_allowed),
	    cmocka_unit_test(a_wrong_cookie_learns_nothing),
	    cmocka_unit_test(a_false_acceptor_is_not_believed),
	    cmocka_unit_test(another_node_at_the_address_is_not_connected_to),
	    cmocka_unit_test(of_simultaneous_attempts_one_goes_on),
	    cmocka_unit_test(a_caller_may_insist_that_the_old_connection_is_dead),
	    cmocka_unit_test(a_caller_without_a_name_is_given_one),
	    cmocka_unit_test(malformed_packets_end_the_handshake_in_every_state),
	    cmocka_unit_test(node_names_are_checked),
	};

	return RUN_TESTS(tests);
}
