#include "io/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_LEN_MAX = 4096, POLL_MS = 10 };

static int open_lock(const char *dir, int flags)
{
	char path[PATH_LEN_MAX];
	const int len = snprintf(path, sizeof path, "%s/lock", dir);

	if (len < 0 || (size_t)len >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC, 0640);
}

static enum status make_dirs(const char *dir)
{
	char path[PATH_LEN_MAX];
	const size_t len = strlen(dir);

	if (len == 0 || len >= sizeof path) {
		errno = ENAMETOOLONG;
		return ST_IO;
	}
	memcpy(path, dir, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0750) != 0 && errno != EEXIST)
			return ST_IO;
		path[i] = dir[i];
	}
	return ST_OK;
}

/* What the holder wrote: its pid and name; "an unknown process" when that cannot be read. */
static void holder_text(int fd, char *ret, size_t cap)
{
	const ssize_t n = pread(fd, ret, cap - 1, 0);

	if (n <= 0) {
		(void)snprintf(ret, cap, "an unknown process");
		return;
	}
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

static enum status write_holder(int fd, const char *text)
{
	char line[320];
	const int len = snprintf(line, sizeof line, "%ld %.255s\n", (long)getpid(), text);

	if (ftruncate(fd, 0) != 0 || pwrite(fd, line, (size_t)len, 0) != len)
		return ST_IO;
	return ST_OK;
}

/* All of the file, for itself alone, of the open file and not of the process. */
static struct flock whole_file(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* The lock that others can ask about, and the one that earlier releases take. */
static bool lock(int fd)
{
	struct flock whole = whole_file();

	return fcntl(fd, F_OFD_SETLK, &whole) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

enum status lockfile_take(const char *dir, const char *text, int *ret_fd, char *why, size_t why_cap)
{
	char holder[320];
	int fd;

	if (make_dirs(dir) != ST_OK) {
		(void)snprintf(
		    why, why_cap,
		    "the data directory %s cannot be made: %s; create it, or name another "
		    "one (ERLMCP_DATA_DIR)",
		    dir, strerror(errno));
		return ST_IO;
	}
	fd = open_lock(dir, O_RDWR | O_CREAT);
	if (fd < 0) {
		(void)snprintf(
		    why, why_cap,
		    "the data directory %s cannot be written: %s; give this user access, "
		    "or name another one (ERLMCP_DATA_DIR)",
		    dir, strerror(errno));
		return ST_IO;
	}
	if (!lock(fd)) {
		holder_text(fd, holder, sizeof holder);
		close(fd);
		(void)snprintf(
		    why, why_cap,
		    "data directory in use: %s is held by process %s; every node needs its "
		    "own (ERLMCP_DATA_DIR)",
		    dir, holder);
		return ST_BUSY;
	}
	if (write_holder(fd, text) != ST_OK) {
		(void)snprintf(why, why_cap, "the data directory %s cannot be written: %s", dir,
		               strerror(errno));
		close(fd);
		return ST_IO;
	}
	*ret_fd = fd;
	return ST_OK;
}

/* ST_OK and the open file when somebody else holds the lock; ST_NOT_FOUND when nobody does.
 * Asking locks nothing: who asks while a node starts must not be what keeps it from starting. */
static enum status probe(const char *dir, int *ret_fd)
{
	const int fd = open_lock(dir, O_RDONLY);
	struct flock whole = whole_file();

	if (fd < 0)
		return ST_NOT_FOUND;
	if (fcntl(fd, F_OFD_GETLK, &whole) != 0 || whole.l_type == F_UNLCK) {
		close(fd);
		return ST_NOT_FOUND;
	}
	*ret_fd = fd;
	return ST_OK;
}

enum status lockfile_holder(const char *dir, pid_t *ret)
{
	char holder[320];
	enum status st;
	int fd;
	long pid;

	st = probe(dir, &fd);
	if (st != ST_OK)
		return st;
	holder_text(fd, holder, sizeof holder);
	close(fd);
	pid = strtol(holder, NULL, 10);
	*ret = pid > 0 ? (pid_t)pid : 0;
	return ST_OK;
}

enum status lockfile_wait(const char *dir, int timeout_ms)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	int fd;

	for (int waited = 0; probe(dir, &fd) == ST_OK; waited += POLL_MS) {
		close(fd);
		if (waited >= timeout_ms)
			return ST_TIMEOUT;
		(void)nanosleep(&pause, NULL);
	}
	return ST_OK;
}
