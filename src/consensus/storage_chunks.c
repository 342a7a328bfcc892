#include "consensus/storage_chunks.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <raft/uv.h>

#include "base/queue.h"
#include "consensus/storage_mark.h"
#include "session/image.h"

enum {
	DIR_BYTES = 1024,  /* of the directory's name */
	SUFFIX_BYTES = 32, /* of a name under which a file is written */
	PATH_BYTES = DIR_BYTES + CHUNK_TEXT + SUFFIX_BYTES /* of a file's */
};

/* Versions of one chunk that are on the disk. */
struct versions {
	struct chunk_name *names; /* owned */
	unsigned n;               /* used */
	unsigned cap;             /* allocated */
};

struct chunk_files {
	struct chunk_disk disk;
	struct chunk_disk_ops ops;
	bool heard; /* somebody listens */
	struct uv_loop_s *loop;
	struct versions chunks[IMAGE_CHUNKS];
	struct removal *removal; /* under way, or NULL */
	unsigned pending;        /* jobs in worker threads */
	uint64_t stores;         /* begun: each writes under a name of its own */
	bool marking;            /* a mark is being written */
	bool closing;            /* the last job frees */
	char dir[DIR_BYTES];
};

/* One job for a worker thread. */
struct job {
	uv_work_t work;
	struct chunk_files *files;
	struct chunk_name name;
	uint64_t tag;
	uint64_t nth;    /* store: its number */
	uint64_t offset; /* read: from where */
	uint8_t *bytes;  /* store: lent; read: owned */
	size_t len;      /* of bytes */
	enum status st;  /* outcome */
};

/* Files being removed. Their names cannot be stored meanwhile. */
struct removal {
	uv_work_t work;
	struct chunk_files *files;
	size_t n;
	struct chunk_name names[];
};

static struct chunk_files *of(struct chunk_disk *d)
{
	return CONTAINER_OF(d, struct chunk_files, disk);
}

static bool same(const struct chunk_name *a, const struct chunk_name *b)
{
	return a->chunk == b->chunk && a->changed == b->changed && a->checksum == b->checksum;
}

static void path_of(const struct chunk_files *f, const struct chunk_name *name, const char *suffix,
                    char ret[PATH_BYTES])
{
	char text[CHUNK_TEXT];

	chunk_name_text(name, text);
	snprintf(ret, PATH_BYTES, "%s/%s%s", f->dir, text, suffix);
}

static enum status note(struct chunk_files *f, const struct chunk_name *name)
{
	struct versions *v = &f->chunks[name->chunk];
	unsigned i;

	for (i = 0; i < v->n; i++) {
		if (same(&v->names[i], name))
			return ST_OK;
	}
	if (v->n == v->cap) {
		unsigned cap = v->cap == 0 ? 4 : 2 * v->cap;
		struct chunk_name *names = realloc(v->names, cap * sizeof *names);

		if (names == NULL)
			return ST_NOMEM;
		v->names = names;
		v->cap = cap;
	}
	v->names[v->n++] = *name;
	return ST_OK;
}

static void files_free(struct chunk_files *f)
{
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++)
		free(f->chunks[i].names);
	free(f);
}

static void job_over(struct chunk_files *f)
{
	f->pending--;
	if (f->closing && f->pending == 0)
		files_free(f);
}

static bool files_has(struct chunk_disk *d, const struct chunk_name *name)
{
	const struct versions *v = &of(d)->chunks[name->chunk];
	unsigned i;

	for (i = 0; i < v->n; i++) {
		if (same(&v->names[i], name))
			return true;
	}
	return false;
}

static enum status write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EDQUOT ? ST_NO_SPACE : ST_IO;
		bytes += n;
		len -= (size_t)n;
	}
	return ST_OK;
}

static enum status status_of_errno(void)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
		return ST_NO_SPACE;
	case ENOENT:
		return ST_NOT_FOUND;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return ST_NOMEM;
	default:
		return ST_IO;
	}
}

/* Our own picture and one that is fetched can store the same version at the same time: the bytes
 * are the same, the second one takes the first one's place. */
static void store_work(uv_work_t *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	char suffix[SUFFIX_BYTES];
	char path[PATH_BYTES];
	char temp[PATH_BYTES];
	int fd;

	snprintf(suffix, sizeof suffix, ".%" PRIu64 ".tmp", job->nth);
	path_of(job->files, &job->name, "", path);
	path_of(job->files, &job->name, suffix, temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		job->st = status_of_errno();
		return;
	}
	job->st = write_all(fd, job->bytes, job->len);
	/* After a failed sync nobody knows what is on the disk, whatever errno says. */
	if (job->st == ST_OK && fdatasync(fd) != 0)
		job->st = ST_IO;
	if (close(fd) != 0 && job->st == ST_OK)
		job->st = ST_IO;
	if (job->st == ST_OK && rename(temp, path) != 0)
		job->st = status_of_errno();
	if (job->st != ST_OK)
		(void)unlink(temp);
}

