/* Damaged files under the real storage backend: what was acknowledged is there, or the node refuses
 * to start and names the file. */
#include <assert.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <raft.h>

#include "base/prng.h"
#include "consensus/seal.h"
#include "disk_image.h"
#include "disk_node.h"
#include "testing.h"

enum { ENTRIES = 12, BATCHES_MAX = 64, TURNS_MAX = 20000, NO_SNAPSHOT = 1000 };

static unsigned done_ok;

static void count(struct disk_node *node, uint64_t tag, enum status st)
{
	(void)node;
	(void)tag;
	done_ok += st == ST_OK;
}

/* A node that was killed when it had acknowledged everything: its files, its directory. */
struct victim {
	char top[DISK_DIR_MAX];
	char dir[DISK_DIR_MAX + 8];
	struct image image;
	struct loaded_log whole;    /* what it loads when nothing is damaged */
	size_t batch[BATCHES_MAX];  /* where the batches of the open segment start */
	size_t n_batches;           /* ... and after them, where the last one ends */
	struct image_file *segment; /* the open segment */
	size_t before;              /* entries in closed segments */
};

/* A snapshot's data comes after its description. */
static bool has_snapshot(const char *dir)
{
	char pattern[DISK_DIR_MAX + 40];
	glob_t found;
	bool any;

	snprintf(pattern, sizeof pattern, "%s/snapshot-*[0-9]", dir);
	any = glob(pattern, 0, NULL, &found) == 0;
	globfree(&found);
	return any;
}

/* One batch an entry: each was acknowledged before the next was proposed. */
static void grow(struct victim *v, unsigned n, unsigned snapshot)
{
	struct disk_group g;
	const char *why = "";
	unsigned turns = 0;
	uint32_t i;

	disk_group_init(&g, 1, v->top);
	g.config.snapshot_threshold = snapshot;
	g.config.snapshot_trailing = 5;
	assert_int_equal(disk_node_start(&g, 0, &why), ST_OK);
	while (disk_group_leader(&g) < 0 && turns++ < TURNS_MAX)
		disk_group_turn(&g);
	g.nodes[0].proposed = count;
	for (i = 0; i < n; i++) {
		done_ok = 0;
		assert_int_equal(disk_node_create(&g.nodes[0], i, i), ST_OK);
		consensus_flush(g.nodes[0].consensus);
		while (done_ok == 0 && turns++ < TURNS_MAX)
			disk_group_turn(&g);
	}
	while (snapshot < NO_SNAPSHOT && !has_snapshot(v->dir) && turns++ < TURNS_MAX)
		disk_group_turn(&g);
	assert_true(turns < TURNS_MAX);
	image_take(&v->image, v->dir);
	disk_group_close(&g);
}

static void find_batches(struct victim *v)
{
	const struct image_file *f = v->segment;
	struct segment_scan scan;
	struct crc crc;
	size_t at;

	crc_init(&crc);
	/* The last entry may end with zeros. A batch ends where the scan of a file that is cut
	 * there sees one more. */
	for (at = SEGMENT_WORD; at <= f->used + 64; at += SEGMENT_WORD) {
		segment_scan(&crc, f->bytes, at, &scan);
		if (scan.batches == v->n_batches && scan.good == at)
			v->batch[v->n_batches++] = at;
		assert_true(v->n_batches < BATCHES_MAX);
	}
	v->n_batches--;
}

static void victim_init(struct victim *v, unsigned n, unsigned snapshot)
{
	memset(v, 0, sizeof *v);
	disk_dir_make(v->top);
	snprintf(v->dir, sizeof v->dir, "%s/0", v->top);
	grow(v, n, snapshot);
	image_put(&v->image, v->dir);
	log_load(v->dir, SIZE_MAX, &v->whole);
	assert_int_equal(v->whole.rv, 0);
	if (snapshot < NO_SNAPSHOT)
		return; /* taking one closes segments */
	v->segment = image_find(&v->image, "open-1", "");
	find_batches(v);
}

