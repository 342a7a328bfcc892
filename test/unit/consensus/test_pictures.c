/* Pictures of the state: taken while commands go on, fetched by members that fell behind. */
#include <string.h>

#include "consensus/limits.h"
#include "consensus/wire_chunk.h"
#include "raft_cluster.h"
#include "session/image.h"
#include "session/store.h"
#include "testing.h"

static unsigned wants;        /* asked for, since the last look */
static unsigned pieces;       /* sent */
static unsigned manifests_to; /* install messages to the last node */

static void spy(unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
	(void)from;
	if (len < 2)
		return;
	wants += bytes[1] == WIRE_WANT;
	pieces += bytes[1] == WIRE_PIECE;
	manifests_to += bytes[1] == RAFT_INSTALL_SNAPSHOT && to == 2;
}

static void begin(struct raft_cluster *rc, unsigned n, uint64_t seed)
{
	rc_init(rc, n, seed);
	rc->config.snapshot_threshold = 40;
	rc->config.snapshot_trailing = 5;
	rc->spy = spy;
	wants = 0;
	pieces = 0;
	manifests_to = 0;
	rc_start_all(rc);
	assert_true(rc_run_until(rc, rc_has_leader, 0, 5000));
}

static void create(struct raft_cluster *rc, unsigned from, unsigned n)
{
	unsigned i;

	for (i = from; i < from + n; i++) {
		enum status st;
		uint64_t tag = rc_create(rc, (unsigned)rc_leader(rc), i, &st);

		assert_int_equal(st, ST_OK);
		assert_true(rc_wait(rc, tag, 2000));
	}
}

static bool picture_taken(struct raft_cluster *rc, unsigned at)
{
	const struct disk_image *m = &rc->nodes[at].disk.image;

	return m->has_snapshot && m->snapshot.index > rc->config.snapshot_threshold;
}

static unsigned chunks_of(const struct raft_cluster *rc, unsigned at)
{
	const struct raft_snapshot *s = &rc->nodes[at].disk.image.snapshot;
	struct manifest m;
	struct fault fault;
	unsigned n = 0;
	unsigned i;

	assert_int_equal(manifest_decode(s->bufs[0].base, s->bufs[0].len, &m, &fault), ST_OK);
	for (i = 0; i < IMAGE_CHUNKS; i++)
		n += m.chunks[i].len > 0;
	return n;
}

TEST(who_fell_behind_fetches_only_what_differs)
{
	struct raft_cluster rc;
	unsigned late;

	begin(&rc, 3, 1);
	create(&rc, 1, 600);
	late = rc_follower(&rc);
	assert_true(rc_run_until(&rc, picture_taken, late, 5000));
	rc_isolate(&rc, late, true);
	create(&rc, 601, 20);
	create(&rc, 1, 500); /* there already: the log grows, the state does not */
	wants = 0;
	rc_isolate(&rc, late, false);
	assert_true(rc_run_until(&rc, rc_in_sync, late, 20000));
	assert_true(wants > 0);
	print_message("# %u of %u chunks\n", wants, chunks_of(&rc, late));
	assert_true(wants < chunks_of(&rc, late) * 3 / 4);
	rc_close(&rc);
}

TEST(an_empty_disk_fetches_everything_and_loads_it_again)
{
	struct raft_cluster rc;
	struct rc_node *node;
	uint64_t digest;
	unsigned at;

	begin(&rc, 3, 2);
	create(&rc, 1, 200);
	node = rc_join(&rc);
	at = node->at;
	rc_start(&rc, at);
	assert_int_equal(consensus_add_learner(rc.nodes[rc_leader(&rc)].consensus, node->id,
	                                       node->name, rc_change_cb, &rc),
	                 ST_OK);
	assert_true(rc_run_until(&rc, rc_in_sync, at, 20000));
	digest = store_digest(node->store);
	rc_stop(&rc, at);
	rc_start(&rc, at);
	assert_true(rc_run_until(&rc, rc_in_sync, at, 5000));
	assert_true(store_digest(node->store) == digest);
	rc_close(&rc);
}

static bool some_pieces(struct raft_cluster *rc, unsigned n)
{
	(void)rc;
	return pieces >= n;
}

