#include <string.h>

#include "base/prng.h"
#include "cluster/wire.h"
#include "testing.h"

static struct wire_head head_of(enum wire_type type)
{
	return (struct wire_head){
	    .type = type,
	    .cluster_id = 0x1122334455667788U,
	    .raft_id = 42,
	    .boot = 3,
	    .run = 99,
	    .identity = IDENTITY_FOUNDER,
	};
}

static struct wire_beat full_beat(void)
{
	struct wire_beat beat;

	memset(&beat, 0, sizeof beat);
	beat.ask = true;
	beat.state = CLUSTER_DEGRADED;
	beat.sent_us = 1000001;
	beat.echo_us = 999;
	beat.held_us = 17;
	beat.started = true;
	beat.role = ROLE_LEADER;
	beat.term = 7;
	beat.leader_id = 42;
	beat.commit = 100;
	beat.applied = 99;
	beat.last_stored = 101;
	beat.round = 12;
	beat.promise_us = 150000;
	beat.lease_left_us = 140000;
	beat.view_hash = 0xfeedU;
	beat.n = MEMBERS_MAX;
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		beat.names[i] = i + 1;
		beat.rows[i].age_ms = i % 2 ? WIRE_AGE_UNKNOWN : (uint32_t)i;
		beat.rows[i].version = i % 2 ? 0 : i;
		for (size_t j = 0; i % 2 == 0 && j < MEMBERS_MAX; j++) {
			beat.rows[i].edges[j].up = j % 3 == 0;
			beat.rows[i].edges[j].age_ms = ROW_AGE_MAX_MS - (uint32_t)j;
		}
	}
	return beat;
}

static size_t write_beat(struct buf *b)
{
	const struct wire_head head = head_of(WIRE_BEAT);
	const struct wire_beat beat = full_beat();

	wire_put_head(b, &head);
	wire_put_beat(b, &beat);
	assert_int_equal(buf_status(b), ST_OK);
	return b->len;
}

static enum status read_beat(const uint8_t *bytes, size_t len, struct wire_beat *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct wire_head head;
	enum status st = wire_get_head(&c, &head);

	return st == ST_OK ? wire_get_beat(&c, ret) : st;
}

TEST(a_full_beat_survives_the_way)
{
	const struct wire_beat expected = full_beat();
	struct wire_beat beat;
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	(void)write_beat(&b);
	assert_int_equal(read_beat(b.base, b.len, &beat), ST_OK);
	assert_int_equal(beat.n, MEMBERS_MAX);
	assert_true(beat.ask && beat.started);
	assert_true(beat.sent_us == expected.sent_us && beat.echo_us == expected.echo_us);
	assert_true(beat.held_us == expected.held_us && beat.round == expected.round);
	assert_true(beat.promise_us == expected.promise_us);
	assert_true(beat.lease_left_us == expected.lease_left_us);
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		assert_true(beat.rows[i].age_ms == expected.rows[i].age_ms);
		for (size_t j = 0; j < MEMBERS_MAX; j++) {
			assert_true(beat.rows[i].edges[j].up == expected.rows[i].edges[j].up);
			assert_int_equal(beat.rows[i].edges[j].age_ms,
			                 expected.rows[i].edges[j].age_ms);
		}
	}
	buf_close(&b);
}

TEST(every_cut_and_every_extra_byte_is_malformed)
{
	struct wire_beat beat;
	struct buf b;
	size_t len;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	len = write_beat(&b);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(read_beat(b.base, i, &beat), ST_MALFORMED);
	buf_u8(&b, 0);
	assert_int_equal(read_beat(b.base, b.len, &beat), ST_MALFORMED);
	buf_close(&b);
}

TEST(a_newer_version_is_unsupported_and_an_impossible_one_malformed)
{
	struct cursor c;
	struct wire_head head;
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	(void)write_beat(&b);
	b.base[0] = WIRE_VERSION + 1;
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_head(&c, &head), ST_UNSUPPORTED);
	b.base[0] = 0;
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_head(&c, &head), ST_MALFORMED);
	buf_close(&b);
}

TEST(a_head_must_not_contradict_itself)
{
	struct wire_head head = head_of(WIRE_HELLO);
	struct cursor c;
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	head.identity = IDENTITY_EMPTY; /* but of a cluster */
	wire_put_head(&b, &head);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_head(&c, &head), ST_MALFORMED);
	buf_reset(&b);
	head = head_of(WIRE_HELLO);
	head.raft_id = 0;
	wire_put_head(&b, &head);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_head(&c, &head), ST_MALFORMED);
	buf_close(&b);
}