static void victim_close(struct victim *v)
{
	image_free(&v->image);
	disk_dir_remove(v->top);
}

/* Batches of the open segment that end before its byte `at` is damaged. */
static size_t whole_before(const struct victim *v, size_t at)
{
	size_t i;

	for (i = 0; i < v->n_batches && v->batch[i + 1] <= at; i++)
		;
	return i;
}

static void load_damaged(struct victim *v, struct loaded_log *ret)
{
	image_put(&v->image, v->dir);
	log_load(v->dir, SIZE_MAX, ret);
}

static uint32_t digest_of_first(struct victim *v, size_t n)
{
	struct loaded_log log;

	image_put(&v->image, v->dir);
	log_load(v->dir, n, &log);
	assert_int_equal(log.rv, 0);
	return log.digest;
}

enum tear { TEAR_ZEROS, TEAR_GARBAGE };

static void tear(struct victim *v, size_t at, enum tear how, struct prng *prng)
{
	struct image_file *f = v->segment;
	size_t i;

	for (i = at; i < v->batch[v->n_batches]; i++)
		f->bytes[i] = how == TEAR_ZEROS ? 0 : (uint8_t)prng_range(prng, 0, 255);
	f->used = v->batch[v->n_batches];
}

/* How many entries are left depends on where the last write is torn, and on nothing else. */
static void sweep_tears(enum tear how)
{
	struct prng prng = {20};
	struct loaded_log log;
	uint32_t digests[4];
	struct victim v;
	uint8_t *keep;
	size_t first;
	size_t at;

	victim_init(&v, ENTRIES, NO_SNAPSHOT);
	first = v.batch[v.n_batches - 2];
	keep = malloc(v.segment->used + SEGMENT_WORD);
	assert_non_null(keep);
	memcpy(keep, v.segment->bytes, v.segment->used);
	for (at = 0; at < 3; at++)
		digests[at] = digest_of_first(&v, v.whole.n - at);
	for (at = first; at < v.batch[v.n_batches]; at += 9) {
		const size_t used = v.segment->used;
		const size_t lost = v.n_batches - whole_before(&v, at);

		tear(&v, at, how, &prng);
		load_damaged(&v, &log);
		memcpy(v.segment->bytes, keep, used);
		v.segment->used = used;
		if (log.rv != 0)
			fail_msg("torn at %zu: %s", at, log.why);
		/* The last bytes of a batch may have been zeros anyway. */
		assert_true(log.n >= v.whole.n - lost && log.n <= v.whole.n);
		assert_true(log.digest == digests[v.whole.n - log.n]);
		assert_true(log.term == v.whole.term && log.vote == v.whole.vote);
	}
	free(keep);
	victim_close(&v);
}

TEST(a_write_whose_end_is_zeros_is_cut_off)
{
	sweep_tears(TEAR_ZEROS);
}

TEST(a_write_whose_end_is_garbage_is_cut_off)
{
	sweep_tears(TEAR_GARBAGE);
}

TEST(a_first_write_without_its_first_sector_is_no_log_yet)
{
	struct loaded_log log;
	struct victim v;

	victim_init(&v, 0, NO_SNAPSHOT);
	memset(v.segment->bytes, 0, 20);
	load_damaged(&v, &log);
	assert_int_equal(log.rv, 0);
	assert_int_equal(log.n, v.whole.n - v.n_batches);
	victim_close(&v);
}