TEST(a_broken_link_costs_only_what_was_on_its_way)
{
	struct raft_cluster rc;
	unsigned before;
	unsigned late;

	begin(&rc, 3, 3);
	late = rc_follower(&rc);
	rc_isolate(&rc, late, true);
	create(&rc, 1, 300);
	pieces = 0;
	rc_isolate(&rc, late, false);
	assert_true(rc_run_until(&rc, some_pieces, 100, 20000));
	rc_isolate(&rc, late, true);
	rc_run_ms(&rc, 1500);
	before = pieces;
	rc_isolate(&rc, late, false);
	assert_true(rc_run_until(&rc, rc_in_sync, late, 30000));
	assert_true(pieces - before < chunks_of(&rc, late));
	rc_close(&rc);
}

TEST(a_damaged_chunk_of_the_leader_is_written_anew)
{
	struct raft_cluster rc;
	unsigned leader;
	unsigned late;
	unsigned i;

	begin(&rc, 3, 4);
	late = rc_follower(&rc);
	rc_isolate(&rc, late, true);
	create(&rc, 1, 200);
	leader = (unsigned)rc_leader(&rc);
	rc_run_ms(&rc, 1000);
	for (i = 0; i < 16; i++)
		assert_non_null(chunks_rot(&rc.nodes[leader].disk.chunks, i));
	rc_isolate(&rc, late, false);
	assert_true(rc_run_until(&rc, rc_in_sync, late, 60000));
	assert_false(chunks_rotten(&rc.nodes[leader].disk.chunks));
	rc_close(&rc);
}

TEST(a_picture_waits_for_a_full_disk_and_service_goes_on)
{
	struct raft_cluster rc;
	unsigned leader;

	begin(&rc, 3, 5);
	leader = (unsigned)rc_leader(&rc);
	rc.nodes[leader].disk.chunks.full = true;
	rc.nodes[leader].disk.full = true; /* what disk_run() copies to the chunks */
	create(&rc, 1, 120);
	rc_run_ms(&rc, 2000);
	assert_false(picture_taken(&rc, leader));
	rc.nodes[leader].disk.full = false;
	assert_true(rc_run_until(&rc, picture_taken, leader, 5000));
	rc_close(&rc);
}

TEST(a_new_leader_finishes_what_the_old_one_began)
{
	struct raft_cluster rc;
	unsigned leader;
	unsigned late;

	begin(&rc, 5, 6);
	late = rc_leader(&rc) == 4 ? 3 : 4;
	rc_isolate(&rc, late, true);
	create(&rc, 1, 300);
	pieces = 0;
	rc_isolate(&rc, late, false);
	assert_true(rc_run_until(&rc, some_pieces, 50, 20000));
	leader = (unsigned)rc_leader(&rc);
	rc_stop(&rc, leader);
	assert_true(rc_run_until(&rc, rc_other_leads, leader, 10000));
	assert_true(rc_run_until(&rc, rc_in_sync, late, 60000));
	rc_close(&rc);
}

static struct chunk_name a_name(void)
{
	const struct chunk_name name = {7, 0x1234, UINT64_C(0x89abcdef01234567)};

	return name;
}

TEST(a_chunks_name_is_a_text_and_back)
{
	static const char *const bad[] = {"chunk-0007-0000000000001234-89abcdef0123456",
	                                  "chunk-7-0000000000001234-89abcdef01234567",
	                                  "chunk-1025-0000000000001234-89abcdef01234567",
	                                  "chunk-0007-0000000000001234-89abcdef01234567.tmp",
	                                  "chunk-0007",
	                                  ""};
	const struct chunk_name name = a_name();
	struct chunk_name back;
	char text[CHUNK_TEXT];
	size_t i;

	chunk_name_text(&name, text);
	assert_string_equal(text, "chunk-0007-0000000000001234-89abcdef01234567");
	assert_int_equal(chunk_name_parse(text, &back), ST_OK);
	assert_true(back.chunk == 7 && back.changed == 0x1234 && back.checksum == name.checksum);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(chunk_name_parse(bad[i], &back), ST_MALFORMED);
}

TEST(wants_and_pieces_are_read_as_they_were_written)
{
	const struct chunk_want want = {a_name(), 1000, 500};
	const struct chunk_piece piece = {a_name(), 4, 10, (const uint8_t *)"abc", 3};
	struct chunk_piece got_piece;
	struct chunk_want got_want;
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	wire_encode_want(&b, &want);
	assert_true(wire_is_chunk(b.base, b.len));
	assert_int_equal(wire_decode_want(b.base, b.len, &got_want), ST_OK);
	assert_true(got_want.offset == 1000 && got_want.len == 500);
	for (i = 0; i < b.len; i++)
		assert_int_equal(wire_decode_want(b.base, i, &got_want), ST_MALFORMED);
	buf_reset(&b);
	wire_encode_piece(&b, &piece);
	assert_int_equal(wire_decode_piece(b.base, b.len, &got_piece), ST_OK);
	assert_true(got_piece.offset == 4 && got_piece.total == 10 && got_piece.len == 3);
	assert_memory_equal(got_piece.bytes, "abc", 3);
	buf_close(&b);
}

