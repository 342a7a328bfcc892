#include "consensus/storage.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <raft.h>
#include <raft/uv.h>

#include "base/queue.h"
#include "consensus/audit.h"
#include "consensus/contexts.h"
#include "consensus/seal.h"
#include "consensus/segment.h"
#include "consensus/storage_chunks.h"

enum {
	DISK_RETRY_MS = 250,   /* a full disk is asked again this often */
	NEVER_MS = 0x7FFFFFFF, /* beyond any process that has to stop */
	DIR_NAME_MAX = 900,    /* libraft's limit is 1024 with a file name */
	/* One write: more than a sync's time is worth, less than half a segment. */
	GATHER_BYTES_MAX = 2 * 1024 * 1024,
};

/* Below the log's directory: chunks of the state. */
#define STATE_DIR "state"

/* An append that waits for the write before it. */
struct waiting {
	struct queue link;
	struct raft_io_append *asked;     /* the caller's */
	const struct raft_entry *entries; /* the caller's, valid until cb */
	unsigned n;
	size_t size; /* bytes of the entries */
	raft_io_append_cb cb;
};

/* Appends that are written as one batch: see audit.h for what that is good for. */
struct gathered {
	struct raft_io_append request; /* the backend's */
	struct storage *s;
	struct queue link; /* in s->gathered */
	struct queue members;
	bool refused; /* the backend failed at once; it may still answer when it closes */
	int64_t began_us;
	struct raft_entry entries[];
};

struct storage {
	struct raft_io io;                  /* libraft's libuv backend */
	struct chunk_files *chunks;         /* owned */
	struct raft_uv_transport transport; /* without a network */
	struct raft_tracer tracer;          /* where the backend says that a write failed */
	struct raft_io backend;             /* its functions, before ours took their places */
	struct crc crc;
	struct metadata metadata; /* as the backend stored it last */
	bool sealed;              /* the first seals exist */
	struct queue waiting;     /* struct waiting */
	struct queue gathered;    /* struct gathered: what the backend knows of */
	unsigned writing;         /* of those, not refused */
	bool hold;                /* appends wait for storage_submit() */
	char dir[DIR_NAME_MAX + 1];
	atomic_bool failed; /* set in any thread */
	void (*failed_cb)(void *arg, const char *why);
	void *failed_arg;
	void (*written_cb)(void *arg, int64_t us); /* NULL: nobody is told */
	void *written_arg;
};

static int no_init(struct raft_uv_transport *t, raft_id id, const char *address)
{
	(void)t;
	(void)id;
	(void)address;
	return 0;
}

static int no_listen(struct raft_uv_transport *t, raft_uv_accept_cb cb)
{
	(void)t;
	(void)cb;
	return 0;
}

static int no_connect(struct raft_uv_transport *t, struct raft_uv_connect *request, raft_id id,
                      const char *address, raft_uv_connect_cb cb)
{
	(void)t;
	(void)request;
	(void)id;
	(void)address;
	(void)cb;
	return RAFT_NOCONNECTION;
}

static void no_close(struct raft_uv_transport *t, raft_uv_transport_close_cb cb)
{
	cb(t);
}

/* What the backend says when a file operation failed behind our back. It retries failed writes
 * (with a pointer to the wrong structure) and forgets about failed clean-ups; both leave a disk
 * whose content nobody knows. Messages of libraft 0.22. */
static const char *const failures[] = {
    "retry failed write", /* in the loop's thread */
    "truncate segment ",  /* the rest in worker threads */
    "unlink segment ",
    "sync data directory: ",
};

/* In the loop's thread, followed by the file's name. */
static const char retry_segment[] = "retry creating segment ";

/* The process has to stop. Retries would crash, or go on for ever: put them off. */
static void tell_failure(struct storage *s, const char *why)
{
	atomic_store(&s->failed, true);
	raft_uv_set_disk_retry(&s->io, NEVER_MS);
	if (s->failed_cb != NULL)
		s->failed_cb(s->failed_arg, why);
	s->failed_cb = NULL;
}

/* A new segment that cannot be allocated is removed, and tried again: the disk is full. When it
 * is still there, the directory could not be synced, and each retry would find it in the way. */
static void check_retry(struct storage *s, const char *name)
{
	if (segment_exists(s->dir, name))
		tell_failure(s, "the directory of the log cannot be synced");
}