TEST(a_flipped_byte_before_later_writes_is_refused_with_file_and_offset)
{
	struct loaded_log log;
	struct victim v;
	char named[64];
	size_t at;

	victim_init(&v, ENTRIES, NO_SNAPSHOT);
	for (at = 0; at < v.batch[v.n_batches - 1]; at += 7) {
		const size_t batch = at < SEGMENT_WORD ? 0 : v.batch[whole_before(&v, at)];

		v.segment->bytes[at] ^= 0x10;
		load_damaged(&v, &log);
		v.segment->bytes[at] ^= 0x10;
		snprintf(named, sizeof named, "open-1: damaged at byte %zu,", batch);
		if (log.rv != RAFT_CORRUPT || strstr(log.why, named) == NULL)
			fail_msg("byte %zu: %d, %s", at, log.rv, log.why);
	}
	/* Refusing changed nothing. */
	image_put(&v.image, v.dir);
	log_load(v.dir, SIZE_MAX, &log);
	assert_true(log.rv == 0 && log.digest == v.whole.digest);
	victim_close(&v);
}

TEST(an_open_segment_that_lost_its_end_is_refused)
{
	const size_t size_of_all = SEGMENT_BYTES_MAX;
	struct loaded_log log;
	struct victim v;
	size_t at;

	victim_init(&v, ENTRIES, NO_SNAPSHOT);
	assert_int_equal(v.segment->size, size_of_all);
	for (at = v.batch[v.n_batches - 2] + 1; at < v.batch[v.n_batches]; at += 9) {
		if (at == v.batch[v.n_batches - 1])
			continue;
		v.segment->size = at;
		load_damaged(&v, &log);
		if (log.rv != RAFT_CORRUPT || strstr(log.why, "open-1: damaged at byte") == NULL)
			fail_msg("cut to %zu: %d, %s", at, log.rv, log.why);
	}
	v.segment->size = size_of_all;
	victim_close(&v);
}

TEST(damage_before_a_newer_open_segment_with_entries_is_refused)
{
	struct image_file *newer;
	struct loaded_log log;
	struct victim v;

	victim_init(&v, ENTRIES, NO_SNAPSHOT);
	newer = image_find(&v.image, "open-2", "");
	memcpy(newer->bytes, v.segment->bytes, v.batch[1]);
	newer->used = v.batch[1];
	v.segment->bytes[v.batch[v.n_batches] - 1] ^= 1;
	v.segment->bytes[v.batch[v.n_batches - 1]] ^= 1;
	load_damaged(&v, &log);
	assert_int_equal(log.rv, RAFT_CORRUPT);
	assert_non_null(strstr(log.why, "open-2 holds entries written later"));
	victim_close(&v);
}

TEST(an_interrupted_truncation_is_undone)
{
	struct image_file *half;
	struct loaded_log log;
	struct image closed;
	struct victim v;

	memset(&closed, 0, sizeof closed);
	victim_init(&v, ENTRIES, NO_SNAPSHOT);
	/* Loading has closed the segment. The half-made copy may hold anything. */
	image_take(&closed, v.dir);
	half = &closed.files[closed.n++];
	snprintf(half->name, sizeof half->name, "%016d-%016d", 2, 5);
	half->bytes = calloc(1, 64);
	half->used = half->size = 40;
	image_put(&closed, v.dir);
	log_load(v.dir, SIZE_MAX, &log);
	if (log.rv != 0)
		fail_msg("%s", log.why);
	assert_true(log.n == v.whole.n && log.digest == v.whole.digest);
	image_free(&closed);
	victim_close(&v);
}

TEST(a_flipped_bit_in_term_or_vote_never_counts)
{
	static const char *const names[] = {"metadata1", "metadata2", "metadata1.seal",
	                                    "metadata2.seal"};
	struct loaded_log log;
	struct victim v;
	size_t refused = 0;
	size_t i;
	size_t bit;

	victim_init(&v, 2, NO_SNAPSHOT);
	log_vote(v.dir, v.whole.term + 1, 10);
	image_free(&v.image);
	image_take(&v.image, v.dir);
	for (i = 0; i < 4; i++) {
		struct image_file *f = image_find(&v.image, names[i], names[i]);

		f->used = f->size;
		for (bit = 0; bit < f->size * 8; bit += 7) {
			f->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			load_damaged(&v, &log);
			f->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			refused += log.rv == RAFT_CORRUPT;
			if (log.rv == 0 && log.term == v.whole.term + 1 && log.vote == 10)
				continue;
			if (log.rv != RAFT_CORRUPT || strstr(log.why, "metadata") == NULL)
				fail_msg("%s, bit %zu: %d, %s", names[i], bit, log.rv, log.why);
		}
	}
	print_message("# %zu flipped bits refused\n", refused);
	assert_true(refused > METADATA_BYTES + SEAL_BYTES);
	victim_close(&v);
}

