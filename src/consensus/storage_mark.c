#include "consensus/storage_mark.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <raft/uv.h>

#include "base/queue.h"
#include "consensus/mark_format.h"

/* As that of every file in the directory that is not whole yet. */
#define TEMP_SUFFIX ".tmp"

struct writing {
	uv_work_t work;
	void (*done_cb)(void *arg);
	void *arg;
	uint8_t bytes[MARK_BYTES];
	size_t len;  /* of each of two paths behind one another, with their ends: the file's ... */
	char path[]; /* ... and that of the name under which it is written first */
};

/* It is a hint: where it cannot be written, the next start takes longer. Copies of a log's
 * directory share its files, so none is changed in its place. */
static void write_work(uv_work_t *work)
{
	const struct writing *w = CONTAINER_OF(work, struct writing, work);
	const char *temp = w->path + w->len;
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool written;

	if (fd < 0)
		return;
	written = write(fd, w->bytes, MARK_BYTES) == MARK_BYTES && fdatasync(fd) == 0;
	close(fd);
	if (!written || rename(temp, w->path) != 0)
		(void)unlink(temp);
}

static void write_after(uv_work_t *work, int status)
{
	struct writing *w = CONTAINER_OF(work, struct writing, work);

	(void)status;
	w->done_cb(w->arg);
	free(w);
}

enum status storage_mark_write(struct uv_loop_s *loop, const char *path,
                               const struct commit_mark *mark, void (*done_cb)(void *arg),
                               void *arg)
{
	const size_t len = strlen(path) + sizeof TEMP_SUFFIX;
	struct writing *w = malloc(sizeof *w + 2 * len);
	struct crc crc;

	if (w == NULL)
		return ST_NOMEM;
	crc_init(&crc);
	mark_encode(&crc, mark, w->bytes);
	w->len = len;
	(void)snprintf(w->path, len, "%s", path);
	(void)snprintf(w->path + len, len, "%s%s", path, TEMP_SUFFIX);
	w->done_cb = done_cb;
	w->arg = arg;
	if (uv_queue_work(loop, &w->work, write_work, write_after) == 0)
		return ST_OK;
	free(w);
	return ST_NOMEM;
}

enum status storage_mark_read(const char *path, struct commit_mark *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[MARK_BYTES];
	struct crc crc;
	ssize_t n;

	if (fd < 0)
		return ST_NOT_FOUND;
	n = read(fd, bytes, sizeof bytes);
	close(fd);
	crc_init(&crc);
	return n < 0 ? ST_NOT_FOUND : mark_decode(&crc, bytes, (size_t)n, ret);
}
