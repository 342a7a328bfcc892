#include "session/stream.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/limits.h"

enum { SEED_STREAM = 3, SEED_EVENT = 4, SEED_BEGIN = 8, BEGIN_FIRST = 1 };

struct event {
	uint64_t hash;     /* what it adds to the digest */
	uint64_t revision; /* log index of its append */
	size_t len;        /* of bytes */
	uint8_t bytes[];
};

/* A ring would save moving pointers; streams are short, and trimming is rare. */
struct stream {
	uint32_t id;
	uint64_t first;        /* number of events[0] */
	uint64_t next;         /* number of the next one */
	size_t bytes;          /* of the events */
	struct event **events; /* owned, next - first of them */
	size_t cap;            /* allocated */
};

struct streams {
	struct stream *items; /* owned, by id */
	size_t n;
	size_t cap;
	size_t bytes;    /* counted */
	uint64_t begin;  /* first number of streams opened from now on */
	uint64_t digest; /* sum over streams and events, and begin */
};

static uint64_t stream_hash(const struct stream *st)
{
	const uint64_t fields[] = {st->id, st->first, st->next};

	return XXH64(fields, sizeof fields, SEED_STREAM);
}

/* Where every session begins adds nothing: states of earlier versions keep their digests. */
static uint64_t begin_hash(uint64_t begin)
{
	return begin == BEGIN_FIRST ? 0 : XXH64(&begin, sizeof begin, SEED_BEGIN);
}

static uint64_t event_hash(uint32_t stream, uint64_t number, const struct event *e)
{
	const uint64_t fields[] = {stream, number, e->revision};
	uint64_t seed = XXH64(fields, sizeof fields, SEED_EVENT);

	return XXH64(e->bytes, e->len, seed);
}

static size_t kept(const struct stream *st)
{
	return (size_t)(st->next - st->first);
}

enum status streams_new(struct streams **ret)
{
	struct streams *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ST_NOMEM;
	s->begin = BEGIN_FIRST;
	*ret = s;
	return ST_OK;
}

static void stream_close(struct stream *st)
{
	size_t i;

	for (i = 0; i < kept(st); i++)
		free(st->events[i]); /* NOLINT(clang-analyzer-core.CallAndMessage): all are set */
	free(st->events);
}

static void streams_free(void *part)
{
	struct streams *s = part;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		stream_close(&s->items[i]);
	free(s->items);
	free(s);
}

