#include "node/course.h"

#include <assert.h>
#include <string.h>

static const struct course_mark *mark_at(const struct course *c, size_t i)
{
	assert(i < c->n);
	return &c->marks[(c->first + i) % COURSE_MARKS];
}

static void add_mark(struct course *c, const struct course_mark *m)
{
	c->marks[(c->first + c->n) % COURSE_MARKS] = *m;
	if (c->n < COURSE_MARKS)
		c->n++;
	else
		c->first = (c->first + 1) % COURSE_MARKS;
}

void course_note(struct course *c, uint64_t index, uint64_t bytes, int64_t now_us)
{
	const struct course_mark m = {index, bytes, now_us};

	if (c->n > 0 && index == c->now.index)
		return;
	/* A whole state took the old one's place: what was counted before does not go on. */
	if (c->n > 0 && (index < c->now.index || bytes < c->now.bytes))
		c->n = 0;
	c->now = m;
	if (c->n == 0 || now_us - mark_at(c, c->n - 1)->at_us >= COURSE_GAP_US)
		add_mark(c, &m);
}

/* The first mark behind index; c->n: there is none. */
static size_t mark_behind(const struct course *c, uint64_t index)
{
	size_t low = 0;
	size_t high = c->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (mark_at(c, middle)->index > index)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Bytes from one mark on to an index, at the pace between it and another. */
static double paced(const struct course_mark *from, const struct course_mark *to, uint64_t index)
{
	const double entries = (double)to->index - (double)from->index;
	const double bytes = (double)to->bytes - (double)from->bytes;

	return entries == 0 ? 0 : ((double)index - (double)from->index) * bytes / entries;
}

/* On the scale of the marks; may be negative before the first of them. */
static double bytes_at(const struct course *c, uint64_t index)
{
	const struct course_mark *first = mark_at(c, 0);
	const size_t behind = mark_behind(c, index);
	const struct course_mark *before = behind == 0 ? first : mark_at(c, behind - 1);
	const struct course_mark *after = behind == c->n ? &c->now : mark_at(c, behind);

	if (behind == 0 || index > c->now.index)
		return (double)first->bytes + paced(first, &c->now, index);
	return (double)before->bytes + paced(before, after, index);
}

uint64_t course_bytes(const struct course *c, uint64_t from, uint64_t to)
{
	double bytes;

	if (c->n == 0 || to <= from)
		return 0;
	bytes = bytes_at(c, to) - bytes_at(c, from);
	return bytes > 0 ? (uint64_t)bytes : 0;
}

int64_t course_age_us(const struct course *c, uint64_t index, int64_t now_us)
{
	const size_t behind = mark_behind(c, index);
	int64_t age_us;

	if (c->n == 0 || index >= c->now.index)
		return 0;
	age_us = now_us - (behind < c->n ? mark_at(c, behind) : &c->now)->at_us;
	return age_us > 0 ? age_us : 0;
}

/* Its place; a free one or that of somebody who has gone if need be. */
static struct course_member *place_of(struct course *c, const char *name)
{
	struct course_member *oldest = &c->members[0];

	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		struct course_member *m = &c->members[i];

		if (strcmp(m->name, name) == 0)
			return m;
		if (oldest->n > 0 &&
		    (m->n == 0 || m->at_us[(m->n - 1) % COURSE_STEPS] <
		                      oldest->at_us[(oldest->n - 1) % COURSE_STEPS]))
			oldest = m;
	}
	memset(oldest, 0, sizeof *oldest);
	assert(strlen(name) < sizeof oldest->name);
	memcpy(oldest->name, name, strlen(name) + 1);
	return oldest;
}

void course_step(struct course *c, const char *name, uint64_t index, int64_t now_us)
{
	struct course_member *m = place_of(c, name);

	m->index[m->n % COURSE_STEPS] = index;
	m->at_us[m->n % COURSE_STEPS] = now_us;
	m->n++;
}

double course_rate(const struct course *c, const char *name)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		const struct course_member *m = &c->members[i];
		const size_t kept = m->n < COURSE_STEPS ? m->n : COURSE_STEPS;
		size_t old;
		size_t new;

		if (kept < 2 || strcmp(m->name, name) != 0)
			continue;
		old = (m->n - kept) % COURSE_STEPS;
		new = (m->n - 1) % COURSE_STEPS;
		if (m->at_us[new] <= m->at_us[old])
			return 0;
		return (double)course_bytes(c, m->index[old], m->index[new]) * 1000000.0 /
		       (double)(m->at_us[new] - m->at_us[old]);
	}
	return 0;
}
