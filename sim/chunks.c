#include "sim/chunks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum operation_type { OP_STORE, OP_SYNC, OP_READ };

/* One thing that the disk was asked for. */
struct chunk_operation {
	struct queue link;
	enum operation_type type;
	int64_t due_us;
	bool lost; /* asked for by a process that was dead already */
	struct chunk_name name;
	uint64_t tag;
	uint8_t *bytes; /* store: lent */
	size_t len;
	uint64_t offset;
};

static struct chunks *of(struct chunk_disk *d)
{
	return CONTAINER_OF(d, struct chunks, disk);
}

static struct chunk_file *find(const struct chunks *c, const struct chunk_name *name)
{
	struct queue *pos;

	for (pos = c->files.next; pos != &c->files; pos = pos->next) {
		struct chunk_file *f = CONTAINER_OF(pos, struct chunk_file, link);

		if (f->name.chunk == name->chunk && f->name.changed == name->changed &&
		    f->name.checksum == name->checksum)
			return f;
	}
	return NULL;
}

static void drop(struct chunk_file *f)
{
	queue_remove(&f->link);
	free(f->bytes);
	free(f);
}

static struct chunk_file *add(struct chunks *c, const struct chunk_name *name, const uint8_t *bytes,
                              size_t len)
{
	struct chunk_file *f = find(c, name);
	/* Bytes are on the disk before they get their name, the same ones twice: whichever of two
	 * files a loss of power leaves, it is whole. */
	const bool durable = f != NULL && f->durable;

	if (f != NULL)
		drop(f);
	f = calloc(1, sizeof *f);
	assert(f != NULL);
	f->durable = durable;
	f->name = *name;
	f->bytes = malloc(len);
	assert(f->bytes != NULL);
	memcpy(f->bytes, bytes, len);
	f->len = len;
	queue_push(&c->files, &f->link);
	return f;
}

static void disk_listen(struct chunk_disk *d, const struct chunk_disk_ops *ops)
{
	struct chunks *c = of(d);
	struct queue *front;

	c->heard = ops != NULL;
	if (ops != NULL) {
		c->ops = *ops;
		return;
	}
	while ((front = queue_front(&c->pending)) != NULL) {
		struct chunk_operation *op = CONTAINER_OF(front, struct chunk_operation, link);

		queue_remove(&op->link);
		free(op->bytes);
		free(op);
	}
}

static bool disk_has(struct chunk_disk *d, const struct chunk_name *name)
{
	return find(of(d), name) != NULL;
}

static bool alive(struct chunks *c, uint64_t tag, bool sync)
{
	bool lost_power = sync && c->power_off_at_sync;

	if (c->effect != NULL && !c->effect(c->arg))
		return false;
	c->power_off_at_sync &= !lost_power;
	return c->asked == NULL || c->asked(c->arg, tag, lost_power);
}

/* True, once, when this is to fail now. */
static bool fails(struct chunks *c, enum chunk_failure what)
{
	bool failing = c->failures & what;

	c->failures &= ~(unsigned)what;
	return failing;
}

static struct chunk_operation *submit(struct chunks *c, enum operation_type type, uint64_t tag)
{
	struct chunk_operation *op = calloc(1, sizeof *op);

	assert(op != NULL);
	op->type = type;
	op->tag = tag;
	op->lost = !alive(c, tag, type == OP_SYNC);
	op->due_us =
	    *c->now_us + c->slow_us + prng_range(c->random, c->latency_min_us, c->latency_max_us);
	if (op->due_us < c->last_due_us)
		op->due_us = c->last_due_us;
	c->last_due_us = op->due_us;
	queue_push(&c->pending, &op->link);
	if (c->due != NULL)
		c->due(c->arg, op->due_us);
	return op;
}

static enum status disk_store(struct chunk_disk *d, const struct chunk_name *name, uint8_t *bytes,
                              size_t len, uint64_t tag)
{
	struct chunk_operation *op;

	if (of(d)->short_of_memory)
		return ST_NOMEM;
	op = submit(of(d), OP_STORE, tag);
	op->name = *name;
	op->bytes = bytes;
	op->len = len;
	return ST_OK;
}