static void trace_cb(struct raft_tracer *tracer, int type, const void *data)
{
	struct storage *s = CONTAINER_OF(tracer, struct storage, tracer);
	const struct raft_tracer_info *info = data;
	const char *text;
	size_t i;

	if (type != RAFT_TRACER_DIAGNOSTIC)
		return;
	text = info->diagnostic.message;
	if (strncmp(text, retry_segment, strlen(retry_segment)) == 0)
		check_retry(s, text + strlen(retry_segment));
	for (i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (strncmp(text, failures[i], strlen(failures[i])) != 0)
			continue;
		atomic_store(&s->failed, true);
		if (i == 0)
			tell_failure(s, text);
		return;
	}
}

static struct storage *of_io(struct raft_io *io)
{
	return CONTAINER_OF(io, struct storage, io);
}

/* True when a file operation failed: the backend is not asked for anything any more. */
static bool is_broken(struct storage *s)
{
	if (!atomic_load(&s->failed))
		return false;
	snprintf(s->io.errmsg, sizeof s->io.errmsg, "an earlier file operation failed");
	return true;
}

static void gathered_free(struct gathered *g)
{
	queue_remove(&g->link);
	free(g);
}

/* Tell all members; they are free to append again. */
static void answer(struct queue *members, int status)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, members) {
		struct waiting *w = CONTAINER_OF(pos, struct waiting, link);

		queue_remove(&w->link);
		w->cb(w->asked, status);
		free(w);
	}
}

/* Nobody is told: whoever asked has been told already. */
static void forget(struct queue *members)
{
	struct queue *pos;
	struct queue *after;

	QUEUE_EACH (pos, after, members)
		free(CONTAINER_OF(pos, struct waiting, link));
	queue_init(members);
}

/* Move the oldest waiting appends to a new batch. */
static struct gathered *gather(struct storage *s, unsigned *ret_n)
{
	struct queue *pos;
	struct gathered *g;
	size_t size = 0;
	unsigned n = 0;

	for (pos = s->waiting.next; pos != &s->waiting; pos = pos->next) {
		const struct waiting *w = CONTAINER_OF(pos, struct waiting, link);

		if (n > 0 && size + w->size > GATHER_BYTES_MAX)
			break;
		size += w->size;
		n += w->n;
	}
	g = calloc(1, sizeof *g + n * sizeof g->entries[0]);
	if (g == NULL)
		return NULL;
	g->s = s;
	queue_init(&g->members);
	queue_push(&s->gathered, &g->link);
	*ret_n = n;
	for (n = 0; n < *ret_n;) {
		struct waiting *w = CONTAINER_OF(s->waiting.next, struct waiting, link);

		memcpy(&g->entries[n], w->entries, w->n * sizeof g->entries[0]);
		n += w->n;
		queue_remove(&w->link);
		queue_push(&g->members, &w->link);
	}
	return g;
}

static void gathered_done(struct raft_io_append *request, int status);

