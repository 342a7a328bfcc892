/* Queues, fragments and batches, sending; see link_out.h. */
#include "dist/link_out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION = 131,
	PASS_THROUGH = 112,
	HEADER = 68,
	FRAGMENT_FIRST = 69,
	FRAGMENT_NEXT = 70,
	FRAME_HEAD = 4,
	WHOLE_HEAD_MAX = FRAME_HEAD + 4, /* length, and the most that goes around the parts */
};

static const size_t class_max[LINK_CLASSES] = {
    [LINK_URGENT] = LINK_URGENT_MAX,
    [LINK_NORMAL] = LINK_NORMAL_MAX,
    [LINK_BULK] = LINK_BULK_MAX,
};

/* Bytes of each class in one batch. Bulk always gets its fragment, and never more. */
static const size_t class_batch[LINK_CLASSES] = {
    [LINK_URGENT] = LINK_WRITE_MAX,
    [LINK_NORMAL] = LINK_WRITE_MAX,
    [LINK_BULK] = LINK_FRAGMENT,
};

struct link_out_message {
	struct queue queue;    /* in the queue of its class; alone while in the batch */
	enum link_class klass; /* whose queue it came from */
	bool cut;              /* travels as fragments; bytes has no frame around it */
	uint64_t sequence;     /* of a message that is cut; 0 before its first piece */
	size_t sent;           /* bytes of a cut message that were written */
	size_t len;
	uint8_t bytes[];
};

void link_out_init(struct link_out *out, bool headers, bool fragments)
{
	memset(out, 0, sizeof *out);
	out->headers = headers;
	out->fragments = headers && fragments;
	out->room = SIZE_MAX;
	for (unsigned i = 0; i < LINK_CLASSES; i++)
		queue_init(&out->queues[i]);
}

static void message_free(struct link_out *out, struct link_out_message *m)
{
	out->queued[m->klass] -= m->len;
	queue_remove(&m->queue);
	free(m);
}

void link_out_close(struct link_out *out)
{
	struct queue *pos;
	struct queue *after;

	for (size_t i = 0; i < out->n_batch; i++) {
		if (out->entries[i].kind == LINK_ENTRY_WHOLE)
			message_free(out, out->entries[i].message);
	}
	out->n_batch = 0;
	for (unsigned i = 0; i < LINK_CLASSES; i++) {
		if (out->queues[i].next == NULL)
			return; /* never initialised */
		QUEUE_EACH (pos, after, &out->queues[i])
			message_free(out, CONTAINER_OF(pos, struct link_out_message, queue));
	}
	memset(out, 0, sizeof *out);
}

static uint8_t *put_chunk(uint8_t *at, const struct link_chunk *chunk)
{
	if (chunk->len > 0)
		memcpy(at, chunk->base, chunk->len);
	return at + chunk->len;
}

