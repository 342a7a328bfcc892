#include <stdlib.h>
#include <string.h>

#include "consensus/limits.h"
#include "consensus/wire.h"
#include "testing.h"

static void make_entries(struct raft_entry *entries, unsigned n, uint8_t bytes[][8])
{
	unsigned i;

	for (i = 0; i < n; i++) {
		memset(bytes[i], (int)('a' + i), 8);
		entries[i].term = 3 + i / 2;
		entries[i].type = RAFT_COMMAND;
		entries[i].buf.base = bytes[i];
		entries[i].buf.len = 8;
		entries[i].batch = NULL;
	}
}

TEST(entries_come_back_in_one_batch)
{
	struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
	struct raft_entry entries[4];
	struct raft_entry *copy;
	struct wire_walk walk;
	uint8_t bytes[4][8];
	struct wire w;
	struct buf b;

	make_entries(entries, 4, bytes);
	m.append_entries.term = 9;
	m.append_entries.prev_log_index = 10;
	m.append_entries.prev_log_term = 2;
	m.append_entries.leader_commit = 7;
	m.append_entries.entries = entries;
	m.append_entries.n_entries = 4;
	buf_init(&b, 4096);
	/* The last two only: they follow the second. */
	wire_encode(&b, &m, 2, 2);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_OK);
	assert_true(w.message.append_entries.prev_log_index == 12);
	assert_true(w.message.append_entries.prev_log_term == 3);
	assert_int_equal(w.n, 2);
	walk = wire_walk(&w);
	assert_int_equal(wire_entries(&walk, 2, &copy), ST_OK);
	assert_ptr_equal(copy[0].batch, copy[1].batch);
	assert_memory_equal(copy[0].buf.base, "cccccccc", 8);
	assert_memory_equal(copy[1].buf.base, "dddddddd", 8);
	assert_true(copy[1].term == 4);
	raft_free(copy[0].batch);
	raft_free(copy);
	buf_close(&b);
}

TEST(a_message_cut_anywhere_is_malformed)
{
	struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
	struct raft_entry entries[2];
	uint8_t bytes[2][8];
	struct wire w;
	struct buf b;
	unsigned type;
	size_t i;

	make_entries(entries, 2, bytes);
	for (type = RAFT_APPEND_ENTRIES; type <= RAFT_TIMEOUT_NOW; type++) {
		memset(&m, 0, sizeof m);
		m.type = (enum raft_message_type)type;
		if (type == RAFT_APPEND_ENTRIES) {
			m.append_entries.entries = entries;
			m.append_entries.n_entries = 2;
		}
		if (type == RAFT_INSTALL_SNAPSHOT) {
			m.install_snapshot.data.base = bytes;
			m.install_snapshot.data.len = 16;
		}
		buf_init(&b, 4096);
		wire_encode(&b, &m, 0, type == RAFT_APPEND_ENTRIES ? 2 : 0);
		assert_int_equal(wire_decode(b.base, b.len, &w), ST_OK);
		for (i = 0; i < b.len; i++)
			assert_int_equal(wire_decode(b.base, i, &w), ST_MALFORMED);
		buf_u8(&b, 0);
		assert_int_equal(wire_decode(b.base, b.len, &w), ST_MALFORMED);
		buf_close(&b);
	}
}

TEST(sizes_beyond_the_limits_allocate_nothing)
{
	struct wire w;
	struct buf b;

	buf_init(&b, 4096);
	buf_u16(&b, 0x0101);
	buf_u64(&b, 1);
	buf_u64(&b, 1);
	buf_u64(&b, 1);
	buf_u64(&b, 1);
	buf_u32(&b, WIRE_ENTRIES_MAX + 1);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_LIMIT);
	b.len -= 4;
	buf_u32(&b, 1);
	buf_u64(&b, 1);
	buf_u8(&b, RAFT_COMMAND);
	buf_u32(&b, WIRE_ENTRY_MAX + 1);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_LIMIT);
	buf_reset(&b);
	buf_u16(&b, 0x0201);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_UNSUPPORTED);
	buf_reset(&b);
	buf_u16(&b, 0x0108);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_UNSUPPORTED);
	buf_close(&b);
}