static void store_after(uv_work_t *work, int status)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	struct chunk_files *f = job->files;

	if (status != 0)
		job->st = ST_NOMEM; /* cancelled: not begun */
	if (job->st == ST_OK)
		job->st = note(f, &job->name);
	if (f->heard)
		f->ops.stored(f->ops.arg, job->tag, job->st, job->bytes, job->len);
	else
		free(job->bytes);
	free(job);
	job_over(f);
}

static enum status queue_job(struct chunk_files *f, const struct job *like, uv_work_cb work,
                             uv_after_work_cb after)
{
	struct job *job = malloc(sizeof *job);

	if (job == NULL)
		return ST_NOMEM;
	*job = *like;
	job->files = f;
	if (uv_queue_work(f->loop, &job->work, work, after) != 0) {
		free(job);
		return ST_NOMEM;
	}
	f->pending++;
	return ST_OK;
}

static bool being_removed(const struct chunk_files *f, const struct chunk_name *name)
{
	size_t i;

	for (i = 0; f->removal != NULL && i < f->removal->n; i++) {
		if (same(&f->removal->names[i], name))
			return true;
	}
	return false;
}

static enum status files_store(struct chunk_disk *d, const struct chunk_name *name, uint8_t *bytes,
                               size_t len, uint64_t tag)
{
	struct chunk_files *f = of(d);
	const struct job job = {
	    .name = *name, .bytes = bytes, .len = len, .tag = tag, .nth = f->stores++};

	if (being_removed(f, name))
		return ST_BUSY;
	return queue_job(f, &job, store_work, store_after);
}

static void sync_work(uv_work_t *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	int fd = open(job->files->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	job->st = ST_IO;
	if (fd < 0)
		return;
	if (fsync(fd) == 0)
		job->st = ST_OK;
	close(fd);
}

static void sync_after(uv_work_t *work, int status)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	struct chunk_files *f = job->files;

	if (f->heard)
		f->ops.synced(f->ops.arg, job->tag, status == 0 ? job->st : ST_IO);
	free(job);
	job_over(f);
}

static enum status files_sync(struct chunk_disk *d, uint64_t tag)
{
	const struct job job = {.tag = tag};

	return queue_job(of(d), &job, sync_work, sync_after);
}

static enum status read_all(int fd, uint8_t *bytes, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pread(fd, bytes, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ST_IO;
		if (n == 0)
			return ST_NOT_FOUND;
		bytes += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return ST_OK;
}

static enum status read_file(struct job *job, int fd)
{
	struct stat info;

	if (fstat(fd, &info) != 0 || info.st_size < 0)
		return ST_IO;
	if (job->offset > (uint64_t)info.st_size)
		return ST_NOT_FOUND;
	if (job->len == SIZE_MAX)
		job->len = (size_t)((uint64_t)info.st_size - job->offset);
	/* One byte more, so that nothing is not NULL. */
	job->bytes = malloc(job->len + 1);
	if (job->bytes == NULL)
		return ST_NOMEM;
	return read_all(fd, job->bytes, job->len, job->offset);
}

static void read_work(uv_work_t *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	char path[PATH_BYTES];
	int fd;

	path_of(job->files, &job->name, "", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		job->st = status_of_errno();
		return;
	}
	job->st = read_file(job, fd);
	close(fd);
}

static void read_after(uv_work_t *work, int status)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	struct chunk_files *f = job->files;

	if (f->heard)
		f->ops.read(f->ops.arg, job->tag, status == 0 ? job->st : ST_NOMEM, job->bytes,
		            job->len);
	free(job->bytes);
	free(job);
	job_over(f);
}

static enum status files_read(struct chunk_disk *d, const struct chunk_name *name, uint64_t offset,
                              size_t len, uint64_t tag)
{
	const struct job job = {.name = *name, .offset = offset, .len = len, .tag = tag};

	return queue_job(of(d), &job, read_work, read_after);
}

static void mark_path(const struct chunk_files *f, char ret[PATH_BYTES])
{
	snprintf(ret, PATH_BYTES, "%s/committed", f->dir);
}

static void mark_after(void *arg)
{
	struct chunk_files *f = arg;

	f->marking = false;
	job_over(f);
}

/* One at a time. */
static bool files_mark(struct chunk_disk *d, const struct commit_mark *mark)
{
	struct chunk_files *f = of(d);
	char path[PATH_BYTES];

	mark_path(f, path);
	if (f->marking || storage_mark_write(f->loop, path, mark, mark_after, f) != ST_OK)
		return false;
	f->marking = true;
	f->pending++;
	return true;
}

static enum status files_marked(struct chunk_disk *d, struct commit_mark *ret)
{
	char path[PATH_BYTES];

	mark_path(of(d), path);
	return storage_mark_read(path, ret);
}

/* Straight into b: at a start all of the state comes through here. */
static enum status load_file(int fd, struct buf *b)
{
	const size_t start = b->len;
	struct stat info;
	enum status st;
	uint8_t *at;

