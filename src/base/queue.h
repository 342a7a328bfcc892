/* An intrusive doubly linked list: the link lives in the element, nothing is allocated. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue {
	struct queue *prev;
	struct queue *next;
};

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Walk q from front to back; the current element may be removed. */
#define QUEUE_EACH(pos, after, q)                                    \
	for ((pos) = (q)->next, (after) = (pos)->next; (pos) != (q); \
	     (pos) = (after), (after) = (pos)->next)

static inline void queue_init(struct queue *q)
{
	q->prev = q;
	q->next = q;
}

static inline bool queue_empty(const struct queue *q)
{
	return q->next == q;
}

static inline void queue_push(struct queue *q, struct queue *item)
{
	item->prev = q->prev;
	item->next = q;
	q->prev->next = item;
	q->prev = item;
}

static inline void queue_remove(struct queue *item)
{
	item->prev->next = item->next;
	/* The analyzer takes neighbours for freed that were unlinked before they were freed. */
	item->next->prev = item->prev; /* NOLINT(clang-analyzer-unix.Malloc) */
	queue_init(item);
}

/* The front element, or NULL. */
static inline struct queue *queue_front(const struct queue *q)
{
	return queue_empty(q) ? NULL : q->next; /* NOLINT(clang-analyzer-unix.Malloc): see above */
}

#endif
