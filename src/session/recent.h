/* Results of the newest commands, found again by a key: what makes a retry take effect once.
 *
 * First in, first out, with a fixed maximum, so that every node forgets the same results at
 * the same command. The memory grows with use up to that maximum. */
#ifndef SESSION_RECENT_H
#define SESSION_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "session/limits.h"
#include "session/result.h"

struct recent_item {
	uint8_t key_len;                  /* bytes of key */
	uint8_t result_len;               /* bytes of result */
	uint8_t key[REQUEST_ID_MAX];      /* what the retry carries again */
	uint8_t result[RESULT_BYTES_MAX]; /* what the first one was answered */
};

/* Enough of the key's hash not to look at items of other keys, which are far apart in memory. */
struct recent_slot {
	uint32_t place; /* in items + 1, or 0 */
	uint32_t hash;  /* low bits of the key's */
};

struct recent {
	struct recent_item *items; /* ring; owned */
	struct recent_slot *slots; /* open addressing; owned */
	size_t cap;                /* of items, a power of two or 0; slots has twice as many */
	size_t max;                /* items never exceed this */
	size_t first;              /* place of the oldest item */
	size_t n;                  /* items */
	uint64_t digest;           /* sum of the items' hashes */
	uint64_t seed;             /* keeps the digests of two tables apart */
};

void recent_init(struct recent *r, size_t max, uint64_t seed);
void recent_close(struct recent *r);

/* What is kept for key, or NULL. Valid until the next recent_add(). */
const struct recent_item *recent_find(const struct recent *r, const uint8_t *key, size_t key_len);

/* The oldest item when the next recent_add() will drop it, else NULL. */
const struct recent_item *recent_victim(const struct recent *r);

/* Keep a result for a key that is not there yet; drops the oldest when full. */
CHECKED enum status recent_add(struct recent *r, const uint8_t *key, size_t key_len,
                               const uint8_t *result, size_t result_len);

/* Forget everything, keep the memory. */
void recent_clear(struct recent *r);

/* The i-th item, oldest first. */
const struct recent_item *recent_at(const struct recent *r, size_t i);

#endif
