#include "node/backup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "consensus/limits.h"
#include "node/api.h"
#include "node/node_internal.h"
#include "session/archive.h"
#include "session/image.h"

enum {
	BACKUP_PATH_MAX = 4096,
	BACKUP_STEP_BYTES = 128 * 1024, /* encoded in one turn, and the chunk that exceeds it */
	BACKUP_TEXT_MAX = 600,
};

/* One backup. Lives from its call to the answer; no node has two. */
struct backup {
	struct node *node;
	struct api_call *call;
	struct image *image; /* NULL: not begun, or complete */
	struct archive_head head;
	char path[BACKUP_PATH_MAX];
	char temp[BACKUP_PATH_MAX + 16]; /* its name until it is complete */
	struct buf bytes;                /* encoded, being written; the worker's meanwhile */
	uint64_t written;                /* bytes of the file */
	bool confirmed;                  /* a majority vouched for the index */
	bool last;                       /* the manifest is among the bytes */
	bool hurry;                      /* too much is kept as it was: no pauses */
	int fd;                          /* -1: none */
	enum status st;                  /* the worker's outcome */
	int error;                       /* errno of it */
};

/* The answer; the backup is gone afterwards. */
PRINTF(3, 4)
static void finish(struct backup *b, enum status st, const char *fmt, ...)
{
	struct api_call *call = b->call;
	struct arena *a = &call->arena;
	char text[BACKUP_TEXT_MAX];
	const struct term *said;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	log_line(b->node->log, st == ST_OK ? LOG_INFO : LOG_WARNING, "Backup: %s", text);
	if (b->image != NULL)
		image_end(b->image);
	if (b->fd >= 0) {
		(void)close(b->fd);
		(void)unlink(b->temp);
	}
	buf_close(&b->bytes);
	b->node->backing_up = false;
	free(b);
	said = term_binary(a, text, strlen(text));
	if (st == ST_OK)
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), said));
	else
		api_error(call, term_tuple2(a, term_atom(a, "failed"), said));
}

static enum status write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ST_IO;
		bytes += n;
		len -= (size_t)n;
	}
	return ST_OK;
}

/* Durable, then under its name, then that durable. */
static enum status complete(struct backup *b)
{
	char dir[BACKUP_PATH_MAX];
	enum status st = ST_OK;
	int fd;

	memcpy(dir, b->path, sizeof dir);
	if (fsync(b->fd) != 0 ||
	    renameat2(AT_FDCWD, b->temp, AT_FDCWD, b->path, RENAME_NOREPLACE) != 0)
		return ST_IO;
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		st = ST_IO;
	if (fd >= 0)
		(void)close(fd);
	return st;
}

/* Bytes go to the disk as they come, and no faster than a picture's: all at once at the end, they
 * would hold up the log for as long as they take. A hint: what counts is fsync(). */
static void pass_on(struct backup *b)
{
	const int64_t rest_us = (int64_t)b->bytes.len * 1000 / PICTURE_BYTES_A_MS;
	const struct timespec rest = {rest_us / 1000000, rest_us % 1000000 * 1000};

	(void)sync_file_range(b->fd, (off_t)b->written, (off_t)b->bytes.len, SYNC_FILE_RANGE_WRITE);
	if (!b->hurry && !b->last)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
	(void)sync_file_range(b->fd, (off_t)b->written, (off_t)b->bytes.len,
	                      SYNC_FILE_RANGE_WAIT_BEFORE);
}

