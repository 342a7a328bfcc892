/* Marks: what the log up to each entry is, on the disk and as it was handed over. */
#include "sim/disk_shadow.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

static uint64_t config_hash(const struct raft_buffer *buf)
{
	struct raft_configuration conf;
	uint64_t hash = 0;
	int rv;

	raft_configuration_init(&conf);
	rv = raft_configuration_decode(buf, &conf);
	assert(rv == 0);
	(void)rv;
	for (unsigned i = 0; i < conf.n; i++)
		hash += disk_member_hash(conf.servers[i].id, conf.servers[i].role == RAFT_VOTER);
	raft_configuration_close(&conf);
	return hash;
}

/* The same log gives the same chain on every node: each link holds all before it. */
struct disk_mark mark_next(const struct disk_mark *before, const struct raft_entry *e)
{
	uint64_t parts[4] = {before->chain, e->term, e->type, XXH3_64bits(e->buf.base, e->buf.len)};
	struct disk_mark mark = {.term = e->term,
	                         .chain = XXH3_64bits(parts, sizeof parts) | 1,
	                         .config = before->config};

	if (e->type == RAFT_CHANGE)
		mark.config = config_hash(&e->buf);
	return mark;
}

void shadow_add(struct disk_shadow *s, const struct disk_mark *mark)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : 2 * s->cap;
		s->marks = realloc(s->marks, s->cap * sizeof *s->marks);
		assert(s->marks != NULL);
	}
	s->marks[s->n++] = *mark;
}

struct disk_mark disk_last(const struct disk *d)
{
	const struct disk_shadow *s = &d->shadow;

	return s->n > 0 ? s->marks[s->n - 1] : s->base;
}

void shadow_load(struct disk *d)
{
	struct disk_shadow *s = &d->shadow;
	const struct disk_image *m = &d->image;

	s->n = 0;
	s->start = m->start;
	s->base = (struct disk_mark){0, 0, 0};
	if (m->has_snapshot && m->snapshot.index + 1 == m->start)
		s->base = m->snapshot_mark;
	for (size_t i = 0; i < m->n; i++)
		shadow_add(s, &m->entries[i].mark);
}

bool disk_mark_at(const struct disk *d, raft_index index, struct disk_mark *ret)
{
	const struct disk_shadow *s = &d->shadow;

	if (index < s->start || index >= s->start + s->n)
		return false;
	*ret = s->marks[index - s->start];
	return true;
}

bool disk_holds(const struct disk *d, raft_index index, uint64_t chain)
{
	const struct disk_image *m = &d->image;

	if (m->has_snapshot && m->snapshot.index >= index)
		return true;
	return index >= m->start && index < m->start + m->n &&
	       m->entries[index - m->start].mark.chain == chain;
}
