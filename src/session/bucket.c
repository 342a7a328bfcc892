#include "session/bucket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "session/image.h"
#include "session/state.h"

enum { SHELF_FIRST = 4 /* places on a shelf that gets its first object */ };

static_assert(STORE_BUCKETS == 1 << 10 && SHELVES == 1 << 3, "the bits that name a shelf");

static uint64_t prefix_of(const struct session_id *id)
{
	uint64_t prefix = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		prefix = prefix << 8 | id->bytes[i];
	return prefix;
}

unsigned store_bucket_of(const struct session_id *id)
{
	return (unsigned)id->bytes[0] << 2 | id->bytes[1] >> 6;
}

unsigned shelf_of(const struct session_id *id)
{
	return id->bytes[1] >> 3 & (SHELVES - 1);
}

/* Ids differ in their first half, as good as always, which is here; the rest is elsewhere. */
static int item_compare(const struct shelf_item *item, uint64_t prefix, const struct session_id *id)
{
	if (item->prefix != prefix)
		return item->prefix < prefix ? -1 : 1;
	return memcmp(item->object->id.bytes, id->bytes, SESSION_ID_BYTES);
}

uint32_t shelf_place(const struct shelf *shelf, const struct session_id *id, bool *ret_found)
{
	uint64_t prefix = prefix_of(id);
	uint32_t low = 0;
	uint32_t high = shelf->n;
	bool found = false;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = item_compare(&shelf->items[mid], prefix, id);

		if (order < 0)
			low = mid + 1;
		else
			high = mid;
		found = found || order == 0;
	}
	*ret_found = found;
	return low;
}

struct object *bucket_find(const struct bucket *b, const struct session_id *id)
{
	const struct shelf *shelf = &b->shelves[shelf_of(id)];
	bool found;
	uint32_t at = shelf_place(shelf, id, &found);

	return found ? shelf->items[at].object : NULL;
}

static enum status shelf_grow(struct shelf *shelf)
{
	uint32_t cap = shelf->cap == 0 ? SHELF_FIRST : shelf->cap + shelf->cap / 2;
	struct shelf_item *items = realloc(shelf->items, cap * sizeof *items);

	if (items == NULL)
		return ST_NOMEM;
	shelf->items = items;
	shelf->cap = cap;
	return ST_OK;
}

enum status bucket_add(struct bucket *b, struct object *o)
{
	struct shelf *shelf = &b->shelves[shelf_of(&o->id)];
	struct shelf_item *item;
	bool found;
	uint32_t at;

	if (shelf->n == shelf->cap && shelf_grow(shelf) != ST_OK)
		return ST_NOMEM;
	at = shelf_place(shelf, &o->id, &found);
	assert(!found);
	item = &shelf->items[at];
	memmove(item + 1, item, (shelf->n - at) * sizeof *item);
	item->prefix = prefix_of(&o->id);
	item->object = o;
	shelf->n++;
	return ST_OK;
}

void bucket_remove(struct bucket *b, const struct object *o)
{
	struct shelf *shelf = &b->shelves[shelf_of(&o->id)];
	struct shelf_item *item;
	bool found;
	uint32_t at = shelf_place(shelf, &o->id, &found);

	item = &shelf->items[at];
	assert(found && item->object == o);
	shelf->n--;
	memmove(item, item + 1, (shelf->n - at) * sizeof *item);
	if (shelf->n > 0)
		return;
	free(shelf->items);
	shelf->items = NULL;
	shelf->cap = 0;
	shelf->due_ms = INT64_MAX;
}

int shelf_order(const struct shelf_item *a, const struct shelf_item *b)
{
	return item_compare(a, b->prefix, &b->object->id);
}

void bucket_close(struct bucket *b, void (*release)(struct object *o))
{
	unsigned i;
	uint32_t k;

	for (i = 0; i < SHELVES; i++) {
		struct shelf *shelf = &b->shelves[i];

		for (k = 0; k < shelf->n; k++)
			release(shelf->items[k].object);
		free(shelf->items);
		shelf->items = NULL;
		shelf->n = 0;
		shelf->cap = 0;
		shelf->due_ms = INT64_MAX;
	}
	b->digest = 0;
}
