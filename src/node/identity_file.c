#include "node/identity_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IDENTITY_PATH_MAX = 1100, IDENTITY_READ_MAX = 16384 };

static enum status status_of_errno(int error)
{
	return error == ENOSPC || error == EDQUOT ? ST_NO_SPACE : ST_IO;
}

enum status identity_load(const char *dir, struct identity *ret, struct fault *fault)
{
	char path[IDENTITY_PATH_MAX];
	uint8_t bytes[IDENTITY_READ_MAX];
	ssize_t n;
	int fd;

	*fault = (struct fault){ST_IO, 0, "the identity file cannot be read"};
	(void)snprintf(path, sizeof path, "%s/identity", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ST_NOT_FOUND : ST_IO;
	n = read(fd, bytes, sizeof bytes);
	(void)close(fd);
	if (n < 0)
		return ST_IO;
	return identity_decode(bytes, (size_t)n, ret, fault);
}

static enum status write_whole(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return status_of_errno(errno);
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? ST_OK : status_of_errno(errno);
}

static enum status write_file(const char *path, const struct buf *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	st = write_whole(fd, b->base, b->len);
	if (close(fd) != 0 && st == ST_OK)
		st = status_of_errno(errno);
	return st;
}

static enum status sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st;

	if (fd < 0)
		return ST_IO;
	st = fsync(fd) == 0 ? ST_OK : ST_IO;
	(void)close(fd);
	return st;
}

enum status identity_store(const char *dir, const struct identity *id)
{
	char path[IDENTITY_PATH_MAX];
	char fresh[IDENTITY_PATH_MAX];
	struct buf b;
	enum status st;

	(void)snprintf(path, sizeof path, "%s/identity", dir);
	(void)snprintf(fresh, sizeof fresh, "%s/identity.new", dir);
	buf_init(&b, IDENTITY_READ_MAX);
	identity_encode(id, &b);
	st = buf_status(&b);
	if (st == ST_OK)
		st = write_file(fresh, &b);
	buf_close(&b);
	if (st != ST_OK)
		return st;
	if (rename(fresh, path) != 0)
		return status_of_errno(errno);
	return sync_directory(dir);
}
