#include "lin/memo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lin/limits.h"

enum { PLACES_FIRST = 256 };

void memo_init(struct memo *m, size_t words)
{
	assert(words > 0);
	memset(m, 0, sizeof *m);
	m->words = words;
	m->records_max = LIN_MEMO_BYTES_MAX / (words * sizeof(uint64_t));
	if (m->records_max > UINT32_MAX - 1)
		m->records_max = UINT32_MAX - 1;
}

void memo_close(struct memo *m)
{
	free(m->records);
	free(m->places);
	memset(m, 0, sizeof *m);
}

static size_t hash_of(const uint64_t *record, size_t words)
{
	uint64_t hash = words;

	for (size_t i = 0; i < words; i++) {
		hash = (hash ^ record[i]) * 0x9e3779b97f4a7c15U;
		hash ^= hash >> 32;
	}
	return (size_t)hash;
}

/* Where the record is, or the free place where it belongs. */
static size_t place_of(const struct memo *m, const uint64_t *record)
{
	size_t at = hash_of(record, m->words) & (m->n_places - 1);

	while (m->places[at] != 0 && memcmp(&m->records[(m->places[at] - 1) * m->words], record,
	                                    m->words * sizeof *record) != 0)
		at = (at + 1) & (m->n_places - 1);
	return at;
}

static enum status grow(struct memo *m)
{
	size_t n_places = m->n_places == 0 ? PLACES_FIRST : 2 * m->n_places;
	uint64_t *records = realloc(m->records, n_places / 2 * m->words * sizeof *records);
	uint32_t *places;

	if (records == NULL)
		return ST_NOMEM;
	m->records = records;
	places = calloc(n_places, sizeof *places);
	if (places == NULL)
		return ST_NOMEM;
	free(m->places);
	m->places = places;
	m->n_places = n_places;
	m->cap = n_places / 2;
	for (size_t i = 0; i < m->n; i++)
		m->places[place_of(m, &m->records[i * m->words])] = (uint32_t)i + 1;
	return ST_OK;
}

enum status memo_add(struct memo *m, const uint64_t *record, bool *ret)
{
	size_t at;

	if (m->n == m->cap) {
		enum status st = m->n >= m->records_max ? ST_LIMIT : grow(m);

		if (st != ST_OK)
			return st;
	}
	at = place_of(m, record);
	*ret = m->places[at] == 0;
	if (*ret) {
		memcpy(&m->records[m->n * m->words], record, m->words * sizeof *record);
		m->places[at] = (uint32_t)++m->n;
	}
	return ST_OK;
}
