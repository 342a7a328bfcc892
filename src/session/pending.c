#include "session/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "session/limits.h"

enum { SEED_QUESTION = 5, TOKEN_MAX = 256 };

struct question {
	uint64_t id;
	uint64_t revision;
	uint64_t hash; /* what it adds to the digest */
	uint32_t stream;
	bool answered;
	uint32_t token_len;
	size_t question_len;
	uint8_t *answer; /* owned; NULL until answered */
	size_t answer_len;
	uint8_t bytes[]; /* token, question */
};

struct pending {
	struct question *items[PENDING_MAX]; /* owned, by id */
	size_t n;
	size_t bytes;    /* counted */
	uint64_t digest; /* sum of the hashes */
};

static uint64_t question_hash(const struct question *q)
{
	const uint64_t fields[] = {q->id,        q->revision,     q->stream,    q->answered,
	                           q->token_len, q->question_len, q->answer_len};
	uint64_t hash = XXH64(fields, sizeof fields, SEED_QUESTION);

	hash = XXH64(q->bytes, q->token_len + q->question_len, hash);
	return q->answered ? XXH64(q->answer, q->answer_len, hash) : hash;
}

static size_t question_bytes(const struct question *q)
{
	return PENDING_OVERHEAD + q->token_len + q->question_len + q->answer_len;
}

enum status pending_new(struct pending **ret)
{
	struct pending *p = calloc(1, sizeof *p);

	if (p == NULL)
		return ST_NOMEM;
	*ret = p;
	return ST_OK;
}

static void question_free(struct question *q)
{
	free(q->answer);
	free(q);
}

static void pending_free(void *part)
{
	struct pending *p = part;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->n; i++)
		question_free(p->items[i]);
	free(p);
}

static struct question *find(const struct pending *p, uint64_t id)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->items[i]->id == id)
			return p->items[i];
	}
	return NULL;
}

size_t pending_cost(const struct question_view *q)
{
	return PENDING_OVERHEAD + q->token_len + q->question_len;
}

static enum status question_new(const struct question_view *from, struct question **ret)
{
	struct question *q = calloc(1, sizeof *q + from->token_len + from->question_len);

	if (q == NULL)
		return ST_NOMEM;
	q->id = from->id;
	q->revision = from->revision;
	q->stream = from->stream;
	q->token_len = (uint32_t)from->token_len;
	q->question_len = from->question_len;
	if (from->token_len > 0)
		memcpy(q->bytes, from->token, from->token_len);
	if (from->question_len > 0)
		memcpy(q->bytes + from->token_len, from->question, from->question_len);
	*ret = q;
	return ST_OK;
}

/* Ids grow with the log: a new one nearly always goes to the end. */
static void insert(struct pending *p, struct question *q)
{
	size_t at = p->n;

	while (at > 0 && p->items[at - 1]->id > q->id) {
		p->items[at] = p->items[at - 1];
		at--;
	}
	p->items[at] = q;
	p->n++;
	q->hash = question_hash(q);
	p->digest += q->hash;
	p->bytes += question_bytes(q);
}

enum status pending_ask(struct pending *p, const struct question_view *q)
{
	struct question *fresh;

	if (q->question_len > PENDING_BYTES_MAX || q->token_len > TOKEN_MAX)
		return ST_LIMIT;
	if (find(p, q->id) != NULL)
		return ST_EXISTS;
	if (p->n >= PENDING_MAX)
		return ST_LIMIT;
	if (question_new(q, &fresh) != ST_OK)
		return ST_NOMEM;
	insert(p, fresh);
	return ST_OK;
}

/* Give a question its answer, without asking whether it may have one. */
static enum status set_answer(struct question *q, const uint8_t *answer, size_t len)
{
	q->answer = malloc(len + 1);
	if (q->answer == NULL)
		return ST_NOMEM;
	if (len > 0)
		memcpy(q->answer, answer, len);
	q->answer_len = len;
	q->answered = true;
	return ST_OK;
}

enum status pending_answer(struct pending *p, uint64_t id, uint64_t revision, const uint8_t *answer,
                           size_t len)
{
	struct question *q = find(p, id);

	if (q == NULL)
		return ST_NOT_FOUND;
	if (q->answered)
		return ST_EXISTS;
	if (len > PENDING_BYTES_MAX)
		return ST_LIMIT;
	if (set_answer(q, answer, len) != ST_OK)
		return ST_NOMEM;
	q->revision = revision;
	p->bytes += len;
	p->digest -= q->hash;
	q->hash = question_hash(q);
	p->digest += q->hash;
	return ST_OK;
}

enum status pending_drop(struct pending *p, uint64_t id)
{
	struct question *q = find(p, id);
	size_t i = 0;

	if (q == NULL)
		return ST_NOT_FOUND;
	while (p->items[i] != q)
		i++;
	memmove(&p->items[i], &p->items[i + 1], (p->n - i - 1) * sizeof(struct question *));
	p->n--;
	p->digest -= q->hash;
	p->bytes -= question_bytes(q);
	question_free(q);
	return ST_OK;
}

