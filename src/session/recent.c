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

static size_t home_of(const struct recent *r, const uint8_t *key, size_t key_len)
{
	return XXH64(key, key_len, r->seed) & (2 * r->cap - 1);
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

/* The slot that holds key, or the empty one where it belongs. */
static size_t slot_of(const struct recent *r, const uint8_t *key, size_t key_len)
{
	size_t mask = 2 * r->cap - 1;
	size_t slot = home_of(r, key, key_len);

	while (r->slots[slot] != 0 && !item_is(&r->items[r->slots[slot] - 1], key, key_len))
		slot = (slot + 1) & mask;
	return slot;
}

const struct recent_item *recent_find(const struct recent *r, const uint8_t *key, size_t key_len)
{
	size_t slot;

	if (r->n == 0)
		return NULL;
	slot = slot_of(r, key, key_len);
	return r->slots[slot] == 0 ? NULL : &r->items[r->slots[slot] - 1];
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

	while (r->slots[next] != 0) {
		const struct recent_item *item = &r->items[r->slots[next] - 1];
		size_t home = home_of(r, item->key, item->key_len);

		if (((next - home) & mask) >= ((next - hole) & mask)) {
			r->slots[hole] = r->slots[next];
			hole = next;
		}
		next = (next + 1) & mask;
	}
	r->slots[hole] = 0;
}

static void drop_oldest(struct recent *r)
{
	const struct recent_item *item = recent_at(r, 0);

	r->digest -= hash_of(r, item);
	slot_clear(r, slot_of(r, item->key, item->key_len));
	r->first = (r->first + 1) & (r->cap - 1);
	r->n--;
}

static enum status recent_grow(struct recent *r)
{
	size_t cap = r->cap == 0 ? CAP_FIRST : 2 * r->cap;
	struct recent_item *items;
	uint32_t *slots;
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
		slots[slot_of(r, items[i].key, items[i].key_len)] = (uint32_t)(i + 1);
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
	size_t slot;

	assert(key_len > 0 && key_len <= REQUEST_ID_MAX && result_len <= RESULT_BYTES_MAX);
	if (r->n == r->cap && r->cap < r->max && recent_grow(r) != ST_OK)
		return ST_NOMEM;
	if (r->n == r->max)
		drop_oldest(r);
	slot = slot_of(r, key, key_len);
	assert(r->slots[slot] == 0);
	place = (r->first + r->n) & (r->cap - 1);
	item = &r->items[place];
	item->key_len = (uint8_t)key_len;
	memcpy(item->key, key, key_len);
	item->result_len = (uint8_t)result_len;
	memcpy(item->result, result, result_len);
	r->slots[slot] = (uint32_t)(place + 1);
	r->n++;
	r->digest += hash_of(r, item);
	return ST_OK;
}
