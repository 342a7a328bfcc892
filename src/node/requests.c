#include "node/requests.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct queue *bucket_of(struct requests *r, uint64_t id)
{
	return &r->by_id[id % REQUEST_BUCKETS];
}

void requests_init(struct requests *r)
{
	size_t i;

	memset(r, 0, sizeof *r);
	r->next_id = 1;
	queue_init(&r->queued);
	queue_init(&r->sent);
	queue_init(&r->waiting);
	queue_init(&r->batches);
	queue_init(&r->done);
	for (i = 0; i < REQUEST_BUCKETS; i++)
		queue_init(&r->by_id[i]);
}

static void request_free(struct requests *r, struct request *q)
{
	assert(r->n > 0);
	queue_remove(&q->link);
	queue_remove(&q->bucket);
	free(q->bytes);
	free(q);
	r->n--;
}

static void free_all(struct requests *r, struct queue *list)
{
	while (!queue_empty(list))
		request_free(r, CONTAINER_OF(queue_front(list), struct request, link));
}

void requests_close(struct requests *r)
{
	while (!queue_empty(&r->batches))
		requests_drop_batch(
		    r, CONTAINER_OF(queue_front(&r->batches), struct read_batch, link));
	free_all(r, &r->queued);
	free_all(r, &r->sent);
	free_all(r, &r->waiting);
	free_all(r, &r->done);
	assert(r->n == 0);
}

/* What it is, what it says, until when, whom to tell: NOLINTNEXTLINE(readability-function-size) */
struct request *requests_add(struct requests *r, bool read, const uint8_t *bytes, size_t len,
                             int64_t deadline_us, core_done_cb cb, void *arg)
{
	struct request *q;

	if (r->n >= REQUESTS_MAX) {
		r->refused++;
		return NULL;
	}
	q = calloc(1, sizeof *q);
	if (q == NULL)
		return NULL;
	if (len > 0) {
		q->bytes = malloc(len);
		if (q->bytes == NULL) {
			free(q);
			return NULL;
		}
		memcpy(q->bytes, bytes, len);
		q->len = len;
	}
	q->id = r->next_id++;
	q->read = read;
	q->deadline_us = deadline_us;
	q->cb = cb;
	q->arg = arg;
	queue_push(read ? &r->waiting : &r->queued, &q->link);
	queue_push(bucket_of(r, q->id), &q->bucket);
	r->n++;
	return q;
}

struct request *requests_find(struct requests *r, uint64_t id)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, bucket_of(r, id)) {
		struct request *q = CONTAINER_OF(pos, struct request, bucket);

		if (q->id == id && !q->read && q->state != REQUEST_DONE)
			return q;
	}
	return NULL;
}

void requests_finish(struct requests *r, struct request *q, enum status st, const uint8_t *result,
                     size_t len)
{
	uint8_t *copy = NULL;

	assert(q->state != REQUEST_DONE);
	if (len > 0) {
		copy = malloc(len);
		/* The write took effect; only its result cannot be told. */
		if (copy == NULL)
			st = ST_UNKNOWN;
		else
			memcpy(copy, result, len);
	}
	free(q->bytes);
	q->bytes = copy;
	q->len = copy == NULL ? 0 : len;
	q->st = st;
	q->state = REQUEST_DONE;
	queue_remove(&q->link);
	queue_push(&r->done, &q->link);
}

void requests_mark_sent(struct requests *r, struct request *q, const struct raft_view *raft,
                        int64_t now_us)
{
	assert(!q->read && q->state == REQUEST_QUEUED);
	q->state = REQUEST_SENT;
	q->sent_again = q->ever_sent;
	q->ever_sent = true;
	q->sent_us = now_us;
	q->leader_id = raft->leader_id;
	q->term = raft->term;
	queue_remove(&q->link);
	queue_push(&r->sent, &q->link);
}

void requests_requeue(struct requests *r, struct request *q)
{
	assert(!q->read && q->state == REQUEST_SENT);
	q->state = REQUEST_QUEUED;
	queue_remove(&q->link);
	queue_push(&r->queued, &q->link);
}

struct read_batch *requests_open_batch(struct requests *r, const struct raft_view *raft,
                                       int64_t now_us)
{
	struct read_batch *b;

	if (queue_empty(&r->waiting))
		return NULL;
	b = calloc(1, sizeof *b);
	if (b == NULL)
		return NULL;
	queue_init(&b->reads);
	while (!queue_empty(&r->waiting)) {
		struct queue *front = queue_front(&r->waiting);

		queue_remove(front);
		queue_push(&b->reads, front);
		b->confirm |= CONTAINER_OF(front, struct request, link)->confirm;
	}
	b->id = r->next_id++;
	b->leader_id = raft->leader_id;
	b->term = raft->term;
	b->asked_us = now_us;
	queue_push(&r->batches, &b->link);
	return b;
}

struct read_batch *requests_find_batch(struct requests *r, uint64_t id)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &r->batches) {
		struct read_batch *b = CONTAINER_OF(pos, struct read_batch, link);

		if (b->id == id)
			return b;
	}
	return NULL;
}

