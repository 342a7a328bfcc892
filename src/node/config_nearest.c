/* The known word that a misspelt one was probably meant to be. */
#include <stdio.h>
#include <string.h>

#include "node/config_internal.h"

enum { WORD_MAX = 64 }; /* longer words are compared by their beginning */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	const unsigned low = a < b ? a : b;

	return low < c ? low : c;
}

/* Edits (insert, delete, replace, swap neighbours) that turn x into y. */
static unsigned distance(const char *x, size_t nx, const char *y, size_t ny)
{
	unsigned row[3][WORD_MAX + 1];

	for (unsigned j = 0; j <= ny; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= nx; i++) {
		unsigned *now = row[i % 3];
		const unsigned *above = row[(i + 2) % 3];
		const unsigned *two_above = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= ny; j++) {
			const unsigned differs = x[i - 1] == y[j - 1] ? 0 : 1;

			now[j] = least(above[j] + 1, now[j - 1] + 1, above[j - 1] + differs);
			if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1] &&
			    two_above[j - 2] + 1 < now[j])
				now[j] = two_above[j - 2] + 1;
		}
	}
	return row[nx % 3][ny];
}

const char *config_nearest(const char *word, const char *(*get)(size_t i), size_t n)
{
	const size_t len = strnlen(word, WORD_MAX);
	/* Two slips of the finger, or a third of a long word, still look like the word. */
	unsigned best = len < 6 ? 2 : (unsigned)len / 3 + 1;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *known = get(i);
		unsigned d;

		if (known == NULL)
			continue;
		d = distance(word, len, known, strnlen(known, WORD_MAX));
		if (d < best) {
			best = d;
			found = known;
		}
	}
	return found;
}

static const char *key_name(size_t i)
{
	return config_keys[i].name;
}

static const char *key_env(size_t i)
{
	return config_keys[i].env;
}

static const char *key_kernel(size_t i)
{
	return config_keys[i].kernel;
}

const char *config_nearest_key(const char *word)
{
	char name[WORD_MAX + 1];

	config_put(name, sizeof name, "%s", word);
	for (char *c = name; *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
	}
	return config_nearest(name, key_name, config_n_keys);
}

const char *config_nearest_env(const char *word)
{
	static const char prefix[] = "ERLMCP_";
	const char *found = config_nearest(word, key_env, config_n_keys);

	/* Two of the variables have no prefix; people add one. */
	if (found == NULL && strncmp(word, prefix, sizeof prefix - 1) == 0)
		found = config_nearest(word + sizeof prefix - 1, key_env, config_n_keys);
	return found;
}

const char *config_nearest_kernel(const char *word)
{
	return config_nearest(word, key_kernel, config_n_keys);
}