/* Place of the first stream whose id is not smaller. */
static size_t place_of(const struct streams *s, uint32_t id)
{
	size_t low = 0;
	size_t high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->items[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct stream *find(const struct streams *s, uint32_t id)
{
	size_t at = place_of(s, id);

	return at < s->n && s->items[at].id == id ? &s->items[at] : NULL;
}

/* The list with room for one more, maybe moved; NULL: as before, out of memory. */
static void *roomy(void *items, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap == 0 ? 4 : 2 * *cap;
	void *grown;

	if (n < *cap)
		return items;
	grown = realloc(items, want * size);
	if (grown != NULL)
		*cap = want;
	return grown;
}

static enum status add_stream(struct streams *s, uint32_t id, struct stream **ret)
{
	const struct stream fresh = {.id = id, .first = s->begin, .next = s->begin};
	struct stream *items = roomy(s->items, &s->cap, s->n, sizeof *items);
	size_t at;

	if (items == NULL)
		return ST_NOMEM;
	s->items = items;
	at = place_of(s, id);
	memmove(&s->items[at + 1], &s->items[at], (s->n - at) * sizeof *s->items);
	s->items[at] = fresh;
	s->n++;
	s->bytes += STREAM_OVERHEAD;
	s->digest += stream_hash(&s->items[at]);
	*ret = &s->items[at];
	return ST_OK;
}

static void drop_oldest(struct streams *s, struct stream *st, size_t n)
{
	size_t i;

	if (n == 0)
		return;
	s->digest -= stream_hash(st);
	for (i = 0; i < n; i++) {
		struct event *e = st->events[i];

		s->digest -= e->hash;
		s->bytes -= EVENT_OVERHEAD + e->len;
		st->bytes -= e->len;
		free(e);
	}
	memmove(st->events, st->events + n, (kept(st) - n) * sizeof(struct event *));
	st->first += n;
	s->digest += stream_hash(st);
}

size_t streams_cost(const struct streams *s, const struct append *a)
{
	size_t cost = EVENT_OVERHEAD + a->len;

	return s != NULL && find(s, a->stream) != NULL ? cost : cost + STREAM_OVERHEAD;
}

static enum stream_limit limit_of(const struct streams *s, const struct append *a)
{
	const struct stream *st = find(s, a->stream);
	size_t stay;

	if (a->len > EVENT_BYTES_MAX)
		return STREAM_LIMIT_LENGTH;
	if (st == NULL && s->n >= STREAMS_MAX)
		return STREAM_LIMIT_STREAMS;
	stay = st == NULL ? 1 : kept(st) + 1;
	if (a->keep != 0 && a->keep < stay)
		stay = a->keep;
	return stay > EVENTS_MAX ? STREAM_LIMIT_EVENTS : STREAM_LIMIT_NONE;
}

static enum status event_new(const struct append *a, uint64_t number, struct event **ret)
{
	struct event *e = malloc(sizeof *e + a->len);

	if (e == NULL)
		return ST_NOMEM;
	e->revision = a->revision;
	e->len = a->len;
	if (a->len > 0)
		memcpy(e->bytes, a->bytes, a->len);
	e->hash = event_hash(a->stream, number, e);
	*ret = e;
	return ST_OK;
}

static enum status push_event(struct streams *s, struct stream *st, struct event *e)
{
	struct event **events = roomy(st->events, &st->cap, kept(st), sizeof(struct event *));

	if (events == NULL)
		return ST_NOMEM;
	st->events = events;
	s->digest -= stream_hash(st);
	st->events[kept(st)] = e;
	st->next++;
	st->bytes += e->len;
	s->bytes += EVENT_OVERHEAD + e->len;
	s->digest += stream_hash(st) + e->hash;
	return ST_OK;
}

enum status streams_append(struct streams *s, const struct append *a, uint64_t *ret_number,
                           enum stream_limit *ret_what)
{
	struct stream *st = find(s, a->stream);
	struct event *e;

	*ret_what = limit_of(s, a);
	if (*ret_what != STREAM_LIMIT_NONE)
		return ST_LIMIT;
	if (event_new(a, st == NULL ? s->begin : st->next, &e) != ST_OK)
		return ST_NOMEM;
	if (st == NULL && add_stream(s, a->stream, &st) != ST_OK)
		goto err_event;
	if (push_event(s, st, e) != ST_OK)
		goto err_event;
	if (a->keep != 0 && kept(st) > a->keep)
		drop_oldest(s, st, kept(st) - a->keep);
	*ret_number = st->next - 1;
	return ST_OK;
err_event:
	free(e);
	return ST_NOMEM;
}

enum status streams_trim(struct streams *s, uint32_t stream, uint64_t last)
{
	struct stream *st = find(s, stream);

	if (st == NULL)
		return ST_NOT_FOUND;
	if (last >= st->next)
		drop_oldest(s, st, kept(st));
	else if (last >= st->first)
		drop_oldest(s, st, (size_t)(last - st->first + 1));
	return ST_OK;
}

/* Remembering costs as much as a stream, and only a stream that goes begins it: closing never
 * needs room. */
static void set_begin(struct streams *s, uint64_t begin)
{
	if (begin <= s->begin)
		return;
	if (s->begin == BEGIN_FIRST)
		s->bytes += STREAM_OVERHEAD;
	s->digest += begin_hash(begin) - begin_hash(s->begin);
	s->begin = begin;
}

enum status streams_drop(struct streams *s, uint32_t stream, bool remember)
{
	struct stream *st = find(s, stream);
	size_t at;

	if (st == NULL)
		return ST_NOT_FOUND;
	drop_oldest(s, st, kept(st));
	s->digest -= stream_hash(st);
	s->bytes -= STREAM_OVERHEAD;
	if (remember)
		set_begin(s, st->next);
	stream_close(st);
	at = (size_t)(st - s->items);
	memmove(st, st + 1, (s->n - at - 1) * sizeof *st);
	s->n--;
	return ST_OK;
}

size_t streams_count(const struct streams *s)
{
	return s->n;
}

void streams_at(const struct streams *s, size_t i, struct stream_view *ret)
{
	const struct stream *st = &s->items[i];

	assert(i < s->n);
	ret->id = st->id;
	ret->first = st->first;
	ret->next = st->next;
	ret->bytes = st->bytes;
}

enum status streams_get(const struct streams *s, uint32_t stream, struct stream_view *ret)
{
	const struct stream *st = find(s, stream);

	if (st == NULL)
		return ST_NOT_FOUND;
	streams_at(s, (size_t)(st - s->items), ret);
	return ST_OK;
}

enum status streams_replay(const struct streams *s, uint32_t stream, uint64_t after,
                           stream_event_cb cb, void *arg, uint64_t *ret_first)
{
	const struct stream *st = find(s, stream);
	uint64_t number;

	if (st == NULL) {
		*ret_first = 0;
		return ST_NOT_FOUND;
	}
	if (after + 1 < st->first) {
		*ret_first = st->first;
		return ST_NOT_FOUND;
	}
	for (number = after + 1; number < st->next; number++) {
		const struct event *e = st->events[number - st->first];
		const struct event_view view = {number, e->revision, e->bytes, e->len};

		if (!cb(arg, &view))
			break;
	}
	return ST_OK;
}

/* --- As a part of a session ------------------------------------------------------------ */

static size_t part_bytes(const void *part)
{
	return ((const struct streams *)part)->bytes;
}

static uint64_t part_digest(const void *part)
{
	return ((const struct streams *)part)->digest;
}

static uint64_t part_recount(const void *part)
{
	const struct streams *s = part;
	uint64_t digest = begin_hash(s->begin);
	size_t i;
	size_t k;

	for (i = 0; i < s->n; i++) {
		const struct stream *st = &s->items[i];

		digest += stream_hash(st);
		for (k = 0; k < kept(st); k++)
			digest += event_hash(st->id, st->first + k, st->events[k]);
	}
	return digest;
}

/* u16 n; n times: u32 id, u64 first, u32 events, and for each u64 revision, u32 length, bytes.
 * Then, when a stream was closed: u64 first number of streams opened from now on. */
static void part_encode(const void *part, struct buf *b)
{
	const struct streams *s = part;
	size_t i;
	size_t k;

	buf_u16(b, (uint16_t)s->n);
	for (i = 0; i < s->n; i++) {
		const struct stream *st = &s->items[i];

		buf_u32(b, st->id);
		buf_u64(b, st->first);
		buf_u32(b, (uint32_t)kept(st));
		for (k = 0; k < kept(st); k++) {
			buf_u64(b, st->events[k]->revision);
			buf_u32(b, (uint32_t)st->events[k]->len);
			buf_bytes(b, st->events[k]->bytes, st->events[k]->len);
		}
	}
	if (s->begin != BEGIN_FIRST)
		buf_u64(b, s->begin);
}

static enum status decode_event(struct cursor *c, struct streams *s, struct stream *st)
{
	struct append a = {.stream = st->id};
	struct event *e;
	uint32_t len;

	if (cursor_u64(c, &a.revision) != ST_OK || cursor_u32(c, &len) != ST_OK ||
	    len > EVENT_BYTES_MAX || cursor_bytes(c, len, &a.bytes) != ST_OK)
		return ST_MALFORMED;
	a.len = len;
	if (event_new(&a, st->next, &e) != ST_OK)
		return ST_NOMEM;
	if (push_event(s, st, e) != ST_OK) {
		free(e);
		return ST_NOMEM;
	}
	return ST_OK;
}

static enum status decode_stream(struct cursor *c, struct streams *s)
{
	struct stream *st;
	enum status status = ST_OK;
	uint64_t first;
	uint32_t id;
	uint32_t n;

	if (cursor_u32(c, &id) != ST_OK || cursor_u64(c, &first) != ST_OK ||
	    cursor_u32(c, &n) != ST_OK || first == 0 || first > UINT64_MAX - EVENTS_MAX ||
	    n > EVENTS_MAX || (s->n > 0 && s->items[s->n - 1].id >= id))
		return ST_MALFORMED;
	if (add_stream(s, id, &st) != ST_OK)
		return ST_NOMEM;
	s->digest -= stream_hash(st);
	st->first = first;
	st->next = first;
	s->digest += stream_hash(st);
	while (n-- > 0 && status == ST_OK)
		status = decode_event(c, s, st);
	return status;
}

static enum status decode_begin(struct cursor *c, struct streams *s)
{
	uint64_t begin;

	if (c->left == 0)
		return ST_OK;
	if (cursor_u64(c, &begin) != ST_OK || c->left != 0 || begin <= BEGIN_FIRST ||
	    begin > UINT64_MAX - EVENTS_MAX)
		return ST_MALFORMED;
	set_begin(s, begin);
	return ST_OK;
}

static enum status part_decode(struct cursor *c, void **ret)
{
	struct streams *s = NULL;
	enum status st;
	uint16_t n;

	if (cursor_u16(c, &n) != ST_OK || n > STREAMS_MAX)
		return ST_MALFORMED;
	st = streams_new(&s);
	while (st == ST_OK && n-- > 0)
		st = decode_stream(c, s);
	if (st == ST_OK)
		st = decode_begin(c, s);
	if (st != ST_OK) {
		streams_free(s);
		return st;
	}
	*ret = s;
	return ST_OK;
}

const struct part_ops streams_ops = {
    .bytes = part_bytes,
    .digest = part_digest,
    .recount = part_recount,
    .encode = part_encode,
    .decode = part_decode,
    .free = streams_free,
};