static int64_t now_us(void)
{
	struct timespec now = {0, 0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Write the oldest waiting appends. On failure they are taken back. */
static int submit(struct storage *s)
{
	struct gathered *g;
	unsigned n;
	int rv;

	g = gather(s, &n);
	if (g == NULL)
		return RAFT_NOMEM;
	g->began_us = now_us();
	rv = s->backend.append(&s->io, &g->request, g->entries, n, gathered_done);
	if (rv == 0) {
		s->writing++;
		return 0;
	}
	g->refused = true;
	atomic_store(&s->failed, true);
	while (!queue_empty(&g->members)) {
		struct queue *last = g->members.prev;

		queue_remove(last);
		queue_push(s->waiting.next, last);
	}
	return rv;
}

static int submit_waiting(struct storage *s)
{
	if (queue_empty(&s->waiting))
		return 0;
	return is_broken(s) ? RAFT_IOERR : submit(s);
}

static void gathered_done(struct raft_io_append *request, int status)
{
	struct gathered *g = CONTAINER_OF(request, struct gathered, request);
	struct storage *s = g->s;
	int next = 0;

	if (g->refused) {
		gathered_free(g);
		return;
	}
	s->writing--;
	if (status == 0 && s->written_cb != NULL)
		s->written_cb(s->written_arg, now_us() - g->began_us);
	/* First to the disk with what waits: telling takes time. */
	if (status == 0 && s->writing == 0)
		next = submit_waiting(s);
	answer(&g->members, status);
	gathered_free(g);
	if (status != 0 && s->writing == 0)
		next = status;
	if (next != 0)
		answer(&s->waiting, next);
}

static int append(struct raft_io *io, struct raft_io_append *request,
                  const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
	struct storage *s = of_io(io);
	struct waiting *w;
	unsigned i;
	int rv;

	if (is_broken(s))
		return RAFT_IOERR;
	w = calloc(1, sizeof *w);
	if (w == NULL)
		return RAFT_NOMEM;
	w->asked = request;
	w->entries = entries;
	w->n = n;
	w->cb = cb;
	for (i = 0; i < n; i++)
		w->size += entries[i].buf.len;
	queue_push(&s->waiting, &w->link);
	if (s->writing > 0 || s->hold)
		return 0;
	rv = submit(s);
	if (rv != 0) {
		queue_remove(&w->link);
		free(w);
	}
	return rv;
}

/* What comes next must find all appends before it in the backend's own queue. */
static int submit_all(struct storage *s)
{
	int rv = is_broken(s) ? RAFT_IOERR : 0;

	while (rv == 0 && !queue_empty(&s->waiting))
		rv = submit(s);
	return rv;
}

static int cut_log(struct raft_io *io, raft_index index)
{
	struct storage *s = of_io(io);
	int rv = submit_all(s);

	return rv != 0 ? rv : s->backend.truncate(io, index);
}

static int snapshot_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *request,
                        const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
	struct storage *s = of_io(io);
	int rv = submit_all(s);

	return rv != 0 ? rv : s->backend.snapshot_put(io, trailing, request, snapshot, cb);
}

/* Seal what the backend has just stored. A failure of either leaves a file that nobody can
 * vouch for: nothing more is stored, and the next start takes the step back. */
static int seal(struct storage *s, const struct metadata *stored, int rv)
{
	char why[SEAL_WHY_MAX];

	if (rv == 0 && seal_store(&s->crc, s->dir, stored, !s->sealed, why) != ST_OK) {
		snprintf(s->io.errmsg, sizeof s->io.errmsg, "%s", why);
		rv = RAFT_IOERR;
	}
	if (rv != 0) {
		atomic_store(&s->failed, true);
		return rv;
	}
	s->metadata = *stored;
	s->sealed = true;
	return 0;
}

static int set_term(struct raft_io *io, raft_term term)
{
	struct storage *s = of_io(io);
	const struct metadata next = {.version = s->metadata.version + 1, .term = term};

	if (is_broken(s))
		return RAFT_IOERR;
	return seal(s, &next, s->backend.set_term(io, term));
}

static int set_vote(struct raft_io *io, raft_id id)
{
	struct storage *s = of_io(io);
	const struct metadata next = {
	    .version = s->metadata.version + 1, .term = s->metadata.term, .vote = id};

	if (is_broken(s))
		return RAFT_IOERR;
	return seal(s, &next, s->backend.set_vote(io, id));
}

/* libraft stores term 1 on the way, as the first version. */
static int bootstrap(struct raft_io *io, const struct raft_configuration *conf)
{
	const struct metadata first = {.version = 1, .term = 1};
	struct storage *s = of_io(io);
	int rv = s->backend.bootstrap(io, conf);

	return rv != 0 ? rv : seal(s, &first, 0);
}

/* Nothing of libraft's has looked at the directory yet, and so tidied nothing away. */
static int init(struct raft_io *io, raft_id id, const char *address)
{
	struct storage *s = of_io(io);
	char why[SEAL_WHY_MAX] = "";
	enum status st;
	int rv;

	st = seal_check(&s->crc, s->dir, &s->metadata, &s->sealed, why);
	if (st == ST_OK)
		st = audit_log(&s->crc, s->dir, why, sizeof why);
	if (st != ST_OK) {
		snprintf(io->errmsg, sizeof io->errmsg, "%s", why);
		return st == ST_CORRUPT ? RAFT_CORRUPT : st == ST_NOMEM ? RAFT_NOMEM : RAFT_IOERR;
	}
	rv = s->backend.init(io, id, address);
	if (rv == 0 && !s->sealed && s->metadata.version > 0)
		rv = seal(s, &s->metadata, 0);
	return rv;
}

/* Our functions take the backend's places; the rest stays. */
static void wrap(struct storage *s)
{
	s->backend = s->io;
	s->io.init = init;
	s->io.bootstrap = bootstrap;
	s->io.set_term = set_term;
	s->io.set_vote = set_vote;
	s->io.append = append;
	s->io.truncate = cut_log;
	s->io.snapshot_put = snapshot_put;
}

/* True when the directory holds nothing of libraft's but its first metadata file, and perhaps
 * what it was writing when it died: that is removed unseen, like its probe. */
static bool only_first_metadata(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	bool first = false;
	bool other = false;

	if (d == NULL)
		return false;
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, "metadata1") == 0)
			first = true;
		else if (entry->d_name[0] != '.' && strncmp(entry->d_name, "tmp-", 4) != 0 &&
		         strcmp(entry->d_name, STATE_DIR) != 0)
			other = true;
	}
	closedir(d);
	return first && !other;
}