TEST(records_of_the_longest_names_fit_a_message)
{
	const struct wire_head head = head_of(WIRE_FOUND);
	struct wire_found found = {.cluster_id = 5, .promise_max_ms = 300, .n = MEMBERS_MAX};
	struct wire_hello hello = {
	    .promise_max_ms = 300, .n = MEMBERS_MAX, .takes = 3, .state = 2, .regrowing = true};
	struct wire_found found_back;
	struct wire_hello hello_back;
	struct cursor c;
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		memset(found.members[i].name, 'a' + (int)i, NODE_NAME_MAX - 1);
		memcpy(hello.names[i], found.members[i].name, NODE_NAME_MAX);
		found.members[i].raft_id = i + 1;
	}
	wire_put_head(&b, &head);
	wire_put_found(&b, &found);
	assert_int_equal(buf_status(&b), ST_OK);
	buf_reset(&b);
	wire_put_found(&b, &found);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_found(&c, &found_back), ST_OK);
	assert_memory_equal(&found, &found_back, sizeof found);
	buf_reset(&b);
	wire_put_hello(&b, &hello);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_hello(&c, &hello_back), ST_OK);
	assert_memory_equal(&hello, &hello_back, sizeof hello);
	/* An early release says nothing of versions; a later one may say more. */
	c = cursor_of(b.base, b.len - 9);
	assert_int_equal(wire_get_hello(&c, &hello_back), ST_OK);
	assert_true(hello_back.takes == 0 && hello_back.state == 0);
	c = cursor_of(b.base, b.len - 4);
	assert_int_equal(wire_get_hello(&c, &hello_back), ST_MALFORMED);
	buf_u32(&b, 7);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_hello(&c, &hello_back), ST_OK);
	assert_int_equal(hello_back.takes, 3);
	buf_close(&b);
}

TEST(join_and_outdated_survive_the_way_and_zeros_do_not)
{
	const struct wire_join join = {.raft_id = 8, .promise_max_ms = 300};
	const struct wire_outdated outdated = {.raft_id = 8, .boot = 2, .run = 3, .stored = 4};
	struct wire_join join_back;
	struct wire_outdated outdated_back;
	const uint8_t zeros[32] = {0};
	struct cursor c;
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	wire_put_join(&b, &join);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_join(&c, &join_back), ST_OK);
	assert_true(join_back.raft_id == 8 && join_back.promise_max_ms == 300);
	buf_reset(&b);
	wire_put_outdated(&b, &outdated);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_outdated(&c, &outdated_back), ST_OK);
	assert_memory_equal(&outdated, &outdated_back, sizeof outdated);
	c = cursor_of(zeros, 12);
	assert_int_equal(wire_get_join(&c, &join_back), ST_MALFORMED);
	c = cursor_of(zeros, 32);
	assert_int_equal(wire_get_outdated(&c, &outdated_back), ST_MALFORMED);
	buf_close(&b);
}

/* What is accepted has a form of its own: writing it again gives the same bytes. */
TEST(roster_removed_and_petition_survive_the_way_and_nonsense_does_not)
{
	const struct wire_removed removed = {.raft_id = 7, .commit = 99};
	const struct wire_petition petition = {.voter = true};
	static struct wire_roster roster = {.n = 2, .names = {"erlmcp@a", "erlmcp@b"}};
	static struct wire_roster names;
	struct wire_removed gone;
	struct wire_petition wish;
	struct cursor c;
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	wire_put_roster(&b, &roster);
	for (size_t len = 0; len < b.len; len++) {
		c = cursor_of(b.base, len);
		assert_int_equal(wire_get_roster(&c, &names), ST_MALFORMED);
	}
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_roster(&c, &names), ST_OK);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.names[1], "erlmcp@b");
	buf_reset(&b);
	wire_put_removed(&b, &removed);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_removed(&c, &gone), ST_OK);
	assert_true(gone.raft_id == 7 && gone.commit == 99);
	memset(b.base, 0, 8);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_removed(&c, &gone), ST_MALFORMED);
	buf_reset(&b);
	wire_put_petition(&b, &petition);
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_petition(&c, &wish), ST_OK);
	assert_true(wish.voter);
	b.base[0] = 2;
	c = cursor_of(b.base, b.len);
	assert_int_equal(wire_get_petition(&c, &wish), ST_MALFORMED);
	buf_close(&b);
}

TEST(flipped_bits_are_refused_or_mean_what_they_say)
{
	struct prng random = {.state = 11};
	struct wire_beat beat;
	struct buf b;
	struct buf again;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	buf_init(&again, CLUSTER_MESSAGE_MAX);
	for (int i = 0; i < 2000; i++) {
		const struct wire_head head = head_of(WIRE_BEAT);
		size_t head_len;
		size_t at;

		buf_reset(&b);
		buf_reset(&again);
		(void)write_beat(&b);
		wire_put_head(&again, &head);
		head_len = again.len;
		at = (size_t)prng_range(&random, (int64_t)head_len, (int64_t)b.len - 1);
		b.base[at] ^= (uint8_t)(1U << prng_range(&random, 0, 7));
		if (read_beat(b.base, b.len, &beat) != ST_OK)
			continue;
		wire_put_beat(&again, &beat);
		assert_int_equal(again.len, b.len);
		assert_memory_equal(again.base, b.base, b.len);
	}
	buf_close(&b);
	buf_close(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_beat_survives_the_way),
	    cmocka_unit_test(every_cut_and_every_extra_byte_is_malformed),
	    cmocka_unit_test(a_newer_version_is_unsupported_and_an_impossible_one_malformed),
	    cmocka_unit_test(a_head_must_not_contradict_itself),
	    cmocka_unit_test(records_of_the_longest_names_fit_a_message),
	    cmocka_unit_test(join_and_outdated_survive_the_way_and_zeros_do_not),
	    cmocka_unit_test(roster_removed_and_petition_survive_the_way_and_nonsense_does_not),
	    cmocka_unit_test(flipped_bits_are_refused_or_mean_what_they_say),
	};

	return RUN_TESTS(tests);
}
