#include "consensus/audit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NAME_BYTES = 80,           /* libraft's names are shorter */
	PATH_BYTES = 1024,         /* a directory and a name; storage_open() checks */
	FILE_BYTES_MAX = 16 << 20, /* twice a segment; snapshots are not read here */
	FILES_MAX = 1 << 20,       /* segments and snapshots in one directory */
};

enum kind { KIND_OTHER, KIND_OPEN, KIND_CLOSED, KIND_SNAPSHOT, KIND_META };

struct file {
	enum kind kind;
	unsigned long long a; /* counter; first index; term */
	unsigned long long b; /* last index; index of a snapshot */
	size_t cut_to;        /* open: where the torn end starts; SIZE_MAX: nowhere */
	bool remove;          /* closed: what an interrupted truncation left */
	char name[NAME_BYTES];
};

struct audit {
	const struct crc *crc;
	const char *dir;
	char *why;
	size_t why_size;
	struct file *files; /* owned */
	size_t n;
	size_t cap;
};

PRINTF(3, 4)
static enum status refuse(const struct audit *a, enum status st, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(a->why, a->why_size, fmt, args);
	va_end(args);
	return st;
}

/* prefix, n numbers with '-' between them, suffix, and nothing else. */
static bool parse(const char *name, const char *prefix, unsigned n, const char *suffix,
                  unsigned long long ret[3])
{
	unsigned i;
	char *end;

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	name += strlen(prefix);
	for (i = 0; i < n; i++) {
		if (i > 0 && *name++ != '-')
			return false;
		if (!isdigit((unsigned char)*name))
			return false;
		ret[i] = strtoull(name, &end, 10);
		name = end;
	}
	return strcmp(name, suffix) == 0;
}

static void classify(struct file *f)
{
	unsigned long long n[3] = {0};

	if (parse(f->name, "open-", 1, "", n))
		f->kind = KIND_OPEN;
	else if (parse(f->name, "", 2, "", n))
		f->kind = KIND_CLOSED;
	else if (parse(f->name, "snapshot-", 3, "", n))
		f->kind = KIND_SNAPSHOT;
	else if (parse(f->name, "snapshot-", 3, ".meta", n))
		f->kind = KIND_META;
	f->a = n[0];
	f->b = n[1];
	f->cut_to = SIZE_MAX;
}

static enum status add(struct audit *a, const char *name)
{
	struct file *grown;

	if (strlen(name) >= NAME_BYTES)
		return ST_OK; /* not libraft's */
	if (a->n == a->cap) {
		if (a->cap >= FILES_MAX)
			return ST_LIMIT;
		a->cap = a->cap == 0 ? 64 : 2 * a->cap;
		grown = realloc(a->files, a->cap * sizeof *grown);
		if (grown == NULL)
			return ST_NOMEM;
		a->files = grown;
	}
	memset(&a->files[a->n], 0, sizeof a->files[a->n]);
	memcpy(a->files[a->n].name, name, strlen(name) + 1);
	classify(&a->files[a->n]);
	if (a->files[a->n].kind != KIND_OTHER)
		a->n++;
	return ST_OK;
}

static int compare(const void *left, const void *right)
{
	const struct file *l = left;
	const struct file *r = right;

	if (l->kind != r->kind)
		return l->kind < r->kind ? -1 : 1;
	if (l->a != r->a)
		return l->a < r->a ? -1 : 1;
	if (l->b != r->b)
		return l->b < r->b ? -1 : 1;
	return strcmp(l->name, r->name);
}

static enum status list(struct audit *a)
{
	const struct dirent *entry;
	DIR *d = opendir(a->dir);
	enum status st = ST_OK;

	if (d == NULL)
		return refuse(a, ST_IO, "cannot list the directory: %s", strerror(errno));
	while (st == ST_OK && (entry = readdir(d)) != NULL)
		st = add(a, entry->d_name);
	closedir(d);
	if (st != ST_OK)
		return refuse(a, st, "cannot list the directory: %s", status_text(st));
	if (a->n > 0)
		qsort(a->files, a->n, sizeof *a->files, compare);
	return ST_OK;
}

static void path_of(const struct audit *a, const char *name, char ret[PATH_BYTES])
{
	(void)snprintf(ret, PATH_BYTES, "%s/%s", a->dir, name);
}

/* The whole file, to be freed by the caller. */
static enum status read_file(const struct audit *a, const char *name, uint8_t **ret,
                             size_t *ret_len)
{
	char path[PATH_BYTES];
	uint8_t *bytes = NULL;
	struct stat info;
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	path_of(a, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &info) != 0)
		goto err;
	if (info.st_size > FILE_BYTES_MAX) {
		close(fd);
		return refuse(a, ST_CORRUPT, "%s: too large", name);
	}
	bytes = malloc((size_t)info.st_size + 1);
	if (bytes == NULL)
		goto err;
	while (len < (size_t)info.st_size && n > 0) {
		n = read(fd, bytes + len, (size_t)info.st_size - len);
		if (n < 0)
			goto err;
		len += (size_t)n;
	}
	close(fd);
	*ret = bytes;
	*ret_len = len;
	return ST_OK;
