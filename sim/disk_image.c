#include "sim/disk_image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	METADATA_FILES = 2,    /* written in turn */
	SEGMENT_ENTRIES = 100, /* a segment is full then: few, so that both kinds are met */
};

void *image_bytes(const void *bytes, size_t len)
{
	void *copy = raft_malloc(len > 0 ? len : 1);

	assert(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

static void conf_copy(const struct raft_configuration *from, struct raft_configuration *to)
{
	raft_configuration_init(to);
	for (unsigned i = 0; i < from->n; i++) {
		int rv = raft_configuration_add(to, from->servers[i].id, from->servers[i].address,
		                                from->servers[i].role);

		assert(rv == 0);
		(void)rv;
	}
}

void image_copy_snapshot(const struct raft_snapshot *from, struct raft_snapshot *to)
{
	assert(from->n_bufs == 1);
	*to = *from;
	conf_copy(&from->configuration, &to->configuration);
	to->bufs = raft_malloc(sizeof *to->bufs);
	assert(to->bufs != NULL);
	to->bufs[0].len = from->bufs[0].len;
	to->bufs[0].base = image_bytes(from->bufs[0].base, from->bufs[0].len);
}

void image_cut(struct disk_image *m, raft_index index)
{
	while (m->n > 0 && m->start + m->n - 1 >= index)
		free(m->entries[--m->n].bytes);
	if (m->open_from > m->start + m->n)
		m->open_from = m->start + m->n;
}

void image_drop_snapshot(struct disk_image *m)
{
	if (!m->has_snapshot)
		return;
	raft_configuration_close(&m->snapshot.configuration);
	raft_free(m->snapshot.bufs[0].base);
	raft_free(m->snapshot.bufs);
	m->has_snapshot = false;
}

void image_close(struct disk_image *m)
{
	image_cut(m, 0);
	free(m->entries);
	image_drop_snapshot(m);
	memset(m, 0, sizeof *m);
	m->start = 1;
	m->open_from = 1;
}

/* --- Rot ----------------------------------------------------------------------------- */

/* An entry, but none of the last write while the segment is open. */
static const char *rot_entry(struct disk_image *m, uint64_t where)
{
	struct disk_entry *e;

	if (m->n == 0)
		return NULL;
	e = &m->entries[where % m->n];
	if (e->batch == m->entries[m->n - 1].batch && m->open_from < m->start + m->n)
		return NULL;
	e->rotten = true;
	return m->start + where % m->n < m->open_from ? "closed segment" : "open segment";
}

const char *image_rot(struct disk_image *m, enum disk_part part, uint64_t where)
{
	switch (part) {
	case DISK_IDENTITY:
		m->identity_rotten = m->has_identity;
		return m->has_identity ? "identity" : NULL;
	case DISK_METADATA:
		m->meta_rotten = m->term > 0 ? METADATA_FILES : 0;
		return m->term > 0 ? "metadata" : NULL;
	case DISK_SNAPSHOT:
		m->snapshot_rotten = m->has_snapshot;
		return m->has_snapshot ? "snapshot" : NULL;
	default:
		return rot_entry(m, where);
	}
}

/* Place of the first rotten entry, or n. */
static size_t first_rotten(const struct disk_image *m)
{
	size_t i = 0;

	while (i < m->n && !m->entries[i].rotten)
		i++;
	return i;
}

bool image_rotten(const struct disk_image *m)
{
	return m->identity_rotten || m->meta_rotten > 0 || m->snapshot_rotten ||
	       first_rotten(m) < m->n;
}

bool image_sound(const struct disk_image *m, char *why, size_t len)
{
	const char *file = NULL;

	if (m->meta_rotten > 0)
		file = "metadata1";
	else if (m->snapshot_rotten)
		file = "snapshot";
	else if (first_rotten(m) < m->n)
		file = m->start + first_rotten(m) < m->open_from ? "closed segment" : "open-1";
	if (file != NULL)
		(void)snprintf(why, len, "%s: checksum mismatch", file);
	return file == NULL;
}

void image_add(struct disk_image *m, const struct disk_entry *entry)
{
	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 64 : 2 * m->cap;
		m->entries = realloc(m->entries, m->cap * sizeof *m->entries);
		assert(m->entries != NULL);
	}
	m->entries[m->n] = *entry;
	m->entries[m->n].bytes = malloc(entry->len > 0 ? entry->len : 1);
	assert(m->entries[m->n].bytes != NULL);
	memcpy(m->entries[m->n].bytes, entry->bytes, entry->len);
	m->n++;
	if (m->start + m->n > m->open_from + SEGMENT_ENTRIES)
		m->open_from = m->start + m->n;
}

void image_copy(const struct disk_image *from, struct disk_image *to)
{
	image_close(to);
	*to = *from;
	to->entries = NULL;
	to->n = 0;
	to->cap = 0;
	for (size_t i = 0; i < from->n; i++)
		image_add(to, &from->entries[i]);
	if (from->has_snapshot)
		image_copy_snapshot(&from->snapshot, &to->snapshot);
}
