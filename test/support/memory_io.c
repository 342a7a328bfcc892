#include "memory_io.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum operation_type { OP_APPEND, OP_PUT, OP_GET };

struct operation {
	enum operation_type type;
	struct queue link;
	int64_t due_us;
	struct raft_io_append *append;
	raft_io_append_cb append_cb;
	const struct raft_entry *entries;
	unsigned n;
	unsigned keep; /* entries not truncated meanwhile */
	raft_index first;
	struct raft_io_snapshot_put *put;
	raft_io_snapshot_put_cb put_cb;
	const struct raft_snapshot *snapshot;
	unsigned trailing;
	struct raft_io_snapshot_get *get;
	raft_io_snapshot_get_cb get_cb;
};

static void *copy_of(const void *bytes, size_t len)
{
	void *copy = raft_malloc(len > 0 ? len : 1);

	assert(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

static void conf_copy(const struct raft_configuration *from, struct raft_configuration *to)
{
	unsigned i;

	raft_configuration_init(to);
	for (i = 0; i < from->n; i++) {
		int rv = raft_configuration_add(to, from->servers[i].id, from->servers[i].address,
		                                from->servers[i].role);

		assert(rv == 0);
		(void)rv;
	}
}

void memory_disk_init(struct memory_disk *d)
{
	memset(d, 0, sizeof *d);
	d->start = 1;
}

static void drop_from(struct memory_disk *d, raft_index index)
{
	while (d->n > 0 && d->start + d->n - 1 >= index) {
		d->n--;
		raft_free(d->entries[d->n].buf.base);
	}
}

static void drop_snapshot(struct memory_disk *d)
{
	if (!d->has_snapshot)
		return;
	raft_configuration_close(&d->snapshot.configuration);
	raft_free(d->snapshot.bufs[0].base);
	raft_free(d->snapshot.bufs);
	d->has_snapshot = false;
}

void memory_disk_close(struct memory_disk *d)
{
	drop_from(d, d->start);
	free(d->entries);
	drop_snapshot(d);
	memset(d, 0, sizeof *d);
}

static struct memory_io *of(struct raft_io *io)
{
	return CONTAINER_OF(io, struct memory_io, io);
}

static void disk_add(struct memory_disk *d, const struct raft_entry *entry)
{
	d->entries = realloc(d->entries, (d->n + 1) * sizeof *d->entries);
	assert(d->entries != NULL);
	d->entries[d->n] = *entry;
	d->entries[d->n].buf.base = copy_of(entry->buf.base, entry->buf.len);
	d->n++;
}

static int io_init(struct raft_io *io, raft_id id, const char *address)
{
	(void)io;
	(void)id;
	(void)address;
	return 0;
}

static int io_load(struct raft_io *io, raft_term *term, raft_id *vote,
                   struct raft_snapshot **snapshot, raft_index *start, struct raft_entry *entries[],
                   size_t *n)
{
	struct memory_io *m = of(io);
	struct memory_disk *d = m->disk;
	size_t i;

	*term = d->term;
	*vote = d->vote;
	*snapshot = NULL;
	*start = d->start;
	*entries = NULL;
	*n = d->n;
	if (d->has_snapshot) {
		struct raft_snapshot *s = raft_malloc(sizeof *s);

		assert(s != NULL);
		*s = d->snapshot;
		conf_copy(&d->snapshot.configuration, &s->configuration);
		s->bufs = raft_malloc(sizeof *s->bufs);
		assert(s->bufs != NULL);
		s->bufs[0].len = d->snapshot.bufs[0].len;
		s->bufs[0].base = copy_of(d->snapshot.bufs[0].base, s->bufs[0].len);
		*snapshot = s;
	}
	if (d->n > 0) {
		*entries = raft_malloc(d->n * sizeof **entries);
		assert(*entries != NULL);
	}
	for (i = 0; i < d->n; i++) {
		(*entries)[i] = d->entries[i];
		(*entries)[i].buf.base = copy_of(d->entries[i].buf.base, d->entries[i].buf.len);
		(*entries)[i].batch = (*entries)[i].buf.base;
	}
	m->next = d->start + d->n;
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
	struct memory_disk *d = of(io)->disk;
	struct raft_entry entry;

	if (d->term != 0)
		return RAFT_CANTBOOTSTRAP;
	d->term = 1;
	memset(&entry, 0, sizeof entry);
	entry.term = 1;
	entry.type = RAFT_CHANGE;
	if (raft_configuration_encode(conf, &entry.buf) != 0)
		return RAFT_NOMEM;
	disk_add(d, &entry);
	raft_free(entry.buf.base);
	return 0;
}

static int io_set_term(struct raft_io *io, raft_term term)
{
	struct memory_io *m = of(io);

	if (m->fail_meta)
		return RAFT_IOERR;
	m->disk->term = term;
	m->disk->vote = 0;
	return 0;
}

static int io_set_vote(struct raft_io *io, raft_id id)
{
	struct memory_io *m = of(io);

	if (m->fail_meta)
		return RAFT_IOERR;
	m->disk->vote = id;
	return 0;
}

static struct operation *submit(struct memory_io *m, enum operation_type type)
{
	struct operation *op = calloc(1, sizeof *op);

	assert(op != NULL);
	op->type = type;
	op->due_us = *m->now_us + m->latency_us;
	queue_push(&m->pending, &op->link);
	return op;
}

static int io_append(struct raft_io *io, struct raft_io_append *request,
                     const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
	struct memory_io *m = of(io);
	struct operation *op;

	if (m->fail_writes) {
		strcpy(io->errmsg, "write: input/output error");
		return RAFT_IOERR;
	}
	op = submit(m, OP_APPEND);
	op->append = request;
	op->append_cb = cb;
	op->entries = entries;
	op->n = n;
	op->keep = n;
	op->first = m->next;
	m->next += n;
	return 0;
}

static int io_truncate(struct raft_io *io, raft_index index)
{
	struct memory_io *m = of(io);
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, &m->pending) {
		struct operation *op = CONTAINER_OF(pos, struct operation, link);

		if (op->type != OP_APPEND)
			continue;
		if (index <= op->first)
			op->keep = 0;
		else if (op->first + op->keep > index)
			op->keep = (unsigned)(index - op->first);
	}
	drop_from(m->disk, index);
	if (m->next > index)
		m->next = index;
	return 0;
}

static int io_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *request,
                  const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
	struct memory_io *m = of(io);
	struct operation *op = submit(m, OP_PUT);

	op->put = request;
	op->put_cb = cb;
	op->snapshot = snapshot;
	op->trailing = trailing;
	if (trailing == 0)
		m->next = snapshot->index + 1;
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

static void finish_append(struct memory_io *m, struct operation *op, bool store)
{
	struct memory_disk *d = m->disk;
	unsigned i;

	for (i = 0; store && i < op->keep; i++) {
		assert(d->start + d->n == op->first + i);
		disk_add(d, &op->entries[i]);
	}
	op->append_cb(op->append, store ? 0 : RAFT_CANCELED);
}

static void keep_trailing(struct memory_disk *d, raft_index index, unsigned trailing)
{
	size_t n = 0;

	if (index <= trailing)
		return;
	while (n < d->n && d->start + n <= index - trailing)
		raft_free(d->entries[n++].buf.base);
	memmove(d->entries, d->entries + n, (d->n - n) * sizeof *d->entries);
	d->n -= n;
	d->start += n;
}

static void finish_put(struct memory_io *m, struct operation *op, bool store)
{
	struct memory_disk *d = m->disk;

	if (store) {
		const struct raft_snapshot *s = op->snapshot;

		drop_snapshot(d);
		d->snapshot = *s;
		conf_copy(&s->configuration, &d->snapshot.configuration);
		d->snapshot.bufs = raft_malloc(sizeof *d->snapshot.bufs);
		assert(d->snapshot.bufs != NULL && s->n_bufs == 1);
		d->snapshot.bufs[0].len = s->bufs[0].len;
		d->snapshot.bufs[0].base = copy_of(s->bufs[0].base, s->bufs[0].len);
		d->has_snapshot = true;
		if (op->trailing == 0) {
			drop_from(d, d->start);
			d->start = s->index + 1;
		} else {
			keep_trailing(d, s->index, op->trailing);
		}
	}
	op->put_cb(op->put, store ? 0 : RAFT_CANCELED);
}

static void finish_get(struct memory_io *m, struct operation *op)
{
	struct memory_disk *d = m->disk;
	struct raft_snapshot *s = raft_malloc(sizeof *s);

	assert(s != NULL && d->has_snapshot);
	*s = d->snapshot;
	conf_copy(&d->snapshot.configuration, &s->configuration);
	s->bufs = raft_malloc(sizeof *s->bufs);
	assert(s->bufs != NULL);
	s->bufs[0].len = d->snapshot.bufs[0].len;
	s->bufs[0].base = copy_of(d->snapshot.bufs[0].base, s->bufs[0].len);
	op->get_cb(op->get, s, 0);
}

static void finish(struct memory_io *m, struct operation *op, bool store)
{
	queue_remove(&op->link);
	switch (op->type) {
	case OP_APPEND:
		finish_append(m, op, store);
		break;
	case OP_PUT:
		finish_put(m, op, store);
		break;
	case OP_GET:
		finish_get(m, op);
		break;
	}
	free(op);
}

static void io_close(struct raft_io *io, raft_io_close_cb cb)
{
	struct memory_io *m = of(io);
	struct queue *front;

	while ((front = queue_front(&m->pending)) != NULL)
		finish(m, CONTAINER_OF(front, struct operation, link), false);
	cb(io);
}

int64_t memory_io_due_us(const struct memory_io *m)
{
	struct queue *front = queue_front(&m->pending);

	return front == NULL ? INT64_MAX : CONTAINER_OF(front, struct operation, link)->due_us;
}

void memory_io_run(struct memory_io *m)
{
	while (memory_io_due_us(m) <= *m->now_us)
		finish(m, CONTAINER_OF(queue_front(&m->pending), struct operation, link), true);
}

void memory_io_init(struct memory_io *m, struct memory_disk *disk, int64_t *now_us,
                    int64_t latency_us)
{
	memset(m, 0, sizeof *m);
	m->disk = disk;
	m->now_us = now_us;
	m->latency_us = latency_us;
	m->next = disk->start + disk->n;
	queue_init(&m->pending);
	m->io.version = 2;
	m->io.capacity = 60000;
	m->io.init = io_init;
	m->io.close = io_close;
	m->io.load = io_load;
	m->io.start = io_start;
	m->io.bootstrap = io_bootstrap;
	m->io.set_term = io_set_term;
	m->io.set_vote = io_set_vote;
	m->io.append = io_append;
	m->io.truncate = io_truncate;
	m->io.snapshot_put = io_put;
	m->io.snapshot_get = io_get;
}