TEST(impossible_parts_are_refused)
{
	const struct chunk_piece beyond = {a_name(), 8, 10, (const uint8_t *)"abc", 3};
	const struct chunk_piece nothing = {a_name(), 3, 10, NULL, 0};
	const struct chunk_want none = {a_name(), 0, 0};
	struct chunk_piece piece;
	struct chunk_want want;
	struct buf b;

	buf_init(&b, 4096);
	wire_encode_piece(&b, &beyond);
	assert_int_equal(wire_decode_piece(b.base, b.len, &piece), ST_MALFORMED);
	buf_reset(&b);
	wire_encode_piece(&b, &nothing);
	assert_int_equal(wire_decode_piece(b.base, b.len, &piece), ST_MALFORMED);
	buf_reset(&b);
	wire_encode_want(&b, &none);
	assert_int_equal(wire_decode_want(b.base, b.len, &want), ST_MALFORMED);
	buf_close(&b);
}

static bool pictures_taken(struct raft_cluster *rc, unsigned n)
{
	return consensus_picture(rc->nodes[rc_leader(rc)].consensus)->nth >= n;
}

/* How long it takes at the pace of pictures, in milliseconds. */
static int64_t paced_ms(const struct consensus_picture *p)
{
	return (int64_t)(p->bytes_new + (uint64_t)p->chunks_new * PICTURE_FILE_BYTES) /
	       PICTURE_BYTES_A_MS;
}

TEST(a_picture_leaves_the_log_time_between_its_chunks)
{
	const struct consensus_picture *p;
	struct raft_cluster rc;

	begin(&rc, 3, 8);
	create(&rc, 1, 600);
	assert_true(rc_run_until(&rc, pictures_taken, 1, 10000));
	p = consensus_picture(rc.nodes[rc_leader(&rc)].consensus);
	print_message("# %u of %u chunks in %lld ms\n", p->chunks_new, p->chunks,
	              (long long)p->elapsed_ms);
	assert_true(p->chunks_new > 20 && p->bytes_new <= p->bytes);
	assert_true(p->elapsed_ms >= paced_ms(p) - PICTURE_LAG_MS - 1);
	assert_true(p->elapsed_ms <= 2 * paced_ms(p) + 50);
	rc_close(&rc);
}

TEST(a_log_that_grows_faster_hurries_a_picture)
{
	const struct consensus_picture *p;
	struct raft_cluster rc;
	unsigned n;

	rc_init(&rc, 3, 9);
	rc.config.snapshot_threshold = 40;
	rc.config.snapshot_trailing = 5;
	rc.config.snapshot_bytes = 1000;
	rc_start_all(&rc);
	assert_true(rc_run_until(&rc, rc_has_leader, 0, 5000));
	for (n = 1; !pictures_taken(&rc, 5); n++)
		create(&rc, n, 1);
	p = consensus_picture(rc.nodes[rc_leader(&rc)].consensus);
	print_message("# %u of %u chunks in %lld ms\n", p->chunks_new, p->chunks,
	              (long long)p->elapsed_ms);
	assert_true(p->chunks_new > 20);
	assert_true(p->elapsed_ms < paced_ms(p) / 2);
	rc_close(&rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_fell_behind_fetches_only_what_differs),
	    cmocka_unit_test(an_empty_disk_fetches_everything_and_loads_it_again),
	    cmocka_unit_test(a_broken_link_costs_only_what_was_on_its_way),
	    cmocka_unit_test(a_damaged_chunk_of_the_leader_is_written_anew),
	    cmocka_unit_test(a_picture_waits_for_a_full_disk_and_service_goes_on),
	    cmocka_unit_test(a_new_leader_finishes_what_the_old_one_began),
	    cmocka_unit_test(a_chunks_name_is_a_text_and_back),
	    cmocka_unit_test(wants_and_pieces_are_read_as_they_were_written),
	    cmocka_unit_test(impossible_parts_are_refused),
	    cmocka_unit_test(a_picture_leaves_the_log_time_between_its_chunks),
	    cmocka_unit_test(a_log_that_grows_faster_hurries_a_picture),
	};

	return RUN_TESTS(tests);
}
