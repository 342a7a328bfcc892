#include "disk_image.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <raft.h>
#include <uv.h>

#include "consensus/storage.h"

enum { ROOM = 8192 };

static void path_of(const char *dir, const char *name, char ret[512])
{
	snprintf(ret, 512, "%.300s/%.100s", dir, name);
}

static void take_file(struct image_file *f, const char *dir)
{
	struct stat info;
	char path[512];
	uint8_t *bytes;
	int fd;

	path_of(dir, f->name, path);
	fd = open(path, O_RDONLY);
	assert(fd >= 0);
	fstat(fd, &info);
	f->size = (size_t)info.st_size;
	bytes = calloc(1, f->size + ROOM);
	assert(bytes != NULL);
	assert(read(fd, bytes, f->size) == (ssize_t)f->size);
	close(fd);
	for (f->used = f->size; f->used > 0 && bytes[f->used - 1] == 0; f->used--)
		;
	f->bytes = realloc(bytes, f->used + ROOM);
	assert(f->bytes != NULL);
}

void image_take(struct image *image, const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	assert(d != NULL);
	image->n = 0;
	while ((entry = readdir(d)) != NULL) {
		struct image_file *f = &image->files[image->n];

		/* The chunks of the state have a directory of their own. */
		if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
			continue;
		assert(image->n < IMAGE_FILES_MAX);
		snprintf(f->name, sizeof f->name, "%.79s", entry->d_name);
		take_file(f, dir);
		image->n++;
	}
	closedir(d);
}

void image_free(struct image *image)
{
	while (image->n > 0)
		free(image->files[--image->n].bytes);
}

static void empty(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	assert(d != NULL);
	while ((entry = readdir(d)) != NULL)
		unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

void image_put(const struct image *image, const char *dir)
{
	char path[512];
	size_t i;

	empty(dir);
	for (i = 0; i < image->n; i++) {
		const struct image_file *f = &image->files[i];
		const size_t n = f->used < f->size ? f->used : f->size;
		int fd;

		path_of(dir, f->name, path);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		assert(fd >= 0);
		assert(write(fd, f->bytes, n) == (ssize_t)n);
		assert(ftruncate(fd, (off_t)f->size) == 0);
		close(fd);
	}
}

struct image_file *image_find(struct image *image, const char *prefix, const char *suffix)
{
	struct image_file *found = NULL;
	size_t i;

	for (i = 0; i < image->n; i++) {
		struct image_file *f = &image->files[i];
		const size_t len = strlen(f->name);

		if (strncmp(f->name, prefix, strlen(prefix)) == 0 && len >= strlen(suffix) &&
		    strcmp(f->name + len - strlen(suffix), suffix) == 0 &&
		    (found == NULL || strcmp(f->name, found->name) > 0))
			found = f;
	}
	assert(found != NULL);
	return found;
}

static uint32_t mix(uint32_t digest, const void *base, size_t len)
{
	const uint8_t *bytes = base;
	size_t i;

	for (i = 0; i < len; i++)
		digest = (digest ^ bytes[i]) * 16777619;
	return digest;
}

static void take_entries(struct loaded_log *ret, struct raft_entry *entries, size_t digest_n)
{
	void *batch = NULL;
	size_t i;

	ret->digest = 2166136261u;
	for (i = 0; i < ret->n; i++) {
		if (i < digest_n) {
			ret->digest = mix(ret->digest, &entries[i].term, sizeof entries[i].term);
			ret->digest = mix(ret->digest, entries[i].buf.base, entries[i].buf.len);
		}
	}
	for (i = 0; i < ret->n; i++) {
		if (entries[i].batch != batch) {
			batch = entries[i].batch;
			raft_free(batch);
		}
	}
	raft_free(entries);
}

static void drop_snapshot(struct raft_snapshot *snapshot)
{
	unsigned i;

	if (snapshot == NULL)
		return;
	raft_configuration_close(&snapshot->configuration);
	for (i = 0; i < snapshot->n_bufs; i++)
		raft_free(snapshot->bufs[i].base);
	raft_free(snapshot->bufs);
	raft_free(snapshot);
}

static void closed(struct raft_io *io)
{
	(void)io;
}

/* With term 0: load. Otherwise store term and vote. */
static void with_storage(const char *dir, size_t digest_n, struct loaded_log *ret)
{
	struct raft_snapshot *snapshot = NULL;
	struct raft_entry *entries = NULL;
	struct storage *storage;
	raft_index start;
	struct raft_io *io;
	const char *why;
	uv_loop_t loop;
	raft_term term;
	raft_id vote;

	uv_loop_init(&loop);
	assert(storage_open(&loop, dir, &storage, &why) == ST_OK);
	io = storage_io(storage);
	ret->rv = io->init(io, 10, "n0@disk#a");
	if (ret->rv == 0 && ret->term != 0) {
		ret->rv = io->set_term(io, ret->term);
		if (ret->rv == 0 && ret->vote != 0)
			ret->rv = io->set_vote(io, ret->vote);
	} else if (ret->rv == 0) {
		ret->rv = io->load(io, &term, &vote, &snapshot, &start, &entries, &ret->n);
		ret->term = term;
		ret->vote = vote;
		if (ret->rv == 0) {
			take_entries(ret, entries, digest_n);
			drop_snapshot(snapshot);
		}
	}
	snprintf(ret->why, sizeof ret->why, "%s", io->errmsg);
	io->close(io, closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	storage_close(storage);
	uv_loop_close(&loop);
}

void log_load(const char *dir, size_t digest_n, struct loaded_log *ret)
{
	memset(ret, 0, sizeof *ret);
	with_storage(dir, digest_n, ret);
}

void log_vote(const char *dir, uint64_t term, uint64_t vote)
{
	struct loaded_log log = {.term = term, .vote = vote};

	with_storage(dir, 0, &log);
	assert(log.rv == 0);
}