/* In a worker thread. */
static void write_work(void *arg)
{
	struct backup *b = arg;

	/* Even making a file waits for what else the disk has to do. */
	if (b->fd < 0)
		b->fd = open(b->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	b->st = b->fd < 0 ? ST_IO : write_all(b->fd, b->bytes.base, b->bytes.len);
	if (b->st == ST_OK)
		pass_on(b);
	if (b->st == ST_OK && b->last)
		b->st = complete(b);
	b->error = errno;
}

static void step(struct backup *b);

static void write_done(void *arg)
{
	struct backup *b = arg;

	b->written += b->bytes.len;
	buf_reset(&b->bytes);
	if (b->st != ST_OK) {
		finish(b, ST_IO, "%.300s cannot be %s: %s%s", b->fd < 0 ? b->temp : b->path,
		       b->fd < 0 ? "made" : "written", strerror(b->error),
		       b->error == ENOSPC ? "; nothing is left of it" : "");
		return;
	}
	if (!b->last) {
		step(b);
		return;
	}
	(void)close(b->fd);
	b->fd = -1;
	finish(b, ST_OK,
	       "%.300s: %" PRIu64 " sessions at index %" PRIu64 ", digest %016" PRIx64 ", %" PRIu64
	       " bytes%s",
	       b->path, b->head.sessions, b->head.index, b->head.digest, b->written,
	       b->confirmed ? ""
	                    : ". WARNING: no majority confirmed that this is the newest state");
}

/* The next chunk with what precedes it; the manifest behind the last one. */
static enum status encode_next(struct backup *b)
{
	enum status st;
	struct buf one;
	unsigned chunk;

	buf_init(&one, CHUNK_BYTES_MAX);
	st = image_next(b->image, &one, &chunk);
	if (st == ST_OK) {
		archive_put_chunk(&b->bytes, chunk, one.base, one.len);
		buf_bytes(&b->bytes, one.base, one.len);
	} else if (st == ST_NOT_FOUND) {
		archive_put_manifest(&b->bytes, image_manifest(b->image));
		b->last = true;
		st = ST_OK;
	}
	buf_close(&one);
	return st == ST_OK ? buf_status(&b->bytes) : st;
}

static void step(struct backup *b)
{
	enum status st = b->node->closed ? ST_CLOSED : ST_OK;

	while (st == ST_OK && !b->last && b->bytes.len < BACKUP_STEP_BYTES)
		st = encode_next(b);
	b->hurry = image_kept_bytes(b->image) >
	           store_bytes(core_store(b->node->core)) / PICTURE_KEPT_SHARE;
	if (st == ST_OK)
		st = loop_work(b->node->loop, write_work, write_done, b);
	if (st == ST_CLOSED)
		finish(b, st, "%s",
		       b->node->closed ? "the node stops"
		                       : "the state was replaced by a newer one meanwhile: again");
	else if (st != ST_OK)
		finish(b, st, "the state cannot be encoded: %s", status_text(st));
}

_Static_assert(sizeof((struct archive_head *)0)->node == NODE_NAME_MAX,
               "a node has one kind of name");

static enum status begin_image(struct backup *b)
{
	struct store *s = core_store(b->node->core);
	const struct identity *id = core_identity(b->node->core);
	enum status st = image_begin(s, &b->image);

	if (st != ST_OK)
		return st;
	b->head.cluster_id = id->cluster_id;
	b->head.index = store_index(s);
	b->head.digest = store_digest(s);
	b->head.sessions = store_count(s);
	b->head.state_version = store_version(s);
	b->head.promise_max_ms = id->promise_max_ms;
	b->head.created_ms = node_wall_ms(NULL);
	memcpy(b->head.node, b->node->config->node_name, sizeof b->head.node);
	archive_put_head(&b->bytes, &b->head);
	return buf_status(&b->bytes);
}

static void begin(struct backup *b)
{
	struct stat info;
	enum status st;

	if (stat(b->path, &info) == 0) {
		finish(b, ST_EXISTS, "%.300s is there already: no file is replaced", b->path);
		return;
	}
	st = begin_image(b);
	if (st == ST_OK)
		step(b);
	else
		finish(b, st, "the state cannot be looked at: %s", status_text(st));
}

static void on_read(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct backup *b = arg;

	(void)result;
	(void)len;
	b->confirmed = st == ST_OK;
	if (b->node->closed || core_identity(b->node->core)->state == IDENTITY_EMPTY)
		finish(b, ST_CLOSED, "this node belongs to no cluster, or stops");
	else
		begin(b);
}

void api_backup(struct node *node, struct api_call *call)
{
	struct backup *b;
	size_t len;

	if (node->backing_up) {
		api_error(call, term_tuple2(&call->arena, term_atom(&call->arena, "busy"),
		                            term_string(&call->arena, "a backup is under way")));
		return;
	}
	b = calloc(1, sizeof *b);
	if (b == NULL) {
		api_raise(call, NULL);
		return;
	}
	if (term_text(call->args[0], b->path, sizeof b->path, &len) != ST_OK ||
	    strlen(b->path) != len || b->path[0] != '/') {
		free(b);
		api_badarg(call);
		return;
	}
	b->node = node;
	b->call = call;
	b->fd = -1;
	(void)snprintf(b->temp, sizeof b->temp, "%s.part", b->path);
	buf_init(&b->bytes, SIZE_MAX);
	node->backing_up = true;
	core_read(node->core, true, on_read, b);
}
