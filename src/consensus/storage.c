#include "consensus/storage.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <raft.h>
#include <raft/uv.h>

#include "base/queue.h"

enum {
	DISK_RETRY_MS = 250,   /* a full disk is asked again this often */
	NEVER_MS = 0x7FFFFFFF, /* beyond any process that has to stop */
	METADATA_BYTES = 32,   /* format, version, term, vote */
	DIR_NAME_MAX = 900,    /* libraft's limit is 1024 with a file name */
};

struct storage {
	struct raft_io io;                  /* libraft's libuv backend */
	struct raft_uv_transport transport; /* without a network */
	struct raft_tracer tracer;          /* where the backend says that a write failed */
	int (*append)(struct raft_io *io, struct raft_io_append *request,
	              const struct raft_entry entries[], unsigned n, raft_io_append_cb cb);
	atomic_bool failed; /* set in any thread */
	void (*failed_cb)(void *arg, const char *why);
	void *failed_arg;
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

static void trace_cb(struct raft_tracer *tracer, int type, const void *data)
{
	struct storage *s = CONTAINER_OF(tracer, struct storage, tracer);
	const struct raft_tracer_info *info = data;
	size_t i;

	if (type != RAFT_TRACER_DIAGNOSTIC)
		return;
	for (i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (strncmp(info->diagnostic.message, failures[i], strlen(failures[i])) != 0)
			continue;
		atomic_store(&s->failed, true);
		if (i > 0)
			return;
		/* The retry itself would crash: put it off for ever. */
		raft_uv_set_disk_retry(&s->io, NEVER_MS);
		if (s->failed_cb != NULL)
			s->failed_cb(s->failed_arg, info->diagnostic.message);
		s->failed_cb = NULL;
		return;
	}
}

static int append(struct raft_io *io, struct raft_io_append *request,
                  const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
	struct storage *s = CONTAINER_OF(io, struct storage, io);

	if (atomic_load(&s->failed)) {
		snprintf(io->errmsg, sizeof io->errmsg, "an earlier file operation failed");
		return RAFT_IOERR;
	}
	return s->append(io, request, entries, n, cb);
}

/* True when the directory holds nothing of libraft's but its first metadata file. */
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
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
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
	struct storage *s;
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
	undo_half_founding(dir);
	rv = raft_uv_init(&s->io, loop, dir, &s->transport);
	if (rv != 0) {
		*why = raft_strerror(rv);
		free(s);
		return rv == RAFT_NOMEM ? ST_NOMEM : ST_IO;
	}
	s->tracer.version = 2;
	s->tracer.emit = trace_cb;
	raft_uv_set_tracer(&s->io, &s->tracer);
	/* A voter must not come back without entries that it acknowledged. */
	raft_uv_set_auto_recovery(&s->io, false);
	raft_uv_set_disk_retry(&s->io, DISK_RETRY_MS);
	s->append = s->io.append;
	s->io.append = append;
	*ret = s;
	return ST_OK;
}

void storage_on_failure(struct storage *s, void (*failed_cb)(void *arg, const char *why), void *arg)
{
	s->failed_cb = failed_cb;
	s->failed_arg = arg;
}

struct raft_io *storage_io(struct storage *s)
{
	return &s->io;
}

void storage_close(struct storage *s)
{
	if (s == NULL)
		return;
	raft_uv_close(&s->io);
	free(s);
}