static enum status disk_sync(struct chunk_disk *d, uint64_t tag)
{
	if (of(d)->short_of_memory)
		return ST_NOMEM;
	(void)submit(of(d), OP_SYNC, tag);
	return ST_OK;
}

static enum status disk_read(struct chunk_disk *d, const struct chunk_name *name, uint64_t offset,
                             size_t len, uint64_t tag)
{
	struct chunk_operation *op;

	if (of(d)->short_of_memory)
		return ST_NOMEM;
	op = submit(of(d), OP_READ, tag);
	op->name = *name;
	op->offset = offset;
	op->len = len;
	return ST_OK;
}

/* A rotten chunk is read with one byte changed. */
static uint8_t *content(const struct chunk_file *f)
{
	uint8_t *copy = malloc(f->len);

	assert(copy != NULL);
	memcpy(copy, f->bytes, f->len);
	if (f->rotten)
		copy[f->len / 2] ^= 4;
	return copy;
}

static enum status disk_load(struct chunk_disk *d, const struct chunk_name *name, struct buf *b)
{
	const struct chunk_file *f = find(of(d), name);
	uint8_t *copy;

	if (f == NULL)
		return ST_NOT_FOUND;
	copy = content(f);
	buf_bytes(b, copy, f->len);
	free(copy);
	return buf_status(b);
}

static bool disk_mark(struct chunk_disk *d, const struct commit_mark *mark)
{
	struct chunks *c = of(d);

	if (c->effect != NULL && !c->effect(c->arg))
		return true;
	c->old_mark = c->mark;
	c->mark = *mark;
	return true;
}

static enum status disk_marked(struct chunk_disk *d, struct commit_mark *ret)
{
	*ret = of(d)->mark;
	return ret->index > 0 ? ST_OK : ST_NOT_FOUND;
}

static void disk_keep(struct chunk_disk *d,
                      bool (*keep_cb)(void *arg, const struct chunk_name *name), void *arg)
{
	struct chunks *c = of(d);
	struct queue *pos;
	struct queue *after;

	if (c->effect != NULL && !c->effect(c->arg))
		return;
	QUEUE_EACH (pos, after, &c->files) {
		struct chunk_file *f = CONTAINER_OF(pos, struct chunk_file, link);

		if (!keep_cb(arg, &f->name))
			drop(f);
	}
}

static void finish_read(struct chunks *c, const struct chunk_operation *op)
{
	const struct chunk_file *f = find(c, &op->name);
	uint8_t *copy;
	size_t len;

	if (fails(c, CHUNK_READ)) {
		c->ops.read(c->ops.arg, op->tag, ST_IO, NULL, 0);
		return;
	}
	if (f == NULL || op->offset > f->len ||
	    (op->len != SIZE_MAX && op->len > f->len - op->offset)) {
		c->ops.read(c->ops.arg, op->tag, ST_NOT_FOUND, NULL, 0);
		return;
	}
	c->read += op->len == SIZE_MAX;
	len = op->len == SIZE_MAX ? f->len - (size_t)op->offset : op->len;
	copy = content(f);
	c->ops.read(c->ops.arg, op->tag, ST_OK, copy + op->offset, len);
	free(copy);
}

static void sync_all(struct chunks *c)
{
	struct queue *pos;

	for (pos = c->files.next; pos != &c->files; pos = pos->next)
		CONTAINER_OF(pos, struct chunk_file, link)->durable = true;
}

static void finish_store(struct chunks *c, const struct chunk_operation *op)
{
	enum status st = c->full || c->no_space ? ST_NO_SPACE : ST_OK;

	if (fails(c, CHUNK_STORE))
		st = ST_IO;
	if (st == ST_OK && !op->lost) {
		(void)add(c, &op->name, op->bytes, op->len);
		c->stored++;
	}
	c->ops.stored(c->ops.arg, op->tag, st, op->bytes, op->len);
}

static void finish_sync(struct chunks *c, const struct chunk_operation *op)
{
	enum status st = fails(c, CHUNK_SYNC) ? ST_IO : ST_OK;

	if (st == ST_OK && !op->lost)
		sync_all(c);
	c->ops.synced(c->ops.arg, op->tag, st);
}