TEST(only_sound_configurations_pass)
{
	struct raft_configuration conf;
	struct raft_buffer buf;
	uint8_t *bytes;
	size_t i;

	raft_configuration_init(&conf);
	assert_int_equal(raft_configuration_add(&conf, 5, "a@x#5", RAFT_VOTER), 0);
	assert_int_equal(raft_configuration_add(&conf, 6, "b@x#6", RAFT_STANDBY), 0);
	assert_int_equal(raft_configuration_encode(&conf, &buf), 0);
	raft_configuration_close(&conf);
	bytes = buf.base;
	assert_true(wire_configuration_ok(bytes, buf.len));
	for (i = 0; i < buf.len - 8; i++)
		assert_false(wire_configuration_ok(bytes, i));
	bytes[1] = 200; /* servers that are not there */
	assert_false(wire_configuration_ok(bytes, buf.len));
	bytes[1] = 2;
	bytes[9] = 6; /* the id of the other one */
	assert_false(wire_configuration_ok(bytes, buf.len));
	bytes[9] = 5;
	bytes[0] = 2; /* format */
	assert_false(wire_configuration_ok(bytes, buf.len));
	raft_free(buf.base);
}

/* The n-th allocation fails. */
struct miser {
	unsigned left;
};

static void *miser_malloc(void *data, size_t size)
{
	struct miser *m = data;

	if (m->left == 0)
		return NULL;
	m->left--;
	return malloc(size);
}

static void miser_free(void *data, void *ptr)
{
	(void)data;
	free(ptr);
}

static void *miser_realloc(void *data, void *ptr, size_t size)
{
	struct miser *m = data;

	if (m->left == 0)
		return NULL;
	m->left--;
	return realloc(ptr, size);
}

TEST(running_out_of_memory_leaks_nothing)
{
	struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
	struct raft_entry entries[3];
	struct raft_entry *copy;
	struct wire_walk walk;
	struct miser miser;
	struct raft_heap heap = {
	    .data = &miser, .malloc = miser_malloc, .free = miser_free, .realloc = miser_realloc};
	uint8_t bytes[3][8];
	struct wire w;
	struct buf b;
	unsigned i;

	make_entries(entries, 3, bytes);
	m.append_entries.entries = entries;
	m.append_entries.n_entries = 3;
	buf_init(&b, 4096);
	wire_encode(&b, &m, 0, 3);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_OK);
	raft_heap_set(&heap);
	for (i = 0; i < 2; i++) {
		miser.left = i;
		walk = wire_walk(&w);
		assert_int_equal(wire_entries(&walk, 3, &copy), ST_NOMEM);
		assert_int_equal(walk.at, 0);
	}
	raft_heap_set_default();
	buf_close(&b);
}

TEST(a_snapshot_comes_back_or_leaves_nothing)
{
	struct raft_message m = {.type = RAFT_INSTALL_SNAPSHOT};
	struct raft_install_snapshot *s = &m.install_snapshot;
	struct raft_install_snapshot copy;
	struct miser miser;
	struct raft_heap heap = {
	    .data = &miser, .malloc = miser_malloc, .free = miser_free, .realloc = miser_realloc};
	struct wire w;
	struct buf b;
	unsigned i;

	raft_configuration_init(&s->conf);
	assert_int_equal(raft_configuration_add(&s->conf, 5, "a@x#5", RAFT_VOTER), 0);
	assert_int_equal(raft_configuration_add(&s->conf, 6, "b@x#6", RAFT_VOTER), 0);
	s->data.base = (void *)(uintptr_t) "state";
	s->data.len = 5;
	buf_init(&b, 4096);
	wire_encode(&b, &m, 0, 0);
	assert_int_equal(wire_decode(b.base, b.len, &w), ST_OK);
	assert_true(wire_servers_ok(&w));
	raft_heap_set(&heap);
	for (i = 0;; i++) {
		enum status st;

		miser.left = i;
		st = wire_snapshot(&w, &copy);
		if (st == ST_OK)
			break;
		assert_int_equal(st, ST_NOMEM);
	}
	raft_heap_set_default();
	assert_true(i > 2);
	assert_int_equal(copy.conf.n, 2);
	assert_string_equal(copy.conf.servers[1].address, "b@x#6");
	assert_memory_equal(copy.data.base, "state", 5);
	raft_configuration_close(&copy.conf);
	raft_free(copy.data.base);
	raft_configuration_close(&s->conf);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries_come_back_in_one_batch),
	    cmocka_unit_test(a_message_cut_anywhere_is_malformed),
	    cmocka_unit_test(sizes_beyond_the_limits_allocate_nothing),
	    cmocka_unit_test(only_sound_configurations_pass),
	    cmocka_unit_test(running_out_of_memory_leaks_nothing),
	    cmocka_unit_test(a_snapshot_comes_back_or_leaves_nothing),
	};

	return RUN_TESTS(tests);
}
