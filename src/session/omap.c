#include "session/omap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

void omap_init(struct omap *m)
{
	memset(m, 0, sizeof *m);
}

static int key_compare(const struct omap_node *node, const uint8_t *key, size_t key_len)
{
	size_t len = node->key_len < key_len ? node->key_len : key_len;
	int cmp = len == 0 ? 0 : memcmp(node->key, key, len);

	if (cmp != 0)
		return cmp;
	return (node->key_len > key_len) - (node->key_len < key_len);
}

/* Each level holds a quarter of the one below. */
static unsigned key_height(const uint8_t *key, size_t key_len)
{
	uint64_t hash = XXH64(key, key_len, 0);
	unsigned height = 1;

	while ((hash & 3) == 0 && height < OMAP_LEVELS) {
		height++;
		hash >>= 2;
	}
	return height;
}

/* For each level, the link that points at or past key. */
static void find_links(struct omap *m, const uint8_t *key, size_t key_len,
                       struct omap_node **links[OMAP_LEVELS])
{
	struct omap_node **at = m->head;
	unsigned level = OMAP_LEVELS;

	while (level-- > 0) {
		while (at[level] != NULL && key_compare(at[level], key, key_len) < 0)
			at = at[level]->next;
		links[level] = &at[level];
	}
}

struct omap_node *omap_find(const struct omap *m, const uint8_t *key, size_t key_len)
{
	struct omap_node *const *at = m->head;
	unsigned level = OMAP_LEVELS;

	while (level-- > 0) {
		while (at[level] != NULL && key_compare(at[level], key, key_len) < 0)
			at = at[level]->next;
	}
	if (at[0] == NULL || key_compare(at[0], key, key_len) != 0)
		return NULL;
	return at[0];
}

enum status omap_add(struct omap *m, const uint8_t *key, size_t key_len, void *value)
{
	struct omap_node **links[OMAP_LEVELS];
	unsigned height = key_height(key, key_len);
	struct omap_node *node;
	unsigned i;

	assert(value != NULL);
	find_links(m, key, key_len, links);
	assert(*links[0] == NULL || key_compare(*links[0], key, key_len) != 0);
	assert(height > 0);
	/* One pointer for each level. NOLINTNEXTLINE(bugprone-sizeof-expression) */
	node = malloc(sizeof *node + height * sizeof node->next[0]);
	if (node == NULL)
		return ST_NOMEM;
	node->key = key;
	node->key_len = key_len;
	node->value = value;
	for (i = 0; i < height; i++) {
		node->next[i] = *links[i];
		*links[i] = node;
	}
	m->n++;
	return ST_OK;
}

void *omap_remove(struct omap *m, const uint8_t *key, size_t key_len)
{
	struct omap_node **links[OMAP_LEVELS];
	struct omap_node *node;
	unsigned height;
	unsigned i;
	void *value;

	find_links(m, key, key_len, links);
	node = *links[0];
	if (node == NULL || key_compare(node, key, key_len) != 0)
		return NULL;
	height = key_height(node->key, node->key_len);
	for (i = 0; i < height; i++) {
		assert(*links[i] == node);
		*links[i] = node->next[i];
	}
	value = node->value;
	free(node);
	m->n--;
	return value;
}

void *omap_pop(struct omap *m)
{
	struct omap_node *node = m->head[0];

	return node == NULL ? NULL : omap_remove(m, node->key, node->key_len);
}