static void finish(struct chunks *c, struct chunk_operation *op)
{
	queue_remove(&op->link);
	switch (op->type) {
	case OP_STORE:
		finish_store(c, op);
		break;
	case OP_SYNC:
		finish_sync(c, op);
		break;
	case OP_READ:
		finish_read(c, op);
		break;
	}
	free(op);
}

int64_t chunks_due_us(const struct chunks *c)
{
	struct queue *front = queue_front(&c->pending);

	return front == NULL ? INT64_MAX
	                     : CONTAINER_OF(front, struct chunk_operation, link)->due_us;
}

void chunks_run(struct chunks *c)
{
	while (chunks_due_us(c) <= *c->now_us)
		finish(c, CONTAINER_OF(queue_front(&c->pending), struct chunk_operation, link));
}

void chunks_power_off(struct chunks *c, bool power)
{
	struct queue *pos;
	struct queue *after;

	c->heard = false;
	if (!power)
		return;
	/* Without a draw: an index is as good as one. */
	if (c->mark.index & 1)
		c->mark = c->old_mark;
	QUEUE_EACH (pos, after, &c->files) {
		struct chunk_file *f = CONTAINER_OF(pos, struct chunk_file, link);

		if (!f->durable && (prng_next(c->random) & 1))
			drop(f);
	}
}

void chunks_open(struct chunks *c, const int64_t *now_us, struct prng *random)
{
	assert(queue_empty(&c->pending));
	c->now_us = now_us;
	c->random = random;
	c->last_due_us = 0;
}

void chunks_init(struct chunks *c)
{
	memset(c, 0, sizeof *c);
	queue_init(&c->files);
	queue_init(&c->pending);
	c->latency_min_us = 500;
	c->latency_max_us = 500;
	c->disk.listen = disk_listen;
	c->disk.has = disk_has;
	c->disk.store = disk_store;
	c->disk.sync = disk_sync;
	c->disk.read = disk_read;
	c->disk.load = disk_load;
	c->disk.mark = disk_mark;
	c->disk.marked = disk_marked;
	c->disk.keep = disk_keep;
}

void chunks_wipe(struct chunks *c)
{
	struct queue *front;

	while ((front = queue_front(&c->files)) != NULL)
		drop(CONTAINER_OF(front, struct chunk_file, link));
	c->mark = (struct commit_mark){0};
	c->old_mark = c->mark;
	c->lost = false;
}

void chunks_lose(struct chunks *c, const struct chunks *old)
{
	if (old == NULL)
		chunks_wipe(c);
	else
		chunks_copy(old, c);
	c->lost = true;
}

void chunks_heal(struct chunks *c)
{
	c->no_space = false;
	c->short_of_memory = false;
	c->power_off_at_sync = false;
	c->failures = 0;
	c->slow_us = 0;
}

const struct chunk_file *chunks_find(const struct chunks *c, const struct chunk_name *name)
{
	return find(c, name);
}

void chunks_copy(const struct chunks *from, struct chunks *to)
{
	struct queue *pos;

	chunks_wipe(to);
	for (pos = from->files.next; pos != &from->files; pos = pos->next) {
		const struct chunk_file *f = CONTAINER_OF(pos, struct chunk_file, link);
		struct chunk_file *copy = add(to, &f->name, f->bytes, f->len);

		copy->durable = true;
		copy->rotten = f->rotten;
	}
	to->mark = from->mark;
	to->old_mark = from->old_mark;
}

const char *chunks_rot(struct chunks *c, uint64_t where)
{
	struct queue *pos = c->files.next;

	if (queue_empty(&c->files))
		return NULL;
	for (where %= 16; where > 0; where--)
		pos = pos->next == &c->files ? c->files.next : pos->next;
	CONTAINER_OF(pos, struct chunk_file, link)->rotten = true;
	return "chunk of the state";
}

bool chunks_rotten(const struct chunks *c)
{
	struct queue *pos;

	if (c->lost)
		return true;
	for (pos = c->files.next; pos != &c->files; pos = pos->next) {
		if (CONTAINER_OF(pos, struct chunk_file, link)->rotten)
			return true;
	}
	return false;
}
