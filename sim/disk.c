#include "sim/disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/disk_image.h"
#include "sim/disk_shadow.h"

enum operation_type { OP_APPEND, OP_TRUNCATE, OP_PUT, OP_GET };

/* One thing that the disk was asked for. */
struct operation {
	enum operation_type type;
	struct queue link;
	int64_t due_us;
	bool lost;        /* asked for by a process that was dead already */
	raft_index first; /* append: its first index; truncate: the first one cut off */
	struct raft_io_append *append;
	raft_io_append_cb append_cb;
	const struct raft_entry *entries;
	unsigned n;
	struct raft_io_snapshot_put *put;
	raft_io_snapshot_put_cb put_cb;
	const struct raft_snapshot *snapshot;
	unsigned trailing;
	struct disk_mark before; /* put: the log up to the snapshot; append: just before first */
	struct raft_io_snapshot_get *get;
	raft_io_snapshot_get_cb get_cb;
};

static struct disk *of(struct raft_io *io)
{
	return CONTAINER_OF(io, struct disk, io);
}

/* --- Telling ------------------------------------------------------------------------- */

static bool effect(struct disk *d)
{
	return d->ops.effect == NULL || d->ops.effect(d->ops.arg);
}

/* True, once, when this is to fail now. */
static bool fails(struct disk *d, enum disk_failure what, const char *file)
{
	if (!(d->failures & what))
		return false;
	d->failures &= ~(unsigned)what;
	(void)snprintf(d->io.errmsg, sizeof d->io.errmsg, "%s: input/output error", file);
	return true;
}

/* --- raft_io ------------------------------------------------------------------------- */

static int io_init(struct raft_io *io, raft_id id, const char *address)
{
	(void)io;
	(void)id;
	(void)address;
	return 0;
}

static void load_entry(const struct disk_entry *from, struct raft_entry *to)
{
	memset(to, 0, sizeof *to);
	to->term = from->mark.term;
	to->type = (unsigned short)from->type;
	to->buf.len = from->len;
	to->buf.base = image_bytes(from->bytes, from->len);
	to->batch = to->buf.base;
}

/* The parameters are libraft's. NOLINTNEXTLINE(readability-function-size) */
static int io_load(struct raft_io *io, raft_term *term, raft_id *vote,
                   struct raft_snapshot **snapshot, raft_index *start, struct raft_entry *entries[],
                   size_t *n)
{
	struct disk *d = of(io);
	struct disk_image *m = &d->image;

	if (fails(d, DISK_LOAD, "metadata1"))
		return RAFT_IOERR;
	if (!image_sound(m, io->errmsg, sizeof io->errmsg))
		return RAFT_CORRUPT;
	*term = m->term;
	*vote = m->vote;
	*snapshot = NULL;
	*start = m->start;
	*entries = NULL;
	*n = m->n;
	if (m->has_snapshot) {
		*snapshot = raft_malloc(sizeof **snapshot);
		assert(*snapshot != NULL);
		image_copy_snapshot(&m->snapshot, *snapshot);
	}
	if (m->n > 0) {
		*entries = raft_malloc(m->n * sizeof **entries);
		assert(*entries != NULL);
	}
	for (size_t i = 0; i < m->n; i++)
		load_entry(&m->entries[i], &(*entries)[i]);
	d->next = m->start + m->n;
	m->open_from = d->next;
	shadow_load(d);
	return 0;
}

static int io_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick_cb,
                    raft_io_recv_cb recv_cb)
{
	(void)io;
	(void)msecs;
	(void)tick_cb;
	(void)recv_cb;
	return 0;
}

static int io_bootstrap(struct raft_io *io, const struct raft_configuration *conf)
{
	struct disk *d = of(io);
	const struct disk_mark nothing = {0, 0, 0};
	struct disk_entry entry = {.type = RAFT_CHANGE};
	struct raft_entry first = {.term = 1, .type = RAFT_CHANGE};
	struct raft_buffer buf;

	if (d->image.term != 0 || d->image.n > 0 || d->image.has_snapshot)
		return RAFT_CANTBOOTSTRAP;
	if (!effect(d))
		return 0;
	if (raft_configuration_encode(conf, &buf) != 0)
		return RAFT_NOMEM;
	d->image.term = 1;
	entry.bytes = buf.base;
	entry.len = buf.len;
	first.buf = buf;
	entry.mark = mark_next(&nothing, &first);
	image_add(&d->image, &entry);
	raft_free(buf.base);
	return 0;
}

