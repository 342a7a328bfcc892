#include <string.h>

#include "cluster/identity.h"
#include "testing.h"

static struct identity founder(void)
{
	struct identity id;

	memset(&id, 0, sizeof id);
	id.state = IDENTITY_FOUNDER;
	id.logged = true;
	id.cluster_id = 77;
	id.raft_id = 42;
	id.boot = 9;
	id.promise_max_ms = 300;
	id.n_members = 2;
	strcpy(id.members[0].name, "erlmcp@a");
	id.members[0].raft_id = 42;
	id.members[0].founder_id = 42;
	strcpy(id.members[1].name, "erlmcp@b");
	id.members[1].raft_id = 43;
	id.members[1].boot = 2;
	id.members[1].founder_id = 41;
	return id;
}

static enum status decode(const struct buf *b, struct identity *ret)
{
	struct fault fault;

	return identity_decode(b->base, b->len, ret, &fault);
}

TEST(an_identity_survives_the_disk)
{
	const struct identity id = founder();
	struct identity back;
	struct buf b;

	buf_init(&b, IDENTITY_FILE_MAX);
	identity_encode(&id, &b);
	assert_int_equal(decode(&b, &back), ST_OK);
	assert_memory_equal(&id, &back, sizeof id);
	buf_close(&b);
}

TEST(the_largest_identity_fits_its_file)
{
	struct identity id = founder();
	struct identity back;
	struct buf b;

	id.n_members = MEMBERS_MAX;
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		memset(id.members[i].name, 'a' + (int)i, NODE_NAME_MAX - 1);
		id.members[i].raft_id = i + 1;
	}
	buf_init(&b, IDENTITY_FILE_MAX);
	identity_encode(&id, &b);
	assert_int_equal(buf_status(&b), ST_OK);
	assert_int_equal(decode(&b, &back), ST_OK);
	assert_memory_equal(&id, &back, sizeof id);
	buf_close(&b);
}