static void copy_file(struct image_file *to, const struct image_file *from)
{
	assert_true(from->size <= 64 && to->size <= 64);
	memcpy(to->bytes, from->bytes, from->used);
	memset(to->bytes + from->used, 0, 64 - from->used);
	to->used = from->used;
	to->size = from->size;
}

TEST(a_crash_between_metadata_and_seal_takes_the_step_back)
{
	static const char *const names[] = {"metadata1", "metadata2"};
	struct loaded_log log;
	struct image after;
	struct victim v;
	unsigned step;
	unsigned i;

	memset(&after, 0, sizeof after);
	victim_init(&v, 2, NO_SNAPSHOT);
	for (step = 1; step <= 4; step++) {
		image_free(&v.image);
		image_take(&v.image, v.dir);
		log_vote(v.dir, v.whole.term + step, 0);
		image_take(&after, v.dir);
		for (i = 0; i < 2; i++)
			copy_file(image_find(&v.image, names[i], names[i]),
			          image_find(&after, names[i], names[i]));
		load_damaged(&v, &log);
		assert_int_equal(log.rv, 0);
		assert_int_equal(log.term, v.whole.term + step - 1);
		/* The step can be done again, and counts when it is sealed. */
		log_vote(v.dir, v.whole.term + step, 10);
		log_load(v.dir, SIZE_MAX, &log);
		assert_true(log.rv == 0 && log.term == v.whole.term + step && log.vote == 10);
		image_free(&after);
	}
	victim_close(&v);
}

TEST(interrupted_first_seals_are_made_again)
{
	struct image_file *seals[2];
	struct loaded_log log;
	struct seal filler;
	struct victim v;
	struct crc crc;
	size_t size;

	crc_init(&crc);
	victim_init(&v, 2, NO_SNAPSHOT);
	seals[0] = image_find(&v.image, "metadata1.seal", "");
	seals[1] = image_find(&v.image, "metadata2.seal", "");
	for (size = 0; size < SEAL_BYTES; size += 8) {
		/* Which of the two is the filler follows from the metadata's version. */
		const size_t newest =
		    disk_u64(seals[0]->bytes + 8) > disk_u64(seals[1]->bytes + 8) ? 0 : 1;
		struct image_file keep = *seals[1 - newest];
		uint8_t bytes[SEAL_BYTES];

		memcpy(bytes, keep.bytes, SEAL_BYTES);
		assert_int_equal(seal_decode(&crc, bytes, SEAL_BYTES, &filler), ST_OK);
		filler.filler = true;
		seal_encode(&crc, &filler, seals[1 - newest]->bytes);
		seals[newest]->size = size;
		load_damaged(&v, &log);
		assert_int_equal(log.rv, 0);
		assert_true(log.term == v.whole.term && log.vote == v.whole.vote);
		memcpy(keep.bytes, bytes, SEAL_BYTES);
		seals[newest]->size = SEAL_BYTES;
	}
	victim_close(&v);
}