static int io_set_term(struct raft_io *io, raft_term term)
{
	struct disk *d = of(io);

	if (fails(d, DISK_META, "metadata"))
		return RAFT_IOERR;
	if (!effect(d))
		return 0;
	d->image.term = term;
	d->image.vote = 0;
	d->image.meta_rotten -= d->image.meta_rotten > 0;
	return 0;
}

static int io_set_vote(struct raft_io *io, raft_id id)
{
	struct disk *d = of(io);

	if (fails(d, DISK_META, "metadata"))
		return RAFT_IOERR;
	if (!effect(d))
		return 0;
	d->image.vote = id;
	d->image.meta_rotten -= d->image.meta_rotten > 0;
	if (d->ops.voted != NULL)
		d->ops.voted(d->ops.arg, d->image.term, id);
	return 0;
}

static struct operation *submit(struct disk *d, enum operation_type type)
{
	struct operation *op = calloc(1, sizeof *op);

	assert(op != NULL);
	op->type = type;
	op->lost = !effect(d);
	op->due_us =
	    *d->now_us + d->slow_us + prng_range(d->random, d->latency_min_us, d->latency_max_us);
	if (op->due_us < d->last_due_us)
		op->due_us = d->last_due_us;
	d->last_due_us = op->due_us;
	queue_push(&d->pending, &op->link);
	if (d->ops.due != NULL)
		d->ops.due(d->ops.arg, op->due_us);
	return op;
}

static int io_append(struct raft_io *io, struct raft_io_append *request,
                     const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
	struct disk *d = of(io);
	struct operation *op;

	if (fails(d, DISK_APPEND, "open-1"))
		return RAFT_IOERR;
	op = submit(d, OP_APPEND);
	op->append = request;
	op->append_cb = cb;
	op->entries = entries;
	op->n = n;
	op->first = d->next;
	op->before = disk_last(d);
	assert(d->shadow.start + d->shadow.n == d->next);
	for (unsigned i = 0; i < n; i++) {
		struct disk_mark before = disk_last(d);
		struct disk_mark mark = mark_next(&before, &entries[i]);

		shadow_add(&d->shadow, &mark);
		if (!op->lost && d->ops.appended != NULL)
			d->ops.appended(d->ops.arg, d->next + i, &mark);
	}
	d->next += n;
	return 0;
}

static int io_truncate(struct raft_io *io, raft_index index)
{
	struct disk *d = of(io);
	struct operation *op;

	op = submit(d, OP_TRUNCATE);
	op->first = index;
	assert(index >= d->shadow.start);
	if (index < d->shadow.start + d->shadow.n)
		d->shadow.n = index - d->shadow.start;
	if (d->next > index)
		d->next = index;
	return 0;
}

static int io_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *request,
                  const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
	struct disk *d = of(io);
	struct operation *op = submit(d, OP_PUT);
	op->put = request;
	op->put_cb = cb;
	op->snapshot = snapshot;
	op->trailing = trailing;
	/* What stands there now may be the tail that the snapshot replaces. */
	if ((!disk_mark_at(d, snapshot->index, &op->before) || op->before.term != snapshot->term) &&
	    d->ops.committed != NULL)
		d->ops.committed(d->ops.arg, snapshot->index, &op->before);
	if (trailing == 0) {
		d->next = snapshot->index + 1;
		d->shadow.n = 0;
		d->shadow.start = d->next;
		d->shadow.base = op->before;
	}
	return 0;
}

static int io_get(struct raft_io *io, struct raft_io_snapshot_get *request,
                  raft_io_snapshot_get_cb cb)
{
	struct operation *op = submit(of(io), OP_GET);

	op->get = request;
	op->get_cb = cb;
	return 0;
}

/* --- Finishing ----------------------------------------------------------------------- */