static void put_u32(uint8_t *at, size_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put_u64(uint8_t *at, uint64_t v)
{
	put_u32(at, (size_t)(v >> 32));
	put_u32(at + 4, (size_t)(v & UINT32_MAX));
}

/* Lay a whole message out with the frame around it. */
static size_t frame_write(const struct link_out *out, const struct link_parts *parts, uint8_t *base)
{
	uint8_t *at = base + FRAME_HEAD;

	if (out->headers) {
		*at++ = VERSION;
		*at++ = HEADER;
		*at++ = 0; /* no atoms announced */
	} else {
		*at++ = PASS_THROUGH;
		*at++ = VERSION;
	}
	at = put_chunk(at, &parts->control);
	if (parts->payload.len > 0) {
		if (!out->headers)
			*at++ = VERSION;
		at = put_chunk(put_chunk(at, &parts->payload), &parts->tail);
	}
	put_u32(base, (size_t)(at - base) - FRAME_HEAD);
	return (size_t)(at - base);
}

/* Lay the bare parts out: what the fragments are cut from. */
static size_t parts_write(const struct link_parts *parts, uint8_t *base)
{
	uint8_t *at = put_chunk(base, &parts->control);

	at = put_chunk(at, &parts->payload);
	return (size_t)(put_chunk(at, &parts->tail) - base);
}

enum status link_out_message(struct link_out *out, enum link_class klass,
                             const struct link_parts *parts)
{
	size_t len = parts->control.len + parts->payload.len + parts->tail.len;
	bool cut = out->fragments && len > LINK_FRAGMENT;
	struct link_out_message *m;

	assert(parts->control.len > 0 && parts->control.len <= LINK_CONTROL_MAX);
	if (len >
	    (out->fragments ? (size_t)LINK_MESSAGE_MAX : (size_t)LINK_FRAME_MAX - WHOLE_HEAD_MAX))
		return ST_LIMIT;
	/* One message always fits into an empty queue. */
	if (out->queued[klass] > 0 && len > class_max[klass] - out->queued[klass])
		return ST_BUSY;
	m = malloc(sizeof *m + WHOLE_HEAD_MAX + len);
	if (m == NULL)
		return ST_NOMEM;
	m->klass = klass;
	m->cut = cut;
	m->sequence = 0;
	m->sent = 0;
	if (cut)
		m->len = parts_write(parts, m->bytes);
	else
		m->len = frame_write(out, parts, m->bytes);
	out->queued[klass] += m->len;
	queue_push(&out->queues[klass], &m->queue);
	return ST_OK;
}

enum status link_out_tick(struct link_out *out)
{
	struct link_out_message *m = calloc(1, sizeof *m + FRAME_HEAD);

	if (m == NULL)
		return ST_NOMEM;
	m->klass = LINK_URGENT;
	m->len = FRAME_HEAD;
	out->queued[LINK_URGENT] += m->len;
	queue_push(&out->queues[LINK_URGENT], &m->queue);
	return ST_OK;
}

static void batch_add(struct link_out *out, enum link_entry_kind kind, struct link_out_message *m,
                      const uint8_t *base, size_t len)
{
	assert(out->n_batch < LINK_CHUNKS_MAX);
	out->entries[out->n_batch] = (struct link_entry){kind, m};
	out->chunks[out->n_batch] = (struct link_chunk){base, len};
	out->n_batch++;
}

/* The next fragment of a message: "FragmentId: the first has the number of fragments, the last
 * has 1." Returns its bytes. */
static size_t batch_piece(struct link_out *out, struct link_out_message *m)
{
	struct link_piece *p = &out->pieces[m->klass];
	size_t left = m->len - m->sent;
	size_t slice = left < LINK_FRAGMENT ? left : LINK_FRAGMENT;
	bool first = m->sent == 0;
	size_t head = first ? LINK_PIECE_HEAD : LINK_PIECE_HEAD - 1;

	if (m->sequence == 0)
		m->sequence = ++out->sequence;
	put_u32(p->head, head - FRAME_HEAD + slice);
	p->head[4] = VERSION;
	p->head[5] = first ? FRAGMENT_FIRST : FRAGMENT_NEXT;
	put_u64(p->head + 6, m->sequence);
	put_u64(p->head + 14, (left + LINK_FRAGMENT - 1) / LINK_FRAGMENT);
	p->head[22] = 0; /* no atoms announced; only the first piece has this byte */
	p->used = true;
	batch_add(out, LINK_ENTRY_HEAD, m, p->head, head);
	batch_add(out, LINK_ENTRY_SLICE, m, m->bytes + m->sent, slice);
	return head + slice;
}

void link_out_bound(struct link_out *out, size_t room)
{
	out->room = room;
}

bool link_out_waits(const struct link_out *out)
{
	return out->queued[LINK_NORMAL] > 0 || out->queued[LINK_BULK] > 0;
}

/* Bytes of a batch that this class may have. */
static size_t bound_of(const struct link_out *out, enum link_class klass)
{
	return klass == LINK_URGENT || out->room > class_batch[klass] ? class_batch[klass]
	                                                              : out->room;
}

static void batch_class(struct link_out *out, enum link_class klass)
{
	const size_t bound = bound_of(out, klass);
	struct queue *front;
	size_t bytes = 0;

	while (bytes < bound && out->n_batch + 2 <= LINK_CHUNKS_MAX) {
		struct link_out_message *m;

		front = queue_front(&out->queues[klass]);
		if (front == NULL)
			return;
		m = CONTAINER_OF(front, struct link_out_message, queue);
		if (m->cut) {
			if (!out->pieces[klass].used)
				(void)batch_piece(out, m);
			return;
		}
		queue_remove(front);
		batch_add(out, LINK_ENTRY_WHOLE, m, m->bytes, m->len);
		bytes += m->len;
	}
}

size_t link_out_batch(struct link_out *out, const struct link_chunk **ret)
{
	if (out->n_batch == 0 || out->begun) {
		for (unsigned i = 0; i < LINK_CLASSES; i++)
			batch_class(out, (enum link_class)i);
	}
	*ret = out->chunks;
	return out->n_batch;
}

/* The first entry is on the wire. */
static void entry_done(struct link_out *out, const struct link_entry *e, size_t len)
{
	struct link_out_message *m = e->message;

	if (e->kind == LINK_ENTRY_WHOLE) {
		message_free(out, m);
		return;
	}
	if (e->kind == LINK_ENTRY_HEAD)
		return;
	out->pieces[m->klass].used = false;
	m->sent += len;
	if (m->sent == m->len)
		message_free(out, m);
}

/* Give back what was not begun, so that a later urgent message can go ahead of it. */
static void batch_unwind(struct link_out *out, size_t keep)
{
	while (out->n_batch > keep) {
		const struct link_entry *e = &out->entries[--out->n_batch];
		struct link_out_message *m = e->message;

		if (e->kind == LINK_ENTRY_WHOLE)
			queue_push(out->queues[m->klass].next, &m->queue);
		else
			out->pieces[m->klass].used = false;
	}
}

void link_out_wrote(struct link_out *out, size_t bytes)
{
	size_t done = 0;
	size_t keep = 0;
	size_t whole;

	while (done < out->n_batch && bytes >= out->chunks[done].len) {
		bytes -= out->chunks[done].len;
		/* A slice may have been shortened by earlier writes: its whole length counts. */
		whole = out->chunks[done].len;
		if (out->entries[done].kind == LINK_ENTRY_SLICE)
			whole = (size_t)(out->chunks[done].base + whole -
			                 (out->entries[done].message->bytes +
			                  out->entries[done].message->sent));
		entry_done(out, &out->entries[done], whole);
		done++;
	}
	assert(done < out->n_batch || bytes == 0);
	out->n_batch -= done;
	memmove(out->entries, out->entries + done, out->n_batch * sizeof out->entries[0]);
	memmove(out->chunks, out->chunks + done, out->n_batch * sizeof out->chunks[0]);
	if (out->n_batch > 0) {
		out->chunks[0].base += bytes;
		out->chunks[0].len -= bytes;
		out->begun = bytes > 0 || (done == 0 && out->begun) ||
		             out->entries[0].kind == LINK_ENTRY_SLICE;
		if (out->begun)
			keep = out->entries[0].kind == LINK_ENTRY_HEAD ? 2 : 1;
		batch_unwind(out, keep);
	}
	if (out->n_batch == 0)
		out->begun = false;
}

size_t link_out_queued(const struct link_out *out)
{
	size_t n = 0;

	for (unsigned i = 0; i < LINK_CLASSES; i++)
		n += out->queued[i];
	return n;
}