TEST(a_lost_or_short_metadata_file_is_refused)
{
	static const char *const names[] = {"metadata1", "metadata2", "metadata1.seal",
	                                    "metadata2.seal"};
	struct loaded_log log;
	struct victim v;
	unsigned refused = 0;
	size_t size;
	unsigned i;

	victim_init(&v, 2, NO_SNAPSHOT);
	log_vote(v.dir, v.whole.term + 1, 10);
	image_free(&v.image);
	image_take(&v.image, v.dir);
	for (i = 0; i < 4; i++) {
		struct image_file *f = image_find(&v.image, names[i], names[i]);
		const size_t whole = f->size;

		for (size = 0; size < whole; size += 4) {
			f->size = size;
			load_damaged(&v, &log);
			f->size = whole;
			refused += log.rv == RAFT_CORRUPT;
			/* The older of the two metadata files is not needed. */
			if (log.rv != RAFT_CORRUPT &&
			    (i > 1 || log.term != v.whole.term + 1 || log.vote != 10))
				fail_msg("%s cut to %zu: %d, %s", names[i], size, log.rv, log.why);
		}
	}
	assert_true(refused > 0);
	victim_close(&v);
}

/* Start a whole node on the image: the state machine takes the snapshot in. */
static enum status start_node(struct victim *v, char ret_why[300])
{
	struct disk_group g;
	const char *why = "";
	enum status st;

	image_put(&v->image, v->dir);
	disk_group_init(&g, 1, v->top);
	st = disk_node_start(&g, 0, &why);
	snprintf(ret_why, 300, "%s: %s", status_text(st), why);
	disk_group_close(&g);
	return st;
}

TEST(a_damaged_snapshot_is_refused_at_every_place)
{
	char name[IMAGE_NAME_MAX];
	struct image_file *files[2];
	struct victim v;
	char why[300];
	unsigned i;
	size_t at;

	victim_init(&v, 60, 25);
	/* The newest. The description of another may be there already, but not its data. */
	files[1] = NULL;
	for (at = 0; at < v.image.n; at++) {
		struct image_file *f = &v.image.files[at];

		if (strncmp(f->name, "snapshot-", 9) == 0 && strstr(f->name, ".meta") == NULL &&
		    (files[1] == NULL || strcmp(f->name, files[1]->name) > 0))
			files[1] = f;
	}
	if (files[1] == NULL)
		fail_msg("%s", "no snapshot was taken");
	assert(files[1] != NULL);
	snprintf(name, sizeof name, "%.60s.meta", files[1]->name);
	files[0] = image_find(&v.image, name, "");
	for (i = 0; i < 2; i++) {
		files[i]->used = files[i]->size;
		for (at = 0; at < files[i]->size; at += files[i]->size / 40 + 1) {
			files[i]->bytes[at] ^= 0x10;
			if (start_node(&v, why) != ST_CORRUPT || strstr(why, "snapshot-") == NULL)
				fail_msg("%s, byte %zu: %s", files[i]->name, at, why);
			files[i]->bytes[at] ^= 0x10;
		}
	}
	assert_int_equal(start_node(&v, why), ST_OK);
	victim_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_write_whose_end_is_zeros_is_cut_off),
	    cmocka_unit_test(a_write_whose_end_is_garbage_is_cut_off),
	    cmocka_unit_test(a_first_write_without_its_first_sector_is_no_log_yet),
	    cmocka_unit_test(a_flipped_byte_before_later_writes_is_refused_with_file_and_offset),
	    cmocka_unit_test(an_open_segment_that_lost_its_end_is_refused),
	    cmocka_unit_test(damage_before_a_newer_open_segment_with_entries_is_refused),
	    cmocka_unit_test(an_interrupted_truncation_is_undone),
	    cmocka_unit_test(a_flipped_bit_in_term_or_vote_never_counts),
	    cmocka_unit_test(a_crash_between_metadata_and_seal_takes_the_step_back),
	    cmocka_unit_test(interrupted_first_seals_are_made_again),
	    cmocka_unit_test(a_lost_or_short_metadata_file_is_refused),
	    cmocka_unit_test(a_damaged_snapshot_is_refused_at_every_place),
	};

	return RUN_TESTS(tests);
}
