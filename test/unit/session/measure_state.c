/* What the state costs with many sessions: memory, time to apply, to take an image, to load it.
 * A program, not a test: measure_state [SESSIONS]. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/prng.h"
#include "session/command.h"
#include "session/expiry.h"
#include "session/image.h"
#include "session/limits.h"

enum { SESSIONS = 1000000, INFO = 64, VALUE = 256, SAMPLES = 200000, COMMAND_ROOM = 4096 };

static struct prng ids = {1};
static uint64_t last_seq;

/* This process's own time: what others do meanwhile does not count. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Resident memory in bytes. */
static double resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	unsigned long total = 0;

	if (f == NULL || fscanf(f, "%lu %lu", &total, &pages) != 2)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (double)pages * 4096;
}

static void must(enum status st, const char *what)
{
	if (st == ST_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, status_text(st));
	exit(1);
}

static struct session_id next_id(void)
{
	const uint64_t words[2] = {prng_next(&ids), prng_next(&ids)};
	struct session_id id;

	memcpy(id.bytes, words, sizeof id.bytes);
	return id;
}

/* Apply what is in command. */
static void apply(struct store *s, const struct buf *command, struct buf *result)
{
	buf_reset(result);
	must(store_apply(s, store_index(s) + 1, command->base, command->len, result), "apply");
}

static double create_all(struct store *s, size_t n, struct session_id *all)
{
	static const uint8_t info[INFO];
	const struct session_attrs attrs = {.info = info, .info_len = INFO, .ttl_ms = 1800000};
	struct command_head h = {.origin = {.id = 1}};
	double start = now();
	struct buf command;
	struct buf result;
	size_t i;

	buf_init(&command, COMMAND_ROOM);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; i < n; i++) {
		all[i] = next_id();
		h.origin.seq = ++last_seq;
		h.now_ms = 1700000000000 + (int64_t)i;
		buf_reset(&command);
		command2_create(&command, &h, &all[i], &attrs);
		apply(s, &command, &result);
	}
	buf_close(&command);
	buf_close(&result);
	return now() - start;
}

static double put_some(struct store *s, size_t n, const struct session_id *all, double *ret_worst)
{
	static const uint8_t value[VALUE];
	const struct command_key key = {.bytes = (const uint8_t *)"state", .len = 5};
	struct command_head h = {.origin = {.id = 1}};
	double start = now();
	struct buf command;
	struct buf result;
	size_t i;

	if (ret_worst != NULL)
		*ret_worst = 0;
	buf_init(&command, COMMAND_ROOM);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; i < SAMPLES; i++) {
		double step = ret_worst == NULL ? 0 : now();

		h.origin.seq = ++last_seq;
		h.now_ms = 1700001000000;
		buf_reset(&command);
		command2_put(&command, &h, &all[prng_next(&ids) % n], &key, value, VALUE);
		apply(s, &command, &result);
		if (ret_worst == NULL)
			continue;
		step = now() - step;
		*ret_worst = step > *ret_worst ? step : *ret_worst;
	}
	buf_close(&command);
	buf_close(&result);
	return now() - start;
}

static double touch_some(struct store *s, size_t n, const struct session_id *all)
{
	const struct command_head h = {.now_ms = 1700002000000};
	struct session_id some[1000];
	double start = now();
	struct buf command;
	struct buf result;
	size_t i;
	size_t k;

	buf_init(&command, COMMAND_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; i < SAMPLES; i += 1000) {
		for (k = 0; k < 1000; k++)
			some[k] = all[prng_next(&ids) % n];
		buf_reset(&command);
		command2_touch(&command, &h, some, 1000);
		apply(s, &command, &result);
	}
	buf_close(&command);
	buf_close(&result);
	return now() - start;
}