TEST(every_flipped_bit_and_every_cut_is_noticed)
{
	const struct identity id = founder();
	struct identity back;
	struct fault fault;
	struct buf b;

	buf_init(&b, IDENTITY_FILE_MAX);
	identity_encode(&id, &b);
	for (size_t i = 0; i < b.len * 8; i++) {
		b.base[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_true(decode(&b, &back) != ST_OK);
		b.base[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(identity_decode(b.base, len, &back, &fault), ST_CORRUPT);
	assert_int_equal(decode(&b, &back), ST_OK);
	buf_close(&b);
}

TEST(a_recovered_cluster_remembers_its_parent_and_others_stay_readable_for_earlier_releases)
{
	struct identity id = founder();
	struct identity back;
	struct buf b;

	buf_init(&b, IDENTITY_FILE_MAX);
	identity_encode(&id, &b);
	assert_int_equal(b.base[11], 3);
	buf_reset(&b);
	id.parent_id = 76;
	id.parent_index = 1234;
	identity_encode(&id, &b);
	assert_int_equal(b.base[11], 4);
	assert_int_equal(decode(&b, &back), ST_OK);
	assert_memory_equal(&id, &back, sizeof id);
	buf_reset(&b);
	id.regrowing = true;
	identity_encode(&id, &b);
	assert_int_equal(b.base[11], 5);
	assert_int_equal(decode(&b, &back), ST_OK);
	assert_memory_equal(&id, &back, sizeof id);
	buf_close(&b);
}

TEST(a_newer_format_is_told_from_a_broken_one)
{
	const struct identity id = founder();
	struct identity back;
	struct fault fault;
	struct buf b;

	buf_init(&b, IDENTITY_FILE_MAX);
	identity_encode(&id, &b);
	b.base[11] = 6;
	assert_int_equal(identity_decode(b.base, b.len, &back, &fault), ST_UNSUPPORTED);
	assert_string_equal(fault.what, "written by a newer release");
	b.base[0] = 'e';
	assert_int_equal(identity_decode(b.base, b.len, &back, &fault), ST_CORRUPT);
	assert_string_equal(fault.what, "not an identity file");
	buf_close(&b);
}

static uint64_t checksum(const uint8_t *bytes, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3U;
	return hash;
}

/* What a release that wrote this version would have written of id. */
static void put_older(struct buf *b, const struct identity *id, uint32_t version)
{
	enum { SIZE_AT = 12, BODY_AT = 16 };
	size_t size;

	buf_bytes(b, "ERLMCPID", 8);
	buf_u32(b, version);
	buf_u32(b, 0);
	buf_u8(b, (uint8_t)id->state);
	if (version >= 2)
		buf_u8(b, id->logged ? 1 : 0);
	buf_u64(b, id->cluster_id);
	buf_u64(b, id->raft_id);
	buf_u64(b, id->boot);
	buf_u32(b, id->promise_max_ms);
	buf_u8(b, (uint8_t)id->n_members);
	for (size_t i = 0; i < id->n_members; i++) {
		buf_text16(b, id->members[i].name);
		buf_u64(b, id->members[i].raft_id);
		buf_u64(b, id->members[i].boot);
	}
	size = b->len - BODY_AT;
	b->base[SIZE_AT + 2] = (uint8_t)(size >> 8);
	b->base[SIZE_AT + 3] = (uint8_t)size;
	buf_u64(b, checksum(b->base, b->len));
}

/* Nobody can have been replaced before the first entry; afterwards nobody knows who was. */
TEST(older_versions_are_read_and_their_record_is_trusted_only_while_it_is_fresh)
{
	struct identity id = founder();
	struct identity back;
	struct buf b;

	buf_init(&b, IDENTITY_FILE_MAX);
	put_older(&b, &id, 1);
	assert_int_equal(decode(&b, &back), ST_OK);
	id.logged = false; /* version 1 did not say */
	id.members[0].founder_id = 0;
	id.members[1].founder_id = 0;
	assert_memory_equal(&id, &back, sizeof id);
	buf_reset(&b);
	id.logged = true;
	put_older(&b, &id, 2);
	assert_int_equal(decode(&b, &back), ST_OK);
	assert_memory_equal(&id, &back, sizeof id);
	buf_reset(&b);
	id.logged = false;
	put_older(&b, &id, 2);
	assert_int_equal(decode(&b, &back), ST_OK);
	assert_true(back.members[0].founder_id == id.members[0].raft_id);
	assert_true(back.members[1].founder_id == id.members[1].raft_id);
	buf_close(&b);
}

/* A correct checksum does not make sense of nonsense. */
TEST(impossible_values_are_corrupt)
{
	struct identity id = founder();
	struct identity back;
	struct buf b;

	buf_init(&b, IDENTITY_FILE_MAX);
	id.state = IDENTITY_EMPTY; /* but of a cluster */
	identity_encode(&id, &b);
	assert_int_equal(decode(&b, &back), ST_CORRUPT);
	buf_reset(&b);
	id.cluster_id = 0; /* but its log held entries */
	identity_encode(&id, &b);
	assert_int_equal(decode(&b, &back), ST_CORRUPT);
	buf_reset(&b);
	id = founder();
	id.members[1].raft_id = 0;
	identity_encode(&id, &b);
	assert_int_equal(decode(&b, &back), ST_CORRUPT);
	buf_reset(&b);
	id = founder();
	id.promise_max_ms = 0;
	identity_encode(&id, &b);
	assert_int_equal(decode(&b, &back), ST_CORRUPT);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_identity_survives_the_disk),
	    cmocka_unit_test(the_largest_identity_fits_its_file),
	    cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
	    cmocka_unit_test(
	        a_recovered_cluster_remembers_its_parent_and_others_stay_readable_for_earlier_releases),
	    cmocka_unit_test(a_newer_format_is_told_from_a_broken_one),
	    cmocka_unit_test(
	        older_versions_are_read_and_their_record_is_trusted_only_while_it_is_fresh),
	    cmocka_unit_test(impossible_values_are_corrupt),
	};

	return RUN_TESTS(tests);
}
