/* Pictures of the state: taken bucket by bucket while commands go on, and put together again.
 *
 * The state is spread over STORE_BUCKETS buckets by session id. An image is the state at one
 * index. While it is taken, a command that changes an object whose bucket the image has not got
 * yet makes the image keep the object as it was, so that taking one never stops service and costs
 * memory only for what changes meanwhile. Several images may be taken at a time.
 *
 *   chunk 0            everything that is not in buckets: limits, origins, tables of results
 *   chunks 1..BUCKETS  one bucket each; its bytes change only with the bucket
 *   manifest           index, state version, totals, and of each chunk its length, checksum,
 *                      digest and the index of its last change; small: what libraft carries
 *
 * Chunks whose last change is not newer than an older image's are equal to that image's and
 * need not be written or sent again. Formats: doc/protocol/session-state.md. */
#ifndef SESSION_IMAGE_H
#define SESSION_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "session/store.h"

enum {
	STORE_BUCKETS = 1024,             /* 1 M sessions: 1,000 in each, a third of a megabyte */
	IMAGE_CHUNKS = 1 + STORE_BUCKETS, /* the rest of the state, then the buckets */
	MANIFEST_MAX = 64 + IMAGE_CHUNKS * 42 /* bytes of an encoded manifest */
};

/* What a manifest says of one chunk. A bucket with nothing in it has no chunk: all is 0, and
 * nobody stores or sends it. */
struct chunk_info {
	uint64_t changed;  /* log index of its last change; names its version */
	uint64_t digest;   /* of the state in it, as store_bucket_digest() has it */
	uint64_t checksum; /* XXH3 of its bytes */
	uint64_t len;      /* bytes */
};

struct manifest {
	uint64_t index;                         /* of the last command in the image */
	uint64_t digest;                        /* of the whole state */
	uint32_t state_version;                 /* format of the chunks */
	struct chunk_info chunks[IMAGE_CHUNKS]; /* chunk 0, then bucket 0 as chunk 1, ... */
};

void manifest_encode(const struct manifest *m, struct buf *b);
/* ST_MALFORMED: cut short, wrong checksum, impossible; ST_UNSUPPORTED: a newer format. */
CHECKED enum status manifest_decode(const uint8_t *bytes, size_t len, struct manifest *ret,
                                    struct fault *fault);

/* The state version that a whole manifest tells, also one that is not known here; 0: damaged. */
uint32_t manifest_state_version(const uint8_t *bytes, size_t len);

/* True when the bytes begin like a manifest (and not like a whole snapshot of version 1). */
bool manifest_is(const uint8_t *bytes, size_t len);
/* As manifest_decode(), telling the index only. */
CHECKED enum status manifest_check(const uint8_t *bytes, size_t len, struct fault *fault,
                                   uint64_t *ret_index);

/* Checksum of a chunk's bytes, as chunk_info has it. */
uint64_t chunk_checksum(const uint8_t *bytes, size_t len);

struct image; /* one being taken */

/* Begin one at the store's present index, between log entries: never between two commands of
 * one. Borrows s until image_end(). ST_NOMEM; ST_LIMIT: IMAGES_MAX are under way. */
CHECKED enum status image_begin(struct store *s, struct image **ret);

/* Encode the next chunk that is not done and not empty: appended to b, its number in
 * *ret_chunk; in order of the numbers. ST_NOT_FOUND: all are done, *image_manifest() is complete.
 * ST_NOMEM, ST_LIMIT: b could not take it, nothing was done. For good: ST_CLOSED: the store was
 * replaced or released; ST_UNKNOWN: memory was too short to keep what changed. */
CHECKED enum status image_next(struct image *im, struct buf *b, unsigned *ret_chunk);

/* As image_next(), but a chunk whose last change is at or before `known` of that chunk (the
 * older image's manifest) is not encoded again: it is taken over from there, with its length
 * and checksum, and *ret_chunk only tells of chunks that were encoded. NULL: encode all. */
void image_reuse(struct image *im, const struct manifest *older);

/* The manifest; complete once image_next() said ST_NOT_FOUND. The image's. */
const struct manifest *image_manifest(const struct image *im);

/* Bytes that it keeps because objects changed before it got to them. */
size_t image_kept_bytes(const struct image *im);

/* Complete or given up: release it. */
void image_end(struct image *im);

struct image_loader; /* one being put together */

/* Begin to build a state from a manifest (copied). ST_NOMEM. */
CHECKED enum status image_load(const struct manifest *m, struct image_loader **ret);

/* One chunk's bytes, in any order, each once; empty ones have none. ST_MALFORMED: they are not what
 * the manifest says, or impossible; fault->what and at (offset) say why. */
CHECKED enum status image_load_chunk(struct image_loader *l, unsigned chunk, const uint8_t *bytes,
                                     size_t len, struct fault *fault);

/* All chunks are there: checks the whole state's digest and puts it in the place of s's.
 * On failure s is as before. Releases l either way. */
CHECKED enum status image_load_finish(struct image_loader *l, struct store *s, struct fault *fault);
void image_load_abort(struct image_loader *l);

/* Digest of one bucket, kept by every change; and the same counted anew from its content, which
 * finds memory that changed by itself. Equal unless it did. */
uint64_t store_bucket_digest(const struct store *s, unsigned bucket);
uint64_t store_bucket_recount(const struct store *s, unsigned bucket);
/* The bucket of an id. */
unsigned store_bucket_of(const struct session_id *id);

#endif
