#include "consensus/storage_offline.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <raft.h>
#include <raft/uv.h>

#include "base/cursor.h"
#include "cluster/plan_name.h"
#include "consensus/chunk_disk.h"
#include "consensus/copy.h"
#include "consensus/disk_format.h"
#include "consensus/inside.h"
#include "consensus/storage.h"
#include "session/image.h"
#include "session/store.h"

enum {
	DIR_BYTES = 1200,
	CONFIGURATION_FORMAT = 1, /* libraft's, of an entry with a configuration */
	BATCH_FRAME_BYTES = 4,    /* of an entry with commands: machine.c */
	STORING_MAX = 8,          /* chunks on their way to the disk */
	READ_ID = 1,              /* whoever reads votes for nobody */
};

/* A directory opened without a node. */
struct offline {
	uv_loop_t loop;
	struct storage *storage;
	struct raft_io *io;
	char *why; /* OFFLINE_WHY_MAX bytes, the caller's */
	bool inited;
	bool closed;
	unsigned storing; /* chunks on their way */
	bool synced;      /* their directory is */
	enum status st;   /* first failure of the chunk disk */
	int put;          /* outcome of storing the manifest; RAFT_BUSY: under way */
};

PRINTF(3, 4)
static enum status refuse(const struct offline *o, enum status st, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(o->why, OFFLINE_WHY_MAX, fmt, args);
	va_end(args);
	return st;
}

static enum status of_raft(int rv)
{
	switch (rv) {
	case 0:
		return ST_OK;
	case RAFT_NOMEM:
		return ST_NOMEM;
	case RAFT_CORRUPT:
	case RAFT_MALFORMED:
		return ST_CORRUPT;
	default:
		return ST_IO;
	}
}

static enum status offline_open(struct offline *o, const char *dir, uint64_t id, const char *name)
{
	char address[ADDRESS_MAX];
	const char *why = "";
	enum status st;
	int rv;

	if (uv_loop_init(&o->loop) != 0)
		return refuse(o, ST_NOMEM, "out of memory");
	st = storage_open(&o->loop, dir, &o->storage, &why);
	if (st != ST_OK) {
		(void)uv_loop_close(&o->loop);
		return refuse(o, st, "%s: %s", dir, why);
	}
	o->io = storage_io(o->storage);
	address_of(name, id, address);
	rv = o->io->init(o->io, id, address);
	o->inited = rv == 0;
	if (rv != 0)
		return refuse(o, of_raft(rv), "%s", o->io->errmsg);
	return ST_OK;
}

static void closed(struct raft_io *io)
{
	struct offline *o = io->data;

	o->closed = true;
}

static void offline_close(struct offline *o)
{
	struct chunk_disk *chunks;

	if (o->storage == NULL)
		return;
	chunks = storage_chunks(o->storage);
	chunks->listen(chunks, NULL);
	if (o->inited) {
		o->io->data = o;
		o->io->close(o->io, closed);
		while (!o->closed)
			(void)uv_run(&o->loop, UV_RUN_ONCE);
	}
	storage_close(o->storage);
	(void)uv_run(&o->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&o->loop);
}

/* --- Reading ------------------------------------------------------------------------- */

static enum status load_chunks(const struct offline *o, const struct manifest *m,
                               struct image_loader *loader)
{
	struct chunk_disk *chunks = storage_chunks(o->storage);
	struct fault fault = {ST_OK, 0, "it is missing"};
	char text[CHUNK_TEXT];
	enum status st = ST_OK;
	struct buf b;
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS && st == ST_OK; i++) {
		const struct chunk_name name = {i, m->chunks[i].changed, m->chunks[i].checksum};

		if (m->chunks[i].len == 0)
			continue;
		buf_init(&b, CHUNK_BYTES_MAX);
		st = chunks->load(chunks, &name, &b);
		if (st == ST_OK)
			st = image_load_chunk(loader, i, b.base, b.len, &fault);
		buf_close(&b);
		if (st == ST_OK || st == ST_NOMEM)
			continue;
		chunk_name_text(&name, text);
		st = refuse(o, ST_CORRUPT, "state/%s: %s (offset %zu)", text, fault.what, fault.at);
	}
	return st;
}

static enum status load_picture(const struct offline *o, const struct raft_buffer *buf,
                                struct store *s)
{
	struct manifest *m = malloc(sizeof *m);
	struct image_loader *loader = NULL;
	struct fault fault;
	enum status st;