/* Founding writes the term, then the first entry. When it was interrupted between the two,
 * libraft refuses to do it again: take the first half back. Nobody was voted for in it. */
static void undo_half_founding(const char *dir)
{
	static const uint8_t half[METADATA_BYTES] = {[0] = 1, [8] = 1, [16] = 1};
	uint8_t content[METADATA_BYTES + 1];
	char path[DIR_NAME_MAX + 32];
	ssize_t n;
	int fd;

	if (!only_first_metadata(dir))
		return;
	snprintf(path, sizeof path, "%s/metadata1", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, content, sizeof content);
	close(fd);
	if (n == METADATA_BYTES && memcmp(content, half, METADATA_BYTES) == 0)
		unlink(path);
}

enum status storage_open(struct uv_loop_s *loop, const char *dir, struct storage **ret,
                         const char **why)
{
	char state_dir[DIR_NAME_MAX + 8];
	struct storage *s;
	enum status st;
	int rv;

	*why = "the directory's name is too long";
	if (strlen(dir) > DIR_NAME_MAX)
		return ST_IO;
	*why = "out of memory";
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return ST_NOMEM;
	s->transport.version = 1;
	s->transport.init = no_init;
	s->transport.listen = no_listen;
	s->transport.connect = no_connect;
	s->transport.close = no_close;
	crc_init(&s->crc);
	queue_init(&s->waiting);
	queue_init(&s->gathered);
	memcpy(s->dir, dir, strlen(dir) + 1);
	undo_half_founding(dir);
	rv = raft_uv_init(&s->io, loop, dir, &s->transport);
	if (rv != 0) {
		*why = raft_strerror(rv);
		free(s);
		return rv == RAFT_NOMEM ? ST_NOMEM : ST_IO;
	}
	snprintf(state_dir, sizeof state_dir, "%s/" STATE_DIR, dir);
	st = chunk_files_open(loop, state_dir, &s->chunks, why);
	if (st != ST_OK) {
		raft_uv_close(&s->io);
		free(s);
		return st;
	}
	s->tracer.version = 2;
	s->tracer.emit = trace_cb;
	raft_uv_set_tracer(&s->io, &s->tracer);
	/* A voter must not come back without entries that it acknowledged. */
	raft_uv_set_auto_recovery(&s->io, false);
	raft_uv_set_disk_retry(&s->io, DISK_RETRY_MS);
	wrap(s);
	contexts_start(contexts_own());
	*ret = s;
	return ST_OK;
}

void storage_on_failure(struct storage *s, void (*failed_cb)(void *arg, const char *why), void *arg)
{
	s->failed_cb = failed_cb;
	s->failed_arg = arg;
}

void storage_on_written(struct storage *s, void (*written_cb)(void *arg, int64_t us), void *arg)
{
	s->written_cb = written_cb;
	s->written_arg = arg;
}

void storage_submit(struct storage *s)
{
	const int rv = s->writing == 0 ? submit_waiting(s) : 0;

	if (rv != 0)
		answer(&s->waiting, rv);
}

void storage_hold(struct storage *s, bool hold)
{
	s->hold = hold;
	if (!hold)
		storage_submit(s);
}

struct raft_io *storage_io(struct storage *s)
{
	return &s->io;
}

struct chunk_disk *storage_chunks(struct storage *s)
{
	return chunk_files_disk(s->chunks);
}

void storage_close(struct storage *s)
{
	struct queue *pos;
	struct queue *after;

	if (s == NULL)
		return;
	chunk_files_close(s->chunks);
	raft_uv_close(&s->io);
	contexts_stop(contexts_own());
	forget(&s->waiting);
	QUEUE_EACH (pos, after, &s->gathered) {
		struct gathered *g = CONTAINER_OF(pos, struct gathered, link);

		forget(&g->members);
		free(g);
	}
	free(s);
}