/* Write the first n entries of an append. */
static void write_entries(struct disk *d, const struct operation *op, unsigned n)
{
	struct disk_mark mark = op->before;

	d->image.batches++;
	for (unsigned i = 0; i < n; i++) {
		const struct raft_entry *e = &op->entries[i];
		struct disk_entry entry = {
		    .batch = d->image.batches, .type = e->type, .len = e->buf.len};

		assert(d->image.start + d->image.n == op->first + i);
		mark = mark_next(&mark, e);
		entry.mark = mark;
		entry.bytes = e->buf.base;
		image_add(&d->image, &entry);
	}
}

/* Some of it may be there when it fails, as after a loss of power. */
static int append_now(struct disk *d, const struct operation *op)
{
	if (d->broken) {
		strcpy(d->io.errmsg, "an earlier file operation failed");
		return RAFT_IOERR;
	}
	if (fails(d, DISK_WRITE, "open-1")) {
		write_entries(d, op, (unsigned)prng_range(d->random, 0, op->n));
		d->broken = true;
		return RAFT_IOERR;
	}
	write_entries(d, op, op->n);
	return 0;
}

static void truncate_now(struct disk *d, const struct operation *op)
{
	if (d->broken || fails(d, DISK_TRUNCATE, "truncate segment"))
		d->broken = true;
	else
		image_cut(&d->image, op->first);
}

static void keep_trailing(struct disk *d, raft_index index, unsigned trailing)
{
	struct disk_image *m = &d->image;
	size_t n = 0;

	if (index <= trailing)
		return;
	while (n < m->n && m->start + n <= index - trailing)
		free(m->entries[n++].bytes);
	memmove(m->entries, m->entries + n, (m->n - n) * sizeof *m->entries);
	m->n -= n;
	m->start += n;
}

static void write_snapshot(struct disk *d, const struct operation *op)
{
	struct disk_image *m = &d->image;

	image_drop_snapshot(m);
	image_copy_snapshot(op->snapshot, &m->snapshot);
	m->has_snapshot = true;
	m->snapshot_rotten = false;
	m->snapshot_mark = op->before;
	if (op->trailing == 0) {
		image_cut(m, 0);
		m->start = op->snapshot->index + 1;
	} else {
		keep_trailing(d, op->snapshot->index, op->trailing);
	}
}

static int put_now(struct disk *d, const struct operation *op)
{
	if (d->broken || fails(d, DISK_PUT, "snapshot"))
		return RAFT_IOERR;
	write_snapshot(d, op);
	return 0;
}

static void finish_get(struct disk *d, struct operation *op)
{
	struct raft_snapshot *s;

	if (d->image.snapshot_rotten) {
		strcpy(d->io.errmsg, "snapshot: checksum mismatch");
		op->get_cb(op->get, NULL, RAFT_CORRUPT);
		return;
	}
	if (fails(d, DISK_GET, "snapshot")) {
		op->get_cb(op->get, NULL, RAFT_IOERR);
		return;
	}
	s = raft_malloc(sizeof *s);
	assert(s != NULL && d->image.has_snapshot);
	image_copy_snapshot(&d->image.snapshot, s);
	op->get_cb(op->get, s, 0);
}

/* store: it is written; else it is cancelled. */
static void finish(struct disk *d, struct operation *op, bool store)
{
	queue_remove(&op->link);
	switch (op->type) {
	case OP_APPEND:
		op->append_cb(op->append, store ? append_now(d, op) : RAFT_CANCELED);
		break;
	case OP_TRUNCATE:
		if (store)
			truncate_now(d, op);
		break;
	case OP_PUT:
		op->put_cb(op->put, store ? put_now(d, op) : RAFT_CANCELED);
		break;
	case OP_GET:
		if (d->image.has_snapshot)
			finish_get(d, op);
		break;
	}
	free(op);
}

static void io_close(struct raft_io *io, raft_io_close_cb cb)
{
	struct disk *d = of(io);
	struct queue *front;

	/* In good order: what was asked for is written. After a crash nothing is left here but
	 * what disk_power_off() has marked as lost. */
	while ((front = queue_front(&d->pending)) != NULL)
		finish(d, CONTAINER_OF(front, struct operation, link), false);
	cb(io);
}

int64_t disk_due_us(const struct disk *d)
{
	struct queue *front = queue_front(&d->pending);
	int64_t chunks_us = chunks_due_us(&d->chunks);
	int64_t due_us;

	due_us = front == NULL ? INT64_MAX : CONTAINER_OF(front, struct operation, link)->due_us;
	return due_us < chunks_us ? due_us : chunks_us;
}