	if (m == NULL)
		return refuse(o, ST_NOMEM, "out of memory");
	st = manifest_decode(buf->base, buf->len, m, &fault);
	if (st != ST_OK) {
		st = refuse(o, ST_CORRUPT, "the snapshot's manifest: %s (offset %zu)", fault.what,
		            fault.at);
		goto out;
	}
	st = image_load(m, &loader);
	if (st != ST_OK)
		goto out;
	st = load_chunks(o, m, loader);
	if (st != ST_OK) {
		image_load_abort(loader);
		goto out;
	}
	st = image_load_finish(loader, s, &fault);
	if (st != ST_OK)
		st = refuse(o, ST_CORRUPT, "the snapshot's state: %s", fault.what);
out:
	free(m);
	return st;
}

static enum status load_snapshot(const struct offline *o, const struct raft_snapshot *snapshot,
                                 struct store *s)
{
	const struct raft_buffer *buf = &snapshot->bufs[0];
	struct fault fault;
	enum status st;

	if (manifest_is(buf->base, buf->len))
		return load_picture(o, buf, s);
	st = store_restore(s, buf->base, buf->len, &fault);
	if (st != ST_OK)
		return refuse(o, st, "the snapshot at %llu: %s (offset %zu)", snapshot->index,
		              fault.what, fault.at);
	return ST_OK;
}

static void note_server(struct offline_log *log, uint64_t id, const char *address, int role)
{
	struct offline_member *m = &log->members[log->n_members];
	struct raft_plan plan;

	address_name(address, m->name);
	if (plan_name_read(m->name, &plan))
		return;
	m->id = id;
	m->voter = role == RAFT_VOTER;
	log->n_members++;
}

static void note_configuration(struct offline_log *log, const struct raft_configuration *conf)
{
	unsigned i;

	log->n_members = 0;
	for (i = 0; i < conf->n && i < MEMBERS_MAX; i++)
		note_server(log, conf->servers[i].id, conf->servers[i].address,
		            conf->servers[i].role);
}

static bool take_little(struct cursor *c, uint64_t *ret)
{
	const uint8_t *at;

	if (cursor_bytes(c, 8, &at) != ST_OK)
		return false;
	*ret = disk_u64(at);
	return true;
}

/* An entry with a configuration, as libraft encodes it. It was checked when it was taken in. */
static bool note_change(struct offline_log *log, const struct raft_buffer *buf)
{
	struct cursor c = cursor_of(buf->base, buf->len);
	uint8_t format;
	uint64_t n;

	if (cursor_u8(&c, &format) != ST_OK || format != CONFIGURATION_FORMAT ||
	    !take_little(&c, &n) || n > MEMBERS_MAX)
		return false;
	log->n_members = 0;
	while (n-- > 0) {
		const char *address;
		const uint8_t *skip;
		uint8_t role;
		uint64_t id;

		if (!take_little(&c, &id))
			return false;
		address = (const char *)c.at;
		if (memchr(address, '\0', c.left) == NULL ||
		    cursor_bytes(&c, strlen(address) + 1, &skip) != ST_OK ||
		    cursor_u8(&c, &role) != ST_OK)
			return false;
		note_server(log, id, address, role);
	}
	return true;
}

static enum status apply_batch(const struct offline *o, uint64_t index,
                               const struct raft_buffer *buf, struct store *s,
                               struct offline_log *log)
{
	struct cursor c = cursor_of(buf->base, buf->len);
	const uint8_t *frame;
	enum status st = ST_OK;
	struct buf result;
	uint16_t n;

	/* As a node does: what is no batch is skipped. */
	if (cursor_bytes(&c, BATCH_FRAME_BYTES, &frame) != ST_OK || frame[0] != 1)
		return ST_OK;
	n = (uint16_t)(frame[2] << 8 | frame[3]);
	while (n-- > 0 && st == ST_OK) {
		const uint8_t *bytes;
		uint32_t len;

		if (cursor_u32(&c, &len) != ST_OK || cursor_bytes(&c, len, &bytes) != ST_OK)
			return ST_OK;
		buf_init(&result, STORE_RESULT_MAX);
		st = store_apply(s, index, bytes, len, &result);
		buf_close(&result);
		log->commands++;
	}
	if (st == ST_OK && store_beyond(s) != 0)
		return refuse(o, ST_UNSUPPORTED,
		              "the state has version %u, this release takes up to %u: use the "
		              "release that wrote it, or a newer one",
		              store_beyond(s), store_newest(s));
	return st == ST_OK ? ST_OK : refuse(o, st, "out of memory while applying the log");
}

