#include "node/serve.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void serve_init(struct serve *s)
{
	memset(s, 0, sizeof *s);
	queue_init(&s->proposals);
	queue_init(&s->asks);
}

void serve_close(struct serve *s)
{
	while (!queue_empty(&s->proposals))
		serve_forget(s, CONTAINER_OF(queue_front(&s->proposals), struct proposal, link));
	while (!queue_empty(&s->asks))
		serve_drop(s, CONTAINER_OF(queue_front(&s->asks), struct ask, link));
	assert(s->n == 0);
}

struct proposal *serve_propose(struct serve *s, const struct asker *from)
{
	struct proposal *p;

	if (s->n >= SERVE_MAX)
		return NULL;
	p = malloc(sizeof *p);
	if (p == NULL)
		return NULL;
	p->from = *from;
	queue_push(&s->proposals, &p->link);
	s->n++;
	return p;
}

void serve_forget(struct serve *s, struct proposal *p)
{
	queue_remove(&p->link);
	free(p);
	s->n--;
}

struct ask *serve_ask(struct serve *s, const struct asker *from, uint64_t term, uint64_t index,
                      const uint8_t *result, size_t len)
{
	struct ask *a;

	if (s->n >= SERVE_MAX)
		return NULL;
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return NULL;
	a->from = *from;
	a->term = term;
	a->index = index;
	if (result != NULL) {
		a->write = true;
		a->result = malloc(len + 1);
		if (a->result == NULL) {
			free(a);
			return NULL;
		}
		memcpy(a->result, result, len);
		a->len = len;
	}
	queue_push(&s->asks, &a->link);
	s->n++;
	return a;
}

void serve_drop(struct serve *s, struct ask *a)
{
	queue_remove(&a->link);
	free(a->result);
	free(a);
	s->n--;
}

bool serve_wants_round(const struct serve *s)
{
	/* Asks join rounds in order, so the newest one tells. */
	return !queue_empty(&s->asks) && CONTAINER_OF(s->asks.prev, struct ask, link)->round == 0;
}

void serve_join_round(struct serve *s, uint64_t round)
{
	struct queue *pos;

	assert(round > 0);
	for (pos = s->asks.prev; pos != &s->asks; pos = pos->prev) {
		struct ask *a = CONTAINER_OF(pos, struct ask, link);

		if (a->round != 0)
			break;
		a->round = round;
	}
}

struct ask *serve_confirmed(const struct serve *s, uint64_t term, uint64_t round)
{
	struct ask *a;

	if (queue_empty(&s->asks))
		return NULL;
	a = CONTAINER_OF(queue_front(&s->asks), struct ask, link);
	return a->term == term && a->round != 0 && a->round <= round ? a : NULL;
}

struct ask *serve_stale(const struct serve *s, uint64_t term)
{
	struct ask *a;

	if (queue_empty(&s->asks))
		return NULL;
	a = CONTAINER_OF(queue_front(&s->asks), struct ask, link);
	return a->term != term ? a : NULL;
}