err:
	refuse(a, ST_IO, "cannot read %s: %s", name, strerror(errno));
	free(bytes);
	if (fd >= 0)
		close(fd);
	return ST_IO;
}

static enum status check_open(const struct audit *a, struct file *f, const struct file **damaged)
{
	struct segment_scan scan;
	uint8_t *bytes = NULL;
	enum status st;
	size_t len = 0;

	st = read_file(a, f->name, &bytes, &len);
	if (st != ST_OK)
		return st;
	segment_scan(a->crc, bytes, len, &scan);
	free(bytes);
	if (*damaged != NULL && (scan.batches > 0 || scan.later))
		return refuse(a, ST_CORRUPT,
		              "%s: damaged at byte %zu, and %s holds entries written later",
		              (*damaged)->name, (*damaged)->cut_to, f->name);
	if (scan.later)
		return refuse(a, ST_CORRUPT,
		              "%s: damaged at byte %zu, and entries written later follow at byte "
		              "%zu",
		              f->name, scan.good, scan.later_at);
	if (scan.cut)
		return refuse(a, ST_CORRUPT,
		              "%s: damaged at byte %zu, the end of the file is missing", f->name,
		              scan.good);
	if (!scan.dirty)
		return ST_OK;
	f->cut_to = scan.batches > 0 ? scan.good : 0;
	if (*damaged == NULL)
		*damaged = f;
	return ST_OK;
}

static enum status check_meta(const struct audit *a, const struct file *f)
{
	uint8_t *bytes = NULL;
	enum status st;
	size_t len = 0;

	st = read_file(a, f->name, &bytes, &len);
	if (st != ST_OK)
		return st;
	st = snapshot_meta_check(a->crc, bytes, len);
	free(bytes);
	if (st != ST_OK)
		return refuse(a, st, "%s: damaged, byte 0 to %zu do not match their checksum",
		              f->name, len);
	return ST_OK;
}

/* The place of a snapshot's description among the files, or n. */
static size_t meta_of(const struct audit *a, const struct file *snapshot)
{
	const size_t len = strlen(snapshot->name);
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct file *f = &a->files[i];

		if (f->kind == KIND_META && strncmp(f->name, snapshot->name, len) == 0 &&
		    strcmp(f->name + len, ".meta") == 0)
			break;
	}
	return i;
}

static enum status check_snapshot(const struct audit *a, size_t at)
{
	const struct file *f = &a->files[at];
	const size_t meta = meta_of(a, f);
	char path[PATH_BYTES];
	struct stat info;

	if (meta == a->n) {
		/* An old one is removed description first; the newest one never. */
		if (at + 1 < a->n && a->files[at + 1].kind == KIND_SNAPSHOT)
			return ST_OK;
		return refuse(a, ST_CORRUPT, "%s: its description, %s.meta, is missing", f->name,
		              f->name);
	}
	path_of(a, f->name, path);
	if (stat(path, &info) == 0 && info.st_size == 0)
		return refuse(a, ST_CORRUPT, "%s: damaged at byte 0, the file is empty", f->name);
	return check_meta(a, &a->files[meta]);
}

/* libraft copies what it keeps of a segment to a new one, then removes the old one. Both are
 * there after a crash in between, and it refuses that: take the shorter one back. */
static void find_half_truncation(const struct audit *a)
{
	size_t i;

	for (i = 0; i + 1 < a->n; i++) {
		struct file *f = &a->files[i];

		f->remove = f->kind == KIND_CLOSED && f[1].kind == KIND_CLOSED && f->a == f[1].a;
	}
}

static enum status check(const struct audit *a)
{
	const struct file *damaged = NULL;
	enum status st = ST_OK;
	size_t i;

	find_half_truncation(a);
	for (i = 0; i < a->n && st == ST_OK; i++) {
		if (a->files[i].kind == KIND_OPEN)
			st = check_open(a, &a->files[i], &damaged);
		else if (a->files[i].kind == KIND_SNAPSHOT)
			st = check_snapshot(a, i);
	}
	return st;
}

static bool cut(const char *path, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = ftruncate(fd, (off_t)size) == 0 && fsync(fd) == 0;
	close(fd);
	return ok;
}

/* Everything makes sense: put right what crashes left. */
static enum status repair(const struct audit *a)
{
	char path[PATH_BYTES];
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct file *f = &a->files[i];

		path_of(a, f->name, path);
		if (f->remove && unlink(path) != 0)
			return refuse(a, ST_IO, "cannot remove %s: %s", f->name, strerror(errno));
		if (f->cut_to != SIZE_MAX && !cut(path, f->cut_to))
			return refuse(a, ST_IO, "cannot cut %s: %s", f->name, strerror(errno));
	}
	return ST_OK;
}

enum status audit_log(const struct crc *c, const char *dir, char *why, size_t why_size)
{
	struct audit a = {.crc = c, .dir = dir, .why = why, .why_size = why_size};
	enum status st;

	st = list(&a);
	if (st == ST_OK)
		st = check(&a);
	if (st == ST_OK)
		st = repair(&a);
	free(a.files);
	return st;
}