/* Take a whole image into chunks[]. */
static void take(struct store *s, struct buf *chunks, struct manifest *ret)
{
	double longest = 0;
	double start;
	struct image *im;
	enum status st;
	unsigned chunk;

	start = now();
	must(image_begin(s, &im), "image");
	printf("image: begun in %.2f ms, ", (now() - start) * 1e3);
	for (;;) {
		double step = now();
		struct buf b;

		buf_init(&b, SIZE_MAX);
		st = image_next(im, &b, &chunk);
		step = now() - step;
		longest = step > longest ? step : longest;
		if (st != ST_OK)
			break;
		if (chunk == 0)
			printf("chunk 0: %.1f MB in %.2f ms, ", (double)b.len / 1e6, step * 1e3);
		chunks[chunk] = b;
	}
	if (st != ST_NOT_FOUND)
		must(st, "next chunk");
	*ret = *image_manifest(im);
	image_end(im);
	printf("%.0f ms in all, longest step %.2f ms\n", (now() - start) * 1e3, longest * 1e3);
}

static void load(struct store *s, struct buf *chunks, const struct manifest *m)
{
	struct store *copy;
	struct image_loader *l;
	struct fault fault;
	double start = now();
	unsigned i;

	must(store_new(&copy), "store");
	must(image_load(m, &l), "loader");
	for (i = 0; i < IMAGE_CHUNKS; i++)
		if (m->chunks[i].len > 0)
			must(image_load_chunk(l, i, chunks[i].base, chunks[i].len, &fault),
			     fault.what);
	must(image_load_finish(l, copy, &fault), fault.what);
	printf("load: %.2f s\n", now() - start);
	if (store_digest(copy) != store_digest(s))
		printf("THE DIGESTS DIFFER\n");
	start = now();
	store_free(copy);
	printf("release: %.2f s\n", now() - start);
}

static void puts_during_image(struct store *s, size_t n, const struct session_id *all)
{
	struct image *im;
	double seconds;
	double worst;

	must(image_begin(s, &im), "image");
	seconds = put_some(s, n, all, &worst);
	printf("put while an image is taken, and looking at the clock: %.0f ns, worst %.2f ms, "
	       "kept %.1f MB\n",
	       seconds / SAMPLES * 1e9, worst * 1e3, (double)image_kept_bytes(im) / 1e6);
	image_end(im);
}

static void expire(struct store *s)
{
	struct expiry_scan scan = {0, 0};
	struct expiry *list = malloc(EXPIRE_MAX * sizeof *list);
	double start = now();
	size_t n;

	if (list == NULL)
		exit(1);
	n = store_expired(s, &scan, 1700000000000, SIZE_MAX, list, EXPIRE_MAX);
	printf("expiry, nothing due: %.1f us, %zu found\n", (now() - start) * 1e6, n);
	start = now();
	n = store_expired(s, &scan, 1800000000000, 4096, list, EXPIRE_MAX);
	printf("expiry, all due: %.1f us, %zu found\n", (now() - start) * 1e6, n);
	free(list);
}

static void recount(const struct store *s)
{
	double start = now();
	unsigned wrong = 0;
	unsigned i;

	for (i = 0; i < STORE_BUCKETS; i++)
		wrong += store_bucket_recount(s, i) != store_bucket_digest(s, i);
	printf("recount: %.0f ms, %u buckets wrong\n", (now() - start) * 1e3, wrong);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : SESSIONS;
	static struct buf chunks[IMAGE_CHUNKS];
	static struct manifest m;
	struct session_id *all = malloc(n * sizeof *all);
	struct store *s;
	double bytes;
	size_t i;

	if (all == NULL)
		return 1;
	memset(all, 1, n * sizeof *all);
	must(store_new(&s), "store");
	must(store_found(s, STATE_VERSION_NEWEST), "founding");
	bytes = resident();
	printf("create: %.0f ns\n", create_all(s, n, all) / (double)n * 1e9);
	printf("memory: %.0f B a session (and %d B of information)\n",
	       (resident() - bytes) / (double)n - INFO, INFO);
	printf("put: %.0f ns\n", put_some(s, n, all, NULL) / SAMPLES * 1e9);
	printf("touch: %.0f ns an id\n", touch_some(s, n, all) / SAMPLES * 1e9);
	take(s, chunks, &m);
	load(s, chunks, &m);
	puts_during_image(s, n, all);
	expire(s);
	recount(s);
	for (i = 0; i < IMAGE_CHUNKS; i++)
		buf_close(&chunks[i]);
	store_free(s);
	free(all);
	return 0;
}