	if (fstat(fd, &info) != 0 || info.st_size < 0)
		return ST_IO;
	at = buf_extend(b, (size_t)info.st_size);
	if (at == NULL)
		return buf_status(b);
	st = read_all(fd, at, (size_t)info.st_size, 0);
	if (st != ST_OK)
		b->len = start;
	return st;
}

static enum status files_load(struct chunk_disk *d, const struct chunk_name *name, struct buf *b)
{
	char path[PATH_BYTES];
	enum status st;
	int fd;

	path_of(of(d), name, "", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return status_of_errno();
	st = load_file(fd, b);
	close(fd);
	return st;
}

static void remove_work(uv_work_t *work)
{
	struct removal *r = CONTAINER_OF(work, struct removal, work);
	char path[PATH_BYTES];
	size_t i;

	/* What cannot be removed now is found again at the next start. */
	for (i = 0; i < r->n; i++) {
		path_of(r->files, &r->names[i], "", path);
		(void)unlink(path);
	}
}

static void remove_after(uv_work_t *work, int status)
{
	struct removal *r = CONTAINER_OF(work, struct removal, work);
	struct chunk_files *f = r->files;

	(void)status;
	f->removal = NULL;
	free(r);
	job_over(f);
}

static size_t count_versions(const struct chunk_files *f)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < IMAGE_CHUNKS; i++)
		n += f->chunks[i].n;
	return n;
}

/* Move the names that are not wanted from the list of what is there to the removal. */
static void pick(struct chunk_files *f, struct removal *r,
                 bool (*keep_cb)(void *arg, const struct chunk_name *name), void *arg)
{
	unsigned chunk;

	for (chunk = 0; chunk < IMAGE_CHUNKS; chunk++) {
		struct versions *v = &f->chunks[chunk];
		unsigned kept = 0;
		unsigned i;

		for (i = 0; i < v->n; i++) {
			if (keep_cb(arg, &v->names[i]))
				v->names[kept++] = v->names[i];
			else
				r->names[r->n++] = v->names[i];
		}
		v->n = kept;
	}
}

/* One removal at a time; what is left over then goes with the next one. */
static void files_keep(struct chunk_disk *d,
                       bool (*keep_cb)(void *arg, const struct chunk_name *name), void *arg)
{
	struct chunk_files *f = of(d);
	struct removal *r;

	if (f->removal != NULL)
		return;
	r = malloc(sizeof *r + count_versions(f) * sizeof r->names[0]);
	if (r == NULL)
		return;
	r->files = f;
	r->n = 0;
	pick(f, r, keep_cb, arg);
	if (r->n == 0 || uv_queue_work(f->loop, &r->work, remove_work, remove_after) != 0) {
		free(r);
		return;
	}
	f->removal = r;
	f->pending++;
}

static void files_listen(struct chunk_disk *d, const struct chunk_disk_ops *ops)
{
	struct chunk_files *f = of(d);

	f->heard = ops != NULL;
	if (ops != NULL)
		f->ops = *ops;
}

/* Note what is there; half written files of an earlier life go. */
static enum status scan(struct chunk_files *f)
{
	struct dirent *entry;
	enum status st = ST_OK;
	DIR *d = opendir(f->dir);

	if (d == NULL)
		return ST_IO;
	while (st == ST_OK && (entry = readdir(d)) != NULL) {
		const char *end = strrchr(entry->d_name, '.');
		struct chunk_name name;

		if (end != NULL && strcmp(end, ".tmp") == 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
		else if (chunk_name_parse(entry->d_name, &name) == ST_OK)
			st = note(f, &name);
	}
	closedir(d);
	return st;
}

enum status chunk_files_open(struct uv_loop_s *loop, const char *dir, struct chunk_files **ret,
                             const char **why)
{
	struct chunk_files *f;
	enum status st;

	*why = "the directory's name is too long";
	if (strlen(dir) >= DIR_BYTES)
		return ST_IO;
	*why = "out of memory";
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return ST_NOMEM;
	snprintf(f->dir, sizeof f->dir, "%s", dir);
	f->loop = loop;
	f->disk.listen = files_listen;
	f->disk.has = files_has;
	f->disk.store = files_store;
	f->disk.sync = files_sync;
	f->disk.read = files_read;
	f->disk.load = files_load;
	f->disk.mark = files_mark;
	f->disk.marked = files_marked;
	f->disk.keep = files_keep;
	*why = "the directory of the state cannot be made";
	st = mkdir(dir, 0700) == 0 || errno == EEXIST ? ST_OK : ST_IO;
	if (st == ST_OK) {
		*why = "the directory of the state cannot be read";
		st = scan(f);
	}
	if (st != ST_OK) {
		files_free(f);
		return st;
	}
	*ret = f;
	return ST_OK;
}

struct chunk_disk *chunk_files_disk(struct chunk_files *f)
{
	return &f->disk;
}

void chunk_files_close(struct chunk_files *f)
{
	if (f == NULL)
		return;
	f->heard = false;
	f->closing = true;
	if (f->pending == 0)
		files_free(f);
}
