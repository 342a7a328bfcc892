#include "consensus/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_BYTES = 1400,     /* a directory and a name */
	BLOCK_BYTES = 1 << 20, /* copied at a time */
	DEPTH_MAX = 1,         /* "state" is the only directory in a directory */
};

static enum status status_of_errno(void)
{
	return errno == ENOSPC || errno == EDQUOT ? ST_NO_SPACE : ST_IO;
}

static enum status write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return status_of_errno();
		bytes += n;
		len -= (size_t)n;
	}
	return ST_OK;
}

static enum status copy_bytes(int in, int out)
{
	uint8_t *block = malloc(BLOCK_BYTES);
	enum status st = block == NULL ? ST_NOMEM : ST_OK;
	ssize_t n = 1;

	while (st == ST_OK && n > 0) {
		n = read(in, block, BLOCK_BYTES);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			st = ST_IO;
		else
			st = write_all(out, block, (size_t)n);
	}
	free(block);
	return st;
}

static enum status copy_file(const char *from, const char *to)
{
	enum status st = ST_IO;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out;

	if (in < 0)
		return ST_IO;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out >= 0) {
		st = copy_bytes(in, out);
		if (close(out) != 0 && st == ST_OK)
			st = status_of_errno();
	}
	close(in);
	return st;
}

/* False: the path is longer than any that a data directory can have. */
static bool path_of(const char *dir, const char *name, char ret[PATH_BYTES])
{
	int n = snprintf(ret, PATH_BYTES, "%s/%s", dir, name);

	return n > 0 && n < PATH_BYTES;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* linked: the files in it never change. */
static enum status copy_files(const char *from, const char *to, bool linked, char *why,
                              size_t why_size)
{
	const struct dirent *entry;
	char source[PATH_BYTES];
	char target[PATH_BYTES];
	enum status st = ST_OK;
	struct stat info;
	DIR *d = opendir(from);

	if (d == NULL || mkdir(to, 0700) != 0) {
		(void)snprintf(why, why_size, "%s: %s", d == NULL ? from : to, strerror(errno));
		if (d != NULL)
			closedir(d);
		return status_of_errno();
	}
	while (st == ST_OK && (entry = readdir(d)) != NULL) {
		if (is_dot(entry->d_name))
			continue;
		if (!path_of(from, entry->d_name, source) || !path_of(to, entry->d_name, target))
			continue;
		if (stat(source, &info) == 0 && !S_ISREG(info.st_mode))
			continue;
		if (linked && link(source, target) == 0)
			continue;
		st = copy_file(source, target);
		if (st != ST_OK)
			(void)snprintf(why, why_size, "%s cannot be copied: %s", source,
			               strerror(errno));
	}
	closedir(d);
	return st;
}

enum status copy_make(const char *from, const char *to, char *why, size_t why_size)
{
	char source[PATH_BYTES];
	char target[PATH_BYTES];
	struct stat info;
	enum status st;

	st = copy_files(from, to, false, why, why_size);
	if (st == ST_OK && path_of(from, "state", source) && path_of(to, "state", target) &&
	    stat(source, &info) == 0)
		st = copy_files(source, target, true, why, why_size);
	return st;
}

/* Depth is bounded by DEPTH_MAX. */
static bool remove_files(const char *dir, int depth)
{
	const struct dirent *entry;
	char path[PATH_BYTES];
	DIR *d = opendir(dir);
	bool ok = true;

	if (d == NULL)
		return errno == ENOENT;
	while ((entry = readdir(d)) != NULL) {
		if (is_dot(entry->d_name))
			continue;
		if (!path_of(dir, entry->d_name, path))
			ok = false;
		else if (unlink(path) != 0 &&
		         (depth == DEPTH_MAX || !remove_files(path, depth + 1)))
			ok = false;
	}
	closedir(d);
	return rmdir(dir) == 0 && ok;
}

enum status copy_remove(const char *dir)
{
	return remove_files(dir, 0) ? ST_OK : ST_IO;
}