void requests_drop_batch(struct requests *r, struct read_batch *b)
{
	while (!queue_empty(&b->reads)) {
		struct queue *front = queue_front(&b->reads);

		queue_remove(front);
		queue_push(&r->waiting, front);
	}
	queue_remove(&b->link);
	free(b);
}

static bool asked_in_vain(uint64_t leader_id, uint64_t term, int64_t asked_us,
                          const struct raft_view *raft, int64_t now_us)
{
	return leader_id != raft->leader_id || term != raft->term ||
	       now_us - asked_us >= REQUEST_RETRY_US;
}

static void review_sent(struct requests *r, const struct raft_view *raft, int64_t now_us)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &r->sent) {
		struct request *q = CONTAINER_OF(pos, struct request, link);

		/* What this node's own log holds is answered by consensus, exactly once. */
		if (q->leader_id == raft->self_id)
			continue;
		if (asked_in_vain(q->leader_id, q->term, q->sent_us, raft, now_us))
			requests_requeue(r, q);
	}
}

static void finish_batch(struct requests *r, struct read_batch *b)
{
	while (!queue_empty(&b->reads)) {
		struct request *q = CONTAINER_OF(queue_front(&b->reads), struct request, link);

		requests_finish(r, q, ST_OK, NULL, 0);
	}
	requests_drop_batch(r, b);
}

void requests_serve(struct requests *r, uint64_t applied)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &r->batches) {
		struct read_batch *b = CONTAINER_OF(pos, struct read_batch, link);

		if (b->confirmed && applied >= b->index)
			finish_batch(r, b);
	}
}

static void review_batches(struct requests *r, const struct raft_view *raft, int64_t now_us)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &r->batches) {
		struct read_batch *b = CONTAINER_OF(pos, struct read_batch, link);

		if (!b->confirmed &&
		    asked_in_vain(b->leader_id, b->term, b->asked_us, raft, now_us))
			requests_drop_batch(r, b);
	}
}

static void expire(struct requests *r, struct queue *list, int64_t now_us)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, list) {
		struct request *q = CONTAINER_OF(pos, struct request, link);

		if (q->deadline_us > now_us)
			continue;
		requests_finish(r, q, q->ever_sent ? ST_UNKNOWN : ST_NO_LEADER, NULL, 0);
	}
}

void requests_review(struct requests *r, const struct raft_view *raft, int64_t now_us)
{
	struct queue *pos;
	struct queue *after;

	review_sent(r, raft, now_us);
	review_batches(r, raft, now_us);
	expire(r, &r->queued, now_us);
	expire(r, &r->sent, now_us);
	expire(r, &r->waiting, now_us);
	QUEUE_EACH (pos, after, &r->batches) /* NOLINT(clang-analyzer-unix.Malloc): see queue.h */
		expire(r, &CONTAINER_OF(pos, struct read_batch, link)->reads, now_us);
}

static void refuse_list(struct requests *r, struct queue *list, enum status st)
{
	while (!queue_empty(list)) {
		struct request *q = CONTAINER_OF(queue_front(list), struct request, link);

		requests_finish(r, q, q->ever_sent ? ST_UNKNOWN : st, NULL, 0);
	}
}

void requests_refuse(struct requests *r, enum status st)
{
	while (!queue_empty(&r->batches))
		requests_drop_batch(
		    r, CONTAINER_OF(queue_front(&r->batches), struct read_batch, link));
	refuse_list(r, &r->queued, st);
	refuse_list(r, &r->sent, st);
	refuse_list(r, &r->waiting, st);
}

void requests_deliver(struct requests *r)
{
	while (!queue_empty(&r->done)) {
		struct request *q = CONTAINER_OF(queue_front(&r->done), struct request, link);
		const struct request copy = *q;

		/* The callback may add requests; q is gone by then, its result is not. */
		q->bytes = NULL;
		request_free(r, q);
		copy.cb(copy.arg, copy.st, copy.bytes, copy.len);
		free(copy.bytes);
	}
}

static int64_t earlier(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

int64_t requests_deadline_us(const struct requests *r)
{
	int64_t at = INT64_MAX;

	if (!queue_empty(&r->done))
		return 0;
	/* Lists are in order of arrival, so their fronts are due first. */
	if (!queue_empty(&r->queued))
		at = earlier(
		    at, CONTAINER_OF(queue_front(&r->queued), struct request, link)->deadline_us);
	if (!queue_empty(&r->waiting))
		at = earlier(
		    at, CONTAINER_OF(queue_front(&r->waiting), struct request, link)->deadline_us);
	if (!queue_empty(&r->sent)) {
		const struct request *q = CONTAINER_OF(queue_front(&r->sent), struct request, link);

		at = earlier(at, earlier(q->deadline_us, q->sent_us + REQUEST_RETRY_US));
	}
	if (!queue_empty(&r->batches)) {
		const struct read_batch *b =
		    CONTAINER_OF(queue_front(&r->batches), struct read_batch, link);

		at = earlier(at, b->asked_us + REQUEST_RETRY_US);
	}
	return at;
}