void disk_run(struct disk *d)
{
	struct queue *front;

	d->io.capacity = d->full ? 64 : 60000;
	d->chunks.full = d->full;
	while ((front = queue_front(&d->pending)) != NULL &&
	       CONTAINER_OF(front, struct operation, link)->due_us <= *d->now_us)
		finish(d, CONTAINER_OF(front, struct operation, link), true);
	chunks_run(&d->chunks);
}

/* Some of what was under way had reached the disk, in order. The callbacks never come. */
void disk_power_off(struct disk *d, bool torn)
{
	struct queue *pos;
	struct queue *after;

	chunks_power_off(&d->chunks, torn);
	QUEUE_EACH (pos, after, &d->pending) {
		struct operation *op = CONTAINER_OF(pos, struct operation, link);

		if (!torn || d->broken || op->lost || !(prng_next(d->random) & 1))
			return;
		if (op->type == OP_APPEND) {
			unsigned n = (unsigned)prng_range(d->random, 0, op->n);

			write_entries(d, op, n);
			if (n < op->n)
				return;
		} else if (op->type == OP_TRUNCATE) {
			image_cut(&d->image, op->first);
		} else if (op->type == OP_PUT) {
			write_snapshot(d, op);
		}
	}
}

enum status disk_persist(struct disk *d, const struct identity *id)
{
	if (d->full)
		return ST_NO_SPACE;
	if (fails(d, DISK_PERSIST, "identity"))
		return ST_IO;
	d->image.identity = *id;
	d->image.has_identity = true;
	d->image.identity_rotten = false;
	return ST_OK;
}

/* --- Making, opening, copying -------------------------------------------------------- */

void disk_init(struct disk *d)
{
	memset(d, 0, sizeof *d);
	d->image.start = 1;
	d->image.open_from = 1;
	d->latency_min_us = 500;
	d->latency_max_us = 500;
	queue_init(&d->pending);
	chunks_init(&d->chunks);
}

void disk_close(struct disk *d)
{
	assert(queue_empty(&d->pending));
	chunks_wipe(&d->chunks);
	image_close(&d->image);
	free(d->shadow.marks);
	memset(&d->shadow, 0, sizeof d->shadow);
}

void disk_open(struct disk *d, const struct disk_ops *ops, const int64_t *now_us,
               struct prng *random)
{
	assert(queue_empty(&d->pending));
	memset(&d->io, 0, sizeof d->io);
	d->ops = *ops;
	d->now_us = now_us;
	d->random = random;
	chunks_open(&d->chunks, now_us, random);
	d->chunks.latency_min_us = d->latency_min_us;
	d->chunks.latency_max_us = d->latency_max_us;
	d->chunks.due = ops->due;
	d->chunks.effect = ops->effect;
	d->chunks.asked = ops->chunk_asked;
	d->chunks.arg = ops->arg;
	d->next = d->image.start + d->image.n;
	d->last_due_us = 0;
	d->broken = false;
	d->io.version = 2;
	d->io.capacity = 60000;
	d->io.init = io_init;
	d->io.close = io_close;
	d->io.load = io_load;
	d->io.start = io_start;
	d->io.bootstrap = io_bootstrap;
	d->io.set_term = io_set_term;
	d->io.set_vote = io_set_vote;
	d->io.append = io_append;
	d->io.truncate = io_truncate;
	d->io.snapshot_put = io_put;
	d->io.snapshot_get = io_get;
	shadow_load(d);
}

void disk_seal(struct disk *d)
{
	d->image.open_from = d->image.start + d->image.n;
}

const char *disk_rot(struct disk *d, enum disk_part part, uint64_t where)
{
	if (part == DISK_CHUNK)
		return chunks_rot(&d->chunks, where);
	return image_rot(&d->image, part, where);
}

bool disk_rotten(const struct disk *d)
{
	return image_rotten(&d->image) || chunks_rotten(&d->chunks);
}

void disk_wipe(struct disk *d)
{
	chunks_wipe(&d->chunks);
	image_close(&d->image);
	shadow_load(d);
}

void disk_copy(const struct disk *from, struct disk *to)
{
	image_copy(&from->image, &to->image);
	chunks_copy(&from->chunks, &to->chunks);
	shadow_load(to);
}
