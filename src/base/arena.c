#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_FIRST = 4096 }; /* one small request fits one block */

struct arena_block {
	struct arena_block *next;
	size_t len;
	size_t cap;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t max)
{
	memset(a, 0, sizeof *a);
	a->max = max;
}

void arena_close(struct arena *a)
{
	struct arena_block *block = a->head;

	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	memset(a, 0, sizeof *a);
}

static struct arena_block *arena_grow(struct arena *a, size_t size)
{
	size_t cap = a->head == NULL ? BLOCK_FIRST : a->head->cap * 2;
	struct arena_block *block;

	if (cap > a->max)
		cap = a->max;
	if (cap < size)
		cap = size;
	block = calloc(1, sizeof *block + cap);
	if (block == NULL)
		return NULL;
	block->cap = cap;
	block->next = a->head;
	a->head = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *block = a->head;
	void *at;

	assert(a->max > 0);
	if (a->failed || size > a->max) {
		a->failed = true;
		return NULL;
	}
	size = (size + align - 1) / align * align;
	if (size > a->max - a->used) {
		a->failed = true;
		return NULL;
	}
	if (block == NULL || size > block->cap - block->len) {
		block = arena_grow(a, size);
		if (block == NULL) {
			a->failed = true;
			return NULL;
		}
	}
	at = block->bytes + block->len;
	block->len += size;
	a->used += size;
	return at;
}

char *arena_copy(struct arena *a, const void *bytes, size_t len)
{
	char *at = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;

	if (at != NULL && len > 0)
		memcpy(at, bytes, len);
	return at;
}