static enum status apply_entries(const struct offline *o, uint64_t start,
                                 const struct raft_entry *entries, size_t n, struct store *s,
                                 struct offline_log *log)
{
	enum status st = ST_OK;
	size_t i;

	for (i = 0; i < n && st == ST_OK; i++) {
		const uint64_t index = start + i;

		if (index <= log->snapshot_index)
			continue;
		if (entries[i].type == RAFT_COMMAND)
			st = apply_batch(o, index, &entries[i].buf, s, log);
		else if (entries[i].type == RAFT_CHANGE && !note_change(log, &entries[i].buf))
			st = refuse(o, ST_CORRUPT, "entry %llu: an impossible configuration",
			            (unsigned long long)index);
		if (index > log->last_index)
			log->last_index = index;
	}
	return st;
}

/* Entries of one batch of the disk share one piece of memory. */
static void free_entries(struct raft_entry *entries, size_t n)
{
	const void *batch = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		if (entries[i].batch != batch)
			raft_free(entries[i].batch);
		batch = entries[i].batch;
	}
	raft_free(entries);
}

static void free_snapshot(struct raft_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	raft_configuration_close(&snapshot->configuration);
	raft_free(snapshot->bufs[0].base);
	raft_free(snapshot->bufs);
	raft_free(snapshot);
}

static enum status load(struct offline *o, struct store *s, struct offline_log *log)
{
	struct raft_snapshot *snapshot = NULL;
	struct raft_entry *entries = NULL;
	enum status st = ST_OK;
	raft_index start;
	raft_term term;
	raft_id vote;
	size_t n = 0;
	int rv;

	rv = o->io->load(o->io, &term, &vote, &snapshot, &start, &entries, &n);
	if (rv != 0)
		return refuse(o, rv == RAFT_NOMEM ? ST_NOMEM : ST_CORRUPT, "%s", o->io->errmsg);
	log->term = term;
	if (snapshot != NULL) {
		log->snapshot_index = snapshot->index;
		log->last_index = snapshot->index;
		note_configuration(log, &snapshot->configuration);
		st = load_snapshot(o, snapshot, s);
	}
	if (st == ST_OK)
		st = apply_entries(o, start, entries, n, s, log);
	free_snapshot(snapshot);
	if (entries != NULL)
		free_entries(entries, n);
	if (st == ST_OK && log->n_members == 0)
		return refuse(o, ST_NOT_FOUND, "there is no log here, or an empty one");
	return st;
}

enum status offline_read(const char *dir, struct store *s, struct offline_log *ret,
                         char why[OFFLINE_WHY_MAX])
{
	struct offline o = {.why = why};
	struct offline_log log = {0};
	char copy[DIR_BYTES];
	struct stat info;
	enum status st;

	if (stat(dir, &info) != 0)
		return refuse(&o, ST_NOT_FOUND, "%s: %s", dir, strerror(errno));
	(void)snprintf(copy, sizeof copy, "%s.look", dir);
	st = copy_remove(copy);
	if (st == ST_OK)
		st = copy_make(dir, copy, why, OFFLINE_WHY_MAX);
	else
		(void)snprintf(why, OFFLINE_WHY_MAX, "%s is in the way", copy);
	if (st == ST_OK)
		st = offline_open(&o, copy, READ_ID, "reader@localhost");
	if (st == ST_OK)
		st = load(&o, s, &log);
	offline_close(&o);
	/* What is left of the copy is no reason to refuse: the next look removes it. */
	if (copy_remove(copy) != ST_OK && st == ST_OK)
		why[0] = '\0';
	if (st == ST_OK)
		*ret = log;
	return st;
}

/* --- Writing ------------------------------------------------------------------------- */

static void chunk_stored(void *arg, uint64_t tag, enum status st, uint8_t *bytes, size_t len)
{
	struct offline *o = arg;

	(void)tag;
	(void)len;
	free(bytes);
	o->storing--;
	if (o->st == ST_OK)
		o->st = st;
}

static void chunks_synced(void *arg, uint64_t tag, enum status st)
{
	struct offline *o = arg;

	(void)tag;
	o->synced = true;
	if (o->st == ST_OK)
		o->st = st;
}

static void chunk_read(void *arg, uint64_t tag, enum status st, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)tag;
	(void)st;
	(void)bytes;
	(void)len;
	assert(false); /* nothing is read here */
}

static enum status store_chunks(struct offline *o, struct image *im)
{
	const struct chunk_disk_ops ops = {o, chunk_stored, chunks_synced, chunk_read};
	struct chunk_disk *chunks = storage_chunks(o->storage);
	enum status st = ST_OK;
	unsigned chunk;
	struct buf b;

