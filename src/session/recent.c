#include "session/recent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { CAP_FIRST = 64 }; /* an idle node pays for a few results only */

void recent_init(struct recent *r, size_t max, uint64_t seed)
{
	assert(max > 0 && (max & (max - 1)) == 0);
	memset(r, 0, sizeof *r);
	r->max = max;
	r->seed = seed;
}

void recent_close(struct recent *r)
{
	free(r->items);
	free(r->slots);
	r->items = NULL;
	r->slots = NULL;
	r->cap = 0;
	r->n = 0;
}

void recent_clear(struct recent *r)
{
	if (r->cap > 0)
		memset(r->slots, 0, 2 * r->cap * sizeof *r->slots);
	r->first = 0;
	r->n = 0;
	r->digest = 0;
}

static uint32_t key_hash(const struct recent *r, const uint8_t *key, size_t key_len)
{
	return (uint32_t)XXH64(key, key_len, r->seed);
}

static uint64_t hash_of(const struct recent *r, const struct recent_item *item)
{
	uint64_t hash = XXH64(item->key, item->key_len, r->seed + 1);

	return XXH64(item->result, item->result_len, hash);
}

static bool item_is(const struct recent_item *item, const uint8_t *key, size_t key_len)
{
	return item->key_len == key_len && memcmp(item->key, key, key_len) == 0;
}

static bool slot_is(const struct recent *r, const struct recent_slot *slot, uint32_t hash,
                    const uint8_t *key, size_t key_len)
{
	return slot->hash == hash && item_is(&r->items[slot->place - 1], key, key_len);
}

/* The slot that holds key with that hash, or the empty one where it belongs. */
static size_t slot_of(const struct recent *r, uint32_t hash, const uint8_t *key, size_t key_len)
{
	size_t mask = 2 * r->cap - 1;
	size_t slot = hash & mask;

	while (r->slots[slot].place != 0 && !slot_is(r, &r->slots[slot], hash, key, key_len))
		slot = (slot + 1) & mask;
	return slot;
}

const struct recent_item *recent_find(const struct recent *r, const uint8_t *key, size_t key_len)
{
	size_t slot;

	if (r->n == 0)
		return NULL;
	slot = slot_of(r, key_hash(r, key, key_len), key, key_len);
	return r->slots[slot].place == 0 ? NULL : &r->items[r->slots[slot].place - 1];
}

const struct recent_item *recent_at(const struct recent *r, size_t i)
{
	assert(i < r->n);
	return &r->items[(r->first + i) & (r->cap - 1)];
}

const struct recent_item *recent_victim(const struct recent *r)
{
	return r->n == r->max ? recent_at(r, 0) : NULL;
}

/* Empty a slot and move later ones of the same run forward, so that searches stay short. */
static void slot_clear(struct recent *r, size_t slot)
{
	size_t mask = 2 * r->cap - 1;
	size_t hole = slot;
	size_t next = (slot + 1) & mask;

	while (r->slots[next].place != 0) {
		size_t home = r->slots[next].hash & mask;

		if (((next - home) & mask) >= ((next - hole) & mask)) {
			r->slots[hole] = r->slots[next];
			hole = next;
		}
		next = (next + 1) & mask;
	}
	r->slots[hole].place = 0;
}

static void drop_oldest(struct recent *r)
{
	const struct recent_item *item = recent_at(r, 0);

	r->digest -= hash_of(r, item);
	slot_clear(r, slot_of(r, key_hash(r, item->key, item->key_len), item->key, item->key_len));
	r->first = (r->first + 1) & (r->cap - 1);
	r->n--;
}

/* For the item at a place, whose key is in no slot. */
static void slot_put(struct recent *r, size_t place)
{
	const struct recent_item *item = &r->items[place];
	uint32_t hash = key_hash(r, item->key, item->key_len);
	struct recent_slot *slot = &r->slots[slot_of(r, hash, item->key, item->key_len)];

	assert(slot->place == 0);
	slot->place = (uint32_t)(place + 1);
	slot->hash = hash;
}

static enum status recent_grow(struct recent *r)
{
	size_t cap = r->cap == 0 ? CAP_FIRST : 2 * r->cap;
	struct recent_item *items;
	struct recent_slot *slots;
	size_t i;

	if (cap > r->max)
		cap = r->max;
	items = malloc(cap * sizeof *items);
	if (items == NULL)
		return ST_NOMEM;
	slots = calloc(2 * cap, sizeof *slots);
	if (slots == NULL)
		goto err_items;
	for (i = 0; i < r->n; i++)
		items[i] = *recent_at(r, i);
	free(r->items);
	free(r->slots);
	r->items = items;
	r->slots = slots;
	r->cap = cap;
	r->first = 0;
	for (i = 0; i < r->n; i++)
		slot_put(r, i);
	return ST_OK;
err_items:
	free(items);
	return ST_NOMEM;
}

enum status recent_add(struct recent *r, const uint8_t *key, size_t key_len, const uint8_t *result,
                       size_t result_len)
{
	struct recent_item *item;
	size_t place;

	assert(key_len > 0 && key_len <= REQUEST_ID_MAX && result_len <= RESULT_BYTES_MAX);
	if (r->n == r->cap && r->cap < r->max && recent_grow(r) != ST_OK)
		return ST_NOMEM;
	if (r->n == r->max)
		drop_oldest(r);
	place = (r->first + r->n) & (r->cap - 1);
	item = &r->items[place];
	item->key_len = (uint8_t)key_len;
	memcpy(item->key, key, key_len);
	item->result_len = (uint8_t)result_len;
	memcpy(item->result, result, result_len);
	slot_put(r, place);
	r->n++;
	r->digest += hash_of(r, item);
	return ST_OK;
}
