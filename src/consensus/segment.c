/* Open segments of libraft's log, written before they are used.
 *
 * libraft allocates a segment with posix_fallocate() in a worker thread, two ahead of the one that
 * it writes. A file system with a journal keeps allocated blocks as unwritten ones, and the first
 * write to each is a change of metadata: a synchronous write waits for a commit of the journal
 * besides its own data, and so do all others of that file system. So posix_fallocate() in this
 * program is ours: an open segment is filled with zeros, which is what its blocks read as anyhow.
 *
 * Nothing depends on it but speed. Allocation is the kernel's, with its errors; what goes wrong
 * while filling leaves a segment as libraft would have made it. Only a disk that turns out to be
 * full now is told as full. Spec: libraft's raft/uv.h, "open segments". */
#include "consensus/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	PIECE = 128 * 1024, /* one write: a disk does not keep the log's own writes waiting long */
	ALIGN = 4096,       /* of direct writes */
	NAP_MAX_NS = 2000000, /* so that a slow disk gets its segments, too */
};

static const char open_prefix[] = "open-";

bool segment_is_open(int fd)
{
	char link[64];
	char path[PATH_MAX];
	const char *name;
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	name = strrchr(path, '/');
	return name != NULL && strncmp(name + 1, open_prefix, strlen(open_prefix)) == 0;
}

bool segment_exists(const char *dir, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%.32s", dir, name);
	return access(path, F_OK) == 0;
}

static int64_t now_ns(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* The log's writes share the disk with ours: leave it to them for twice as long. Not while the
 * process starts, in its first thread, when there are none. */
static void nap(int64_t since_ns)
{
	struct timespec pause = {0};
	int64_t ns = 2 * (now_ns() - since_ns);

	if (gettid() == getpid())
		return;
	pause.tv_nsec = (long)(ns < NAP_MAX_NS ? ns : NAP_MAX_NS);
	(void)nanosleep(&pause, NULL);
}

/* The last write is a synchronous one: it commits what the others changed. */
static int fill_with(int fd, void *zeros, off_t at, off_t end)
{
	while (at < end) {
		const int64_t since_ns = now_ns();
		const size_t len = end - at < PIECE ? (size_t)(end - at) : PIECE;
		const struct iovec piece = {zeros, len};

		if (pwritev2(fd, &piece, 1, at, at + PIECE >= end ? RWF_DSYNC : 0) != (ssize_t)len)
			return errno == ENOSPC ? ENOSPC : 0;
		at += PIECE;
		nap(since_ns);
	}
	return 0;
}

static int fill(int fd, off_t at, off_t end)
{
	const int flags = fcntl(fd, F_GETFL);
	void *zeros;
	int rv;

	if (flags < 0 || posix_memalign(&zeros, ALIGN, PIECE) != 0)
		return 0;
	memset(zeros, 0, PIECE);
	/* Past the cache: nobody is going to read this. Where that cannot be, through it. */
	(void)fcntl(fd, F_SETFL, flags | O_DIRECT);
	rv = fill_with(fd, zeros, at, end);
	(void)fcntl(fd, F_SETFL, flags);
	free(zeros);
	return rv;
}

int segment_allocate(int fd, off_t at, off_t len)
{
	if (fallocate(fd, 0, at, len) != 0)
		return errno;
	return segment_is_open(fd) ? fill(fd, at, at + len) : 0;
}

/* The other name that it has where libraft was built for large files. */
int segment_allocate_large(int fd, off_t at, off_t len)
{
	return segment_allocate(fd, at, len);
}