	chunks->listen(chunks, &ops);
	while (st == ST_OK && o->st == ST_OK) {
		struct chunk_name name;

		buf_init(&b, CHUNK_BYTES_MAX);
		st = image_next(im, &b, &chunk);
		if (st == ST_OK) {
			const struct chunk_info *info = &image_manifest(im)->chunks[chunk];

			name = (struct chunk_name){chunk, info->changed, info->checksum};
			st = chunks->store(chunks, &name, b.base, b.len, chunk);
			o->storing += st == ST_OK;
		}
		if (st != ST_OK)
			buf_close(&b);
		while (o->storing >= STORING_MAX)
			(void)uv_run(&o->loop, UV_RUN_ONCE);
	}
	while (o->storing > 0)
		(void)uv_run(&o->loop, UV_RUN_ONCE);
	if (st == ST_NOT_FOUND && o->st == ST_OK)
		st = chunks->sync(chunks, 0);
	while (st == ST_OK && o->st == ST_OK && !o->synced)
		(void)uv_run(&o->loop, UV_RUN_ONCE);
	st = o->st != ST_OK ? o->st : st;
	return st == ST_OK ? ST_OK
	                   : refuse(o, st, "the state cannot be written: %s", status_text(st));
}

static void manifest_put(struct raft_io_snapshot_put *request, int status)
{
	struct offline *o = request->data;

	o->put = status;
}

static enum status put_manifest(struct offline *o, const struct manifest *m,
                                const struct offline_start *start)
{
	struct raft_snapshot snapshot = {
	    .index = start->index, .term = start->term, .configuration_index = start->index};
	struct raft_io_snapshot_put request = {.data = o};
	char address[ADDRESS_MAX];
	struct raft_buffer buf;
	enum status st;
	struct buf b;
	int rv;

	buf_init(&b, MANIFEST_MAX);
	raft_configuration_init(&snapshot.configuration);
	address_of(start->name, start->raft_id, address);
	rv = raft_configuration_add(&snapshot.configuration, start->raft_id, address, RAFT_VOTER);
	manifest_encode(m, &b);
	st = rv == 0 ? buf_status(&b) : ST_NOMEM;
	if (st != ST_OK)
		goto out;
	buf.base = b.base;
	buf.len = b.len;
	snapshot.bufs = &buf;
	snapshot.n_bufs = 1;
	o->put = RAFT_BUSY;
	rv = o->io->snapshot_put(o->io, 0, &request, &snapshot, manifest_put);
	while (rv == 0 && o->put == RAFT_BUSY)
		(void)uv_run(&o->loop, UV_RUN_ONCE);
	if (rv != 0 || o->put != 0)
		st = refuse(o, ST_IO, "the manifest cannot be written: %s", o->io->errmsg);
out:
	raft_configuration_close(&snapshot.configuration);
	buf_close(&b);
	return st;
}

static enum status begin_log(struct offline *o, const struct offline_start *start)
{
	struct raft_snapshot *snapshot = NULL;
	struct raft_entry *entries = NULL;
	raft_index first;
	raft_term term;
	raft_id vote;
	size_t n = 0;
	int rv;

	rv = o->io->load(o->io, &term, &vote, &snapshot, &first, &entries, &n);
	assert(rv != 0 || (snapshot == NULL && n == 0)); /* the directory is new */
	if (rv == 0)
		rv = o->io->set_term(o->io, start->term);
	return rv == 0 ? ST_OK : refuse(o, of_raft(rv), "%s", o->io->errmsg);
}

enum status offline_write(const char *dir, struct store *s, const struct offline_start *start,
                          char why[OFFLINE_WHY_MAX])
{
	struct offline o = {.why = why};
	struct image *im = NULL;
	enum status st;

	assert(start->raft_id != 0 && start->term > 0 && start->index > store_index(s));
	if (mkdir(dir, 0750) != 0)
		return refuse(&o, errno == EEXIST ? ST_EXISTS : ST_IO, "%s: %s", dir,
		              strerror(errno));
	st = offline_open(&o, dir, start->raft_id, start->name);
	if (st == ST_OK)
		st = begin_log(&o, start);
	if (st == ST_OK && image_begin(s, &im) != ST_OK)
		st = refuse(&o, ST_NOMEM, "out of memory");
	if (st == ST_OK)
		st = store_chunks(&o, im);
	if (st == ST_OK)
		st = put_manifest(&o, image_manifest(im), start);
	if (im != NULL)
		image_end(im);
	offline_close(&o);
	return st;
}