static void view_of(const struct question *q, struct question_view *ret)
{
	ret->id = q->id;
	ret->stream = q->stream;
	ret->answered = q->answered;
	ret->revision = q->revision;
	ret->token = q->bytes;
	ret->token_len = q->token_len;
	ret->question = q->bytes + q->token_len;
	ret->question_len = q->question_len;
	ret->answer = q->answer;
	ret->answer_len = q->answer_len;
}

enum status pending_get(const struct pending *p, uint64_t id, struct question_view *ret)
{
	const struct question *q = find(p, id);

	if (q == NULL)
		return ST_NOT_FOUND;
	view_of(q, ret);
	return ST_OK;
}

size_t pending_count(const struct pending *p)
{
	return p->n;
}

void pending_at(const struct pending *p, size_t i, struct question_view *ret)
{
	assert(i < p->n);
	view_of(p->items[i], ret);
}

/* --- As a part of a session ------------------------------------------------------------ */

static size_t part_bytes(const void *part)
{
	return ((const struct pending *)part)->bytes;
}

static uint64_t part_digest(const void *part)
{
	return ((const struct pending *)part)->digest;
}

static uint64_t part_recount(const void *part)
{
	const struct pending *p = part;
	uint64_t digest = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		digest += question_hash(p->items[i]);
	return digest;
}

/* u8 n; n times: u64 id, u64 revision, u32 stream, u8 answered, u16 length and token, u32 length
 * and question, and when answered u32 length and answer. */
static void part_encode(const void *part, struct buf *b)
{
	const struct pending *p = part;
	size_t i;

	buf_u8(b, (uint8_t)p->n);
	for (i = 0; i < p->n; i++) {
		const struct question *q = p->items[i];

		buf_u64(b, q->id);
		buf_u64(b, q->revision);
		buf_u32(b, q->stream);
		buf_u8(b, q->answered);
		buf_u16(b, (uint16_t)q->token_len);
		buf_bytes(b, q->bytes, q->token_len);
		buf_u32(b, (uint32_t)q->question_len);
		buf_bytes(b, q->bytes + q->token_len, q->question_len);
		if (!q->answered)
			continue;
		buf_u32(b, (uint32_t)q->answer_len);
		buf_bytes(b, q->answer, q->answer_len);
	}
}

static enum status decode_bytes(struct cursor *c, size_t max, const uint8_t **ret, size_t *ret_len)
{
	uint32_t len;

	if (cursor_u32(c, &len) != ST_OK || len > max || cursor_bytes(c, len, ret) != ST_OK)
		return ST_MALFORMED;
	*ret_len = len;
	return ST_OK;
}

static enum status decode_view(struct cursor *c, struct question_view *q)
{
	uint8_t answered;
	uint16_t token_len;

	if (cursor_u64(c, &q->id) != ST_OK || cursor_u64(c, &q->revision) != ST_OK ||
	    cursor_u32(c, &q->stream) != ST_OK || cursor_u8(c, &answered) != ST_OK ||
	    answered > 1 || cursor_u16(c, &token_len) != ST_OK || token_len > TOKEN_MAX ||
	    cursor_bytes(c, token_len, &q->token) != ST_OK ||
	    decode_bytes(c, PENDING_BYTES_MAX, &q->question, &q->question_len) != ST_OK)
		return ST_MALFORMED;
	q->token_len = token_len;
	q->answered = answered;
	if (q->answered)
		return decode_bytes(c, PENDING_BYTES_MAX, &q->answer, &q->answer_len);
	return ST_OK;
}

static enum status decode_question(struct cursor *c, struct pending *p)
{
	struct question_view view = {0};
	struct question *q;

	if (decode_view(c, &view) != ST_OK || (p->n > 0 && p->items[p->n - 1]->id >= view.id))
		return ST_MALFORMED;
	if (question_new(&view, &q) != ST_OK)
		return ST_NOMEM;
	if (view.answered && set_answer(q, view.answer, view.answer_len) != ST_OK) {
		question_free(q);
		return ST_NOMEM;
	}
	insert(p, q);
	return ST_OK;
}

static enum status part_decode(struct cursor *c, void **ret)
{
	struct pending *p = NULL;
	enum status st;
	uint8_t n;

	if (cursor_u8(c, &n) != ST_OK || n > PENDING_MAX)
		return ST_MALFORMED;
	st = pending_new(&p);
	while (st == ST_OK && n-- > 0)
		st = decode_question(c, p);
	if (st == ST_OK && c->left != 0)
		st = ST_MALFORMED;
	if (st != ST_OK) {
		pending_free(p);
		return st;
	}
	*ret = p;
	return ST_OK;
}

const struct part_ops pending_ops = {
    .bytes = part_bytes,
    .digest = part_digest,
    .recount = part_recount,
    .encode = part_encode,
    .decode = part_decode,
    .free = pending_free,
};
